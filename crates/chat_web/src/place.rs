//! The place: its name and its picture, which its owner sets while the server runs. They are two files in a folder beside the data.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use chat_server::config::{Config, SETTINGS};

/// How wide and high a picture is, and its most bytes: it is the icon of the page on a home screen, and of its notifications.
pub const SIDE: u32 = 192;
/// See [`SIDE`].
pub const MOST: usize = 60 * 1024;

const NAME: &str = "name";
const PICTURE: &str = "picture.png";

/// The folder of a place.
#[derive(Clone, Debug)]
pub struct Place(PathBuf);

impl Place {
    /// The place that has this folder, which need not be there yet.
    pub fn at(dir: PathBuf) -> Place {
        Place(dir)
    }

    /// Puts the name that the owner has set in the place of the one of the settings.
    ///
    /// # Errors
    /// It cannot be read, or it is no name.
    pub fn name_in(&self, config: &mut Config) -> Result<(), String> {
        match fs::read_to_string(self.0.join(NAME)) {
            Ok(name) => named(config, name.trim_end()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("cannot read {}: {error}", self.0.join(NAME).display())),
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
    pub fn picture(&self) -> Option<Vec<u8>> {
        fs::read(self.0.join(PICTURE)).ok().filter(|bytes| is_picture(bytes))
    }

    /// Keeps a picture, which [`is_picture`] has looked at; `None` takes it away.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep_picture(&self, picture: Option<&[u8]>) -> io::Result<()> {
        match picture {
            Some(bytes) => self.write(PICTURE, bytes),
            None => match fs::remove_file(self.0.join(PICTURE)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// The whole file or the one before, also where the machine stops meanwhile.
    fn write(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let new = self.0.join(format!("{file}.new"));
        let mut made = fs::File::create(&new)?;
        made.write_all(bytes)?;
        made.sync_all()?;
        fs::rename(&new, self.0.join(file))
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
