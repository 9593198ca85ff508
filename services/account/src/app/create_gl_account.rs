//! Adds a GL account to the chart; the same again is the first.

use florin_proto::account::v1::{CreateGlAccountRequest, CreateGlAccountResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::ledger::{self, Ledger};
use crate::{domain::posting::GlAccount, grpc::convert, store::chart, wire};

impl Ledger {
    /// Adds a GL account, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `GL_ACCOUNT_EXISTS`.
    pub async fn create_gl_account(
        &self,
        ctx: &CallContext,
        request: CreateGlAccountRequest,
    ) -> Result<Response<CreateGlAccountResponse>, Status> {
        let gl = convert::gl_account(&request)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            add(&tx, ctx, &gl).await?;
            let gl_account = Some(wire::gl_account(&gl));
            Ok::<_, Failure>(CreateGlAccountResponse { gl_account })
        })
        .await
    }
}

/// Adds it in the transaction of its idempotency key.
///
/// # Errors
/// `GL_ACCOUNT_EXISTS` where the code has other content.
async fn add(tx: &Tx, ctx: &CallContext, gl: &GlAccount) -> Result<(), Failure> {
    if chart::add_gl_account(tx, gl).await? {
        ledger::record_audit(tx, ctx, &gl.code).await?;
        return Ok(());
    }
    let there = chart::gl_accounts(tx).await?.remove(&gl.code);
    if there.as_ref() == Some(gl) {
        return Ok(());
    }
    let text = format!("GL account {} exists with other content", gl.code);
    Err(Error::new(Reason::GlAccountExists, text).with("gl_code", gl.code.clone()).into())
}
