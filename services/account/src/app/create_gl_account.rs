//! Adds a GL posting account to the chart; the same again is the first.

use florin_proto::account::v1::Reason;
use florin_rpc::{CallContext, Error};
use florin_runtime::Failure;
use florin_store::Tx;

use super::ledger;
use crate::{domain::posting::GlAccount, store::chart};

/// Adds it in the transaction of its idempotency key.
///
/// # Errors
/// `GL_ACCOUNT_EXISTS` where the code has other content.
pub async fn create_gl_account(
    tx: &Tx,
    context: &CallContext,
    gl: &GlAccount,
) -> Result<(), Failure> {
    if chart::add_gl_account(tx, gl).await? {
        ledger::record_audit(tx, context, &gl.code).await?;
        return Ok(());
    }
    let there = chart::gl_accounts(tx).await?.remove(&gl.code);
    if there.as_ref() == Some(gl) {
        return Ok(());
    }
    let text = format!("GL account {} exists with other content", gl.code);
    Err(Error::new(Reason::GlAccountExists, text).with("gl_code", gl.code.clone()).into())
}
