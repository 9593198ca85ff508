//! What the ledger is asked for an operation, and what the answers mean.

use florin_proto::{
    account::v1::{Capture, PlaceHoldRequest, ReleaseHoldRequest, TransactionRequest},
    common::v1::Initiator,
    wire_money,
};
use florin_store::StoreError;
use prost::Message as _;

use super::{Found, is_over};
use crate::{
    app::{Payment, advance_clearing::ledger::Told, advance_transfers::wire_leg},
    domain::{
        Authorisation, Decision, Leg, Operation, OperationKind, Plan, Side, Target,
        card_hold_reference,
    },
};

/// For what the bank pays in place of the account, where its settings say that it does.
const FOR_WANT: [&str; 3] = ["INSUFFICIENT_FUNDS", "ACCOUNT_FROZEN", "ACCOUNT_CLOSED"];

impl Payment {
    /// The next step of an operation.
    pub(super) async fn ask_ledger(
        &self,
        one: &Authorisation,
        operation: &Operation,
    ) -> Result<Found, StoreError> {
        Ok(match (operation.kind, operation.decision) {
            (OperationKind::Authorise | OperationKind::Increment, Decision::Pending) => {
                let now = self.db.now().await?;
                if operation.answer_by.is_some_and(|by| by <= now) {
                    return Ok(Found::Late);
                }
                self.set_aside(one, operation).await
            }
            (OperationKind::Authorise | OperationKind::Increment, Decision::Approved) => {
                self.set_aside_afterwards(one, operation).await
            }
            (OperationKind::Authorise | OperationKind::Increment, Decision::Declined) => {
                self.undo(one, operation).await
            }
            (OperationKind::Capture, Decision::Pending) => self.capture(one, operation).await,
            (OperationKind::Reverse, Decision::Pending) => {
                let plan = one.plan_reversal(operation.amount.minor());
                self.release(one, operation, &plan).await
            }
            (OperationKind::Expire, Decision::Pending) => {
                let plan = one.plan_reversal(i64::MAX);
                self.release(one, operation, &plan).await
            }
            (
                OperationKind::Capture | OperationKind::Reverse | OperationKind::Expire,
                Decision::Approved | Decision::Declined,
            ) => Found::Stuck("it is decided and pending".to_owned()),
        })
    }

