//! What the network decides, and what it says.

mod network;
mod recalls;
mod returns;
