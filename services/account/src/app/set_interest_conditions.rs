//! Sets what a product pays and takes in a currency from a day on; the same again is the first.

use florin_proto::account::v1::{
    Reason, SetInterestConditionsRequest, SetInterestConditionsResponse,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::ledger::{self, Ledger};
use crate::{
    domain::interest::Terms,
    grpc::convert,
    store::{
        chart,
        conditions::{self, VersionId},
    },
    wire,
};

impl Ledger {
    /// Sets conditions, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PRODUCT_NOT_FOUND`, `CONDITIONS_EXIST`, `CONDITIONS_IN_THE_PAST`.
    pub async fn set_interest_conditions(
        &self,
        ctx: &CallContext,
        request: SetInterestConditionsRequest,
    ) -> Result<Response<SetInterestConditionsResponse>, Status> {
        let (id, terms) = convert::conditions(&request)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            set(&tx, ctx, &id, &terms).await?;
            let conditions = Some(wire::interest::conditions(&id, &terms));
            Ok::<_, Failure>(SetInterestConditionsResponse { conditions })
        })
        .await
    }
}

/// Sets them under the shared lock of the books: no day that has been closed is concerned.
async fn set(tx: &Tx, ctx: &CallContext, id: &VersionId, terms: &Terms) -> Result<(), Failure> {
    let (product, currency, valid_from) = id;
    let books = chart::books_shared(tx).await?;
    if !chart::products(tx).await?.iter().any(|one| one.code == *product) {
        let text = format!("there is no product {product}");
        let unknown = Error::new(Reason::ProductNotFound, text);
        return Err(unknown.with("product", product.clone()).into());
    }
    let there = conditions::versions(tx).await?.remove(id);
    if there.as_ref() == Some(terms) {
        return Ok(());
    }
    if *valid_from < books.business_date {
        let today = books.business_date;
        let text = format!("conditions hold from the business date {today} on at the earliest");
        let past = Error::new(Reason::ConditionsInThePast, text);
        return Err(past.with("business_date", today.to_string()).into());
    }
    let at = tx.now().await?;
    let reference = format!("interest_conditions/{product}/{currency}/{valid_from}");
    if there.is_none() && conditions::add(tx, id, terms, at).await? {
        ledger::record_audit(tx, ctx, &reference).await?;
        return Ok(());
    }
    // Another one may have come between the look and the write: an equal one is the first.
    if conditions::versions(tx).await?.get(id) != Some(terms) {
        let text = format!("{product} has other conditions in {currency} from {valid_from} on");
        let exist = Error::new(Reason::ConditionsExist, text)
            .with("product", product.clone())
            .with("currency", currency.code())
            .with("valid_from", valid_from.to_string());
        return Err(exist.into());
    }
    Ok(())
}
