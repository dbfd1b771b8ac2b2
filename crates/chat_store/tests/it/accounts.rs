//! Who owns which name, asked as the router asks it: questions in, answers out, on a real file.

use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chat_server::features::accounts::invitations::Terms;
use chat_server::features::archive::store::{
    Account, Answer, Contents, Proof, Question, Record, Refused, Report, RoomState, Store, StoredRoom,
};
use chat_server::model::names::{Name, RoomName};
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_store::{Durability, FILE, Guard, Offline, OpenError, Options, Retention, Sqlite, Strength};
use rusqlite::Connection;

use crate::kit::text;

const DEADLINE: Duration = Duration::from_secs(60);

/// A store at work, and what it says.
struct House {
    dir: tempfile::TempDir,
    store: Option<Box<dyn Store>>,
    guard: Option<Guard>,
    reports: Receiver<Report>,
    accounts: Vec<Account>,
    rooms: Vec<StoredRoom>,
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
        let Contents { accounts, rooms, .. } = contents;
        House { dir, store: Some(store), guard: Some(guard), reports, accounts, rooms, asked: 0 }
    }

    fn stop(mut self) -> tempfile::TempDir {
        drop(self.store.take());
        self.guard.take().unwrap().stop(DEADLINE).unwrap();
        self.dir
    }

    fn again(self) -> House {
        House::of(self.stop())
    }

    /// Another program with the same file.
    fn file(&self) -> Connection {
        Connection::open(self.dir.path().join(FILE)).unwrap()
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

    /// Who a user turns out to be, and their token.
    #[track_caller]
    fn proves(&mut self, question: Question) -> (Account, Option<Secret>) {
        match self.ask(question) {
            Answer::Account { account, token, .. } => (account, token),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn refuses(&mut self, question: Question) -> Refused {
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
    let invite = code.map(|code| chat_server::model::text::Text::new(code).unwrap());
    Question::Register { name, secret, invite, needs_invite: true, token: false, from: None }
}

fn login(who: &str, password: &str) -> Question {
    let proof = Proof::Password(name(who), Secret::new(password));
    Question::SignIn { proof, token: false, from: None, guarded: None }
}

fn with_token(question: Question) -> Question {
    match question {
        Question::SignIn { proof, from, guarded, .. } => Question::SignIn { proof, token: true, from, guarded },
        other => other,
    }
}

fn open(dir: &tempfile::TempDir) -> Offline {
    Offline::open(dir.path(), Strength::default()).unwrap()
}

fn resume(token: &Secret) -> Question {
    Question::SignIn { proof: Proof::Token(token.clone()), token: false, from: None, guarded: None }
}

#[test]
fn a_name_belongs_to_who_registered_it_first_also_after_a_restart() {
    let mut house = House::new();
    assert_eq!(house.proves(register("Ani", "correct horse")).0.name.as_str(), "Ani");
    assert_eq!(house.refuses(register("ani", "another horse")), Refused::NameTaken(name("Ani")));
    assert_eq!(house.proves(login("ANI", "correct horse")).0, Account { name: name("Ani"), role: Role::Member });
    assert_eq!(house.refuses(login("ani", "correct hose")), Refused::WrongPassword);
    assert_eq!(house.refuses(login("nobody", "correct horse")), Refused::WrongPassword);
    let mut house = house.again();
    assert_eq!(house.accounts, [Account { name: name("Ani"), role: Role::Member }]);
    assert_eq!(house.proves(login("ani", "correct horse")).0.name.as_str(), "Ani");
}

#[test]
fn what_looks_like_somebody_or_like_the_server_is_refused() {
    let mut house = House::new();
    house.proves(register("paypal", "correct horse"));
    for alike in ["paypaI", "pAypaI", "paypa1", "PAYPA1"] {
        assert_eq!(house.refuses(register(alike, "correct horse")), Refused::LooksLike(name("paypal")), "{alike}");
    }
    for reserved in ["ADMIN", "aDm1n", "admin", "Root", "r00t", "adrnin", "Everyone"] {
        assert!(matches!(house.refuses(register(reserved, "correct horse")), Refused::Reserved(_)), "{reserved}");
    }
    house.proves(register("pepal", "correct horse"));
}

#[test]
fn of_many_who_want_one_name_at_once_one_gets_it() {
    let mut house = House::new();
    let asked: Vec<u64> = (0..8).map(|i| house.put(register("ani", &format!("password of {i}")))).collect();
    let answers: Vec<Answer> = asked.iter().map(|_| house.answer().1).collect();
    let got = answers.iter().filter(|answer| matches!(answer, Answer::Account { .. })).count();
    let refused = answers.iter().filter(|a| matches!(a, Answer::Refused(Refused::NameTaken(_)))).count();
    assert_eq!((got, refused), (1, 7), "{answers:?}");
}

#[test]
fn a_code_is_good_once_however_many_use_it_at_once() {
    let mut house = House::new();
    assert_eq!(house.refuses(invited("ani", None)), Refused::NoInvitation);
    assert_eq!(house.refuses(invited("ani", Some("abcd-efgh-ijkm"))), Refused::BadInvitation);
    let Answer::Code { code, .. } = house.ask(Question::Invite { by: text("root1"), terms: Terms::default() }) else {
        panic!("no code")
    };
    // As a user types it who reads it from a piece of paper.
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
        from: None,
        guarded: None,
    };
    assert_eq!(house.refuses(change("correct hose", "another horse")), Refused::WrongPassword);
    assert!(matches!(house.refuses(change("correct horse", "short")), Refused::Other(_)));
    // While the old one is being looked at, it is changed: whichever is first, the old one is worth nothing after it.
    let changing = house.put(change("correct horse", "another horse"));
    let signing_in = house.put(login("ani", "correct horse"));
    let (mut changed_at, mut signed_in_at) = (0, None);
    for at in 1..=2 {
        let (number, answer) = house.answer();
        match answer {
            Answer::Account { .. } if number == changing => changed_at = at,
            Answer::Account { .. } if number == signing_in => signed_in_at = Some(at),
            Answer::Refused(Refused::WrongPassword) if number == signing_in => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(signed_in_at.is_none_or(|at| at < changed_at), "the old password was good after the change was answered");
    assert_eq!(house.refuses(resume(&token)), Refused::SignedOut);
    assert_eq!(house.refuses(login("ani", "correct horse")), Refused::WrongPassword);
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
    assert_eq!(house.refuses(resume(&one)), Refused::SignedOut);
    house.proves(resume(&two));
    house.ask(Question::SignOut { name: name("ani"), token: None });
    assert_eq!(house.refuses(resume(&two)), Refused::SignedOut);
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
    let from = |from: IpAddr, guarded: Option<u64>| Question::SignIn {
        proof: Proof::Password(name("ani"), Secret::new("correct horse")),
        token: false,
        from: Some(from),
        guarded,
    };
    assert!(matches!(house.ask(from(home, None)), Answer::Account { known_there: false, .. }));
    assert!(matches!(house.ask(from(home, Some(7))), Answer::Account { known_there: true, .. }));
    assert!(matches!(house.refuses(from(elsewhere, Some(7))), Refused::Guarded(7)));
}

/// All that this process logs.
struct Log(Mutex<String>);

static LOG: Log = Log(Mutex::new(String::new()));

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{}\n", record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn neither_password_nor_token_nor_code_stands_in_a_file_or_a_log_or_an_error() {
    log::set_logger(&LOG).expect("there is no other");
    log::set_max_level(log::LevelFilter::Trace);
    let mut house = House::new();
    let (old, new) = ("a very rare password", "a password even more rare");
    house.proves(register("ani", old));
    let mut errors = Vec::new();
    for (name, password) in [("ani", new), ("nobody", old), ("budi", old)] {
        errors.push(house.refuses(login(name, password)));
    }
    let change = |old: &str, new: &str| {
        let (old, new) = (Secret::new(old), Secret::new(new));
        Question::ChangePassword { name: name("ani"), old, new, token: true, from: None, guarded: None }
    };
    errors.push(house.refuses(change(new, old)));
    errors.push(house.refuses(change(old, "sh0rt")));
    let first = house.proves(with_token(login("ani", old))).1.unwrap();
    let second = house.proves(change(old, new)).1.unwrap();
    errors.push(house.refuses(resume(&first)));
    let Answer::Code { code, .. } = house.ask(Question::Invite { by: text("ani"), terms: Terms::default() }) else {
        panic!("no code")
    };
    errors.push(house.refuses(invited("ani", Some(&code))));
    // Also when all goes wrong.
    let file = house.file();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    errors.push(house.refuses(change(new, old)));
    errors.push(house.refuses(with_token(login("ani", new))));
    errors.push(house.refuses(register("budi", old)));
    drop(file);
    let dir = house.stop();
    let plain = code.replace('-', "");
    let secrets = [old, new, "sh0rt", first.reveal(), second.reveal(), &code, &plain];
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in a file");
        }
    }
    let log = LOG.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(log.contains("the store could not do what it was asked"), "{log}");
    let said: String = errors.iter().map(|error| format!("{error} {error:?}\n")).collect();
    for secret in secrets {
        assert!(!log.contains(secret) && !said.contains(secret), "{secret}");
    }
}

#[test]
fn a_weak_hash_is_made_anew_however_many_sign_in_by_it_at_once() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let weak = argon2::Params::new(8, 1, 1, None).unwrap();
    let weak = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, weak);
    let weak = argon2::PasswordHasher::hash_password_with_salt(&weak, b"correct horse", b"a salt of theirs").unwrap();
    let file = house.file();
    file.execute("UPDATE accounts SET hash = ?1", [weak.to_string()]).unwrap();
    for _ in 0..6 {
        house.put(login("ani", "correct horse"));
    }
    for _ in 0..6 {
        let (_, answer) = house.answer();
        assert!(matches!(answer, Answer::Account { .. }), "{answer:?}");
    }
    let hash: String = file.query_row("SELECT hash FROM accounts", [], |row| row.get(0)).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1,"), "{hash}");
    assert_eq!(house.refuses(login("ani", "correct hose")), Refused::WrongPassword);
}

