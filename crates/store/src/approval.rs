//! Commands that need two persons: one proposes, another approves, never the same. Anybody
//! who may decide can reject, the first one too, who so withdraws it.

use aws_lc_rs::digest;
use florin_kernel::{ApprovalId, Person, UnixMicros};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::{StoreError, Tx, sql};

const COLUMNS: &str = "id, command, payload, payload_hash, maker, checker, state, proposed_at, \
                       expires_at, decided_at";

/// A command for somebody else to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its id, minted by the caller.
    pub id: ApprovalId,
    /// What kind of command, such as the RPC that made it.
    pub command: String,
    /// The encoded command.
    pub payload: Vec<u8>,
    /// Who proposes.
    pub maker: Person,
    /// From when on nobody can approve it; it does not wait any more, and can be rejected.
    pub expires_at: UnixMicros,
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for the second person.
    Proposed,
    /// The second person agreed; the command was carried out in the same transaction.
    Approved,
    /// The second person refused, or the maker withdrew it.
    Rejected,
}

/// A stored proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What was proposed.
    pub proposal: Proposal,
    /// SHA-256 of the payload, checked on each read.
    pub payload_hash: [u8; 32],
    /// Who decided.
    pub checker: Option<Person>,
    /// Where it stands.
    pub state: State,
    /// When it was proposed.
    pub proposed_at: UnixMicros,
    /// When it was decided.
    pub decided_at: Option<UnixMicros>,
}

/// What the second person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Do it.
    Approve,
    /// Do not.
    Reject,
}

/// What became of a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It holds; after `Approve` the caller carries the command out in this transaction.
    Decided(Approval),
    /// There is no such proposal.
    NotFound,
    /// The maker wanted to approve it.
    OwnProposal,
    /// It has expired and cannot be approved.
    Expired,
    /// Somebody decided before.
    AlreadyDecided(Approval),
}

/// Stores a proposal.
///
/// # Errors
/// `Conflict` if the id exists.
pub async fn propose(tx: &Tx, proposal: &Proposal) -> Result<Approval, StoreError> {
    let now = tx.now().await?;
    let payload_hash = hash(&proposal.payload)?;
    let insert = "INSERT INTO approvals (id, command, payload, payload_hash, maker, state, \
                  proposed_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = [
        proposal.id.to_string().into(),
        proposal.command.as_str().into(),
        proposal.payload.clone().into(),
        payload_hash.to_vec().into(),
        proposal.maker.as_str().into(),
        name(State::Proposed).into(),
        now.0.into(),
        proposal.expires_at.0.into(),
    ];
    sql::execute(tx, insert, values).await?;
    Ok(Approval {
        proposal: proposal.clone(),
        payload_hash,
        checker: None,
        state: State::Proposed,
        proposed_at: now,
        decided_at: None,
    })
}

/// Decides a proposal under its lock.
///
/// # Errors
/// `Corrupt` if the stored payload is not what was proposed.
pub async fn decide(
    tx: &Tx,
    id: &ApprovalId,
    checker: &Person,
    verdict: Verdict,
) -> Result<Decision, StoreError> {
    let Some(mut approval) = find(tx, id, tx.engine().for_update()).await? else {
        return Ok(Decision::NotFound);
    };
    let now = tx.now().await?;
    match approval.state {
        State::Approved | State::Rejected => return Ok(Decision::AlreadyDecided(approval)),
        State::Proposed => {}
    }
    approval.state = match verdict {
        Verdict::Approve if approval.proposal.maker == *checker => {
            return Ok(Decision::OwnProposal);
        }
        Verdict::Approve if approval.proposal.expires_at <= now => return Ok(Decision::Expired),
        Verdict::Approve => State::Approved,
        Verdict::Reject => State::Rejected,
    };
    approval.checker = Some(checker.clone());
    approval.decided_at = Some(now);
    let update = "UPDATE approvals SET state = $2, checker = $3, decided_at = $4 WHERE id = $1";
    let values =
        [id.to_string().into(), name(approval.state).into(), checker.as_str().into(), now.0.into()];
    sql::execute(tx, update, values).await?;
    Ok(Decision::Decided(approval))
}

/// Reads a proposal.
///
/// # Errors
/// `Corrupt` if the stored payload is not what was proposed.
pub async fn get(
    connection: &impl ConnectionTrait,
    id: &ApprovalId,
) -> Result<Option<Approval>, StoreError> {
    find(connection, id, "").await
}

/// A page of the proposals that wait for a second person at this moment, by id from the one
/// after `after` on; those that have expired by then do not.
///
/// # Errors
/// `Corrupt` if a stored payload is not what was proposed.
pub async fn waiting(
    connection: &impl ConnectionTrait,
    now: UnixMicros,
    after: Option<&ApprovalId>,
    limit: u32,
) -> Result<Vec<Approval>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM approvals WHERE state = $1 AND id > $2 AND expires_at > $3 \
         ORDER BY id LIMIT $4"
    );
    let after = after.map_or_else(String::new, ToString::to_string);
    let values =
        [name(State::Proposed).into(), after.into(), now.0.into(), i64::from(limit).into()];
    sql::query_all(connection, query, values).await?.iter().map(approval_of).collect()
}

async fn find(
    connection: &impl ConnectionTrait,
    id: &ApprovalId,
    lock: &str,
) -> Result<Option<Approval>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM approvals WHERE id = $1{lock}");
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(approval_of).transpose()
}

fn approval_of(row: &QueryResult) -> Result<Approval, StoreError> {
    let id: String = row.try_get("", "id")?;
    let id = ApprovalId::parse(&id)
        .map_err(|error| StoreError::Corrupt(format!("approval {id}: {error}")))?;
    let payload: Vec<u8> = row.try_get("", "payload")?;
    let payload_hash = hash(&payload)?;
    let stored_hash: Vec<u8> = row.try_get("", "payload_hash")?;
    if stored_hash != payload_hash {
        return Err(StoreError::Corrupt(format!("approval {id}: the payload was changed")));
    }
    let state: String = row.try_get("", "state")?;
    let state = [State::Proposed, State::Approved, State::Rejected]
        .into_iter()
        .find(|known| name(*known) == state)
        .ok_or_else(|| StoreError::Corrupt(format!("approval {id}: state {state}")))?;
    Ok(Approval {
        proposal: Proposal {
            id,
            command: row.try_get("", "command")?,
            payload,
            maker: Person::restore(row.try_get("", "maker")?),
            expires_at: UnixMicros(row.try_get("", "expires_at")?),
        },
        payload_hash,
        checker: row.try_get::<Option<String>>("", "checker")?.map(Person::restore),
        state,
        proposed_at: UnixMicros(row.try_get("", "proposed_at")?),
        decided_at: row.try_get::<Option<i64>>("", "decided_at")?.map(UnixMicros),
    })
}

const fn name(state: State) -> &'static str {
    match state {
        State::Proposed => "proposed",
        State::Approved => "approved",
        State::Rejected => "rejected",
    }
}

fn hash(payload: &[u8]) -> Result<[u8; 32], StoreError> {
    let hash = digest::digest(&digest::SHA256, payload);
    hash.as_ref().try_into().map_err(|_| StoreError::Corrupt("SHA-256 of another length".into()))
}
