//! Proposes how a payment between banks ends that nobody can learn the outcome of, or what
//! becomes of money in suspense: the first of two persons.

use florin_kernel::{ApprovalId, Money, Person, TransferId, Violations};
use florin_proto::payment::v1::{
    ClearingStage, ProposeRepairRequest, ProposeRepairResponse, Reason,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{
    StoreError, Tx,
    approval::{self, Proposal},
    audit, id_parts,
};
use prost::Message as _;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    domain::{Ailing, Remedy, RepairStage, Stage},
    grpc::convert::RepairDraft,
    store::{
        self, Incoming, Outgoing, Unread,
        repairs::{self, Repair},
    },
    wire::{stage_in, stage_out, wire_repair},
};

/// The command of these proposals.
pub(super) const REPAIR: &str = "florin.payment.v1.Repair";
/// How long a proposal waits for the second person: seven days, in microseconds.
const WAITS_MICROS: i64 = 7 * 86_400 * 1_000_000;

impl Payment {
    /// Proposes it, under the caller's key and the lock of what it is of. Nothing moves.
    ///
    /// # Errors
    /// Every violated field; `CLEARING_NOT_FOUND`, `NOT_REPAIRABLE`, `REPAIR_PROPOSED`,
    /// `NO_PERSON`, `CLEARING_NOT_CONNECTED`.
    pub async fn propose_repair(
        &self,
        ctx: &CallContext,
        request: ProposeRepairRequest,
    ) -> Result<Response<ProposeRepairResponse>, Status> {
        let draft = RepairDraft::try_from(&request).map_err(Error::invalid)?;
        let maker = person(ctx)?;
        let config = &self.connected()?.config;
        if let Remedy::BookOut(code) = &draft.remedy
            && [&config.nostro_gl_code, &config.suspense_gl_code].contains(&code)
        {
            let mut violations = Violations::new();
            let text = "must not be one of the GL accounts of the clearing";
            violations.add("gl_code", "UNKNOWN_VALUE", text);
            return Err(Error::invalid(violations).into());
        }
        let (millis, random) = id_parts();
        let id = ApprovalId::from_parts(millis, random);
        once(&self.db, ctx, &request, async |tx: Tx| {
            let repair = propose(&tx, &draft, id, &maker).await?;
            let what = format!("{id} of {}/proposed", repair.subject);
            record_audit(&tx, ctx, &what, &draft.request.reason).await?;
            let told = repairs::find(&tx, id).await?.ok_or_else(|| gone(id))?;
            let repair = Some(wire_repair(&told)?);
            Ok::<_, Failure>(ProposeRepairResponse { repair })
        })
        .await
    }
}

async fn propose(
    tx: &Tx,
    draft: &RepairDraft,
    id: ApprovalId,
    maker: &Person,
) -> Result<Repair, Failure> {
    let waiting = Waiting::locked(tx, &draft.subject).await?;
    let waiting = waiting.ok_or_else(|| {
        Error::new(Reason::ClearingNotFound, "nothing of this name goes out, came in or waits")
    })?;
    waiting.must_take(&draft.remedy)?;
    let now = tx.now().await?;
    if let Some(open) = repairs::open_of(tx, &draft.subject).await? {
        if open.repair.stage != RepairStage::Proposed || open.expires_at > now {
            let other = open.repair.id.to_string();
            let text = format!("{} has another repair that is open", draft.subject);
            return Err(Error::new(Reason::RepairProposed, text).with("approval_id", other).into());
        }
        repairs::lapse(tx, &draft.subject, "nobody decided in time", now).await?;
    }
    let proposal = Proposal {
        id,
        command: REPAIR.to_owned(),
        payload: draft.request.encode_to_vec(),
        maker: maker.clone(),
        expires_at: now.plus_micros(WAITS_MICROS),
    };
    approval::propose(tx, &proposal).await?;
    let repair = Repair {
        id,
        subject: draft.subject.clone(),
        transfer: waiting.transfer(),
        action: draft.remedy.code(),
        amount: waiting.amount(),
        stage: RepairStage::Proposed,
        outcome: None,
        changed_at: now,
        due_at: None,
        lease_token: None,
        attempts: 0,
    };
    repairs::open(tx, &repair).await?;
    Ok(repair)
}

