//! The router alone, with a clock that moves only when told.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::entry;
use super::meant::{Meant, by_hand, meaning};
use super::script::Script;
use super::setup::{DEADLINE, Setup};
use super::shelf::Shelf;
use super::stage::Stage;
use crate::chat::message::{Client, Message};
use crate::chat::outbox::{Batch, Outbox};
use crate::chat::registry::Registry;
use crate::chat::router::Router;
use crate::config::{Config, SETTINGS};
use crate::features::Features;
use crate::features::VERBS;
use crate::features::archive::store::Report;
use crate::features::asks::Asks;
use crate::features::calls::Call;
use crate::features::entry::Entry;
use crate::features::files::Files;
use crate::features::files::door::Desk;
use crate::features::lab::{Lab, Snapshot};
use crate::features::operators::reload::WAITING;
use crate::metrics::Metrics;
use crate::model::event::Leave;
use crate::model::file::Token;
use crate::model::names::ClientId;
use crate::model::now::Now;
use crate::model::text::Text;
use crate::net::intake::is_ahead;
use crate::protocol::dialect::{Decoded, Decoder, Encoder, LineDecoder, LineEncoder};
use crate::protocol::telnet::Splitter;
use crate::sync::mpsc;

/// The router alone: no socket, no thread, and a clock that moves only when told.
pub struct Bare {
    pub(super) setup: Setup,
    pub(super) router: Router<Features>,
    /// What the store has to say, and what of it is for the other nodes as well.
    reports: mpsc::Receiver<Report>,
    pub(super) asks: Option<Asks>,
    /// Who wants the settings read again, the settings in force, and what there is to read. Nothing, until something is
    /// written there.
    pub(super) reloads: mpsc::Receiver<u64>,
    pub(super) in_force: Config,
    pub(super) file: Option<Result<Config, String>>,
    pub(super) now: Now,
    clients: HashMap<String, BareClient>,
    /// How many have connected: a number is never given twice.
    pub(super) connected: u64,
    /// Clients that a turn could not hand their batch to, which was input of the next one.
    lost: Vec<String>,
    pub(super) files: Option<Arc<Files>>,
    /// Those who came to the file door.
    transfers: HashMap<String, Script>,
    /// What was carried out, for the other nodes of the chat; `None` where there are none.
    pub(super) log: Option<Vec<Entry>>,
}

/// One client of the bare router.
struct BareClient {
    id: ClientId,
    splitter: Splitter,
    decoder: LineDecoder,
    encoder: LineEncoder,
    shelf: Shelf,
    lines: VecDeque<String>,
}

impl Bare {
    /// A router with these settings.
    pub fn new(setup: impl Into<Setup>) -> Bare {
        Bare::at(setup, Now::read())
    }

    /// The same, at this time.
    pub fn at(setup: impl Into<Setup>, now: Now) -> Bare {
        let setup = setup.into();
        let (router, files, (asks, reports)) = router(&setup, now);
        let in_force = setup.config.clone();
        let (_nobody, reloads) = mpsc::sync_channel(0);
        Bare {
            setup,
            router,
            reports,
            asks,
            reloads,
            in_force,
            file: None,
            now,
            clients: HashMap::new(),
            connected: 0,
            lost: Vec::new(),
            files,
            transfers: HashMap::new(),
            log: None,
        }
    }

