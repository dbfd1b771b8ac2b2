//! The server itself: which rooms it has, what it offers, whether it is up, and what its problems mean.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use chat_server::config::hosts::Authority;
use chat_server::features::calls::{Access, Caller};
use chat_server::features::files::Files;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::{Shared, SignedOn, Viewer};
use super::extract::{PathParam, no_store};
use super::place::picture_of;
use crate::error::problems::PROBLEMS;
use crate::error::{AppError, Problem};
use crate::http::negotiation::prefers_indonesian;
use crate::http::peer::Peer;
use crate::models::names::bare;
use crate::models::objects::{Room, Talk};
use crate::state::AppState;
use crate::words::indonesian;

/// The rooms one may know of
///
/// Rooms by invitation are named to the sessions that are in them and to no other.
#[utoipa::path(get, path = "/rooms", tag = "rooms", responses(
    (status = 200, description = "By name", body = Vec<Room>),
    (status = 403, description = "You are kept out", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn list_rooms(State(state): Shared, viewer: Viewer) -> Result<Json<Vec<Room>>, AppError> {
    let hidden = state.may_read(viewer.caller(), Access::Everything).await?;
    Ok(Json(state.open_rooms(&hidden)))
}

/// Your direct talks
///
/// A talk is read, searched and exported as a room is, by its name in the place of the room's.
#[utoipa::path(get, path = "/talks", tag = "rooms", security(("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "By name", body = Vec<Talk>),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "You are kept out", body = Problem),
    (status = 429, description = "Too much is read from your address", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn list_talks(
    State(state): Shared,
    SignedOn(session): SignedOn,
    peer: Peer,
) -> Result<Response, AppError> {
    let who = Caller { client: Some(session.client), address: peer.address.ip() };
    let talks = state.talks(who).await?.into_iter();
    let talks: Vec<Talk> = talks.map(|talk| Talk { id: bare(&talk.name), last_seq: talk.last_id }).collect();
    Ok((no_store(), Json(talks)).into_response())
}

/// That it is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
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

/// What this server offers to a client that is not in yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Offer {
    /// The name of the place.
    #[schema(example = "Warung Kopi")]
    name: String,
    /// Where its picture is; nothing where it has none.
    picture: Option<String>,
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
pub(crate) async fn offer(State(state): Shared, headers: HeaderMap) -> Json<Offer> {
    let policy = state.handle.registry().policy();
    let files = state.handle.find::<Files>().map(|_| state.handle.config().file_bytes);
    let door = state.handle.addr();
    let line = (!door.ip().is_loopback() || names_this_machine(&headers)).then_some(door.port());
    let (name, picture) = (state.handle.config().name.to_string(), picture_of(&state));
    let private = policy.is_some_and(|policy| policy.private);
    Json(Offer { name, picture, accounts: policy.is_some(), private, files, line })
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
pub(crate) async fn healthz(State(state): Shared) -> Json<Health> {
    Health::of(&state)
}

/// Whether people can come in
///
/// 503 while the server is full or stops.
#[utoipa::path(get, path = "/readyz", tag = "server", responses(
    (status = 200, description = "They can", body = Health),
    (status = 503, description = "The server is full, or stopping", body = Problem)))]
pub(crate) async fn readyz(State(state): Shared) -> Result<Json<Health>, AppError> {
    if state.handle.is_stopping() {
        return Err(AppError::Stopping);
    }
    if state.handle.is_full() {
        let most = state.handle.config().max_clients;
        return Err(AppError::Full(format!("The server has {most} clients, which is the most.")));
    }
    Ok(Health::of(&state))
}

/// `GET /problems/{code}`: what a problem is, and what to do.
///
/// # Errors
/// 404 for a code that there is not.
pub(crate) async fn problem(headers: HeaderMap, PathParam(code): PathParam<String>) -> Result<Response, AppError> {
    let known = PROBLEMS.iter().find(|(known, ..)| *known == code).ok_or(AppError::NotFound)?;
    let (code, status, title, advice) = *known;
    let is_indonesian = prefers_indonesian(&headers);
    let shown = |words: &str| {
        let other = if is_indonesian { indonesian(words) } else { None };
        other.unwrap_or_else(|| words.into()).replace('&', "&amp;").replace('<', "&lt;")
    };
    let lang = if is_indonesian { "id" } else { "en" };
    let (title, advice) = (shown(title), shown(advice));
    let last = shown(&format!("Code {code}, HTTP status {status}."));
    let page = format!(
        "<!doctype html><html lang=\"{lang}\"><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/app.css\"><main class=\"problem\"><h1>{title}</h1>\
         <p>{advice}</p><p>{last}</p></main></html>"
    );
    Ok(([(header::CONTENT_LANGUAGE, lang), (header::VARY, "accept-language")], Html(page)).into_response())
}
