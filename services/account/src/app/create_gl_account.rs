//! Adds a GL posting account to the chart; the same again is the first.

use florin_proto::account::v1::Reason;
use florin_rpc::Error;
use florin_runtime::internal;
use florin_store::Tx;

use crate::{domain::posting::GlAccount, store::chart};

/// Adds it in the transaction of its idempotency key.
///
/// # Errors
/// `GL_ACCOUNT_EXISTS` where the code has other content.
pub async fn create_gl_account(tx: &Tx, gl: &GlAccount) -> Result<(), Error> {
    if chart::add_gl_account(tx, gl).await.map_err(internal)? {
        return Ok(());
    }
    let there = chart::gl_accounts(tx).await.map_err(internal)?.remove(&gl.code);
    if there.as_ref() == Some(gl) {
        return Ok(());
    }
    let text = format!("GL account {} exists with other content", gl.code);
    Err(Error::new(Reason::GlAccountExists, text).with("gl_code", gl.code.clone()))
}
