//! Files of certificates and keys, replaced whole.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use super::CertsError;

/// Mode of what everybody may read.
pub const OPEN: u32 = 0o644;

/// Mode of a key.
pub const SECRET: u32 = 0o600;

/// Makes a folder and its parents.
pub fn create_dir(dir: &Path) -> Result<(), CertsError> {
    fs::create_dir_all(dir).map_err(|error| CertsError::File(dir.to_owned(), error))
}

/// Writes a file beside the place and moves it there, so that nobody reads half of it and
/// a key is never open to others, not even briefly.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CertsError> {
    let new = path.with_extension("new");
    let written = || {
        // A left-over of an interrupted run may have another mode.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let mut file = options.open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written().map_err(|error| CertsError::File(path.to_owned(), error))
}

/// The text of a file; None where there is none.
pub fn read(path: &Path) -> Result<Option<String>, CertsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CertsError::File(path.to_owned(), error)),
    }
}
