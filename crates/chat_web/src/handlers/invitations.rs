//! Invitations, as administrators make, see and end them; and what they do about accounts.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chat_server::features::accounts::invitations::{Invitation as Row, Terms};
use chat_server::features::accounts::orders::AccountOrder;
use chat_server::features::archive::store::Answer;
use chat_server::features::calls::Order;
use chat_server::model::code::Code;
use chat_server::model::names::Name;
use chat_server::model::refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::admin::Operator;
use super::extract::{JsonBody, PathParam, QueryParams, no_store, number};
use crate::error::{AppError, Problem};
use crate::models::names::{bare, room_name, timestamp};
use crate::state::AppState;

/// How many invitations a page has if nothing is said, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;

/// What an invitation is to be good for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Wanted {
    /// For how many people; 1 if nothing is said.
    #[schema(minimum = 1, maximum = 1000)]
    uses: Option<u64>,
    /// For how many seconds; seven days if nothing is said.
    #[schema(minimum = 60, maximum = 31_536_000, example = 604_800)]
    seconds: Option<u64>,
    /// The rooms that they come into, beside the lobby, with or without `#`. Each has to exist.
    #[serde(default)]
    #[schema(max_items = 9, example = json!(["tea"]))]
    rooms: Vec<String>,
}

/// A new invitation. Its code is shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Made {
    /// Its number, by which it is listed and ended.
    #[schema(example = 3)]
    number: u64,
    /// What is typed to register with it.
    #[schema(example = "k7qf-9d2m-x4tr")]
    code: String,
    /// Where the page takes the code by itself: put it behind the address of the page.
    #[schema(example = "/#join=k7qf-9d2m-x4tr")]
    path: String,
    /// Until when it is good, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-12-07T18:00:00.000Z")]
    until: String,
    /// For how many people.
    uses: u32,
    /// The rooms that they come into, beside the lobby.
    rooms: Vec<String>,
}

/// An invitation as it is listed: without its code, which is kept nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// Its number, always rising.
    #[schema(example = 3)]
    number: u64,
    /// Who made it: a name, `(page)` for the operator key, `chatd` for the owner of the data.
    #[schema(example = "ana")]
    by: String,
    /// `open`, `used`, `old` or `ended`.
    #[schema(example = "open")]
    state: &'static str,
    /// Until when it is good.
    #[schema(example = "2026-12-07T18:00:00.000Z")]
    until: String,
    /// For how many people.
    uses: u32,
    /// How many registered with it.
    used: u32,
    /// The first 40 of them.
    used_by: Vec<String>,
    /// The rooms that they come into, beside the lobby.
    rooms: Vec<String>,
}

/// A page of invitations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invitations {
    /// Oldest first.
    invitations: Vec<Invitation>,
    /// There is more: ask with `before` this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<u64>,
}

/// Which invitations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those with a smaller number.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// How many; 50 if nothing is said, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Make an invitation
///
/// People register with its code; on the page by a link.
#[utoipa::path(post, path = "/admin/invitations", operation_id = "make_invitation", tag = "operators", request_body = Wanted,
    security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 201, description = "Here is its code", body = Made),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "There is no room of a name in `rooms`", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "The fields are wrong", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn make(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    JsonBody(wanted): JsonBody<Wanted>,
) -> Result<Response, AppError> {
    let rooms = wanted.rooms.iter().map(|room| room_name(room)).collect::<Result<_, Refusal>>();
    let terms = rooms.and_then(|rooms| Terms::new(wanted.uses, wanted.seconds.map(Duration::from_secs), rooms));
    let terms = terms.map_err(AppError::of_reading)?;
    let order = Order::Accounts(AccountOrder::Invite(terms.clone()));
    match operator.order(&state, order).await.map_err(no_room)? {
        Answer::Code { number, code, until } => {
            let made = Made {
                number,
                path: format!("/#join={code}"),
                code: code.to_string(),
                until: timestamp(until),
                uses: terms.uses(),
                rooms: terms.rooms().iter().map(bare).collect(),
            };
            Ok((StatusCode::CREATED, no_store(), Json(made)).into_response())
        }
        _ => Err(AppError::Internal),
    }
}

/// A code with which a user sets a new password. It is shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResetLink {
    /// Whose password it sets.
    #[schema(example = "ana")]
    name: String,
    /// What is sent to `POST /api/account/reset`, or typed behind `RESET:`.
    #[schema(example = "k7qf-9d2m-x4tr-ab3k-z8pw")]
    code: String,
    /// Where the page asks for the password: put it behind the address of the page.
    #[schema(example = "/#reset=k7qf-9d2m-x4tr-ab3k-z8pw")]
    path: String,
    /// Until when it is good, RFC 3339 in UTC with milliseconds.
    #[schema(example = "2026-12-01T18:00:00.000Z")]
    until: String,
}