    /// One turn with these messages, and those it takes until the store has said all that is waited for.
    ///
    /// # Panics
    /// If the store says nothing before the deadline.
    pub fn turn(&mut self, messages: Vec<Message>) {
        let mut input = messages;
        loop {
            self.asks.iter().for_each(|asks| asks.begin(true));
            self.log.iter_mut().for_each(|log| log.push(entry(&input, self.now)));
            self.router.turn(input, self.now);
            self.hear_store();
            input = self.router.take_losses();
            if input.is_empty() || !self.router.is_open() {
                break;
            }
            self.lost.extend(input.iter().map(|loss| match loss {
                Message::ClientLeft(id, why) => format!("{id}: {why:?}"),
                _ => panic!("a loss is the end of a client"),
            }));
        }
        while let Ok(number) = self.reloads.try_recv() {
            let read = self.file.clone().unwrap_or_else(|| Ok(self.in_force.clone()));
            let messages = match read {
                Ok(mut new) => {
                    let changes = self.in_force.changes(&new);
                    new.keep_until_restart(&self.in_force);
                    self.in_force = new.clone();
                    vec![Message::Reload(Arc::new(new)), Call::Reloaded(number, Ok(changes)).into()]
                }
                Err(wrong) => vec![Call::Reloaded(number, Err(Text::own(wrong))).into()],
            };
            self.turn(messages);
        }
        if let Some(files) = &self.files {
            files.tidy_once();
        }
    }

    /// Takes what the store has to say until nothing is waited for. Its answers are entries of the log.
    fn hear_store(&mut self) {
        self.hear_of_turn(true);
        while self.router.is_open()
            && let Some(asks) = &mut self.asks
        {
            let answers = asks.take_answers();
            if !answers.is_empty() {
                self.log.iter_mut().for_each(|log| log.push(entry(&answers, self.now)));
                self.carry_out(answers, true);
            } else if asks.is_waiting() {
                self.hear_once(true);
            } else {
                break;
            }
            self.hear_of_turn(true);
        }
    }

    /// Waits until what was carried out is kept here.
    pub(super) fn hear_of_turn(&mut self, hands_over: bool) {
        while self.router.is_open() && self.router.waits_for_commit() {
            self.hear_once(hands_over);
        }
    }

    fn hear_once(&mut self, hands_over: bool) {
        let report = self.reports.recv_timeout(DEADLINE).expect("the store answers");
        if let Some(report) = self.asks.as_mut().and_then(|asks| asks.hear(report)) {
            self.carry_out(vec![report], hands_over);
        }
    }

    pub(super) fn carry_out(&mut self, messages: Vec<Message>, hands_over: bool) {
        self.router.apply(messages, self.now);
        if hands_over {
            self.router.hand_over(self.now);
        }
    }

    /// From now on the settings can be read again.
    pub(super) fn watch_settings(&mut self) {
        let (sender, reloads) = mpsc::sync_channel(WAITING);
        self.router.reload_by(sender);
        self.reloads = reloads;
    }

    /// The losses of the turns since this was asked last, in words.
    pub fn losses(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lost)
    }

    /// Has the file door do what a client sent to it.
    fn transfer(&mut self, who: &str, script: Script) -> Script {
        let files = self.files.clone().expect("files are passed on");
        let (config, metrics) = (self.setup.config.clone(), Metrics::new(self.now.mono));
        let bare = RefCell::new(self);
        let send = |message| bare.borrow_mut().turn(vec![message]);
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (config, metrics, files) = (&config, &metrics, &files);
        let mut desk = Desk { peer: script, from, files, config, metrics, send: &send, is_stopping: &|| false };
        desk.serve(who);
        desk.peer.is_over = true;
        desk.peer
    }

    /// The router.
    #[cfg(test)]
    pub(crate) fn router(&self) -> &Router<Features> {
        &self.router
    }

    /// Only the clock on the wall is set to another time.
    #[cfg(test)]
    pub(crate) fn set_the_clock(&mut self, by: chrono::Duration) {
        self.now.wall += by;
    }

    /// The number of a client's connection.
    #[cfg(test)]
    pub(crate) fn id_of(&mut self, who: &str) -> ClientId {
        self.seat(who).id
    }

    /// All that the router has handed to a client since it was taken last, or read.
    pub fn take(&mut self, who: &str) -> Vec<Batch> {
        self.seat(who).shelf.take()
    }

    /// How many batches the router has handed to a client since the last line was read.
    pub fn batches(&mut self, who: &str) -> usize {
        self.seat(who).shelf.len()
    }

    /// As the intake does it.
    fn greet_a_person(&mut self, who: &str) {
        let BareClient { id, decoder, .. } = self.seat(who);
        let id = *id;
        if decoder.is_by_hand() {
            self.turn(vec![by_hand(id)]);
        }
    }

    fn seat(&mut self, who: &str) -> &mut BareClient {
        self.clients.get_mut(who).unwrap_or_else(|| panic!("{who} has not connected"))
    }
}

