//! Maps a product to another control account, and takes the balance of its accounts there.

use florin_events::Outbox;
use florin_kernel::{Currency, Money, TransactionId};
use florin_proto::{
    account::v1::{Reason, Reclassification, RemapProductRequest, RemapProductResponse},
    wire_money,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{Tx, id_parts};
use tonic::{Response, Status};

use super::{
    answer,
    ledger::{self, Ledger},
    post_transactions,
};
use crate::{
    domain::{
        gl::{self, Controls, Reclassified},
        posting::GlAccount,
        record::Record,
        refusal::Refusal,
    },
    grpc::convert,
    store::{
        calendar, chain, chart,
        claims::{self, NewReference},
        end_of_day,
        working::{JournalRow, OWN, Working},
        write,
    },
    wire,
};

/// A re-mapping as asked for.
#[derive(Debug, Clone)]
pub struct Remapping {
    /// Code of the product.
    pub product: String,
    /// The currency; None for every one that has no mapping of its own.
    pub currency: Option<Currency>,
    /// Code of the control account.
    pub code: String,
}

impl Ledger {
    /// Maps a product to another control account, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PRODUCT_NOT_FOUND`, `END_OF_DAY_OPEN`, and what speaks against the control account.
    pub async fn remap_product(
        &self,
        ctx: &CallContext,
        request: RemapProductRequest,
    ) -> Result<Response<RemapProductResponse>, Status> {
        let remapping = convert::remapping(&request)?;
        let outbox = &self.outbox;
        once(&self.db, ctx, &request, async |tx: Tx| remap(&tx, outbox, ctx, &remapping).await)
            .await
    }
}

/// Maps under the exclusive lock of the books, which every batch holds shared: what a batch
/// stamped before is in the balance that is taken over, and every later one reads the mapping
/// after that lock.
///
/// # Errors
/// What speaks against it.
async fn remap(
    tx: &Tx,
    outbox: &Outbox,
    ctx: &CallContext,
    remapping: &Remapping,
) -> Result<RemapProductResponse, Failure> {
    let books = chart::books_alone(tx).await?;
    // What the end of a day books before and after this is of one day, and of one mapping.
    calendar::close_gap(tx, books.business_date).await?;
    if let Some(day) = end_of_day::open_day(tx, books.business_date).await? {
        return Err(answer::error(&Refusal::EndOfDayOpen { day }).into());
    }
    let (accounts, before) = chart::mapped(tx).await?;
    let Remapping { product, currency, code } = remapping;
    let target = accounts.get(code);
    let old = before.exactly(product, *currency).or_else(|| before.exactly(product, None));
    let Some(old) = old else {
        let error = Error::new(Reason::ProductNotFound, format!("there is no product {product}"));
        return Err(error.with("product", product.clone()).into());
    };
    fits(target, accounts.get(old), code)?;
    let mut after: Controls = before.clone();
    after.map(product, *currency, code.clone());
    let balances = chart::balances(tx, product).await?;
    let mut working = Working::bare(books, tx.now().await?);
    let mut told = Vec::new();
    for moved in gl::reclassified(product, &before, &after, &balances) {
        told.push(book(tx, &mut working, ctx, product, moved).await?);
    }
    chart::remap(tx, product, *currency, code).await?;
    write::all(tx, &mut working).await?;
    outbox.append(tx, std::mem::take(&mut working.writes.outbox)).await?;
    let of = currency.map_or("all", Currency::code);
    ledger::record_audit(tx, ctx, &format!("remap/{product}/{of}/{code}")).await?;
    let mapping = Some(wire::mapping(product, *currency, code));
    Ok(RemapProductResponse { mapping, reclassifications: told })
}

/// Whether it sums customers' entries, and is of the class of the one before it.
fn fits(target: Option<&GlAccount>, old: Option<&GlAccount>, code: &str) -> Result<(), Failure> {
    let (reason, text) = match target {
        None => (Reason::GlAccountNotFound, "does not exist"),
        Some(gl) if !gl.control => (Reason::GlAccountIsPosting, "takes entries itself"),
        Some(gl) if old.is_some_and(|old| old.class != gl.class) => {
            (Reason::GlClassDiffers, "is of another class than the one before it")
        }
        Some(_) => return Ok(()),
    };
    Err(Error::new(reason, format!("GL account {code} {text}")).with("gl_code", code).into())
}

/// The journal transaction of one currency.
async fn book(
    tx: &Tx,
    working: &mut Working,
    ctx: &CallContext,
    product: &str,
    moved: Reclassified,
) -> Result<Reclassification, Failure> {
    let (millis, random) = id_parts();
    let id = TransactionId::from_parts(millis, random);
    let reference = format!("remap/{id}");
    let beyond = || Error::internal(format!("the balance of {product} leaves a transaction"));
    let balance = i64::try_from(moved.balance).map_err(|_| beyond())?;
    let row = JournalRow {
        id,
        caller: OWN.to_owned(),
        reference: reference.clone(),
        kind: "reclassification".to_owned(),
        description: format!("{product} from {} to {}", moved.from, moved.to),
        booking_date: working.books.business_date,
        value_date: working.books.business_date,
        reverses: None,
        conversions: Vec::new(),
        correlation: reference.clone(),
        initiator: ledger::initiator(ctx, None),
        entries: moved.entries().ok_or_else(beyond)?,
    };
    let fingerprint = chain::fingerprint(&["remap", product, &moved.from, &moved.to]);
    let record = Record::Transaction(id);
    claims::insert(tx, NewReference { caller: OWN, reference: &reference, fingerprint, record })
        .await?;
    post_transactions::record(working, row, &ledger::actor(ctx), false);
    Ok(Reclassification {
        transaction_id: id.to_string(),
        from_gl_code: moved.from,
        to_gl_code: moved.to,
        balance: Some(wire_money(Money::new(balance, moved.currency))),
    })
}