/// Make a reset link
///
/// Its user sets a new password with it, once and within a day. The one before is good no more.
#[utoipa::path(post, path = "/admin/accounts/{name}/reset", operation_id = "make_reset_link", tag = "operators",
    security(("operator" = []), ("session" = []), ("cookie" = [])),
    params(("name" = String, Path, description = "The account")), responses(
    (status = 201, description = "Here is its code", body = ResetLink),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "There is no such account", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn make_reset(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    PathParam(name): PathParam<String>,
) -> Result<Response, AppError> {
    let name = account(&name)?;
    match operator.order(&state, Order::Accounts(AccountOrder::MakeReset(name.clone()))).await? {
        Answer::Code { code, until, .. } => {
            let (path, name) = (format!("/#reset={code}"), name.to_string());
            let made = ResetLink { name, code: code.to_string(), path, until: timestamp(until) };
            Ok((StatusCode::CREATED, no_store(), Json(made)).into_response())
        }
        _ => Err(AppError::Internal),
    }
}

/// What goes with an account.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Removal {
    /// `true`: what it said in rooms is deleted, with its files.
    messages: Option<bool>,
}

/// Remove an account
///
/// Its connections end, its name is free again, its direct talks are no more. What it said in rooms stays under its name, or is deleted.
#[utoipa::path(delete, path = "/admin/accounts/{name}", operation_id = "remove_account", tag = "operators",
    security(("operator" = []), ("session" = []), ("cookie" = [])),
    params(("name" = String, Path, description = "The account"), Removal), responses(
    (status = 204, description = "It is no more"),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "There is no such account", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn remove(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    PathParam(name): PathParam<String>,
    QueryParams(removal): QueryParams<Removal>,
) -> Result<StatusCode, AppError> {
    let (name, messages) = (account(&name)?, removal.messages.unwrap_or(false));
    let order = Order::Accounts(AccountOrder::Remove { name, messages });
    operator.order(&state, order).await.map(|_| StatusCode::NO_CONTENT)
}

/// The name of an account in a path. What cannot be a name is that of none.
fn account(name: &str) -> Result<Name, AppError> {
    Name::parse(name).map_err(|_| AppError::Chat(Refusal::no_such_user(name)))
}

fn no_room(error: AppError) -> AppError {
    match error {
        AppError::Chat(refusal) => AppError::of_reading(refusal),
        error => error,
    }
}

/// The invitations that there are
///
/// The newest page if nothing is said. Who registered with each is seen; the codes are kept nowhere.
#[utoipa::path(get, path = "/admin/invitations", operation_id = "list_invitations", tag = "operators", params(Which),
    security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 200, description = "Who made each, what it is good for, and who used it", body = Invitations),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn list(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    QueryParams(which): QueryParams<Which>,
) -> Result<Json<Invitations>, AppError> {
    let limit = which.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(AppError::InvalidRequest(format!("limit should be 1 to {LARGEST_PAGE}, not {limit}.")));
    }
    let before = number(which.before, "before is the number of an invitation.")?;
    match operator.order(&state, Order::Accounts(AccountOrder::Invitations { before, limit })).await? {
        Answer::Invitations { invitations, more } => {
            Ok(Json(Invitations { invitations: invitations.iter().map(Invitation::of).collect(), more }))
        }
        _ => Err(AppError::Internal),
    }
}

/// End an invitation
///
/// It is good no more. Who registered with it stays. One that is over already stays as it is.
#[utoipa::path(delete, path = "/admin/invitations/{number}", operation_id = "end_invitation", tag = "operators",
    security(("operator" = []), ("session" = []), ("cookie" = [])),
    params(("number" = i64, Path, description = "Its number", minimum = 1)), responses(
    (status = 204, description = "It is good no more"),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 404, description = "No invitation has this number", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps no accounts", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn end(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    PathParam(number): PathParam<String>,
) -> Result<StatusCode, AppError> {
    let number = number.parse().map_err(|_| AppError::InvitationNotFound)?;
    match operator.order(&state, Order::Accounts(AccountOrder::EndInvitation(number))).await {
        Err(AppError::Chat(error)) if error.code() == Code::BadArgument => Err(AppError::InvitationNotFound),
        told => told.map(|_| StatusCode::NO_CONTENT),
    }
}

impl Invitation {
    fn of(row: &Row) -> Invitation {
        Invitation {
            number: row.number,
            by: row.by.to_string(),
            state: row.state.word(),
            until: timestamp(row.until),
            uses: row.uses,
            used: row.used,
            used_by: row.used_by.iter().map(ToString::to_string).collect(),
            rooms: row.rooms.iter().map(bare).collect(),
        }
    }
}
