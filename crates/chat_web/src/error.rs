//! What a REST call is refused with: RFC 9457 problems, also where axum finds the fault.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_server::features::files::FileError;
use chat_server::model::code::Code;
use chat_server::model::refusal::Refusal;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

pub(crate) mod problems;

use crate::words::indonesian;
use problems::PROBLEMS;

/// A refusal.
#[derive(Debug, Error)]
pub enum AppError {
    /// The chat said no.
    #[error("{0}")]
    Chat(#[from] Refusal),
    /// No user has that id.
    #[error("No user who is on has this id. GET /api/users shows who is.")]
    UserNotFound,
    /// No message has that id.
    #[error("No message has this id, or it is not kept any more.")]
    MessageNotFound,
    /// No room has that name.
    #[error("There is no room of this name. GET /api/rooms shows them.")]
    RoomNotFound,
    /// The room is closed to this person.
    #[error("This room is closed: only its people read it. Enter it first, with /join on the page.")]
    RoomClosed,
    /// Nothing is there.
    #[error("There is nothing at this address. GET /api/openapi.json describes what there is.")]
    NotFound,
    /// It is there, but not for this method.
    #[error("This address does not take this method; the Allow header says which it takes.")]
    MethodNotAllowed,
    /// A WebSocket was to be asked for here.
    #[error("This address is for WebSockets: connect with Upgrade: websocket, as docs/protocol.md says.")]
    NoWebSocket,
    /// The request is no good.
    #[error("{0}")]
    InvalidRequest(String),
    /// The body is no JSON.
    #[error("{0}")]
    BadJson(String),
    /// The body is JSON, but has not these fields.
    #[error("{0}")]
    WrongFields(String),
    /// The content type is another.
    #[error("The body is to be JSON, with the header Content-Type: application/json.")]
    UnsupportedMediaType,
    /// The body is encoded.
    #[error("A body comes as it is here, without Content-Encoding.")]
    EncodedBody,
    /// The answer has no form that would be taken.
    #[error("Accept-Encoding refuses the answer as it is and by gzip, and it has no other form. Nothing was done.")]
    NotAcceptable,
    /// What the call wants to match is another thing by now.
    #[error("If-Match names another state than there is.")]
    NotMatched,
    /// The body is too big.
    #[error("The body has more than 64 KiB.")]
    TooLarge,
    /// The call has no session.
    #[error("Sign on first: POST /api/users with {{\"name\":\"…\"}} gives a cookie and a token.")]
    NotSignedOn,
    /// No operator key was sent.
    #[error(
        "This is for administrators: sign in with an admin's account, or send the operator key as Authorization: Bearer …"
    )]
    KeyMissing,
    /// Not with this key.
    #[error("This is not the operator key.")]
    NotOperator,
    /// Not with this session.
    #[error(
        "This is for administrators, and you are none. Sign in with an admin's account, or send the operator key as Authorization: Bearer …"
    )]
    NotAdmin,
    /// There is no operator key.
    #[error("No operator key is set. Sign in with an admin's account; or set operator_key, or CHAT_OPERATOR_KEY.")]
    NoOperators,
    /// No invitation has that number.
    #[error("No invitation has this number. GET /api/admin/invitations shows those that there are.")]
    InvitationNotFound,
    /// The page of another site asks.
    #[error("A page of another site may not do this. An operator can allow it with web_origins.")]
    ForeignOrigin,
    /// A call with a cookie does not say whose page it is from.
    #[error(
        "A call with a cookie has to say whose page it is from, by Origin, as browsers do. A program sends its token as \
         Authorization: Bearer … and no cookie."
    )]
    NoOrigin,
    /// Another server is meant.
    #[error(
        "This server does not go by the name in this call's Host header. Call it by its address; or an operator adds the \
         name to web_hosts."
    )]
    UnknownHost,
    /// Something on this machine passes calls on.
    #[error(
        "This call was passed on by a proxy on the server's machine that the server does not know. An operator can name it \
         in web_proxies, as 127.0.0.1."
    )]
    UnknownProxy,
    /// The same key with other words.
    #[error("This Idempotency-Key was used for another message. Use a new one for new words.")]
    KeyReused,
    /// Too many sessions.
    #[error("{0}")]
    Full(String),
    /// Too many calls.
    #[error("Too many calls. Try again in {0} s.")]
    TooMany(u64),
    /// A file does not come, or does not go.
    #[error("{0}")]
    File(FileError),
    /// A file comes without its size.
    #[error("A file needs a Content-Length, which says how many bytes it has.")]
    NoLength,
    /// The call took too long.
    #[error("This took too long. Try again.")]
    Timeout,
    /// A bug of ours.
    #[error("Something broke on our side, sorry. The log has the details.")]
    Internal,
    /// The chat is stopping.
    #[error("The server is stopping. Try again in a moment.")]
    Stopping,
}

