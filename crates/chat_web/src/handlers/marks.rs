//! The rooms of an account: what is unread, how far each is read, and who mentioned the user.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat_server::features::archive::store::Question;
use chat_server::features::calls::{Call, Caller};
use chat_server::features::membership::OwnRoom;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Shared, SignedOn};
use super::extract::{PathParam, QueryParams, no_store, number};
use super::pages::limit_of;
use crate::error::{AppError, Problem};
use crate::models::names::{bare, room_name};
use crate::models::objects::{Message, RoomMember};
use crate::models::render::messages;

/// A room of the account, or a direct talk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountRoom {
    /// The room, without its `#`; a direct talk begins with `@`.
    #[schema(example = "rust")]
    id: String,
    /// How many numbers of the room stand behind the read mark: messages, and changes to them.
    unread: u64,
    /// The `seq` of the last message that is read.
    read_seq: u64,
    /// The number of the room's last event.
    last_seq: u64,
    /// How many of the unread messages mention the user, up to 100.
    mentions: usize,
    /// Of which messages the user wants to be told: `all`, `mentions` or `none`.
    #[schema(example = "all")]
    notify: String,
    /// Whether the room stands back in lists of what is unread.
    muted: bool,
}

impl From<OwnRoom> for AccountRoom {
    fn from(own: OwnRoom) -> AccountRoom {
        AccountRoom {
            id: bare(&own.room),
            unread: own.unread,
            read_seq: own.read,
            last_seq: own.last,
            mentions: own.mentions,
            notify: own.notify.word().into(),
            muted: own.muted,
        }
    }
}

/// How far a room is read.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ReadUpTo {
    /// The `seq` of the last message that is read. A mark moves forward only, and not past the room's last number.
    #[schema(minimum = 0)]
    seq: Option<i64>,
}

/// Which mentions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MentionQuery {
    /// Only mentions in front of that place: what `before` said of the page behind it.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// How many; 50 if nothing is said, 200 at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Messages that mention the user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Mentions {
    /// The newest of them, oldest first.
    messages: Vec<Message>,
    /// There are older ones: ask with `before=` this.
    before: Option<u64>,
}

/// The rooms of your account, and what is unread in each
///
/// Direct talks among them. A guest has no account, and no such rooms.
#[utoipa::path(get, path = "/me/rooms", tag = "rooms", security(("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "By name", body = Vec<AccountRoom>),
    (status = 401, description = "No user is signed on, or it is a guest", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn list(State(state): Shared, SignedOn(session): SignedOn) -> Result<Response, AppError> {
    let client = session.client;
    let rooms = state.told(|reply| Call::OwnRooms { client, reply }).await.ok_or(AppError::Stopping)??;
    let rooms: Vec<AccountRoom> = rooms.into_iter().map(AccountRoom::from).collect();
    Ok((no_store(), Json(rooms)).into_response())
}

/// Mark a room of your account as read
///
/// Up to a message, or, without a body, to the end. Your other devices are told, at whatever door they are. The answer is the room as
/// it is then.
#[utoipa::path(put, path = "/rooms/{room}/read", tag = "rooms", security(("session" = []), ("cookie" = [])),
    request_body = Option<ReadUpTo>,
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 200, description = "How far it is read now", body = AccountRoom),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No user is signed on, or it is a guest", body = Problem),
    (status = 403, description = "You are not in it", body = Problem),
    (status = 404, description = "No room can have that name", body = Problem),
    (status = 422, description = "The seq is negative", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn read(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(room): PathParam<String>,
    body: Bytes,
) -> Result<Response, AppError> {
    let room = room_name(&room)?;
    let seq = match body.trim_ascii() {
        b"" => None,
        body => {
            let upto: Option<ReadUpTo> = serde_json::from_slice(body)
                .map_err(|error| AppError::BadJson(format!("The body cannot be read: {error}.")))?;
            upto.and_then(|upto| upto.seq)
        }
    };
    let id = seq.map(u64::try_from).transpose();
    let id = id.map_err(|_| AppError::WrongFields("seq is the number of an event, or 0.".into()))?;
    session.take_pace().map_err(AppError::TooMany)?;
    let client = session.client;
    let read = state.told(|reply| Call::MarkRead { client, room, id, reply }).await.ok_or(AppError::Stopping)??;
    Ok((no_store(), Json(AccountRoom::from(read))).into_response())
}

/// The accounts that are members of a room
///
/// Also those whose users are offline; the first 1,000 by name. All who may read the room see the same.
#[utoipa::path(get, path = "/rooms/{room}/members", tag = "rooms", security(("session" = []), ("cookie" = [])),
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 200, description = "By name", body = Vec<RoomMember>),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "You may not read there", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn members(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(room): PathParam<String>,
) -> Result<Response, AppError> {
    let room = room_name(&room)?;
    let who = Caller { client: Some(session.client), address: session.address };
    let members = state.told(|reply| Call::Members { who, room, reply }).await.ok_or(AppError::Stopping)?;
    let members = members.map_err(AppError::of_reading)?;
    let members: Vec<RoomMember> = members.iter().map(RoomMember::of).collect();
    Ok((no_store(), Json(members)).into_response())
}

/// The messages that mention you
///
/// As long as your account is a member of the room, and the message is kept.
#[utoipa::path(get, path = "/mentions", tag = "messages", params(MentionQuery), security(("session" = []), ("cookie" = [])),
    responses(
    (status = 200, description = "The newest, oldest first", body = Mentions),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "No user is signed on, or it is a guest", body = Problem),
    (status = 403, description = "You are kept out", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn mentions(
    State(state): Shared,
    SignedOn(session): SignedOn,
    QueryParams(query): QueryParams<MentionQuery>,
) -> Result<Response, AppError> {
    let limit = limit_of(query.limit)?;
    let before = number(query.before, "before is what the page behind it said.")?;
    let who = Caller { client: Some(session.client), address: session.address };
    // The router puts the account there that the session has when it looks.
    let account = session.name().ok_or(AppError::NotSignedOn)?;
    let question = Question::Mentions { account, before, limit };
    let (lines, before) = state.read(who, question).await?;
    Ok((no_store(), Json(Mentions { messages: messages(state.ids, &lines), before })).into_response())
}
