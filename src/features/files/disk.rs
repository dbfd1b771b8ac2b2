//! Where files are kept: a directory for this user alone, in which each file stands under its token.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::file::Token;

/// What is not whole yet ends in this.
const PART: &str = ".part";
/// Held by the server that has the directory.
const LOCK: &str = "lock";
/// How a directory among the temporary files begins; a token follows.
const FRESH: &str = "chat-files-";
/// A lock that is younger than this may be about to be held.
const YOUNG: Duration = Duration::from_secs(60);

pub(super) struct Disk {
    dir: PathBuf,
    /// Whether the directory goes with the server.
    is_fresh: bool,
    /// Held until the end; the system lets go of it however that comes.
    _lock: File,
}

/// So many tokens from the system's random source.
pub(super) fn tokens(count: usize) -> io::Result<Vec<Token>> {
    let mut source = File::open("/dev/urandom")?;
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        let mut bytes = [0; 16];
        source.read_exact(&mut bytes)?;
        tokens.push(Token::of(u128::from_ne_bytes(bytes)));
    }
    Ok(tokens)
}

impl Disk {
    /// Opens a directory, or makes a fresh one among the temporary files.
    pub(super) fn open(dir: Option<&Path>) -> io::Result<Disk> {
        let (dir, is_fresh) = match dir {
            Some(dir) => (dir.to_path_buf(), false),
            None => {
                let name = tokens(1)?.first().map_or(String::new(), Token::to_string);
                (std::env::temp_dir().join(format!("{FRESH}{name}")), true)
            }
        };
        let mut builder = DirBuilder::new();
        builder.recursive(!is_fresh);
        for_the_owner(&mut builder);
        builder.create(&dir)?;
        if is_fresh {
            sweep(&dir);
        }
        let lock = private(OpenOptions::new().write(true).create(true).truncate(false)).open(dir.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Disk { dir, is_fresh, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(io::Error::new(ErrorKind::AddrInUse, "another server keeps its files there"))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn path(&self, token: Token) -> PathBuf {
        self.dir.join(token.to_string())
    }

    fn part(&self, token: Token) -> PathBuf {
        self.dir.join(format!("{token}{PART}"))
    }

    /// A new file, which is not whole.
    pub(super) fn create(&self, token: Token) -> io::Result<File> {
        private(OpenOptions::new().write(true).create_new(true)).open(self.part(token))
    }

    /// A file is whole. Where it outlives the server it is on the disk before a client hears of it.
    pub(super) fn complete(&self, token: Token, file: &File) -> io::Result<()> {
        if !self.is_fresh {
            file.sync_all()?;
        }
        fs::rename(self.part(token), self.path(token))?;
        if !self.is_fresh {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    pub(super) fn read(&self, token: Token) -> io::Result<File> {
        File::open(self.path(token))
    }

    /// Removes a file, whole or not.
    pub(super) fn remove(&self, token: Token) {
        for path in [self.path(token), self.part(token)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => log::error!("{}: {error}", path.display()),
                _ => {}
            }
        }
    }

    /// The whole files that are there, with their sizes. Parts of files are removed; files that are no uploads stay.
    pub(super) fn found(&self) -> Vec<(Token, u64)> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) => {
                log::error!("{}: {error}", self.dir.display());
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(token) = name.strip_suffix(PART).and_then(Token::parse) {
                self.remove(token);
            } else if let Some(token) = Token::parse(name) {
                found.push((token, entry.metadata().map_or(0, |metadata| metadata.len())));
            }
        }
        found
    }
}

impl Disk {
    /// The server ends. What was made for it alone goes; twice does no harm.
    pub(super) fn end(&self) {
        if self.is_fresh
            && let Err(error) = fs::remove_dir_all(&self.dir)
            && error.kind() != ErrorKind::NotFound
        {
            log::error!("{}: {error}", self.dir.display());
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.end();
    }
}

/// Removes what servers of the same user have left beside a directory when they were killed: no process holds the lock in it.
#[cfg(unix)]
fn sweep(own: &Path) {
    use std::os::unix::fs::MetadataExt;
    let (Some(parent), Ok(user)) = (own.parent(), fs::metadata(own).map(|own| own.uid())) else { return };
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_named_so = name.to_str().and_then(|name| name.strip_prefix(FRESH)).and_then(Token::parse).is_some();
        // Not followed, where it is a link.
        let is_ours = |found: fs::Metadata| found.is_dir() && found.uid() == user;
        if !is_named_so || !entry.metadata().is_ok_and(is_ours) {
            continue;
        }
        let Ok(lock) = OpenOptions::new().write(true).open(entry.path().join(LOCK)) else { continue };
        let age = lock.metadata().and_then(|lock| lock.modified()).map(|made| made.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age >= YOUNG) && lock.try_lock().is_ok() {
            match fs::remove_dir_all(entry.path()) {
                Ok(()) => log::info!("{}: left by a server that was killed; removed", entry.path().display()),
                Err(error) => log::warn!("{}: {error}", entry.path().display()),
            }
        }
    }
}

#[cfg(not(unix))]
fn sweep(_: &Path) {}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn for_the_owner(builder: &mut DirBuilder) {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
}

#[cfg(not(unix))]
fn for_the_owner(_: &mut DirBuilder) {}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::io::Write;

    use super::*;

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            let name = tokens(1).unwrap()[0].to_string();
            Folder(std::env::temp_dir().join(format!("test-of-files-{name}")))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _gone_already = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn only_a_whole_file_can_be_read_and_found() {
        let disk = Disk::open(None).unwrap();
        let [whole, half] = tokens(2).unwrap()[..] else { panic!("two tokens") };
        let mut file = disk.create(whole).unwrap();
        file.write_all(b"tea").unwrap();
        assert_eq!(disk.read(whole).unwrap_err().kind(), ErrorKind::NotFound);
        disk.complete(whole, &file).unwrap();
        disk.create(half).unwrap();
        assert_eq!(disk.found(), [(whole, 3)]);
        assert!(!disk.part(half).exists(), "a half stays for nothing");
        let mut read = String::new();
        disk.read(whole).unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "tea");
        disk.remove(whole);
        assert_eq!(disk.found(), []);
    }

    #[test]
    fn two_uploads_never_write_to_one_file() {
        let disk = Disk::open(None).unwrap();
        let token = tokens(1).unwrap()[0];
        let _first = disk.create(token).unwrap();
        assert_eq!(disk.create(token).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_folder_is_one_servers_and_stays_while_a_fresh_one_goes() {
        let folder = Folder::new();
        let disk = Disk::open(Some(&folder.0)).unwrap();
        assert_eq!(Disk::open(Some(&folder.0)).err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
        let token = tokens(1).unwrap()[0];
        let file = disk.create(token).unwrap();
        disk.complete(token, &file).unwrap();
        drop(disk);
        assert_eq!(Disk::open(Some(&folder.0)).unwrap().found(), [(token, 0)]);

        let fresh = Disk::open(None).unwrap();
        let place = fresh.dir.clone();
        assert!(place.exists());
        drop(fresh);
        assert!(!place.exists());
    }

    #[test]
    fn what_is_not_a_file_of_ours_is_left_alone() {
        let folder = Folder::new();
        let disk = Disk::open(Some(&folder.0)).unwrap();
        for name in ["notes.txt", "notes.part"] {
            fs::write(folder.0.join(name), "mine").unwrap();
        }
        assert_eq!(disk.found(), []);
        assert!(folder.0.join("notes.txt").exists() && folder.0.join("notes.part").exists());
    }
}
