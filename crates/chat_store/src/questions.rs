//! Questions about accounts on their way through the threads: what needs a password goes to a hashing thread first, and whatever
//! is decided is decided by the writer, one after the other.

use chat_server::features::archive::store::{Answer, Busy, Proof, Question, Refused};
use chat_server::features::programs::{Ask, webhooks};
use chat_server::model::names::Name;
use chat_server::model::roles::Role;
use chat_server::model::secrets::Secret;
use chat_server::model::text::Text;
use chrono::Utc;
use rusqlite::Connection;

use crate::accounts::{self, Known, New, Visit};
use crate::desk::Desk;
use crate::hashing::{Caller, Hashing};
use crate::invitations;
use crate::keep;
use crate::passwords::{Hasher, Password, Verdict};
use crate::programs;
use crate::pushes;
use crate::resets;

/// The desk for questions about accounts.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) desk: Desk,
    pub(crate) hashing: Hashing,
    pub(crate) known: Known,
}

/// A user who wants an account.
struct Registration {
    name: Name,
    secret: Secret,
    invite: Option<Text>,
    needs_invite: bool,
    visit: Visit,
}

/// A user who says they know a password.
struct Trial {
    name: Name,
    secret: Secret,
    visit: Visit,
    /// Only who is known there is looked at; the others are told to wait so many seconds.
    guarded: Option<u64>,
}

/// A user who wants another password.
struct PasswordChange {
    trial: Trial,
    new: Secret,
}

impl Accounts {
    /// Takes a question. The answer goes out by the desk.
    pub(crate) fn ask(&self, number: u64, question: Question) -> Result<(), Busy> {
        let now = Utc::now().timestamp_millis();
        match question {
            Question::Register { name, secret, invite, needs_invite, token, from } => {
                let visit = Visit { token, from };
                self.register(number, Registration { name, secret, invite, needs_invite, visit }, now)
            }
            Question::SignIn { proof: Proof::Password(name, secret), token, from, guarded } => {
                self.sign_in(number, Trial { name, secret, visit: Visit { token, from }, guarded }, now)
            }
            Question::SignIn { proof: Proof::Token(secret), token, from, .. } => {
                let (visit, known) = (Visit { token, from }, self.known.clone());
                self.desk.write(number, move |db| {
                    let answer = accounts::resume(db, &secret, visit, now)?;
                    known.add(&answer, visit.from);
                    Ok(Some(answer))
                })
            }
            Question::SignIn { proof: Proof::Program(token), .. } => {
                self.desk.note(number, move |db| programs::sign_in(db, &token, now).map(Some))
            }
            Question::ChangePassword { name, old, new, token, from, guarded } => {
                let trial = Trial { name, secret: old, visit: Visit { token, from }, guarded };
                self.change_password(number, PasswordChange { trial, new }, now)
            }
            Question::SignOut { name, token } => self
                .desk
                .write(number, move |db| accounts::sign_out(db, &name, token.as_ref()).map(|()| Some(Answer::Done))),
            Question::Grant { name, role } => self.desk.write(number, move |db| {
                Ok(Some(match accounts::grant(db, &name, role)? {
                    Some(account) => Answer::Granted(account),
                    None => Answer::Refused(Refused::NoSuchName(name)),
                }))
            }),
            Question::AddAccount { name, secret, role } => {
                self.with_hash(number, (name, secret), move |db, name, hashed| {
                    let new = New { name, role, invite: None, needs_invite: false };
                    Ok(match new.check_owners(db) {
                        Ok(()) => accounts::add(db, &new, hashed, now)?,
                        Err(why) => Answer::Refused(why),
                    })
                })
            }
            Question::SetPassword { name, secret } => self.with_hash(number, (name, secret), |db, name, hashed| {
                let is_there = accounts::set_password(db, name, hashed)?;
                Ok(if is_there { Answer::Done } else { Answer::Refused(Refused::NoSuchName(name.clone())) })
            }),
            Question::MakeReset { name } => self.desk.write(number, move |db| resets::make(db, &name, now).map(Some)),
            Question::Reset { code, secret, token, from } => {
                self.reset(number, (code, secret), Visit { token, from }, now)
            }
            Question::Remove { name, messages } => {
                let known = self.known.clone();
                self.desk.write(number, move |db| {
                    known.forget(&name);
                    let is_there = keep::remove_account(db, &name, messages)?;
                    Ok(Some(if is_there { Answer::Done } else { Answer::Refused(Refused::NoSuchName(name)) }))
                })
            }
            Question::Invite { .. } | Question::Invitations { .. } | Question::EndInvitation { .. } => {
                self.invitations(number, question, now)
            }
            Question::Program(ask) => self.programs(number, ask, now),
            Question::Push(ask) => self.desk.write(number, move |db| pushes::answer(db, ask, now).map(Some)),
            // The store itself answers these.
            Question::Page { .. } | Question::Search { .. } | Question::Mentions { .. } | Question::Audit { .. } => {
                Err(Busy)
            }
        }
    }

