//! Pages of a room's messages.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_server::features::archive::store::Question;
use chat_server::features::calls::{Access, Caller};
use chat_server::model::names::RoomName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::{Shared, Viewer};
use super::extract::{PathParam, QueryParams, number};
use crate::error::{AppError, Problem};
use crate::http::negotiation;
use crate::models::ids::number_in_talk;
use crate::models::names::{bare, room_key};
use crate::models::objects::Message;
use crate::models::render::messages;
use crate::state::AppState;
use crate::state::rooms::{Page, PageQuery};

/// How many messages a page has if nothing is said, and at most.
const PAGE: usize = 50;
pub(crate) const LARGEST_PAGE: usize = 200;
/// How `before` and `after` have to be.
const RIGHT: &str = "before and after are the seq of an event, or 0.";

/// Which messages.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessageQuery {
    /// The room, with or without its `#`; `lobby` if nothing is said.
    #[param(example = "lobby")]
    room: Option<String>,
    /// Only messages with a smaller `seq`.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// Only messages with a greater `seq`, from there on.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// The page around the message with this id.
    around: Option<Uuid>,
    /// How many; 50 if nothing is said, 200 at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// Which messages of one room.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RoomQuery {
    /// Only messages with a smaller `seq`.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// Only messages with a greater `seq`, from there on.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// The page around the message with this id.
    around: Option<Uuid>,
    /// How many; 50 if nothing is said, 200 at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of messages with the ways to its neighbours.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessagePage {
    /// The messages, oldest first.
    messages: Vec<Message>,
    /// The path of the page before this one.
    prev: Option<String>,
    /// The path of the page behind this one.
    next: Option<String>,
    /// The number of the room's last event.
    last_seq: u64,
}

/// A page of messages
///
/// Oldest first, as a bare array. `Link` has the addresses of the pages before and after, `X-Last-Seq` the room's last number.
#[utoipa::path(get, path = "/messages", tag = "messages", params(MessageQuery), responses(
    (status = 200, description = "Oldest first; the newest page if nothing is said", body = Vec<Message>,
        headers(("Link" = String, description = "rel=prev and rel=next"), ("X-Last-Seq" = u64), ("ETag" = String))),
    (status = 304, description = "Nothing changed"),
    (status = 412, description = "If-Match names another state", body = Problem),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "There is no such room or message", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn list_messages(
    State(state): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    QueryParams(query): QueryParams<MessageQuery>,
) -> Result<Response, AppError> {
    let room = viewer.meant(query.room.as_deref().unwrap_or("lobby"))?;
    let asked = RoomQuery { before: query.before, after: query.after, around: query.around, limit: query.limit };
    let page = page_of(&state, viewer.caller(), &room, &asked).await?;
    let limit = limit_of(asked.limit)?;
    let name = in_address(&room);
    let path = |key: &str, seq: u64| format!("/api/messages?room={name}&{key}={seq}&limit={limit}");
    let (prev, next) = (page.prev.map(|seq| path("before", seq)), page.next.map(|seq| path("after", seq)));
    let tag = etag(&state, &room, page.last_seq);
    let mut response = match unchanged(&headers, &tag)? {
        Some(response) => response,
        None => Json(page.messages).into_response(),
    };
    paging(&mut response, tag, page.last_seq, prev.as_deref(), next.as_deref());
    Ok(response)
}

/// A page of one room's messages
///
/// The same page as that of `/api/messages`, as an object with the addresses of its neighbours.
#[utoipa::path(get, path = "/rooms/{room}/messages", tag = "rooms",
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)"), RoomQuery), responses(
    (status = 200, description = "Oldest first; the newest page if nothing is said", body = MessagePage),
    (status = 304, description = "Nothing changed"),
    (status = 412, description = "If-Match names another state", body = Problem),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "There is no such room or message", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn room_messages(
    State(state): Shared,
    viewer: Viewer,
    headers: HeaderMap,
    PathParam(room): PathParam<String>,
    QueryParams(query): QueryParams<RoomQuery>,
) -> Result<Response, AppError> {
    let room = viewer.meant(&room)?;
    let page = page_of(&state, viewer.caller(), &room, &query).await?;
    let limit = limit_of(query.limit)?;
    let name = in_address(&room);
    let path = |key: &str, seq: u64| format!("/api/rooms/{name}/messages?{key}={seq}&limit={limit}");
    let (prev, next) = (page.prev.map(|seq| path("before", seq)), page.next.map(|seq| path("after", seq)));
    let tag = etag(&state, &room, page.last_seq);
    let mut response = match unchanged(&headers, &tag)? {
        Some(response) => response,
        None => {
            let (messages, last_seq) = (page.messages, page.last_seq);
            Json(MessagePage { messages, prev: prev.clone(), next: next.clone(), last_seq }).into_response()
        }
    };
    paging(&mut response, tag, page.last_seq, prev.as_deref(), next.as_deref());
    Ok(response)
}

/// How many messages a page is to have.
///
/// # Errors
/// It is 0, or too many.
pub(crate) fn limit_of(limit: Option<usize>) -> Result<usize, AppError> {
    let limit = limit.unwrap_or(PAGE);
    let right = (1..=LARGEST_PAGE).contains(&limit);
    right
        .then_some(limit)
        .ok_or_else(|| AppError::InvalidRequest(format!("limit is a number from 1 to {LARGEST_PAGE}.")))
}

