//! The accounts that the router knows, and how often passwords and codes were guessed. Pure: time is an argument.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use crate::features::accounts::invitations::Terms;
use crate::features::archive::store::{Account, Answer, Proof, Question, Refused};
use crate::features::limits::{Allowance, Guesses};
use crate::features::operators::state::{Actor, wrong};
use crate::model::address::neighbourhood;
use crate::model::looks::Looks;
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::now::Moment;
use crate::model::refusal::Refusal;
use crate::model::roles::Policy;
use crate::model::spam::{Spam, TooFast};

/// The accounts of this server, as the router knows them: names and roles, no secrets.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) by_name: BTreeMap<Name, Account>,
    /// The names of `by_name` by what they look like.
    pub(crate) looks: Looks,
    pub(crate) policy: Policy,
    /// Wrong passwords and codes, by neighbourhood of addresses.
    pub(crate) wrong_from: Guesses<IpAddr>,
    /// Wrong passwords, by name.
    pub(crate) wrong_for: Guesses<Name>,
    /// Wrong passwords for a name from a neighbourhood: its owner, too, may come from there.
    pub(crate) wrong_there: Guesses<(Name, IpAddr)>,
    /// Names that were registered without an invitation, by neighbourhood.
    pub(crate) registered: Allowance<IpAddr>,
    /// The passwords and codes that the store is checking.
    pub(crate) trials: Vec<Trial>,
    /// Those who registered by an invitation and are not in yet, and the rooms that it leads to.
    pub(crate) invited: VecDeque<(Name, Vec<RoomName>)>,
}

/// A password or a code that the store is checking.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// The number of the question to the store.
    number: u64,
    /// The name that is tried; `None` where only a code is.
    name: Option<Name>,
    from: Option<IpAddr>,
    tried: Tried,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tried {
    /// A name is registered, without an invitation.
    Registering,
    /// A code is tried, of an invitation or of a reset link, which may be a guess.
    Code,
    /// A password is tried; if it is wrong it counts for its name.
    Guess,
    /// The same, while the name is guarded: only a password from an address of its owner is checked.
    Guarded,
}

/// Whether a question may go to the store.
pub(crate) enum Admission {
    /// Yes.
    Now,
    /// Not before a question of the same neighbourhood is answered.
    Later,
    /// It is refused.
    Never(Refusal),
}

/// What a question about accounts is for: what its answer changes, besides what its asker is told.
#[derive(Clone, Debug)]
pub enum AccountPurpose {
    /// There is a new account.
    Registered,
    /// A user showed who they are, or did not.
    SignedIn,
    /// A password was changed.
    PasswordChanged { name: Name, by: Option<ClientId> },
    /// All connections of this account were signed out.
    SignedOut { name: Name, by: Option<ClientId> },
    /// An account has another role.
    Granted { by: Actor },
    /// An account was made by order.
    Added { by: Actor },
    /// An account was given another password by order.
    PasswordSet { by: Actor, name: Name },
    /// A code for a new password was made.
    ResetMade { by: Actor, name: Name },
    /// A user set a new password with such a code.
    Reset { by: Option<ClientId> },
    /// An account was removed.
    Removed { by: Actor, name: Name, messages: bool },
    /// An invitation code was made.
    Invited { by: Actor, terms: Terms },
    /// An invitation was ended.
    InvitationEnded { by: Actor, number: u64 },
    /// Nothing.
    Nothing,
}

/// The most users that are remembered between their registration and their coming in, which at the page are two calls.
const INVITED: usize = 1_000;
/// The most passwords of one neighbourhood that the store checks at the same time.
const AT_ONCE: usize = 2;

impl Accounts {
    pub(crate) fn new(accounts: Vec<Account>, policy: Policy) -> Accounts {
        let mut looks = Looks::default();
        accounts.iter().for_each(|account| looks.add(&account.name));
        Accounts {
            by_name: accounts.into_iter().map(|account| (account.name.clone(), account)).collect(),
            looks,
            policy,
            // That many wrong ones in a minute are free, and each further one doubles the wait.
            wrong_from: Guesses::new(3),
            wrong_for: Guesses::new(10),
            wrong_there: Guesses::new(3),
            registered: Allowance::new(policy.register_burst, policy.register_per_hour),
            trials: Vec::new(),
            invited: VecDeque::new(),
        }
    }