    fn invitations(&self, number: u64, question: Question, now: i64) -> Result<(), Busy> {
        match question {
            Question::Invite { by, terms } => {
                self.desk.write(number, move |db| invitations::invite(db, &by, &terms, now).map(Some))
            }
            Question::Invitations { before, limit } => {
                self.desk.note(number, move |db| invitations::list(db, before, limit, now).map(Some))
            }
            Question::EndInvitation { number: which } => {
                self.desk.write(number, move |db| invitations::end(db, which).map(Some))
            }
            _ => Err(Busy),
        }
    }

    fn programs(&self, number: u64, ask: Ask, now: i64) -> Result<(), Busy> {
        match ask {
            Ask::Make { kind, name, by } => {
                self.desk.write(number, move |db| programs::make(db, &kind, &name, &by, now).map(Some))
            }
            Ask::End(kind, name) => self.desk.write(number, move |db| programs::end(db, &kind, &name).map(Some)),
            // On a full disk programs are still who they are.
            Ask::Find(token) => self.desk.note(number, move |db| programs::find_hook(db, &token, now).map(Some)),
            Ask::List(kind) => self.desk.note(number, move |db| programs::list(db, &kind).map(Some)),
            Ask::Webhooks(ask @ (webhooks::Ask::List(_) | webhooks::Ask::Load)) => {
                self.desk.note(number, move |db| crate::webhooks::answer(db, ask, now).map(Some))
            }
            Ask::Webhooks(ask) => self.desk.write(number, move |db| crate::webhooks::answer(db, ask, now).map(Some)),
        }
    }

    fn caller(&self, trial: &Trial) -> Caller {
        if self.known.has(&trial.name, trial.visit.from) { Caller::Known } else { Caller::Stranger }
    }

    fn register(&self, number: u64, registration: Registration, now: i64) -> Result<(), Busy> {
        let (desk, known) = (self.desk.clone(), self.known.clone());
        self.hashing.submit(number, Caller::Stranger, move |hasher, db| {
            // Looked at before and after: hashing is work, and another user may be faster.
            let checked = fit(hasher, &registration.secret, &registration.name)
                .and_then(|password| registration.wanted().check(db, now).map(|()| password));
            let password = match checked {
                Ok(password) => password,
                Err(error) => return desk.answer(number, Answer::Refused(error)),
            };
            let hashed = match hasher.hash(&password) {
                Ok(hashed) => hashed,
                Err(error) => return desk.fail_with(number, &error),
            };
            let job = move |db: &Connection| {
                let answer = accounts::register(db, &registration.wanted(), &hashed, registration.visit, now)?;
                known.add(&answer, registration.visit.from);
                Ok(Some(answer))
            };
            if desk.write(number, job).is_err() {
                desk.fail(number);
            }
        })
    }

    fn reset(&self, number: u64, (code, secret): (Secret, Secret), visit: Visit, now: i64) -> Result<(), Busy> {
        let (desk, known) = (self.desk.clone(), self.known.clone());
        self.hashing.submit(number, Caller::Stranger, move |hasher, db| {
            // Before and after, as for a registration.
            let hashed = match resets::check(db, &code, now).and_then(|name| fit(hasher, &secret, &name)) {
                Ok(password) => hasher.hash(&password),
                Err(error) => return desk.answer(number, Answer::Refused(error)),
            };
            let hashed = match hashed {
                Ok(hashed) => hashed,
                Err(error) => return desk.fail_with(number, &error),
            };
            let job = move |db: &Connection| {
                let answer = resets::set_password(db, &code, &hashed, visit, now)?;
                known.add(&answer, visit.from);
                Ok(Some(answer))
            };
            if desk.write(number, job).is_err() {
                desk.fail(number);
            }
        })
    }

    /// Hashes a password that was given by order, and does something with the hash.
    fn with_hash(
        &self,
        number: u64,
        (name, secret): (Name, Secret),
        job: impl FnOnce(&Connection, &Name, &str) -> rusqlite::Result<Answer> + Send + 'static,
    ) -> Result<(), Busy> {
        let desk = self.desk.clone();
        self.hashing.submit(number, Caller::Known, move |hasher, _| {
            let hashed = match fit(hasher, &secret, &name).map(|password| hasher.hash(&password)) {
                Ok(Ok(hashed)) => hashed,
                Ok(Err(error)) => return desk.fail_with(number, &error),
                Err(error) => return desk.answer(number, Answer::Refused(error)),
            };
            if desk.write(number, move |db| job(db, &name, &hashed).map(Some)).is_err() {
                desk.fail(number);
            }
        })
    }

