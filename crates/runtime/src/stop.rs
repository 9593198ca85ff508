//! How a process ends.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// It was asked to stop and did.
pub const STOPPED: u8 = 0;
/// It could not start: settings, certificates, database, ports.
pub const NOT_STARTED: u8 = 1;
/// A task crashed (EX_SOFTWARE of sysexits.h).
pub const CRASHED: u8 = 70;

/// Why a process ends; the exit codes are documented in the README.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM, SIGINT, or the caller of the shutdown.
    Asked,
    /// A supervised task crashed; the text names it.
    Crashed(String),
}

impl Stop {
    /// 0 for a stop that was asked for, 70 for a crash.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Asked => ExitCode::from(STOPPED),
            Self::Crashed(_) => ExitCode::from(CRASHED),
        }
    }
}

/// Cancels the token at SIGTERM or SIGINT; a second one ends the wait for the drain.
pub(crate) async fn on_signals(
    shutdown: CancellationToken,
    hurry: CancellationToken,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    tokio::select! {
        name = next() => tracing::info!(signal = name, "asked to stop, draining"),
        () = shutdown.cancelled() => {}
    }
    shutdown.cancel();
    next().await;
    hurry.cancel();
    Ok(())
}
