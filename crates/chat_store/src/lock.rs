//! One server for each directory: a file that is locked as long as its server lives, with the number of its process in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::db::{OpenError, from_io};

/// The file's name.
const NAME: &str = "chat.lock";

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

impl Lock {
    /// Takes a directory.
    pub(crate) fn take(dir: &Path) -> Result<Lock, OpenError> {
        let path = dir.join(NAME);
        let wrong = |error: std::io::Error| from_io(&path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(wrong)?;
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
}