    /// A user has registered by an invitation, and goes into these rooms when they come in.
    pub(crate) fn invited_to(&mut self, name: &Name, rooms: &[RoomName]) {
        if rooms.is_empty() {
            return;
        }
        if self.invited.len() >= INVITED
            && let Some((other, _)) = self.invited.pop_front()
        {
            log::warn!("{other} registered by an invitation and did not come in: its rooms are not entered");
        }
        self.invited.push_back((name.clone(), rooms.to_vec()));
    }

    /// The rooms of the invitation by which this user has registered, once.
    pub(crate) fn take_invited(&mut self, name: &Name) -> Option<Vec<RoomName>> {
        let place = self.invited.iter().position(|(other, _)| other == name)?;
        self.invited.remove(place).map(|(_, rooms)| rooms)
    }

    /// Once a second.
    pub(crate) fn tick(&mut self, now: Moment) {
        self.wrong_from.tick(now);
        self.wrong_for.tick(now);
        self.wrong_there.tick(now);
        self.registered.tick(now);
    }

    /// Whether the store may be asked now. It checks two passwords of a neighbourhood at the same time, and the others
    /// wait: forty users behind one address are no attack, and an attacker behind one cannot fill the store.
    pub(crate) fn admit(&mut self, number: u64, question: &mut Question, now: Moment) -> Admission {
        let (name, from) = match question {
            Question::Register { name, from, .. }
            | Question::SignIn { proof: Proof::Password(name, _), from, .. }
            | Question::ChangePassword { name, from, .. } => (Some(name.clone()), *from),
            Question::Reset { from, .. } => (None, *from),
            _ => return Admission::Now,
        };
        // A peer with one address of a network in IPv6 has all of them.
        let near = from.map(neighbourhood);
        if near.is_some() && self.at_work(|trial| trial.near() == near) >= AT_ONCE {
            return Admission::Later;
        }
        let guesses = |retry| Admission::Never(TooFast { retry, why: Spam::Guesses }.into());
        let wait_here = near.and_then(|near| self.wrong_from.wait(&near, now));
        let tried = match question {
            Question::Register { invite: None, .. } => {
                let ahead = self.at_work(|trial| trial.near() == near && trial.tried == Tried::Registering) as u32;
                match near.and_then(|near| self.registered.wait(&near, ahead, now)) {
                    Some(_) if ahead > 0 => return Admission::Later,
                    Some(retry) => return Admission::Never(TooFast { retry, why: Spam::Registrations }.into()),
                    None => Tried::Registering,
                }
            }
            Question::Register { .. } | Question::Reset { .. } => match wait_here {
                Some(retry) => return guesses(retry),
                None => Tried::Code,
            },
            Question::SignIn { guarded, .. } | Question::ChangePassword { guarded, .. } => {
                let Some(name) = &name else { return Admission::Now };
                if let Some(retry) = near.and_then(|near| self.wrong_there.wait(&(name.clone(), near), now)) {
                    return guesses(retry);
                }
                // The passwords that the store is checking may all be wrong.
                let ahead = self.at_work(|trial| trial.name.as_ref() == Some(name) && trial.tried == Tried::Guess);
                let is_full = ahead >= self.wrong_for.left(name) as usize;
                let wait_for = self.wrong_for.wait(name, now).or(is_full.then_some(1));
                *guarded = wait_here.max(wait_for);
                if wait_for.is_some() { Tried::Guarded } else { Tried::Guess }
            }
            _ => return Admission::Now,
        };
        self.trials.push(Trial { number, name, from, tried });
        Admission::Now
    }

