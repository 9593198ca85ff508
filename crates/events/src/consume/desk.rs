//! A consumer without its type: what applies events for a role in this process.

use std::sync::{Arc, OnceLock};

use florin_store::Tx;
use futures_util::future::BoxFuture;
use tracing::Span;

use super::{ConsumeError, Consumer};
use crate::{bus::bundle, event::Envelope};

static LINK: OnceLock<fn(&Span, &str)> = OnceLock::new();

pub(super) fn link_traces(link: fn(&Span, &str)) {
    // Only the first is kept; they are all the same.
    let _ = LINK.set(link);
}

trait Applying: Send + Sync {
    fn apply_all<'a>(
        &'a self,
        tx: &'a Tx,
        events: &'a [&'a Envelope],
    ) -> BoxFuture<'a, Result<(), ConsumeError>>;
}

struct Typed<C>(Arc<C>);

impl<C: Consumer> Applying for Typed<C> {
    fn apply_all<'a>(
        &'a self,
        tx: &'a Tx,
        events: &'a [&'a Envelope],
    ) -> BoxFuture<'a, Result<(), ConsumeError>> {
        Box::pin(self.0.apply_all(tx, events))
    }
}

/// Where a role's events are applied: by the loop, and by an operator's retry.
pub(crate) struct Desk {
    pub(crate) name: &'static str,
    pub(crate) sources: &'static [&'static str],
    consumer: Box<dyn Applying>,
}

impl Desk {
    pub(super) fn new<C: Consumer>(consumer: Arc<C>) -> Self {
        let sources = consumer.sources();
        Self { name: C::NAME, sources, consumer: Box::new(Typed(consumer)) }
    }

    pub(super) async fn apply_all(
        &self,
        tx: &Tx,
        events: &[&Envelope],
    ) -> Result<(), ConsumeError> {
        if let Some(defect) = events.iter().find_map(|event| event.defect.as_ref()) {
            return Err(ConsumeError::Refused(defect.clone()));
        }
        // A dead letter has lost its defect: a message that could not be read is no event.
        if events.iter().any(|event| bundle::is_kind(&event.kind)) {
            let text = "a bundle that could not be read: replay its events from their source";
            return Err(ConsumeError::Refused(text.to_owned()));
        }
        if events.is_empty() {
            return Ok(());
        }
        let spans: Vec<_> = events.iter().filter_map(|event| self.span(event)).collect();
        let applied = self.consumer.apply_all(tx, events).await;
        drop(spans);
        applied
    }

    /// A span for an event whose request was sampled, in that request's trace.
    fn span(&self, event: &Envelope) -> Option<Span> {
        let traceparent = event.traceparent.as_deref()?;
        if !traceparent.ends_with("-01") {
            return None;
        }
        let span = tracing::info_span!(
            "apply_event",
            reader = self.name,
            source = event.source,
            kind = event.kind,
            event_id = %event.id,
            aggregate = event.aggregate,
        );
        if let Some(link) = LINK.get() {
            link(&span, traceparent);
        }
        Some(span)
    }
}
