//! The transport of a client that is connected to another node of the chat: nothing.

use crate::chat::outbox::{Batch, Deliver, Flushed, Outbox, Undelivered};

/// Nothing comes to it but an empty last batch.
struct Elsewhere;

impl Deliver for Elsewhere {
    fn deliver(&mut self, _: Batch) -> Result<(), Undelivered> {
        Ok(())
    }
}

impl Outbox {
    /// The outbox of a client of another node, which has its own there. It has ended, well, and takes nothing: an event for this client
    /// costs a look.
    pub fn elsewhere() -> Outbox {
        let mut outbox = Outbox::new(Box::new(Elsewhere), 0);
        outbox.ended = Some(Flushed::All);
        outbox
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::chat::ticket::Credits;
    use crate::model::event::{Envelope, Event};
    use crate::model::run::Run;
    use crate::model::text::Text;

    #[test]
    fn it_takes_nothing_and_never_fails() {
        let mut outbox = Outbox::elsewhere();
        let note = Envelope::new(chrono::DateTime::UNIX_EPOCH, Event::Note { room: None, text: Text::own("x") });
        assert!(!outbox.push(&note) && !outbox.give(&Run::from(vec![note.clone()])));
        let credits = Credits::new(1);
        outbox.hold(credits.try_take().unwrap());
        assert!(credits.are_back(1));
        assert_eq!((outbox.flush(), outbox.depths()), (Flushed::All, (0, 0, 0)));
        outbox.close(note.clone());
        assert_eq!(std::sync::Arc::strong_count(&note), 1);
    }
}
