//! What was said long ago: search, and the export of a room.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chat_server::features::archive::blocks::json;
use chat_server::features::archive::store::Question;
use chat_server::features::calls::Caller;
use chat_server::model::code::Code;
use chat_server::model::names::RoomName;
use chat_server::model::text::Text;
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Shared, Viewer};
use super::extract::{PathParam, QueryParams, no_store, number};
use super::pages::{LARGEST_PAGE, limit_of};
use crate::error::{AppError, Problem, retry_of};
use crate::models::objects::Message;
use crate::models::render::messages;
use crate::state::AppState;

/// How long an export waits where more than its share is read from its address.
const EXPORT_WAIT: Duration = Duration::from_secs(60);
/// The most bytes of what is looked for.
const LONGEST_SEARCH: usize = 500;

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words that the messages have, all of them; "several in a row" in quotes; `de*` is the beginning of one, of two letters at
    /// least. In a script without spaces each character is a word: `東京` finds `明日は東京に行く`.
    #[param(example = "red fish", min_length = 1)]
    q: String,
    /// Only in this room, with or without its `#`; in all that you may read if nothing is said.
    room: Option<String>,
    /// Only messages with a smaller `seq`, in one room.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// How many; 50 if nothing is said, 200 at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    /// The newest messages that have the words, oldest first.
    messages: Vec<Message>,
    /// There are older ones in the room: ask with `before=` this.
    before: Option<u64>,
}

/// Find what was said
///
/// Lines that have all the words, in the rooms that the session may read. It counts as ten pages for the pace of reading.
#[utoipa::path(get, path = "/search", tag = "messages", params(SearchQuery), responses(
    (status = 200, description = "What has all the words", body = Found),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The store has too much to do, or makes its index anew", body = Problem)))]
pub(crate) async fn search(
    State(state): Shared,
    viewer: Viewer,
    QueryParams(query): QueryParams<SearchQuery>,
) -> Result<Response, AppError> {
    let limit = limit_of(query.limit)?;
    let words = Text::new(&query.q).ok().filter(|words| !words.trim().is_empty() && words.len() <= LONGEST_SEARCH);
    let words = words.ok_or_else(|| AppError::InvalidRequest("q is what to look for, in at most 500 bytes.".into()))?;
    let before = number(query.before, "before is the seq of an event.")?;
    let room = query.room.as_deref().map(|room| viewer.meant(room)).transpose()?;
    let question = Question::Search { room, hidden: Vec::new(), words, before, limit };
    let (lines, before) = state.read(viewer.caller(), question).await.map_err(|error| match error {
        // What is wrong with a query is said in one way.
        AppError::Chat(error) if error.code() == Code::BadArgument => AppError::InvalidRequest(error.to_string()),
        error => error,
    })?;
    Ok((no_store(), Json(Found { messages: messages(state.ids, &lines), before })).into_response())
}

/// Everything that was said in a room, as lines of JSON
///
/// One object for each line, from the oldest on, corrections, deletions and reactions among them.
#[utoipa::path(get, path = "/rooms/{room}/export", tag = "rooms",
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 200, description = "One object for each line, oldest first", body = String, content_type = "application/x-ndjson"),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn export(
    State(state): Shared,
    viewer: Viewer,
    PathParam(room): PathParam<String>,
) -> Result<Response, AppError> {
    let room = viewer.meant(&room)?;
    let who = viewer.caller();
    let (first, more) = exported(&state, who, &room, 0).await?;
    let rest = stream::unfold(more, move |after| {
        let (state, room) = (state.clone(), room.clone());
        async move {
            match paced_export(&state, who, &room, after?).await {
                Ok((objects, more)) => Some((Ok(objects), more)),
                // An end without an error would be taken for the whole of it.
                Err(error) => Some((Err(std::io::Error::other(error)), None)),
            }
        }
    });
    // Fused, for what compresses it asks once more after the end.
    let all = stream::iter([Ok(first)]).chain(rest).fuse();
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((no_store(), kind, Body::from_stream(all)).into_response())
}

/// A page of an export, as lines of JSON, and where to go on. Whether it may be read is looked at for each page: a room may be
/// closed meanwhile.
async fn exported(
    state: &AppState,
    who: Caller,
    room: &RoomName,
    after: u64,
) -> Result<(String, Option<u64>), AppError> {
    let (before, after, limit) = (u64::MAX, Some(after), LARGEST_PAGE);
    let (lines, more) =
        state.read(who, Question::Page { room: room.clone(), before, after, limit, export: true }).await?;
    Ok((lines.iter().filter_map(|line| Some(json(line)? + "\n")).collect(), more))
}

/// The same, which waits where it is too fast: half an export is worth nothing.
async fn paced_export(
    state: &AppState,
    who: Caller,
    room: &RoomName,
    after: u64,
) -> Result<(String, Option<u64>), AppError> {
    let deadline = tokio::time::Instant::now() + EXPORT_WAIT;
    loop {
        match exported(state, who, room, after).await {
            Err(AppError::Chat(refusal)) if tokio::time::Instant::now() < deadline => {
                let Some(retry) = retry_of(&refusal) else { return Err(AppError::Chat(refusal)) };
                tokio::time::sleep(Duration::from_secs(retry)).await;
            }
            page => return page,
        }
    }
}
