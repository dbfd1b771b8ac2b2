//! Random lives of accounts, on the real tables and in a few lines of plain Rust: both say the same at each step.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use proptest::sample::{Index, select};

use chat_server::features::accounts::invitations::Terms;
use chat_server::features::archive::store::{Account, Refused};

use super::*;
use crate::db::in_memory;
use crate::passwords::Strength;

/// Names, each with a number for what it looks like; the server's own have 0.
const NAMES: [(&str, u8); 11] = [
    ("ani", 1),
    ("ANI", 1),
    ("paypal", 2),
    ("paypaI", 2),
    ("Paypa1", 2),
    ("p4ypal", 5),
    ("mia", 3),
    ("rnia", 3),
    ("budi", 4),
    ("admin", 0),
    ("ADM1N", 0),
];
const PASSWORDS: [&str; 3] = ["correct horse", "another horse", "no horse at all"];
const DAY: i64 = 24 * 60 * 60 * 1_000;

#[derive(Clone, Debug)]
enum Step {
    Register {
        who: usize,
        password: usize,
        code: Option<Index>,
        needs_code: bool,
        visit: (bool, u8),
    },
    SignIn {
        who: usize,
        password: usize,
        visit: (bool, u8),
        guarded: bool,
    },
    /// A user whose password is being hashed, while others go on.
    Hash {
        who: usize,
        password: usize,
    },
    /// Whose password was hashed comes in.
    Hashed(Index),
    Crowd {
        who: usize,
        password: usize,
        from: u8,
        count: u8,
    },
    Resume {
        token: Index,
        visit: (bool, u8),
    },
    Change {
        who: usize,
        password: usize,
        new: usize,
        token: bool,
    },
    Renew {
        who: usize,
    },
    SignOut {
        who: usize,
        token: Option<Index>,
    },
    Grant {
        who: usize,
        role: Role,
    },
    Invite,
    Remove {
        who: usize,
    },
    /// The clock goes, and may be set back.
    Pass(i64),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..NAMES.len();
    let password = || prop_oneof![4 => Just(0), 1 => 1..PASSWORDS.len()];
    let visit = || (any::<bool>(), 0_u8..30);
    let step = prop_oneof![
        6 => (who(), password(), any::<Option<Index>>(), any::<bool>(), visit()).prop_map(|(who, password, code, needs_code, visit)| {
            Step::Register { who, password, code, needs_code, visit }
        }),
        6 => (who(), password(), visit(), any::<bool>())
            .prop_map(|(who, password, visit, guarded)| Step::SignIn { who, password, visit, guarded }),
        3 => (who(), password()).prop_map(|(who, password)| Step::Hash { who, password }),
        3 => any::<Index>().prop_map(Step::Hashed),
        1 => (who(), password(), 0_u8..30, 1_u8..25)
            .prop_map(|(who, password, from, count)| Step::Crowd { who, password, from, count }),
        6 => (any::<Index>(), visit()).prop_map(|(token, visit)| Step::Resume { token, visit }),
        2 => (who(), password(), password(), any::<bool>())
            .prop_map(|(who, password, new, token)| Step::Change { who, password, new, token }),
        1 => who().prop_map(|who| Step::Renew { who }),
        2 => (who(), any::<Option<Index>>()).prop_map(|(who, token)| Step::SignOut { who, token }),
        1 => (who(), select(Role::ALL.to_vec())).prop_map(|(who, role)| Step::Grant { who, role }),
        2 => Just(Step::Invite),
        1 => who().prop_map(|who| Step::Remove { who }),
        2 => select(vec![1, 6, 8, 40, 89, 91, -1, -10]).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..80)
}

/// What should be.
#[derive(Default)]
struct Model {
    owners: Vec<Owner>,
    /// Code, until when, used.
    codes: Vec<(Text, i64, bool)>,
}

struct Owner {
    name: Name,
    looks: u8,
    password: usize,
    /// Rises with each hash of it.
    version: usize,
    role: Role,
    /// With the time of their last use.
    tokens: Vec<(Secret, i64)>,
    places: Vec<(u8, i64)>,
}

impl Model {
    fn owner(&mut self, name: &Name) -> Option<&mut Owner> {
        self.owners.iter_mut().find(|owner| owner.name == *name)
    }

