//! A store in memory: what every store has to do, in its simplest form. Tests of the core keep their chat in it, and real
//! stores are compared with it.

mod accounts;
mod copies;
mod members;
mod programs;
mod pushes;
mod search;
mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use accounts::Accounts;
use programs::Programs;
use pushes::Pushes;

use crate::features::archive::store::{
    Answer, Busy, Contents, Disowned, Keeping, Proof, Question, Record, Report, RoomState, Store, StoredRoom,
};
use crate::features::membership::state::{Membership, Mention};
use crate::features::moderation::ban::Ban;
use crate::features::operators::audit::{Act, Entry};
use crate::features::preferences::state::Preference;
use crate::model::body::Body;
use crate::model::event::{Change, Envelope, Event, Speech, Version, What};
use crate::model::names::{ClientId, Name, RoomName};
use crate::model::roles::Role;
use crate::model::secrets::Secret;
use crate::model::text::Text;

/// What is kept. Clones are the same; it outlives the servers that use it, one after the other.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    memory: Mutex<Memory>,
    /// A job is done.
    done: Condvar,
}

#[derive(Clone, Default)]
struct Memory {
    rooms: BTreeMap<RoomName, Kept>,
    forgotten_id: u64,
    accounts: Accounts,
    programs: Programs,
    pushes: Pushes,
    acts: Vec<Act>,
    /// What the router has handed over, and what it has asked.
    records: Vec<Record>,
    questions: Vec<Question>,
    bans: Vec<Ban>,
    memberships: Vec<Membership>,
    mentions: Vec<Mention>,
    preferences: Vec<Preference>,
    /// The jobs that are not done yet.
    pending: usize,
    /// Why it cannot write at the moment, and what waits for that.
    trouble: Option<&'static str>,
    backlog: VecDeque<Record>,
    /// How many questions it is too busy for.
    busy: usize,
}

#[derive(Clone)]
struct Kept {
    state: RoomState,
    last_id: u64,
    first_id: u64,
    lines: BTreeMap<u64, Arc<Envelope>>,
}

enum Job {
    Keep(Box<Record>),
    Ask(u64, Question),
}

/// How long what was handed over may take, on a machine that is busy.
const RESTS_WITHIN: Duration = Duration::from_secs(20);

