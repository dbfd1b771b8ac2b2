//! Passwords: what may be one, and how one is hashed and checked.

use std::io;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, KeyId, Params, ParamsBuilder, Version};
use chat_server::features::archive::store::Refused;
use chat_server::model::names::Name;
use chat_server::model::refusal::Refusal;
use chat_server::model::secrets::Secret;
use unicode_normalization::UnicodeNormalization;

/// The blocks, of a KiB, that are asked for at least, though only those are touched that a hash needs. From 32 MiB on glibc maps
/// memory by itself and gives it back when it is freed; what is smaller it keeps in its heap once some was freed (mallopt(3),
/// `M_MMAP_THRESHOLD`).
const MAPPED: usize = 33 * 1024;
/// The shortest and the longest password, in bytes. There is no rule about what is in between: length is what counts (NIST SP
/// 800-63B, 3.1.1.2). A setting makes the shortest one shorter or longer.
const SHORTEST: usize = 8;
const SHORTEST_MAY_BE: std::ops::RangeInclusive<usize> = 6..=64;
const LONGEST: usize = 1_024;
/// What every guesser tries first: a hundred of eight letters and more, put together by hand of what the published lists of leaked
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

/// Stands in every hash of a password in its one form ([`Password::new`]), as the PHC string's `keyid`. Hashes without it are
/// older, of a password as its door had it.
const FORM: &[u8] = b"opaque";

/// A password in the one form that is hashed, whatever system or door it was typed at; and, for the hashes of before, in the
/// forms that doors had then.
pub(crate) struct Password {
    /// RFC 8265, `OpaqueString`: spaces of other scripts are spaces, and letters are composed (NFC).
    form: String,
    /// As it was typed, where that is another.
    typed: Option<String>,
    /// As the line door had it then, without the spaces at its ends, where there are any.
    trimmed: Option<String>,
}

impl Password {
    /// All of what was typed is the password.
    ///
    /// # Errors
    /// There is a control character in it.
    pub(crate) fn new(typed: &Secret) -> Result<Password, Refused> {
        let typed = typed.reveal();
        Secret::look_over(typed)?;
        let form: String = typed.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).nfc().collect();
        let unlike = |old: &str, other: &str| (old != other).then(|| old.to_string());
        let (typed, trimmed) = (unlike(typed, &form), unlike(typed.trim(), typed));
        Ok(Password { form, typed, trimmed })
    }
}

/// What is known of a password after it was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and is to be hashed again: in its one form, or with more work.
    Renew,
}

/// How many letters a password has at least, and how much work it is to try one: for this server once for each sign-in, for a thief of the file once for each guess.
/// Hashes of less strength are made anew when their owners sign in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strength {
    memory_kib: u32,
    passes: u32,
    letters: usize,
}

impl Default for Strength {
    /// What OWASP asks for at least: 19 MiB, two passes; and eight letters.
    fn default() -> Strength {
        Strength { memory_kib: 19 * 1024, passes: 2, letters: SHORTEST }
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

    /// The same for passwords of so many letters or more, from 6 to 64; `None` for any other number.
    pub fn with_letters(self, letters: usize) -> Option<Strength> {
        SHORTEST_MAY_BE.contains(&letters).then_some(Strength { letters, ..self })
    }

    /// How many letters a password has at least.
    pub fn letters(self) -> usize {
        self.letters
    }

    /// So little that a test can do it ten thousand times.
    #[cfg(test)]
    pub(crate) fn none() -> Strength {
        Strength { memory_kib: Params::MIN_M_COST, passes: 1, letters: SHORTEST }
    }

    fn params(self) -> Result<Params, argon2::Error> {
        let mut params = ParamsBuilder::new();
        params.m_cost(self.memory_kib).t_cost(self.passes).p_cost(1).output_len(Params::DEFAULT_OUTPUT_LEN);
        params.keyid(KeyId::new(FORM)?).build()
    }
}

/// Makes hashes and looks at them, by argon2id. It keeps the memory for that while there is work, wiped after each hash. That is
/// no faster than memory from the system each time, which would not be wiped.
pub(crate) struct Hasher {
    strength: Strength,
    memory: Vec<Block>,
    /// Of each hash that was computed: blocks times passes.
    #[cfg(test)]
    pub(crate) work: Vec<u64>,
}

impl Hasher {
    /// What a password has to be.
    pub(crate) fn strength(&self) -> Strength {
        self.strength
    }

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
    pub(crate) fn hash(&mut self, password: &Password) -> io::Result<String> {
        let mut salt = [0; Salt::RECOMMENDED_LENGTH];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let params = self.strength.params().map_err(wrong)?;
        let made = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(wrong)?,
            salt: Some(Salt::new(&salt).map_err(wrong)?),
            hash: Some(self.compute(&password.form, &salt, params)?),
        };
        Ok(made.to_string())
    }

