//! Passwords: what may be one, and how they are hashed, by two threads and no more.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
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
/// What everybody tries first: a hundred of eight letters and more, put together by hand of what the published lists of leaked
/// passwords have in common (rows and columns of the keyboard, digits in a row, `password` and its cousins). It is no copy of one
/// of them. In any case.
const COMMON: [&str; 108] = [
    "00000000",
    "0123456789",
    "0987654321",
    "11111111",
    "1111111111",
    "11223344",
    "1122334455",
    "12121212",
    "123123123",
    "12341234",
    "12345678",
    "123456789",
    "1234567890",
    "12345678910",
    "123456789a",
    "1234qwer",
    "123654789",
    "123qwe123",
    "147258369",
    "147852369",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx",
    "22222222",
    "33333333",
    "55555555",
    "66666666",
    "77777777",
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
    "admin123",
    "adminadmin",
    "administrator",
    "asd12345",
    "asdf1234",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "azertyuiop",
    "baseball",
    "bismillah",
    "changeme",
    "charlie1",
    "chocolate",
    "computer",
    "default1",
    "dragon123",
    "football",
    "football1",
    "guest123",
    "hello123",
    "iloveyou",
    "iloveyou1",
    "indonesia",
    "internet",
    "jennifer",
    "letmein1",
    "letmein123",
    "liverpool",
    "master123",
    "michelle",
    "monkey123",
    "p@ssw0rd",
    "p@ssword",
    "pass1234",
    "passw0rd",
    "passw0rd1",
    "password",
    "password!",
    "password1",
    "password12",
    "password123",
    "password2",
    "pokemon1",
    "princess",
    "q1w2e3r4",
    "qwe12345",
    "qwer1234",
    "qwerty12",
    "qwerty123",
    "qwerty1234",
    "qwerty12345",
    "qwertyui",
    "qwertyuiop",
    "rahasia123",
    "root1234",
    "sayang123",
    "secret123",
    "starwars",
    "sunshine",
    "superman",
    "test1234",
    "testtest",
    "trustno1",
    "welcome1",
    "welcome123",
    "whatever",
    "zaq12wsx",
    "zxcvbnm1",
];

/// How much work it is to try a password: for this server once for each sign-in, for whoever stole the file once for each guess.
/// Hashes of less strength are made anew when their owners sign in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strength {
    memory_kib: u32,
    passes: u32,
}

impl Default for Strength {
    /// What OWASP asks for at least: 19 MiB, two passes.
    fn default() -> Strength {
        Strength { memory_kib: 19 * 1024, passes: 2 }
    }
}

impl Strength {
    /// More memory for each hash: from 19 to 1,024 MiB; `None` for any other. Two are made at once, so twice of it is taken.
    pub fn new(memory_mib: u32) -> Option<Strength> {
        let memory_kib = memory_mib.checked_mul(1024).filter(|_| (19..=1_024).contains(&memory_mib))?;
        Some(Strength { memory_kib, ..Strength::default() })
    }

    /// The memory of one hash, in MiB.
    pub fn memory_mib(self) -> u32 {
        self.memory_kib / 1024
    }

    /// So little that a test can do it ten thousand times.
    #[cfg(test)]
    pub(crate) fn none() -> Strength {
        Strength { memory_kib: Params::MIN_M_COST, passes: 1 }
    }

    fn params(self) -> Result<Params, argon2::Error> {
        Params::new(self.memory_kib, self.passes, 1, Some(Params::DEFAULT_OUTPUT_LEN))
    }
}

/// Makes hashes and looks at them, by argon2id. It keeps the memory for that while there is work, wiped after each hash. That is
/// no faster than memory from the system each time, which nobody would wipe.
pub(crate) struct Hasher {
    strength: Strength,
    memory: Vec<Block>,
    /// Of each hash that was computed: blocks times passes.
    #[cfg(test)]
    pub(crate) work: Vec<u64>,
}

impl Hasher {
    pub(crate) fn new(strength: Strength) -> Hasher {
        Hasher {
            strength,
            memory: Vec::new(),
            #[cfg(test)]
            work: Vec::new(),
        }
    }

