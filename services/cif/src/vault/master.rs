//! The master keys: files with 64 hexadecimal digits.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{VaultError, cipher::Secret};
use crate::Config;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or made.
    #[error("master key {file}: {cause}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file is absent although the database was filled with its key.
    #[error("master key {0} is absent, but the database is sealed by it: bring the file back")]
    Lost(PathBuf),
    /// The file does not hold 64 hexadecimal digits.
    #[error("master key {0} must hold 64 hexadecimal digits")]
    Malformed(PathBuf),
    /// The key is not the one that sealed the database.
    #[error("master key {0} is not the one that sealed this database")]
    Another(PathBuf),
    /// A version is 0 or stands twice.
    #[error("versions of master keys are 1 and up, each once; {0} is not")]
    Version(u32),
    /// The cipher failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The present master key and the earlier ones.
pub struct MasterKeys {
    present: i64,
    keys: BTreeMap<i64, Secret>,
}

impl MasterKeys {
    /// Reads the files of the configuration. An absent present key is made where `may_make`
    /// says that nothing is sealed yet.
    ///
    /// # Errors
    /// Names the file.
    pub fn load(config: &Config, may_make: bool) -> Result<Self, MasterKeyError> {
        let present = config.master_key_version;
        let mut keys = BTreeMap::new();
        let first = read_or_make(&config.master_key_file, may_make)?;
        keys.insert(i64::from(present), first);
        for retired in &config.retired_master_keys {
            let key =
                read(&retired.file)?.ok_or_else(|| MasterKeyError::Lost(retired.file.clone()))?;
            if keys.insert(i64::from(retired.version), key).is_some() || retired.version == 0 {
                return Err(MasterKeyError::Version(retired.version));
            }
        }
        if present == 0 {
            return Err(MasterKeyError::Version(present));
        }
        Ok(Self { present: i64::from(present), keys })
    }

    #[cfg(test)]
    pub(super) fn in_memory(version: i64, key: [u8; 32]) -> Self {
        Self { present: version, keys: BTreeMap::from([(version, Secret::of(&key).unwrap())]) }
    }

    pub(super) fn present(&self) -> (i64, &Secret) {
        // `load` inserts the present key.
        (self.present, &self.keys[&self.present])
    }

    pub(super) fn of_version(&self, version: i64) -> Result<&Secret, VaultError> {
        self.keys.get(&version).ok_or(VaultError::UnknownVersion(version))
    }
}

fn read_or_make(file: &Path, may_make: bool) -> Result<Secret, MasterKeyError> {
    if let Some(key) = read(file)? {
        return Ok(key);
    }
    if !may_make {
        return Err(MasterKeyError::Lost(file.to_owned()));
    }
    let failed = |cause| MasterKeyError::File { file: file.to_owned(), cause };
    let key = Secret::random()?;
    match write_new(file, &key) {
        Ok(()) => Ok(key),
        // Another replica was first.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            read(file)?.ok_or_else(|| MasterKeyError::Lost(file.to_owned()))
        }
        Err(cause) => Err(failed(cause)),
    }
}

fn read(file: &Path) -> Result<Option<Secret>, MasterKeyError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(MasterKeyError::File { file: file.to_owned(), cause }),
    };
    let malformed = || MasterKeyError::Malformed(file.to_owned());
    let bytes = of_hex(text.trim()).ok_or_else(malformed)?;
    Secret::of(&bytes).map(Some).map_err(|_| malformed())
}

/// Writes beside the place and links, so that nobody reads half a key.
fn write_new(file: &Path, key: &Secret) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let draft = file.with_extension(format!("draft-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(&draft)?;
    let text = zeroize::Zeroizing::new(florin_store::rows::hex(key.bytes()));
    opened.write_all(text.as_bytes())?;
    opened.write_all(b"\n")?;
    opened.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    linked
}

fn of_hex(text: &str) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    if text.len() != 2 * super::cipher::KEY_LENGTH || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    let bytes: Option<Vec<u8>> =
        pairs.map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
    bytes.map(zeroize::Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_key_for_its_owner_alone_and_reads_it_back() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let config =
            Config { master_key_file: folder.path().join("deep/master.key"), ..Config::default() };
        assert!(matches!(MasterKeys::load(&config, false), Err(MasterKeyError::Lost(_))));
        let made = MasterKeys::load(&config, true).unwrap();
        let again = MasterKeys::load(&config, false).unwrap();
        assert_eq!(made.present().1.bytes(), again.present().1.bytes());
        let mode = fs::metadata(&config.master_key_file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&config.master_key_file, "short").unwrap();
        assert!(matches!(MasterKeys::load(&config, true), Err(MasterKeyError::Malformed(_))));
    }
}
