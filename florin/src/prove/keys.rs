//! The client's own list of accepted idempotency keys: a doubled transfer sums to zero too,
//! so only the client can tell that it asked once.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::prove::report::Report;

/// Accepted keys and how many transfers were met under each.
#[derive(Debug, Default)]
pub struct Keys(HashMap<String, u32>);

impl Keys {
    /// Reads one key a line; blank lines do not count.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let keys = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(Self(keys.map(|key| (key.to_owned(), 0)).collect()))
    }

    /// A transfer was created under this key.
    pub fn meet(&mut self, key: &str) {
        if let Some(count) = self.0.get_mut(key) {
            *count = count.saturating_add(1);
        }
    }

    /// Reports keys without a transfer, and with several.
    pub fn report(&self, report: &mut Report) {
        report.step(&format!("compared {} accepted keys", self.0.len()));
        for (key, count) in &self.0 {
            if *count != 1 {
                report.breach("keys", &format!("key {key} has {count} transfers, not one"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_key_has_exactly_one_transfer() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "one\ntwice\n\nnever\n").unwrap();
        let mut keys = Keys::read(file.path()).unwrap();
        for key in ["one", "twice", "twice", "another client's"] {
            keys.meet(key);
        }
        let mut report = Report::default();
        keys.report(&mut report);
        assert_eq!(report.breaches(), 2);
    }
}