#[test]
fn a_password_is_the_same_at_every_door_and_in_the_program_for_operators() {
    let dir = tempfile::tempdir().unwrap();
    let offline = open(&dir);
    offline.add(&name("ani"), &Secret::new("caf\u{e9} au lait "), Role::Member).unwrap();
    let refused = offline.add(&name("budi"), &Secret::new("caf\u{e9}\tau lait"), Role::Member).unwrap_err();
    assert!(refused.to_string().contains("no control characters"), "{refused}");
    drop(offline);
    let mut house = House::of(dir);
    house.proves(login("ani", "cafe\u{301}\u{a0}au lait "));
    assert_eq!(house.refuses(login("ani", "caf\u{e9} au lait")), Refused::WrongPassword);
    assert!(matches!(house.refuses(login("ani", "caf\u{e9}\tau lait ")), Refused::Other(_)));
    // What was hashed before, as its door had it, goes on, and then has the one form as well.
    let then = "cafe\u{301} au lait";
    let argon2 = argon2::Argon2::default();
    let hash = argon2::PasswordHasher::hash_password_with_salt(&argon2, then.as_bytes(), b"a salt of theirs").unwrap();
    house.file().execute("UPDATE accounts SET hash = ?1", [hash.to_string()]).unwrap();
    assert_eq!(
        house.refuses(login("ani", "caf\u{e9} au lait")),
        Refused::WrongPassword,
        "nobody knows of the other form"
    );
    house.proves(login("ani", then));
    house.proves(login("ani", "caf\u{e9} au lait"));
}

