//! The clearing network and the banks on its other side, for development and tests: never part
//! of production. It speaks ISO 20022 by HTTPS with the development authority's certificates and
//! does what its control API says; `docs/simulator.md` describes both.
//!
//! What the network decides is in [`Network`], which does no I/O and draws nothing: the same
//! calls give the same messages.

mod network;
mod serve;

pub use network::{
    Action, AskBack, Credit, Network, NetworkError, Outcome, Payment, RecallAction, RecallRule,
    Return, Rule, RuleOf, Unseen,
};
pub use serve::{CERTIFICATE, Simulator};
