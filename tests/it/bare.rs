//! Every transcript, and every conversation of PROTOCOL.md, on the bare router. The suites play over TCP what needs no clock that
//! moves when it is told to.

use chat_conformance::play::play;
use chat_conformance::transcripts::{files, manual};
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
