//! REST for people who own their names: register, sign in, stay signed in, change the password, sign out everywhere.
//!
//! What a browser stays signed in by is a token in a cookie that scripts cannot read. The store knows only its hash, and all
//! of an account's end with a new password or when it signs out everywhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use chat_server::features::archive::store::{Answer, Proof, Question, Refused};
use chat_server::model::names::Name;
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::net::connections::Permit;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::{Shared, SignedOn, permit, session_of, sign_on};
use super::extract::{JsonBody, QueryParams, no_store};
use crate::error::{AppError, Problem};
use crate::http::cookies::{ACCOUNT, Cookies, SESSION};
use crate::http::peer::Peer;
use crate::models::objects::Author;
use crate::session::Session;
use crate::state::AppState;
use crate::task::Entry;

/// For how long a browser stays signed in.
const ACCOUNT_SECONDS: u64 = 90 * 24 * 60 * 60;

/// A name and its password.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Credentials {
    /// The name.
    #[schema(example = "ana", min_length = 1, max_length = 32, pattern = "^[A-Za-z_][A-Za-z0-9_-]*$")]
    name: String,
    /// Its password: as many letters as the setting `password_letters` says (8), or more.
    #[schema(example = "a short sentence", min_length = 1, max_length = 1024)]
    password: String,
    /// The code of an invitation, where one is needed.
    #[schema(example = "k7qf-9d2m-x4tr", max_length = 64)]
    code: Option<String>,
}

/// A user who has signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedIn {
    /// The person's public id.
    id: Uuid,
    /// The name.
    #[schema(example = "ana")]
    name: String,
    /// What they may do: `member`, `op` or `admin`.
    #[schema(example = "member")]
    role: &'static str,
    /// For programs: send it as `Authorization: Bearer …`. Browsers have it as a cookie.
    token: String,
}

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewPassword {
    /// The one until now.
    #[schema(min_length = 1, max_length = 1024)]
    old: String,
    /// The one from now on: as many letters as the setting `password_letters` says (8), or more.
    #[schema(min_length = 1, max_length = 1024)]
    new: String,
}

/// A new password, with the code of a reset link.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Reset {
    /// The code: what stands behind `#reset=` in the link.
    #[schema(example = "k7qf-9d2m-x4tr-ab3k-z8pw", min_length = 1, max_length = 64)]
    code: String,
    /// The password from now on: as many letters as the setting `password_letters` says (8), or more.
    #[schema(example = "a short sentence", min_length = 1, max_length = 1024)]
    password: String,
}

/// From where to sign out.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Where {
    /// `true`: every browser and every connection of the account.
    everywhere: Option<bool>,
}

