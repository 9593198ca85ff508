//! The use cases, one a file, named by the bank's verb.

pub mod add_relation;
mod admit;
pub mod decide_kyc;
pub mod find_customers;
pub mod get_customer;
pub mod get_standings;
pub mod import_customers;
pub mod list_customers;
pub mod list_relations;
pub mod rate_risk;
pub mod register_customer;
pub mod remove_relation;
pub mod update_customer;

use florin_events::Outbox;
use florin_kernel::{CustomerId, UnixMicros};
use florin_proto::cif::v1::Reason;
use florin_rpc::{CallContext, Error, PartyRole, Verb};
use florin_runtime::Failure;
use florin_store::{Database, StoreError, Tx, audit};

use crate::{
    Config,
    store::customers::{self, Stored},
    vault::{self, Vault},
};

/// The service: its database, its outbox, its keys.
pub struct Cif {
    db: Database,
    outbox: Outbox,
    vault: Vault,
}

impl Cif {
    /// Opens the vault of the database.
    ///
    /// # Errors
    /// The master key is absent, malformed or another than the one that sealed the database.
    pub async fn open(db: Database, outbox: Outbox, config: &Config) -> anyhow::Result<Self> {
        let vault = vault::open(&db, config).await?;
        Ok(Self { db, outbox, vault })
    }

    /// A customer, locked, that the principal may change or read.
    async fn lock(&self, tx: &Tx, ctx: &CallContext, id: CustomerId) -> Result<Stored, Failure> {
        self.own_record(ctx, Verb::Pay, id)?;
        let stored = customers::lock(tx, &self.vault, id).await?;
        Ok(stored.ok_or_else(|| not_found(id))?)
    }

    /// As [`Cif::lock`], for a customer whose data is not erased.
    async fn lock_live(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: CustomerId,
    ) -> Result<Stored, Failure> {
        let stored = self.lock(tx, ctx, id).await?;
        if stored.is_erased() { Err(not_found(id).into()) } else { Ok(stored) }
    }

    /// Another customer's record is not found.
    fn own_record(&self, ctx: &CallContext, verb: Verb, id: CustomerId) -> Result<(), Error> {
        let parties = [(id, PartyRole::Owner)];
        if ctx.principal.may(verb, &parties) { Ok(()) } else { Err(not_found(id)) }
    }

    async fn audit(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        reference: String,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        audit::record(tx, entry(ctx, reference, at)).await
    }
}

fn entry(ctx: &CallContext, reference: String, at: UnixMicros) -> audit::Entry {
    audit::Entry {
        actor: ctx.principal.scope_key(),
        on_behalf_of: None,
        method: ctx.method.to_owned(),
        reference,
        at,
    }
}

/// A page of at most `size` of the rows that were read, which are one more where another page
/// follows; with the row that the next page goes on after.
fn cut<T: Clone>(mut rows: Vec<T>, size: i64) -> (Vec<T>, Option<T>) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().filter(|_| more).cloned();
    (rows, last)
}

/// No such customer, or another's.
fn not_found(id: CustomerId) -> Error {
    Error::new(Reason::CustomerNotFound, "no such customer").with("customer_id", id.to_string())
}
