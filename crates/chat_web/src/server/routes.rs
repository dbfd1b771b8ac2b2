//! Which address leads where, and what every answer carries: security headers, CORS, limits, a request id.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use chat_server::config::hosts::Site;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::gate::gate;
use super::openapi::api;
use crate::error::{AppError, Problem};
use crate::handlers::caller::session_of;
use crate::handlers::{about, assets, files, place};
use crate::http::negotiation::{self, OnlyCompressed};
use crate::http::peer::Peer;
use crate::models::ids::random_uuid;
use crate::state::AppState;
use crate::websocket;

/// The most bytes of a body.
const BODY: usize = 64 * 1024;
/// How long a call may take.
const CALL: Duration = Duration::from_secs(15);

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types worker";

/// What every answer carries (OWASP's secure headers, as strict as the page allows).
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
];

/// The whole door.
pub(super) fn app(state: Arc<AppState>) -> Router {
    let (calls, _) = api().split_for_parts();
    let calls = calls
        .fallback(|| async { AppError::NotFound })
        .layer(from_fn(deadline))
        .layer(from_fn(|request, next| negotiation::body(BODY as u64, request, next)))
        .layer(DefaultBodyLimit::max(BODY));
    let figures = state.clone();
    let compressed = OrOnlyCompressed(SizeAbove::new(1_024).and(NotForContentType::IMAGES).and(NotForContentType::SSE));
    Router::new()
        .nest("/api/v1", calls.clone())
        .nest("/api", calls)
        .route("/manifest.webmanifest", get(place::manifest))
        .route("/icons/192.png", get(place::icon))
        .route("/problems/{code}", get(about::problem))
        .layer(from_fn(negotiation::encodings))
        .layer(CompressionLayer::new().compress_when(compressed))
        // Behind the compression: the page's files were compressed when the binary was built.
        .fallback(assets::asset)
        // Behind the compression: an upgrade is no body.
        .route("/ws", any(websocket::ws_handler))
        .route("/files/{token}", get(files::download).layer(from_fn(negotiation::plain)))
        .method_not_allowed_fallback(|| async { AppError::MethodNotAllowed })
        .layer(cors(&state))
        .layer(from_fn_with_state(state.clone(), gate))
        .layer(from_fn_with_state(state.clone(), finish))
        .layer(CatchPanicLayer::custom(move |_| {
            figures.figures.answered(StatusCode::INTERNAL_SERVER_ERROR);
            AppError::Internal.into_response()
        }))
        .with_state(state)
}

/// Compresses what may not go out as it is, however short it is, and else what is worth it.
#[derive(Clone, Debug)]
struct OrOnlyCompressed<P>(P);

impl<P: Predicate> Predicate for OrOnlyCompressed<P> {
    fn should_compress<B: HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        response.extensions().get::<OnlyCompressed>().is_some() || self.0.should_compress(response)
    }
}

fn cors(state: &AppState) -> CorsLayer {
    let sites = state.config.origins.iter().filter_map(|site| Site::lenient(site)?.to_string().parse().ok());
    let origins: Vec<HeaderValue> = sites.collect();
    let exposed = ["link", "location", "x-last-seq", "idempotency-replayed", "etag", "retry-after"];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION, HeaderName::from_static("idempotency-key")])
        .expose_headers(exposed.map(HeaderName::from_static))
        .allow_credentials(true)
}

/// Gives each request a number, each problem that number, and each answer the headers above.
async fn finish(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let id = random_uuid();
    let (method, path) = (request.method().clone(), request.uri().path().to_string());
    // For the log: in a path may stand what only its owner knows, such as the token of a file.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let session = session_of(&state, request.headers(), Peer::from(request.extensions()));
    // The user's own choice goes before what the browser asks for.
    let chosen = session.and_then(|session| session.chosen_language());
    let is_indonesian = chosen.unwrap_or_else(|| negotiation::prefers_indonesian(request.headers()));
    let mut response = next.run(request).await;
    let status = response.status();
    state.figures.answered(status);
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>().and_then(Arc::into_inner) {
        let problem = Problem { instance: Some(format!("/requests/{id}")), ..problem };
        let translated = is_indonesian.then(|| problem.in_indonesian()).flatten();
        let language = if translated.is_some() { "id" } else { "en" };
        let problem = translated.unwrap_or(problem);
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.append(header::VARY, HeaderValue::from_static("accept-language"));
        parts.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language));
        // A long one may have been compressed on its way here.
        parts.headers.remove(header::CONTENT_ENCODING);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        response = Response::from_parts(parts, body.into());
    }
    let route = route.as_ref().map(MatchedPath::as_str);
    if status.is_server_error() {
        tracing::error!(request = %id, %method, route, status = status.as_u16(), "call failed");
    } else {
        tracing::debug!(request = %id, %method, route, status = status.as_u16(), "call");
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-request-id", id);
    }
    if path.starts_with("/api/") {
        headers.insert("api-version", HeaderValue::from_static("1"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    }
    response
}

async fn deadline(request: Request, next: Next) -> Response {
    // A file takes as long as it takes, and has deadlines of its own.
    if request.method() == Method::POST && request.uri().path().ends_with("/files") {
        return next.run(request).await;
    }
    match tokio::time::timeout(CALL, next.run(request)).await {
        Ok(response) => response,
        Err(_) => AppError::Timeout.into_response(),
    }
}