/// The media type of a [`Problem`].
pub(crate) const PROBLEM: &str = "application/problem+json";

/// RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A page that explains this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/name-in-use")]
    pub kind: String,
    /// What kind it is, in words.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// The number of this request in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The kind for programs: `name-in-use`.
    #[schema(example = "name-in-use")]
    pub code: &'static str,
    /// What would work instead, where that is known: a free name.
    #[serde(rename = "try", skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// Which fields are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// The same in Indonesian; `None` where what is wrong has no sentence there.
    pub(crate) fn in_indonesian(&self) -> Option<Problem> {
        let Problem { kind, title, status, detail, instance, code, instead, errors } = self;
        let known = |words: &str| indonesian(words).unwrap_or_else(|| words.into());
        let field = |error: &FieldError| FieldError { pointer: error.pointer.clone(), detail: known(&error.detail) };
        Some(Problem {
            kind: kind.clone(),
            title: known(title).into(),
            status: *status,
            detail: indonesian(detail)?,
            instance: instance.clone(),
            code,
            instead: instead.clone(),
            errors: errors.iter().map(field).collect(),
        })
    }
}

/// One field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, as a JSON pointer.
    #[schema(example = "/name")]
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

impl AppError {
    /// Why the router does not let a user read.
    pub fn of_reading(error: Refusal) -> AppError {
        match error.code() {
            Code::NoSuchRoom => AppError::RoomNotFound,
            Code::NotInRoom => AppError::RoomClosed,
            _ => AppError::Chat(error),
        }
    }

