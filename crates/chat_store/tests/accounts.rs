//! Who owns which name, asked as the router asks it: questions in, answers out, on a real file.

use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use chat_server::error::ChatError;
use chat_server::names::Name;
use chat_server::store::{Account, Answer, Proof, Question, Report, Role, Secret, Store};
use chat_store::{Durability, Guard, Offline, Options, Retention, Sqlite};

const DEADLINE: Duration = Duration::from_secs(60);

/// A store at work, and what it says.
struct House {
    dir: tempfile::TempDir,
    store: Option<Box<dyn Store>>,
    guard: Option<Guard>,
    reports: Receiver<Report>,
    accounts: Vec<Account>,
    asked: u64,
}

impl House {
    fn new() -> House {
        House::of(tempfile::tempdir().unwrap())
    }

    fn of(dir: tempfile::TempDir) -> House {
        let options =
            Options { dir: dir.path().into(), durability: Durability::Commit, retention: Retention::default() };
        let (sqlite, contents) = Sqlite::open(options).unwrap();
        let (said, reports) = mpsc::channel();
        let (store, guard) = sqlite.start(move |report| drop(said.send(report))).unwrap();
        House { dir, store: Some(store), guard: Some(guard), reports, accounts: contents.accounts, asked: 0 }
    }

    fn stop(mut self) -> tempfile::TempDir {
        drop(self.store.take());
        self.guard.take().unwrap().stop(DEADLINE).unwrap();
        self.dir
    }

    fn again(self) -> House {
        House::of(self.stop())
    }

    fn put(&mut self, question: Question) -> u64 {
        self.asked += 1;
        self.store.as_mut().unwrap().ask(self.asked, question).expect("not busy");
        self.asked
    }

    fn answer(&mut self) -> (u64, Answer) {
        match self.reports.recv_timeout(DEADLINE).expect("an answer") {
            Report::Answer(number, answer) => (number, answer),
            other => panic!("{other:?}"),
        }
    }

    fn ask(&mut self, question: Question) -> Answer {
        let number = self.put(question);
        let (answered, answer) = self.answer();
        assert_eq!(answered, number);
        answer
    }

