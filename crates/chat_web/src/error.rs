//! What a REST call is refused with: RFC 9457 problems, whoever finds the fault, axum included.

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

/// A refusal.
#[derive(Debug, Error)]
pub enum AppError {
    /// The chat said no.
    #[error("{0}")]
    Chat(#[from] Refusal),
    /// Nobody has that id.
    #[error("Nobody who is on has this id. GET /api/users shows who is.")]
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
    /// Nobody is signed on.
    #[error("Sign on first: POST /api/users with {{\"name\":\"…\"}} gives a cookie and a token.")]
    NotSignedOn,
    /// No operator key was sent.
    #[error("This is for operators: send the operator key as Authorization: Bearer …")]
    KeyMissing,
    /// Not with this key.
    #[error("This is not the operator key.")]
    NotOperator,
    /// There is no operator key.
    #[error(
        "No operator key is set, so nothing opens the dashboard. Set operator_key, or CHAT_OPERATOR_KEY. An admin's account does the same in the chat."
    )]
    NoOperators,
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
pub const PROBLEM: &str = "application/problem+json";

/// RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A page that explains this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/name-in-use")]
    pub kind: String,
    /// What kind it is, in words.
    pub title: &'static str,
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

/// One field that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Where, as a JSON pointer.
    #[schema(example = "/name")]
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

