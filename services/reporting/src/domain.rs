//! What the history is made of, without any I/O.

pub mod entry;
pub mod fold;
pub mod search;

pub use entry::{Direction, Entry};
pub use search::{Cursor, Scope, Search};
