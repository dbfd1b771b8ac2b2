//! The lists of the dashboard, and what is done from them: accounts, rooms, bans and webhooks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chat_server::features::accounts::orders::AccountOrder;
use chat_server::features::calls::{Call, Order};
use chat_server::features::moderation::ban::{Kind, Target};
use chat_server::features::moderation::network::Network;
use chat_server::features::operators::dashboard::Dashboard;
use chat_server::model::code::Code;
use chat_server::model::names::{Name, RoomName};
use chat_server::model::refusal::Refusal;
use chat_server::model::roles::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::admin::Operator;
use super::extract::{JsonBody, PathParam, no_store};
use super::retention::Retention;
use crate::error::{AppError, Problem};
use crate::models::names::{bare, room_name, timestamp};
use crate::state::AppState;

/// What the dashboard lists.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lists {
    /// The accounts, the first 1,000 by name.
    accounts: Vec<ListedAccount>,
    /// How many accounts there are.
    count: usize,
    /// The rooms, the first 1,000 by name.
    rooms: Vec<ListedRoom>,
    /// The bans and mutes: first those of the whole server; 1,000 at most.
    bans: Vec<ListedBan>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedAccount {
    /// Its name.
    #[schema(example = "ana")]
    name: String,
    /// `member`, `op` or `admin`.
    #[schema(example = "member")]
    role: &'static str,
    /// Whether its user is connected.
    online: bool,
    /// How many rooms it is a member of.
    rooms: usize,
}

/// A room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedRoom {
    /// Its name, without the `#`.
    #[schema(example = "rust")]
    id: String,
    /// For how many days it keeps what is said; `null` is as long as the server does.
    days: Option<u32>,
    /// How many accounts are members of it.
    members: usize,
}

/// A ban or a mute.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedBan {
    /// The room; `null` is the whole server.
    room: Option<String>,
    /// `banned` or `muted`.
    #[schema(example = "banned")]
    what: &'static str,
    /// A name, or an address.
    #[schema(example = "192.0.2.0/24")]
    whom: String,
    /// Who did it.
    #[schema(example = "ana")]
    by: String,
    /// Since when, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-11-22T10:47:03.120Z")]
    since: String,
    /// Seconds until it is over; `null` is until it is lifted.
    seconds: Option<u64>,
    /// The reason given.
    reason: Option<String>,
}

impl From<Dashboard> for Lists {
    fn from(dashboard: Dashboard) -> Lists {
        let accounts = dashboard.accounts.into_iter().map(|account| ListedAccount {
            name: account.name.to_string(),
            role: account.role.word(),
            online: account.is_online,
            rooms: account.rooms,
        });
        let rooms = dashboard.rooms.into_iter();
        let rooms = rooms.map(|room| ListedRoom { id: bare(&room.name), days: room.days, members: room.members });
        let bans = dashboard.bans.into_iter().map(|(room, ban)| ListedBan {
            room: room.as_ref().map(bare),
            what: word(ban.kind),
            whom: ban.target.map(|target| target.to_string()).unwrap_or_default(),
            by: ban.notice.by.to_string(),
            since: timestamp(ban.since),
            seconds: ban.notice.retry,
            reason: ban.notice.why.as_ref().map(ToString::to_string),
        });
        Lists { accounts: accounts.collect(), count: dashboard.count, rooms: rooms.collect(), bans: bans.collect() }
    }
}

fn word(kind: Kind) -> &'static str {
    if kind == Kind::Mute { "muted" } else { "banned" }
}

/// The accounts, the rooms, the bans and the mutes
#[utoipa::path(get, path = "/admin/lists", tag = "operators", security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "As they are now", body = Lists),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn lists(operator: Operator, State(state): State<Arc<AppState>>) -> Result<Response, AppError> {
    let by = operator.orderer();
    let lists = state.told(|reply| Call::Dashboard { by, reply }).await.ok_or(AppError::Stopping)??;
    Ok((no_store(), Json(Lists::from(lists))).into_response())
}

/// What is to be lifted.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Lift {
    /// The room; `null` is the whole server.
    room: Option<String>,
    /// `banned` or `muted`.
    #[schema(example = "banned")]
    what: String,
    /// A name, or an address, as it is listed.
    #[schema(example = "192.0.2.0/24")]
    whom: String,
}