    /// Takes the store's answer about a password. Wrong ones are counted, and registrations; nothing else changes a
    /// count.
    pub(crate) fn answered(&mut self, number: u64, answer: &Answer, now: Moment) {
        let Some(place) = self.trials.iter().position(|trial| trial.number == number) else { return };
        let trial = self.trials.swap_remove(place);
        let near = trial.near();
        match answer {
            Answer::Refused(Refused::WrongPassword) => {
                let Some(name) = trial.name else { return };
                wrong(trial.from, format_args!("password for {name}"));
                if let Some(near) = near {
                    self.wrong_from.wrong(near, now);
                    self.wrong_there.wrong((name.clone(), near), now);
                }
                if trial.tried == Tried::Guess {
                    self.wrong_for.wrong(name, now);
                }
            }
            Answer::Refused(Refused::Reset(_)) => {
                wrong(trial.from, format_args!("reset link"));
                near.into_iter().for_each(|near| self.wrong_from.wrong(near, now));
            }
            // A code that is used, too old or ended counts as a guess, too: knowing that it existed helps no guesser.
            Answer::Refused(
                Refused::BadInvitation | Refused::UsedInvitation | Refused::OldInvitation | Refused::EndedInvitation,
            ) => {
                wrong(trial.from, format_args!("invitation"));
                near.into_iter().for_each(|near| self.wrong_from.wrong(near, now));
            }
            Answer::Account { .. } if trial.tried == Tried::Registering => {
                near.into_iter().for_each(|near| self.registered.take(near, now));
            }
            _ => {}
        }
    }

    fn at_work(&self, is_meant: impl Fn(&Trial) -> bool) -> usize {
        self.trials.iter().filter(|trial| is_meant(trial)).count()
    }
}

