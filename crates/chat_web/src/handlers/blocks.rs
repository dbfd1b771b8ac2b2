//! The words of Slack's blocks: what a person reads of them, without buttons, pictures and colours.

use serde_json::Value;

/// All that blocks say, a line or more for each. What is of no known form says nothing.
pub(super) fn words(blocks: &[Value]) -> String {
    joined(blocks.iter().map(block), "\n")
}

fn block(block: &Value) -> String {
    match kind(block) {
        // Buttons and fields to fill in do nothing here.
        "actions" | "input" | "divider" => String::new(),
        "rich_text" => joined(elements(block).map(part), "\n"),
        "context" => joined(elements(block).map(text), " "),
        "image" | "video" => joined([text(&block["title"]), text(&block["alt_text"])].into_iter(), "\n"),
        _ => {
            let fields = block["fields"].as_array().into_iter().flatten();
            joined(std::iter::once(&block["text"]).chain(fields).map(text), "\n")
        }
    }
}

/// A part of a rich text: a paragraph, a list, a quotation, or code.
fn part(part: &Value) -> String {
    match kind(part) {
        "rich_text_list" => joined(elements(part).map(|item| format!("• {}", run(item))), "\n"),
        "rich_text_quote" => joined(run(part).lines().map(|line| format!("&gt; {line}")), "\n"),
        _ => run(part),
    }
}

/// A run of pieces. They are spelled as Slack spells words elsewhere, so that all is read alike.
fn run(run: &Value) -> String {
    elements(run).map(piece).collect()
}

fn piece(piece: &Value) -> String {
    let field = |key: &str| escaped(piece[key].as_str().unwrap_or_default());
    match kind(piece) {
        "link" if field("text").is_empty() => format!("<{}>", field("url")),
        "link" => format!("<{}|{}>", field("url"), field("text")),
        "emoji" => format!(":{}:", field("name")),
        "user" => format!("@{}", field("user_id")),
        "usergroup" => format!("@{}", field("usergroup_id")),
        "channel" => format!("#{}", field("channel_id")),
        "broadcast" => format!("@{}", field("range")),
        "date" => field("fallback"),
        _ => field("text"),
    }
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn kind(value: &Value) -> &str {
    value["type"].as_str().unwrap_or_default()
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value["elements"].as_array().into_iter().flatten()
}

/// The words of a text object, of words alone, or of a picture.
fn text(value: &Value) -> String {
    let found = [value, &value["text"], &value["alt_text"]].into_iter().find_map(Value::as_str);
    found.unwrap_or_default().to_string()
}

/// What says something, with that between.
fn joined(all: impl Iterator<Item = String>, between: &str) -> String {
    all.filter(|words| !words.trim().is_empty()).collect::<Vec<_>>().join(between)
}