/// The router's end of it.
struct Desk {
    memory: MemoryStore,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryStore {
    /// Opens it for a server: what the router gets, and what is in it. `report` is called on a thread of the store.
    ///
    /// # Panics
    /// If the system has no thread for it.
    pub fn open(&self, report: impl Fn(Report) + Send + 'static) -> (Box<dyn Store>, Contents) {
        let contents = self.lock().contents();
        let (jobs, waiting) = mpsc::sync_channel(1_024);
        let memory = self.clone();
        let work = move || {
            for job in waiting {
                let said = match job {
                    Job::Keep(record) => memory.lock().keep(*record),
                    Job::Ask(number, question) => vec![Report::Answer(number, memory.lock().answer(question))],
                };
                said.into_iter().for_each(&report);
                memory.lock().pending -= 1;
                memory.0.done.notify_all();
            }
        };
        let thread = thread::Builder::new().name("memory-store".into()).spawn(work).expect("a thread for the store");
        (Box::new(Desk { memory: self.clone(), jobs: Some(jobs), thread: Some(thread) }), contents)
    }

    /// What operators did.
    pub fn acts(&self) -> Vec<Act> {
        self.lock().acts.clone()
    }

    /// Each record that the router has handed over, and each question.
    pub fn heard(&self) -> (Vec<Record>, Vec<Question>) {
        let memory = self.at_rest();
        (memory.records.clone(), memory.questions.clone())
    }

    /// Every line of a room, as it is now.
    pub fn lines(&self, room: &RoomName) -> Vec<Arc<Envelope>> {
        self.lock().rooms.get(room).into_iter().flat_map(|room| room.lines.values().cloned()).collect()
    }

    /// An account that is there from the start.
    pub fn add(&self, name: &Name, password: &str, role: Role) {
        self.lock().accounts.add(name, Secret::new(password), role);
    }

    /// The memory when all that was handed over is done: a router does not wait for the answer to each question.
    fn at_rest(&self) -> MutexGuard<'_, Memory> {
        let memory = self.lock();
        let waited = self.0.done.wait_timeout_while(memory, RESTS_WITHIN, |memory| memory.pending > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Desk {
    fn keep(&mut self, record: Record) -> Keeping {
        match self.hand_over(Job::Keep(record.into())) {
            Ok(()) => Keeping::Wait,
            // The router hands over one record at a time, so there is room; and where the thread is gone nothing comes.
            Err(Busy) => Keeping::Go,
        }
    }

    fn ask(&mut self, number: u64, question: Question) -> Result<(), Busy> {
        self.memory.is_there()?;
        self.hand_over(Job::Ask(number, question))
    }
}

impl Desk {
    fn hand_over(&mut self, job: Job) -> Result<(), Busy> {
        let jobs = self.jobs.as_ref().ok_or(Busy)?;
        let mut memory = self.memory.lock();
        jobs.try_send(job).map_err(|_| Busy)?;
        memory.pending += 1;
        Ok(())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Memory {
    fn contents(&self) -> Contents {
        let rooms = self.rooms.values().map(|room| StoredRoom {
            state: room.state.clone(),
            last_id: room.last_id,
            first_id: room.first_id,
            lines: room.lines.iter().rev().take(1_000).map(|(id, line)| (*id, line.clone())).rev().collect(),
        });
        // Invitations to a closed room are gone with the connections; only its operators and members come back.
        let has_members =
            |room: &RoomName| self.memberships.iter().any(|member| member.room == *room && member.mark.is_some());
        let rooms =
            rooms.filter(|room| !room.state.invite_only || !room.state.ops.is_empty() || has_members(&room.state.name));
        Contents {
            rooms: rooms.collect(),
            forgotten_id: self.forgotten_id,
            accounts: self.accounts.all().map(|(account, _)| account.clone()).collect(),
            bans: self.bans.clone(),
            memberships: self.memberships.clone(),
            mentions: self.mentions.clone(),
            preferences: self.preferences.clone(),
            time: None,
            files: self
                .rooms
                .values()
                .flat_map(|room| room.lines.values())
                .filter(|line| line.file().is_some())
                .cloned()
                .collect(),
        }
    }

    fn keep(&mut self, record: Record) -> Vec<Report> {
        let turn = record.turn;
        self.records.push(record.clone());
        self.backlog.push_back(record);
        if let Some(trouble) = self.trouble {
            return vec![Report::NotKept { turn, why: Text::own(trouble) }];
        }
        let recovered = self.backlog.len() > 1;
        for record in std::mem::take(&mut self.backlog) {
            self.write(record);
        }
        // A real store finds out by itself that it can write again; this one when something comes.
        [Report::Kept(turn)].into_iter().chain(recovered.then_some(Report::Recovered)).collect()
    }

    fn write(&mut self, record: Record) {
        for (name, last_id) in record.forgotten {
            self.rooms.remove(&name);
            self.memberships.retain(|member| member.room != name);
            self.mentions.retain(|mention| mention.room != name);
            self.programs.forget_room(&name);
            self.forgotten_id = self.forgotten_id.max(last_id);
        }
        for state in record.rooms {
            match self.rooms.get_mut(&state.name) {
                Some(room) => room.state = state,
                None => {
                    let room = Kept { last_id: 0, first_id: 0, lines: BTreeMap::new(), state };
                    self.rooms.insert(room.state.name.clone(), room);
                }
            }
        }
        for line in record.lines {
            let (Some(name), Some(id)) = (line.room(), line.id()) else { continue };
            let Some(room) = self.rooms.get_mut(name) else { continue };
            if room.first_id == 0 {
                room.first_id = id;
            }
            room.last_id = id;
            room.lines.insert(id, kept(&line));
            if let Event::Changed(change) = &line.event {
                room.change(change);
            }
        }
        record.wiped.iter().for_each(|account| self.wipe(account));
        record.disowned.iter().for_each(|disowned| self.disown(disowned));
        self.write_members(record.memberships, record.mentions);
        self.write_preferences(record.preferences);
        self.acts.extend(record.acts);
        if let Some(bans) = record.bans {
            self.bans = bans.into();
        }
    }

    /// What an account said in rooms goes.
    fn wipe(&mut self, account: &Name) {
        for room in self.rooms.values_mut().filter(|room| !room.state.name.is_talk()) {
            let of_account = room.lines.values().filter_map(|line| match &line.event {
                Event::Said(line) if line.signed && line.from == *account => Some(line.clone()),
                _ => None,
            });
            for Speech { room: name, id, by, from, .. } in of_account.collect::<Vec<_>>() {
                let author = from.clone();
                let (target, what) = (id, What::Deleted);
                room.change(&Change { room: name, id, by, from, target, author, signed: true, what });
            }
        }
    }

    /// What was said under a name is signed by no one.
    fn disown(&mut self, Disowned { name, room }: &Disowned) {
        let rooms = self.rooms.values_mut().filter(|place| room.as_ref().is_none_or(|room| place.state.name == *room));
        for line in rooms.flat_map(|room| room.lines.values_mut()) {
            match &line.event {
                Event::Said(speech) if speech.from == *name => {
                    *line = Envelope::new(line.at, Event::Said(Speech { signed: false, cid: None, ..speech.clone() }));
                }
                Event::Changed(change) if change.from == *name => {
                    *line = Envelope::new(line.at, Event::Changed(Change { signed: false, ..change.clone() }));
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        self.questions.push(question.clone());
        let answer = match question {
            Question::Page { room, before, after, limit, export: _ } => Ok(self.page(&room, before, after, limit)),
            Question::Search { room, hidden, words, before, limit } => {
                Ok(self.search(room.as_ref(), &hidden, &words, before, limit))
            }
            Question::Mentions { account, before, limit } => Ok(self.mentions(&account, before, limit)),
            Question::Register { name, secret, invite, needs_invite, token, from } => {
                self.accounts.register(name, secret, invite, needs_invite, token, from)
            }
            Question::SignIn { proof: Proof::Program(token), .. } => self.programs.sign_in(&token),
            Question::Program(ask) => self.programs.answer(ask),
            Question::Push(ask) => self.pushes.answer(ask),
            Question::SignIn { proof, token, from, guarded } => self.accounts.sign_in(proof, token, from, guarded),
            Question::ChangePassword { name, old, new, token, guarded, from } => {
                self.accounts.change_password(&name, (&old, new), token, (guarded, from))
            }
            Question::SignOut { name, token } => Ok(self.accounts.sign_out(&name, token.as_ref())),
            Question::Grant { name, role } => self.accounts.grant(name, role),
            Question::Audit { before, limit } => {
                let all = self.acts.iter().zip(1..).map(|(act, number)| Entry { number, act: act.clone() });
                let older = all.filter(|entry| before.is_none_or(|before| entry.number < before));
                let (acts, more) = Entry::page(older.collect(), limit);
                Ok(Answer::Acts { acts, more })
            }
            Question::AddAccount { name, secret, role } => self.accounts.add_by_order(name, secret, role),
            Question::SetPassword { name, secret } => self.accounts.set_password(name, secret),
            Question::MakeReset { name } => self.accounts.make_reset(name),
            Question::Reset { code, secret, token, from } => self.accounts.reset(&code, secret, token, from),
            Question::Remove { name, .. } => {
                self.preferences.retain(|preference| preference.account != name);
                self.accounts.remove(name)
            }
            Question::Invite { by, terms } => Ok(self.accounts.invite(by, terms)),
            Question::Invitations { before, limit } => Ok(self.accounts.invitations(before, limit)),
            Question::EndInvitation { number } => self.accounts.end_invitation(number),
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    fn page(&self, room: &RoomName, before: u64, after: Option<u64>, limit: usize) -> Answer {
        let Some(room) = self.rooms.get(room) else { return Answer::Lines { lines: Vec::new(), more: None } };
        let from = after.map_or(0, |after| after + 1);
        let lines: Vec<(&u64, &Arc<Envelope>)> = room.lines.range(from..before.max(from)).collect();
        let (first, last) =
            lines.split_at(if after.is_some() { limit.min(lines.len()) } else { lines.len().saturating_sub(limit) });
        let (chosen, rest) = if after.is_some() { (first, last) } else { (last, first) };
        let edge = if after.is_some() { chosen.last() } else { chosen.first() };
        let more = edge.filter(|_| !rest.is_empty()).map(|(id, _)| **id);
        Answer::Lines { lines: chosen.iter().map(|(_, line)| (*line).clone()).collect(), more }
    }
}

impl Kept {
    /// What becomes of the line that is changed.
    fn change(&mut self, change: &Change) {
        let (version, text) = match &change.what {
            What::Edited(text) => (Version::Edited, text.clone()),
            What::Deleted => (Version::Deleted, Body::default()),
            What::Reacted(_) | What::Unreacted(_) => return,
        };
        if let Some(line) = self.lines.get_mut(&change.target)
            && let Event::Said(old) = &line.event
        {
            let file = old.file.filter(|_| version != Version::Deleted);
            *line = Envelope::new(line.at, Event::Said(Speech { version, file, text, ..old.clone() }));
        }
        if version == Version::Deleted {
            for line in self.lines.values_mut() {
                if let Event::Changed(edit) = &line.event
                    && edit.target == change.target
                    && matches!(edit.what, What::Edited(_))
                {
                    let what = What::Edited(Body::default());
                    *line = Envelope::new(line.at, Event::Changed(Change { what, ..edit.clone() }));
                }
            }
        }
    }
}

/// A line as a store gives it back: its connection is gone.
fn kept(line: &Arc<Envelope>) -> Arc<Envelope> {
    let by = ClientId(0);
    let event = match &line.event {
        Event::Said(speech) => Event::Said(Speech { by, ..speech.clone() }),
        Event::Changed(change) => Event::Changed(Change { by, ..change.clone() }),
        other => other.clone(),
    };
    Envelope::new(line.at, event)
}

/// Names as they stand in a test.
impl FromIterator<(&'static str, &'static str, Role)> for MemoryStore {
    fn from_iter<I: IntoIterator<Item = (&'static str, &'static str, Role)>>(accounts: I) -> MemoryStore {
        let store = MemoryStore::default();
        let named: BTreeMap<_, _> = accounts.into_iter().map(|(name, word, role)| (name, (word, role))).collect();
        for (name, (password, role)) in named {
            if let Ok(name) = Name::parse(name) {
                store.add(&name, password, role);
            }
        }
        store
    }
}
