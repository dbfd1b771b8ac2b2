//! What operators see and do: the dashboard's calls, for administrators and for who has the operator key.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use chat_server::features::archive::store::Answer;
use chat_server::features::calls::{Call, Order, Orderer};
use chat_server::model::code::Code;
use chat_server::model::now::Moment;
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::{check_address, session_of};
use super::extract::{JsonBody, QueryParams, number};
use crate::error::{AppError, Problem};
use crate::http::peer::Peer;
use crate::models::input::one_line;
use crate::models::names::room_name;
use crate::models::objects::{AuditEntry, Room, User};
use crate::models::programs::{DeadLetter, Webhook};
use crate::state::AppState;

/// How many acts a page of the audit has if nothing is said, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;

/// A caller who may give orders: by the session of an administrator, or by the operator key. The router decides either, as for every
/// other door.
pub(crate) struct Operator(Orderer);

impl FromRequestParts<Arc<AppState>> for Operator {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Operator, AppError> {
        let peer = Peer::from(&*parts);
        if let Some(session) = session_of(state, &parts.headers, peer) {
            check_address(state, &session, peer).await?;
            session.touch().await;
            let client = session.client;
            let rights = state.rights(client).await.ok_or(AppError::Stopping)?;
            return if rights.role >= Role::Admin {
                Ok(Operator(Orderer::Client(client)))
            } else {
                Err(AppError::NotAdmin)
            };
        }
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if given.is_empty() {
            return Err(AppError::KeyMissing);
        }
        let (key, from, is_private) = (Secret::new(given), Some(peer.address.ip()), peer.is_private());
        match state.answer(|reply| Call::Operator { key, from, is_private, reply }.into()).await {
            Some(Answer::Refused(refused)) => Err(match Refusal::from(refused) {
                refusal if refusal.code() == Code::NotOperator => AppError::NoOperators,
                refusal if refusal.code() == Code::BadPassword => AppError::NotOperator,
                refusal => AppError::Chat(refusal),
            }),
            Some(_) => Ok(Operator(Orderer::Page(from))),
            None => Err(AppError::Stopping),
        }
    }
}

impl Operator {
    /// The one who gives orders.
    pub(super) fn orderer(&self) -> Orderer {
        self.0
    }

    /// Gives the router an order, which is then written into the audit.
    pub(super) async fn order(&self, state: &AppState, order: Order) -> Result<Answer, AppError> {
        let by = self.0;
        match state.answer(|reply| Call::Order { order, by, reply }.into()).await {
            Some(Answer::Refused(refused)) => Err(AppError::Chat(refused.into())),
            Some(answer) => Ok(answer),
            None => Err(AppError::Stopping),
        }
    }
}

/// Everything the dashboard shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// The server.
    server: About,
    /// The counters.
    totals: BTreeMap<&'static str, u64>,
    /// How many people by which door.
    doors: BTreeMap<&'static str, usize>,
    /// All rooms.
    rooms: Vec<Room>,
    /// All users.
    people: Vec<Person>,
    /// The figures of `STATS`.
    stats: Vec<Figure>,
}

/// What the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct About {
    /// Its name.
    name: String,
    /// Its version.
    version: &'static str,
    /// Seconds since its start.
    uptime_s: u64,
}

/// One person, with what only operators may see.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    /// What all users see.
    #[serde(flatten)]
    user: User,
    /// The peer's address.
    origin: String,
}

/// One figure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Figure {
    /// A word for programs.
    key: &'static str,
    /// The figure.
    value: u64,
    /// What it counts.
    text: &'static str,
}

/// What the dashboard shows
#[utoipa::path(get, path = "/admin/overview", tag = "operators", security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "Everything at this moment", body = Overview),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn overview(_: Operator, State(state): State<Arc<AppState>>) -> Json<Overview> {
    let metrics = state.handle.metrics();
    metrics.sample_process();
    let now = Moment::now();
    let figures = metrics.stats(state.handle.registry().snapshot(), now);
    let mut totals: BTreeMap<&'static str, u64> = figures.iter().map(|stat| (stat.key, stat.value)).collect();
    totals.insert("sockets", state.sockets.count() as u64);
    totals.insert("sessions", state.sessions.count() as u64);
    let mut doors = BTreeMap::from([("line", 0), ("web", 0)]);
    let mut people = Vec::new();
    for person in state.handle.registry().people() {
        *doors.entry(person.door).or_default() += 1;
        people.push(Person { user: state.user(&person, &[], now), origin: person.origin });
    }
    people.sort_by_key(|person| person.user.name.to_ascii_lowercase());
    Json(Overview {
        server: About {
            name: state.handle.config().name.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: state.started.elapsed().as_secs(),
        },
        totals,
        doors,
        rooms: state.all_rooms(),
        people,
        stats: figures.into_iter().map(|stat| Figure { key: stat.key, value: stat.value, text: stat.text }).collect(),
    })
}

/// Whom to send away.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Kick {
    /// The person's id.
    id: Uuid,
    /// Why, in one line; they and their rooms read it.
    #[schema(pattern = r"^[^\r\n]*[\r\n]*$")]
    reason: Option<String>,
}

