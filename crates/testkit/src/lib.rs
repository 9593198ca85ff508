//! What tests stand on: for one service a database of its own on each engine and principals
//! that call ([`place`]), and what the contract requires of a call ([`contract`]); for stories a whole bank as its users run it, from the real
//! executable, embedded or on PostgreSQL and JetStream, a REST client and certificates.
//!
//! A dev-dependency only. Everything listens on loopback and ends with the value that owns it.

use std::io::Write as _;

pub mod bank;
pub mod contract;
pub mod place;
pub mod rest;

pub use bank::Bank;
pub use place::{Place, places};
pub use rest::{Answer, Rest};

/// The clearing network of tests.
pub use florin_simulator as simulator;

/// Environment variable with the URL of a PostgreSQL server for tests.
pub const POSTGRES_URL: &str = "FLORIN_TEST_POSTGRES_URL";
/// Environment variable with the path of nats-server for tests.
pub const NATS_BIN: &str = "FLORIN_TEST_NATS_BIN";

/// A setting of the test run; `cargo xtask ci` sets them.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the test run speaks to tests by environment")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The root of the repository.
#[must_use]
pub fn repository() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A folder of the data that lies beside the repository; says so and gives None where it is
/// absent.
#[must_use]
pub fn shared_data(folder: &str) -> Option<std::path::PathBuf> {
    let found = repository().join("../shared/data").join(folder);
    if found.is_dir() {
        return Some(found);
    }
    skip(&format!("the folder shared/data/{folder} is not beside the repository"));
    None
}

/// Says that this test does not run and why: past the capture of its output, which would keep
/// it from whoever reads that it passed. `cargo xtask ci` counts it as skipped.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("without a name");
    // Where tests run one by one, the name of this one stands on the line already.
    let line = format!("\nskipped test {test}: {why}\n");
    drop(std::io::stdout().lock().write_all(line.as_bytes()));
}
