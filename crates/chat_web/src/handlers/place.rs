//! The name and the picture of the place: how its owner sets them, and where a browser finds them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use chat_server::features::calls::Order;
use chat_server::model::text::Text;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::admin::Operator;
use super::assets::{asset, plain, tag_of};
use super::extract::JsonBody;
use crate::error::{AppError, Problem};
use crate::place::{self, MOST, Place, SIDE};
use crate::state::AppState;

/// Where the picture is. Without one there is the page's own icon.
const ICON: &str = "/icons/192.png";

/// Another name of the place.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewName {
    /// One line: what the page, the telnet greeting and the app on a home screen are called.
    #[schema(example = "Warung Kopi")]
    name: String,
}

/// Name the place
///
/// It holds at once, at every door, and goes before the name of the settings.
#[utoipa::path(put, path = "/admin/place", operation_id = "name_place", tag = "operators", request_body = NewName,
    security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "It is called so"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "That is no name", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn name(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    JsonBody(wanted): JsonBody<NewName>,
) -> Result<StatusCode, AppError> {
    let place = place_of(&state)?;
    let name = wanted.name.trim();
    let mut config = (*state.handle.config()).clone();
    place::named(&mut config, name).map_err(AppError::WrongFields)?;
    place.keep_name(name).map_err(|error| not_kept(&error))?;
    state.handle.reload(config);
    operator.order(&state, Order::Place(Text::new(name).unwrap_or_default())).await.map(|_| StatusCode::NO_CONTENT)
}

/// Give the place a picture
///
/// A PNG of 192 by 192 pixels, 60 KiB at most: the icon of the page, of its app and of its notifications.
#[utoipa::path(put, path = "/admin/place/picture", operation_id = "set_picture", tag = "operators",
    request_body(content = Vec<u8>, content_type = "image/png"),
    security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "It is there"),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 422, description = "It is no such picture", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn set_picture(
    operator: Operator,
    State(state): State<Arc<AppState>>,
    picture: Bytes,
) -> Result<StatusCode, AppError> {
    if !place::is_picture(&picture) {
        let right = format!("A picture is a PNG of {SIDE} by {SIDE} pixels, with {} KiB at most.", MOST / 1_024);
        return Err(AppError::WrongFields(right));
    }
    change_picture(&operator, &state, Some(&picture)).await
}

/// Take the picture of the place away
#[utoipa::path(delete, path = "/admin/place/picture", operation_id = "unset_picture", tag = "operators",
    security(("operator" = []), ("session" = []), ("cookie" = [])), responses(
    (status = 204, description = "There is the page's own icon again"),
    (status = 401, description = "Neither a session nor an operator key was sent", body = Problem),
    (status = 403, description = "Not with this session or key, or others could read the key", body = Problem),
    (status = 429, description = "Too many wrong keys", body = Problem),
    (status = 501, description = "The server keeps nothing", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn unset_picture(
    operator: Operator,
    State(state): State<Arc<AppState>>,
) -> Result<StatusCode, AppError> {
    change_picture(&operator, &state, None).await
}

async fn change_picture(operator: &Operator, state: &AppState, picture: Option<&[u8]>) -> Result<StatusCode, AppError> {
    place_of(state)?.keep_picture(picture).map_err(|error| not_kept(&error))?;
    let what = if picture.is_some() { "picture" } else { "no picture" };
    operator.order(state, Order::Place(Text::new(what).unwrap_or_default())).await.map(|_| StatusCode::NO_CONTENT)
}

/// The place, where the server keeps something.
fn place_of(state: &AppState) -> Result<&Place, AppError> {
    let no_store = || AppError::Chat(chat_server::model::refusal::Refusal::no_store("name and picture"));
    state.config.place.as_ref().ok_or_else(no_store)
}

fn not_kept(error: &std::io::Error) -> AppError {
    tracing::error!(%error, "the name or the picture of the place is not kept");
    AppError::Internal
}

/// The picture, as the offer names it: another one has another address.
pub(crate) fn picture_of(state: &AppState) -> Option<String> {
    let bytes = state.config.place.as_ref()?.picture()?;
    Some(format!("{ICON}?v={}", tag_of(&bytes)))
}

/// `GET /icons/192.png`: the picture of the place, or the page's own icon.
///
/// # Errors
/// As for a file of the page.
pub(crate) async fn icon(
    State(state): State<Arc<AppState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let Some(bytes) = state.config.place.as_ref().and_then(Place::picture) else {
        return asset(State(state), method, uri, headers).await;
    };
    let head = [
        (header::CONTENT_TYPE, "image/png".to_string()),
        (header::CACHE_CONTROL, "no-cache".into()),
        (header::ETAG, format!("\"{}\"", tag_of(&bytes))),
    ];
    Ok((head, bytes).into_response())
}

/// `GET /manifest.webmanifest`: the app on a home screen has the name and the picture of the place.
///
/// # Errors
/// There is no such file in the folder of the page.
pub(crate) async fn manifest(State(state): State<Arc<AppState>>) -> Result<Response, AppError> {
    let bytes = plain(&state, "manifest.webmanifest").ok_or(AppError::NotFound)?;
    let mut manifest: Value = serde_json::from_slice(&bytes).map_err(|_| AppError::Internal)?;
    let name = state.handle.config().name.to_string();
    manifest["name"] = json!(name);
    manifest["short_name"] = json!(name);
    if let Some(src) = picture_of(&state) {
        manifest["icons"] = json!([{ "src": src, "sizes": format!("{SIDE}x{SIDE}"), "type": "image/png" }]);
    }
    let head = [(header::CONTENT_TYPE, "application/manifest+json"), (header::CACHE_CONTROL, "no-cache")];
    Ok((head, manifest.to_string()).into_response())
}