/// Lift a ban or a mute
///
/// The room is told, or those around the user.
#[utoipa::path(post, path = "/admin/lift", tag = "operators", request_body = Lift, security(("operator" = []), ("session" = []), ("cookie" = [])),
    responses(
    (status = 204, description = "It is lifted"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "There is no such room, or nothing holds that user there", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The fields are wrong", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn lift(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    JsonBody(lift): JsonBody<Lift>,
) -> Result<StatusCode, AppError> {
    let room: Option<RoomName> = lift.room.as_deref().map(room_name).transpose()?;
    let kinds = [Kind::Ban, Kind::Mute];
    let kind = kinds.into_iter().find(|kind| word(*kind) == lift.what);
    let kind = kind.ok_or_else(|| AppError::WrongFields("what is banned or muted.".into()))?;
    let target = match Network::parse(&lift.whom) {
        Some(network) => Target::Network(network),
        None => Target::Name(Name::parse(&lift.whom)?),
    };
    operator.order(&state, Order::Lift { room, kind, target }).await.map(|_| StatusCode::NO_CONTENT)
}

/// Say how long a room keeps what is said
///
/// As its operators can. What is older is deleted for good, within the hour; the room is told.
#[utoipa::path(put, path = "/admin/rooms/{room}/retention", operation_id = "retain_by_order", tag = "operators",
    request_body = Retention, security(("operator" = []), ("session" = []), ("cookie" = [])),
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 204, description = "It is set, and kept"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "There is no such room", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "days is from 1 to 36500, or null", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn retain(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    PathParam(room): PathParam<String>,
    JsonBody(wanted): JsonBody<Retention>,
) -> Result<StatusCode, AppError> {
    let room = room_name(&room)?;
    match operator.order(&state, Order::Retain(room, wanted.checked()?)).await {
        Err(AppError::Chat(error)) if error.code() == Code::NoSuchRoom => Err(AppError::RoomNotFound),
        told => told.map(|_| StatusCode::NO_CONTENT),
    }
}

/// What an account may do.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewRole {
    /// `member`, `op` or `admin`.
    #[schema(example = "op")]
    role: String,
}

/// Say what an account may do
#[utoipa::path(put, path = "/admin/accounts/{name}/role", operation_id = "grant_role", tag = "operators",
    request_body = NewRole, security(("operator" = []), ("session" = []), ("cookie" = [])),
    params(("name" = String, Path, description = "The account")), responses(
    (status = 204, description = "It may from now on"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "There is no such account", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "There is no such role", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn grant(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    PathParam(name): PathParam<String>,
    JsonBody(wanted): JsonBody<NewRole>,
) -> Result<StatusCode, AppError> {
    let name = Name::parse(&name).map_err(|_| AppError::Chat(Refusal::no_such_user(&name)))?;
    let role = Role::named(&wanted.role);
    let role = role.ok_or_else(|| AppError::WrongFields("role is member, op or admin.".into()))?;
    let order = Order::Accounts(AccountOrder::Grant { name, role });
    operator.order(&state, order).await.map(|_| StatusCode::NO_CONTENT)
}

/// End a webhook
///
/// What is said in its room is not sent there any more, and the room is told.
#[utoipa::path(delete, path = "/admin/webhooks/{number}", operation_id = "end_webhook", tag = "operators",
    security(("operator" = []), ("session" = []), ("cookie" = [])),
    params(("number" = i64, Path, description = "Its number", minimum = 1)), responses(
    (status = 204, description = "It is no more"),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "No webhook has this number", body = Problem),
    (status = 422, description = "That is no number", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no programs", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn end_webhook(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    PathParam(number): PathParam<String>,
) -> Result<StatusCode, AppError> {
    let order = Order::EndWebhook(parsed(&number)?);
    operator.order(&state, order).await.map(|_| StatusCode::NO_CONTENT)
}

/// Try a dead letter again
///
/// If it fails for good, it comes back to the dead ones.
#[utoipa::path(post, path = "/admin/letters/{number}", operation_id = "try_again", tag = "operators",
    security(("operator" = []), ("session" = []), ("cookie" = [])),
    params(("number" = i64, Path, description = "Its number", minimum = 1)), responses(
    (status = 204, description = "It is tried again"),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "No dead letter has this number", body = Problem),
    (status = 422, description = "That is no number", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no programs", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn try_again(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    PathParam(number): PathParam<String>,
) -> Result<StatusCode, AppError> {
    let order = Order::TryAgain(parsed(&number)?);
    operator.order(&state, order).await.map(|_| StatusCode::NO_CONTENT)
}

/// The number of a webhook or a letter in a path.
fn parsed(number: &str) -> Result<u64, AppError> {
    number.parse().map_err(|_| AppError::Chat(Refusal::bad_argument(number, "It is a number.")))
}