fn files_of(setup: &Setup) -> io::Result<Arc<Files>> {
    if !setup.counted_tokens {
        return Files::open(&setup.config, 7879);
    }
    let mut numbers = 1u128..;
    let draw = move |count| Ok(numbers.by_ref().take(count).map(Token::of).collect());
    Files::drawing(&setup.config, 7879, Box::new(draw))
}

/// What comes from a store, and who asks it.
type FromStore = (Option<Asks>, mpsc::Receiver<Report>);

/// A router, and what comes from its store.
fn router(setup: &Setup, now: Now) -> (Router<Features>, Option<Arc<Files>>, FromStore) {
    let mut router = Router::new(&setup.config, Registry::new(), Arc::new(Metrics::new(now.mono)));
    let (said, reports) = mpsc::channel();
    let mut asks = None;
    let files = (setup.config.files != "off").then(|| files_of(setup).expect("a folder for files"));
    if let Some(files) = &files {
        router.pass_files(files.clone(), &setup.config);
    }
    if let Some((memory, policy)) = &setup.kept {
        let (store, contents) = memory.open(move |report| drop(said.send(report)));
        let (own, store) = Asks::of(store);
        asks = Some(own);
        router.keep_in(store, contents, *policy, now);
    }
    if setup.config.lab {
        // There are no threads here, but a transcript may show how they would be shown.
        let lab = Lab::new(setup.config.chaos, Instant::now());
        lab.show(Snapshot::of_one_client());
        let _nobody_is_woken = router.show(Arc::new(lab));
    }
    (router, files, (asks, reports))
}

impl Stage for Bare {
    fn connect(&mut self, who: &str) {
        self.connect_from(who, "127.0.0.1");
    }

    fn connect_from(&mut self, who: &str, address: &str) -> bool {
        self.connected += 1;
        let (id, shelf) = (ClientId(self.connected), Shelf::default());
        let outbox = Outbox::new(Box::new(shelf.clone()), self.setup.config.outbox_bytes);
        self.turn(vec![Message::ClientJoined(Client::new(id, outbox, format!("{address}:1"), "line"))]);
        let splitter = Splitter::new(self.setup.config.line_bytes);
        let (decoder, encoder) = (LineDecoder::new(&VERBS), LineEncoder::default());
        self.clients.insert(who.into(), BareClient { id, splitter, decoder, encoder, shelf, lines: VecDeque::new() });
        true
    }

    fn connect_to_files(&mut self, who: &str) -> bool {
        self.transfers.insert(who.into(), Script::default());
        true
    }