    /// The hash of a password, as a PHC string with a salt of its own.
    ///
    /// # Errors
    /// The system gives no random numbers, or no memory.
    pub(crate) fn hash(&mut self, password: &str) -> io::Result<String> {
        let mut salt = [0; Salt::RECOMMENDED_LENGTH];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let params = self.strength.params().map_err(wrong)?;
        let made = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(wrong)?,
            salt: Some(Salt::new(&salt).map_err(wrong)?),
            hash: Some(self.compute(password, &salt, params)?),
        };
        Ok(made.to_string())
    }

    /// Whether a password is the one that was hashed. Without a hash, or with one that cannot be read, it is as much work, and
    /// no.
    ///
    /// # Errors
    /// The system gives no memory.
    pub(crate) fn verify(&mut self, password: &str, hashed: Option<&str>) -> io::Result<bool> {
        let Some((salt, params, right)) = hashed.and_then(parts) else {
            let params = self.strength.params().map_err(wrong)?;
            self.compute(password, &[0; Salt::RECOMMENDED_LENGTH], params)?;
            return Ok(false);
        };
        // `Output` is compared in a time that does not depend on where they differ.
        Ok(self.compute(password, &salt, params)? == right)
    }

    /// Whether a hash was made with less than is asked for now.
    pub(crate) fn is_weak(&self, hashed: &str) -> bool {
        parts(hashed).is_none_or(|(_, params, _)| {
            params.m_cost() < self.strength.memory_kib || params.t_cost() < self.strength.passes
        })
    }

    /// There is nothing to do: the memory goes back to the system.
    fn rest(&mut self) {
        self.memory = Vec::new();
    }

    fn compute(&mut self, password: &str, salt: &[u8], params: Params) -> io::Result<Output> {
        let (blocks, length) = (params.block_count(), params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN));
        #[cfg(test)]
        self.work.push(blocks as u64 * u64::from(params.t_cost()));
        let missing = blocks.saturating_sub(self.memory.len());
        self.memory.try_reserve_exact(missing).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.memory.resize(self.memory.len() + missing, Block::new());
        let memory = self.memory.get_mut(..blocks).ok_or(io::ErrorKind::OutOfMemory)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut out = [0; Output::MAX_LENGTH];
        let out = out.get_mut(..length).ok_or(io::ErrorKind::InvalidData)?;
        let made = argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut *memory);
        // What is left in there would tell whoever reads it faster than the hash does whether a guess is right.
        memory.fill(Block::new());
        made.map_err(wrong)?;
        Output::new(out).map_err(wrong)
    }
}

/// Salt, parameters and hash of a PHC string, if it is one of ours.
fn parts(hashed: &str) -> Option<(Salt, Params, Output)> {
    let hash = PasswordHash::new(hashed).ok()?;
    let params = Params::try_from(&hash).ok()?;
    // A damaged file must not take all of the memory, or all of the time.
    let is_ours = hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && params.m_cost() <= 1024 * 1024
        && params.t_cost() <= 16;
    is_ours.then_some((hash.salt?, params, hash.hash?))
}

