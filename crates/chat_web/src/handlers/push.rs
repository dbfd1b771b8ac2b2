//! The browsers of an account that are told by push (docs/push.md).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chat_server::features::archive::store::Answer;
use chat_server::features::calls::{Call, PushCall};
use chat_server::features::programs::address::Address;
use chat_server::features::push::{Subscription, Wish};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Shared, SignedOn};
use super::extract::{JsonBody, PathParam, no_store};
use crate::error::{AppError, Problem};
use crate::models::names::timestamp;

/// Who is told by push.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pushes {
    /// The `applicationServerKey` that a browser subscribes for, in base64url.
    key: String,
    /// The browsers of the account, the oldest first.
    subscriptions: Vec<PushSubscription>,
}

/// A browser that is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushSubscription {
    /// Its number.
    number: u64,
    /// Its push service.
    #[schema(example = "https://updates.push.services.mozilla.com")]
    service: String,
    /// Whether names and words are sent.
    words: bool,
    /// Whether each message is told of the rooms whose `notify` is `all`.
    rooms: bool,
    /// The language: `en` or `id`.
    #[schema(example = "en")]
    lang: &'static str,
    /// When it was made or renewed last, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-11-30T18:00:00.000Z")]
    since: String,
}

impl From<&Subscription> for PushSubscription {
    fn from(subscription: &Subscription) -> PushSubscription {
        let Wish { words, rooms, indonesian } = subscription.wish;
        PushSubscription {
            number: subscription.number,
            // What stands behind it lets others send there.
            service: subscription.endpoint.origin().into(),
            words,
            rooms,
            lang: if indonesian { "id" } else { "en" },
            since: timestamp(subscription.since),
        }
    }
}

/// A browser that wants to be told: what `PushSubscription.toJSON()` says, and what the user wants.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewPushSubscription {
    /// Where its push service takes what is for it.
    #[schema(example = "https://updates.push.services.mozilla.com/wpush/v2/abc")]
    endpoint: String,
    /// The browser's keys.
    keys: PushKeys,
    /// Send names and words too; else only that there is something new.
    #[serde(default)]
    words: bool,
    /// Tell of each message of the rooms whose `notify` is `all`, too.
    #[serde(default)]
    rooms: bool,
    /// The language: `en` or `id`.
    #[serde(default)]
    lang: PushLanguage,
}

/// The keys of a browser, in base64url.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PushKeys {
    /// Its public key, 65 bytes.
    p256dh: String,
    /// Its secret, 16 bytes.
    auth: String,
}

/// The language of what is told.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PushLanguage {
    /// English.
    #[default]
    En,
    /// Indonesian.
    Id,
}

/// Who of your account is told by push
///
/// And the key that a browser subscribes for. A guest has no account, and is not told.
#[utoipa::path(get, path = "/me/push", operation_id = "list_push", tag = "push", security(("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "The key, and the browsers", body = Pushes),
    (status = 401, description = "No user is signed on, or it is a guest", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server sends no pushes", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn list(State(state): Shared, SignedOn(session): SignedOn) -> Result<Response, AppError> {
    let client = session.client;
    let own = state.told(|reply| Call::Push(PushCall::Own { client, reply })).await.ok_or(AppError::Stopping)?;
    let (key, subscriptions) = own?;
    let subscriptions = subscriptions.iter().map(PushSubscription::from).collect();
    Ok((no_store(), Json(Pushes { key, subscriptions })).into_response())
}

/// Be told on this browser
///
/// Again for the same endpoint: what it says from now on holds, and of another account the browser is told no more. Of more than ten
/// browsers of an account the one that was renewed longest ago ends.
#[utoipa::path(put, path = "/me/push", operation_id = "put_push", tag = "push", request_body = NewPushSubscription,
    security(("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "It is told from now on", body = PushSubscription),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No user is signed on, or it is a guest", body = Problem),
    (status = 409, description = "The server has no place for one more", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The fields are wrong, or the endpoint lies inside", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server sends no pushes", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn put(
    State(state): Shared,
    SignedOn(session): SignedOn,
    JsonBody(new): JsonBody<NewPushSubscription>,
) -> Result<Response, AppError> {
    let NewPushSubscription { endpoint, keys, words, rooms, lang } = new;
    let wish = Wish { words, rooms, indonesian: lang == PushLanguage::Id };
    let subscription = Subscription::new(Address::parse(&endpoint)?, &keys.p256dh, &keys.auth, wish)?;
    session.take_pace().map_err(AppError::TooMany)?;
    let (client, subscription) = (session.client, Box::new(subscription));
    let call = |reply| Call::Push(PushCall::Subscribe { client, subscription, reply }).into();
    match state.answer(call).await.ok_or(AppError::Stopping)? {
        Answer::Push { subscriptions, .. } => {
            let kept = subscriptions.first().ok_or(AppError::Internal)?;
            Ok((no_store(), Json(PushSubscription::from(kept))).into_response())
        }
        Answer::Refused(refused) => Err(AppError::Chat(refused.into())),
        _ => Err(AppError::Internal),
    }
}

/// A browser of your account is told no more
#[utoipa::path(delete, path = "/me/push/{number}", operation_id = "end_push", tag = "push",
    params(("number" = u64, Path, description = "Which")), security(("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "It is told no more"),
    (status = 401, description = "No user is signed on, or it is a guest", body = Problem),
    (status = 404, description = "Your account has none of this number", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server sends no pushes", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn end(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(number): PathParam<u64>,
) -> Result<StatusCode, AppError> {
    session.take_pace().map_err(AppError::TooMany)?;
    let client = session.client;
    let call = |reply| Call::Push(PushCall::End { client, number, reply }).into();
    match state.answer(call).await.ok_or(AppError::Stopping)? {
        Answer::Push { .. } => Ok(StatusCode::NO_CONTENT),
        Answer::Refused(refused) => Err(AppError::Chat(refused.into())),
        _ => Err(AppError::Internal),
    }
}
