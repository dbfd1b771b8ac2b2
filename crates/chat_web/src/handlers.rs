//! The REST calls (docs/protocol.md, section 3).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use chat_server::chat::message::{Onlooker, Sought};
use chat_server::config::hosts::Authority;
use chat_server::features::archive::export::json;
use chat_server::features::archive::store::Question;
use chat_server::model::code::Code;
use chat_server::model::command::Line;
use chat_server::model::names::{ClientId, Name, RoomName};
use chat_server::model::text::Text;
use chat_server::net::connections::{Permit, TurnedAway};
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::cookies::{self, Cookies};
use crate::error::{AppError, PROBLEMS, Problem, retry_of};
use crate::models::{Author, Message, Room, User, bare, room_name};
use crate::negotiation;
use crate::peer::Peer;
use crate::session::{Ask, Entry, NoSession, Session, Told};
use crate::state::{AppState, Page, PageQuery};
use crate::websocket::{is_cid, one_line};

type Shared = State<Arc<AppState>>;

/// How many messages a page has if nothing is said, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;
/// How long an export waits where more than its share is read from its address.
const EXPORT_PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of what is looked for.
const LONGEST_SEARCH: usize = 500;

// ---- who asks ----

/// The token of a request: that behind `Authorization: Bearer`, or the cookie's.
pub fn token_of(headers: &HeaderMap, peer: Peer) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    bearer.or_else(|| Cookies::of(headers, peer).read(headers, cookies::SESSION))
}

/// Takes a place for one more client. Held from before the first wait, so that of many who come at once no more get in than may.
///
/// # Errors
/// [`AppError::Full`].
pub fn place(state: &AppState, peer: Peer) -> Result<Permit, AppError> {
    state.handle.admit(peer.address).map_err(|why| {
        let config = state.handle.config();
        AppError::Full(match why {
            TurnedAway::ServerFull => format!("The server has {} clients, which is the most.", config.max_clients),
            TurnedAway::AddressFull => {
                let most = config.max_per_address;
                format!("Your address has {most} clients here, which is the most. Leave with one of them first.")
            }
        })
    })
}

/// Signs somebody on.
///
/// # Errors
/// The chat's refusal, as for a name that is taken.
pub async fn come_in(state: &Arc<AppState>, entry: Entry, peer: Peer, place: Permit) -> Result<Arc<Session>, AppError> {
    match Session::open(state.clone(), entry, peer, place).await {
        Ok(session) => Ok(session),
        Err(NoSession::Refused(error)) => Err(AppError::Chat(error)),
        // Turned away before there was anything to refuse. The router knows why, if it is not the end of it.
        Err(NoSession::Gone) => {
            let stranger = Onlooker { client: None, address: peer.address.ip() };
            Err(state.look(stranger, Sought::Entry).await.err().unwrap_or(AppError::Stopping))
        }
    }
}

/// The session of a request, if it has one that lives.
pub fn session_of(state: &AppState, headers: &HeaderMap, peer: Peer) -> Option<Arc<Session>> {
    token_of(headers, peer).and_then(|token| state.sessions.get(token).map(|session| session.clone()))
}

/// Whether a session may be used from where somebody calls. The router looked at where it was made; who shows it elsewhere is
/// not to get round a ban by that.
///
/// # Errors
/// Nobody may come from there.
pub async fn may_come_from(state: &AppState, session: &Session, peer: Peer) -> Result<(), AppError> {
    let address = peer.address.ip();
    if address != session.address {
        state.look(Onlooker { client: Some(session.client), address }, Sought::Entry).await?;
    }
    Ok(())
}

/// Somebody who is signed on.
pub struct SignedOn(pub Arc<Session>);

impl FromRequestParts<Arc<AppState>> for SignedOn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<SignedOn, AppError> {
        let peer = Peer::from(&*parts);
        let session = session_of(state, &parts.headers, peer).ok_or(AppError::NotSignedOn)?;
        may_come_from(state, &session, peer).await?;
        session.touch().await;
        Ok(SignedOn(session))
    }
}

/// Somebody, signed on or not, who wants to read.
pub struct Anybody {
    session: Option<Arc<Session>>,
    address: IpAddr,
}

impl Anybody {
    /// As the router knows them.
    pub fn onlooker(&self) -> Onlooker {
        Onlooker { client: self.session.as_ref().map(|session| session.client), address: self.address }
    }