/// Make a name your own, and come in under it
///
/// On a private server it takes the `code` of an invitation.
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = Credentials, responses(
    (status = 201, description = "It is yours, and you are in", body = SignedIn, headers(("Set-Cookie" = String))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 403, description = "It takes an invitation, or others could read the password", body = Problem),
    (status = 409, description = "The name is registered, or taken", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "That cannot be a name, or a password", body = Problem),
    (status = 429, description = "Too many guesses", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The server is full, stopping, or has too much to do", body = Problem)))]
pub(crate) async fn register(
    State(state): Shared,
    peer: Peer,
    cookies: Cookies,
    JsonBody(wanted): JsonBody<Credentials>,
) -> Result<Response, AppError> {
    let name = Name::parse(&wanted.name)?;
    let permit = permit(&state, peer)?;
    let invite = wanted.code.as_deref().filter(|code| !code.trim().is_empty()).map(Text::new).transpose()?;
    let (secret, from) = (Secret::new(wanted.password), Some(peer.address.ip()));
    let question = Question::Register { name, secret, invite, needs_invite: false, token: true, from };
    let (role, token) = proven(&state, question, peer.is_private()).await?;
    start_session(&state, (peer, cookies, permit), role, &token, StatusCode::CREATED).await
}

/// Come in under a name of yours
///
/// Without a body, by the cookie of an earlier time.
#[utoipa::path(post, path = "/session", tag = "accounts", request_body = Option<Credentials>, responses(
    (status = 200, description = "You are in", body = SignedIn, headers(("Set-Cookie" = String))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "The name and the password do not belong together; or the cookie is worth nothing any more", body = Problem),
    (status = 403, description = "Others could read the password", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "That cannot be a name", body = Problem),
    (status = 429, description = "Too many wrong passwords", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The server is full, stopping, or has too much to do", body = Problem)))]
pub(crate) async fn sign_in(
    State(state): Shared,
    peer: Peer,
    cookies: Cookies,
    headers: HeaderMap,
    body: Result<JsonBody<Credentials>, AppError>,
) -> Result<Response, AppError> {
    let permit = permit(&state, peer)?;
    let is_empty = !headers.contains_key(header::CONTENT_TYPE);
    let (proof, token) = match (body, cookies.read(&headers, ACCOUNT)) {
        (Ok(JsonBody(wanted)), _) => (Proof::Password(Name::parse(&wanted.name)?, Secret::new(wanted.password)), true),
        (Err(_), Some(token)) if is_empty => (Proof::Token(Secret::new(token)), false),
        (Err(_), None) if is_empty => return Err(AppError::Chat(Refused::SignedOut.into())),
        (Err(error), _) => return Err(error),
    };
    let known = match &proof {
        Proof::Token(token) => Some(token.clone()),
        Proof::Password(..) | Proof::Program(_) => None,
    };
    let from = Some(peer.address.ip());
    let answer = state.ask(Question::SignIn { proof, token, from, guarded: None }, peer.is_private()).await;
    let (account, token) = match answer.ok_or(AppError::Stopping)? {
        Answer::Account { account, token, .. } => (account, token.or(known).ok_or(AppError::Internal)?),
        Answer::Refused(refused) => return Err(AppError::Chat(refused.into())),
        _ => return Err(AppError::Internal),
    };
    // Who has come in by the line of a command already stays in that session, and gets the cookies.
    match session_of(&state, &headers, peer) {
        Some(session) if session.is_signed_in() && session.name().as_ref() == Some(&account.name) => {
            Ok(signed_in(&session, cookies, account.role, &token, StatusCode::OK))
        }
        _ => start_session(&state, (peer, cookies, permit), account.role, &token, StatusCode::OK).await,
    }
}

/// Sign out, here or everywhere
#[utoipa::path(delete, path = "/session", tag = "accounts", params(Where), security(("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "You are out"),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "No user is signed on, or the name is not an account's", body = Problem),
    (status = 403, description = "The page of another site asks", body = Problem)))]
pub(crate) async fn sign_out(
    State(state): Shared,
    SignedOn(session): SignedOn,
    cookies: Cookies,
    headers: HeaderMap,
    QueryParams(from): QueryParams<Where>,
) -> Result<Response, AppError> {
    let name = session.name().filter(|_| session.is_signed_in()).ok_or(AppError::Chat(Refusal::NOT_SIGNED_IN))?;
    let token = match (from.everywhere, cookies.read(&headers, ACCOUNT)) {
        (Some(true), _) => Some(None),
        (_, Some(token)) => Some(Some(Secret::new(token))),
        _ => None,
    };
    if let Some(token) = token {
        // Where the store does not answer the cookie goes all the same.
        let _forgotten = state.ask(Question::SignOut { name, token }, true).await;
    }
    state.sessions.remove(&session.token());
    session.sign_out().await;
    let gone = [SESSION, ACCOUNT].into_iter().flat_map(|what| cookies.gone(what));
    let gone = gone.map(|cookie| (header::SET_COOKIE, cookie));
    Ok((StatusCode::NO_CONTENT, AppendHeaders(gone)).into_response())
}

