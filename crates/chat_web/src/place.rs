//! The place: its name and its picture, which its owner sets while the server runs. They are two files in a folder beside the data.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::body::Bytes;
use chat_server::config::{Config, SETTINGS};

/// How wide and high a picture is, and its most bytes: it is the icon of the page on a home screen, and of its notifications.
pub const SIDE: u32 = 192;
/// See [`SIDE`].
pub const MOST: usize = 60 * 1024;

const NAME: &str = "name";
const PICTURE: &str = "picture.png";

/// The folder of a place.
#[derive(Clone, Debug)]
pub struct Place {
    dir: PathBuf,
    /// The picture as it was last read: browsers ask for it, and for its address, all the time.
    seen: Arc<Mutex<Option<Seen>>>,
}

/// A picture, and the file that it was read from.
type Seen = (Stamp, Option<Bytes>);

/// What is another one when another file has the name: each picture is a file of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Stamp {
    number: u64,
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Place {
    /// The place that has this folder, which need not be there yet.
    pub fn at(dir: PathBuf) -> Place {
        Place { dir, seen: Arc::default() }
    }

    /// Puts the name that the owner has set in the place of the one of the settings.
    ///
    /// # Errors
    /// It cannot be read, or it is no name.
    pub fn name_in(&self, config: &mut Config) -> Result<(), String> {
        match fs::read_to_string(self.dir.join(NAME)) {
            Ok(name) => named(config, name.trim_end()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("cannot read {}: {error}", self.dir.join(NAME).display())),
        }
    }

    /// Keeps a name, which [`named`] has looked at.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep_name(&self, name: &str) -> io::Result<()> {
        self.write(NAME, format!("{name}\n").as_bytes())
    }

    /// The picture, if there is one.
    pub fn picture(&self) -> Option<Bytes> {
        let file = self.dir.join(PICTURE);
        let found = fs::metadata(&file).ok()?;
        let stamp = Stamp { number: found.ino(), bytes: found.len(), changed: found.modified().ok() };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, picture)) = seen.as_ref().filter(|(of, _)| *of == stamp) {
            return picture.clone();
        }
        let picture = fs::read(&file).ok().filter(|bytes| is_picture(bytes)).map(Bytes::from);
        *seen = Some((stamp, picture.clone()));
        picture
    }

    /// Keeps a picture, which [`is_picture`] has looked at; `None` takes it away.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep_picture(&self, picture: Option<&[u8]>) -> io::Result<()> {
        match picture {
            Some(bytes) => self.write(PICTURE, bytes),
            None => match fs::remove_file(self.dir.join(PICTURE)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// The whole file or the one before, also where the machine stops meanwhile.
    fn write(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let new = self.dir.join(format!("{file}.new"));
        let mut made = fs::File::create(&new)?;
        made.write_all(bytes)?;
        made.sync_all()?;
        fs::rename(&new, self.dir.join(file))
    }
}

/// Takes a name into the settings.
///
/// # Errors
/// What a name is instead.
pub fn named(config: &mut Config, name: &str) -> Result<(), String> {
    let setting = SETTINGS.iter().find(|setting| setting.key == "name");
    if name.trim().is_empty() {
        return Err("A name has at least one letter.".into());
    }
    if name.chars().any(char::is_control) {
        return Err("A name is one line, without control characters.".into());
    }
    setting.map_or(Ok(()), |setting| setting.apply(config, name))
}

/// Whether it is a PNG of the right size, as far as its first bytes say.
pub fn is_picture(bytes: &[u8]) -> bool {
    let number = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
    bytes.starts_with(b"\x89PNG\r\n\x1a\n")
        && bytes.get(12..16) == Some(b"IHDR")
        && [number(16), number(20)] == [Some(SIDE); 2]
        && bytes.len() <= MOST
}

/// The folder of the place in the directory of the data.
pub fn folder(data: &Path) -> PathBuf {
    data.join("place")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a picture, and a byte that is its own.
    fn drawn(with: u8) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        [SIDE, SIDE].iter().for_each(|side| bytes.extend(side.to_be_bytes()));
        bytes.push(with);
        bytes
    }

    #[test]
    fn a_picture_is_read_once_and_anew_when_another_one_is_there() {
        let dir = std::env::temp_dir().join(format!("chat-picture-{}", std::process::id()));
        let (place, other) = (Place::at(dir.clone()), Place::at(dir.clone()));
        assert_eq!(place.picture(), None);
        for with in [1, 2] {
            // By another process, as `chatd place` does it.
            other.keep_picture(Some(&drawn(with))).unwrap();
            let first = place.picture().unwrap();
            assert_eq!(first, drawn(with));
            assert_eq!(place.clone().picture().unwrap().as_ptr(), first.as_ptr(), "it is not read again");
        }
        other.write(PICTURE, b"no picture").unwrap();
        assert_eq!(place.picture(), None);
        other.keep_picture(None).unwrap();
        assert_eq!(place.picture(), None);
        fs::remove_dir_all(&dir).unwrap();
    }
}
