//! Users: come in, look who is on, leave.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use chat_server::features::calls::Access;
use chat_server::model::names::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Shared, SignedOn, Viewer, permit, sign_on};
use super::extract::{JsonBody, PathParam, no_store};
use crate::error::{AppError, Problem};
use crate::http::cookies::{self, Cookies};
use crate::http::peer::Peer;
use crate::models::names::bare;
use crate::models::objects::{Author, User};
use crate::task::Entry;

/// A name to come in with.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewUser {
    /// A letter or `_`, then letters, digits, `_` and `-`; at most 32.
    #[schema(example = "ana", min_length = 1, max_length = 32, pattern = "^[A-Za-z_][A-Za-z0-9_-]*$")]
    name: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedUser {
    /// The person's public id.
    id: Uuid,
    /// The name.
    #[schema(example = "ana")]
    name: String,
    /// For programs: send it as `Authorization: Bearer …`. Browsers have it as a cookie.
    token: String,
}

/// Who is on, by whatever door
#[utoipa::path(get, path = "/users", tag = "users", responses(
    (status = 200, description = "All users, by name", body = Vec<User>),
    (status = 403, description = "You are kept out", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn list_users(State(state): Shared, viewer: Viewer) -> Result<Json<Vec<User>>, AppError> {
    let hidden = state.may_read(viewer.caller(), Access::Everything).await?;
    Ok(Json(state.people(&hidden)))
}

/// Come in under a name
///
/// Makes a session. Send its `token` as `Authorization: Bearer`; a browser has it as a cookie. A session without a WebSocket ends after
/// five minutes without a call.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser, responses(
    (status = 201, description = "You are in", body = CreatedUser, headers(("Location" = String), ("Set-Cookie" = String))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 403, description = "The page of another site asks", body = Problem),
    (status = 409, description = "The name is taken; `try` proposes another", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "That cannot be a name", body = Problem),
    (status = 503, description = "The server is full, or stopping", body = Problem)))]
pub(crate) async fn create_user(
    State(state): Shared,
    peer: Peer,
    cookies: Cookies,
    JsonBody(user): JsonBody<NewUser>,
) -> Result<Response, AppError> {
    let name = Name::parse(&user.name)?;
    let permit = permit(&state, peer)?;
    let session = sign_on(&state, Entry::Guest(name), peer, permit).await?;
    let Author { id, name, .. } = session.author();
    let token = session.token();
    let cookie = cookies.set(cookies::SESSION, &token, None);
    let headers = [(header::LOCATION, format!("/api/users/{id}")), (header::SET_COOKIE, cookie)];
    let created = CreatedUser { id, name, token };
    Ok((StatusCode::CREATED, no_store(), headers, Json(created)).into_response())
}

/// One person who is on
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = Uuid, Path, description = "The id")), responses(
    (status = 200, description = "The person", body = User),
    (status = 403, description = "You are kept out", body = Problem),
    (status = 404, description = "No user who is on has this id", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn get_user(
    State(state): Shared,
    viewer: Viewer,
    PathParam(id): PathParam<Uuid>,
) -> Result<Json<User>, AppError> {
    let hidden = state.may_read(viewer.caller(), Access::Everything).await?;
    let found = state.people(&hidden).into_iter().find(|user| user.id == id);
    found.map(Json).ok_or(AppError::UserNotFound)
}

/// Oneself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// Who one is.
    user: Author,
    /// The rooms one is in.
    rooms: Vec<String>,
    /// Whether the name is an account's that one has signed in to.
    signed_in: bool,
}

/// Who you are, and in which rooms
#[utoipa::path(get, path = "/me", tag = "users", security(("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "You", body = Me),
    (status = 401, description = "No user is signed on", body = Problem)))]
pub(crate) async fn me(SignedOn(session): SignedOn) -> Response {
    let me = Me {
        user: session.author(),
        rooms: session.rooms().iter().map(bare).collect(),
        signed_in: session.is_signed_in(),
    };
    (no_store(), Json(me)).into_response()
}

/// Leave
///
/// The session ends, and the rooms are told.
#[utoipa::path(delete, path = "/me", tag = "users", security(("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "You are out"),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "The page of another site asks", body = Problem)))]
pub(crate) async fn leave(State(state): Shared, SignedOn(session): SignedOn, cookies: Cookies) -> Response {
    state.sessions.remove(&session.token());
    session.sign_out().await;
    let gone = cookies.gone(cookies::SESSION).into_iter().map(|cookie| (header::SET_COOKIE, cookie));
    (StatusCode::NO_CONTENT, AppendHeaders(gone)).into_response()
}

/// Keep the session you are in as this browser's
///
/// A session has another token after `/login`, `/register`, `/passwd`, `/oper` and `/logout`. It comes by the WebSocket that the
/// command came by, in a frame `Token`; sent here as `Authorization: Bearer`, it becomes the cookie of the browser.
#[utoipa::path(put, path = "/me/cookie", tag = "users", security(("session" = [])), responses(
    (status = 204, description = "The browser has it", headers(("Set-Cookie" = String))),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "The page of another site asks", body = Problem)))]
pub(crate) async fn keep_cookie(SignedOn(session): SignedOn, cookies: Cookies) -> Response {
    let cookie = cookies.set(cookies::SESSION, &session.token(), None);
    (StatusCode::NO_CONTENT, no_store(), [(header::SET_COOKIE, cookie)]).into_response()
}
