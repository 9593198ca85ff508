//! What every role runs in: settings, the process and its supervised tasks, logs and traces,
//! probes, readiness, the drain, and keyed use cases.
//!
//! ```text
//! Settings    florin.toml and the environment; each role's own section by Settings::section
//! Process     what the roles of one process share; Process::runtime opens a role's Runtime
//! serve_role  the server with health and operations, the relay, upkeep; all supervised
//! once        a use case once per idempotency key, in one transaction
//! ```
//!
//! Exit codes of a process: 0 it was asked to stop, 1 it could not start, 70 a task crashed.

mod bus;
mod certificates;
pub mod clock;
mod committers;
mod data_dir;
mod failure;
pub mod keyed;
mod operations;
pub mod probe;
mod process;
mod readiness;
mod serve;
pub mod settings;
mod stop;
mod supervise;
pub mod telemetry;
mod tokens;
mod upkeep;

pub use data_dir::DataDir;
pub use failure::{Failure, internal};
pub use keyed::once;
pub use process::{Process, Runtime};
pub use readiness::Readiness;
pub use serve::{Started, serve_role};
pub use settings::{Section, Settings, SettingsError};
pub use stop::{CRASHED, NOT_STARTED, STOPPED, Stop};
pub use supervise::Supervisor;
pub use upkeep::{MoreCertificates, watch_readiness};
