//! Lists what happened to a loan.

use florin_kernel::{LoanId, Violations};
use florin_proto::loan::v1::{ListLoanStepsRequest, ListLoanStepsResponse, LoanStep};
use florin_rpc::{CallContext, Error, PrincipalKind, page};
use florin_runtime::internal;
use florin_store::StoreError;
use prost::Message as _;
use tonic::{Response, Status};

use super::Lending;
use crate::{
    grpc::convert::{loan_id, page_size},
    store::steps,
};

impl Lending {
    /// Lists the steps of a loan, oldest first.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, also for another's; `PAGE_TOKEN_INVALID`.
    pub async fn list_loan_steps(
        &self,
        ctx: &CallContext,
        request: ListLoanStepsRequest,
    ) -> Result<Response<ListLoanStepsResponse>, Status> {
        let (id, size) = read(&request).map_err(Error::invalid)?;
        self.seen(ctx, id).await?;
        let filter =
            ListLoanStepsRequest { loan_id: request.loan_id.clone(), ..Default::default() };
        let filter = filter.encode_to_vec();
        let after = page::decode(ctx.method, &filter, &request.page_token)?
            .map_or(Ok(0), |cursor| cursor.parse())
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        let limit = size.saturating_add(1);
        let found = steps::page(self.db.read(), id, after, limit).await.map_err(internal)?;
        let read = found.iter().map(|payload| {
            LoanStep::decode(payload.as_slice())
                .map_err(|error| StoreError::Corrupt(format!("step of {id}: {error}")))
        });
        let mut steps = read.collect::<Result<Vec<_>, _>>().map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = steps.len() > size;
        steps.truncate(size);
        let next_page_token = match steps.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.version.to_string()),
            Some(_) | None => String::new(),
        };
        // Who decided is for those who look after the bank, not for its customers.
        if ctx.principal.kind != PrincipalKind::Staff {
            for step in &mut steps {
                step.by.clear();
                step.checker.clear();
            }
        }
        Ok(Response::new(ListLoanStepsResponse { steps, next_page_token }))
    }
}

fn read(request: &ListLoanStepsRequest) -> Result<(LoanId, u32), Violations> {
    match (loan_id(&request.loan_id), page_size(request.page_size)) {
        (Ok(id), Ok(size)) => Ok((id, size)),
        (id, size) => {
            let mut all = Violations::new();
            let found = [id.err(), size.err()].into_iter().flatten();
            for one in found.flat_map(Violations::into_inner) {
                all.add(one.field, one.rule, one.description);
            }
            Err(all)
        }
    }
}
