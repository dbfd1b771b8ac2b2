//! One server for each directory: a file that is locked as long as its server lives, with the number of its process in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::errors::{OpenError, from_io};

/// The file's name.
const NAME: &str = "chat.lock";

/// What root makes in the directory of another user becomes that user's: a server that runs as that user could not open it. SQLite
/// does the same for the files beside the database.
pub(crate) fn hand_over(made: &File, dir: &Path) -> std::io::Result<()> {
    let (owner, own) = (fs::metadata(dir)?, made.metadata()?);
    if own.uid() == 0 && owner.uid() != 0 {
        std::os::unix::fs::fchown(made, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// A directory is ours. The system takes the lock back when the process ends, in whatever way; the file stays.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child of this process that has just begun may still have a copy of it.
        if let Err(error) = self.0.unlock() {
            log::warn!("the lock on the data is held until this process ends: {error}");
        }
    }
}

/// The file, which is made if there is none. Whose it is, is changed of a new one alone: what stands there may lead elsewhere.
fn open(path: &Path, dir: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    match options.clone().create_new(true).open(path) {
        Ok(file) => hand_over(&file, dir).map(|()| file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

impl Lock {
    /// Takes a directory.
    pub(crate) fn take(dir: &Path) -> Result<Lock, OpenError> {
        let path = dir.join(NAME);
        let wrong = |error: std::io::Error| from_io(&path, &error);
        let mut file = open(&path, dir).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who has it may not have written its number yet.
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(OpenError::InUse { dir: dir.into(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = written {
            // On a full disk the lock is as good without a number.
            log::warn!("cannot write to {}: {error}", path.display());
        }
        Ok(Lock(file))
    }

    /// Takes a directory, which is made if there is none.
    pub(crate) fn make(dir: &Path) -> Result<Lock, OpenError> {
        // A service's data may be where only root looks.
        let is_there = match fs::metadata(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(from_io(dir, &error)),
            found => found.is_ok_and(|found| found.is_dir()),
        };
        if !is_there {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| from_io(dir, &error))?;
        }
        Lock::take(dir)
    }
}