    /// The code; [`PROBLEMS`] has the rest.
    pub fn code(&self) -> &'static str {
        match self {
            AppError::Chat(error) => error.code().slug(),
            AppError::UserNotFound => Code::NoSuchUser.slug(),
            AppError::MessageNotFound => "no-such-message",
            AppError::RoomNotFound => Code::NoSuchRoom.slug(),
            AppError::RoomClosed => "room-closed",
            AppError::NotFound => "not-found",
            AppError::MethodNotAllowed => "method-not-allowed",
            AppError::NoWebSocket => "upgrade-required",
            AppError::InvalidRequest(_) => "bad-request",
            AppError::BadJson(_) => "bad-json",
            AppError::WrongFields(_) => "wrong-fields",
            AppError::UnsupportedMediaType | AppError::EncodedBody => "unsupported-media-type",
            AppError::NotAcceptable => "not-acceptable",
            AppError::NotMatched => "not-matched",
            AppError::TooLarge => "too-large",
            AppError::NotSignedOn => Code::NotSignedOn.slug(),
            AppError::KeyMissing => "operator-key-missing",
            AppError::NotOperator | AppError::NotAdmin => Code::NotOperator.slug(),
            AppError::NoOperators => "no-operators",
            AppError::InvitationNotFound => "no-such-invitation",
            AppError::ForeignOrigin | AppError::NoOrigin => "foreign-origin",
            AppError::UnknownHost => "unknown-host",
            AppError::UnknownProxy => "unknown-proxy",
            AppError::KeyReused => "idempotency-key-reused",
            AppError::Full(_) => Code::ServerFull.slug(),
            AppError::TooMany(_) => Code::TooFast.slug(),
            AppError::File(error) => error.code().slug(),
            AppError::NoLength => "length-required",
            AppError::Timeout => "timeout",
            AppError::Internal => Code::InternalError.slug(),
            AppError::Stopping => "stopping",
        }
    }

    /// The problem as it is sent.
    pub fn problem(&self) -> Problem {
        let code = self.code();
        let known = PROBLEMS.iter().find(|(known, ..)| *known == code);
        let (_, status, title, _) = known.copied().unwrap_or(match self {
            AppError::Chat(error) => (code, error.code().status(), "That cannot be done here", ""),
            _ => (code, 500, "Something broke on our side", ""),
        });
        let field = match self {
            AppError::Chat(error) => match error.code() {
                Code::BadName | Code::NoName | Code::NameInUse => Some("/name"),
                Code::NoText | Code::LineTooLong => Some("/text"),
                _ => None,
            },
            AppError::WrongFields(_) => Some(""),
            _ => None,
        };
        let errors = field
            .filter(|_| status == 422)
            .map(|pointer| FieldError { pointer: pointer.into(), detail: self.to_string() });
        let instead = if let AppError::Chat(error) = self { error.word("try").map(String::from) } else { None };
        Problem {
            kind: format!("/problems/{code}"),
            title: title.into(),
            status,
            detail: self.to_string(),
            instance: None,
            code,
            instead,
            errors: errors.into_iter().collect(),
        }
    }

    /// Seconds after which it may be tried again, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            AppError::Chat(error) => retry_of(error),
            AppError::TooMany(seconds) => Some(*seconds),
            AppError::File(FileError::Guesses { retry }) => Some(*retry),
            AppError::Full(_) | AppError::Stopping | AppError::File(FileError::Full) => Some(5),
            _ => None,
        }
    }
}

/// Seconds after which what was too fast can be tried again.
pub(crate) fn retry_of(refusal: &Refusal) -> Option<u64> {
    refusal.number("retry").filter(|_| refusal.code() == Code::TooFast)
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&problem)).into_response();
        response.extensions_mut().insert(Arc::new(problem));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, AppError::NoWebSocket) {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        if matches!(self, AppError::NotSignedOn | AppError::KeyMissing) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<JsonRejection> for AppError {
    fn from(rejection: JsonRejection) -> AppError {
        match rejection {
            JsonRejection::JsonDataError(error) => AppError::WrongFields(format!("{}.", error.body_text())),
            JsonRejection::JsonSyntaxError(error) => AppError::BadJson(format!("{}.", error.body_text())),
            JsonRejection::MissingJsonContentType(_) => AppError::UnsupportedMediaType,
            other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => AppError::TooLarge,
            other => AppError::InvalidRequest(format!("{}.", other.body_text())),
        }
    }
}

impl From<QueryRejection> for AppError {
    fn from(rejection: QueryRejection) -> AppError {
        AppError::InvalidRequest(format!("{}.", rejection.body_text()))
    }
}

impl From<PathRejection> for AppError {
    fn from(_: PathRejection) -> AppError {
        AppError::NotFound
    }
}

impl From<FileError> for AppError {
    fn from(error: FileError) -> AppError {
        match error {
            FileError::Refused(error) => AppError::Chat(error),
            FileError::Stopping => AppError::Stopping,
            FileError::Disk => AppError::Internal,
            error => AppError::File(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command that only another door has is no fault of the server.
    #[test]
    fn what_has_no_row_is_refused_and_not_broken() {
        assert!(!PROBLEMS.iter().any(|(code, ..)| *code == Code::NoLab.slug()));
        assert_eq!(AppError::Chat(Refusal::fixed(Code::NoLab, "There is no lab.")).problem().status, 422);
        assert_eq!(AppError::Chat(Refusal::fixed(Code::InternalError, "Something broke.")).problem().status, 500);
    }
}
