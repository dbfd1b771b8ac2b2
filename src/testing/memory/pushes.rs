//! The push subscriptions of a store in memory.

use crate::features::archive::store::{Answer, Refused};
use crate::features::push::{Ask, Subscription, no_subscription};

/// Push subscriptions, which are counted.
#[derive(Clone, Default)]
pub(super) struct Pushes {
    all: Vec<Subscription>,
    made: u64,
}

impl Pushes {
    pub(super) fn answer(&mut self, ask: Ask) -> Result<Answer, Refused> {
        let (mut subscriptions, mut ended) = (Vec::new(), Vec::new());
        match ask {
            Ask::Keep(wanted) => {
                let old = self.all.extract_if(.., |old| old.endpoint == wanted.endpoint);
                ended.extend(old.map(|old| (old.account, old.number)));
                self.made += 1;
                self.all.push(Subscription { number: self.made, ..*wanted });
                subscriptions.extend(self.all.last().cloned());
            }
            Ask::End(number, account) => {
                let is_meant = |one: &mut Subscription| {
                    one.number == number && account.as_ref().is_none_or(|account| one.account == *account)
                };
                ended.extend(self.all.extract_if(.., is_meant).map(|one| (one.account, one.number)));
                if ended.is_empty() {
                    return Err(no_subscription(number).into());
                }
            }
            Ask::Load(key) => {
                self.all.retain(|one| one.server_key == key);
                subscriptions.clone_from(&self.all);
            }
        }
        Ok(Answer::Push { subscriptions, ended })
    }
}
