//! The page itself: its files, embedded in the binary, or read from a folder while a developer works on them.

use std::path::{Component, Path};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::error::AppError;
use crate::http::negotiation::{self, Encodings};
use crate::state::AppState;

/// One file of the page, as build.rs packs it.
struct Asset {
    name: &'static str,
    tag: &'static str,
    bytes: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

impl Asset {
    /// The smallest form of those that a call accepts, and what it is encoded by. As it is where no other form is smaller, or none is
    /// accepted.
    fn form(&self, accepted: Encodings) -> (&'static [u8], Option<&'static str>) {
        let Encodings { brotli, gzip, plain } = accepted;
        let packed = [(brotli, self.brotli, "br"), (gzip, self.gzip, "gzip")];
        let offered = packed.into_iter().filter(|(is_accepted, ..)| *is_accepted);
        match offered.min_by_key(|(_, bytes, _)| bytes.len()) {
            Some((_, bytes, name)) if bytes.len() < self.bytes.len() || !plain => (bytes, Some(name)),
            _ => (self.bytes, None),
        }
    }
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));
include!("tag.rs");

/// The fallback of all routes: a file of the page, or 404. Compressed for browsers that take brotli or gzip: that was done at build time, and
/// better than there would be time for at each call.
///
/// # Errors
/// 404 where there is no such file, 405 for anything but GET and HEAD.
pub(crate) async fn asset(
    State(state): State<Arc<AppState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        "admin" => "admin.html",
        // What browsers ask for of themselves, where they have not read the page's `<link rel="icon">` yet.
        "favicon.ico" => "icon.svg",
        path => path,
    };
    // `/a/<version>/app.css`. Of another version it is what a page wants that was loaded before the server was updated.
    let (path, of_version) = match path.strip_prefix("a/").and_then(|rest| rest.split_once('/')) {
        Some((version, name)) if is_versioned(name) => (name, Some(version)),
        Some(_) => return Err(AppError::NotFound),
        None => (path, None),
    };
    let never_changes = of_version == Some(VERSION) && state.config.dir.is_none();
    let cache = if never_changes { "public, max-age=31536000, immutable" } else { "no-cache" };
    let (bytes, tag, encoding) = match &state.config.dir {
        Some(dir) => from_folder(dir, path).map(|bytes| (bytes.clone().into(), tag(&bytes), None)),
        None => ASSETS.iter().find(|asset| asset.name == path).map(|asset| {
            let (bytes, encoding) = asset.form(Encodings::of(&headers));
            (Bytes::from_static(bytes), asset.tag.to_string(), encoding)
        }),
    }
    .ok_or(AppError::NotFound)?;
    if encoding.is_none() && !Encodings::of(&headers).plain {
        return Err(AppError::NotAcceptable);
    }
    // Two encodings of a file are two answers, and a strong tag belongs to one of them.
    let tag = encoding.map_or_else(|| format!("\"{tag}\""), |encoding| format!("\"{tag}-{encoding}\""));
    if !matches!(method, Method::GET | Method::HEAD) {
        let mut response = AppError::MethodNotAllowed.into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(response);
    }
    let instead = negotiation::instead(&headers, &tag);
    let cached = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, cache.to_string()),
        (header::VARY, "accept-encoding".to_string()),
    ];
    match instead {
        Some(StatusCode::NOT_MODIFIED) => return Ok((StatusCode::NOT_MODIFIED, cached).into_response()),
        Some(_) => return Err(AppError::NotMatched),
        None => {}
    }
    let mut response = (cached, [(header::CONTENT_TYPE, content_type(path))], bytes).into_response();
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}

/// What tells these bytes from others.
pub(crate) fn tag_of(bytes: &[u8]) -> String {
    tag(bytes)
}

/// A file of the page as it is.
pub(crate) fn plain(state: &AppState, path: &str) -> Option<Bytes> {
    match &state.config.dir {
        Some(dir) => from_folder(dir, path).map(Bytes::from),
        None => ASSETS.iter().find(|asset| asset.name == path).map(|asset| Bytes::from_static(asset.bytes)),
    }
}

fn from_folder(dir: &Path, path: &str) -> Option<Vec<u8>> {
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| std::fs::read(dir.join(path)).ok()).flatten()
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
