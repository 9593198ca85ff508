//! Opening many accounts at once, each by its own reference: for imports.

use florin_kernel::{Violations, parse_date};
use florin_proto::account::v1 as proto;
use florin_rpc::{Error, context};
use tonic::{Request, Response, Status};

use super::convert;
use crate::{
    app::{
        answer,
        command::Outcome,
        import_accounts::{self, Item},
        ledger::Ledger,
    },
    domain::account::{self, Holder, HolderRole},
};

/// Most items of an import.
const MOST_ITEMS: usize = 500;

pub(super) async fn import_accounts(
    ledger: &Ledger,
    request: Request<proto::ImportAccountsRequest>,
) -> Result<Response<proto::ImportAccountsResponse>, Status> {
    let context = context(&request)?;
    let request = request.into_inner();
    let mut violations = Violations::new();
    if !(1..=MOST_ITEMS).contains(&request.items.len()) {
        violations.add("items", "OUT_OF_RANGE", format!("must be 1 to {MOST_ITEMS}"));
        return Err(Error::from(violations).into());
    }
    let items = request.items.iter().map(|item| {
        let mut violations = Violations::new();
        let read = import_item(&mut violations, item);
        violations.finish(read).map_err(Error::from)
    });
    let ends = import_accounts::import_accounts(ledger, &context, items.collect()).await?;
    let results = request.items.iter().zip(&ends).map(|(item, end)| {
        let reference = item.account.as_ref().map(|open| open.reference.clone());
        import_result(reference.unwrap_or_default(), end)
    });
    Ok(Response::new(proto::ImportAccountsResponse { results: results.collect() }))
}

fn import_item(violations: &mut Violations, item: &proto::ImportAccount) -> Option<Item> {
    let empty = proto::OpenAccountRequest::default();
    let request = item.account.as_ref().unwrap_or(&empty);
    let opening = convert::opening(violations, "account.", request, 1);
    let opened_on = violations.check("opened_on", parse_date(&item.opened_on));
    let mut others = Vec::new();
    for (at, holder) in item.holders.iter().enumerate() {
        let path = format!("holders[{at}].");
        others.push(convert::holder(violations, &path, &holder.customer_id, holder.role));
    }
    let opening = opening?;
    let mut holders = vec![Holder { customer: opening.customer.clone(), role: HolderRole::Owner }];
    for other in others.into_iter().collect::<Option<Vec<_>>>()? {
        let result = account::add_holder("", &mut holders, other);
        if let Err(refusal) = result {
            violations.add("holders", "DUPLICATE", refusal.to_string());
        }
    }
    Some(Item { opening, opened_on: opened_on?, holders })
}

fn import_result(reference: String, end: &Result<Outcome, Error>) -> proto::ImportAccountResult {
    let opened = answer::item(end, |outcome| match outcome {
        Outcome::Account { account, replayed, .. } => Some(proto::ImportAccountResult {
            account_id: account.id.clone(),
            iban: account.iban.clone(),
            replayed: *replayed,
            ..proto::ImportAccountResult::default()
        }),
        Outcome::Posted { .. }
        | Outcome::Held { .. }
        | Outcome::Refused(_)
        | Outcome::Decided(_)
        | Outcome::Answered(_)
        | Outcome::KeyReused => None,
    });
    let result = opened.unwrap_or_else(|refusal| proto::ImportAccountResult {
        refused: Some(refusal),
        ..proto::ImportAccountResult::default()
    });
    proto::ImportAccountResult { reference, ..result }
}
