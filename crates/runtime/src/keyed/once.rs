//! A keyed use case in one transaction: look-up, claim, effect and stored answer.

use florin_rpc::{CallContext, Error};
use florin_store::{
    Database, StoreError, Tx,
    idempotency::{self, Answer, Key, Lookup},
};
use prost::Message;
use tonic::{Response, Status};

use super::{Ended, answer_of, in_flight::joined, key_of};
use crate::{Failure, internal};

/// How stored answers are written. A service whose answers carry personal data gives a seal
/// of its own; [`Clear`] is for all others.
pub trait AnswerSeal: Sync {
    /// What is stored of the answer to a key.
    ///
    /// # Errors
    /// An internal error; then nothing is stored and the effect is rolled back.
    fn seal(&self, key: &Key, answer: Answer) -> Result<Answer, Error>;

    /// The answer again.
    ///
    /// # Errors
    /// An internal error where the stored bytes are not what was sealed under that key.
    fn open(&self, key: &Key, stored: Answer) -> Result<Answer, Error>;
}

/// Answers are stored as they are.
#[derive(Debug, Clone, Copy)]
pub struct Clear;

impl AnswerSeal for Clear {
    fn seal(&self, _: &Key, answer: Answer) -> Result<Answer, Error> {
        Ok(answer)
    }

    fn open(&self, _: &Key, stored: Answer) -> Result<Answer, Error> {
        Ok(stored)
    }
}

/// Runs a use case once per idempotency key. `work` is called in a write transaction that
/// holds the key, and again where the engine asks for another run, so it has no effect
/// outside the transaction. What it refuses is undone whole; the refusal is stored where the
/// domain decided it.
///
/// # Errors
/// The refusal, or what the mesh says of the key or the database.
pub async fn once<Req, Res, W, Fut>(
    db: &Database,
    ctx: &CallContext,
    request: &Req,
    work: W,
) -> Result<Response<Res>, Status>
where
    Req: Message,
    Res: Message + Default + Send,
    W: Fn(Tx) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Res, Failure>> + Send,
{
    let key = key_of(ctx, request)?;
    once_sealed(db, ctx, &key, &Clear, work).await
}

/// As [`once`], with the key made by the caller (for a fingerprint of another kind) and the
/// stored answer sealed.
///
/// # Errors
/// As [`once`].
pub async fn once_sealed<Res, W, Fut>(
    db: &Database,
    ctx: &CallContext,
    key: &Key,
    seal: &dyn AnswerSeal,
    work: W,
) -> Result<Response<Res>, Status>
where
    Res: Message + Default + Send,
    W: Fn(Tx) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Res, Failure>> + Send,
{
    joined(db, ctx, key, || execute(db, key, seal, work)).await
}

async fn execute<Res, W, Fut>(db: &Database, key: &Key, seal: &dyn AnswerSeal, work: W) -> Ended
where
    Res: Message + Send,
    W: Fn(Tx) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Res, Failure>> + Send,
{
    // A replay does not need the writer.
    match idempotency::look_up(db.read(), key).await {
        Ok(Lookup::New) => {}
        Ok(Lookup::Replay(stored)) => return replayed(seal, key, stored),
        Ok(Lookup::OtherPayload) => return Ended::OtherPayload,
        Err(error) => return Ended::Failed(internal(error)),
    }
    let written = db.write(|tx| in_transaction(tx, key, seal, &work)).await;
    written.unwrap_or_else(|undecided| Ended::Failed(undecided.into()))
}

fn replayed(seal: &dyn AnswerSeal, key: &Key, stored: Answer) -> Ended {
    seal.open(key, stored).map_or_else(Ended::Failed, Ended::Replayed)
}

/// An `Err` rolls all back; a decided refusal is no `Err` here.
async fn in_transaction<Res, W, Fut>(
    tx: Tx,
    key: &Key,
    seal: &dyn AnswerSeal,
    work: &W,
) -> Result<Ended, Undecided>
where
    Res: Message + Send,
    W: Fn(Tx) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Res, Failure>> + Send,
{
    match idempotency::claim(&tx, key).await {
        Ok(Lookup::New) => {}
        Ok(Lookup::Replay(stored)) => return Ok(replayed(seal, key, stored)),
        Ok(Lookup::OtherPayload) => return Ok(Ended::OtherPayload),
        Err(StoreError::KeyInUse) => return Err(Undecided::KeyInUse),
        Err(error) => return Err(error.into()),
    }
    // The savepoint undoes a refused effect and leaves the claimed key.
    let outcome = match tx.savepoint(work).await {
        Ok(done) => Ok(done),
        Err(Failure::Refused(error)) if error.kind().is_decided() => Err(error),
        Err(failure) => return Err(Undecided::Failed(failure)),
    };
    let Some(answer) = answer_of(&outcome) else {
        return Err(StoreError::Corrupt("a decided outcome without answer".into()).into());
    };
    let sealed = seal.seal(key, answer.clone()).map_err(Failure::Refused)?;
    idempotency::store(&tx, key, &sealed).await?;
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

impl From<Failure> for Undecided {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Undecided> for Error {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::KeyInUse => super::in_use(),
            Undecided::Failed(failure) => failure.into(),
        }
    }
}
