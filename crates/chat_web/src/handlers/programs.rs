//! Calls of programs: what is posted to a hook, and the rooms that one is in.

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{Form, FromRequest, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chat_server::features::archive::store::Answer;
use chat_server::features::calls::Call;
use chat_server::features::programs::Post;
use chat_server::model::body::Body;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::blocks;
use super::caller::{Shared, SignedOn};
use super::extract::{PathParam, no_store};
use crate::error::{AppError, Problem};
use crate::http::peer::Peer;
use crate::models::input::message_text;
use crate::models::names::room_name;
use crate::session::Session;
use crate::session::ask::{Ask, Outcome};

/// What is posted to a hook: ours, or what programs send that know Slack. Fields that are not here are ignored.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct HookPost {
    /// The words, as those of a message; the body has at most 64 KiB. `<https://example.org|name>`, `&amp;`, `&lt;` and `&gt;` are read as Slack reads them.
    #[schema(example = "build 318 is green")]
    text: Option<String>,
    /// Stands in front of the words, in brackets. The author is the hook, whatever stands here.
    username: Option<String>,
    /// Slack's blocks: their words are said where `text` has none. Buttons and pictures are not.
    #[schema(value_type = Option<Vec<Object>>)]
    blocks: Option<Vec<Value>>,
    /// Of each the `fallback` is said, or else its other words, those of its fields and blocks among them.
    attachments: Option<Vec<Attachment>>,
}

/// An attachment, as Slack has it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Attachment {
    /// All of it in words.
    fallback: Option<String>,
    /// Words in front.
    pretext: Option<String>,
    /// Its title.
    title: Option<String>,
    /// Its words.
    text: Option<String>,
    /// Its fields: a title, and what it is.
    fields: Option<Vec<Field>>,
    /// Its blocks.
    #[schema(value_type = Option<Vec<Object>>)]
    blocks: Option<Vec<Value>>,
}

/// A field of an attachment.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Field {
    /// What it is called.
    title: Option<String>,
    /// What it is.
    value: Option<String>,
}

/// Slack's other form: the JSON in a field.
#[derive(Deserialize)]
struct Payload {
    payload: String,
}

/// Say something by a hook
///
/// An operator of a room makes its address with `/hook #room name`. The body is JSON, whatever its `Content-Type` is, or a form with
/// the JSON in `payload`. The answer comes when it is said.
#[utoipa::path(post, path = "/hooks/{token}", tag = "programs", request_body = HookPost,
    params(("token" = String, Path, description = "The token that /hook showed")), responses(
    (status = 200, description = "It is said", body = String, content_type = "text/plain", example = "ok"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 403, description = "The hook is muted or banned in its room", body = Problem),
    (status = 404, description = "No hook has this token", body = Problem),
    (status = 413, description = "The body or the message is too large", body = Problem),
    (status = 415, description = "The body is to be JSON", body = Problem),
    (status = 422, description = "There are no words", body = Problem),
    (status = 429, description = "The hook posts too much, or wrong tokens came from your address", body = Problem,
        headers(("Retry-After" = u64))),
    (status = 501, description = "The server keeps no programs", body = Problem),
    (status = 503, description = "The store has too much to do, or the server is stopping", body = Problem)))]
pub(crate) async fn post_by_hook(
    State(state): Shared,
    peer: Peer,
    PathParam(token): PathParam<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, AppError> {
    let body = body.map_err(|_| AppError::TooLarge)?;
    let text = read(&headers, body).await?.message(state.handle.config().line_bytes)?;
    let post = Post { text, from: peer.address.ip() };
    let answer = state.answer(|reply| Call::Post { token: Secret::new(token), post, reply }.into()).await;
    match answer.ok_or(AppError::Stopping)? {
        Answer::Done => Ok((no_store(), "ok").into_response()),
        Answer::Refused(refused) => Err(AppError::Chat(refused.into())),
        _ => Err(AppError::Internal),
    }
}

/// Reads a body. `curl -d '{…}'` says that it is a form.
async fn read(headers: &HeaderMap, body: Bytes) -> Result<HookPost, AppError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let json = if !is_object && kind.starts_with("application/x-www-form-urlencoded") {
        let mut request = Request::post("/").body(HttpBody::from(body)).map_err(|_| AppError::Internal)?;
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-www-form-urlencoded"));
        let form = Form::<Payload>::from_request(request, &()).await;
        let Form(form) = form.map_err(|_| AppError::BadJson("A form has the JSON in its field payload.".into()))?;
        Bytes::from(form.payload)
    } else if is_object || kind.starts_with("application/json") {
        body
    } else {
        return Err(AppError::UnsupportedMediaType);
    };
    serde_json::from_slice(&json).map_err(|error| AppError::BadJson(format!("The body cannot be read: {error}.")))
}

