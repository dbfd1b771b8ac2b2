//! Helpers for the tests of the router: two clients in the lobby, and what each hears.

use crate::model::names::ClientId;
use crate::testing::{Bare, Stage, matches, quick};

/// Two people who have read what came by joining. Numbers are given in the order of connecting.
pub(crate) fn ani_and_budi() -> (Bare, ClientId, ClientId) {
    let mut stage = Bare::new(quick());
    for who in ["ani", "budi"] {
        stage.connect(who);
        stage.send(who, format!("JOIN:{who}\n").as_bytes());
    }
    for who in ["ani", "budi"] {
        while stage.next(who).is_some() {}
    }
    (stage, ClientId(1), ClientId(2))
}

/// The next line that a client gets is like this.
#[track_caller]
pub(crate) fn hears(stage: &mut Bare, who: &str, pattern: &str) {
    let line = stage.next(who);
    assert!(line.as_deref().is_some_and(|line| matches(pattern, line)), "{who}: {line:?}");
}
