//! Reads an archive as a stream, with bounds: JSON lines, and JSON arrays one element at a time.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{DeserializeOwned, Deserializer as _, SeqAccess, Visitor};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::order::Error;

/// The most bytes of a line of JSON.
const LINE: u64 = 16 << 20;
/// The most bytes of a JSON file in an archive, unpacked: a day of one room, or all people.
const ENTRY: u64 = 256 << 20;
/// The most files of an archive: fifty years of a hundred rooms.
const ENTRIES: usize = 2_000_000;

/// A zip archive, of which only the names are in memory.
pub(crate) struct Zip {
    zip: ZipArchive<BufReader<File>>,
    file: std::path::PathBuf,
}

/// What is wrong with an archive.
pub(crate) fn broken(file: &Path, what: impl fmt::Display) -> Error {
    Error::Archive { file: file.into(), what: what.to_string(), next: "the export file as it was downloaded" }
}

pub(crate) fn open(file: &Path) -> Result<File, Error> {
    let opened = File::open(file).and_then(|opened| match opened.metadata()?.is_dir() {
        true => Err(io::Error::other("it is a folder, and should be the file that was downloaded")),
        false => Ok(opened),
    });
    opened.map_err(|error| Error::Archive { file: file.into(), what: error.to_string(), next: "another path" })
}

impl Zip {
    pub(crate) fn open(file: &Path) -> Result<Zip, Error> {
        let zip = ZipArchive::new(BufReader::new(open(file)?)).map_err(|error| broken(file, error))?;
        if zip.len() > ENTRIES {
            return Err(broken(file, format!("it has {} files, more than {ENTRIES}", zip.len())));
        }
        Ok(Zip { zip, file: file.into() })
    }

    /// The names of its files. They are names and nothing else: none of them is opened as a path.
    ///
    /// # Errors
    /// One of them is no text.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        let names = self.zip.file_names().map(|name| Ok(name.map_err(|error| broken(&self.file, error))?.into_owned()));
        names.collect()
    }

    /// Reads a file, which the error names together with the archive.
    fn entry<T>(
        &mut self,
        name: &str,
        bound: u64,
        read: impl FnOnce(&mut dyn BufRead, &str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let entry = self.zip.by_name(name).map_err(|error| match error {
            ZipError::FileNotFound => broken(&self.file, format!("there is no {name} in it")),
            error => broken(&self.file, format!("{}: {error}", shown(name))),
        })?;
        let place = format!("{}: {}", self.file.display(), shown(name));
        let what = too_large(bound);
        // What it says of itself saves the work; what it is counts.
        if entry.size() > bound {
            return Err(Error::Place { place, what });
        }
        read(&mut BufReader::new(Bounded { inner: entry, left: bound, bound }), &place)
    }

    /// Each element of a file that is a JSON array.
    pub(crate) fn each<T: DeserializeOwned>(
        &mut self,
        name: &str,
        take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.entry(name, ENTRY, |reader, place| array(reader, place, take))
    }

    /// Each line of a file of JSON lines, however many there are.
    pub(crate) fn each_line<T: DeserializeOwned>(
        &mut self,
        name: &str,
        take: impl FnMut(T, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.entry(name, u64::MAX, |reader, place| json_lines(reader, place, take))
    }
}

/// A name of an archive, for a terminal.
fn shown(name: &str) -> String {
    name.chars().take(200).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What is unpacked of a file, which an archive can make as large as it likes.
struct Bounded<R> {
    inner: R,
    left: u64,
    bound: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(too_large(self.bound)))?;
        Ok(read)
    }
}

fn too_large(bound: u64) -> String {
    format!("it is more than {bound} bytes unpacked, which no export is")
}

/// Each element of a JSON array. An error of JSON names its line and column.
fn array<T: DeserializeOwned>(
    reader: &mut dyn BufRead,
    place: &str,
    take: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut failed = None;
    let mut json = serde_json::Deserializer::from_reader(reader);
    let each = Each { take, failed: &mut failed, of: PhantomData };
    let read = json.deserialize_seq(each).and_then(|()| json.end());
    match (failed, read) {
        (Some(Error::Place { what, .. }), Err(at)) => Err(placed(place, &at, what)),
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(placed(place, &error, words(&error))),
        (None, Ok(())) => Ok(()),
    }
}

/// An error, at the place up to which was read.
fn placed(place: &str, at: &serde_json::Error, what: String) -> Error {
    Error::Place { place: format!("{place}, line {}, column {}", at.line(), at.column()), what }
}

/// What an error of JSON says, without the place, which stands before it.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split(" at line ").next().unwrap_or_default().to_string()
}

struct Each<'a, T, F> {
    take: F,
    failed: &'a mut Option<Error>,
    of: PhantomData<T>,
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> Result<(), Error>> Visitor<'de> for Each<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            if let Err(error) = (self.take)(element) {
                *self.failed = Some(error);
                return Err(serde::de::Error::custom("not taken"));
            }
        }
        Ok(())
    }
}

/// Each line of JSON lines, with its place.
pub(crate) fn json_lines<T: DeserializeOwned>(
    reader: &mut dyn BufRead,
    place: &str,
    mut take: impl FnMut(T, &str) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let at = format!("{place}, line {number}");
        let wrong = |what: String| Error::Place { place: at.clone(), what };
        let read = io::Read::take(&mut *reader, LINE).read_until(b'\n', &mut line);
        match read.map_err(|error| wrong(error.to_string()))? {
            0 => break,
            bytes if bytes as u64 == LINE => return Err(wrong(format!("it is longer than {} MiB", LINE >> 20))),
            _ if line.trim_ascii().is_empty() => continue,
            _ => {}
        }
        let element = serde_json::from_slice(&line)
            .map_err(|error| wrong(format!("{} (column {})", words(&error), error.column())))?;
        take(element, &at)?;
    }
    Ok(())
}

/// An error with its place, where it has none.
pub(crate) fn at_place(error: Error, place: &str) -> Error {
    match error {
        Error::Place { place: none, what } if none.is_empty() => Error::Place { place: place.into(), what },
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn words_of(error: Result<(), Error>) -> String {
        error.expect_err("it is too large").to_string()
    }

    /// A bomb: a few bytes that are many when they are unpacked, whatever their header says.
    #[test]
    fn what_is_too_large_is_refused_before_it_is_in_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bomb.zip");
        let mut zip = ZipWriter::new(File::create(&path).expect("a file"));
        zip.start_file("users.json", SimpleFileOptions::default()).expect("an entry");
        zip.write_all(&[b' '; 100_000]).expect("its text");
        zip.finish().expect("an archive");
        let mut zip = Zip::open(&path).expect("an archive");
        let read = |reader: &mut dyn BufRead, place: &str| array(reader, place, |_: u8| Ok(()));
        let said = words_of(zip.entry("users.json", 99_999, read));
        assert!(said.contains("users.json: it is more than 99999 bytes unpacked"), "{said}");
        let spaces = io::repeat(b' ');
        let mut liar = BufReader::new(Bounded { inner: spaces, left: 99_999, bound: 99_999 });
        let said = words_of(array(&mut liar, "users.json", |_: u8| Ok(())));
        assert!(said.contains(": it is more than 99999 bytes unpacked"), "{said}");
    }
}