/// Change your password
///
/// Every other browser and connection of the account is signed out.
#[utoipa::path(put, path = "/account/password", tag = "accounts", request_body = NewPassword,
    security(("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "It is changed", headers(("Set-Cookie" = String))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No user is signed in, or the old password is wrong", body = Problem),
    (status = 403, description = "Others could read the password", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "That cannot be a password", body = Problem),
    (status = 429, description = "Too many wrong passwords", body = Problem),
    (status = 503, description = "The store has too much to do", body = Problem)))]
pub(crate) async fn change_password(
    State(state): Shared,
    peer: Peer,
    SignedOn(session): SignedOn,
    cookies: Cookies,
    JsonBody(wanted): JsonBody<NewPassword>,
) -> Result<Response, AppError> {
    let name = session.name().filter(|_| session.is_signed_in()).ok_or(AppError::Chat(Refusal::NOT_SIGNED_IN))?;
    let (old, new, from) = (Secret::new(wanted.old), Secret::new(wanted.new), Some(peer.address.ip()));
    let (_, token) = proven(
        &state,
        Question::ChangePassword { name, old, new, token: true, from, guarded: None },
        peer.is_private(),
    )
    .await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, account_cookie(cookies, &token))]).into_response())
}

/// Set a new password by a reset link
///
/// With the code of it, once. Every browser and connection of the account is signed out, and this one is in.
#[utoipa::path(post, path = "/account/reset", operation_id = "reset_password", tag = "accounts", request_body = Reset, responses(
    (status = 200, description = "It is changed, and you are in", body = SignedIn, headers(("Set-Cookie" = String))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "The code is mistyped, used, too old or ended; the detail says which", body = Problem),
    (status = 403, description = "Others could read the password", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "That cannot be a password", body = Problem),
    (status = 429, description = "Too many guesses", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The server is full, stopping, or has too much to do", body = Problem)))]
pub(crate) async fn reset(
    State(state): Shared,
    peer: Peer,
    cookies: Cookies,
    JsonBody(wanted): JsonBody<Reset>,
) -> Result<Response, AppError> {
    let permit = permit(&state, peer)?;
    let (code, secret, from) = (Secret::new(wanted.code), Secret::new(wanted.password), Some(peer.address.ip()));
    let (role, token) = proven(&state, Question::Reset { code, secret, token: true, from }, peer.is_private()).await?;
    start_session(&state, (peer, cookies, permit), role, &token, StatusCode::OK).await
}

/// Asks the store whether a user is who it says, and for a token.
async fn proven(state: &AppState, question: Question, is_private: bool) -> Result<(Role, Secret), AppError> {
    match state.ask(question, is_private).await.ok_or(AppError::Stopping)? {
        Answer::Account { account, token: Some(token), .. } => Ok((account.role, token)),
        Answer::Refused(refused) => Err(AppError::Chat(refused.into())),
        _ => Err(AppError::Internal),
    }
}

/// A session for the user who has this token.
async fn start_session(
    state: &Arc<AppState>,
    (peer, cookies, permit): (Peer, Cookies, Permit),
    role: Role,
    account: &Secret,
    status: StatusCode,
) -> Result<Response, AppError> {
    let entry = Entry::Member(Proof::Token(account.clone()));
    let session = sign_on(state, entry, peer, permit).await?;
    Ok(signed_in(&session, cookies, role, account, status))
}

/// Answers with the user's new session, and gives the browser both cookies.
fn signed_in(session: &Session, cookies: Cookies, role: Role, account: &Secret, status: StatusCode) -> Response {
    let (Author { id, name, .. }, token) = (session.author(), session.token());
    let cookies = [cookies.set(SESSION, &token, None), account_cookie(cookies, account)];
    let cookies = cookies.map(|cookie| (header::SET_COOKIE, cookie));
    let told = SignedIn { id, name, role: role.word(), token };
    (status, no_store(), AppendHeaders(cookies), Json(told)).into_response()
}

fn account_cookie(cookies: Cookies, token: &Secret) -> String {
    cookies.set(ACCOUNT, token.reveal(), Some(ACCOUNT_SECONDS))
}
