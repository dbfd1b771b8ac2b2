//! The pictures of accounts, which the page shows beside names.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_server::features::calls::Call;
use chat_server::features::profile;
use chat_server::model::names::Name;
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::{Shared, SignedOn};
use super::extract::{PathParam, QueryParams};
use super::files::POLICY;
use crate::error::{AppError, Problem};
use crate::http::negotiation;

/// Which picture is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Meant {
    /// What `PROFILE` says of it: under this address it never changes.
    v: Option<String>,
}

/// The picture of an account
///
/// A PNG or a JPEG of 64 by 64 pixels, as its user has set it by the preference `profile.picture`.
#[utoipa::path(get, path = "/profiles/{name}/picture", operation_id = "get_picture", tag = "users",
    security(("session" = []), ("cookie" = [])),
    params(("name" = String, Path, description = "The account"), Meant), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
    (status = 304, description = "It is the one that the caller has"),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 404, description = "There is no such account, or it shows none", body = Problem),
    (status = 412, description = "It is another one than the caller wants", body = Problem),
    (status = 422, description = "That can be no name", body = Problem),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn picture(
    State(state): Shared,
    SignedOn(session): SignedOn,
    PathParam(name): PathParam<String>,
    QueryParams(meant): QueryParams<Meant>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let (name, client) = (Name::parse(&name)?, session.client);
    let found = state.told(|reply| Call::Picture { client, name, reply }).await.ok_or(AppError::Stopping)??;
    let value = found.ok_or(AppError::NotFound)?;
    let bytes = profile::picture(&value).ok_or(AppError::NotFound)?;
    let tag = profile::tag(&value);
    let for_ever = meant.v.as_ref() == Some(&tag);
    let tag = format!("\"{tag}\"");
    let instead = negotiation::instead(&headers, &tag);
    let cached = [
        (header::ETAG, tag),
        (
            header::CACHE_CONTROL,
            if for_ever { "private, max-age=31536000, immutable" } else { "private, no-cache" }.into(),
        ),
    ];
    match instead {
        Some(StatusCode::NOT_MODIFIED) => return Ok((StatusCode::NOT_MODIFIED, cached).into_response()),
        Some(_) => return Err(AppError::NotMatched),
        None => {}
    }
    let kind = if bytes.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" };
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Ok((cached, fixed, bytes).into_response())
}