/// What a repair is of, locked.
pub(super) enum Waiting {
    /// On its way out.
    Out(Outgoing),
    /// Come in; and whether the network has contradicted itself about a return of it.
    In(Incoming, bool),
    /// A message that could not be taken.
    Unread(Unread),
}

impl Waiting {
    /// Locks it; None where there is nothing of the name.
    pub(super) async fn locked(tx: &Tx, id: &str) -> Result<Option<Self>, StoreError> {
        if let Some(out) = store::lock_outgoing(tx, id).await? {
            return Ok(Some(Self::Out(out)));
        }
        if let Some(came) = store::lock_incoming(tx, id).await? {
            let is_doubtful = store::is_return_contradicted(tx, &came.id).await?;
            return Ok(Some(Self::In(came, is_doubtful)));
        }
        Ok(store::lock_unread(tx, id).await?.map(Self::Unread))
    }

    /// Refuses what does not end so.
    ///
    /// # Errors
    /// `NOT_REPAIRABLE`.
    pub(super) fn must_take(&self, remedy: &Remedy) -> Result<(), Error> {
        let ailing = match self {
            // The bytes have never left: only that it has not settled is certain.
            Self::Out(out)
                if *remedy == Remedy::Settle
                    && out.stage == Stage::Submitting
                    && out.sends == 0 =>
            {
                return Err(self.not_repairable());
            }
            Self::Out(out) if out.goes_back().is_some() => {
                Ailing::Back(out.stage, out.contradiction.is_some())
            }
            Self::Out(out) => Ailing::Out(out.stage, out.contradiction.is_some()),
            // Whether the money has left with a return is decided first, by that return.
            Self::In(came, is_doubtful) => {
                Ailing::In(came.stage, came.is_return, came.repair.is_some() || *is_doubtful)
            }
            Self::Unread(unread) => Ailing::Unread(unread.repair.is_some()),
        };
        if ailing.takes(remedy) {
            return Ok(());
        }
        Err(self.not_repairable())
    }

    pub(super) fn not_repairable(&self) -> Error {
        let status = match self {
            Self::Out(out) => stage_out(out.stage),
            Self::In(came, _) => stage_in(came.stage),
            Self::Unread(unread) if unread.repair.is_some() => ClearingStage::Done,
            Self::Unread(_) => ClearingStage::Kept,
        };
        let status = status.as_str_name();
        let text = format!("it is {status}, which people do not end so");
        Error::new(Reason::NotRepairable, text).with("status", status)
    }

    const fn transfer(&self) -> Option<TransferId> {
        match self {
            Self::Out(out) => out.transfer(),
            Self::In(came, _) => came.transfer,
            Self::Unread(_) => None,
        }
    }

    const fn amount(&self) -> Option<Money> {
        match self {
            Self::Out(out) => Some(out.amount),
            Self::In(came, _) => Some(came.amount),
            Self::Unread(_) => None,
        }
    }
}

/// The person who asks.
///
/// # Errors
/// `NO_PERSON` for a program.
pub(super) fn person(ctx: &CallContext) -> Result<Person, Error> {
    let none = || Error::new(Reason::NoPerson, "this takes two persons, and a program asks");
    ctx.principal.person().ok_or_else(none)
}

/// Keeps who did it, and why.
pub(super) async fn record_audit(
    tx: &Tx,
    ctx: &CallContext,
    what: &str,
    why: &str,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        actor: ctx.principal.scope_key(),
        on_behalf_of: None,
        method: ctx.method.to_owned(),
        reference: format!("{what}: {why}"),
        at: tx.now().await?,
    };
    audit::record(tx, entry).await
}

pub(super) fn gone(id: ApprovalId) -> StoreError {
    StoreError::Corrupt(format!("repair {id} has no approval"))
}
