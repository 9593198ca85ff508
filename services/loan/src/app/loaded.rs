//! Loans as they are loaded: the row, the version of the product that they keep, and the fold of
//! their steps.

use std::{collections::HashMap, sync::Arc};

use florin_kernel::{LoanId, parse_date};
use florin_proto::loan::v1::{LoanProduct, LoanStep, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::Failure;
use florin_store::{StoreError, Tx};
use prost::Message as _;

use super::Lending;
use crate::{
    domain::{
        conditions::Conditions,
        event::Application,
        loan::Loan,
        product::Product,
        request::{Asked, Request},
    },
    grpc::convert::read_product,
    store::{
        Connection,
        loans::{self, Record},
        movements,
        products::{self, StoredVersion},
        steps,
    },
    wire::event_of,
};

/// A version of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its number.
    pub number: i64,
    /// The terms.
    pub product: Product,
    /// The conditions.
    pub conditions: Conditions,
    /// As it is told.
    pub wire: LoanProduct,
}

impl Version {
    /// What is stored.
    ///
    /// # Errors
    /// `Corrupt` where it is no version.
    pub fn of(stored: &StoredVersion) -> Result<Self, StoreError> {
        let name = format!("version {} of {}", stored.version, stored.code);
        let wire = LoanProduct::decode(stored.payload.as_slice());
        let wire = wire.map_err(|error| StoreError::Corrupt(format!("{name}: {error}")))?;
        let read = read_product(&wire, "").map_err(|found| {
            let fields: Vec<_> = found.as_slice().iter().map(|one| one.field.clone()).collect();
            StoreError::Corrupt(format!("{name} breaks rules: {}", fields.join(", ")))
        })?;
        let (product, conditions, wire) = (read.product, read.conditions, read.wire);
        Ok(Self { number: stored.version, product, conditions, wire })
    }
}

/// A loan.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The row.
    pub record: Record,
    /// What it was applied for by.
    pub version: Arc<Version>,
    /// The fold of its steps.
    pub loan: Loan,
}

impl Loaded {
    fn of(record: Record, version: Arc<Version>, steps: &[Vec<u8>]) -> Result<Self, StoreError> {
        let id = record.id;
        let corrupt = |what: &str| StoreError::Corrupt(format!("{id} has no valid {what}"));
        if i64::try_from(steps.len()) != Ok(record.version) {
            return Err(corrupt("number of steps"));
        }
        let application = application(&record, &version).ok_or_else(|| corrupt("application"))?;
        let mut events = Vec::with_capacity(steps.len());
        for payload in steps {
            let step = LoanStep::decode(payload.as_slice()).map_err(|_| corrupt("step"))?;
            events.extend(event_of(&step, &version.product).map_err(corrupt)?);
        }
        let loan = Loan::replay(id, application, events);
        let loan = loan.map_err(|error| StoreError::Corrupt(format!("{id}: {error}")))?;
        Ok(Self { record, version, loan })
    }

    /// Refuses while money of the loan is on its way. Under the loan's lock.
    ///
    /// # Errors
    /// `MOVEMENT_OPEN`.
    pub async fn must_be_at_rest(&self, tx: &Tx) -> Result<(), Failure> {
        let Some(open) = movements::open_of(tx, self.record.id).await? else { return Ok(()) };
        let reference = open.movement.reference;
        let text = format!("{reference} has not ended: nothing else may happen meanwhile");
        Err(Error::new(Reason::MovementOpen, text).with("reference", reference).into())
    }
}

/// What was applied for, as the domain has it.
fn application(record: &Record, version: &Version) -> Option<Application> {
    let asked = Asked {
        principal: record.money(record.requested).amount(),
        rate: record.rate.clone(),
        instalments: record.instalments,
        disbursed_on: record.disbursed_on.clone(),
        first_due: record.first_due.clone(),
    };
    // It was not of the past when it was applied for.
    let then = parse_date(&record.disbursed_on).ok()?;
    Some(Application {
        customer: record.customer,
        product: record.product.clone(),
        version: u32::try_from(version.number).ok()?,
        policy: version.product.policy(),
        tranches: version.product.tranches(),
        request: Request::new(&asked, &version.product, then).ok()?,
        maker: record.maker.clone(),
    })
}

/// Loads loans whose rows were read or locked, in their order.
///
/// # Errors
/// `Corrupt` where one is none.
pub async fn load(
    connection: &impl Connection,
    records: Vec<Record>,
) -> Result<Vec<Loaded>, StoreError> {
    let ids: Vec<LoanId> = records.iter().map(|record| record.id).collect();
    let mut of_loans: HashMap<LoanId, Vec<Vec<u8>>> = HashMap::new();
    for (loan, payload) in steps::of_loans(connection, &ids).await? {
        of_loans.entry(loan).or_default().push(payload);
    }
    let mut versions: HashMap<(String, i64), Arc<Version>> = HashMap::new();
    let mut loaded = Vec::with_capacity(records.len());
    for record in records {
        let key = (record.product.clone(), record.product_version);
        let version = if let Some(known) = versions.get(&key) {
            Arc::clone(known)
        } else {
            let stored = products::find(connection, &key.0, key.1).await?;
            let stored = stored.ok_or_else(|| {
                StoreError::Corrupt(format!("{} has no version of its product", record.id))
            })?;
            let version = Arc::new(Version::of(&stored)?);
            versions.insert(key, Arc::clone(&version));
            version
        };
        let steps = of_loans.remove(&record.id).unwrap_or_default();
        loaded.push(Loaded::of(record, version, &steps)?);
    }
    Ok(loaded)
}

impl Lending {
    /// A loan that the caller may see or change, locked.
    ///
    /// # Errors
    /// `LOAN_NOT_FOUND`, also for another's.
    pub(super) async fn locked(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: LoanId,
    ) -> Result<Loaded, Failure> {
        let found = loans::lock(tx, &[id]).await?;
        let found = found.into_iter().find(|record| may_see(ctx, record));
        let record = found.ok_or_else(|| loan_not_found(id))?;
        let loaded = load(tx, vec![record]).await?.pop();
        Ok(loaded.ok_or_else(|| loan_not_found(id))?)
    }

    /// The row of a loan that the caller may see.
    ///
    /// # Errors
    /// `LOAN_NOT_FOUND`, also for another's.
    pub(super) async fn seen(&self, ctx: &CallContext, id: LoanId) -> Result<Record, Error> {
        let found = loans::find(self.db.read(), id).await.map_err(florin_runtime::internal)?;
        found.filter(|record| may_see(ctx, record)).ok_or_else(|| loan_not_found(id))
    }
}

/// A customer its own; for everybody else scopes and roles have decided.
fn may_see(ctx: &CallContext, record: &Record) -> bool {
    !ctx.principal.is_customer() || ctx.principal.customer == Some(record.customer)
}

pub(super) fn loan_not_found(id: LoanId) -> Error {
    Error::new(Reason::LoanNotFound, format!("loan {id} does not exist"))
}
