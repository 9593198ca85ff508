//! One `up` a data folder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use anyhow::{Context as _, Result, bail};

/// The file whose lock says that the folder is in use. The system gives it back when the
/// process ends, however it ends.
const FILE: &str = "lock";

/// Takes the lock for as long as the file is kept.
///
/// # Errors
/// Another process has it, or the folder cannot be written.
pub fn take(data: &Path) -> Result<File> {
    let path = data.join(FILE);
    let shown = path.display();
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("cannot write {shown}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "{} is in use by another `florin up`; stop that one or name another folder by --data",
                data.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_second_bank_on_the_same_data() {
        let folder = tempfile::tempdir().unwrap();
        let first = take(folder.path()).unwrap();
        let refusal = take(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("in use by another"), "{refusal}");
        drop(first);
        take(folder.path()).unwrap();
    }
}
