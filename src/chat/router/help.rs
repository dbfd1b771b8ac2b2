//! What `HELP` and `STATS` answer: verbs and figures.

use crate::chat::hooks::{Answer, Hooks, Turn};
use crate::model::args::wrong;
use crate::model::event::Block;
use crate::model::names::ClientId;
use crate::model::refusal::Refusal;
use crate::model::rows::Stat;
use crate::model::text::Text;

impl<F: Hooks> Turn<'_, F> {
    pub(super) fn help(&self, id: ClientId, word: Option<Text>) -> Result<Answer<F>, Refusal> {
        let early = self.clients.get(id).is_none_or(|client| client.name.is_none());
        let verbs = match word.filter(|word| word.as_str() != "/") {
            Some(word) => {
                vec![F::VERBS.meant(&word).ok_or_else(|| wrong(&word, "/help alone shows every command."))?]
            }
            // Before sign-on only what can be done then.
            None => F::VERBS.iter().filter(|verb| (verb.early || !early) && F::offers(self, verb)).collect(),
        };
        Ok(Answer::Block(Block::new("HELP", verbs)))
    }

    pub(super) fn stats(&self) -> Vec<Stat> {
        let mut stats = self.router.metrics.stats(self.clients.snapshot(), self.now.mono);
        F::stats(self, &mut stats);
        stats.extend(self.router.limits.iter().map(|(key, value, text)| Stat { key, value: *value, text }));
        stats
    }
}
