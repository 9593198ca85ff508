//! The tables of the history.

pub mod generations;
pub mod read;
pub mod write;
