//! A keyed use case in one transaction: look-up, claim, effect and stored answer.

use florin_rpc::{CallContext, Error};
use florin_store::{
    Database, StoreError, Tx,
    idempotency::{self, Key, Lookup},
};
use prost::Message;
use tonic::{Response, Status};

use super::{Ended, answer_of, in_flight::joined, key_of};
use crate::{Failure, internal};

/// Runs a use case once per idempotency key. `work` is called in a write transaction that
/// holds the key, and again where the engine asks for another run, so it has no effect
/// outside the transaction. What it refuses is undone whole; the refusal is stored where the
/// domain decided it.
///
/// # Errors
/// The refusal, or what the mesh says of the key or the database.
pub async fn once<Req, Res, W>(
    db: &Database,
    ctx: &CallContext,
    request: &Req,
    work: W,
) -> Result<Response<Res>, Status>
where
    Req: Message,
    Res: Message + Default,
    W: AsyncFn(&Tx) -> Result<Res, Failure>,
{
    let key = key_of(ctx, request)?;
    once_keyed(db, ctx, &key, work).await
}

/// As [`once`], with a key made by the caller: for a fingerprint over something else than
/// the encoded request.
///
/// # Errors
/// As [`once`].
pub async fn once_keyed<Res, W>(
    db: &Database,
    ctx: &CallContext,
    key: &Key,
    work: W,
) -> Result<Response<Res>, Status>
where
    Res: Message + Default,
    W: AsyncFn(&Tx) -> Result<Res, Failure>,
{
    joined(db, ctx, key, || execute(db, key, work)).await
}

async fn execute<Res, W>(db: &Database, key: &Key, work: W) -> Ended
where
    Res: Message,
    W: AsyncFn(&Tx) -> Result<Res, Failure>,
{
    // A replay does not need the writer.
    match idempotency::look_up(db.read(), key).await {
        Ok(Lookup::New) => {}
        Ok(Lookup::Replay(answer)) => return Ended::Replayed(answer),
        Ok(Lookup::OtherPayload) => return Ended::OtherPayload,
        Err(error) => return Ended::Failed(internal(error)),
    }
    let written = db.write(async |tx: &Tx| in_transaction(tx, key, &work).await).await;
    written.unwrap_or_else(|failure| Ended::Failed(of_failure(failure)))
}

/// An `Err` rolls all back; a decided refusal is no `Err` here.
async fn in_transaction<Res, W>(tx: &Tx, key: &Key, work: &W) -> Result<Ended, Undecided>
where
    Res: Message,
    W: AsyncFn(&Tx) -> Result<Res, Failure>,
{
    match idempotency::claim(tx, key).await {
        Ok(Lookup::New) => {}
        Ok(Lookup::Replay(answer)) => return Ok(Ended::Replayed(answer)),
        Ok(Lookup::OtherPayload) => return Ok(Ended::OtherPayload),
        Err(StoreError::Locked) => return Err(Undecided::KeyInUse),
        Err(error) => return Err(Undecided::Failed(error.into())),
    }
    // The savepoint undoes a refused effect and leaves the claimed key.
    let outcome = match tx.savepoint(async |nested: &Tx| work(nested).await).await {
        Ok(done) => Ok(done),
        Err(Failure::Refused(error)) => Err(error),
        Err(failure @ Failure::Store(_)) => return Err(Undecided::Failed(failure)),
    };
    let Some(answer) = answer_of(&outcome) else {
        return Err(match outcome {
            Ok(_) => Undecided::Failed(StoreError::Corrupt("a success without answer".into()).into()),
            Err(error) => Undecided::Failed(error.into()),
        });
    };
    idempotency::store(tx, key, &answer).await.map_err(|error| Undecided::Failed(error.into()))?;
    Ok(Ended::Stored(answer))
}

/// Why nothing was stored.
enum Undecided {
    KeyInUse,
    Failed(Failure),
}

impl From<StoreError> for Undecided {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl florin_store::Retryable for Undecided {
    fn is_retryable(&self) -> bool {
        match self {
            Self::KeyInUse => false,
            Self::Failed(failure) => failure.is_retryable(),
        }
    }
}

fn of_failure(undecided: Undecided) -> Error {
    match undecided {
        Undecided::KeyInUse => super::in_use(),
        Undecided::Failed(failure) => failure.into(),
    }
}