    /// Whether a password is the one that was hashed, in its one form or, of a hash of before, in another. How much work that is
    /// depends on what was typed, and not on whether there is a hash, or one that can be read.
    ///
    /// # Errors
    /// The system gives no memory.
    pub(crate) fn verify(&mut self, password: &Password, hashed: Option<&str>) -> io::Result<Verdict> {
        let hashed = hashed.and_then(parts);
        let has_form = hashed.as_ref().is_some_and(|(_, params, _)| params.keyid() == FORM);
        let is_weak = hashed.as_ref().is_some_and(|(_, params, _)| {
            params.m_cost() < self.strength.memory_kib || params.t_cost() < self.strength.passes
        });
        if self.matches(&password.form, hashed.as_ref())? {
            return Ok(if is_weak || !has_form { Verdict::Renew } else { Verdict::Right });
        }
        // The spaces at the ends may be a slip: if the hash were made anew with them, nothing else would do from then on.
        for (old, verdict) in [(&password.typed, Verdict::Renew), (&password.trimmed, Verdict::Right)] {
            if let Some(old) = old
                && self.matches(old, hashed.as_ref())?
                && !has_form
            {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Wrong)
    }

    fn matches(&mut self, words: &str, hashed: Option<&(Salt, Params, Output)>) -> io::Result<bool> {
        let Some((salt, params, right)) = hashed else {
            let params = self.strength.params().map_err(wrong)?;
            self.compute(words, &[0; Salt::RECOMMENDED_LENGTH], params)?;
            return Ok(false);
        };
        // `Output` is compared in a time that does not depend on where they differ.
        Ok(self.compute(words, salt, params.clone())? == *right)
    }

    /// There is nothing to do: the memory goes back to the system.
    pub(crate) fn rest(&mut self) {
        self.memory = Vec::new();
    }

    fn compute(&mut self, password: &str, salt: &[u8], params: Params) -> io::Result<Output> {
        let (blocks, length) = (params.block_count(), params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN));
        #[cfg(test)]
        self.work.push(blocks as u64 * u64::from(params.t_cost()));
        let missing = blocks.saturating_sub(self.memory.len());
        let room = blocks.max(MAPPED).saturating_sub(self.memory.len());
        self.memory.try_reserve_exact(room).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.memory.resize(self.memory.len() + missing, Block::new());
        let memory = self.memory.get_mut(..blocks).ok_or(io::ErrorKind::OutOfMemory)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut out = [0; Output::MAX_LENGTH];
        let out = out.get_mut(..length).ok_or(io::ErrorKind::InvalidData)?;
        let made = argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut *memory);
        // What is left in there would tell a reader of it faster than the hash does whether a guess is right.
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

impl Strength {
    /// Whether something may be the password of that name.
    ///
    /// # Errors
    /// What is wrong with it; never what it is.
    pub(crate) fn look_at(self, password: &Password, name: &Name) -> Result<(), Refused> {
        let no = |right: &str| Err(Refusal::bad_argument("that password", right).into());
        let (all, words) = (password.form.as_str(), password.form.trim());
        if all.len() < self.letters {
            no(&format!("It should have {} letters or more; a short sentence is a good one.", self.letters))
        } else if all.len() > LONGEST {
            no("It may have 1,024 bytes at most.")
        } else if words.is_empty() {
            no("It should have more than spaces; a short sentence is a good one.")
        } else if words.trim_end_matches(|c: char| c.is_ascii_digit()).eq_ignore_ascii_case(name.as_str()) {
            no("It should not be your name.")
        } else if COMMON.iter().any(|common| common.eq_ignore_ascii_case(words)) {
            no("It is one of those that every guesser tries first.")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(typed: &str) -> Password {
        Password::new(&Secret::new(typed)).unwrap()
    }

    /// A hash as it was made before passwords had one form.
    fn old_hash(words: &str, memory_kib: u32) -> String {
        let params = Params::new(memory_kib, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2::PasswordHasher::hash_password_with_salt(&argon2, words.as_bytes(), b"a salt of theirs")
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_hash_is_of_its_password_only_and_has_the_strength_it_says() {
        let mut hasher = Hasher::new(Strength::default());
        let right = password("correct horse");
        let hashed = hasher.hash(&right).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid=b3BhcXVl$"), "{hashed}");
        assert_eq!(hasher.verify(&right, Some(&hashed)).unwrap(), Verdict::Right);
        assert_eq!(hasher.verify(&password("correct hose"), Some(&hashed)).unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify(&right, None).unwrap(), Verdict::Wrong);
        assert_ne!(hasher.hash(&right).unwrap(), hashed, "each has a salt of its own");
        // The library's own way to look at it, and to make it, is the same; a server of before could read it as well.
        use argon2::password_hash::PasswordVerifier;
        assert_eq!(Argon2::default().verify_password(b"correct horse", hashed.as_str()), Ok(()));
        assert_eq!(hasher.verify(&right, Some(&old_hash("correct horse", 64))).unwrap(), Verdict::Renew);
    }

    #[test]
    fn a_password_is_the_same_whatever_system_and_door_it_was_typed_at() {
        let mut hasher = Hasher::new(Strength::none());
        // One code point or a letter and a mark; a space of another script, and an ordinary one.
        let alike = [
            ["caf\u{e9}-au-lait", "cafe\u{301}-au-lait"],
            ["\u{1ed9} two words", "o\u{323}\u{302} two\u{3000}words"],
            [" not\u{a0}trimmed ", " not trimmed\u{2003}"],
        ];
        for pair in alike {
            for [one, other] in [pair, [pair[1], pair[0]]] {
                let hashed = hasher.hash(&password(one)).unwrap();
                assert_eq!(hasher.verify(&password(other), Some(&hashed)).unwrap(), Verdict::Right, "{one:?}");
            }
        }
        // Spaces at the ends count, and so does case; what only looks alike is another one (no NFKC).
        for [one, other] in [
            ["two words ", "two words"],
            ["two words", " two words"],
            ["Horsehorse", "horsehorse"],
            ["\u{ff41}bcdefgh", "abcdefgh"],
        ] {
            for [one, other] in [[one, other], [other, one]] {
                let hashed = hasher.hash(&password(one)).unwrap();
                assert_eq!(hasher.verify(&password(other), Some(&hashed)).unwrap(), Verdict::Wrong, "{one:?}");
            }
        }
        for typed in ["tab\tulators", "escape\u{1b}[A", "turned\u{202e}around", "line\nend"] {
            assert!(matches!(Password::new(&Secret::new(typed)), Err(Refused::Other(_))), "{typed:?}");
        }
    }

    #[test]
    fn hashes_of_before_go_on_working_and_are_renewed() {
        let mut hasher = Hasher::new(Strength::none());
        let weakest = Params::MIN_M_COST;
        for (typed, then) in [
            ("correct horse", "correct horse"),
            ("cafe\u{301}-au-lait", "cafe\u{301}-au-lait"),
            ("caf\u{e9}\u{3000}au lait ", "caf\u{e9}\u{3000}au lait "),
        ] {
            let typed = password(typed);
            assert_eq!(hasher.verify(&typed, Some(&old_hash(then, weakest))).unwrap(), Verdict::Renew);
            let renewed = hasher.hash(&typed).unwrap();
            assert_eq!(hasher.verify(&typed, Some(&renewed)).unwrap(), Verdict::Right);
        }
        // The line door took the spaces at the ends away. They may be typed or not, and so it stays.
        let trimmed = old_hash("cafe\u{301} au lait", weakest);
        for (typed, verdict) in [
            (" cafe\u{301} au lait ", Verdict::Right),
            ("cafe\u{301} au lait", Verdict::Renew),
            ("cafe\u{301} au lai", Verdict::Wrong),
        ] {
            assert_eq!(hasher.verify(&password(typed), Some(&trimmed)).unwrap(), verdict, "{typed:?}");
        }
    }

    #[test]
    fn whoever_is_unknown_or_wrong_is_as_much_work_as_whoever_is_right() {
        let mut hasher = Hasher::new(Strength { memory_kib: 64, passes: 3, letters: SHORTEST });
        let hashed = hasher.hash(&password("correct horse")).unwrap();
        let damaged = hashed.replace("m=64", "m=4194304");
        let tried =
            [Some(&*hashed), None, Some("no hash"), Some(&*damaged), Some("$argon2i$v=19$m=64,t=3,p=1$c2FsdHNhbHQ")];
        for (typed, times) in
            [("correct horse", 1), ("correct hose", 1), ("cafe\u{301} au lait", 2), (" caf\u{e9}\u{a0}au lait", 3)]
        {
            for hashed in tried {
                hasher.work.clear();
                let verdict = hasher.verify(&password(typed), hashed).unwrap();
                let is_right = (typed, hashed) == ("correct horse", tried[0]);
                assert_eq!(verdict, if is_right { Verdict::Right } else { Verdict::Wrong });
                assert_eq!(hasher.work, vec![64 * 3; times], "{hashed:?}");
            }
        }
    }

    #[test]
    fn a_hash_of_less_strength_is_renewed_and_one_of_more_is_not() {
        let of = |memory_kib, passes| Hasher::new(Strength { memory_kib, passes, letters: SHORTEST });
        let right = password("correct horse");
        let hashed = of(64, 3).hash(&right).unwrap();
        for (memory_kib, passes, verdict) in
            [(128, 3, Verdict::Renew), (64, 4, Verdict::Renew), (64, 3, Verdict::Right), (32, 2, Verdict::Right)]
        {
            assert_eq!(of(memory_kib, passes).verify(&right, Some(&hashed)).unwrap(), verdict, "{memory_kib} {passes}");
        }
        // One hasher does both, and neither leaves anything in the other's memory.
        let mut weaker = of(32, 1);
        for _ in 0..2 {
            assert_eq!(weaker.verify(&right, Some(&hashed)).unwrap(), Verdict::Right);
            let own = weaker.hash(&right).unwrap();
            assert_eq!(weaker.verify(&right, Some(&own)).unwrap(), Verdict::Right);
        }
        assert!(weaker.memory.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
        weaker.rest();
        assert!(weaker.memory.is_empty() && weaker.verify(&right, Some(&hashed)).unwrap() == Verdict::Right);
        assert_eq!(Strength::new(18), None);
        assert_eq!(Strength::new(1_025), None);
        assert_eq!(Strength::new(19), Some(Strength::default()));
    }

    #[test]
    fn what_everybody_tries_first_is_refused_and_not_repeated() {
        let ani = Name::parse("anindita").unwrap();
        for bad in ["sh0rt", "Password", " password ", "anindita", "ANINDITA2026", &" ".repeat(8), &"x".repeat(1_025)] {
            let error = Strength::default().look_at(&password(bad), &ani).unwrap_err();
            assert!(!error.to_string().contains(bad) && !format!("{error:?}").contains(bad), "{error}");
        }
        for good in ["correct horse", "ñandú-café", "  spaces  ", &"x".repeat(1_024)] {
            assert_eq!(Strength::default().look_at(&password(good), &ani), Ok(()), "{good}");
        }
        let strength = |letters| Strength::default().with_letters(letters).unwrap();
        assert_eq!(strength(6).look_at(&password("sesame"), &ani), Ok(()));
        let error = strength(20).look_at(&password("correct horse"), &ani).unwrap_err();
        assert!(error.to_string().contains("20 letters or more"), "{error}");
        assert!([5, 65].into_iter().all(|letters| Strength::default().with_letters(letters).is_none()));
        assert!(COMMON.iter().all(|word| word.len() >= SHORTEST), "the others are too short anyway");
        assert!(COMMON.is_sorted());
    }
}
