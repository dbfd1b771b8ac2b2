//! How long a room keeps what is said.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chat_server::features::calls::Call;
use chat_server::features::rooms::KeepFor;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Shared, SignedOn};
use super::extract::{JsonBody, PathParam, no_store};
use super::programs::carry_out;
use crate::error::{AppError, Problem};
use crate::models::names::room_name;

/// How long a room keeps what is said. The server's own settings are the most.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// So many days; `null`: as long as the server does.
    #[schema(minimum = 1, maximum = 36_500, required = true)]
    #[serde(deserialize_with = "Option::deserialize")]
    days: Option<u32>,
}

impl Retention {
    /// # Errors
    /// So many days cannot be.
    pub(super) fn checked(&self) -> Result<Option<u32>, AppError> {
        if self.days.is_some_and(|days| !(1..=KeepFor::MOST).contains(&days)) {
            return Err(AppError::WrongFields(format!("days is from 1 to {}, or null.", KeepFor::MOST)));
        }
        Ok(self.days)
    }
}

/// How long a room keeps what is said
#[utoipa::path(get, path = "/rooms/{room}/retention", operation_id = "show_retention", tag = "rooms",
    security(("session" = []), ("cookie" = [])),
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 200, description = "As its operators set it", body = Retention),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "You may not read there", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn show(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(room): PathParam<String>,
) -> Result<Response, AppError> {
    let (room, client) = (room_name(&room)?, session.client);
    let days = state.told(|reply| Call::Retention { client, room, reply }).await.ok_or(AppError::Stopping)??;
    Ok((no_store(), Json(Retention { days })).into_response())
}

/// Set how long a room keeps what is said
///
/// Its operators may, and those of the server. What is older is deleted for good, within the hour; the room is told.
#[utoipa::path(put, path = "/rooms/{room}/retention", operation_id = "set_retention", tag = "rooms", request_body = Retention,
    security(("session" = []), ("cookie" = [])),
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 204, description = "It is set, and kept"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "You are no operator of the room, or may not read there", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 422, description = "days is from 1 to 36500, or null", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn set(
    SignedOn(session): SignedOn,
    PathParam(room): PathParam<String>,
    JsonBody(wanted): JsonBody<Retention>,
) -> Result<StatusCode, AppError> {
    let room = room_name(&room)?;
    carry_out(&session, &format!("RETAIN:{room} {}", KeepFor::of(wanted.checked()?).word())).await
}
