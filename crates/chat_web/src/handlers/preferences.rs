//! What the user's account prefers, and the drafts of what is not sent yet.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chat_server::features::calls::Call;
use chat_server::features::preferences::Preferred;
use chat_server::features::preferences::state::Key;
use chat_server::model::body::Body;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Shared, SignedOn};
use super::extract::{JsonBody, PathParam, no_store};
use crate::error::{AppError, Problem};
use crate::models::names::meant;
use crate::session::Session;
use crate::state::AppState;

/// A preference.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preference {
    /// `lang`, `mentions`, a key of a program's own such as `page.theme`, or `draft.` and a room.
    #[schema(example = "mentions")]
    key: String,
    /// Its value; `null`: it is not set.
    #[schema(example = "bare")]
    value: Option<String>,
}

impl From<Preferred> for Preference {
    fn from(preferred: Preferred) -> Preference {
        let value = preferred.value.map(|value| value.as_str().to_string());
        Preference { key: preferred.key.to_string(), value }
    }
}

/// Another value.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PreferenceValue {
    /// The value from now on, of at most 16 KiB. An empty one takes the preference back.
    #[schema(example = "bare")]
    value: String,
}

/// What your account prefers, and your drafts
///
/// All of it, by key: what one may take along. A guest has no account, and prefers nothing.
#[utoipa::path(get, path = "/me/preferences", operation_id = "list_preferences", tag = "users",
    security(("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "Each key with its value", body = BTreeMap<String, String>),
    (status = 401, description = "No user is signed on, or it is a guest or a bot", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn list(State(state): Shared, SignedOn(session): SignedOn) -> Result<Response, AppError> {
    let all = all(&state, &session).await?.into_iter().map(Preference::from);
    let all: BTreeMap<String, Option<String>> = all.map(|Preference { key, value }| (key, value)).collect();
    Ok((no_store(), Json(all)).into_response())
}

/// One preference of your account
#[utoipa::path(get, path = "/me/preferences/{key}", operation_id = "get_preference", tag = "users",
    security(("session" = []), ("cookie" = [])),
    params(("key" = String, Path, description = "Which")), responses(
    (status = 200, description = "Its value", body = Preference),
    (status = 401, description = "No user is signed on, or it is a guest or a bot", body = Problem),
    (status = 404, description = "It is a draft for what can be no room", body = Problem),
    (status = 422, description = "That can be no key", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn get(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(key): PathParam<String>,
) -> Result<Response, AppError> {
    let key = own_key(&session, &key)?;
    let found = all(&state, &session).await?.into_iter().find(|preferred| preferred.key == key);
    let preference = Preference::from(found.unwrap_or(Preferred { key, value: None }));
    Ok((no_store(), Json(preference)).into_response())
}

/// Set a preference of your account
///
/// `lang` is `en` or `id`, `mentions` is `bare`; what other keys mean is up to your programs. `draft.` and a room is a draft. At most 64
/// preferences and 64 drafts, of 16 KiB each in all. Your other devices are told, at whatever door they are.
#[utoipa::path(put, path = "/me/preferences/{key}", operation_id = "set_preference", tag = "users",
    security(("session" = []), ("cookie" = [])), request_body = PreferenceValue,
    params(("key" = String, Path, description = "Which")), responses(
    (status = 200, description = "What it is now", body = Preference),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No user is signed on, or it is a guest or a bot", body = Problem),
    (status = 404, description = "It is a draft for what can be no room", body = Problem),
    (status = 409, description = "There are too many", body = Problem),
    (status = 413, description = "They would be too long", body = Problem),
    (status = 415, description = "The body is no JSON", body = Problem),
    (status = 422, description = "That can be no key, or not its value", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn set(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(key): PathParam<String>,
    JsonBody(PreferenceValue { value }): JsonBody<PreferenceValue>,
) -> Result<Response, AppError> {
    let preferred = prefer(&state, &session, &key, Some(Body::new(&value)?)).await?;
    Ok((no_store(), Json(Preference::from(preferred))).into_response())
}

/// Take a preference of your account back
#[utoipa::path(delete, path = "/me/preferences/{key}", operation_id = "unset_preference", tag = "users",
    security(("session" = []), ("cookie" = [])),
    params(("key" = String, Path, description = "Which")), responses(
    (status = 204, description = "It is not set, whether it was or not"),
    (status = 401, description = "No user is signed on, or it is a guest or a bot", body = Problem),
    (status = 404, description = "It is a draft for what can be no room", body = Problem),
    (status = 422, description = "That can be no key", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn unset(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(key): PathParam<String>,
) -> Result<StatusCode, AppError> {
    prefer(&state, &session, &key, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn all(state: &AppState, session: &Session) -> Result<Vec<Preferred>, AppError> {
    let client = session.client;
    Ok(state.told(|reply| Call::Preferences { client, reply }).await.ok_or(AppError::Stopping)??)
}

async fn prefer(state: &AppState, session: &Session, key: &str, value: Option<Body>) -> Result<Preferred, AppError> {
    let key = own_key(session, key)?;
    session.take_pace().map_err(AppError::TooMany)?;
    let client = session.client;
    let set = state.told(|reply| Call::Prefer { client, key, value, reply }).await.ok_or(AppError::Stopping)??;
    // The session's task hears of it as well, but perhaps after the next call.
    session.follow_language(&set);
    Ok(set)
}

/// A key of a call. In a draft for a direct talk the user's own name may be missing.
fn own_key(session: &Session, key: &str) -> Result<Key, AppError> {
    Ok(match Key::parse(key)? {
        Key::Draft(room) => Key::Draft(meant(room, session.name())),
        key => key,
    })
}
