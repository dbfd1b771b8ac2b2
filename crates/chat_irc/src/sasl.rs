//! Showing who one is: SASL PLAIN, `PASS account:password`, and what is said to `NickServ`. Each is one request of the core.

use chat_server::features::accounts::{self, verbs};
use chat_server::features::profile::from_base64;
use chat_server::model::command::Command;
use chat_server::model::names::Name;
use chat_server::model::secrets::Secret;

use crate::desk::Desk;
use crate::ledger::{Ask, Local, Way};
use crate::message::Message;
use crate::numeric as n;

/// The length of a chunk that is followed by another one.
const CHUNK: usize = 400;
/// The most letters of all chunks: two names, a password of 1,024 bytes, and what base64 adds.
const MOST: usize = 1_600;
/// What `NickServ` says of itself.
const HELP: [&str; 4] = [
    "IDENTIFY [name] <password>: sign in to your account",
    "REGISTER <password> [code]: make the name you have your own",
    "LOGOUT: sign out; HELP: these lines",
    "Programs do better with SASL PLAIN, or PASS name:password before NICK",
];

/// `AUTHENTICATE`: the way, or a chunk of the proof.
pub(crate) fn authenticate(desk: &mut Desk, message: &Message) {
    let word = message.param(0);
    let begun = desk.greeting.proof.take();
    match (begun, word) {
        _ if !desk.door.options.sasl => desk.says(n::SASL_FAIL, &[]),
        (_, "*") => desk.says(n::SASL_ABORTED, &[]),
        (None, word) if word.eq_ignore_ascii_case("PLAIN") => {
            desk.greeting.proof = Some(String::new());
            desk.local(Local::SaslBegins);
        }
        (None, _) => {
            desk.says(n::SASL_MECHS, &["PLAIN"]);
            desk.says(n::SASL_FAIL, &[]);
        }
        (Some(begun), chunk) if chunk.len() > CHUNK || begun.len() + chunk.len() > MOST => {
            desk.says(n::SASL_TOO_LONG, &[]);
        }
        (Some(begun), chunk) => {
            let begun = if chunk == "+" { begun } else { begun + chunk };
            if chunk.len() == CHUNK {
                desk.greeting.proof = Some(begun);
            } else if let Some((name, secret)) = plain(&begun) {
                desk.prove(name, secret, Way::Sasl);
            } else {
                desk.says(n::SASL_FAIL, &[]);
            }
        }
    }
}

/// Name and password of a proof by PLAIN; nothing where it is none.
fn plain(encoded: &str) -> Option<(Name, Secret)> {
    let text = String::from_utf8(base64(encoded)?).ok()?;
    let mut parts = text.split('\0');
    let (by, name, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let is_one = by.is_empty() || by.eq_ignore_ascii_case(name);
    (is_one && parts.next().is_none() && !secret.is_empty())
        .then_some(())
        .and_then(|()| Some((Name::parse(name).ok()?, Secret::new(secret))))
}

/// The bytes of base64 that has its full length, as SASL writes it.
fn base64(encoded: &str) -> Option<Vec<u8>> {
    let letters = encoded.trim_end_matches('=');
    if !encoded.len().is_multiple_of(4) || encoded.len() - letters.len() > 2 {
        return None;
    }
    from_base64(letters)
}

/// `NS`: the same words as to `NickServ`.
pub(crate) fn nickserv(desk: &mut Desk, message: &Message) {
    service(desk, &message.params.join(" "));
}

/// What is said to `NickServ`. It is never relayed.
pub(crate) fn service(desk: &mut Desk, words: &str) {
    let (word, rest) = words.trim().split_once(' ').unwrap_or((words.trim(), ""));
    let rest = rest.trim();
    match (word.to_ascii_uppercase().as_str(), rest) {
        ("IDENTIFY", rest) if !rest.is_empty() => {
            let (name, secret) =
                rest.split_once(' ').map_or((None, rest), |(name, secret)| (Name::parse(name).ok(), secret));
            match name.or_else(|| desk.greeting.nick.clone()) {
                Some(name) => desk.prove(name, Secret::new(secret), Way::Service),
                None => help(desk),
            }
        }
        ("REGISTER", rest) if !rest.is_empty() => {
            let command = Command::feature(accounts::Command::Register(Secret::new(rest)));
            desk.ask(Ask::Prove(Way::Service), &verbs::REGISTER, command);
        }
        ("LOGOUT", _) => {
            let command = Command::feature(accounts::Command::Logout { everywhere: false });
            desk.ask(Ask::Prove(Way::Service), &verbs::LOGOUT, command);
        }
        _ => help(desk),
    }
}

fn help(desk: &mut Desk) {
    HELP.iter().for_each(|words| desk.local(Local::Notice { from: "NickServ", words }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_a_name_twice_or_once_and_a_password() {
        let shown = |encoded: &str| plain(encoded).map(|(name, secret)| format!("{name} {}", secret.reveal()));
        assert_eq!(shown("AGJ1ZGkAYSBsb25nIHNlbnRlbmNl").as_deref(), Some("budi a long sentence"));
        assert_eq!(shown("YnVkaQBidWRpAHg=").as_deref(), Some("budi x"));
        for wrong in ["", "AA==", "AGJ1ZGkA", "YW5pAGJ1ZGkAeA==", "AGJ1ZGkAeA", "!!!!", "AGJ1ZGkAeAB5", "===="] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
