//! One `up` a data folder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// The file whose lock says that the folder is in use. The system gives it back when the
/// process ends, however it ends.
const FILE: &str = "lock";

/// How long a lock is tried for: someone may only be looking whether it is held.
const ATTEMPTS: u32 = 5;
const WAIT: Duration = Duration::from_millis(20);

/// The lock of a data folder.
pub fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Takes the lock for as long as the file is kept.
///
/// # Errors
/// Another process has it, or the folder cannot be written.
pub async fn take(data: &Path) -> Result<File> {
    let path = file(data);
    let shown = path.display();
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("cannot write {shown}"))?;
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(WAIT).await,
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {shown}"));
            }
        }
    }
    bail!(
        "{} is in use by another `florin up`; stop that one or name another folder by --data",
        data.display()
    )
}

/// Whether a bank runs on a data folder.
pub fn is_held(data: &Path) -> bool {
    let Ok(file) = File::open(file(data)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refuses_a_second_bank_on_the_same_data() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_held(folder.path()));
        let first = take(folder.path()).await.unwrap();
        assert!(is_held(folder.path()));
        let refusal = take(folder.path()).await.unwrap_err().to_string();
        assert!(refusal.contains("in use by another"), "{refusal}");
        drop(first);
        assert!(!is_held(folder.path()));
        take(folder.path()).await.unwrap();
    }
}