#[test]
fn what_cannot_be_hashed_soon_is_refused_at_once_and_strangers_keep_out_nobody_who_is_known() {
    let home: IpAddr = "192.0.2.1".parse().unwrap();
    let from = |who: &str, from: &str| Question::SignIn {
        proof: Proof::Password(name(who), Secret::new("correct horse")),
        token: false,
        from: Some(from.parse().unwrap()),
        guarded: None,
    };
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    house.proves(from("ani", "192.0.2.1"));
    // Also after a restart it is known from where a user came.
    let mut house = house.again();
    let mut taken = 0;
    // As many strangers as wait, and the two that are at work, and some that are done meanwhile.
    while taken < 10_000 && house.store.as_mut().unwrap().ask(taken, from("nobody", "198.51.100.9")).is_ok() {
        taken += 1;
    }
    assert!((16..10_000).contains(&taken), "{taken}");
    let elsewhere = house.store.as_mut().unwrap().ask(taken, from("ani", "198.51.100.9"));
    let known = house.store.as_mut().unwrap().ask(taken + 1, from("ani", &home.to_string()));
    assert_eq!(known, Ok(()));
    let (mut refused, mut right) = (0, 0);
    for _ in 0..taken + 1 + u64::from(elsewhere.is_ok()) {
        match house.answer().1 {
            Answer::Refused(Refused::WrongPassword) => refused += 1,
            Answer::Account { .. } => right += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, right), (taken, 1 + u64::from(elsewhere.is_ok())));
    house.proves(register("budi", "correct horse"));
}