/// Send a user away
///
/// Every connection of that person ends, with the reason. They may come again; `/ban` at any door keeps them out.
#[utoipa::path(post, path = "/admin/kick", tag = "operators", request_body = Kick, security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "Gone"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "No user who is on has this id", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The fields are wrong", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn kick(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    JsonBody(kick): JsonBody<Kick>,
) -> Result<StatusCode, AppError> {
    let people = state.handle.registry().people();
    let person = people.iter().find(|person| state.ids.user(person.id) == kick.id).ok_or(AppError::UserNotFound)?;
    let reason = kick.reason.as_deref().filter(|why| !why.trim().is_empty());
    let why = reason.map(|why| one_line(why, state.handle.config().line_bytes)).transpose()?;
    match operator.order(&state, Order::Kick { person: person.id, why }).await {
        // They may have gone by themselves in the meantime.
        Err(AppError::Chat(error)) if error.code() == Code::NoSuchUser => Err(AppError::UserNotFound),
        told => told.map(|_| StatusCode::NO_CONTENT),
    }
}

/// What to tell all users.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Announcement {
    /// One line, not empty.
    #[schema(example = "Tea is ready", min_length = 1, pattern = r"^[^\r\n]*[\S\x1c-\x1f][^\r\n]*[\r\n]*$")]
    text: String,
}

/// Tell all users something
///
/// It is a notice in every room and at every door, and stands in no history.
#[utoipa::path(post, path = "/admin/announce", tag = "operators", request_body = Announcement, security(("operator" = []), ("session" = []), ("cookie" = [])),
    responses(
    (status = 204, description = "Told"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 413, description = "The text is too long", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The text cannot stand", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn announce(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    JsonBody(announcement): JsonBody<Announcement>,
) -> Result<StatusCode, AppError> {
    let text = one_line(&announcement.text, state.handle.config().line_bytes)?;
    operator.order(&state, Order::Announce(text)).await.map(|_| StatusCode::NO_CONTENT)
}

/// Which room.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Forget {
    /// Its name, without the `#`.
    #[schema(example = "club")]
    room: String,
}

/// Forget a room
///
/// Its members have to leave, and what was said in it is no more.
#[utoipa::path(post, path = "/admin/forget", tag = "operators", request_body = Forget, security(("operator" = []), ("session" = []), ("cookie" = [])),
    responses(
    (status = 204, description = "It is no more"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "It cannot be forgotten, or the fields are wrong", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn forget(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    JsonBody(forget): JsonBody<Forget>,
) -> Result<StatusCode, AppError> {
    let room = room_name(&forget.room)?;
    match operator.order(&state, Order::Forget(room)).await {
        Err(AppError::Chat(error)) if error.code() == Code::NoSuchRoom => Err(AppError::RoomNotFound),
        told => told.map(|_| StatusCode::NO_CONTENT),
    }
}

/// All webhooks, and what could not be delivered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhooks {
    /// The webhooks, oldest first.
    webhooks: Vec<Webhook>,
    /// What is not tried any more, the newest last; 1,000 at most.
    dead: Vec<DeadLetter>,
}

/// Where what is said in rooms goes
///
/// `/webhook again <number>` at any door tries a dead letter again.
#[utoipa::path(get, path = "/admin/webhooks", tag = "operators", security(("operator" = [])), responses(
    (status = 200, description = "All webhooks, and the dead letters", body = Webhooks),
    (status = 401, description = "No operator key was sent", body = Problem),
    (status = 403, description = "Not with this key, or others could read it", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no programs", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn webhooks(
    operator: Operator,
    State(state): State<Arc<AppState>>,
) -> Result<Json<Webhooks>, AppError> {
    match operator.order(&state, Order::Webhooks).await? {
        Answer::Webhooks(webhooks, dead) => Ok(Json(Webhooks {
            webhooks: webhooks.iter().map(Webhook::of).collect(),
            dead: dead.iter().map(DeadLetter::of).collect(),
        })),
        _ => Err(AppError::Internal),
    }
}

/// Which acts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only acts with a smaller number.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// How many; 50 if nothing is said, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Audit {
    /// What operators did, oldest first.
    acts: Vec<AuditEntry>,
    /// There is more: ask with `before` this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<u64>,
}

/// What operators did
///
/// The newest page if nothing is said. Without a store only the last 500 acts since the start are remembered.
#[utoipa::path(get, path = "/admin/audit", tag = "operators", params(AuditQuery), security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "Who did what, and when", body = Audit),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn audit(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    QueryParams(query): QueryParams<AuditQuery>,
) -> Result<Json<Audit>, AppError> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(AppError::InvalidRequest(format!("limit should be 1 to {LARGEST_PAGE}, not {limit}.")));
    }
    let before = number(query.before, "before is the number of an act.")?;
    match operator.order(&state, Order::Audit { before, limit }).await? {
        Answer::Acts { acts, more } => Ok(Json(Audit { acts: acts.iter().map(AuditEntry::of).collect(), more })),
        _ => Err(AppError::Internal),
    }
}
