//! The sessions by their tokens, and tokens that were replaced a moment ago.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dashmap::DashMap;

use crate::lock::lock;
use crate::session::Session;

/// How long a replaced token is remembered, and how many are.
const REPLACED_FOR: Duration = Duration::from_secs(60);
const REPLACED: usize = 1_000;

/// The sessions that live.
#[derive(Default)]
pub struct Sessions {
    by_token: DashMap<String, Arc<Session>>,
    /// Tokens that are worth nothing any more. The other tabs of a browser may still show one, until the tab that got the new one
    /// has made it the browser's cookie: they are told to connect again, and not that there is no session.
    replaced: Mutex<VecDeque<(String, Instant)>>,
    /// Held while a bot signs on: calls that come at once are of one session.
    pub bots: tokio::sync::Mutex<()>,
}

impl Sessions {
    /// The session with this token.
    pub fn get(&self, token: &str) -> Option<Arc<Session>> {
        self.by_token.get(token).map(|session| session.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_token.len()
    }

    /// Makes a session findable by this token.
    pub fn insert(&self, token: String, session: Arc<Session>) {
        self.by_token.insert(token, session);
    }

    /// Makes a session findable no more.
    pub fn remove(&self, token: &str) {
        self.by_token.remove(token);
    }

    /// Makes a session findable no more, and no other one that has its token by now, as a bot's next one has.
    pub fn end(&self, session: &Session) {
        self.by_token.remove_if(&session.token(), |_, found| found.id == session.id);
    }

    /// Gives a session another token. At each moment it is found by one of the two, or the old one counts as replaced.
    pub fn replace(&self, old: &str, token: String, session: Arc<Session>) {
        self.insert(token, session);
        {
            let mut replaced = lock(&self.replaced);
            while replaced.front().is_some_and(|(_, at)| at.elapsed() > REPLACED_FOR) || replaced.len() >= REPLACED {
                replaced.pop_front();
            }
            replaced.push_back((old.to_string(), Instant::now()));
        }
        self.remove(old);
    }

    /// Whether a session had this token until a moment ago.
    pub fn was_replaced(&self, token: &str) -> bool {
        lock(&self.replaced).iter().any(|(known, at)| known == token && at.elapsed() <= REPLACED_FOR)
    }
}