    /// Who somebody turns out to be, and their token.
    #[track_caller]
    fn proves(&mut self, question: Question) -> (Account, Option<Secret>) {
        match self.ask(question) {
            Answer::Account { account, token, .. } => (account, token),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn refuses(&mut self, question: Question) -> ChatError {
        match self.ask(question) {
            Answer::Refused(error) => error,
            other => panic!("{other:?}"),
        }
    }
}

fn name(name: &str) -> Name {
    Name::parse(name).unwrap()
}

fn register(who: &str, password: &str) -> Question {
    let (name, secret) = (name(who), Secret::new(password));
    Question::Register { name, secret, invite: None, needs_invite: false, token: false, from: None }
}

fn invited(who: &str, code: Option<&str>) -> Question {
    let (name, secret) = (name(who), Secret::new("correct horse"));
    let invite = code.map(|code| chat_server::text::Text::new(code).unwrap());
    Question::Register { name, secret, invite, needs_invite: true, token: false, from: None }
}

fn login(who: &str, password: &str) -> Question {
    let proof = Proof::Password(name(who), Secret::new(password));
    Question::SignIn { proof, token: false, from: None, guarded: false }
}

fn with_token(question: Question) -> Question {
    match question {
        Question::SignIn { proof, from, guarded, .. } => Question::SignIn { proof, token: true, from, guarded },
        other => other,
    }
}

fn resume(token: &Secret) -> Question {
    Question::SignIn { proof: Proof::Token(token.clone()), token: false, from: None, guarded: false }
}

#[test]
fn a_name_belongs_to_who_registered_it_first_also_after_a_restart() {
    let mut house = House::new();
    assert_eq!(house.proves(register("Ani", "correct horse")).0.name.as_str(), "Ani");
    assert_eq!(house.refuses(register("ani", "another horse")), ChatError::NameRegistered(name("Ani")));
    assert_eq!(house.proves(login("ANI", "correct horse")).0, Account { name: name("Ani"), role: Role::Member });
    assert_eq!(house.refuses(login("ani", "correct hose")), ChatError::WrongPassword);
    assert_eq!(house.refuses(login("nobody", "correct horse")), ChatError::WrongPassword);
    let mut house = house.again();
    assert_eq!(house.accounts, [Account { name: name("Ani"), role: Role::Member }]);
    assert_eq!(house.proves(login("ani", "correct horse")).0.name.as_str(), "Ani");
}

#[test]
fn what_looks_like_somebody_or_like_the_server_is_refused() {
    let mut house = House::new();
    house.proves(register("paypal", "correct horse"));
    for alike in ["paypaI", "pAypaI", "paypa1"] {
        assert_eq!(house.refuses(register(alike, "correct horse")), ChatError::LooksLike(name("paypal")), "{alike}");
    }
    for reserved in ["ADMIN", "aDm1n", "admin", "Root", "r00t", "adrnin", "Everyone"] {
        assert!(matches!(house.refuses(register(reserved, "correct horse")), ChatError::LooksLike(_)), "{reserved}");
    }
    house.proves(register("pepal", "correct horse"));
}

#[test]
fn of_many_who_want_one_name_at_once_one_gets_it() {
    let mut house = House::new();
    let asked: Vec<u64> = (0..8).map(|i| house.put(register("ani", &format!("password of {i}")))).collect();
    let answers: Vec<Answer> = asked.iter().map(|_| house.answer().1).collect();
    let got = answers.iter().filter(|answer| matches!(answer, Answer::Account { .. })).count();
    let refused = answers.iter().filter(|a| matches!(a, Answer::Refused(ChatError::NameRegistered(_)))).count();
    assert_eq!((got, refused), (1, 7), "{answers:?}");
}

#[test]
fn a_code_is_good_once_however_many_use_it_at_once() {
    let mut house = House::new();
    assert_eq!(house.refuses(invited("ani", None)), ChatError::NoInvitation { given: false });
    assert_eq!(house.refuses(invited("ani", Some("abcd-efgh-ijkm"))), ChatError::NoInvitation { given: true });
    let Answer::Code { code, .. } = house.ask(Question::Invite { by: name("root1") }) else { panic!("no code") };
    // As somebody types it who reads it from a piece of paper.
    let typed = code.to_uppercase().replace('-', " ");
    let asked: Vec<u64> = (0..4).map(|i| house.put(invited(&format!("guest{i}x"), Some(&typed)))).collect();
    let answers: Vec<Answer> = asked.iter().map(|_| house.answer().1).collect();
    let got = answers.iter().filter(|answer| matches!(answer, Answer::Account { .. })).count();
    assert_eq!(got, 1, "{answers:?}");
}

#[test]
fn another_password_ends_every_token_and_the_old_password_at_once() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let token = house.proves(with_token(login("ani", "correct horse"))).1.unwrap();
    assert_eq!(house.proves(resume(&token)).0.name, name("ani"));
    let change = |old: &str, new: &str| Question::ChangePassword {
        name: name("ani"),
        old: Secret::new(old),
        new: Secret::new(new),
        token: true,
    };
    assert_eq!(house.refuses(change("correct hose", "another horse")), ChatError::WrongPassword);
    assert!(matches!(house.refuses(change("correct horse", "short")), ChatError::BadArgument { .. }));
    // While the old one is being looked at, it is changed: whichever is first, the old one is worth nothing after it.
    let changing = house.put(change("correct horse", "another horse"));
    let signing_in = house.put(login("ani", "correct horse"));
    let (mut changed_at, mut signed_in_at) = (0, None);
    for at in 1..=2 {
        let (number, answer) = house.answer();
        match answer {
            Answer::Account { .. } if number == changing => changed_at = at,
            Answer::Account { .. } if number == signing_in => signed_in_at = Some(at),
            Answer::Refused(ChatError::WrongPassword) if number == signing_in => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(signed_in_at.is_none_or(|at| at < changed_at), "the old password was good after the change was answered");
    assert_eq!(house.refuses(resume(&token)), ChatError::SignedOut);
    assert_eq!(house.refuses(login("ani", "correct horse")), ChatError::WrongPassword);
    house.proves(login("ani", "another horse"));
}

#[test]
fn tokens_end_one_by_one_or_all_at_once_and_live_over_a_restart() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let token = |house: &mut House| house.proves(with_token(login("ani", "correct horse"))).1.unwrap();
    let (one, two) = (token(&mut house), token(&mut house));
    assert_ne!(one, two);
    let mut house = house.again();
    house.proves(resume(&one));
    house.ask(Question::SignOut { name: name("ani"), token: Some(one.clone()) });
    assert_eq!(house.refuses(resume(&one)), ChatError::SignedOut);
    house.proves(resume(&two));
    house.ask(Question::SignOut { name: name("ani"), token: None });
    assert_eq!(house.refuses(resume(&two)), ChatError::SignedOut);
    // The oldest make way.
    let tokens: Vec<Secret> = (0..21).map(|_| token(&mut house)).collect();
    let good = tokens.iter().filter(|token| matches!(house.ask(resume(token)), Answer::Account { .. })).count();
    assert_eq!(good, 20);
}

#[test]
fn a_name_that_is_guessed_is_open_only_to_those_from_where_its_owner_came_before() {
    let (home, elsewhere): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "198.51.100.9".parse().unwrap());
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let from = |from: IpAddr, guarded: bool| Question::SignIn {
        proof: Proof::Password(name("ani"), Secret::new("correct horse")),
        token: false,
        from: Some(from),
        guarded,
    };
    assert!(matches!(house.ask(from(home, false)), Answer::Account { known_there: false, .. }));
    assert!(matches!(house.ask(from(home, true)), Answer::Account { known_there: true, .. }));
    assert!(matches!(house.refuses(from(elsewhere, true)), ChatError::TooFast { .. }));
}

#[test]
fn neither_password_nor_token_nor_code_stands_in_the_file() {
    let mut house = House::new();
    house.proves(register("ani", "a very rare password"));
    let token = house.proves(with_token(login("ani", "a very rare password"))).1.unwrap();
    let Answer::Code { code, .. } = house.ask(Question::Invite { by: name("ani") }) else { panic!("no code") };
    let dir = house.stop();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let has = |needle: &str| bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
        assert!(!has("a very rare password") && !has(token.reveal()) && !has(&code) && !has(&code.replace('-', "")));
    }
}