    fn may_register(&self, who: usize, code: Option<&Text>, needs_code: bool, now: i64) -> Result<(), Refused> {
        let (name, looks) = (name(who), NAMES[who].1);
        match code.map(|code| self.codes.iter().find(|(other, ..)| other == code)) {
            None if needs_code => return Err(Refused::NoInvitation),
            Some(None) => return Err(Refused::BadInvitation),
            Some(Some((_, _, true))) => return Err(Refused::UsedInvitation),
            Some(Some((_, until, false))) if now >= *until => return Err(Refused::OldInvitation),
            _ => {}
        }
        if let Some(owner) = self.owners.iter().find(|owner| owner.name == name) {
            return Err(Refused::NameTaken(owner.name.clone()));
        }
        if let Some(owner) = self.owners.iter().find(|owner| owner.looks == looks) {
            return Err(Refused::LooksLike(owner.name.clone()));
        }
        if looks == 0 {
            return Err(Refused::Reserved(Name::parse("admin").unwrap()));
        }
        Ok(())
    }
}

impl Owner {
    /// Comes in. Returns whether they were there before.
    fn visits(&mut self, from: u8, now: i64) -> bool {
        let was_there = self.knows(from);
        self.places.retain(|(place, _)| *place != from);
        self.places.sort_by_key(|(_, seen)| -seen);
        self.places.truncate(19);
        self.places.push((from, now));
        was_there
    }

    fn knows(&self, from: u8) -> bool {
        self.places.iter().any(|(place, _)| *place == from)
    }

    fn gets(&mut self, token: Secret, now: i64) {
        // The newest stands first, so that of two that were used at once the newer one stays: a token that is shown may get another.
        self.tokens.sort_by_key(|(_, used)| -used);
        self.tokens.truncate(19);
        self.tokens.insert(0, (token, now));
    }
}

/// The real thing, with the model beside it.
struct House {
    db: Connection,
    hasher: Hasher,
    now: i64,
    model: Model,
    /// All tokens there ever were.
    tokens: Vec<Secret>,
    /// Who was hashed and has not come in: with the hash, and the version it is of.
    hashed: Vec<(usize, String, usize)>,
}

impl House {
    fn new() -> House {
        House {
            db: in_memory(),
            hasher: Hasher::new(Strength::none()),
            now: 1_700_000_000_000,
            model: Model::default(),
            tokens: Vec::new(),
            hashed: Vec::new(),
        }
    }

