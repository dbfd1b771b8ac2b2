//! Gathers what the dashboard lists, from what the router has in memory.

use crate::chat::router::Turn;
use crate::features::moderation::ban::Ban;
use crate::features::moderation::list::BanRow;
use crate::features::operators::dashboard::{ACCOUNTS, Dashboard, Kept, Known};
use crate::features::state::Features;
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// What the dashboard lists. Direct talks are the business of their members.
    pub(crate) fn dashboard(&self) -> Dashboard {
        let members = &self.router.features.members;
        let all = self.router.features.archive.as_ref().map(|archive| &archive.accounts.by_name);
        let accounts: Vec<Known> = all
            .into_iter()
            .flat_map(|all| all.values())
            .take(ACCOUNTS)
            .map(|account| Known {
                name: account.name.clone(),
                role: account.role,
                is_online: self.clients.named(&account.name).is_some_and(|holder| self.is_signed_in(holder)),
                rooms: members.count(&account.name),
            })
            .collect();
        let count = all.map_or(0, |all| all.len());
        let mut rooms: Vec<Kept> = self
            .router
            .rooms
            .values()
            .map(|room| Kept {
                name: room.name.clone(),
                days: room.features.rooms.keep_days,
                members: members.of_room(&room.name).count(),
            })
            .collect();
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        let everywhere = std::iter::once((None, &self.router.features.bans));
        let of_rooms = rooms.iter().filter_map(|kept| self.router.rooms.get(&kept.name));
        let of_rooms = of_rooms.map(|room| (Some(room.name.clone()), &room.features.bans));
        let bans = everywhere.chain(of_rooms).flat_map(|(room, bans)| {
            bans.iter().map(move |held| {
                let Ban { kind, target, since, .. } = &held.ban;
                let target = Some(Text::own(target.to_string()));
                let row = BanRow { kind: *kind, target, since: *since, notice: held.notice(self.now.mono) };
                (room.clone(), row)
            })
        });
        Dashboard { bans: bans.collect(), accounts, count, rooms }
    }
}