/// Every kind of problem: its code, its status, what it is, and what to do. `/problems/{code}` shows it.
pub static PROBLEMS: &[(&str, u16, &str, &str)] = &[
    of(Code::NoSuchUser, "There is nobody of this name or id", "GET /api/users shows who is on."),
    of(Code::NoSuchRoom, "There is no such room", "GET /api/rooms shows the rooms. Entering a room opens it."),
    ("no-such-message", 404, "There is no such message", "It may be older than what is kept."),
    of(Code::NoSuchId, "There is no such message", "It may be older than what is kept, or deleted."),
    ("not-found", 404, "There is nothing at this address", "GET /api/openapi.json describes what there is."),
    ("method-not-allowed", 405, "Not with this method", "The Allow header says which methods there are."),
    ("upgrade-required", 426, "This address is for WebSockets", "Connect with Upgrade: websocket."),
    ("bad-request", 400, "The request cannot be understood", "The detail says which part."),
    ("bad-json", 400, "The body is no JSON", "The detail says where it breaks."),
    ("wrong-fields", 422, "The body has not the right fields", "The detail says which."),
    of(Code::BadArgument, "An argument is not what is wanted", "The detail says what would be right."),
    of(Code::BadPassword, "That name and that password do not belong together", "Try again, or take another name."),
    of(Code::NeedsInvitation, "One needs an invitation", "Ask whoever is in for a code."),
    of(Code::NoStore, "This server keeps nothing", "One that does: cargo run -p chatd."),
    of(Code::LockedDown, "Nobody new is let in", "Sign in if you have an account, or try again later."),
    of(Code::SettingsNotRead, "The settings were not read again", "The detail says why; nothing has changed."),
    of(
        Code::NameRegistered,
        "The name is an account's, or too much like one that is taken",
        "Sign in if it is yours, or take another name.",
    ),
    of(Code::MembersOnly, "Only members come in", "Sign in, or register with an invitation."),
    of(Code::NeedsTls, "Others could read your password", "Come by HTTPS, or from the server's own machine."),
    of(Code::NotSignedIn, "First one has to sign in", "Sign in, or register the name you have."),
    of(Code::StoreUnavailable, "The store does not answer", "Try again in a moment."),
    of(Code::BadName, "That cannot be a name", "A letter or _, then letters, digits, _ and -, at most 32."),
    of(Code::NoName, "A name is missing", "Send {\"name\":\"…\"}."),
    of(Code::NameInUse, "The name is taken", "The field try proposes one that is free."),
    of(Code::NoText, "There is nothing to say", "Send {\"text\":\"…\"} with at least one letter."),
    of(Code::LineTooLong, "The text is too long", "Send it in pieces."),
    of(Code::NotUtf8, "The text is no UTF-8", "Send UTF-8."),
    ("unsupported-media-type", 415, "The body is to be JSON", "Send the header Content-Type: application/json."),
    ("not-acceptable", 406, "No form of the answer is accepted", "Accept gzip, or leave Accept-Encoding out."),
    ("not-matched", 412, "It is not what it was", "Fetch it anew, without If-Match."),
    ("too-large", 413, "The body is too large", "It may have 64 KiB."),
    of(Code::NotSignedOn, "Nobody is signed on", "POST /api/users gives a cookie and a token."),
    of(Code::AlreadySignedOn, "There is a name already", "Change it with /nick."),
    ("operator-key-missing", 401, "This is for operators", "Send the operator key as Authorization: Bearer …"),
    of(Code::NotOperator, "This is for operators", "Send the operator key as Authorization: Bearer …"),
    (
        "no-operators",
        403,
        "There is no operator key",
        "Set operator_key in the settings; or use an admin's account in the chat.",
    ),
    ("foreign-origin", 403, "A page of another site asks", "An operator can allow it with web_origins."),
    ("unknown-host", 421, "Another server is meant", "An operator can add the name in Host to web_hosts."),
    ("unknown-proxy", 400, "A proxy asks that is not known", "An operator can name it in web_proxies."),
    ("idempotency-key-reused", 422, "The key was used for another message", "Use a new key for new words."),
    of(
        Code::CannotSpeak,
        "You cannot speak there",
        "The room is moderated, or you are muted: ask one of its operators.",
    ),
    of(Code::Banned, "You, or that name, may not come here", "The operators of the server can lift it."),
    of(Code::BannedFromRoom, "You, or that name, may not come into this room", "Its operators can lift it."),
    of(Code::UserNotInRoom, "They are not in that room", "Look who is."),
    of(Code::ListFull, "So many are banned or muted already", "Lift one first."),
    of(Code::NotListed, "There is nothing to lift", "/bans shows what there is."),
    of(Code::NotInRoom, "You are not in this room", "Enter it first."),
    of(Code::AlreadyThere, "You are in this room already", "Nothing has to be done."),
    ("room-closed", 403, "This room is closed", "Its people can invite you."),
    of(Code::InviteOnly, "Only the invited may enter", "Ask somebody in the room for an invitation."),
    of(Code::BadKey, "The room has another key", "Ask somebody in the room for it."),
    of(Code::NotRoomOp, "Only the room's operators may do this", "Ask one of them."),
    of(Code::Protected, "Only its author may change this", "Nothing can be done about it."),
    of(Code::TooManyRooms, "Too many rooms", "Leave one first."),
    of(Code::NoFiles, "No files are passed on here", "An operator can allow it with --files."),
    of(Code::FileTooBig, "The file is too big", "Make it smaller, or send it in parts."),
    of(Code::TooManyFiles, "You have too many files here", "Delete one of them, or wait until one is too old."),
    of(Code::NoSpace, "There is no place for files", "Try again later."),
    ("length-required", 411, "The size is missing", "Send Content-Length."),
    of(Code::BadToken, "There is no such file", "It may be too old, or deleted with its line."),
    of(Code::WrongSize, "Another size than was said", "Send the file again."),
    of(Code::TooSlow, "Too little came for too long", "Send the file again."),
    of(Code::MissingArgument, "Something is missing", "The detail says what."),
    of(Code::UnknownVerb, "There is no such command", "/help shows them."),
    of(Code::TooFast, "Too fast", "Wait as long as Retry-After says."),
    of(Code::ServerFull, "The server is full", "Try again later."),
    ("timeout", 408, "This took too long", "Try again."),
    of(Code::InternalError, "Something broke on our side", "Try again; the log has the details."),
    ("stopping", 503, "The server is stopping", "Try again in a moment."),
];

/// The row of a code that the chat says no with at every door.
const fn of(code: Code, title: &'static str, advice: &'static str) -> (&'static str, u16, &'static str, &'static str) {
    (code.slug(), code.status(), title, advice)
}

impl AppError {
    /// Why the router does not let somebody read.
    pub fn of_look(error: Refusal) -> AppError {
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
            AppError::NotOperator => Code::NotOperator.slug(),
            AppError::NoOperators => "no-operators",
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
            title,
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
pub fn retry_of(refusal: &Refusal) -> Option<u64> {
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
