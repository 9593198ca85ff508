//! Answers to idempotency keys carry the customer, so they are sealed too. They are deleted
//! with their keys, after some days.

use florin_rpc::{CallContext, Error};
use florin_runtime::keyed::{self, AnswerSeal};
use florin_store::idempotency::{Answer, Key};
use prost::Message;

use super::Vault;

impl Vault {
    /// The idempotency key of a call, its fingerprint keyed: a plain hash of a name and a
    /// birth date could be guessed.
    ///
    /// # Errors
    /// `IDEMPOTENCY_KEY_MISSING`.
    pub fn key_of(&self, ctx: &CallContext, request: &impl Message) -> Result<Key, Error> {
        let mut key = keyed::key_of(ctx, request)?;
        key.fingerprint = self.content_hash(&request.encode_to_vec());
        Ok(key)
    }
}

impl AnswerSeal for Vault {
    fn seal(&self, key: &Key, answer: Answer) -> Result<Answer, Error> {
        let body = self.answers.seal(&bound_to(key, answer.code), &answer.body)?;
        Ok(Answer { code: answer.code, body })
    }

    fn open(&self, key: &Key, stored: Answer) -> Result<Answer, Error> {
        let body = self.answers.open(&bound_to(key, stored.code), &stored.body)?;
        Ok(Answer { code: stored.code, body })
    }
}

fn bound_to(key: &Key, code: i32) -> String {
    let lengths = (key.scope.len(), key.method.len());
    format!("florin/cif/answer/{lengths:?}/{}/{}/{}/{code}", key.scope, key.method, key.key)
}
