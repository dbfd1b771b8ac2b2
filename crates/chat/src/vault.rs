//! What this device knows of sealed talks: its key, the keys of others that the user has accepted, and which talks are sealed. All of it
//! stands in one file that no other user can read (docs/sealed.md).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chat_sealed::{Device, Point, Problem, is_sealed, open, seal};

use crate::line::{Line, clean};

/// The keys of one account on one server, as this device knows them.
#[derive(Default)]
pub(crate) struct Vault {
    file: Option<PathBuf>,
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
        let new = file.with_extension("new");
        let write = || {
            if let Some(dir) = file.parent() {
                fs::create_dir_all(dir)?;
            }
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
        if self.device.is_none() {
            self.device = Some(Device::generate());
            self.keep()?;
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
        devices.iter().for_each(|(account, point)| self.accept(account, [*point]));
        self.talks.insert(talk.to_ascii_lowercase());
        self.keep()
    }

    /// A talk is not sealed any more.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(crate) fn unseals(&mut self, talk: &str) -> Result<bool, String> {
        let was = self.talks.remove(&talk.to_ascii_lowercase());
        self.keep().map(|()| was)
    }

    /// Whether a talk is sealed.
    pub(crate) fn is_sealed(&self, talk: &str) -> bool {
        self.talks.contains(&talk.to_ascii_lowercase())
    }

    /// Whether any talk is.
    pub(crate) fn seals_any(&self) -> bool {
        !self.talks.is_empty()
    }

    /// Those of these devices that were never accepted.
    pub(crate) fn strangers<'a>(&self, devices: &'a [(String, Point)]) -> Vec<&'a str> {
        let is_known = |(account, point): &&(String, Point)| self.knows(account, point);
        devices.iter().filter(|device| !is_known(device)).map(|(account, _)| account.as_str()).collect()
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
            None => (format!("(sealed; after /seal @{other} this device opens what comes)"), false),
        };
        let mut opened = line.clone();
        opened.text = text;
        Some((opened, is_open))
    }
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
}
