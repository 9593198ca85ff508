//! Pays out a loan or a tranche of it.

use florin_kernel::{Date, Money};
use florin_proto::{
    account::v1::{self as ledger, TransactionRequest, leg},
    common::v1::Direction,
    loan::v1::{DisburseLoanRequest, DisburseLoanResponse, Reason},
    wire_money,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use prost::Message as _;
use tonic::{Response, Status};

use super::{Lending, keep::record_audit, loaded::Loaded, refusals::told};
use crate::{
    domain::{
        event::Event,
        movement::{Movement, MovementKind, MovementState},
        posting::{Leg, Side, Target, disbursement},
    },
    grpc::convert::{asked_amount, loan_id},
    store::{
        loans,
        movements::{self, Stored},
    },
    wire::{step_of, wire_movement},
};

/// A movement that a use case has decided: what happens when it is posted, and what is posted.
pub(super) struct Decided {
    /// What.
    pub kind: MovementKind,
    /// What the legs debit in all.
    pub amount: Money,
    /// The business date by which it counts.
    pub on: Date,
    /// The step of the loan.
    pub event: Event,
    /// The journal transaction.
    pub legs: Vec<Leg>,
    /// Text for the customer's statement.
    pub description: String,
}

impl Lending {
    /// Decides a disbursement under the loan's lock; a worker moves the money.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `MOVEMENT_OPEN`,
    /// `AMOUNT_ABOVE_APPROVAL`, `NO_TRANCHE_LEFT`, `FIRST_DUE_PASSED`, `BACKDATED`,
    /// `NO_SCHEDULE`, `FEE_ABOVE_AMOUNT`.
    pub async fn disburse_loan(
        &self,
        ctx: &CallContext,
        request: DisburseLoanRequest,
    ) -> Result<Response<DisburseLoanResponse>, Status> {
        let id = loan_id(&request.loan_id).map_err(Error::invalid)?;
        let currency = self.seen(ctx, id).await?.currency;
        let asked = asked_amount(&request.amount, currency).map_err(Error::invalid)?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, id).await?;
            loaded.must_be_at_rest(&tx).await?;
            let left = loaded.record.approved.saturating_sub(loaded.record.disbursed);
            // Where nothing is left the least amount is above it.
            let decided = decide(&loaded, asked.unwrap_or(left.max(1)), today)?;
            let movement = self.open_movement(&tx, ctx, &mut loaded, decided).await?;
            record_audit(&tx, ctx, &loaded, &movement.reference).await?;
            Ok::<_, Failure>(DisburseLoanResponse { movement: Some(wire_movement(&movement)) })
        })
        .await
    }

    /// Opens a movement of a loan that is locked and at rest: the request of the ledger and the
    /// step are decided now and never again. Wakes a worker after the commit.
    pub(super) async fn open_movement(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        loaded: &mut Loaded,
        decided: Decided,
    ) -> Result<Movement, Failure> {
        let now = tx.now().await?;
        let record = &mut loaded.record;
        record.movements = record.movements.saturating_add(1);
        record.changed_at = record.changed_at.max(now);
        let movement = Movement {
            reference: decided.kind.reference(record.id, record.movements),
            loan: record.id,
            number: record.movements,
            kind: decided.kind,
            amount: decided.amount,
            on: decided.on,
            state: MovementState::Pending,
            failure: None,
            transaction: None,
            created_at: now,
            changed_at: now,
        };
        let request = TransactionRequest {
            reference: movement.reference.clone(),
            kind: decided.kind.journal_kind().to_owned(),
            legs: decided.legs.iter().map(wire_leg).collect(),
            description: decided.description,
            value_date: decided.on.to_string(),
            correlation: record.id.to_string(),
            initiator: Some(ctx.principal.to_initiator()),
            ..TransactionRequest::default()
        };
        let stored = Stored {
            request: request.encode_to_vec(),
            step: step_of(&decided.event, record.currency, decided.on).encode_to_vec(),
            traceparent: ctx.traceparent.clone(),
            due_at: Some(now),
            lease_token: None,
            attempts: 0,
            last_cause: None,
            movement: movement.clone(),
        };
        movements::open(tx, &[stored]).await?;
        loans::update(tx, std::slice::from_ref(record)).await?;
        let due = std::sync::Arc::clone(&self.due);
        tx.on_commit(move || due.notify_one());
        Ok(movement)
    }
}

fn decide(loaded: &Loaded, amount: i64, on: Date) -> Result<Decided, Error> {
    let record = &loaded.record;
    let number = record.movements.saturating_add(1);
    let reference = MovementKind::Disbursement.reference(record.id, number);
    let decided = loaded.loan.disburse(&reference, on, amount);
    let decided = decided.map_err(|refusal| told(record, refusal))?;
    let event = decided.into_iter().next();
    let event = event.ok_or_else(|| Error::internal("a reference was used before"))?;
    let upfront = loaded.loan.application().request.terms().fees.upfront.of(amount);
    let fee = upfront.ok_or_else(|| Error::new(Reason::NoSchedule, "the fee leaves the range"))?;
    let (amount, fee) = (record.money(amount), record.money(fee));
    let legs = disbursement(&loaded.version.conditions.gl, record.account, amount, fee);
    let legs = legs.map_err(|error| Error::new(Reason::FeeAboveAmount, error.to_string()))?;
    let description = loaded.version.product.name().to_owned();
    let kind = MovementKind::Disbursement;
    Ok(Decided { kind, amount, on, event, legs, description })
}

fn wire_leg(leg: &Leg) -> ledger::Leg {
    let target = match &leg.target {
        Target::Account(id) => leg::Target::AccountId(id.to_string()),
        Target::Gl(code) => leg::Target::GlCode(code.clone()),
    };
    let direction = match leg.side {
        Side::Debit => Direction::Debit,
        Side::Credit => Direction::Credit,
    };
    ledger::Leg {
        target: Some(target),
        direction: direction.into(),
        amount: Some(wire_money(leg.amount)),
        counterparty: String::new(),
    }
}
