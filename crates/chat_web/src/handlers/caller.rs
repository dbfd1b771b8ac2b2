//! Who calls: the session of a request, the address it may be used from, and the permit of a new client.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use chat_server::features::calls::{Access, Caller};
use chat_server::features::programs::BOT_TOKEN;
use chat_server::model::names::{ClientId, RoomName};
use chat_server::model::secrets::Secret;
use chat_server::net::connections::{Permit, TurnedAway};

use crate::error::AppError;
use crate::http::cookies::{self, Cookies};
use crate::http::peer::Peer;
use crate::models::names::{meant, room_name};
use crate::session::Session;
use crate::state::AppState;
use crate::task::{self, Entry, NoSession};

/// What every handler is given.
pub(crate) type Shared = State<Arc<AppState>>;

/// The token of a request: that behind `Authorization: Bearer`, or the cookie's.
pub(crate) fn token_of(headers: &HeaderMap, peer: Peer) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    bearer.or_else(|| Cookies::of(headers, peer).read(headers, cookies::SESSION))
}

/// Takes a permit for one more client. It is taken before the first wait, so that no more clients get in than may.
///
/// # Errors
/// [`AppError::Full`].
pub(crate) fn permit(state: &AppState, peer: Peer) -> Result<Permit, AppError> {
    state.handle.admit(peer.address).map_err(|why| {
        let config = state.handle.config();
        AppError::Full(match why {
            TurnedAway::ServerFull => format!("The server has {} clients, which is the most.", config.max_clients),
            TurnedAway::AddressFull => {
                let most = config.max_per_address;
                format!("Your address has {most} clients here, which is the most. Leave with one of them first.")
            }
        })
    })
}

/// Signs a user on.
///
/// # Errors
/// The chat's refusal, as for a name that is taken.
pub(crate) async fn sign_on(
    state: &Arc<AppState>,
    entry: Entry,
    peer: Peer,
    permit: Permit,
) -> Result<Arc<Session>, AppError> {
    match task::open(state.clone(), entry, peer, permit).await {
        Ok(session) => Ok(session),
        Err(NoSession::Refused(error)) => Err(AppError::Chat(error)),
        // Refused before there was an answer. The router knows why, unless it has ended.
        Err(NoSession::Gone) => {
            let caller = Caller { client: None, address: peer.address.ip() };
            Err(state.may_read(caller, Access::Entry).await.err().unwrap_or(AppError::Stopping))
        }
    }
}

/// The session of a request, if it has one that lives.
pub(crate) fn session_of(state: &AppState, headers: &HeaderMap, peer: Peer) -> Option<Arc<Session>> {
    token_of(headers, peer).and_then(|token| state.sessions.get(token))
}

/// The same, and of a bot the one that its first call makes.
///
/// # Errors
/// No bot has the token, or there is no place for its session.
pub(crate) async fn session_or_bot(
    state: &Arc<AppState>,
    headers: &HeaderMap,
    peer: Peer,
) -> Result<Option<Arc<Session>>, AppError> {
    let known = session_of(state, headers, peer);
    let Some(token) = token_of(headers, peer).filter(|token| known.is_none() && token.starts_with(BOT_TOKEN)) else {
        return Ok(known);
    };
    let _one = state.sessions.bots.lock().await;
    if let Some(session) = state.sessions.get(token) {
        return Ok(Some(session));
    }
    let permit = permit(state, peer)?;
    sign_on(state, Entry::Bot(Secret::new(token)), peer, permit).await.map(Some)
}

/// Whether a session may be used from the address of a call. The router looked at the address where the session was made; a token
/// that is used at another address must not get round a ban.
///
/// # Errors
/// The address is banned.
pub(crate) async fn check_address(state: &AppState, session: &Session, peer: Peer) -> Result<(), AppError> {
    let address = peer.address.ip();
    if address != session.address {
        state.may_read(Caller { client: Some(session.client), address }, Access::Entry).await?;
    }
    Ok(())
}

/// A caller who is signed on.
pub(crate) struct SignedOn(pub Arc<Session>);

impl FromRequestParts<Arc<AppState>> for SignedOn {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<SignedOn, AppError> {
        let peer = Peer::from(&*parts);
        let session = session_or_bot(state, &parts.headers, peer).await?.ok_or(AppError::NotSignedOn)?;
        check_address(state, &session, peer).await?;
        session.touch().await;
        Ok(SignedOn(session))
    }
}

/// A caller who wants to read, signed on or not.
pub(crate) struct Viewer {
    session: Option<Arc<Session>>,
    address: IpAddr,
}

impl Viewer {
    /// The caller as the router knows it.
    pub(crate) fn caller(&self) -> Caller {
        Caller { client: self.session.as_ref().map(|session| session.client), address: self.address }
    }

    /// The room, or the direct talk, that the caller names.
    ///
    /// # Errors
    /// There can be none of that name.
    pub(crate) fn meant(&self, room: &str) -> Result<RoomName, AppError> {
        let room = room_name(room).map_err(|_| AppError::RoomNotFound)?;
        Ok(meant(room, self.session.as_ref().and_then(|session| session.name())))
    }

    /// The connection by which others know the caller, if it is signed on.
    pub(crate) fn person(&self) -> Option<ClientId> {
        self.session.as_ref().map(|session| session.person())
    }
}

impl FromRequestParts<Arc<AppState>> for Viewer {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<AppState>) -> Result<Viewer, AppError> {
        let peer = Peer::from(&*parts);
        let session = session_or_bot(state, &parts.headers, peer).await?;
        if let Some(session) = &session {
            session.touch().await;
        }
        Ok(Viewer { session, address: peer.address.ip() })
    }
}
