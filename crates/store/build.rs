//! A new migration file recompiles the crate: `sqlx::migrate!` alone notices changes only
//! in files that it already read.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