    /// As whom the others know them, if they are signed on.
    pub fn person(&self) -> Option<ClientId> {
        self.session.as_ref().map(|session| session.person())
    }
}

impl FromRequestParts<Arc<AppState>> for Anybody {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Anybody, std::convert::Infallible> {
        let peer = Peer::from(&*parts);
        let session = session_of(state, &parts.headers, peer);
        if let Some(session) = &session {
            session.touch().await;
        }
        Ok(Anybody { session, address: peer.address.ip() })
    }
}

/// A JSON body; what is wrong with it is a problem like any other.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(AppError))]
pub struct Body<T>(pub T);

/// A query; likewise.
#[derive(FromRequestParts)]
#[from_request(via(Query), rejection(AppError))]
pub struct Asked<T>(pub T);

/// A part of the path; likewise.
#[derive(FromRequestParts)]
#[from_request(via(Path), rejection(AppError))]
pub struct Place<T>(pub T);

// ---- users ----

/// A name to come in with.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewUser {
    /// A letter or `_`, then letters, digits, `_` and `-`; at most 32.
    #[schema(example = "ana", min_length = 1, max_length = 32, pattern = "^[A-Za-z_][A-Za-z0-9_-]*$")]
    name: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedUser {
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
    (status = 200, description = "Everybody, by name", body = Vec<User>),
    (status = 403, description = "You are kept out", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub async fn list_users(State(state): Shared, who: Anybody) -> Result<Json<Vec<User>>, AppError> {
    let hidden = state.look(who.onlooker(), Sought::Everything).await?;
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
pub async fn create_user(
    State(state): Shared,
    peer: Peer,
    cookies: Cookies,
    Body(user): Body<NewUser>,
) -> Result<Response, AppError> {
    let name = Name::parse(&user.name)?;
    let place = place(&state, peer)?;
    let session = come_in(&state, Entry::Guest(name), peer, place).await?;
    let Author { id, name } = session.author();
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
    (status = 404, description = "Nobody who is on has this id", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub async fn get_user(State(state): Shared, who: Anybody, Place(id): Place<Uuid>) -> Result<Json<User>, AppError> {
    let hidden = state.look(who.onlooker(), Sought::Everything).await?;
    let found = state.people(&hidden).into_iter().find(|user| user.id == id);
    found.map(Json).ok_or(AppError::UserNotFound)
}

/// Oneself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
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
    (status = 401, description = "Nobody is signed on", body = Problem)))]
pub async fn me(SignedOn(session): SignedOn) -> Response {
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
    (status = 401, description = "Nobody is signed on", body = Problem),
    (status = 403, description = "The page of another site asks", body = Problem)))]
pub async fn leave(State(state): Shared, SignedOn(session): SignedOn, cookies: Cookies) -> Response {
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
    (status = 401, description = "Nobody is signed on", body = Problem),
    (status = 403, description = "The page of another site asks", body = Problem)))]
pub async fn keep_cookie(SignedOn(session): SignedOn, cookies: Cookies) -> Response {
    let cookie = cookies.set(cookies::SESSION, &session.token(), None);
    (StatusCode::NO_CONTENT, no_store(), [(header::SET_COOKIE, cookie)]).into_response()
}

// ---- messages ----

