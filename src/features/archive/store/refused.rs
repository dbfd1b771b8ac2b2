//! Why a store does not do what it was asked: what the router decides by, and its words.

use std::fmt;

use crate::features::accounts::invitations::State;
use crate::model::code::Code;
use crate::model::names::Name;
use crate::model::refusal::Refusal;
use crate::model::spam::{Spam, TooFast};
use crate::protocol::coded::coded;

/// Why a store, or the router before it, does not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The name belongs to an account.
    NameTaken(Name),
    /// The name looks like this one, which is taken.
    LooksLike(Name),
    /// The name is one of the server's own, or looks like this one of them.
    Reserved(Name),
    /// No account has the name.
    NoSuchName(Name),
    /// The password is wrong, or the name. Which of the two is not said.
    WrongPassword,
    /// The token is worth nothing any more.
    SignedOut,
    /// A name can only be registered with the code of an invitation.
    NoInvitation,
    /// No invitation has this code: it is mistyped, or a guess.
    BadInvitation,
    /// The invitation was used as often as it may be.
    UsedInvitation,
    /// The invitation was good until a time that is past.
    OldInvitation,
    /// An operator ended the invitation.
    EndedInvitation,
    /// The code of a reset link is not good: what became of it, or `None` if there is none with that code.
    Reset(Option<State>),
    /// Passwords are guessed ([`Question::SignIn`](super::Question::SignIn)), for so many seconds yet.
    Guarded(u64),
    /// The search index is made anew, and so many lines are not in it yet.
    Indexing(u64),
    /// The store does not answer, or has too much to do.
    Busy,
    /// Anything else. No program decides by it.
    Other(Refusal),
}

coded!(enum Refused {
    1 NameTaken(name), 2 LooksLike(name), 3 Reserved(name), 4 NoSuchName(name), 5 WrongPassword, 6 SignedOut, 7 NoInvitation,
    8 BadInvitation, 9 UsedInvitation, 10 OldInvitation, 11 EndedInvitation, 12 Reset(became), 13 Guarded(seconds),
    14 Indexing(lines), 15 Busy, 16 Other(refusal),
});

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused::Other(refusal)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        let (code, words) = match refused {
            Refused::NameTaken(name) => {
                let words = format!(
                    "\"{name}\" is registered. If it is yours: LOGIN:{name} <password>. If not, take another name."
                );
                (Code::NameRegistered, words)
            }
            Refused::LooksLike(name) => return Refusal::looks_like(name),
            Refused::Reserved(name) => return Refusal::reserved(name),
            Refused::NoSuchName(name) => return Refusal::no_such_user(name),
            Refused::WrongPassword => {
                let words = "That name and that password do not belong together.";
                return Refusal::fixed(Code::BadPassword, words);
            }
            Refused::SignedOut => {
                return Refusal::fixed(Code::BadPassword, "You were signed out. Sign in again with your password.");
            }
            Refused::NoInvitation => {
                return invitation("Here one needs an invitation. With its code: REGISTER:<name> <password> <code>.");
            }
            Refused::BadInvitation => {
                return invitation(
                    "There is no invitation with that code. Look whether it is typed as it was given to you.",
                );
            }
            Refused::UsedInvitation => {
                return invitation("That invitation was used already. Ask the user who invited you for another.");
            }
            Refused::OldInvitation => {
                return invitation("That invitation is too old. Ask the user who invited you for another.");
            }
            Refused::EndedInvitation => {
                return invitation("An operator ended that invitation. Ask the user who invited you for another.");
            }
            Refused::Reset(state) => {
                let words = match state {
                    None | Some(State::Open) => {
                        "There is no reset link with that code. Look whether it is typed as it was given to you."
                    }
                    Some(State::Used) => {
                        "That reset link was used already. Sign in with the password that was set by it, or ask an operator for another link."
                    }
                    Some(State::TooOld) => {
                        "That reset link is too old: it is good for a day. Ask an operator for another."
                    }
                    Some(State::Ended) => {
                        "That reset link is good no more: there is a newer one, or the password was changed. Ask an operator for another."
                    }
                };
                return Refusal::fixed(Code::BadPassword, words);
            }
            Refused::Guarded(retry) => return TooFast { retry, why: Spam::Guesses }.into(),
            Refused::Indexing(left) => {
                let words =
                    format!("The search index is being made anew, and {left} lines are left. Try again in a minute.");
                (Code::StoreUnavailable, words)
            }
            Refused::Busy => {
                let words =
                    "The store has too much to do, or does not answer. The chat goes on; try that again in a moment.";
                return Refusal::fixed(Code::StoreUnavailable, words);
            }
            Refused::Other(refusal) => return refusal,
        };
        Refusal::new(code, words)
    }
}

/// The words for a code that is no way in.
const fn invitation(words: &'static str) -> Refusal {
    Refusal::fixed(Code::NeedsInvitation, words)
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Refusal::from(self.clone()).fmt(f)
    }
}

impl std::error::Error for Refused {}
