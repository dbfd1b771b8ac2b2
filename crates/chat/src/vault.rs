//! What this device knows of sealed talks: its key, the keys of others that the user has accepted, and which talks are sealed. All of it
//! stands in one file that no other user can read (docs/sealed.md).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chat_sealed::{Device, Point, Problem, is_sealed, open, seal};

use crate::line::{Line, clean};

/// The keys of one account on one server, as this device knows them.
#[derive(Default)]
pub(crate) struct Vault {
    file: Option<PathBuf>,
    /// Why the file cannot be read, if it cannot. Until it can, any talk of two may be a sealed one.
    unreadable: Option<String>,
    device: Option<Device>,
    /// The accepted points of each account, by its name in small letters. One that is there once stays: it opens what is older.
    accepted: BTreeMap<String, BTreeSet<Point>>,
    /// Sealed talks, in small letters.
    talks: BTreeSet<String>,
}

impl Vault {
    /// Reads what was kept, if anything was.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours.
    pub(crate) fn read(file: &Path) -> Result<Vault, String> {
        let mut vault = Vault { file: Some(file.into()), ..Vault::default() };
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vault),
            Err(error) => return Err(format!("{}: {error}", file.display())),
        };
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let read = match words[..] {
                ["secret", secret] => Device::parse(secret).map(|device| vault.device = Some(device)),
                ["accepted", account, point] => Point::parse(point).map(|point| vault.accept(account, [point])),
                ["sealed", talk] => {
                    vault.talks.insert(talk.into());
                    Ok(())
                }
                _ => Err(Problem::NoKey),
            };
            read.map_err(|_| format!("{}: it has a line that is no key", file.display()))?;
        }
        Ok(vault)
    }

    /// One whose file cannot be read.
    pub(crate) fn closed(file: Option<&Path>, why: String) -> Vault {
        Vault { file: file.map(Path::to_path_buf), unreadable: Some(why), ..Vault::default() }
    }

    /// Reads what another process of this user may have written meanwhile.
    pub(crate) fn look_again(&mut self) {
        match self.again() {
            Ok(Some(vault)) => *self = vault,
            Ok(None) => {}
            Err(why) => self.unreadable = Some(why),
        }
    }

    /// What stands in the file now; `None` where there is no file.
    fn again(&self) -> Result<Option<Vault>, String> {
        let Some(file) = &self.file else { return Ok(None) };
        let vault = Vault::read(file)?;
        // A file that is gone unseals no talk.
        let knew = self.device.is_some() || self.unreadable.is_some();
        if knew && vault.device.is_none() {
            return Err(format!("{}: the key that was there is gone", file.display()));
        }
        Ok(Some(vault))
    }

    /// Whether it is that of this file.
    pub(crate) fn is_of(&self, file: &Path) -> bool {
        self.file.as_deref() == Some(file)
    }

    /// Why it cannot be read, if it cannot.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// Changes it: what is in the file, while no other process does, and in memory once it is written.
    fn change<T>(&mut self, change: impl FnOnce(&mut Vault) -> T) -> Result<T, String> {
        let _until_it_is_dropped = self.file.as_deref().map(locked).transpose()?;
        match self.again()? {
            Some(mut vault) => {
                let done = change(&mut vault);
                vault.keep()?;
                *self = vault;
                Ok(done)
            }
            None => match &self.unreadable {
                Some(why) => Err(why.clone()),
                None => Ok(change(self)),
            },
        }
    }

    /// Writes it. What is there is whole at any time.
    fn keep(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut text = String::new();
        if let Some(device) = &self.device {
            text += &format!("secret {}\n", device.secret());
        }
        for (account, points) in &self.accepted {
            points.iter().for_each(|point| text += &format!("accepted {account} {point}\n"));
        }
        self.talks.iter().for_each(|talk| text += &format!("sealed {talk}\n"));
        let new = beside(file, ".new");
        let write = || {
            // One that a crash left behind may have other rights.
            let _there_may_be_none = fs::remove_file(&new);
            let mut out = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
            out.write_all(text.as_bytes())?;
            out.sync_all()?;
            fs::rename(&new, file)
        };
        write().map_err(|error| format!("{}: {error}", file.display()))
    }

    /// The point of this device, which gets a key with the first call.
    ///
    /// # Errors
    /// The key cannot be kept.
    pub(crate) fn own(&mut self) -> Result<Point, String> {
        if self.device.is_none() || self.unreadable.is_some() {
            self.change(|vault| {
                vault.device.get_or_insert_with(Device::generate);
            })?;
        }
        self.device.as_ref().map(Device::point).ok_or_else(|| "there is no key".into())
    }

    fn accept(&mut self, account: &str, points: impl IntoIterator<Item = Point>) {
        self.accepted.entry(account.to_ascii_lowercase()).or_default().extend(points);
    }

    /// A talk is sealed from now on, for these devices, which are accepted by that.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn seals(&mut self, talk: &str, devices: &[(String, Point)]) -> Result<(), String> {
        self.change(|vault| {
            devices.iter().for_each(|(account, point)| vault.accept(account, [*point]));
            vault.talks.insert(talk.to_ascii_lowercase());
        })
    }

    /// A talk is not sealed any more.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn unseals(&mut self, talk: &str) -> Result<bool, String> {
        self.change(|vault| vault.talks.remove(&talk.to_ascii_lowercase()))
    }

    /// Whether a talk is sealed, or may be.
    pub(crate) fn is_sealed(&self, talk: &str) -> bool {
        let is_of_two = || talk.starts_with('@') && talk.matches('+').count() == 1;
        self.talks.contains(&talk.to_ascii_lowercase()) || self.unreadable.is_some() && is_of_two()
    }

    /// Whether any talk is, or may be.
    pub(crate) fn seals_any(&self) -> bool {
        !self.talks.is_empty() || self.unreadable.is_some()
    }

    /// Those of these devices that were never accepted.
    pub(crate) fn strangers<'a>(&self, devices: &'a [(String, Point)]) -> Vec<&'a (String, Point)> {
        devices.iter().filter(|(account, point)| !self.knows(account, point)).collect()
    }

    fn knows(&self, account: &str, point: &Point) -> bool {
        self.accepted.get(&account.to_ascii_lowercase()).is_some_and(|points| points.contains(point))
    }

    /// Seals words for devices.
    ///
    /// # Errors
    /// There is no key, or one of theirs is none.
    pub(crate) fn seal(&self, talk: &str, devices: &[(String, Point)], words: &str) -> Result<String, Problem> {
        let points: Vec<Point> = devices.iter().map(|(_, point)| *point).collect();
        seal(self.device.as_ref().ok_or(Problem::NoKey)?, &points, talk, words)
    }

    /// A line with what is sealed in it opened, and whether it was; `None` for a line that is not sealed.
    pub(crate) fn opened(&self, line: &Line) -> Option<(Line, bool)> {
        let place = match line.kind.as_str() {
            "MSG" | "ACT" | "EDITED" if is_sealed(&line.text) => line.field(0),
            _ => return None,
        };
        let (author, other) = (line.field(2), place.trim_start_matches('@'));
        let opened = self.device.as_ref().map(|device| open(device, place, &line.text));
        let (text, is_open) = match opened {
            Some(Ok((point, words))) if self.knows(author, &point) => {
                (words.split('\n').map(clean).collect::<Vec<_>>().join("\n"), true)
            }
            Some(Ok(_)) => {
                (format!("(sealed by a device of {author} that you have not accepted; /seal shows more)"), false)
            }
            Some(Err(Problem::NotForThisDevice)) => ("(sealed for other devices than this one)".into(), false),
            Some(Err(problem)) => (format!("(sealed, and not shown: {problem})"), false),
            None if self.unreadable.is_some() => ("(sealed, and the keys of this device cannot be read)".into(), false),
            None => (format!("(sealed; after /seal @{other} this device opens what comes)"), false),
        };
        let mut opened = line.clone();
        opened.text = text;
        Some((opened, is_open))
    }
}