#[test]
fn roles_are_given_and_stay() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let grant = |who: &str, role| Question::Grant { name: name(who), role };
    assert!(matches!(house.ask(grant("ani", Role::Op)), Answer::Granted(Account { role: Role::Op, .. })));
    assert!(matches!(house.refuses(grant("nobody", Role::Op)), ChatError::NoSuchUser(_)));
    let mut house = house.again();
    assert_eq!(house.accounts, [Account { name: name("ani"), role: Role::Op }]);
    assert_eq!(house.proves(login("ani", "correct horse")).0.role, Role::Op);
}

#[test]
fn whoever_has_the_data_can_make_the_first_administrator() {
    let house = House::new();
    assert!(Offline::open(house.dir.path()).is_err(), "a server has it");
    let dir = house.stop();
    let offline = Offline::open(dir.path()).unwrap();
    offline.add(&name("root"), &Secret::new("correct horse"), Role::Admin).unwrap();
    assert!(offline.add(&name("ROOT"), &Secret::new("correct horse"), Role::Admin).is_err());
    assert!(offline.add(&name("ani"), &Secret::new("short"), Role::Member).unwrap_err().contains("8 letters"));
    offline.add(&name("ani"), &Secret::new("correct horse"), Role::Member).unwrap();
    assert!(offline.grant(&name("ani"), Role::Op).unwrap());
    assert!(offline.set_password(&name("ani"), &Secret::new("another horse")).unwrap());
    assert!(!offline.set_password(&name("nobody"), &Secret::new("another horse")).unwrap());
    let (code, _) = offline.invite().unwrap();
    offline.add(&name("gone"), &Secret::new("correct horse"), Role::Member).unwrap();
    assert!(offline.remove(&name("gone")).unwrap());
    drop(offline);
    let mut house = House::of(dir);
    let roles: Vec<(&str, Role)> = house.accounts.iter().map(|a| (a.name.as_str(), a.role)).collect();
    assert_eq!(roles, [("ani", Role::Op), ("root", Role::Admin)]);
    house.proves(login("ani", "another horse"));
    house.proves(invited("guest", Some(&code)));
}
