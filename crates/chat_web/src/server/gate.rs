//! The checks of every call before anything else: whether it means this server, who it is from, and whose page it comes
//! from.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chat_server::config::hosts::{Authority, Called, Hosts, Site};

use crate::config::WebConfig;
use crate::error::AppError;
use crate::http::peer::Peer;
use crate::state::AppState;

/// What a browser says of where a call comes from, by HTTPS and to this machine (the Fetch Metadata of the W3C).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The middleware. Who calls is known behind it ([`Peer`]).
pub(super) async fn gate(State(state): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    match check(&state, &request) {
        Ok(peer) => {
            request.extensions_mut().insert(peer);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn check(state: &AppState, request: &Request) -> Result<Peer, AppError> {
    let headers = request.headers();
    let host = host_of(request.uri(), headers)?;
    if !is_known(&state.handle.config().web_hosts, &state.config, host, headers) {
        return Err(AppError::UnknownHost);
    }
    let socket = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(socket)| *socket);
    let Some(peer) = Peer::of(socket, headers, &state.config.proxies) else {
        if !state.warned_of_proxy.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a program on this machine passes calls on for others, with X-Forwarded-For or its like: they are refused \
                 as long as web_proxies does not name it, as in web_proxies = \"127.0.0.1\""
            );
        }
        return Err(AppError::UnknownProxy);
    };
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes || request.uri().path() == "/ws" {
        from_own_page(&state.config, host, headers)?;
    }
    Ok(peer)
}

/// The name that is called: of an address in full its own (RFC 9112, section 3.2.2), else the one `Host` there has to be.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, AppError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, None) = (hosts.next(), hosts.next()) else {
        return Err(AppError::InvalidRequest("There is more than one Host header.".into()));
    };
    if let Some(authority) = uri.authority() {
        return Ok(authority.as_str());
    }
    let host = host.ok_or_else(|| AppError::InvalidRequest("The Host header is missing.".into()))?;
    // What is no text is no name of this server.
    Ok(host.to_str().unwrap_or_default())
}

fn is_known(hosts: &Hosts, config: &WebConfig, host: &str, headers: &HeaderMap) -> bool {
    let sites = config.origins.iter().filter_map(|site| Some(Site::lenient(site)?.name));
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    Called { host, origin, has_fetch_site: headers.contains_key(FETCH_SITE) }.is_known(hosts, sites)
}

/// A page of another site may read what CORS allows it; that it cannot change anything, or open a WebSocket, is seen to here.
fn from_own_page(config: &WebConfig, host: &str, headers: &HeaderMap) -> Result<(), AppError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => {
            let origin = origin.to_str().ok().and_then(Site::parse).ok_or(AppError::ForeignOrigin)?;
            let is_own = Authority::parse(host).is_some_and(|host| origin.is_of(&host));
            let is_allowed = || config.origins.iter().any(|site| Site::lenient(site).as_ref() == Some(&origin));
            if is_own || is_allowed() { Ok(()) } else { Err(AppError::ForeignOrigin) }
        }
        (Some(_), Some(_)) => Err(AppError::ForeignOrigin),
        // A program, or a browser that says it in another way.
        (None, _) => match headers.get(FETCH_SITE).map(|site| site.as_bytes()) {
            Some(b"same-origin" | b"none") => Ok(()),
            Some(_) => Err(AppError::ForeignOrigin),
            None if headers.contains_key(header::COOKIE) => Err(AppError::NoOrigin),
            None => Ok(()),
        },
    }
}
