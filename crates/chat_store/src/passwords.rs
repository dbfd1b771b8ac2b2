//! Passwords: what may be one, and how they are hashed, by two threads and no more.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, path::Path};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use chat_server::error::ChatError;
use chat_server::names::Name;
use chat_server::store::Busy;
use chat_server::text::Text;
use rusqlite::Connection;

use crate::db;
use crate::desk::Desk;

/// How many are hashed at once: each takes 19 MiB and all of a core for some hundredths of a second.
const THREADS: usize = 2;
/// The most that wait for that.
const WAITING: usize = 32;
/// How often a thread looks whether it is to end.
const TICK: Duration = Duration::from_millis(100);
/// The shortest and the longest password, in bytes. There is no rule about what is in between: length is what counts (NIST SP
/// 800-63B, 3.1.1.2).
const SHORTEST: usize = 8;
const LONGEST: usize = 1_024;
/// What everybody tries first: the commonest ones of 8 letters and more in the lists of leaked passwords.
const COMMON: [&str; 60] = [
    "00000000",
    "11111111",
    "11223344",
    "12121212",
    "12341234",
    "123123123",
    "12345678",
    "123456789",
    "1234567890",
    "123456789a",
    "1234qwer",
    "147258369",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "66666666",
    "87654321",
    "88888888",
    "987654321",
    "99999999",
    "a1234567",
    "aa123456",
    "aaaaaaaa",
    "abc12345",
    "abcd1234",
    "abcdefgh",
    "administrator",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "baseball",
    "bismillah",
    "changeme",
    "charlie1",
    "computer",
    "dragon123",
    "football",
    "football1",
    "iloveyou",
    "iloveyou1",
    "indonesia",
    "internet",
    "jennifer",
    "letmein1",
    "michelle",
    "monkey123",
    "passw0rd",
    "password",
    "password1",
    "password12",
    "password123",
    "princess",
    "q1w2e3r4",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "sunshine",
    "superman",
    "welcome1",
];

/// Something that a hashing thread does. It has a connection that only reads.
type Work = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the hashing threads.
#[derive(Clone)]
pub(crate) struct Hashing(SyncSender<Work>);

impl Hashing {
    /// Starts the threads. They end when the desk does, or when nobody has a way to them any more.
    ///
    /// # Errors
    /// There is no thread, or no file descriptor, to be had.
    pub(crate) fn start(dir: &Path, desk: &Desk) -> io::Result<(Hashing, Vec<JoinHandle<()>>)> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for number in 1..=THREADS {
            let db = db::open_to_read(dir).map_err(io::Error::other)?;
            let (receiver, desk) = (receiver.clone(), desk.clone());
            let work = move || run(&db, &receiver, &desk);
            threads.push(thread::Builder::new().name(format!("hash-{number}")).spawn(work)?);
        }
        Ok((Hashing(sender), threads))
    }

    /// Lets a thread do this as soon as one has time.
    ///
    /// # Errors
    /// As many wait as may.
    pub(crate) fn submit(&self, work: impl FnOnce(&Connection) + Send + 'static) -> Result<(), Busy> {
        match self.0.try_send(Box::new(work)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

fn run(db: &Connection, receiver: &Mutex<Receiver<Work>>, desk: &Desk) {
    while !desk.0.reading().stopping {
        // One waits for work, the other for the lock. A receiver cannot be left half changed.
        let work = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK);
        match work {
            Ok(work) => work(db),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How passwords are hashed: argon2id with what OWASP asks for at least (19 MiB, two passes, one lane).
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// The hash of a password, as a PHC string with a salt of its own.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn hash(password: &str) -> io::Result<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(io::Error::other)?;
    let hashed = argon2().hash_password_with_salt(password.as_bytes(), &salt);
    hashed.map(|hash| hash.to_string()).map_err(|error| io::Error::other(error.to_string()))
}

/// Whether a password is the one that was hashed. Without a hash it takes as long, and is no.
pub(crate) fn verify(password: &str, hashed: Option<&str>) -> bool {
    // Of a password that nobody has.
    const NOBODYS: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBzYWx0IQ$ZBVu3hkDQTPmPgVsjDj+yeJd1lQZtHqHZJ9CAxVzYpQ";
    let matches = argon2().verify_password(password.as_bytes(), hashed.unwrap_or(NOBODYS)).is_ok();
    matches && hashed.is_some()
}

/// Whether a hash was made with less than is asked for now.
pub(crate) fn is_weak(hashed: &str) -> bool {
    !hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
}

/// Whether something may be somebody's password.
///
/// # Errors
/// What is wrong with it; never what it is.
pub(crate) fn look_at(password: &str, name: &Name) -> Result<(), ChatError> {
    let no = |right| {
        let what = Text::new("that password").unwrap_or_default();
        Err(ChatError::BadArgument { what, right })
    };
    let folded = password.to_ascii_lowercase();
    if password.len() < SHORTEST {
        no("It should have 8 letters or more; a short sentence is a good one.")
    } else if password.len() > LONGEST {
        no("It may have 1,024 bytes at most.")
    } else if folded.trim_end_matches(|c: char| c.is_ascii_digit()) == name.as_str().to_ascii_lowercase() {
        no("It should not be your name.")
    } else if COMMON.contains(&folded.as_str()) {
        no("It is one of those that everybody tries first.")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_only_and_has_the_strength_it_says() {
        let hashed = hash("correct horse").unwrap();
        assert!(!is_weak(&hashed), "{hashed}");
        assert!(verify("correct horse", Some(&hashed)));
        assert!(!verify("correct hose", Some(&hashed)));
        assert!(!verify("correct horse", None));
        assert!(!verify("correct horse", Some("no hash")));
        assert_ne!(hash("correct horse").unwrap(), hashed, "each has a salt of its own");
        assert!(is_weak("$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$aGFzaA"));
    }

    #[test]
    fn whoever_is_unknown_costs_a_hash_as_well() {
        // A hash that cannot be read would cost nothing, and tell who has no account.
        use argon2::password_hash::phc::PasswordHash;
        let began = std::time::Instant::now();
        verify("correct horse", None);
        let unknown = began.elapsed();
        assert!(unknown > Duration::ZERO);
        let nobodys = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBzYWx0IQ$ZBVu3hkDQTPmPgVsjDj+yeJd1lQZtHqHZJ9CAxVzYpQ";
        let parsed = PasswordHash::new(nobodys).expect("a PHC string");
        let params = Params::try_from(&parsed).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (19 * 1024, 2, 1));
        assert_eq!(parsed.hash.unwrap().len(), 32);
    }

    #[test]
    fn what_everybody_tries_first_is_refused_and_not_repeated() {
        let ani = Name::parse("anindita").unwrap();
        for bad in ["sh0rt", "Password", "anindita", "ANINDITA2026", &"x".repeat(1_025)] {
            let error = look_at(bad, &ani).unwrap_err();
            assert!(!error.to_string().contains(bad), "{error}");
        }
        for good in ["correct horse", "ñandú-café", "  spaces  ", &"x".repeat(1_024)] {
            assert_eq!(look_at(good, &ani), Ok(()), "{good}");
        }
        assert!(COMMON.iter().all(|word| word.len() >= SHORTEST));
    }
}
