//! Messages: say one, look one up.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_server::features::archive::store::Question;
use chat_server::features::calls::{Access, Caller};
use chat_server::model::command::Line;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::{Shared, SignedOn, Viewer};
use super::extract::{JsonBody, PathParam};
use crate::error::{AppError, Problem};
use crate::models::ids::number_in_talk;
use crate::models::input::{is_cid, message_text};
use crate::models::names::room_name;
use crate::models::objects::Message;
use crate::models::render::messages;
use crate::session::ask::{Ask, Outcome};
use crate::state::AppState;

/// Something to say.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewMessage {
    /// Not empty; up to 200 lines, each of at most 2,048 bytes and of 16,384 bytes in all if nothing else is set.
    #[schema(example = "hello", min_length = 1, pattern = r"[\S\x1c-\x1f]")]
    text: String,
    /// The room, with or without its `#`; `lobby` if nothing is said. Or a direct talk, `@budi`.
    #[schema(example = "lobby", min_length = 1, max_length = 265, pattern = "^(#?[A-Za-z0-9_-]+|@[A-Za-z0-9_+-]+)$")]
    room: Option<String>,
    /// By which a repeat is known.
    #[schema(example = "cid-0123456789abcdef", min_length = 16, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    cid: Option<String>,
    /// The `seq` of the message that is answered.
    #[schema(minimum = 1)]
    reply_to: Option<i64>,
}

/// The header by which a repeat is known. Only its description: [`create_message`] reads it itself.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "described here, read elsewhere")]
struct IdempotencyKey {
    /// The `cid`, if the body has none.
    #[param(rename = "Idempotency-Key", min_length = 16, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    key: Option<String>,
}

/// Say something
///
/// With a `cid`, or the header `Idempotency-Key`, a call that is sent again says nothing twice: it gets the first answer.
#[utoipa::path(post, path = "/messages", tag = "messages", request_body = NewMessage, security(("session" = []), ("cookie" = [])),
    params(IdempotencyKey), responses(
    (status = 201, description = "Said", body = Message, headers(("Location" = String),
        ("Idempotency-Replayed" = String, description = "true if it had been said before"))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "You may not speak there", body = Problem),
    (status = 404, description = "There is no such room or message", body = Problem),
    (status = 413, description = "The text is too long", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The text or the key cannot stand", body = Problem),
    (status = 429, description = "Too fast", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn create_message(
    State(state): Shared,
    SignedOn(session): SignedOn,
    headers: HeaderMap,
    JsonBody(message): JsonBody<NewMessage>,
) -> Result<Response, AppError> {
    let key = headers.get(HeaderName::from_static("idempotency-key")).map(|value| value.to_str().unwrap_or_default());
    let key = key.map(ToString::to_string);
    if ![&message.cid, &key].into_iter().flatten().all(|cid| is_cid(cid)) {
        let rule = "A cid, or Idempotency-Key, has 16 to 64 letters, digits, \"-\" and \"_\".";
        return Err(AppError::WrongFields(rule.into()));
    }
    let cid = message.cid.or(key);
    let reply_to = match message.reply_to.map(u64::try_from) {
        None => None,
        Some(Ok(seq)) if seq > 0 => Some(seq),
        Some(_) => return Err(AppError::WrongFields("reply_to is the seq of a message: 1 or more.".into())),
    };
    let room = room_name(message.room.as_deref().unwrap_or("lobby"))?;
    let text = message_text(&message.text, state.handle.config().line_bytes)?;
    session.take_pace().map_err(AppError::TooMany)?;
    let own = cid.clone();
    let ask = Ask::Say { room, cid, text, re: reply_to.map(Line::Id), act: false };
    let told = session.carry_out(ask).await.ok_or_else(|| {
        if state.handle.is_stopping() {
            AppError::Stopping
        } else if state.sessions.get(&session.token()).is_some() {
            AppError::Timeout
        } else {
            // It ended with this call: kicked, or too much was sent.
            AppError::NotSignedOn
        }
    })?;
    match told? {
        Outcome::Said { message, duplicate } => Ok(created(Message { cid: own, ..*message }, duplicate)),
        Outcome::InTalk(talk, seq) => {
            let who = Caller { client: Some(session.client), address: session.address };
            let (before, after) = (seq + 1, Some(seq.saturating_sub(1)));
            let question = Question::Page { room: talk, before, after, limit: 1, export: false };
            let (lines, _) = state.read(who, question).await?;
            let message = messages(state.ids, &lines).pop().ok_or(AppError::MessageNotFound)?;
            Ok(created(Message { cid: own, ..message }, true))
        }
        Outcome::Conflict => Err(AppError::KeyReused),
        Outcome::Forgotten => Err(AppError::MessageNotFound),
        Outcome::Offered(_) | Outcome::Done => Err(AppError::Internal),
    }
}

/// What was said, with the address where it is found.
fn created(message: Message, is_replayed: bool) -> Response {
    let location = format!("/api/messages/{}", message.id);
    let mut response = (StatusCode::CREATED, [(header::LOCATION, location)], Json(message)).into_response();
    if is_replayed {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// One message
#[utoipa::path(get, path = "/messages/{id}", tag = "messages",
    params(("id" = Uuid, Path, description = "The message's id")), responses(
    (status = 200, description = "The message", body = Message),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "No message has this id", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn get_message(
    State(state): Shared,
    viewer: Viewer,
    PathParam(id): PathParam<Uuid>,
) -> Result<Json<Message>, AppError> {
    let Some(message) = state.rooms.messages.get(&id).map(|message| message.clone()) else {
        return message_of_talks(&state, viewer.caller(), id).await.map(Json);
    };
    match state.may_read(viewer.caller(), Access::Room(room_name(&message.room)?)).await {
        Ok(_) => Ok(Json(message)),
        Err(AppError::RoomNotFound) => Err(AppError::MessageNotFound),
        Err(error) => Err(error),
    }
}

/// The message of that id in one of a user's direct talks.
async fn message_of_talks(state: &AppState, who: Caller, id: Uuid) -> Result<Message, AppError> {
    if who.client.is_none() {
        // What may be known of others may still be read too fast.
        return state.may_read(who, Access::Everything).await.and(Err(AppError::MessageNotFound));
    }
    let talks = state.talks(who).await?;
    let place = talks.into_iter().find_map(|talk| Some((number_in_talk(id, &talk.name)?, talk.name)));
    let (seq, room) = place.ok_or(AppError::MessageNotFound)?;
    let question = Question::Page { room, before: seq + 1, after: Some(seq - 1), limit: 1, export: false };
    let (lines, _) = state.read(who, question).await?;
    messages(state.ids, &lines).pop().filter(|message| message.id == id).ok_or(AppError::MessageNotFound)
}
