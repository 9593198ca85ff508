//! Events: facts that one service tells the others, at least once and in the order of each
//! aggregate's versions.
//!
//! ```text
//! Outbox    append() in the writer's transaction: the payload and a pending row
//! relay     pending rows -> bus; a row goes when every reader (or the broker) acknowledged
//! Bus       Embedded: straight from the outbox to the consumers of this process
//!           JetStream: a stream a source, a durable pull consumer a reader
//! consume   bus -> inbox + effect in one transaction; dead letters and parked keys
//! OpsServer dead letters, replay, pages of the outbox, by RPC
//! ```
//!
//! The outbox is the truth: the bus may lose or repeat what it likes. The inbox makes a
//! repetition a no-op.

mod backoff;
mod bus;
mod consume;
mod event;
pub mod inbox;
mod metrics;
mod ops;
mod outbox;
pub mod position;
mod relay;

pub use bus::{Bus, BusError, EmbeddedBus, JetStreamBus, NatsOptions};
pub use consume::{
    ConsumeError, Consumer, consume,
    dead_letters::{OpenLetters, open_letters},
    link_traces,
};
pub use event::{Cause, Envelope, EnvelopeError, NewEvent, PARTITIONS, partition_of};
pub use metrics::EventMetrics;
pub use ops::{DayWork, FOREIGN_TOKEN, OpsError, OpsServer, Progress, Rebuild};
pub use outbox::Outbox;
pub use relay::relay;