#[test]
fn people_are_who_they_are_also_when_nothing_can_be_written() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let file = house.file();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let from: IpAddr = "192.0.2.1".parse().unwrap();
    let proof = || Proof::Password(name("ani"), Secret::new("correct horse"));
    let sign_in = |guarded| Question::SignIn { proof: proof(), token: false, from: Some(from), guarded };
    house.proves(sign_in(None));
    assert_eq!(house.refuses(login("ani", "correct hose")), Refused::WrongPassword);
    // A token that is gone after a restart is none.
    assert_eq!(house.refuses(with_token(login("ani", "correct horse"))), Refused::Busy);
    assert_eq!(house.refuses(register("budi", "correct horse")), Refused::Busy);
    file.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(house.refuses(sign_in(Some(7))), Refused::Guarded(_)), "nobody could remember them");
    house.proves(sign_in(None));
    house.proves(sign_in(Some(7)));
}

#[test]
fn of_an_address_the_network_is_remembered_where_machines_have_a_new_one_each_day() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let mut is_known = |from: &str| {
        let (proof, from) = (Proof::Password(name("ani"), Secret::new("correct horse")), Some(from.parse().unwrap()));
        match house.ask(Question::SignIn { proof, token: false, from, guarded: None }) {
            Answer::Account { known_there, .. } => known_there,
            other => panic!("{other:?}"),
        }
    };
    assert!(!is_known("2001:db8:1:2:3:4:5:6"));
    assert!(is_known("2001:db8:1:2:ffff::1"));
    assert!(!is_known("2001:db8:1:3::1"));
    assert!(!is_known("192.0.2.1"));
    assert!(is_known("::ffff:192.0.2.1"), "the same one, by another socket");
    assert!(!is_known("192.0.2.2"));
}

#[test]
fn roles_are_given_and_stay() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let grant = |who: &str, role| Question::Grant { name: name(who), role };
    assert!(matches!(house.ask(grant("ani", Role::Op)), Answer::Granted(Account { role: Role::Op, .. })));
    assert!(matches!(house.refuses(grant("nobody", Role::Op)), Refused::NoSuchName(_)));
    let mut house = house.again();
    assert_eq!(house.accounts, [Account { name: name("ani"), role: Role::Op }]);
    assert_eq!(house.proves(login("ani", "correct horse")).0.role, Role::Op);
}

