//! Where the commands of a client lay down what they ask for: requests for the router, each with an entry for the ledger; and what the
//! client has said before its name was asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_server::features::accounts;
use chat_server::features::archive::store::Proof;
use chat_server::model::command::{Choice, Command, Presence};
use chat_server::model::names::Name;
use chat_server::model::request::Request;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chat_server::model::verb::Verb;
use chat_server::model::verbs::{JOIN, LIST, NICK, OPT, PING, QUIT, STATS};

use crate::directory::{Profile, prefix};
use crate::door::Door;
use crate::ledger::{Ask, Asked, Link, Local, Way};
use crate::numeric::{self as n, Numeric};

/// What one line asks for.
pub(crate) struct Desk {
    pub(crate) door: Arc<Door>,
    pub(crate) link: Arc<Link>,
    number: u64,
    /// What is to be handed over of this line: requests, with what each was.
    batch: Vec<(Ask, Request)>,
    /// How many of them belong to the answer of the line; a welcome that follows does not.
    own: Option<usize>,
    pub(crate) greeting: Greeting,
}

/// What a client has said before its name was asked for.
#[derive(Default)]
pub(crate) struct Greeting {
    pub(crate) nick: Option<Name>,
    pub(crate) user: Option<(String, String)>,
    /// Whether the password of the server was given, if there is one.
    pub(crate) may_come: bool,
    /// How many passwords were given.
    pub(crate) passes: u8,
    /// Whether `CAP` was begun and not ended.
    pub(crate) negotiates: bool,
    pub(crate) is_302: bool,
    /// The account that `PASS` named, with its password.
    pub(crate) account: Option<(Name, Secret)>,
    /// The chunks of a proof by SASL.
    pub(crate) proof: Option<String>,
    /// Whether it has tried to show who it is, so that it may be in rooms as soon as it is in.
    pub(crate) proves: bool,
    /// Whether the name was asked for.
    pub(crate) has_asked: bool,
}

impl Desk {
    pub(crate) fn new(door: Arc<Door>, link: Arc<Link>, number: u64) -> Desk {
        let greeting = Greeting { may_come: door.options.password.is_none(), ..Greeting::default() };
        Desk { door, link, number, batch: Vec::new(), own: None, greeting }
    }

    // ---- what is asked of the router ----

    /// Asks the router for something.
    pub(crate) fn ask(&mut self, what: Ask, verb: &'static Verb, command: Command) {
        self.batch.push((what, Request { tag: tag(), ..Request::of(verb, Ok(command)) }));
    }

    /// Something that the door answers by itself, in its place.
    pub(crate) fn local(&mut self, local: Local) {
        self.batch.push((Ask::Local(local), ping()));
    }

    /// A numeric of the door itself.
    pub(crate) fn says(&mut self, numeric: Numeric, params: &[&str]) {
        let params = params.iter().map(|param| (*param).to_string()).chain([numeric.1.to_string()]);
        self.local(Local::Says(vec![(numeric, params.collect())]));
    }

    /// Takes what one line has asked for: its entries go into the ledger before anything is handed over.
    pub(crate) fn take(&mut self, label: Option<Box<str>>, rest: &mut VecDeque<Request>) {
        let mut own = self.own.take().unwrap_or(self.batch.len());
        if own == 0 && label.is_some() {
            self.batch.insert(0, (Ask::Local(Local::Silent), ping()));
            own = 1;
        }
        for (number, (what, request)) in self.batch.drain(..).enumerate() {
            let label = label.clone().filter(|_| number < own);
            self.link.push(Asked { label, ends: number + 1 == own, what });
            rest.push_back(request);
        }
    }

    // ---- signing on ----

    /// Whether the client was welcomed.
    pub(crate) fn is_in(&self) -> bool {
        self.link.is_in.load(Ordering::Acquire)
    }

