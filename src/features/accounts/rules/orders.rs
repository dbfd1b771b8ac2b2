//! Orders about accounts, by the owner of the data and by operators at a door of calls.

use crate::chat::router::Turn;
use crate::features::accounts::orders::AccountOrder;
use crate::features::accounts::state::AccountPurpose;
use crate::features::archive::state::{self as archive, Asker};
use crate::features::archive::store::{Answer, Question};
use crate::features::calls::Reply;
use crate::features::operators::state::Actor;
use crate::features::state::Features;
use crate::model::names::{Name, RoomName};
use crate::model::refusal::Refusal;
use crate::model::secrets::Secret;

impl Turn<'_, Features> {
    /// Carries an order out. The answer is the store's.
    pub(crate) fn ordered_of_accounts(&mut self, order: AccountOrder, by: &Actor, reply: Reply) {
        match self.asked_of_store(order, by) {
            Ok((question, then)) => {
                // There is a store, or it would have been refused.
                let _number = self.put(question, Asker::Door(reply), archive::Then::Account(then));
            }
            Err(error) => reply(Answer::Refused(error.into())),
        }
    }

    fn asked_of_store(&mut self, order: AccountOrder, by: &Actor) -> Result<(Question, AccountPurpose), Refusal> {
        self.accounts_mut()?;
        let by = by.clone();
        Ok(match order {
            AccountOrder::Add { name, secret, role } => {
                Secret::look_over(secret.reveal())?;
                (Question::AddAccount { name, secret, role }, AccountPurpose::Added { by })
            }
            AccountOrder::Grant { name, role } => (Question::Grant { name, role }, AccountPurpose::Granted { by }),
            AccountOrder::SetPassword { name, secret } => {
                Secret::look_over(secret.reveal())?;
                (Question::SetPassword { name: name.clone(), secret }, AccountPurpose::PasswordSet { by, name })
            }
            AccountOrder::MakeReset(name) => self.making_reset(by, name)?,
            AccountOrder::Remove { name, messages } => {
                (Question::Remove { name: name.clone(), messages }, AccountPurpose::Removed { by, name, messages })
            }
            AccountOrder::Invite(terms) => self.inviting(by, terms)?,
            AccountOrder::Invitations { before, limit } => {
                (Question::Invitations { before, limit }, AccountPurpose::Nothing)
            }
            AccountOrder::EndInvitation(number) => {
                (Question::EndInvitation { number }, AccountPurpose::InvitationEnded { by, number })
            }
        })
    }

    /// An account is no more. Its connections end, and what it might do in rooms the next user of the name may not.
    pub(super) fn account_removed(&mut self, name: &Name) {
        self.forget_talks_of(name);
        self.router.features.members.forget_account(name);
        self.router.features.preferences.forget_account(name);
        let Ok(accounts) = self.accounts_mut() else { return };
        if accounts.by_name.remove(name).is_some() {
            accounts.looks.remove(name);
        }
        let _rooms = accounts.take_invited(name);
        self.sign_out_all(name, None, "An operator of this server removed your account.");
        let ruled = self.router.rooms.values_mut();
        let ruled = ruled.filter_map(|room| room.features.rooms.op_accounts.remove(name).then(|| room.name.clone()));
        let mut ruled: Vec<RoomName> = ruled.collect();
        ruled.sort();
        for room in ruled {
            self.record_room(&room);
            self.after_leaving(&room);
        }
        self.disown(name, None);
    }
}