fn wrong(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

/// Something that a hashing thread does. It has a connection that only reads.
type Work = Box<dyn FnOnce(&mut Hasher, &Connection) + Send>;

/// The way to the hashing threads.
#[derive(Clone)]
pub(crate) struct Hashing(SyncSender<(u64, Work)>);

impl Hashing {
    /// Starts the threads. They end when the desk does, or when nobody has a way to them any more.
    ///
    /// # Errors
    /// There is no thread, or no file descriptor, to be had.
    pub(crate) fn start(dir: &Path, desk: &Desk, strength: Strength) -> io::Result<(Hashing, Vec<JoinHandle<()>>)> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for number in 1..=THREADS {
            let db = db::open_to_read(dir).map_err(io::Error::other)?;
            let (receiver, desk) = (receiver.clone(), desk.clone());
            let work = move || run(Hasher::new(strength), &db, &receiver, &desk);
            threads.push(thread::Builder::new().name(format!("hash-{number}")).spawn(work)?);
        }
        Ok((Hashing(sender), threads))
    }

    /// Lets a thread do this for a question as soon as one has time. If it panics, the question has failed.
    ///
    /// # Errors
    /// As many wait as may.
    pub(crate) fn submit(
        &self,
        number: u64,
        work: impl FnOnce(&mut Hasher, &Connection) + Send + 'static,
    ) -> Result<(), Busy> {
        match self.0.try_send((number, Box::new(work))) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

fn run(mut hasher: Hasher, db: &Connection, receiver: &Mutex<Receiver<(u64, Work)>>, desk: &Desk) {
    while !desk.0.reading().stopping {
        // One waits for work, the other for the lock. A receiver cannot be left half changed.
        let work = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK);
        match work {
            Ok((number, work)) => {
                let began = Instant::now();
                if catch_unwind(AssertUnwindSafe(|| work(&mut hasher, db))).is_err() {
                    log::error!("a question made a hashing thread panic; the panic's own message stands above");
                    desk.fail(number);
                }
                desk.0.figures.hashed(began.elapsed());
            }
            Err(RecvTimeoutError::Timeout) => hasher.rest(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
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
    if password.len() < SHORTEST {
        no("It should have 8 letters or more; a short sentence is a good one.")
    } else if password.len() > LONGEST {
        no("It may have 1,024 bytes at most.")
    } else if password.trim_end_matches(|c: char| c.is_ascii_digit()).eq_ignore_ascii_case(name.as_str()) {
        no("It should not be your name.")
    } else if COMMON.iter().any(|common| common.eq_ignore_ascii_case(password)) {
        no("It is one of those that everybody tries first.")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chat_server::store::{Answer, Report};

    use super::*;
    use crate::Durability;
    use crate::backlog::Backlog;

    #[test]
    fn a_hash_is_of_its_password_only_and_has_the_strength_it_says() {
        let mut hasher = Hasher::new(Strength::default());
        let hashed = hasher.hash("correct horse").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(hasher.verify("correct horse", Some(&hashed)).unwrap());
        assert!(!hasher.verify("correct hose", Some(&hashed)).unwrap());
        assert!(!hasher.verify("correct horse", None).unwrap());
        assert_ne!(hasher.hash("correct horse").unwrap(), hashed, "each has a salt of its own");
        // The library's own way to look at it, and to make it, is the same.
        use argon2::password_hash::{PasswordHasher, PasswordVerifier};
        assert_eq!(Argon2::default().verify_password(b"correct horse", hashed.as_str()), Ok(()));
        let theirs =
            Argon2::default().hash_password_with_salt(b"correct horse", b"a salt of theirs").unwrap().to_string();
        assert!(hasher.verify("correct horse", Some(&theirs)).unwrap());
    }

    #[test]
    fn whoever_is_unknown_or_wrong_is_as_much_work_as_whoever_is_right() {
        let mut hasher = Hasher::new(Strength { memory_kib: 64, passes: 3 });
        let hashed = hasher.hash("correct horse").unwrap();
        let damaged = hashed.replace("m=64", "m=4194304");
        let tried =
            [Some(&*hashed), None, Some("no hash"), Some(&*damaged), Some("$argon2i$v=19$m=64,t=3,p=1$c2FsdHNhbHQ")];
        for password in ["correct horse", "correct hose"] {
            for hashed in tried {
                hasher.work.clear();
                let is_right = hasher.verify(password, hashed).unwrap();
                assert_eq!(is_right, (password, hashed) == ("correct horse", tried[0]));
                assert_eq!(hasher.work, [64 * 3], "{hashed:?}");
            }
        }
    }

    #[test]
    fn a_hash_of_less_strength_is_weak_and_one_of_more_is_not() {
        let of = |memory_kib, passes| Hasher::new(Strength { memory_kib, passes });
        let hashed = of(64, 3).hash("correct horse").unwrap();
        assert!(of(128, 3).is_weak(&hashed) && of(64, 4).is_weak(&hashed) && of(64, 3).is_weak("no hash"));
        assert!(!of(64, 3).is_weak(&hashed) && !of(32, 2).is_weak(&hashed));
        // One hasher does both, and neither leaves anything in the other's memory.
        let mut weaker = of(32, 1);
        for _ in 0..2 {
            assert!(weaker.verify("correct horse", Some(&hashed)).unwrap());
            let own = weaker.hash("correct horse").unwrap();
            assert!(weaker.verify("correct horse", Some(&own)).unwrap());
        }
        assert!(weaker.memory.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
        weaker.rest();
        assert!(weaker.memory.is_empty() && weaker.verify("correct horse", Some(&hashed)).unwrap());
        assert_eq!(Strength::new(18), None);
        assert_eq!(Strength::new(1_025), None);
        assert_eq!(Strength::new(19), Some(Strength::default()));
    }

    #[test]
    fn what_everybody_tries_first_is_refused_and_not_repeated() {
        let ani = Name::parse("anindita").unwrap();
        for bad in ["sh0rt", "Password", "anindita", "ANINDITA2026", &"x".repeat(1_025)] {
            let error = look_at(bad, &ani).unwrap_err();
            assert!(!error.to_string().contains(bad) && !format!("{error:?}").contains(bad), "{error}");
        }
        for good in ["correct horse", "ñandú-café", "  spaces  ", &"x".repeat(1_024)] {
            assert_eq!(look_at(good, &ani), Ok(()), "{good}");
        }
        assert!(COMMON.iter().all(|word| word.len() >= SHORTEST), "the others are too short anyway");
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn a_panic_costs_one_question_and_not_a_thread() {
        let dir = tempfile::tempdir().unwrap();
        let _db = db::open(dir.path()).unwrap();
        let (said, reports) = mpsc::channel();
        let report = Box::new(move |report| drop(said.send(report)));
        let desk = Desk::new(Durability::Commit, Backlog::new(1, 1), Arc::default(), report);
        let (hashing, threads) = Hashing::start(dir.path(), &desk, Strength::none()).unwrap();
        for number in 0..8 {
            hashing.submit(number, |_, _| panic!("a fault of ours, in a test")).unwrap();
        }
        let last = desk.clone();
        hashing.submit(8, move |_, _| last.answer(8, Answer::Done)).unwrap();
        let mut answered: Vec<u64> = (0..9)
            .map(|_| match reports.recv_timeout(Duration::from_secs(60)).expect("an answer") {
                Report::Answer(8, Answer::Done) => 8,
                Report::Answer(number, Answer::Refused(ChatError::StoreBusy)) => number,
                other => panic!("{other:?}"),
            })
            .collect();
        answered.sort_unstable();
        assert_eq!(answered, (0..9).collect::<Vec<_>>());
        desk.stop();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends by itself"));
    }
}
