//! PostgreSQL's server programs: the newest installed set, else Debian's package.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{install_by_apt, path_folders, version};

const AT_LEAST: u32 = 15;

/// Where packages put a version's programs: a folder a version, with `bin` inside.
const VERSIONED: [&str; 4] =
    ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];

const INSTALL: &str = "PostgreSQL 15 or later is missing (initdb and postgres in one folder); \
    install it (Debian: apt-get install postgresql, macOS: brew install postgresql@17) \
    or put its bin folder on PATH";

/// The bin folder that has `initdb` and `postgres` of the newest version, and that version.
pub fn find() -> Result<(PathBuf, u32)> {
    if let Some(found) = newest() {
        return Ok(found);
    }
    install_by_apt("postgresql").context(INSTALL)?;
    newest().context(INSTALL)
}

fn newest() -> Option<(PathBuf, u32)> {
    let versioned = VERSIONED.iter().filter_map(|parent| fs::read_dir(parent).ok());
    let versioned = versioned.flatten().flatten().map(|entry| entry.path().join("bin"));
    path_folders()
        .into_iter()
        .chain(versioned)
        .filter_map(|folder| coherent(&folder))
        .filter_map(|folder| Some((version(&folder.join("postgres")).ok()?.0, folder)))
        .filter(|(major, _)| *major >= AT_LEAST)
        .max()
        .map(|(major, folder)| (folder, major))
}

/// PATH may hold links to single programs: follow `initdb` home, and want `postgres` beside it.
fn coherent(folder: &Path) -> Option<PathBuf> {
    let initdb = folder.join("initdb").canonicalize().ok()?;
    let home = initdb.parent()?.to_path_buf();
    home.join("postgres").is_file().then_some(home)
}

#[cfg(test)]
mod tests {
    use super::coherent;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn follows_a_link_to_the_folder_that_has_both_programs() {
        let scratch = tempfile::tempdir().unwrap();
        let (links, home) = (scratch.path().join("links"), scratch.path().join("home"));
        fs::create_dir_all(&links).unwrap();
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("initdb"), "").unwrap();
        symlink(home.join("initdb"), links.join("initdb")).unwrap();
        assert_eq!(coherent(&links), None, "initdb alone is no server");
        fs::write(home.join("postgres"), "").unwrap();
        assert_eq!(coherent(&links), Some(home.canonicalize().unwrap()));
    }
}