/// Which messages.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// The room without its `#`; `lobby` if nothing is said.
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
pub struct RoomQuery {
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
pub struct MessagePage {
    /// The messages, oldest first.
    messages: Vec<Message>,
    /// The path of the page before this one.
    prev: Option<String>,
    /// The path of the page behind this one.
    next: Option<String>,
    /// The number of the room's last event.
    last_seq: u64,
}

/// Something to say.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewMessage {
    /// One line, not empty, of at most as many bytes as the server takes: 2,048 if nothing is set.
    #[schema(example = "hello", min_length = 1, pattern = r"^[^\r\n]*[\S\x1c-\x1f][^\r\n]*[\r\n]*$")]
    text: String,
    /// The room without its `#`; `lobby` if nothing is said.
    #[schema(example = "lobby", min_length = 1, max_length = 31, pattern = "^[A-Za-z0-9_-]+$")]
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
pub async fn list_messages(
    State(state): Shared,
    who: Anybody,
    headers: HeaderMap,
    Asked(query): Asked<MessageQuery>,
) -> Result<Response, AppError> {
    let room = query.room.unwrap_or_else(|| "lobby".into());
    let asked = RoomQuery { before: query.before, after: query.after, around: query.around, limit: query.limit };
    let page = page_of(&state, who.onlooker(), &room, &asked).await?;
    let limit = limit_of(asked.limit)?;
    let path = |key: &str, seq: u64| format!("/api/messages?room={room}&{key}={seq}&limit={limit}");
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
    params(("room" = String, Path, description = "The room without its `#`"), RoomQuery), responses(
    (status = 200, description = "Oldest first; the newest page if nothing is said", body = MessagePage),
    (status = 304, description = "Nothing changed"),
    (status = 412, description = "If-Match names another state", body = Problem),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "There is no such room or message", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub async fn room_messages(
    State(state): Shared,
    who: Anybody,
    headers: HeaderMap,
    Place(room): Place<String>,
    Asked(query): Asked<RoomQuery>,
) -> Result<Response, AppError> {
    let page = page_of(&state, who.onlooker(), &room, &query).await?;
    let limit = limit_of(query.limit)?;
    let path = |key: &str, seq: u64| format!("/api/rooms/{room}/messages?{key}={seq}&limit={limit}");
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

/// Say something
///
/// With a `cid`, or the header `Idempotency-Key`, a call that is sent again says nothing twice: it gets the first answer.
#[utoipa::path(post, path = "/messages", tag = "messages", request_body = NewMessage, security(("session" = []), ("cookie" = [])),
    params(IdempotencyKey), responses(
    (status = 201, description = "Said", body = Message, headers(("Location" = String),
        ("Idempotency-Replayed" = String, description = "true if it had been said before"))),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Nobody is signed on", body = Problem),
    (status = 403, description = "You may not speak there", body = Problem),
    (status = 404, description = "There is no such room or message", body = Problem),
    (status = 413, description = "The text is too long", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The text or the key cannot stand", body = Problem),
    (status = 429, description = "Too fast", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub async fn create_message(
    State(state): Shared,
    SignedOn(session): SignedOn,
    headers: HeaderMap,
    Body(message): Body<NewMessage>,
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
    let text = one_line(&message.text, state.handle.config().line_bytes)?;
    session.take_pace().map_err(AppError::TooMany)?;
    let own = cid.clone();
    let ask = Ask::Say { room, cid, text, re: reply_to.map(Line::Id), act: false };
    let told = session.carry_out(ask).await.ok_or_else(|| {
        if state.handle.is_stopping() {
            AppError::Stopping
        } else if state.sessions.contains_key(&session.token()) {
            AppError::Timeout
        } else {
            // It ended with this call: kicked, or too much was sent.
            AppError::NotSignedOn
        }
    })?;
    match told? {
        Told::Said { message, duplicate } => {
            let location = format!("/api/messages/{}", message.id);
            let message = Message { cid: own, ..*message };
            let mut response = (StatusCode::CREATED, [(header::LOCATION, location)], Json(message)).into_response();
            if duplicate {
                response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
            }
            Ok(response)
        }
        Told::Conflict => Err(AppError::KeyReused),
        Told::Forgotten => Err(AppError::MessageNotFound),
        Told::Offered(_) | Told::Done => Err(AppError::Internal),
    }
}

/// One message
#[utoipa::path(get, path = "/messages/{id}", tag = "messages",
    params(("id" = Uuid, Path, description = "The message's id")), responses(
    (status = 200, description = "The message", body = Message),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "No message has this id", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub async fn get_message(
    State(state): Shared,
    who: Anybody,
    Place(id): Place<Uuid>,
) -> Result<Json<Message>, AppError> {
    let message = state.messages.get(&id).map(|message| message.clone()).ok_or(AppError::MessageNotFound)?;
    match state.look(who.onlooker(), Sought::Room(room_name(&message.room)?)).await {
        Ok(_) => Ok(Json(message)),
        Err(AppError::RoomNotFound) => Err(AppError::MessageNotFound),
        Err(error) => Err(error),
    }
}

// ---- what was said long ago ----

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Words that the messages have, all of them; "several in a row" in quotes; `de*` is the beginning of one, of two letters at
    /// least. In a script without spaces each character is a word: `東京` finds `明日は東京に行く`.
    #[param(example = "red fish", min_length = 1)]
    q: String,
    /// Only in this room, without its `#`; in all that you may read if nothing is said.
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
pub struct Found {
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
pub async fn search(
    State(state): Shared,
    who: Anybody,
    Asked(query): Asked<SearchQuery>,
) -> Result<Response, AppError> {
    let limit = limit_of(query.limit)?;
    let words = Text::new(&query.q).ok().filter(|words| !words.trim().is_empty() && words.len() <= LONGEST_SEARCH);
    let words = words.ok_or_else(|| AppError::InvalidRequest("q is what to look for, in at most 500 bytes.".into()))?;
    let before = number(query.before, "before is the seq of an event.")?;
    let room = query.room.as_deref().map(room_name).transpose().map_err(|_| AppError::RoomNotFound)?;
    let question = Question::Search { room, hidden: Vec::new(), words, before, limit };
    let (lines, before) = state.read(who.onlooker(), question).await.map_err(|error| match error {
        // What is wrong with a query is said in one way.
        AppError::Chat(error) if error.code() == Code::BadArgument => AppError::InvalidRequest(error.to_string()),
        error => error,
    })?;
    Ok((no_store(), Json(Found { messages: state.messages_of(&lines), before })).into_response())
}

/// Everything that was said in a room, as lines of JSON
///
/// One object for each line, from the oldest on, corrections, deletions and reactions among them.
#[utoipa::path(get, path = "/rooms/{room}/export", tag = "rooms",
    params(("room" = String, Path, description = "The room without its `#`")), responses(
    (status = 200, description = "One object for each line, oldest first", body = String, content_type = "application/x-ndjson"),
    (status = 403, description = "The room is closed to you", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub async fn export(State(state): Shared, who: Anybody, Place(room): Place<String>) -> Result<Response, AppError> {
    let room = room_name(&room).map_err(|_| AppError::RoomNotFound)?;
    let who = who.onlooker();
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
    Ok((no_store(), kind, axum::body::Body::from_stream(all)).into_response())
}

/// A page of an export, as lines of JSON, and where to go on. Whether it may be read is looked at for each page: a room may be
/// closed meanwhile.
async fn exported(
    state: &AppState,
    who: Onlooker,
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
    who: Onlooker,
    room: &RoomName,
    after: u64,
) -> Result<(String, Option<u64>), AppError> {
    let deadline = tokio::time::Instant::now() + EXPORT_PATIENCE;
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

// ---- rooms ----

/// The rooms one may know of
///
/// Rooms by invitation are named to the sessions that are in them and to no other.
#[utoipa::path(get, path = "/rooms", tag = "rooms", responses(
    (status = 200, description = "By name", body = Vec<Room>),
    (status = 403, description = "You are kept out", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub async fn list_rooms(State(state): Shared, who: Anybody) -> Result<Json<Vec<Room>>, AppError> {
    let hidden = state.look(who.onlooker(), Sought::Everything).await?;
    Ok(Json(state.open_rooms(&hidden)))
}

// ---- the server itself ----

/// That it is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `stale` where `missed` is not 0.
    #[schema(example = "ok")]
    status: &'static str,
    /// Events that the read model behind REST has missed since the start: it may lack lines. What sockets get lacks nothing.
    missed: u64,
}

impl Health {
    fn of(state: &AppState) -> Json<Health> {
        let missed = state.missed();
        Json(Health { status: if missed == 0 { "ok" } else { "stale" }, missed })
    }
}

/// What this server offers to whoever is not in yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct Offer {
    /// Whether names can be one's own, and what was said can be searched: the server has a store.
    accounts: bool,
    /// Whether only members come in.
    private: bool,
    /// The most bytes of a file that one can send here, 0 for any number; nothing where no files are passed on.
    files: Option<u64>,
    /// The port of the line door, at the host of this address; nothing where it listens for its own machine only and this
    /// was asked by another name.
    line: Option<u16>,
}

/// What this server offers
#[utoipa::path(get, path = "/server", tag = "server", responses((status = 200, description = "Before one has a name", body = Offer)))]
pub async fn offer(State(state): Shared, headers: HeaderMap) -> Json<Offer> {
    let policy = state.handle.registry().policy();
    let files = state.handle.find::<chat_server::features::files::Files>().map(|_| state.handle.config().file_bytes);
    let door = state.handle.addr();
    let line = (!door.ip().is_loopback() || names_this_machine(&headers)).then_some(door.port());
    Json(Offer { accounts: policy.is_some(), private: policy.is_some_and(|policy| policy.private), files, line })
}

/// Whether a request was made to a name that means the machine itself (RFC 6761, section 6.3).
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(Authority::parse);
    host.is_some_and(|Authority { name, .. }| {
        let is_loopback = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        name == "localhost" || name.ends_with(".localhost") || is_loopback
    })
}

/// Whether the door is up
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "It is", body = Health)))]
pub async fn healthz(State(state): Shared) -> Json<Health> {
    Health::of(&state)
}

/// Whether people can come in
///
/// 503 while the server is full or stops.
#[utoipa::path(get, path = "/readyz", tag = "server", responses(
    (status = 200, description = "They can", body = Health),
    (status = 503, description = "The server is full, or stopping", body = Problem)))]
pub async fn readyz(State(state): Shared) -> Result<Json<Health>, AppError> {
    if state.handle.is_stopping() {
        return Err(AppError::Stopping);
    }
    if state.handle.is_full() {
        let most = state.handle.config().max_clients;
        return Err(AppError::Full(format!("The server has {most} clients, which is the most.")));
    }
    Ok(Health::of(&state))
}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "server", responses(
    (status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(crate::routes::openapi())
}

/// `GET /problems/{code}`: what a problem is, and what to do.
///
/// # Errors
/// 404 for a code that there is not.
pub async fn problem(Place(code): Place<String>) -> Result<Html<String>, AppError> {
    let known = PROBLEMS.iter().find(|(known, ..)| *known == code).ok_or(AppError::NotFound)?;
    let (code, status, title, advice) = *known;
    let advice = advice.replace('&', "&amp;").replace('<', "&lt;");
    Ok(Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/app.css\"><main class=\"problem\"><h1>{title}</h1>\
         <p>{advice}</p><p>Code <code>{code}</code>, HTTP status {status}.</p></main></html>"
    )))
}

// ---- pages of messages ----

fn limit_of(limit: Option<usize>) -> Result<usize, AppError> {
    let limit = limit.unwrap_or(PAGE);
    let right = (1..=LARGEST_PAGE).contains(&limit);
    right
        .then_some(limit)
        .ok_or_else(|| AppError::InvalidRequest(format!("limit is a number from 1 to {LARGEST_PAGE}.")))
}

/// A number of a query, which the OpenAPI document has as one with a sign. `right` says what it should be.
pub(crate) fn number(typed: Option<i64>, right: &str) -> Result<Option<u64>, AppError> {
    typed.map(u64::try_from).transpose().map_err(|_| AppError::InvalidRequest(right.into()))
}

async fn page_of(state: &AppState, who: Onlooker, room: &str, query: &RoomQuery) -> Result<Page, AppError> {
    let name = room_name(room).map_err(|_| AppError::RoomNotFound)?;
    state.look(who, Sought::Room(name.clone())).await?;
    let around = match query.around {
        Some(id) => {
            let message = state.messages.get(&id).filter(|message| message.room.eq_ignore_ascii_case(room));
            Some(message.ok_or(AppError::MessageNotFound)?.seq)
        }
        None => None,
    };
    let right = "before and after are the seq of an event, or 0.";
    let (before, after, limit) = (number(query.before, right)?, number(query.after, right)?, limit_of(query.limit)?);
    let asked = PageQuery { before, after, around, limit };
    let mut page = state.page(room, asked);
    // Memory ends here, and the room's log may not.
    let first = page.messages.first().map_or(before.unwrap_or(u64::MAX), |first| first.seq);
    if after.is_none() && around.is_none() && page.prev.is_none() && first > 1 {
        let left = limit - page.messages.len();
        // Where the page is full it is only asked whether there is more.
        let (mut older, more) = state.older(who, &name, first, left.max(1)).await?;
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

/// Every change of a room takes a number, so the last one says whether a page is the same; after another start of the
/// server the same number means something else. Weak, for the same page goes out in more than one encoding.
fn etag(state: &AppState, room: &str, last_seq: u64) -> String {
    format!("W/\"{}:{last_seq}:{}\"", room.to_ascii_lowercase(), state.instance.simple())
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

/// For answers that are for one person and one moment.
pub fn no_store() -> [(HeaderName, &'static str); 1] {
    [(header::CACHE_CONTROL, "no-store")]
}