    async fn set_aside(&self, one: &Authorisation, operation: &Operation) -> Found {
        let seconds = operation.hold_seconds;
        let request = PlaceHoldRequest {
            reference: operation.hold_reference(),
            account_id: one.account.to_string(),
            amount: Some(wire_money(operation.amount)),
            correlation: one.id.to_string(),
            initiator: Initiator::decode(operation.initiator.as_slice()).ok(),
            expires_after: Some(prost_types::Duration { seconds, nanos: 0 }),
        };
        match self.place(request).await {
            Told::Done(()) => Found::Held,
            Told::Refused(failure) => Found::Refused(failure),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    /// What the stand-in has approved. Refused, it is approved and not held; the reference is
    /// voided first, since an earlier call may be on its way.
    async fn set_aside_afterwards(&self, one: &Authorisation, operation: &Operation) -> Found {
        let found = self.set_aside(one, operation).await;
        let Found::Refused(failure) = found else { return found };
        match self.void(&operation.hold_reference(), &failure.reason).await {
            Told::Done(()) => {
                let (authorisation, reason) = (one.id, failure.reason);
                tracing::warn!(%authorisation, reason, "approved by the stand-in, and not held");
                Found::NotHeld
            }
            // It was placed: the next attempt finds it.
            Told::Refused(failure) => Found::Wait(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    /// Sees to it that nothing is set aside for what was declined, whatever is on its way.
    async fn undo(&self, one: &Authorisation, operation: &Operation) -> Found {
        let cause = operation.failure.as_ref().map_or("DECLINED", |failure| &failure.reason);
        match self.void(&operation.hold_reference(), cause).await {
            Told::Done(()) => return Found::NotHeld,
            // It stands for a hold: the answer was lost, or came too late.
            Told::Refused(_) => {}
            Told::Unclear(cause) => return Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => return Found::Stuck(cause),
        }
        let request = ReleaseHoldRequest {
            reference: operation.undo_reference(),
            hold_reference: operation.hold_reference(),
            correlation: one.id.to_string(),
            amount: None,
        };
        match self.give_back(request).await {
            Told::Done(()) => Found::NotHeld,
            Told::Refused(failure) if is_over(&failure.reason) => Found::NotHeld,
            Told::Refused(failure) => Found::Stuck(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    async fn capture(&self, one: &Authorisation, operation: &Operation) -> Found {
        let plan = one.plan_capture(operation.amount.minor(), operation.last);
        let reference = operation.capture_reference();
        let failure = match self.post(self.posting(one, operation, &plan, reference, 0)).await {
            Told::Done(booked) if booked.captures() == plan.parts.len() => {
                let captured = Found::Captured(booked.transaction, 0);
                return self.then_release(one, operation, &plan, captured).await;
            }
            Told::Done(_) => {
                return Found::Stuck("the ledger has booked it beside the holds".to_owned());
            }
            Told::Refused(failure) => {
                match self.void(&operation.capture_reference(), &failure.reason).await {
                    Told::Done(()) => failure,
                    // An earlier call has booked it: the next one finds it.
                    Told::Refused(failure) => return Found::Wait(failure.message),
                    Told::Unclear(cause) => return Found::Wait(cause),
                    Told::Reused(cause) | Told::Stuck(cause) => return Found::Stuck(cause),
                }
            }
            Told::Unclear(cause) => return Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => return Found::Stuck(cause),
        };
        let bank_pays = one.shortfall_gl_code.is_some() && plan.beyond > 0;
        if bank_pays && FOR_WANT.contains(&failure.reason.as_str()) {
            return self.capture_short(one, operation, &plan).await;
        }
        Found::NotCaptured(failure)
    }

    /// Books what is held out of the account, and what is beyond it out of the bank's own.
    async fn capture_short(
        &self,
        one: &Authorisation,
        operation: &Operation,
        plan: &Plan,
    ) -> Found {
        let reference = operation.shortfall_reference();
        let posting = self.posting(one, operation, plan, reference.clone(), plan.beyond);
        match self.post(posting).await {
            Told::Done(booked) if booked.captures() == plan.parts.len() => {
                let captured = Found::Captured(booked.transaction, plan.beyond);
                self.then_release(one, operation, plan, captured).await
            }
            Told::Done(_) => Found::Stuck("the ledger has booked it beside the holds".to_owned()),
            Told::Refused(failure) if is_over(&failure.reason) => {
                match self.void(&reference, &failure.reason).await {
                    Told::Done(()) => Found::NotCaptured(failure),
                    Told::Refused(failure) => Found::Wait(failure.message),
                    Told::Unclear(cause) => Found::Wait(cause),
                    Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
                }
            }
            Told::Refused(failure) => Found::Stuck(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    /// Gives back the holds that the last capture leaves.
    async fn then_release(
        &self,
        one: &Authorisation,
        operation: &Operation,
        plan: &Plan,
        captured: Found,
    ) -> Found {
        let found = self.release(one, operation, plan).await;
        if matches!(found, Found::Released { .. }) { captured } else { found }
    }

    async fn release(&self, one: &Authorisation, operation: &Operation, plan: &Plan) -> Found {
        let mut by_time = false;
        for released in &plan.released {
            let request = ReleaseHoldRequest {
                reference: operation.release_reference(released.number),
                hold_reference: card_hold_reference(one.id, released.number),
                correlation: one.id.to_string(),
                amount: released.amount.map(|minor| wire_money(one.money(minor))),
            };
            match self.give_back(request).await {
                Told::Done(()) => {}
                Told::Refused(failure) if is_over(&failure.reason) => by_time = true,
                Told::Refused(failure) => return Found::Stuck(failure.message),
                Told::Unclear(cause) => return Found::Wait(cause),
                Told::Reused(cause) | Told::Stuck(cause) => return Found::Stuck(cause),
            }
        }
        Found::Released { by_time }
    }

    /// The journal transaction of a capture, of which the bank pays so much.
    fn posting(
        &self,
        one: &Authorisation,
        operation: &Operation,
        plan: &Plan,
        reference: String,
        shortfall: i64,
    ) -> TransactionRequest {
        let amount = operation.amount.minor();
        let leg = |target, side, minor, counterparty: &str| Leg {
            target,
            side,
            amount: one.money(minor),
            counterparty: counterparty.to_owned(),
        };
        let (account, merchant) = (one.account.to_string(), one.merchant.name.as_str());
        let own = amount.saturating_sub(shortfall);
        let mut legs = Vec::with_capacity(3);
        if own > 0 {
            legs.push(leg(Target::Account(one.account), Side::Debit, own, merchant));
        }
        if let Some(gl) = one.shortfall_gl_code.clone().filter(|_| shortfall > 0) {
            legs.push(leg(Target::Gl(gl), Side::Debit, shortfall, &account));
        }
        let settlement = Target::Gl(one.settlement_gl_code.clone());
        legs.push(leg(settlement, Side::Credit, amount, &account));
        let captures = plan.parts.iter().map(|part| Capture {
            hold_reference: card_hold_reference(one.id, part.number),
            amount: Some(wire_money(one.money(part.amount))),
            keep_rest: part.keep_rest,
        });
        TransactionRequest {
            reference,
            kind: "card_capture".to_owned(),
            legs: legs.iter().map(wire_leg).collect(),
            description: one.merchant.name.clone(),
            correlation: one.id.to_string(),
            initiator: Initiator::decode(operation.initiator.as_slice()).ok(),
            captures: captures.collect(),
            ..TransactionRequest::default()
        }
    }
}
