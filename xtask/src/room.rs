//! How much room the disks have: a run that fills one fails in a hundred ways, none of which
//! says why.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

/// What a run from a clean clone wrote where this was measured, rounded up: target folder and
/// the data of the servers.
const NEEDED_GIB: u64 = 16;
const KIB_PER_GIB: u64 = 1024 * 1024;

/// Tells the room of the disk with the target folder and of that with temporary files.
pub fn tell() -> Result<()> {
    for (what, folder) in [("build", crate::root()?), ("temporary", std::env::temp_dir())] {
        let free = free_gib(&folder)?;
        println!("        {what:<15} {free} GiB free");
        if free < NEEDED_GIB {
            println!("  LITTLE ROOM  a run from a clean clone takes up to {NEEDED_GIB} GiB");
        }
    }
    Ok(())
}

fn free_gib(folder: &Path) -> Result<u64> {
    let told = Command::new("df").arg("-Pk").arg(folder).output().context("df does not run")?;
    available(&String::from_utf8_lossy(&told.stdout)).context("df tells no room")
}

/// The fourth column of the second line, by POSIX, in KiB.
fn available(told: &str) -> Option<u64> {
    let kib: u64 = told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib / KIB_PER_GIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_read_from_what_df_tells() {
        let told = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                    /dev/vda 264239072 51000000 43000000 55% /\n";
        assert_eq!(available(told), Some(41));
        assert_eq!(available("df: /nowhere: No such file or directory\n"), None);
    }
}
