//! Every transcript, and every conversation of PROTOCOL.md, on the bare router, and on three of them that are one chat. The suites play
//! over TCP what needs no clock that moves when it is told to.

use chat_conformance::play::play;
use chat_conformance::transcripts::{files, manual};
use chat_conformance::trio::{Trio, is_played};
use chat_server::testing::Bare;

#[test]
fn every_transcript_on_the_bare_router() {
    for (title, text) in files() {
        play(&title, &text, Bare::new);
    }
}

#[test]
fn every_conversation_of_the_manual() {
    for (title, text) in manual() {
        play(&title, &text, Bare::new);
    }
}

#[test]
fn every_transcript_on_three_nodes() {
    let all: Vec<_> = files().into_iter().chain(manual()).collect();
    let played: Vec<_> = all.iter().filter(|(_, text)| is_played(text)).collect();
    assert!(played.len() + 9 > all.len(), "{} of {} are played", played.len(), all.len());
    for (title, text) in played {
        play(title, text, Trio::new);
    }
}