    pub(crate) fn profile(&self) -> Box<Profile> {
        let (user, real) = self.greeting.user.clone().unwrap_or_default();
        let since = chrono::Utc::now();
        Box::new(Profile { user, real, since, number: self.number, modes: String::new() })
    }

    /// Asks for the name, if all is there that it takes.
    pub(crate) fn sign_on(&mut self) {
        let (Some(name), Some(_), false) = (&self.greeting.nick, &self.greeting.user, self.greeting.negotiates) else {
            return;
        };
        let name = name.clone();
        if self.greeting.has_asked {
            return;
        }
        if !self.greeting.may_come {
            self.says(n::BAD_PASSWORD, &[]);
            let words = Text::new("Password incorrect").ok();
            return self.ask(Ask::Quit, &QUIT, Command::Quit(words));
        }
        if let Some((account, secret)) = self.greeting.account.take() {
            self.prove(account, secret, Way::Pass);
        }
        self.greeting.has_asked = true;
        self.own = Some(self.batch.len());
        let profile = self.profile();
        self.link.prefix.store(prefix(&name, &profile.user).len(), Ordering::Relaxed);
        if !self.greeting.proves {
            self.options();
        }
        let what = Ask::Welcome { name: name.clone(), profile };
        // A client that has shown who it is has the name of its account.
        let early = Request { tag: tag(), ..Request::of(&JOIN, Ok(Command::Join(name))) };
        self.batch.push((what, Request { early: Some(Box::new(early)), ..ping() }));
        self.figures(false);
        if self.greeting.proves {
            self.own_rooms();
        }
    }

    /// Asks the core whether an account is the client's.
    pub(crate) fn prove(&mut self, name: Name, secret: Secret, way: Way) {
        if !self.greeting.has_asked {
            self.options();
        }
        self.greeting.proves = true;
        let command = Command::feature(accounts::Command::Login(Proof::Password(name, secret)));
        self.ask(Ask::Prove(way), &accounts::verbs::LOGIN, command);
        if self.greeting.has_asked {
            self.own_rooms();
        }
    }

    /// What this door asks for each client, before it has a name.
    pub(crate) fn options(&mut self) {
        let choices = vec![
            Choice::Lobby(false),
            Choice::History(0),
            Choice::Presence(Presence::Full),
            Choice::Typing(true),
            Choice::Away(true),
        ];
        self.ask(Ask::Options, &OPT, Command::Options(choices));
    }

    /// The rooms that a client is in that has signed in to its account.
    pub(crate) fn own_rooms(&mut self) {
        let early = Some(Box::new(ping()));
        let request = Request { tag: tag(), early, ..Request::of(&LIST, Ok(Command::List(None))) };
        self.batch.push((Ask::Mine, request));
    }

    /// `STATS`, for who has a name; for others it is a ping, so that a name that is refused counts as one refusal and not as two.
    pub(crate) fn figures(&mut self, asked: bool) {
        let early = Some(Box::new(ping()));
        let request = Request { tag: tag(), early, ..Request::of(&STATS, Ok(Command::Stats)) };
        self.batch.push((Ask::Stats { asked }, request));
    }

    /// Another name; the first one, if the router has refused that which was asked for before.
    pub(crate) fn rename(&mut self, name: Name) {
        let what = Ask::Nick { name: name.clone(), profile: self.profile() };
        let early = Request { tag: tag(), ..Request::of(&JOIN, Ok(Command::Join(name.clone()))) };
        let request = Request { tag: tag(), ..Request::of(&NICK, Ok(Command::Nick(name))) };
        self.batch.push((what, Request { early: Some(Box::new(early)), ..request }));
        if !self.is_in() {
            self.figures(false);
        }
    }
}

/// The one tag of this door: order tells the endings apart.
fn tag() -> Option<Text> {
    Text::new("i").ok()
}

fn ping() -> Request {
    Request::of(&PING, Ok(Command::Ping(Text::default())))
}
