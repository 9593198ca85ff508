//! Calls that several callers wait for.

use florin_proto::common::v1::Reason;

use super::Dependency;
use crate::{CallContext, Error};

impl Dependency {
    /// Waits for what a call brings that others wait for too, no longer than a call of this
    /// context's own.
    ///
    /// # Errors
    /// DEADLINE_EXCEEDED, as [`Dependency::call`].
    pub async fn wait<T>(
        &self,
        ctx: &CallContext,
        answer: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let late = |_| self.refuse(Reason::DeadlineExceeded, "deadline", "no answer in time");
        tokio::time::timeout_at(self.deadline(ctx).into(), answer).await.map_err(late)
    }
}
