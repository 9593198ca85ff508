//! Tells what a loan would cost, by the code that grants.

use florin_kernel::Date;
use florin_proto::{
    loan::v1::{LoanTerms, QuoteLoanRequest, QuoteLoanResponse, Reason},
    wire_money,
};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{Lending, loaded::Version};
use crate::{
    domain::{
        plan::{Plan, PlanError},
        request::{Asked, Request},
    },
    grpc::convert::QuoteDraft,
    wire::{wire_cost, wire_schedule},
};

impl Lending {
    /// Quotes a loan. Nothing is stored.
    ///
    /// # Errors
    /// Every violated field at once; `PRODUCT_NOT_FOUND`, `NO_SCHEDULE`.
    pub async fn quote_loan(
        &self,
        ctx: &CallContext,
        request: QuoteLoanRequest,
    ) -> Result<Response<QuoteLoanResponse>, Status> {
        let draft = QuoteDraft::try_from(&request).map_err(Error::invalid)?;
        let today = self.books.today(ctx).await?;
        let version = self.product_on(&draft.product, today).await?;
        let asked = on_the_day(&draft.asked, today);
        let quoted = Request::new(&asked, &version.product, today).map_err(Error::invalid)?;
        let plan = quoted.plan().map_err(no_schedule)?;
        let cost = wire_cost(&plan).ok_or_else(|| no_schedule(PlanError::OutOfRange))?;
        let principal = florin_kernel::Money::new(quoted.principal(), version.product.currency());
        Ok(Response::new(QuoteLoanResponse {
            product: draft.product,
            product_version: i32::try_from(version.number).unwrap_or(i32::MAX),
            terms: Some(LoanTerms {
                principal: Some(wire_money(principal)),
                rate: quoted.terms().rate.to_string(),
                instalments: i32::try_from(quoted.terms().instalments).unwrap_or(i32::MAX),
                disbursed_on: quoted.disbursed_on().to_string(),
                first_due: first_due(&plan),
            }),
            schedule: Some(wire_schedule(&plan, None)),
            cost: Some(cost),
        }))
    }
}

/// With the business date where no day is named.
pub(super) fn on_the_day(asked: &Asked, today: Date) -> Asked {
    let mut asked = asked.clone();
    if asked.disbursed_on.is_empty() {
        asked.disbursed_on = today.to_string();
    }
    asked
}

/// When the first instalment is due.
fn first_due(plan: &Plan) -> String {
    let schedule = plan.schedule();
    let is_instalment =
        |line: &&crate::domain::plan::Line| line.kind == crate::domain::plan::LineKind::Instalment;
    schedule.iter().find(is_instalment).map(|line| line.due.to_string()).unwrap_or_default()
}

pub(super) fn no_schedule(error: PlanError) -> Error {
    Error::new(Reason::NoSchedule, error.to_string())
}

/// The plan that a request would have, and what it takes a month.
///
/// # Errors
/// `NO_SCHEDULE`.
pub(super) fn burden(version: &Version, quoted: &Request) -> Result<i64, Error> {
    debug_assert_eq!(version.product.currency(), quoted.terms().currency, "of the product");
    let plan = quoted.plan().map_err(no_schedule)?;
    wire_cost(&plan).ok_or_else(|| no_schedule(PlanError::OutOfRange))?;
    crate::domain::score::monthly(&plan).ok_or_else(|| no_schedule(PlanError::OutOfRange))
}
