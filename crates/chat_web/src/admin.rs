//! What operators see and do: the dashboard's calls, behind the operator key.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use chat_server::event::Leave;
use chat_server::message::Message as ToRouter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{AppError, Problem};
use crate::handlers::Body;
use crate::models::{Room, User};
use crate::peer::Peer;
use crate::state::AppState;

/// How many wrong keys one address may try, and in which time.
const TRIES: usize = 3;
const TRIES_IN: Duration = Duration::from_secs(60);

/// Wrong keys, by address.
#[derive(Default)]
pub struct WrongKeys(Mutex<HashMap<IpAddr, Vec<Instant>>>);

impl WrongKeys {
    /// Seconds to wait, if an address has tried too often.
    fn must_wait(&self, address: IpAddr, now: Instant) -> Option<u64> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, times| {
            times.retain(|at| now.saturating_duration_since(*at) < TRIES_IN);
            !times.is_empty()
        });
        let times = tries.get(&address).filter(|times| times.len() >= TRIES)?;
        times.first().map(|first| (TRIES_IN - now.saturating_duration_since(*first)).as_secs() + 1)
    }

    fn count(&self, address: IpAddr, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(address).or_default().push(now);
    }
}

/// Somebody who has the operator key.
pub struct Operator;

impl FromRequestParts<Arc<AppState>> for Operator {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Operator, AppError> {
        let config = state.handle.config();
        let key = config.operator_key.as_ref().ok_or(AppError::NoOperators)?;
        let address = Peer::from(&*parts).address.ip();
        let now = Instant::now();
        if let Some(seconds) = state.wrong_keys.must_wait(address, now) {
            return Err(AppError::TooMany(seconds));
        }
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if given.is_empty() {
            return Err(AppError::KeyMissing);
        }
        if key.is(given) {
            return Ok(Operator);
        }
        state.wrong_keys.count(address, now);
        tracing::warn!(%address, "a wrong operator key");
        Err(AppError::NotOperator)
    }
}

/// Everything the dashboard shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// The server.
    server: About,
    /// The counters.
    totals: BTreeMap<&'static str, u64>,
    /// How many people by which door.
    doors: BTreeMap<&'static str, usize>,
    /// All rooms.
    rooms: Vec<Room>,
    /// Everybody.
    people: Vec<Person>,
    /// The figures of `STATS`.
    stats: Vec<Figure>,
}

/// What the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct About {
    /// Its name.
    name: String,
    /// Its version.
    version: &'static str,
    /// Seconds since its start.
    uptime_s: u64,
}

/// One person, with what only operators may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    /// What everybody sees.
    #[serde(flatten)]
    user: User,
    /// The peer's address.
    origin: String,
}

/// One figure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Figure {
    /// A word for programs.
    key: &'static str,
    /// The figure.
    value: u64,
    /// What it counts.
    text: &'static str,
}

/// What the dashboard shows
#[utoipa::path(get, path = "/admin/overview", tag = "operators", security(("operator" = [])), responses(
    (status = 200, description = "Everything at this moment", body = Overview),
    (status = 401, description = "No operator key was sent", body = Problem),
    (status = 403, description = "Not with this key", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem)))]
pub async fn overview(_: Operator, State(state): State<Arc<AppState>>) -> Json<Overview> {
    let metrics = state.handle.metrics();
    metrics.sample_process();
    let now = Instant::now();
    let figures = metrics.stats(state.handle.registry().snapshot(), now);
    let mut totals: BTreeMap<&'static str, u64> = figures.iter().map(|stat| (stat.key, stat.value)).collect();
    totals.insert("sockets", state.config.sockets.count() as u64);
    totals.insert("sessions", state.sessions.len() as u64);
    let mut doors = BTreeMap::from([("line", 0), ("web", 0)]);
    let mut people = Vec::new();
    for person in state.handle.registry().people() {
        *doors.entry(person.door).or_default() += 1;
        let idle = person.last_line.map_or(0, |at| now.saturating_duration_since(at).as_secs());
        let user = User {
            id: state.user_id(person.id),
            name: person.name.to_string(),
            door: person.door,
            state: crate::models::Presence::of(person.away.is_some(), idle),
            away: person.away.map(|why| why.to_string()),
            rooms: person.rooms.iter().map(crate::models::bare).collect(),
            idle: Some(idle),
        };
        people.push(Person { user, origin: person.origin });
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
pub struct Kick {
    /// The person's id.
    id: Uuid,
    /// Why, in one line; they and their rooms read it.
    #[schema(pattern = r"^[^\r\n]*[\r\n]*$")]
    reason: Option<String>,
}

/// Send somebody away
#[utoipa::path(post, path = "/admin/kick", tag = "operators", request_body = Kick, security(("operator" = [])), responses(
    (status = 204, description = "Gone"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No operator key was sent", body = Problem),
    (status = 403, description = "Not with this key", body = Problem),
    (status = 404, description = "Nobody who is on has this id", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The fields are wrong", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem)))]
pub async fn kick(
    _: Operator,
    State(state): State<Arc<AppState>>,
    Body(kick): Body<Kick>,
) -> Result<StatusCode, AppError> {
    let people = state.handle.registry().people();
    let person = people.iter().find(|person| state.user_id(person.id) == kick.id).ok_or(AppError::UserNotFound)?;
    let reason = kick.reason.as_deref().filter(|why| !why.trim().is_empty());
    let reason = reason.map(|why| crate::websocket::one_line(why, state.handle.config().line_bytes)).transpose()?;
    tracing::info!(client = %person.id, name = %person.name, "kicked by an operator");
    // Whoever came by several connections goes by all of them.
    for client in state.handle.registry().connections_of(person.id) {
        state.tell_router(ToRouter::ClientLeft(client, Leave::Kicked(reason.clone()))).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What to tell everybody.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Announcement {
    /// One line, not empty.
    #[schema(example = "Tea is ready", min_length = 1, pattern = r"^[^\r\n]*[\S\x1c-\x1f][^\r\n]*[\r\n]*$")]
    text: String,
}

/// Tell everybody something
#[utoipa::path(post, path = "/admin/announce", tag = "operators", request_body = Announcement, security(("operator" = [])),
    responses(
    (status = 204, description = "Told"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No operator key was sent", body = Problem),
    (status = 403, description = "Not with this key", body = Problem),
    (status = 413, description = "The text is too long", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The text cannot stand", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem)))]
pub async fn announce(
    _: Operator,
    State(state): State<Arc<AppState>>,
    Body(announcement): Body<Announcement>,
) -> Result<StatusCode, AppError> {
    let text = crate::websocket::one_line(&announcement.text, state.handle.config().line_bytes)?;
    tracing::info!(text = %text.escape_debug(), "announced by an operator");
    state.tell_router(ToRouter::Broadcast(text)).await;
    Ok(StatusCode::NO_CONTENT)
}
