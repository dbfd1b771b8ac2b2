//! The page itself: its files, embedded in the binary, or read from a folder while somebody works on them.

use std::path::{Component, Path};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::error::AppError;
use crate::state::AppState;

// Every file of the page, listed by build.rs.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The fallback of all routes: a file of the page, or 404.
///
/// # Errors
/// 404 where there is no such file, 405 for anything but GET and HEAD.
pub async fn asset(
    State(state): State<Arc<AppState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        "admin" => "admin.html",
        path => path,
    };
    let bytes = match &state.config.dir {
        Some(dir) => from_folder(dir, path).map(std::borrow::Cow::Owned),
        None => ASSETS.iter().find(|(name, _)| *name == path).map(|(_, bytes)| std::borrow::Cow::Borrowed(*bytes)),
    };
    let bytes = bytes.ok_or(AppError::NotFound)?;
    if !matches!(method, Method::GET | Method::HEAD) {
        let mut response = AppError::MethodNotAllowed.into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(response);
    }
    let tag = tag(&bytes);
    let same = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.contains(&tag));
    let cached = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_string())];
    if same {
        return Ok((StatusCode::NOT_MODIFIED, cached).into_response());
    }
    Ok((cached, [(header::CONTENT_TYPE, content_type(path))], bytes.into_owned()).into_response())
}

fn from_folder(dir: &Path, path: &str) -> Option<Vec<u8>> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| std::fs::read(dir.join(path)).ok()).flatten()
}

/// A strong tag: other bytes, another tag.
fn tag(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("\"{:x}-{hash:x}\"", bytes.len())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