impl HookPost {
    /// What to say, in lines of at most so many bytes each.
    fn message(self, max: usize) -> Result<Body, AppError> {
        let in_blocks = || blocks::words(&self.blocks.unwrap_or_default());
        let mut words = vec![filled(self.text).unwrap_or_else(in_blocks)];
        words.extend(self.attachments.into_iter().flatten().map(Attachment::words));
        let mut words = plain(&words.join("\n"));
        if words.trim().is_empty() {
            return Err(AppError::WrongFields("There are no words. Send {\"text\":\"...\"}.".into()));
        }
        if let Some(name) = self.username.filter(|name| !name.trim().is_empty()) {
            words = format!("[{}] {}", name.split_whitespace().collect::<Vec<_>>().join(" "), words.trim_start());
        }
        Ok(message_text(&words, max)?)
    }
}

impl Attachment {
    fn words(self) -> String {
        filled(self.fallback).unwrap_or_else(|| {
            let fields = self.fields.into_iter().flatten().map(Field::words);
            let in_blocks = blocks::words(&self.blocks.unwrap_or_default());
            let all = [self.pretext, self.title, self.text].into_iter().chain(fields).chain([Some(in_blocks)]);
            all.filter_map(filled).collect::<Vec<_>>().join("\n")
        })
    }
}

impl Field {
    fn words(self) -> Option<String> {
        let all: Vec<String> = [self.title, self.value].into_iter().filter_map(filled).collect();
        Some(all.join(": "))
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// Slack's markup of addresses and signs as plain words: `<https://a|b>` is `b (https://a)`.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('<') {
        plain.push_str(before);
        let link = tail.split_once('>').filter(|(link, _)| {
            ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) && !link.contains('\n')
        });
        rest = match link {
            Some((link, behind)) => {
                match link.split_once('|') {
                    Some((address, name)) => plain.push_str(&format!("{name} ({address})")),
                    None => plain.push_str(link),
                }
                behind
            }
            None => {
                plain.push('<');
                tail
            }
        };
    }
    plain.push_str(rest);
    // The sign itself last: `&amp;lt;` is `&lt;`.
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The key of a room.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RoomKey {
    /// The key that the room has.
    key: String,
}

/// Enter a room
///
/// It is opened if there is none. A room with a key takes it in the body.
#[utoipa::path(put, path = "/me/rooms/{room}", tag = "rooms", security(("session" = []), ("cookie" = [])),
    request_body = Option<RoomKey>,
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 204, description = "You are in it"),
    (status = 400, description = "The body is no JSON", body = Problem),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "You may not come in", body = Problem),
    (status = 404, description = "No room can have that name", body = Problem),
    (status = 409, description = "You are in too many rooms, or have opened too many", body = Problem),
    (status = 422, description = "That cannot be a room", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn enter(
    SignedOn(session): SignedOn,
    PathParam(room): PathParam<String>,
    body: Bytes,
) -> Result<StatusCode, AppError> {
    let room = room_name(&room)?;
    let key: Option<RoomKey> = match body.trim_ascii() {
        b"" => None,
        body => serde_json::from_slice(body)
            .map_err(|error| AppError::BadJson(format!("The body cannot be read: {error}.")))?,
    };
    if session.rooms().contains(&room) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let key = key.map_or_else(String::new, |RoomKey { key }| format!(" {key}"));
    carry_out(&session, &format!("JOIN:{room}{key}")).await
}

/// Leave a room
#[utoipa::path(delete, path = "/me/rooms/{room}", tag = "rooms", security(("session" = []), ("cookie" = [])),
    params(("room" = String, Path, description = "The room, with or without its `#` (`%23`)")), responses(
    (status = 204, description = "You are not in it"),
    (status = 401, description = "No user is signed on", body = Problem),
    (status = 403, description = "You are not in it", body = Problem),
    (status = 404, description = "No room can have that name", body = Problem),
    (status = 422, description = "That cannot be a room", body = Problem),
    (status = 429, description = "Too much is sent", body = Problem, headers(("Retry-After" = u64))),
    (status = 503, description = "The server is stopping", body = Problem)))]
pub(crate) async fn part(
    SignedOn(session): SignedOn,
    PathParam(room): PathParam<String>,
) -> Result<StatusCode, AppError> {
    carry_out(&session, &format!("PART:{}", room_name(&room)?)).await
}