    fn send(&mut self, who: &str, bytes: &[u8]) {
        if let Some(script) = self.transfers.get_mut(who) {
            return script.sent.extend(bytes);
        }
        let max = self.setup.config.line_bytes;
        let mut bytes = bytes;
        loop {
            let BareClient { id, splitter, decoder, .. } = self.seat(who);
            let id = *id;
            let Some(input) = splitter.next(&mut bytes) else { break };
            let meant = meaning(input, decoder, max);
            self.greet_a_person(who);
            if let Some(meant) = meant {
                self.turn(vec![meant.message(id)]);
            }
            let is_prompted = self.router.registry().is_prompted(id);
            let is_signed_on = self.router.registry().is_signed_on(id);
            let BareClient { splitter, decoder, .. } = self.seat(who);
            match is_prompted {
                true => {}
                false if is_ahead(bytes) => decoder.prompt_refused(),
                false => decoder.prompt_no_more(),
            }
            if decoder.is_pasting() && !is_signed_on {
                decoder.paste_refused(is_ahead(bytes));
            }
            splitter.set_secret(decoder.is_prompting());
            splitter.set_keeps_empty(decoder.is_pasting());
        }
        let BareClient { splitter, decoder, .. } = self.seat(who);
        if splitter.spoke_telnet() {
            decoder.is_telnet();
            self.greet_a_person(who);
        }
        let BareClient { id, splitter, decoder, .. } = self.seat(who);
        if splitter.is_inside_line()
            && let Some(why) = decoder.glance(splitter.begun())
        {
            let left = Message::ClientLeft(*id, why);
            self.turn(vec![left]);
        }
    }

    fn next(&mut self, who: &str) -> Option<String> {
        if let Some(script) = self.transfers.remove(who) {
            let mut script = if script.is_over { script } else { self.transfer(who, script) };
            let end = script.got.iter().position(|b| *b == b'\n').map_or(script.got.len(), |at| at + 1);
            let line: Vec<u8> = script.got.drain(..end).collect();
            self.transfers.insert(who.into(), script);
            let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string();
            return (end > 0).then_some(line);
        }
        let BareClient { encoder, shelf, lines, .. } = self.seat(who);
        for batch in shelf.take() {
            let mut out = Vec::new();
            batch.envelopes.iter().for_each(|envelope| encoder.encode(envelope, &mut out));
            lines.extend(String::from_utf8_lossy(&out).lines().map(String::from));
        }
        lines.pop_front()
    }

    fn hang_up(&mut self, who: &str) {
        if let Some(script) = self.transfers.get_mut(who) {
            script.has_hung_up = true;
            return;
        }
        let max = self.setup.config.line_bytes;
        let BareClient { id, splitter, decoder, .. } = self.seat(who);
        let id = *id;
        let mut messages = Vec::new();
        if let Some(input) = splitter.finish() {
            messages.extend(meaning(input, decoder, max).map(|meant| meant.message(id)));
        }
        if let Decoded::Request(request) = decoder.finish() {
            messages.push(Meant::Request(request).message(id));
        }
        messages.push(Message::ClientLeft(id, Leave::Closed));
        self.turn(messages);
    }

    fn wait(&mut self, seconds: u64) -> bool {
        for _ in 0..seconds {
            self.now.mono += Duration::from_secs(1);
            self.now.wall += chrono::Duration::seconds(1);
            self.turn(Vec::new());
        }
        true
    }

    fn reads(&mut self, who: &str, on: bool) -> bool {
        self.seat(who).shelf.set_full(!on);
        // A turn hands over what waited.
        self.turn(Vec::new());
        true
    }

    fn edit(&mut self, key: &str, value: &str) -> bool {
        if self.file.is_none() {
            self.watch_settings();
        }
        let mut file = self.file.take().and_then(Result::ok).unwrap_or_else(|| self.in_force.clone());
        let setting = SETTINGS.iter().find(|setting| setting.key == key);
        let set = setting.map_or(Err("is no setting".into()), |setting| setting.apply(&mut file, value));
        self.file = Some(set.map(|()| file).map_err(|wrong| format!("{key} {wrong}")));
        true
    }

    fn restart(&mut self) {
        self.turn(vec![Message::Shutdown]);
        self.clients.clear();
        self.connected = 0;
        // The old one, and its store's thread, end before the new one begins.
        self.transfers.clear();
        (self.router, self.files, (self.asks, self.reports)) =
            router(&Setup { kept: None, ..self.setup.clone() }, self.now);
        (self.router, self.files, (self.asks, self.reports)) = router(&self.setup, self.now);
        self.file.is_some().then(|| self.watch_settings());
    }
}