    fn sign_in(&self, number: u64, trial: Trial, now: i64) -> Result<(), Busy> {
        let this = self.clone();
        self.hashing.submit(number, self.caller(&trial), move |hasher, db| {
            let Shown { hashed, password, is_to_renew } = match trial.shown(hasher, db) {
                Ok(shown) => shown,
                Err(error) => return this.desk.answer(number, Answer::Refused(error)),
            };
            let renewed = is_to_renew.then(|| hasher.hash(&password).ok()).flatten();
            let (desk, token) = (this.desk.clone(), trial.visit.token);
            let job = move |db: &Connection| {
                let Some((account, answer)) = accounts::sign_in(db, &trial.name, &hashed, trial.visit, now)? else {
                    // While it was hashed the account got another password, or the same one with another hash.
                    if this.sign_in(number, trial, now).is_err() {
                        this.desk.fail(number);
                    }
                    return Ok(None);
                };
                let kept = accounts::remember(db, account, trial.visit, now)
                    .and_then(|()| renewed.iter().try_for_each(|renewed| accounts::renew(db, account, renewed)));
                this.known.add(&answer, trial.visit.from);
                // All of that can be forgotten; a token cannot, and has been written or has failed.
                if let Err(error) = kept {
                    log::warn!("the store could not remember who came from where: {error}");
                }
                Ok(Some(answer))
            };
            // On a full disk people are still who they are.
            if if token { desk.write(number, job) } else { desk.note(number, job) }.is_err() {
                desk.fail(number);
            }
        })
    }

    fn change_password(&self, number: u64, change: PasswordChange, now: i64) -> Result<(), Busy> {
        let this = self.clone();
        self.hashing.submit(number, self.caller(&change.trial), move |hasher, db| {
            let PasswordChange { trial, new } = &change;
            let shown = trial.shown(hasher, db);
            let shown = shown.and_then(|shown| Ok((shown.hashed, fit(hasher, new, &trial.name)?)));
            let (hashed, renewed) = match shown.map(|(hashed, new)| (hashed, hasher.hash(&new))) {
                Ok((hashed, Ok(renewed))) => (hashed, renewed),
                Ok((_, Err(error))) => return this.desk.fail_with(number, &error),
                Err(error) => return this.desk.answer(number, Answer::Refused(error)),
            };
            let desk = this.desk.clone();
            let job = move |db: &Connection| {
                let Trial { name, visit, .. } = &change.trial;
                let answer = accounts::change_password(db, name, (&hashed, &renewed), *visit, now)?;
                if answer.is_none() && this.change_password(number, change, now).is_err() {
                    this.desk.fail(number);
                }
                Ok(answer)
            };
            if desk.write(number, job).is_err() {
                desk.fail(number);
            }
        })
    }
}

impl Registration {
    fn wanted(&self) -> New<'_> {
        let Registration { name, invite, needs_invite, .. } = self;
        New { name, role: Role::Member, invite: invite.as_deref(), needs_invite: *needs_invite }
    }
}

/// A password that may be that name's, in the form that is hashed.
fn fit(hasher: &Hasher, secret: &Secret, name: &Name) -> Result<Password, Refused> {
    let password = Password::new(secret)?;
    hasher.strength().look_at(&password, name)?;
    Ok(password)
}

/// A password that was right.
struct Shown {
    /// The account's hash, which it is of.
    hashed: String,
    password: Password,
    is_to_renew: bool,
}

impl Trial {
    /// Looks whether the password is right. For a name without an account it is as much work to find out that there is none.
    fn shown(&self, hasher: &mut Hasher, db: &Connection) -> Result<Shown, Refused> {
        let Trial { name, secret, visit, guarded } = self;
        let broken = |error: &dyn std::fmt::Display| {
            log::error!("the store cannot look at a password: {error}");
            Refused::Busy
        };
        let is_known_there = || visit.from.map_or(Ok(false), |from| accounts::is_known_there(db, name, from));
        if let Some(retry) = *guarded
            && !is_known_there().map_err(|error| broken(&error))?
        {
            return Err(Refused::Guarded(retry));
        }
        let password = Password::new(secret)?;
        let hashed = accounts::hash_of(db, name).map_err(|error| broken(&error))?;
        let verdict = hasher.verify(&password, hashed.as_deref()).map_err(|error| broken(&error))?;
        let hashed = hashed.filter(|_| verdict != Verdict::Wrong).ok_or(Refused::WrongPassword)?;
        Ok(Shown { hashed, password, is_to_renew: verdict == Verdict::Renew })
    }
}

#[cfg(test)]
mod model;
