//! Who is shown the devices of an account.

use crate::chat::router::Turn;
use crate::features::devices::{self, Command, Device};
use crate::features::state::{Answer, Features};
use crate::model::feature::FeatureCommand;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::refusal::Refusal;

/// Carries out the commands of devices.
pub(crate) fn carry_out(
    turn: &mut Turn<'_, Features>,
    id: ClientId,
    command: &FeatureCommand,
) -> Option<Result<Answer, Refusal>> {
    let Command::Show(other) = command.open::<Command>()?;
    Some(turn.devices_for(id, other.as_ref()).map(|all| Answer::Block(devices::shown(all))))
}

impl Turn<'_, Features> {
    /// The devices of the user of a client, and of the other user of a direct talk: both are needed to seal for both.
    ///
    /// # Errors
    /// The client is signed in to no account, or has no talk with that user.
    pub(crate) fn devices_for(&self, id: ClientId, other: Option<&Name>) -> Result<Vec<Device>, Refusal> {
        let account = self.account_with(id, "devices")?;
        let mut accounts = vec![account.clone()];
        if let Some(other) = other.filter(|other| **other != account) {
            let talk = RoomName::talk([account, other.clone()])?;
            self.may_read_at(id, &talk)?;
            accounts.extend(self.account_name(other));
        }
        let all = accounts.iter().flat_map(|account| {
            let own = self.router.features.preferences.of(account);
            own.filter_map(|(key, value)| Device::of(account, key, value))
        });
        Ok(all.collect())
    }
}
