//! Who decides when neither score nor ledger has answered in time, and what a decline gives back.

use florin_kernel::{AuthorisationId, Date, UnixMicros};
use florin_proto::{ErrorReason as _, payment::v1::Reason};
use florin_store::{StoreError, Tx};

use super::decided;
use crate::{
    app::Payment,
    domain::{Decider, Decision, Failure, Given, Operation, give_back},
    store::{
        authorisations::{self, Card},
        limits,
        reservations::{self, Back},
    },
};

impl Payment {
    /// Decides in place of those who have not answered: approves while what it has approved of
    /// the account on the business date stays within its limit, else declines.
    pub(in crate::app) async fn stand_in(
        &self,
        tx: &Tx,
        (card, operation): (&mut Card, &mut Operation),
        date: Option<Date>,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let amount = operation.amount;
        // What a decline gives back is locked first: counters of limits come before that of the
        // stand-in, here and everywhere.
        let id = reservation_id(card.authorisation.id, operation.number);
        reservations::lock(tx, id, &operation.reserved).await?;
        let limit = self.cards.stand_in.get(&amount.currency());
        if let (Some(limit), Some(date)) = (limit, date) {
            let account = card.authorisation.account;
            let counter = format!("standin/{account}/{date}/{}", amount.currency());
            let mut usage = limits::lock_of_stand_in(tx, &counter).await?;
            let used = usage.values().next().copied().unwrap_or(0);
            if let Some(sum) = used.checked_add(amount.minor()).filter(|sum| *sum <= limit.minor())
            {
                usage.values_mut().for_each(|used| *used = sum);
                limits::write_used(tx, &usage).await?;
                operation.decide(Decision::Approved, Decider::StandIn, now);
                return decided(card, operation);
            }
        }
        let known = Reason::NotAnsweredInTime.known();
        let failure = Failure {
            reason: known.name.to_owned(),
            domain: known.domain.to_owned(),
            message: "neither score nor ledger answered in time".to_owned(),
            facts: [].into(),
        };
        self.decline(tx, (card, operation), failure, Decider::StandIn, now).await
    }

    /// Declines what may have been reserved.
    pub(in crate::app) async fn decline(
        &self,
        tx: &Tx,
        (card, operation): (&mut Card, &mut Operation),
        failure: Failure,
        by: Decider,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let all = operation.amount.minor();
        let back = give_back(std::slice::from_mut(operation), all);
        let back = back_of(card.authorisation.id, back);
        let short = reservations::give_back(tx, &back).await?;
        let meter = self.meter.clone();
        tx.on_commit(move || meter.short(short));
        operation.decline(failure, by, now);
        decided(card, operation)
    }

    /// The stand-in decides, where nobody has.
    pub(in crate::app) async fn stand_in_for(
        &self,
        id: AuthorisationId,
        number: i64,
    ) -> Result<(), StoreError> {
        let date = self.books.known();
        self.db
            .write(async |tx: Tx| {
                let Some(mut card) = authorisations::lock(&tx, id).await? else { return Ok(()) };
                let mut operation = authorisations::operation(&tx, id, number).await?;
                if operation.decision != Decision::Pending {
                    return Ok(());
                }
                let now = tx.now().await?;
                self.stand_in(&tx, (&mut card, &mut operation), date, now).await?;
                card.authorisation.changed_at = card.authorisation.changed_at.max(now);
                self.tell(&tx, &mut card, &operation).await?;
                authorisations::update_operations(&tx, &[operation]).await?;
                authorisations::update(&tx, &card).await
            })
            .await
    }
}

/// Under which id an operation counts against limits.
pub(super) fn reservation_id(id: AuthorisationId, number: i64) -> String {
    format!("{id}/{number}")
}

/// What operations of an authorisation give back to limits, by their numbers.
pub(in crate::app) fn back_of(id: AuthorisationId, given: Vec<Given>) -> Vec<Back> {
    let back = given.into_iter().map(|given| Back {
        id: reservation_id(id, given.number),
        amount: given.amount,
        reserved: given.reserved,
    });
    back.collect()
}
