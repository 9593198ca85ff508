//! Proposes that a closed period be opened again: the first of two persons.

use florin_kernel::{ApprovalId, Date};
use florin_proto::account::v1::{ProposeReopeningRequest, ProposeReopeningResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{
    Tx,
    approval::{self, Proposal},
    id_parts,
};
use prost::Message as _;
use tonic::{Response, Status};

use super::ledger::{self, Ledger};
use crate::{domain::posting::Books, grpc::convert, store::chart, wire};

/// The command of these proposals.
pub(super) const REOPEN: &str = "florin.account.v1.ReopenPeriod";
/// How long a proposal waits for the second person: seven days, in microseconds.
const WAITS_MICROS: i64 = 7 * 86_400 * 1_000_000;

impl Ledger {
    /// Proposes it, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `NO_PERSON`, `PERIOD_CHANGED`.
    pub async fn propose_reopening(
        &self,
        ctx: &CallContext,
        request: ProposeReopeningRequest,
    ) -> Result<Response<ProposeReopeningResponse>, Status> {
        let (closed, _) = convert::reopening(&request)?;
        let maker = person(ctx)?;
        let (millis, random) = id_parts();
        let id = ApprovalId::from_parts(millis, random);
        once(&self.db, ctx, &request, async |tx: Tx| {
            let books = chart::books_shared(&tx).await?;
            unchanged(books, closed)?;
            let proposal = Proposal {
                id,
                command: REOPEN.to_owned(),
                payload: request.encode_to_vec(),
                maker: maker.clone(),
                expires_at: tx.now().await?.plus_micros(WAITS_MICROS),
            };
            let approval = approval::propose(&tx, &proposal).await?;
            chart::propose_reopening(&tx, &id).await?;
            ledger::record_audit(&tx, ctx, &id.to_string()).await?;
            let reopening = Some(wire::reopening(&approval)?);
            Ok::<_, Failure>(ProposeReopeningResponse { reopening })
        })
        .await
    }
}

/// The person who asks.
///
/// # Errors
/// `NO_PERSON` for a program.
pub(super) fn person(ctx: &CallContext) -> Result<florin_kernel::Person, Error> {
    let none = || Error::new(Reason::NoPerson, "this takes two persons, and a program asks");
    ctx.principal.person().ok_or_else(none)
}

/// Whether the closed period still ends on the day that the proposal is about.
///
/// # Errors
/// `PERIOD_CHANGED`.
pub(super) fn unchanged(books: Books, closed: Date) -> Result<(), Error> {
    if books.closed_through == Some(closed) {
        return Ok(());
    }
    let now = books.closed_through.map(|date| date.to_string()).unwrap_or_default();
    let text = format!("the closed period does not end on {closed}");
    Err(Error::new(Reason::PeriodChanged, text).with("closed_through", now))
}
