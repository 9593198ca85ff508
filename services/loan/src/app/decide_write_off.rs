//! Decides a proposed write-off: the second of two persons.

use florin_kernel::{ApprovalId, Person};
use florin_proto::loan::v1::{DecideWriteOffRequest, DecideWriteOffResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{
    Tx,
    approval::{self, Approval, Decision, Verdict},
};
use tonic::{Response, Status};

use super::{
    Lending,
    keep::{person, record_audit},
    loaded::Loaded,
    propose_write_off::{WRITE_OFF, proposed, wire_write_off},
    servicing::{self, Wanted},
};
use crate::{
    domain::{
        day::Moved,
        movement::{Movement, MovementKind},
        plan::PlanError,
        refusal::Refusal,
        servicing::{Other, legs},
    },
    grpc::convert::servicing::decision,
    store::positions::{self, Standing},
    wire::wire_movement,
};

impl Lending {
    /// Decides it under the loan's lock and the caller's key. What is approved is booked by a worker: what
    /// the loan has on its asset accounts becomes an expense. From the decision on it earns nothing.
    ///
    /// # Errors
    /// Every violated field; `WRITE_OFF_NOT_FOUND`, `WRITE_OFF_NOT_OPEN`, `SAME_PERSON`,
    /// `PERSON_REQUIRED`, `LOAN_STATE`, `MOVEMENT_OPEN`, `BACKDATED`, `NO_SCHEDULE`.
    pub async fn decide_write_off(
        &self,
        ctx: &CallContext,
        request: DecideWriteOffRequest,
    ) -> Result<Response<DecideWriteOffResponse>, Status> {
        let id = decision(&request).map_err(Error::invalid)?;
        let checker = person(ctx)?;
        let today = self.books.today(ctx).await?;
        let verdict = if request.approve { Verdict::Approve } else { Verdict::Reject };
        once(&self.db, ctx, &request, async |tx: Tx| {
            let found = approval::get(&tx, &id).await?;
            let found = found.filter(|one| one.proposal.command == WRITE_OFF);
            let found = found.ok_or_else(|| not_found(id))?;
            // The loan first, as everywhere.
            let (loan, _) = proposed(&found)?;
            let mut loaded = self.locked(&tx, ctx, loan).await?;
            let approval = decided(&tx, id, &checker, verdict).await?;
            let movement = match verdict {
                Verdict::Reject => None,
                Verdict::Approve => {
                    let persons = (found.proposal.maker.as_str(), checker.as_str());
                    Some(self.give_up(&tx, ctx, (&mut loaded, today), persons).await?)
                }
            };
            let what = if request.approve { "approved" } else { "rejected" };
            record_audit(&tx, ctx, &loaded, &format!("{id}/{what}")).await?;
            Ok::<_, Failure>(DecideWriteOffResponse {
                write_off: Some(wire_write_off(&approval)?),
                movement: movement.as_ref().map(wire_movement),
            })
        })
        .await
    }

    async fn give_up(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        (loaded, today): (&mut Loaded, florin_kernel::Date),
        (maker, checker): (&str, &str),
    ) -> Result<Movement, Failure> {
        loaded.must_be_at_rest(tx).await?;
        let kind = MovementKind::WriteOff;
        let reference = servicing::next_reference(loaded, kind);
        let on = loaded.loan.book().map_or(today, |book| today.max(book.through()));
        let decided = loaded.loan.write_off(&reference, on, maker, checker);
        let event = decided.map_err(|refusal| servicing::refused(loaded, refusal))?.pop();
        let event = event.ok_or_else(|| Error::internal(format!("{reference} was used")))?;
        let mut position = servicing::position_of(tx, loaded).await?;
        let out = || servicing::refused(loaded, Refusal::Plan(PlanError::OutOfRange));
        let book = loaded.loan.book().ok_or_else(out)?;
        let left = book.left(&position.earned).ok_or_else(out)?;
        let moved = Moved::default().since(&left).ok_or_else(out)?;
        let gl = &loaded.version.conditions.gl;
        let legs = legs(gl, loaded.record.currency, &moved, Other::WriteOff).ok_or_else(out)?;
        // What is booked with it must not become more meanwhile.
        position.standing = Standing::GivenUp;
        positions::update(tx, &[position]).await?;
        let wanted = Wanted { kind, event, legs, on };
        self.move_money(tx, ctx, loaded, wanted).await
    }
}

async fn decided(
    tx: &Tx,
    id: ApprovalId,
    checker: &Person,
    verdict: Verdict,
) -> Result<Approval, Failure> {
    let not_open =
        |text: &str| Error::new(Reason::WriteOffNotOpen, format!("write-off {id} {text}"));
    match approval::decide(tx, &id, checker, verdict).await? {
        Decision::Decided(approval) => Ok(approval),
        Decision::NotFound => Err(not_found(id).into()),
        Decision::OwnProposal => {
            let text = "another person than the one who proposed it approves a write-off";
            Err(Error::new(Reason::SamePerson, text).into())
        }
        Decision::Expired => Err(not_open("has expired").into()),
        Decision::AlreadyDecided(_) => Err(not_open("was decided before").into()),
    }
}

fn not_found(id: ApprovalId) -> Error {
    Error::new(Reason::WriteOffNotFound, format!("no write-off {id} was proposed"))
}