impl Trial {
    fn near(&self) -> Option<IpAddr> {
        self.from.map(neighbourhood)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::roles::Role;
    use crate::model::secrets::Secret;
    use crate::model::text::Text;

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    fn from(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    fn sign_in(who: &str, address: &str) -> Question {
        let proof = Proof::Password(name(who), Secret::new("correct horse"));
        Question::SignIn { proof, token: false, from: from(address), guarded: None }
    }

    fn change(who: &str, address: &str) -> Question {
        let (name, old, new) = (name(who), Secret::new("correct horse"), Secret::new("another horse"));
        Question::ChangePassword { name, old, new, token: false, from: from(address), guarded: None }
    }

    fn register(who: &str, address: &str, code: Option<&str>) -> Question {
        let (name, secret, invite) = (name(who), Secret::new("correct horse"), code.map(Text::own));
        Question::Register { name, secret, invite, needs_invite: false, token: false, from: from(address) }
    }

    fn right(who: &str) -> Answer {
        let account = Account { name: name(who), role: Role::Member };
        Answer::Account { account, token: None, known_there: true, invited_to: Vec::new() }
    }

    fn refused(refused: Refused) -> Answer {
        Answer::Refused(refused)
    }

    /// The rules, with a clock.
    struct Guard {
        accounts: Accounts,
        asked: u64,
        now: Moment,
    }

    impl Guard {
        fn new(policy: Policy) -> Guard {
            Guard { accounts: Accounts::new(Vec::new(), policy), asked: 0, now: Moment::default() }
        }

        fn wait(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
            self.accounts.tick(self.now);
        }

        /// Its number, and whether only those who are known there are looked at; or the refusal; `None`: it waits.
        fn asks(&mut self, mut question: Question) -> Option<Result<(u64, Option<u64>), Refusal>> {
            self.asked += 1;
            match self.accounts.admit(self.asked, &mut question, self.now) {
                Admission::Now => Some(Ok((
                    self.asked,
                    match question {
                        Question::SignIn { guarded, .. } | Question::ChangePassword { guarded, .. } => guarded,
                        _ => None,
                    },
                ))),
                Admission::Later => None,
                Admission::Never(error) => Some(Err(error)),
            }
        }

        #[track_caller]
        fn goes(&mut self, question: Question) -> (u64, Option<u64>) {
            self.asks(question).expect("it does not wait").expect("it is not refused")
        }

        /// Asks, and is answered at once. Whether only those who are known there were looked at.
        #[track_caller]
        fn answered(&mut self, question: Question, answer: &Answer) -> bool {
            let (number, guarded) = self.goes(question);
            self.accounts.answered(number, answer, self.now);
            guarded.is_some()
        }
    }

    #[test]
    fn a_refusal_makes_no_guess_undone_and_a_guarded_name_stays_so() {
        for ask in [sign_in, change] {
            let mut guard = Guard::new(Policy::default());
            let mut looked_at = 0;
            for guess in 0..120 {
                let address = format!("10.0.{}.{}", guess / 100, guess % 100);
                let (number, guarded) = guard.goes(ask("owner", &address));
                looked_at += usize::from(guarded.is_none());
                // No user is known there, so the store refuses; and so it does where it has too much to do.
                let answer = match guarded {
                    Some(retry) => refused(Refused::Guarded(retry)),
                    None => refused(Refused::WrongPassword),
                };
                guard.accounts.answered(number, &answer, guard.now);
                guard.answered(ask("owner", &format!("10.1.{guess}.1")), &refused(Refused::Busy));
            }
            assert_eq!(looked_at, 10, "and not one more, whatever was refused in between");
            // The owner comes in from where they came before, however often, and opens the name for no other.
            for _ in 0..20 {
                assert!(guard.answered(ask("owner", "192.0.2.1"), &right("owner")));
            }
            assert!(guard.goes(ask("owner", "10.2.0.1")).1.is_some());
            guard.wait(5);
            assert!(!guard.answered(ask("owner", "10.2.0.2"), &refused(Refused::WrongPassword)), "one in a while");
            assert!(guard.answered(ask("owner", "10.2.0.3"), &right("owner")));
        }
    }

    #[test]
    fn guesses_at_the_same_time_are_no_more_than_those_one_after_the_other() {
        let mut guard = Guard::new(Policy::default());
        let guesses: Vec<_> = (0..40).map(|guess| guard.goes(sign_in("owner", &format!("10.0.0.{guess}")))).collect();
        assert_eq!(guesses.iter().filter(|(_, guarded)| guarded.is_none()).count(), 10);
    }

    #[test]
    fn forty_behind_one_address_sign_in_and_the_wrong_ones_keep_out_nobody_who_is_known() {
        let mut guard = Guard::new(Policy::default());
        for person in 0..40 {
            assert!(!guard.answered(sign_in(&format!("p{person}"), "192.0.2.1"), &right("p")));
        }
        // Three of them mistype: from there only those are looked at who have signed in there before.
        for person in 0..3 {
            guard.answered(sign_in(&format!("p{person}"), "192.0.2.1"), &refused(Refused::WrongPassword));
        }
        assert_eq!(guard.goes(sign_in("p9", "192.0.2.1")).1, Some(2));
        assert_eq!(guard.goes(sign_in("p9", "192.0.2.2")).1, None);
        // But who guesses a password of the room next door is stopped, though its owner comes from the same address.
        let mut guard = Guard::new(Policy::default());
        for _ in 0..3 {
            guard.answered(sign_in("p1", "192.0.2.1"), &refused(Refused::WrongPassword));
        }
        let too_fast = |retry| Some(Err(TooFast { retry, why: Spam::Guesses }.into()));
        assert_eq!(guard.asks(sign_in("p1", "192.0.2.1")), too_fast(2));
        guard.wait(2);
        guard.answered(sign_in("p1", "192.0.2.1"), &refused(Refused::WrongPassword));
        assert_eq!(guard.asks(change("p1", "192.0.2.1")), too_fast(4));
    }

    #[test]
    fn two_passwords_of_a_neighbourhood_are_looked_at_and_the_others_wait() {
        let mut guard = Guard::new(Policy::default());
        let (first, _) = guard.goes(sign_in("a", "2001:db8:1:2::1"));
        guard.goes(register("b", "2001:db8:1:2::2", None));
        for waits in [
            sign_in("c", "2001:db8:1:2:ffff::1"),
            change("d", "2001:db8:1:2::1"),
            register("e", "2001:db8:1:2::", Some("x")),
        ] {
            assert_eq!(guard.asks(waits), None);
        }
        guard.goes(sign_in("c", "2001:db8:1:3::1"));
        guard.accounts.answered(first, &refused(Refused::Busy), guard.now);
        guard.goes(sign_in("c", "2001:db8:1:2:ffff::1"));
        assert_eq!(guard.asks(sign_in("d", "2001:db8:1:2::9")), None);
    }

    #[test]
    fn names_that_were_registered_are_counted_and_nothing_else_is() {
        let mut guard = Guard::new(Policy { register_burst: 4, register_per_hour: 2, ..Policy::default() });
        let too_many = |retry| Some(Err(TooFast { retry, why: Spam::Registrations }.into()));
        for person in 0..3 {
            guard.answered(register(&format!("p{person}"), "192.0.2.1", None), &right("p"));
            guard.answered(register(&format!("q{person}"), "192.0.2.1", Some("a code")), &right("q"));
            guard.answered(register("admin", "192.0.2.1", None), &refused(Refused::Reserved(name("admin"))));
        }
        // One more may be; while it is looked at the next one waits for what comes of it.
        let (last, _) = guard.goes(register("p3", "192.0.2.1", None));
        assert_eq!(guard.asks(register("p4", "192.0.2.1", None)), None);
        guard.accounts.answered(last, &right("p3"), guard.now);
        assert_eq!(guard.asks(register("p4", "192.0.2.1", None)), too_many(1_800));
        guard.answered(register("q4", "192.0.2.1", Some("a code")), &right("q4"));
        guard.answered(register("p4", "192.0.2.2", None), &right("p4"));
        guard.wait(1_800);
        guard.answered(register("p5", "192.0.2.1", None), &right("p5"));
        assert_eq!(guard.asks(register("p6", "192.0.2.1", None)), too_many(1_800));
    }

    #[test]
    fn a_code_that_is_guessed_makes_its_address_wait() {
        for why in [Refused::BadInvitation, Refused::UsedInvitation, Refused::OldInvitation, Refused::EndedInvitation] {
            let mut guard = Guard::new(Policy { private: true, ..Policy::default() });
            for _ in 0..3 {
                guard.answered(register("p", "192.0.2.1", Some("x")), &refused(why.clone()));
            }
            let too_fast = Some(Err(TooFast { retry: 2, why: Spam::Guesses }.into()));
            assert_eq!(guard.asks(register("p", "192.0.2.1", Some("x"))), too_fast);
        }
    }

    #[test]
    fn nothing_is_kept_of_those_who_have_left() {
        let mut guard = Guard::new(Policy::default());
        for (step, who) in ["a", "b", "c"].iter().cycle().take(300).enumerate() {
            let address = format!("10.0.0.{}", step % 7);
            let answer = match step % 5 {
                0 => right(who),
                1 => refused(Refused::BadInvitation),
                2 => refused(Refused::Busy),
                _ => refused(Refused::WrongPassword),
            };
            let question = match step % 4 {
                0 => register(who, &address, None),
                1 => register(who, &address, Some("x")),
                2 => change(who, &address),
                _ => sign_in(who, &address),
            };
            if let Some(Ok((number, _))) = guard.asks(question) {
                guard.accounts.answered(number, &answer, guard.now);
            }
        }
        let Accounts { wrong_from, wrong_for, wrong_there, registered, trials, .. } = &guard.accounts;
        assert!(trials.is_empty());
        assert!(!(wrong_from.is_empty() || wrong_for.is_empty() || wrong_there.is_empty() || registered.is_empty()));
        guard.wait(2 * 60 * 60);
        let Accounts { wrong_from, wrong_for, wrong_there, registered, .. } = &guard.accounts;
        assert!(wrong_from.is_empty() && wrong_for.is_empty() && wrong_there.is_empty() && registered.is_empty());
    }
}
