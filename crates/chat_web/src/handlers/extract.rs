//! What handlers take out of a call, and what they put on an answer.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query};
use axum::http::{HeaderName, header};

use crate::error::AppError;

/// A JSON body; what is wrong with it is a problem like any other.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(AppError))]
pub(crate) struct JsonBody<T>(pub T);

/// A query; likewise.
#[derive(FromRequestParts)]
#[from_request(via(Query), rejection(AppError))]
pub(crate) struct QueryParams<T>(pub T);

/// A part of the path; likewise.
#[derive(FromRequestParts)]
#[from_request(via(Path), rejection(AppError))]
pub(crate) struct PathParam<T>(pub T);

/// A number of a query, which the OpenAPI document has as one with a sign.
///
/// # Errors
/// It is negative; `right` says what it should be.
pub(crate) fn number(typed: Option<i64>, right: &str) -> Result<Option<u64>, AppError> {
    typed.map(u64::try_from).transpose().map_err(|_| AppError::InvalidRequest(right.into()))
}

/// For answers that are for one user and one moment.
pub(crate) fn no_store() -> [(HeaderName, &'static str); 1] {
    [(header::CACHE_CONTROL, "no-store")]
}