    /// Does a step, and looks whether what came of it is what should.
    fn step(&mut self, step: Step) {
        self.now += 1;
        let now = self.now;
        match step {
            Step::Register { who, password, code, needs_code, visit } => {
                let code = code.filter(|_| !self.model.codes.is_empty()).map(|i| i.get(&self.model.codes).0.clone());
                let (wanted, visit) = (name(who), self::visit(visit));
                let invite = code.as_deref();
                let new = New { name: &wanted, role: Role::Member, invite, needs_invite: needs_code };
                let hashed = self.hasher.hash(&fit(PASSWORDS[password])).unwrap();
                let answer = accounts::register(&self.db, &new, &hashed, visit, now).unwrap();
                match self.model.may_register(who, code.as_ref(), needs_code, now) {
                    Err(error) => assert_refused(answer, error),
                    Ok(()) => {
                        let used = self.model.codes.iter_mut().filter(|(other, ..)| Some(other) == code.as_ref());
                        used.for_each(|(_, _, used)| *used = true);
                        let (looks, role) = (NAMES[who].1, Role::Member);
                        let (tokens, places) = (Vec::new(), Vec::new());
                        let new = Owner {
                            name: wanted.clone(),
                            looks,
                            password,
                            version: now as usize,
                            role,
                            tokens,
                            places,
                        };
                        self.model.owners.push(new);
                        self.comes_in(&wanted, answer, visit, false);
                    }
                }
            }
            Step::SignIn { who, password, visit, guarded } => {
                let visit = self::visit(visit);
                if let Ok((hashed, _)) = self.shows(who, password, visit, guarded) {
                    self.signs_in(who, &hashed, visit);
                }
            }
            Step::Hash { who, password } => {
                if let Ok((hashed, version)) = self.shows(who, password, Visit::default(), false) {
                    self.hashed.push((who, hashed, version));
                }
            }
            Step::Hashed(which) => {
                if self.hashed.is_empty() {
                    return;
                }
                let (who, hashed, version) = self.hashed.swap_remove(which.index(self.hashed.len()));
                if self.model.owner(&name(who)).is_some_and(|owner| owner.version == version) {
                    self.signs_in(who, &hashed, visit((true, 1)));
                } else {
                    let late = accounts::sign_in(&self.db, &name(who), &hashed, Visit::default(), now).unwrap();
                    assert!(late.is_none(), "the old password was good after the new one was there");
                }
            }
            Step::Crowd { who, password, from, count } => {
                for i in 0..count {
                    self.now += 1;
                    let visit = visit((true, (from + i) % 30));
                    if let Ok((hashed, _)) = self.shows(who, password, visit, false) {
                        self.signs_in(who, &hashed, visit);
                    }
                }
            }
            Step::Resume { token, visit } => {
                let visit = self::visit(visit);
                let token = if self.tokens.is_empty() { Secret::new("none") } else { token.get(&self.tokens).clone() };
                let answer = accounts::resume(&self.db, &token, visit, now).unwrap();
                let has =
                    |owner: &&mut Owner| owner.tokens.iter().any(|(own, used)| *own == token && now - used < 90 * DAY);
                match self.model.owners.iter_mut().find(has) {
                    None => assert_refused(answer, Refused::SignedOut),
                    Some(owner) => {
                        let used = owner.tokens.iter_mut().filter(|(own, _)| *own == token);
                        used.for_each(|(_, used)| *used = now);
                        let name = owner.name.clone();
                        self.comes_in(&name, answer, visit, true);
                    }
                }
            }
            Step::Change { who, password, new, token } => {
                let visit = Visit { token, from: None };
                let Ok((hashed, _)) = self.shows(who, password, visit, false) else { return };
                let renewed = self.hasher.hash(&fit(PASSWORDS[new])).unwrap();
                let hashes = (&*hashed, &*renewed);
                let answer = accounts::change_password(&self.db, &name(who), hashes, visit, now).unwrap();
                let again = accounts::change_password(&self.db, &name(who), hashes, visit, now).unwrap();
                assert!(again.is_none(), "the old password was good for another change");
                let owner = self.model.owner(&name(who)).unwrap();
                (owner.password, owner.version) = (new, now as usize);
                owner.tokens.clear();
                self.comes_in(&name(who), answer.unwrap(), visit, true);
            }
            Step::Renew { who } => {
                let Some(owner) = self.model.owner(&name(who)) else { return };
                owner.version = now as usize;
                let renewed = self.hasher.hash(&fit(PASSWORDS[owner.password])).unwrap();
                let account = "SELECT account FROM accounts WHERE name = ?1";
                let account = self.db.query_row(account, [name(who).as_str()], |row| row.get(0)).unwrap();
                accounts::renew(&self.db, account, &renewed).unwrap();
            }
            Step::SignOut { who, token } => {
                let token = token.filter(|_| !self.tokens.is_empty()).map(|i| i.get(&self.tokens).clone());
                accounts::sign_out(&self.db, &name(who), token.as_ref()).unwrap();
                let owner = self.model.owner(&name(who));
                owner
                    .into_iter()
                    .for_each(|owner| owner.tokens.retain(|(own, _)| token.as_ref().is_some_and(|t| t != own)));
            }
            Step::Grant { who, role } => {
                let granted = accounts::grant(&self.db, &name(who), role).unwrap();
                let owner = self.model.owner(&name(who));
                let owner = owner.map(|owner| {
                    owner.role = role;
                    Account { name: owner.name.clone(), role }
                });
                assert_eq!(granted, owner);
            }
            Step::Invite => {
                let made = invitations::invite(&self.db, "root", &Terms::default(), now).unwrap();
                let Answer::Code { code, until, .. } = made else { panic!("{made:?}") };
                assert_eq!(until.timestamp_millis(), now + 7 * DAY);
                self.model.codes.push((code, now + 7 * DAY, false));
            }
            Step::Remove { who } => {
                let count = self.model.owners.len();
                self.model.owners.retain(|owner| owner.name != name(who));
                let is_removed = accounts::remove(&self.db, &name(who)).unwrap();
                assert_eq!(is_removed, self.model.owners.len() < count);
            }
            Step::Pass(days) => self.now += days * DAY,
            Step::Restart => {
                let mut known: Vec<Account> = self.model.owners.iter().map(Owner::account).collect();
                known.sort_by_key(|account| account.name.as_str().to_lowercase());
                assert_eq!(accounts::all(&self.db).unwrap(), known);
            }
        }
        self.assert_bounded();
    }

