//! Passwords: when what is typed is one, which goes out as it is, and what has to wait meanwhile.

use std::fmt::Write;

use chat_server::features::operators;
use chat_server::model::secrets::Secret;

use super::{Conversation, Heard, Stage};
use crate::line::Line;
use crate::secrets::{Asking, Question, is_typable};

impl Conversation {
    /// The name is an account's: it is signed in to, by this password or one that is typed.
    pub(crate) fn signs_in_with(&mut self, password: Option<Secret>) {
        (self.signs_in, self.password) = (true, password);
    }

    /// Whether what is typed must not be shown: it may be a password.
    pub(crate) fn hides(&self) -> bool {
        let is_known = self.stage == Stage::Knocking && self.password.is_some();
        self.asking != Asking::No && !is_known
    }

    /// A line that can be a password, and nothing else.
    pub(super) fn password_typed(&mut self, line: &str) {
        match self.asking {
            Asking::No if line.is_empty() => {}
            Asking::No => self.trouble("That line was not sent: it may be a password, and none is asked for any more."),
            Asking::Wanted(_) if self.ahead.is_some() => {
                self.trouble("That line was not sent: the one before it is to be the password.");
            }
            Asking::Wanted(_) => self.ahead = Some(Secret::new(line)),
            Asking::Open(_) if !is_typable(line) => {
                self.trouble("A password has no control characters, and is one line: nothing was sent.");
                self.answer_with(&Secret::new(""));
            }
            Asking::Open(_) => self.answer_with(&Secret::new(line)),
        }
    }

    /// Sends a password, as it is and without a tag. An empty one takes the question back.
    fn answer_with(&mut self, password: &Secret) {
        let is_taken_back = matches!(password.reveal().trim(), "" | ".");
        let is_of_operator =
            |of: &Question| of.what.as_ref().is_some_and(|what| what.open::<operators::Command>().is_some());
        let is_key = matches!(&self.asking, Asking::Open(of) if is_of_operator(of));
        let _infallible = writeln!(self.send, "{}", password.reveal());
        self.tried = (!is_taken_back && !is_key).then(|| password.clone());
        let asking = std::mem::take(&mut self.asking);
        self.asking = if is_taken_back { Asking::No } else { asking.next() };
        if self.asking == Asking::No { self.asked_no_more() } else { self.go_on() }
    }

    /// What had to wait for the password goes out.
    pub(super) fn asked_no_more(&mut self) {
        self.asking = Asking::No;
        if self.ahead.take().is_some_and(|ahead| !ahead.reveal().is_empty()) {
            self.trouble("That line was not sent: it may be a password, and none is asked for.");
        }
        self.send_behind();
        self.go_on();
    }

    pub(super) fn send_behind(&mut self) {
        let behind = std::mem::take(&mut self.behind);
        self.send += &behind;
    }

    /// The next line is a password: it may be known already, or typed.
    pub(super) fn asked_for_a_password(&mut self, line: &Line) {
        let known = self.password.clone().filter(|_| self.stage == Stage::Knocking);
        self.asking = match std::mem::take(&mut self.asking) {
            Asking::Wanted(question) | Asking::Open(question) => Asking::Open(question),
            Asking::No => Asking::Open(Question::default()),
        };
        if let Some(password) = known.or_else(|| self.ahead.take()) {
            return self.answer_with(&password);
        }
        let what = line.text.split(", in the next line").next().unwrap_or_default();
        self.own(&format!("{what}. It is not shown. Enter alone cancels"));
    }

    /// The password was right: the next connection comes in by it. A name that the user has not given would open the keys of another
    /// account, or none.
    pub(super) fn signed_in(&mut self, line: &Line) -> Heard {
        let given = self.given.take().unwrap_or_else(|| self.name.clone());
        let name = line.pair("name").unwrap_or(&given);
        if !name.eq_ignore_ascii_case(&given) {
            self.trouble(&format!("The server says that you are {name}, and you have given the name {given}."));
            return Heard::Refused;
        }
        self.name = name.to_string();
        self.signs_in = true;
        self.password = self.tried.take().or_else(|| self.password.take());
        self.wanted = None;
        self.unlock();
        Heard::Nothing
    }
}
