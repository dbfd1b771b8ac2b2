//! Tells the sockets which users went silent, or were heard again: no event says so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::models::objects::{Author, Presence, User};
use crate::state::AppState;

/// How often users are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// Looks at all users until this door ends.
pub(super) async fn watch_presence(state: Arc<AppState>) {
    let mut last: HashMap<Uuid, (Presence, Option<String>)> = Default::default();
    loop {
        tokio::time::sleep(EVERY).await;
        let people = state.people(&[]);
        for User { id, name, state: presence, away, .. } in &people {
            let now = (*presence, away.clone());
            let before = last.insert(*id, now.clone());
            // A new user was announced by the tap as online.
            if before.as_ref().map_or(now.0 != Presence::Online, |before| *before != now) {
                state.tell_presence(Author::new(*id, name.clone()), now.0, now.1);
            }
        }
        last.retain(|id, _| people.iter().any(|user| user.id == *id));
    }
}