#[test]
fn whoever_has_the_data_can_make_the_first_administrator() {
    let house = House::new();
    let taken = Offline::open(house.dir.path(), Strength::default());
    assert!(matches!(taken, Err(OpenError::InUse { .. })), "a server has it");
    let dir = house.stop();
    let offline = open(&dir);
    let add = |who: &str, password: &str, role| {
        let added = offline.add(&name(who), &Secret::new(password), role);
        added.map_err(|error| error.to_string())
    };
    add("root", "correct horse", Role::Admin).unwrap();
    for (who, why) in [("ROOT", "is registered"), ("r00t", "looks too much like \"root\"")] {
        assert!(offline.check(&name(who)).unwrap_err().to_string().contains(why), "{who}");
        assert!(add(who, "correct horse", Role::Admin).unwrap_err().contains(why), "{who}");
    }
    assert!(add("ani", "short", Role::Member).unwrap_err().contains("8 letters"));
    offline.check(&name("ani")).unwrap();
    add("ani", "correct horse", Role::Member).unwrap();
    assert!(offline.grant(&name("ani"), Role::Op).unwrap());
    assert!(!offline.grant(&name("nobody"), Role::Op).unwrap());
    assert!(offline.set_password(&name("ani"), &Secret::new("another horse")).unwrap());
    assert!(!offline.set_password(&name("nobody"), &Secret::new("another horse")).unwrap());
    let lost = Terms::new(None, None, vec![RoomName::parse("#nowhere").unwrap()]).unwrap();
    assert!(offline.invite(&lost).unwrap_err().to_string().contains("#nowhere"));
    let code = offline.invite(&Terms::default()).unwrap().code;
    add("gone", "correct horse", Role::Member).unwrap();
    assert!(offline.remove(&name("gone"), false).unwrap());
    assert!(!offline.remove(&name("gone"), false).unwrap());
    drop(offline);
    let mut house = House::of(dir);
    let roles: Vec<(&str, Role)> = house.accounts.iter().map(|a| (a.name.as_str(), a.role)).collect();
    assert_eq!(roles, [("ani", Role::Op), ("root", Role::Admin)]);
    house.proves(login("ani", "another horse"));
    house.proves(invited("guest", Some(&code)));
    let file = house.file();
    let mut acts = file.prepare("SELECT what || ' ' || target || ' ' || detail FROM audit WHERE by = 'chatd'").unwrap();
    let acts: Vec<String> = acts.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let until = file.query_row("SELECT until / 1000 FROM invitations", [], |row| row.get(0)).unwrap();
    let until = chrono::DateTime::from_timestamp(until, 0).unwrap().format("%Y-%m-%d %H:%M");
    let invited = format!("invite 1 1 person, until {until} UTC");
    let done = ["register root admin", "register ani member", "grant ani op", "password ani ", &invited];
    assert_eq!(
        acts,
        [&done[..], &["register gone member", "remove gone "]].concat(),
        "what was refused is not in there"
    );
}

#[test]
fn a_password_that_an_operator_sets_ends_every_token() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let token = house.proves(with_token(login("ani", "correct horse"))).1.unwrap();
    let dir = house.stop();
    assert!(open(&dir).set_password(&name("ANI"), &Secret::new("another horse")).unwrap());
    let mut house = House::of(dir);
    assert_eq!(house.refuses(resume(&token)), Refused::SignedOut);
    assert_eq!(house.refuses(login("ani", "correct horse")), Refused::WrongPassword);
    house.proves(login("ani", "another horse"));
}

#[test]
fn whoever_has_a_name_next_has_none_of_its_power() {
    let mut house = House::new();
    house.proves(register("ani", "correct horse"));
    let ops = vec![name("budi"), name("Ani")];
    let tea = RoomState { moderated: true, ops, ..RoomState::new(RoomName::parse("#tea").unwrap()) };
    house.store.as_mut().unwrap().keep(Record { turn: 1, rooms: vec![tea], ..Record::default() });
    assert!(matches!(house.reports.recv_timeout(DEADLINE), Ok(Report::Kept(1))));
    house.ask(Question::Grant { name: name("ani"), role: Role::Admin });
    let token = house.proves(with_token(login("ani", "correct horse"))).1.unwrap();
    let dir = house.stop();
    assert!(open(&dir).remove(&name("ani"), false).unwrap());
    let mut house = House::of(dir);
    assert_eq!(house.rooms.iter().map(|room| room.state.ops.clone()).collect::<Vec<_>>(), [[name("budi")]]);
    assert_eq!(house.refuses(resume(&token)), Refused::SignedOut);
    assert_eq!(house.proves(register("ANI", "another horse")).0, Account { name: name("ANI"), role: Role::Member });
    assert_eq!(house.refuses(resume(&token)), Refused::SignedOut);
}
