//! What is done once a second, without a request of a client.

use crate::chat::hooks::{Hooks, Turn};
use crate::chat::router::TICK;
use crate::model::event::{Envelope, Event};
use crate::model::text::Text;

impl<F: Hooks> Turn<'_, F> {
    /// Looks at the time, at most once a second.
    pub(super) fn tick(&mut self) {
        let now = self.now.mono;
        if self.router.next_tick.is_some_and(|at| now < at) {
            return;
        }
        self.router.next_tick = Some(now + TICK);
        F::tick(self);
        let mut pinged = Vec::new();
        for client in self.clients.iter_mut() {
            client.state.slowed.retain(|(until, _)| *until > now);
            if let Some((every, next)) = &mut client.state.options.ping
                && *next <= now
            {
                *next = now + *every;
                pinged.push(client.id);
            }
        }
        pinged.sort_unstable();
        let pong = Envelope::new(self.now.wall, Event::Pong(Text::own("*")));
        for id in pinged {
            self.push(id, &pong);
        }
    }
}
