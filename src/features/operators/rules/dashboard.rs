//! Gathers what the dashboard lists, from what the router has in memory.

use crate::chat::router::Turn;
use crate::features::moderation::ban::Ban;
use crate::features::moderation::list::BanRow;
use crate::features::operators::dashboard::{Dashboard, Kept, Known, LISTED};
use crate::features::state::Features;
use crate::model::text::Text;

impl Turn<'_, Features> {
    /// What the dashboard lists. Direct talks are the business of their members.
    pub(crate) fn dashboard(&self) -> Dashboard {
        let members = &self.router.features.members;
        let all = self.router.features.archive.as_ref().map(|archive| &archive.accounts.by_name);
        let accounts = all.into_iter().flat_map(|all| all.values()).take(LISTED).map(|account| Known {
            name: account.name.clone(),
            role: account.role,
            is_online: self.clients.named(&account.name).is_some_and(|holder| self.is_signed_in(holder)),
            rooms: members.count(&account.name),
        });
        let rooms = self.router.rooms.values().take(LISTED).map(|room| Kept {
            name: room.name.clone(),
            days: room.features.rooms.keep_days,
            members: members.of_room(&room.name).count(),
        });
        let (accounts, rooms) = (accounts.collect(), rooms.collect::<Vec<_>>());
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
        let (bans, count) = (bans.take(LISTED).collect(), all.map_or(0, |all| all.len()));
        Dashboard { bans, accounts, count, rooms }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::mpsc;

    use crate::features::calls::{Call, Orderer};
    use crate::features::operators::dashboard::LISTED;
    use crate::model::names::Name;
    use crate::model::roles::{Policy, Role};
    use crate::testing::{Bare, MemoryStore, Setup, quick};

    #[test]
    fn the_accounts_are_the_first_by_name_however_many_there_are() {
        let store = MemoryStore::default();
        let name = |number: usize| Name::parse(&format!("User{number:04}")).unwrap();
        (0..LISTED + 5).rev().for_each(|number| store.add(&name(number), "correct-horse", Role::Member));
        let mut stage = Bare::new(Setup { kept: Some((store, Policy::default())), ..quick().into() });
        let (reply, told) = mpsc::channel();
        let reply = Box::new(move |lists| reply.send(lists).unwrap());
        stage.turn(vec![Call::Dashboard { by: Orderer::Owner, reply }.into()]);
        let lists = told.try_recv().unwrap().unwrap();
        let names: Vec<&Name> = lists.accounts.iter().map(|account| &account.name).collect();
        assert_eq!(names, (0..LISTED).map(name).collect::<Vec<_>>().iter().collect::<Vec<_>>());
        assert_eq!(lists.count, LISTED + 5);
    }
}