    /// Shows a password. Returns its hash, and the version it is of.
    fn shows(&mut self, who: usize, password: usize, visit: Visit, guarded: bool) -> Result<(String, usize), Refused> {
        let guarded_for = guarded.then_some(7);
        let trial = Trial { name: name(who), secret: Secret::new(PASSWORDS[password]), visit, guarded: guarded_for };
        let shown = trial.shown(&mut self.hasher, &self.db).map(|shown| shown.hashed);
        let place = visit.from.map(|from| match from {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(_) => unreachable!("there is none"),
        });
        let owner = self.model.owner(&name(who));
        let is_open = !guarded || owner.as_ref().is_some_and(|owner| place.is_some_and(|place| owner.knows(place)));
        match (owner, shown) {
            (_, Err(Refused::Guarded(_))) if !is_open => Err(Refused::WrongPassword),
            (Some(owner), Ok(hashed)) if is_open && owner.password == password => Ok((hashed, owner.version)),
            (owner, Err(Refused::WrongPassword))
                if is_open && owner.as_ref().is_none_or(|o| o.password != password) =>
            {
                Err(Refused::WrongPassword)
            }
            (_, other) => panic!("{other:?}"),
        }
    }

    fn signs_in(&mut self, who: usize, hashed: &str, visit: Visit) {
        let (account, answer) = accounts::sign_in(&self.db, &name(who), hashed, visit, self.now).unwrap().unwrap();
        accounts::remember(&self.db, account, visit, self.now).unwrap();
        self.comes_in(&name(who), answer, visit, true);
    }

    /// Checks that a user who signs in is told who they are, and gets what they wanted.
    fn comes_in(&mut self, name: &Name, answer: Answer, visit: Visit, is_old: bool) {
        let now = self.now;
        let owner = self.model.owner(name).expect("they have an account");
        let Answer::Account { account, token, known_there, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(account, owner.account());
        assert_eq!(account.name.as_str(), owner.name.as_str(), "as it was registered");
        assert_eq!(token.is_some(), visit.token);
        let was_there = match visit.from {
            Some(IpAddr::V4(v4)) => owner.visits(v4.octets()[3], now),
            _ => false,
        };
        assert_eq!(known_there, was_there && is_old);
        if let Some(token) = token {
            assert!(token.reveal().len() >= 64 && !self.tokens.contains(&token));
            owner.gets(token.clone(), now);
            self.tokens.push(token);
        }
    }

    fn assert_bounded(&self) {
        for table in ["tokens", "addresses"] {
            let most = format!("SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {table} GROUP BY account)");
            let most: i64 = self.db.query_row(&most, [], |row| row.get(0)).unwrap();
            assert!(most <= 20, "{most} {table} of one account");
        }
    }
}

impl Owner {
    fn account(&self) -> Account {
        Account { name: self.name.clone(), role: self.role }
    }
}

#[track_caller]
fn assert_refused(answer: Answer, error: Refused) {
    match answer {
        Answer::Refused(refused) => assert_eq!(refused, error),
        other => panic!("{other:?} instead of {error:?}"),
    }
}

fn fit(typed: &str) -> Password {
    Password::new(&Secret::new(typed)).unwrap()
}

fn name(who: usize) -> Name {
    Name::parse(NAMES[who].0).unwrap()
}

fn visit((token, from): (bool, u8)) -> Visit {
    Visit { token, from: Some(Ipv4Addr::new(192, 0, 2, from).into()) }
}

proptest! {
    #[test]
    fn accounts_are_what_a_few_lines_say_they_are(steps in steps()) {
        let mut house = House::new();
        for step in steps {
            house.step(step);
        }
    }
}