async fn page_of(state: &AppState, who: Caller, name: &RoomName, query: &RoomQuery) -> Result<Page, AppError> {
    if name.is_talk() {
        return page_of_talk(state, who, name, query).await;
    }
    let room = &*bare(name);
    state.may_read(who, Access::Room(name.clone())).await?;
    let around = match query.around {
        Some(id) => {
            let message = state.rooms.messages.get(&id).filter(|message| message.room.eq_ignore_ascii_case(room));
            Some(message.ok_or(AppError::MessageNotFound)?.seq)
        }
        None => None,
    };
    let (before, after, limit) = (number(query.before, RIGHT)?, number(query.after, RIGHT)?, limit_of(query.limit)?);
    let asked = PageQuery { before, after, around, limit };
    let mut page = state.rooms.page(room, asked);
    // Memory ends here, and the room's log may not.
    let first = page.messages.first().map_or(before.unwrap_or(u64::MAX), |first| first.seq);
    if after.is_none() && around.is_none() && page.prev.is_none() && first > 1 {
        let left = limit - page.messages.len();
        // Where the page is full it is only asked whether there is more.
        let (mut older, more) = state.older(who, name, first, left.max(1)).await?;
        if left == 0 {
            page.prev = (!older.is_empty()).then_some(first);
        } else {
            page.prev = more;
            older.append(&mut page.messages);
            page.messages = older;
        }
    }
    Ok(page)
}

/// A page of a direct talk. The read model has none of them: the router, and its store, are asked.
async fn page_of_talk(state: &AppState, who: Caller, name: &RoomName, query: &RoomQuery) -> Result<Page, AppError> {
    let (before, after, limit) = (number(query.before, RIGHT)?, number(query.after, RIGHT)?, limit_of(query.limit)?);
    let before = before.unwrap_or(u64::MAX);
    let mut page = match query.around {
        Some(id) => around_in_talk(state, who, name, id, (before, limit)).await?,
        None => {
            let (messages, more) = part_of_talk(state, who, name, (before, after, limit)).await?;
            let is_forwards = after.is_some();
            let (prev, next) = (more.filter(|_| !is_forwards), more.filter(|_| is_forwards));
            Page { messages, prev, next, last_seq: 0 }
        }
    };
    let talks = state.talks(who).await?;
    page.last_seq = talks.iter().find(|talk| talk.name == *name).map_or(0, |talk| talk.last_id);
    Ok(page)
}

/// The page around the message of a direct talk that has this id, as of a room: half of it is older.
async fn around_in_talk(
    state: &AppState,
    who: Caller,
    name: &RoomName,
    id: Uuid,
    (before, limit): (u64, usize),
) -> Result<Page, AppError> {
    // To others than its members the talk does not exist, whatever the id is.
    state.may_read(who, Access::Room(name.clone())).await?;
    let seq = number_in_talk(id, name).ok_or(AppError::MessageNotFound)?;
    let half = limit / 2;
    // Where none is to be older it is only asked whether there is one.
    let (mut messages, more) = part_of_talk(state, who, name, (seq, None, half.max(1))).await?;
    let prev = if half == 0 { (!messages.is_empty()).then_some(seq) } else { more };
    messages.truncate(half);
    // Asked for by itself: long messages make a page shorter, and this one has to be in it.
    let left = limit - messages.len();
    let (mut newer, next) = part_of_talk(state, who, name, (before, Some(seq.saturating_sub(1)), left)).await?;
    messages.append(&mut newer);
    let found = messages.iter().any(|message| message.id == id);
    found.then_some(Page { messages, prev, next, last_seq: 0 }).ok_or(AppError::MessageNotFound)
}

/// Messages of a direct talk, at most so many before the first number and behind the second, and where there are more.
async fn part_of_talk(
    state: &AppState,
    who: Caller,
    name: &RoomName,
    (before, after, limit): (u64, Option<u64>, usize),
) -> Result<(Vec<Message>, Option<u64>), AppError> {
    let question = Question::Page { room: name.clone(), before, after, limit, export: false };
    let (lines, more) = state.read(who, question).await?;
    Ok((messages(state.ids, &lines), more))
}

/// A room's name in an address, where `+` would stand for a space.
fn in_address(room: &RoomName) -> String {
    bare(room).replace('+', "%2B")
}

/// Every change of a room takes a number, so the last one says whether a page is the same; after another start of the
/// server the same number means something else. Weak, for the same page goes out in more than one encoding.
fn etag(state: &AppState, room: &RoomName, last_seq: u64) -> String {
    format!("W/\"{}:{last_seq}:{}\"", room_key(room), state.ids.instance().simple())
}

/// The answer to a call whose conditions say that it has the page already.
fn unchanged(headers: &HeaderMap, tag: &str) -> Result<Option<Response>, AppError> {
    match negotiation::instead(headers, tag) {
        Some(StatusCode::NOT_MODIFIED) => Ok(Some(StatusCode::NOT_MODIFIED.into_response())),
        Some(_) => Err(AppError::NotMatched),
        None => Ok(None),
    }
}

fn paging(response: &mut Response, tag: String, last_seq: u64, prev: Option<&str>, next: Option<&str>) {
    let links: Vec<String> = [(prev, "prev"), (next, "next")]
        .into_iter()
        .filter_map(|(path, rel)| Some(format!("<{}>; rel=\"{rel}\"", path?)))
        .collect();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    if !links.is_empty() {
        set(header::LINK, links.join(", "));
    }
    set(HeaderName::from_static("x-last-seq"), last_seq.to_string());
    set(header::ETAG, tag);
    set(header::CACHE_CONTROL, "private, no-cache".into());
}
