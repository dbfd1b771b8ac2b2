//! Every transcript, and every conversation of PROTOCOL.md, on the bare router. The suites play them over TCP.

use chat_conformance::play::play;
use chat_conformance::transcripts::{files, manual};
use chat_server::testing::Bare;

#[test]
fn every_transcript_on_the_bare_router() {
    for (title, text) in files("tests/transcripts") {
        play(&title, &text, Bare::new);
    }
}

/// Where time has to go by, only the bare router can play: its clock moves when it is told to.
#[test]
fn every_transcript_about_time() {
    for (title, text) in files("tests/transcripts/time") {
        play(&title, &text, Bare::new);
    }
}

#[test]
fn every_conversation_of_the_manual() {
    for (title, text) in manual() {
        play(&title, &text, Bare::new);
    }
}
