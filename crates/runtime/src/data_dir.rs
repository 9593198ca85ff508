//! The folder in which `florin up` keeps a whole bank.

use std::{
    io,
    path::{Path, PathBuf},
};

use florin_kernel::Role;

/// The layout of a data folder: `certs/`, a SQLite file for each service, the master key of
/// `cif`, and `mesh.json` with the addresses of what runs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Opens a folder, creating it for its owner alone.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        Ok(Self(path.canonicalize()?))
    }

    /// The folder itself, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of the certificates.
    #[must_use]
    pub fn certs(&self) -> PathBuf {
        self.0.join("certs")
    }

    /// The SQLite file of a service.
    #[must_use]
    pub fn database(&self, role: Role) -> PathBuf {
        self.0.join(format!("{role}.db"))
    }

    /// The file with the key that wraps the keys of the customers' data.
    #[must_use]
    pub fn master_key(&self) -> PathBuf {
        self.0.join("cif-master.key")
    }

    /// The addresses of the running mesh; the ports stay the same at the next start where
    /// they are free.
    #[must_use]
    pub fn mesh(&self) -> PathBuf {
        self.0.join("mesh.json")
    }
}