/// Carries a line of the line protocol out.
pub(super) async fn carry_out(session: &Session, line: &str) -> Result<StatusCode, AppError> {
    session.take_pace().map_err(AppError::TooMany)?;
    let line = Text::new(line)?;
    match session.carry_out(Ask::Line { room: None, line }).await.ok_or(AppError::Timeout)?? {
        Outcome::Done => Ok(StatusCode::NO_CONTENT),
        _ => Err(AppError::Internal),
    }
}

#[cfg(test)]
mod tests {
    use chat_server::model::body::MAX_LINES;

    use super::*;

    fn lines(json: &str) -> Result<Vec<String>, String> {
        let post: HookPost = serde_json::from_str(json).unwrap();
        let text = post.message(200).map_err(|error| error.to_string())?;
        Ok(text.lines().map(String::from).collect())
    }

    #[test]
    fn ours_and_slacks_forms_are_understood() {
        assert_eq!(lines(r#"{"text":"a\n\n  b \r\nc","icon":1}"#).unwrap(), ["a", "", "  b ", "c"]);
        let grafana = r#"{"username":"Grafana","text":null,"attachments":[{"fallback":"[firing] disk","color":"red"},{"title":"t","text":"x"}]}"#;
        assert_eq!(lines(grafana).unwrap(), ["[Grafana] [firing] disk", "t", "x"]);
        assert_eq!(lines(r#"{"username":" a\nb: hi ","text":"x"}"#).unwrap(), ["[a b: hi] x"]);
        assert_eq!(
            lines(r#"{"text":"<https://a.example/1|build 1> &lt;main&gt; a &amp;amp; b < c > <x>"}"#).unwrap(),
            ["build 1 (https://a.example/1) <main> a &amp; b < c > <x>"]
        );
    }

    #[test]
    fn the_words_of_blocks_are_said_where_there_are_no_others() {
        let built = r#"{"blocks":[{"type":"header","text":{"type":"plain_text","text":"Build 318"}},{"type":"divider"},
            {"type":"section","text":{"type":"mrkdwn","text":"is *green*: <https://a.example/1|log>"},
             "fields":[{"type":"mrkdwn","text":"branch"},{"type":"plain_text","text":"main"}]},
            {"type":"context","elements":[{"type":"image","alt_text":"ani"},{"type":"mrkdwn","text":"2 &lt; 3"}]},
            {"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Deploy"}}]},
            {"type":"image","image_url":"https://a.example/x.png","alt_text":"a graph"}, 7, {"type":"rich_text"}]}"#;
        assert_eq!(
            lines(built).unwrap(),
            ["Build 318", "is *green*: log (https://a.example/1)", "branch", "main", "ani 2 < 3", "a graph"]
        );
        let rich = r#"{"text":"","blocks":[{"type":"rich_text","elements":[
            {"type":"rich_text_section","elements":[{"type":"text","text":"a &lt; b "},{"type":"emoji","name":"wave"},
             {"type":"text","text":" "},{"type":"link","url":"https://a.example/?x=1&y=2","text":"log"}]},
            {"type":"rich_text_list","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one"}]},
             {"type":"rich_text_section","elements":[{"type":"user","user_id":"U1"}]}]},
            {"type":"rich_text_quote","elements":[{"type":"text","text":"said\nso"}]}]}]}"#;
        assert_eq!(
            lines(rich).unwrap(),
            ["a &lt; b :wave: log (https://a.example/?x=1&y=2)", "• one", "• @U1", "> said", "> so"]
        );
        // With words of its own a post has its blocks for Slack's eyes only, as Slack shows a notification.
        assert_eq!(lines(r#"{"text":"green","blocks":[{"type":"section","text":{"text":"x"}}]}"#).unwrap(), ["green"]);
        let attached = r#"{"text":" ","attachments":[{"color":"red","blocks":[{"type":"section","text":{"text":"disk"}}]},
            {"text":"","fields":[{"title":"host","value":"db1"},{"value":"full"}]}]}"#;
        assert_eq!(lines(attached).unwrap(), ["disk", "host: db1", "full"]);
    }

    #[test]
    fn what_is_too_much_or_nothing_is_refused() {
        for json in [
            r#"{}"#,
            r#"{"text":" \n "}"#,
            r#"{"username":"x"}"#,
            r#"{"attachments":[{}]}"#,
            r#"{"blocks":[{"type":"divider"}]}"#,
        ] {
            assert!(lines(json).unwrap_err().contains("no words"), "{json}");
        }
        assert!(lines(&serde_json::json!({ "text": "x\n".repeat(MAX_LINES + 1) }).to_string()).is_err());
        assert!(lines(&serde_json::json!({ "text": "x".repeat(201) }).to_string()).is_err());
    }
}