/// The file with something behind its whole name.
fn beside(file: &Path, behind: &str) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(behind);
    name.into()
}

/// Waits until no other process changes the file, and keeps it so until what it returns is dropped.
fn locked(file: &Path) -> Result<File, String> {
    let lock = || {
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir)?;
        }
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(beside(file, ".lock"))?;
        lock.lock()?;
        Ok(lock)
    };
    lock().map_err(|error: std::io::Error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_for_its_user_alone_and_is_read_again() {
        let dir = std::env::temp_dir().join(format!("chat-vault-{}", std::process::id()));
        let file = dir.join("sealed-ani");
        let mut vault = Vault::read(&file).unwrap();
        let own = vault.own().unwrap();
        vault.seals("@Ani+budi", &[("Budi".into(), own)]).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let mut again = Vault::read(&file).unwrap();
        assert_eq!(again.own(), Ok(own));
        assert!(again.is_sealed("@ani+budi") && again.strangers(&[("budi".into(), own)]).is_empty());
        assert_eq!(again.unseals("@ani+budi"), Ok(true));
        assert!(!Vault::read(&file).unwrap().seals_any());
        fs::write(&file, "secret x\n").unwrap();
        assert!(Vault::read(&file).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn two_processes_have_one_key_and_the_seals_of_both() {
        let dir = std::env::temp_dir().join(format!("chat-vaults-{}", std::process::id()));
        let file = dir.join("sealed-ani@a.org:6667");
        let [mut one, mut two] = [(); 2].map(|()| Vault::read(&file).unwrap());
        let own = one.own().unwrap();
        one.seals("@ani+budi", &[("budi".into(), own)]).unwrap();
        assert_eq!(two.own(), Ok(own));
        two.seals("@ani+citra", &[]).unwrap();
        one.look_again();
        for vault in [&one, &two, &Vault::read(&file).unwrap()] {
            assert!(vault.is_sealed("@ani+budi") && vault.is_sealed("@ani+citra") && !vault.is_sealed("@ani+dewi"));
        }
        // A file that is gone, or that is none of ours, unseals nothing, and is not written over.
        fs::remove_file(&file).unwrap();
        one.look_again();
        assert!(one.problem().is_some() && one.is_sealed("@ani+budi") && one.is_sealed("@ani+dewi"));
        assert!(!one.is_sealed("@ani+budi+citra") && two.unseals("@ani+budi").is_err() && !file.exists());
        fs::write(&file, "secret x\n").unwrap();
        two.look_again();
        assert!(two.is_sealed("@ani+dewi") && two.own().is_err());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn of_keys_that_are_made_at_once_one_holds() {
        let dir = std::env::temp_dir().join(format!("chat-vaults-at-once-{}", std::process::id()));
        let vaults = [(); 8].map(|()| Vault::read(&dir.join("sealed-ani")).unwrap());
        let begin = std::sync::Barrier::new(vaults.len());
        let own = |mut vault: Vault| {
            begin.wait();
            vault.own().unwrap()
        };
        let points: BTreeSet<Point> = std::thread::scope(|scope| {
            let threads = vaults.map(|vault| scope.spawn(|| own(vault)));
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(points.len(), 1);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_could_not_be_written_is_not_so() {
        let dir = std::env::temp_dir().join(format!("chat-no-vault-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("sealed-ani");
        let mut vault = Vault::read(&file).unwrap();
        // Where the new file would be, there is a folder.
        fs::create_dir_all(dir.join("sealed-ani.new")).unwrap();
        for _ in 0..2 {
            assert!(vault.own().is_err() && vault.seals("@ani+budi", &[]).is_err());
            assert!(!vault.is_sealed("@ani+budi") && vault.device.is_none());
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
