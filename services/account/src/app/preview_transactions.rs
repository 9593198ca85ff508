//! Tells what a posting would do, and posts nothing.

use florin_proto::account::v1::{
    PreviewResult, PreviewTransactionsRequest, PreviewTransactionsResponse,
    preview_result::Outcome as Told,
};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{
    answer,
    command::{Command, Outcome},
    ledger::{self, Ledger},
    post_transactions, rehearse,
};

impl Ledger {
    /// Tries transactions; one result an item, in order.
    ///
    /// # Errors
    /// INVALID_REQUEST for too many items or none, and what fails the call. An item's fault
    /// stands in its result.
    pub async fn preview_transactions(
        &self,
        ctx: &CallContext,
        request: PreviewTransactionsRequest,
    ) -> Result<Response<PreviewTransactionsResponse>, Status> {
        let commands = post_transactions::commands(ctx, &request.transactions)?;
        let mut parts = Vec::with_capacity(commands.len());
        let mut unread: Vec<Option<Error>> = Vec::with_capacity(commands.len());
        for command in commands {
            unread.push(command.map(|command| parts.push(command)).err());
        }
        let mut decided = self.rehearsed(ctx, parts).await?.into_iter();
        let results = request.transactions.iter().zip(unread).map(|(one, unread)| {
            let none = || Error::internal("the rehearsal gave no outcome");
            let end = match unread {
                Some(error) => Err(error),
                None => decided.next().ok_or_else(none),
            };
            PreviewResult { reference: one.reference.clone(), outcome: Some(told(&end)) }
        });
        Ok(Response::new(PreviewTransactionsResponse { results: results.collect() }))
    }

    /// Has commands decided and none of them booked; what would become of each.
    pub(super) async fn rehearsed(
        &self,
        ctx: &CallContext,
        parts: Vec<Command>,
    ) -> Result<Vec<Outcome>, Error> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = self.submit(vec![rehearse::command(parts)], ctx.deadline).await?;
        match outcomes.into_iter().next() {
            Some(Outcome::Rehearsed(outcomes)) => Ok(outcomes),
            Some(outcome) => {
                let defect = || Error::internal("the outcome is not that of a rehearsal");
                Err(ledger::refused(&outcome).unwrap_or_else(defect))
            }
            None => Err(Error::internal("the committer gave no outcome")),
        }
    }
}

fn told(end: &Result<Outcome, Error>) -> Told {
    let success = |outcome: &Outcome| {
        let preview = answer::wire_preview(outcome).map(Told::Preview);
        preview.or_else(|| answer::wire_posted(outcome).map(Told::Posted))
    };
    answer::item(end, success).unwrap_or_else(Told::Refused)
}
