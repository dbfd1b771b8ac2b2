//! Who may do what in direct talks: random histories of two accounts and some guests who come, go and change their names, on the
//! bare router with a store, against a plain model of the rules.

use std::collections::{BTreeMap, BTreeSet};

use chat_server::model::names::Name;
use chat_server::model::roles::{Policy, Role};
use chat_server::testing::{Bare, MemoryStore, Setup, Stage, quick};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::answer;

const SEATS: usize = 4;
const ACCOUNTS: [&str; 2] = ["ani", "budi"];
const NAMES: [&str; 5] = ["ani", "budi", "citra", "dewi", "eko"];

type Members = BTreeSet<&'static str>;

#[derive(Clone, Debug)]
enum Act {
    Say(Members),
    Edit(Members, u64),
    Delete(Members, u64),
    React(Members, u64),
    Nick(&'static str),
    HangUp,
}

fn act() -> impl Strategy<Value = Act> {
    // Mostly of two, so that talks are found again.
    let members = || prop_oneof![4 => btree_set(select(&NAMES[..]), 1), 1 => btree_set(select(&NAMES[..]), 2)];
    let line = || (members(), 1u64..4);
    prop_oneof![
        8 => members().prop_map(Act::Say),
        4 => line().prop_map(|(members, line)| Act::Edit(members, line)),
        3 => line().prop_map(|(members, line)| Act::Delete(members, line)),
        3 => line().prop_map(|(members, line)| Act::React(members, line)),
        2 => select(&NAMES[..]).prop_map(Act::Nick),
        3 => Just(Act::HangUp),
    ]
}

#[derive(Clone, Debug)]
struct Seat {
    number: usize,
    person: usize,
    name: &'static str,
}

impl Seat {
    /// Who it is: an account by its name, a guest by its connection.
    fn author(&self) -> (usize, Option<&'static str>) {
        if is_account(self.name) { (0, Some(self.name)) } else { (self.person, None) }
    }
}

#[derive(Default)]
struct Talk {
    lines: BTreeMap<u64, Line>,
    last_id: u64,
}

struct Line {
    author: (usize, Option<&'static str>),
    reacted: BTreeSet<(usize, Option<&'static str>)>,
    is_deleted: bool,
}

/// All talks that there are have the guests who are here: one ends with the first that leaves.
#[derive(Default)]
struct Model {
    seats: BTreeMap<usize, Seat>,
    talks: BTreeMap<Members, Talk>,
}

fn is_account(name: &str) -> bool {
    ACCOUNTS.contains(&name)
}

impl Model {
    fn is_here(&self, name: &str) -> bool {
        self.seats.values().any(|seat| seat.name == name)
    }

    /// Nothing waits in a talk with a guest; a guest who is away is no user.
    fn nothing_waits(&self, members: &Members) -> Result<(), u16> {
        let has_guests = members.iter().any(|name| !is_account(name));
        let all_here = members.iter().all(|name| self.is_here(name));
        if has_guests && !all_here { Err(401) } else { Ok(()) }
    }

    fn say(&mut self, seat: &Seat, members: Members) -> Result<(), u16> {
        if members.len() < 2 {
            return Err(403);
        }
        self.nothing_waits(&members)?;
        let talk = self.talks.entry(members).or_default();
        talk.last_id += 1;
        let line = Line { author: seat.author(), reacted: BTreeSet::new(), is_deleted: false };
        talk.lines.insert(talk.last_id, line);
        Ok(())
    }

    fn change(&mut self, seat: &Seat, members: &Members, target: u64, act: &Act) -> Result<(), u16> {
        let waits = self.nothing_waits(members);
        let talk = self.talks.get_mut(members).ok_or(403u16)?;
        let line = talk.lines.get_mut(&target).filter(|line| !line.is_deleted).ok_or(491u16)?;
        if !matches!(act, Act::React(..)) && line.author != seat.author() {
            return Err(484);
        }
        if matches!(act, Act::Delete(..)) {
            line.is_deleted = true;
        } else {
            waits?;
        }
        // The same reaction once more is no change.
        if !matches!(act, Act::React(..)) || line.reacted.insert(seat.author()) {
            talk.last_id += 1;
        }
        Ok(())
    }

    fn nick(&mut self, seat: &Seat, name: &'static str) -> Result<(), u16> {
        if seat.name == name {
            return Ok(());
        }
        if is_account(name) {
            return Err(486);
        }
        if is_account(seat.name) {
            return Err(484);
        }
        if self.is_here(name) {
            return Err(433);
        }
        self.seats.values_mut().filter(|other| other.number == seat.number).for_each(|seat| seat.name = name);
        let renamed = std::mem::take(&mut self.talks).into_iter().map(|(mut members, talk)| {
            if members.remove(seat.name) {
                members.insert(name);
            }
            (members, talk)
        });
        self.talks = renamed.collect();
        Ok(())
    }

    fn leave(&mut self, place: usize) {
        let Some(seat) = self.seats.remove(&place).filter(|seat| !is_account(seat.name)) else { return };
        self.talks.retain(|members, _| !members.contains(seat.name));
    }

    fn act(&mut self, seat: &Seat, act: &Act) -> Result<(), u16> {
        let whole = |members: &Members| members.iter().copied().chain([seat.name]).collect::<Members>();
        match act {
            Act::Say(members) => self.say(seat, whole(members)),
            Act::Edit(members, target) | Act::Delete(members, target) | Act::React(members, target) => {
                self.change(seat, &whole(members), *target, act)
            }
            Act::Nick(name) => self.nick(seat, name),
            Act::HangUp => unreachable!("no request"),
        }
    }
}

fn line_of(act: &Act, tag: usize) -> String {
    let talk = |members: &Members| format!("@{}", members.iter().copied().collect::<Vec<_>>().join("+"));
    match act {
        Act::Say(members) => format!("SAY={tag}:{} line {tag}\n", talk(members)),
        Act::Edit(members, id) => format!("EDIT={tag}:{} {id} edited {tag}\n", talk(members)),
        Act::Delete(members, id) => format!("DELETE={tag}:{} {id}\n", talk(members)),
        Act::React(members, id) => format!("REACT={tag}:{} {id} 👍\n", talk(members)),
        Act::Nick(name) => format!("NICK={tag}:{name}\n"),
        Act::HangUp => unreachable!("no request"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(500), ..ProptestConfig::default() })]

    #[test]
    fn who_may_do_what_in_a_talk(steps in vec((0..SEATS, select(&NAMES[..]), act()), 1..80)) {
        let memory = MemoryStore::default();
        for account in ACCOUNTS {
            memory.add(&Name::parse(account).unwrap(), "correct-horse", Role::Member);
        }
        let mut stage = Bare::new(Setup { kept: Some((memory, Policy::default())), ..quick().into() });
        let (mut model, mut count, mut done) = (Model::default(), 0, String::new());
        for (tag, (place, name, act)) in steps.into_iter().enumerate() {
            done.push_str(&format!("{place} ({name}) {act:?}\n"));
            let Some(seat) = model.seats.get(&place).cloned() else {
                // A place that is free is taken under that name.
                if is_account(name) || !model.is_here(name) {
                    count += 1;
                    let who = count.to_string();
                    stage.connect(&who);
                    let line = if is_account(name) {
                        format!("LOGIN={tag}:{name} correct-horse\n")
                    } else {
                        format!("JOIN={tag}:{name}\n")
                    };
                    stage.send(&who, line.as_bytes());
                    prop_assert_eq!(answer(&mut stage, &who, tag), Some(None), "{}", &done);
                    model.seats.insert(place, Seat { number: count, person: count, name });
                }
                continue;
            };
            let who = seat.number.to_string();
            if let Act::HangUp = act {
                stage.hang_up(&who);
                model.leave(place);
                continue;
            }
            let expected = model.act(&seat, &act);
            stage.send(&who, line_of(&act, tag).as_bytes());
            prop_assert_eq!(answer(&mut stage, &who, tag), Some(expected.err()), "{}", &done);
        }
    }
}
