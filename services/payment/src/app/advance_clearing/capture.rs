//! What the network has settled is taken out of what was set aside.

use florin_kernel::TransferId;
use florin_proto::account::v1::TransactionRequest;
use florin_store::StoreError;

use super::{
    ClearingWorker, Found,
    ledger::{self, Booked, Told},
};
use crate::{
    domain::{Event, Posting, Stage, hold_reference, posting_reference, release_reference},
    store,
};

impl ClearingWorker {
    /// Takes what is set aside, against the nostro account. In every state of the account: what
    /// the network has settled is owed.
    pub(super) async fn take_held(&self, id: TransferId) -> Result<Found, StoreError> {
        let Some(record) = store::find(self.payment.db.read(), id).await? else {
            return Ok(Found::Stuck("its transfer is not there".to_owned()));
        };
        let posting = Posting::of(record.transfer.order());
        let request = TransactionRequest {
            captures: vec![ledger::whole(hold_reference(id))],
            ..ledger::request(posting_reference(id), &posting, &record)
        };
        let mut told = self.payment.post(request.clone()).await;
        // A replica of before the captures may have posted it, as a debit alone; and what was set
        // aside was given back before two persons found that it is settled: then it is owed.
        let is_over = |told: &Told<Booked>| matches!(told, Told::Refused(failure) if failure.reason == "HOLD_NOT_OPEN");
        if matches!(told, Told::Reused(_)) || is_over(&told) {
            let owed = TransactionRequest { captures: Vec::new(), owed: true, ..request };
            told = self.payment.post(owed).await;
        }
        Ok(match told {
            Told::Done(booked) if booked.has_captured(&hold_reference(id)) => {
                Found::On(Stage::Done, Some(Event::Posted(booked.transaction)), booked.events)
            }
            Told::Done(booked) => self.free(id, booked).await,
            // Never the end: the money has left this bank.
            Told::Refused(failure) => Found::Stuck(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        })
    }

    /// Gives back what is still set aside beside a debit that took nothing of it.
    async fn free(&self, id: TransferId, booked: Booked) -> Found {
        let on = |booked: Booked| {
            Found::On(Stage::Done, Some(Event::Posted(booked.transaction)), booked.events)
        };
        match self.release(id, &release_reference(id), &hold_reference(id)).await {
            Told::Done(()) => on(booked),
            // It is set aside no more: whoever ended it, the debit stands.
            Told::Refused(failure) if failure.reason == "HOLD_NOT_OPEN" => on(booked),
            Told::Refused(failure) => Found::Stuck(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }
}
