//! What loans come to, against data from outside.

mod schedules;

use std::path::{Path, PathBuf};

/// A folder of the data that lies beside the repository; says so and gives None where it is
/// absent.
fn shared_data(folder: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = here.ancestors().nth(2).unwrap_or(here);
    let found = repository.join("../shared/data").join(folder);
    if found.is_dir() {
        return Some(found);
    }
    println!("skipped: the folder shared/data/{folder} is not beside the repository");
    None
}
