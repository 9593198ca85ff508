//! Opening many accounts at once, each by its own reference: for imports.

use florin_kernel::{Date, Violations, parse_date};
use florin_proto::account::v1 as proto;
use florin_rpc::{Error, context};
use tonic::{Request, Response, Status};

use super::{
    accounts::{open_of, verified},
    convert::{self, Opening},
};
use crate::{
    app::{
        answer,
        command::{Command, Outcome, Work},
        ledger::{self, Ledger},
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
        violations.add("items", "COUNT", format!("must be 1 to {MOST_ITEMS}"));
        return Err(Error::from(violations).into());
    }
    let mut parsed = Vec::with_capacity(request.items.len());
    for (at, item) in request.items.iter().enumerate() {
        parsed.push(import_item(&mut violations, &format!("items[{at}]."), item));
    }
    let items: Option<Vec<ImportItem>> = parsed.into_iter().collect();
    let items = violations.finish(items).map_err(Error::from)?;
    let customers: Vec<&str> = items
        .iter()
        .flat_map(|item| item.holders.iter().map(|holder| holder.customer.as_str()))
        .collect();
    for chunk in customers.chunks(MOST_ITEMS) {
        verified(ledger, &context, chunk.iter().copied().collect()).await?;
    }
    let mut commands = Vec::with_capacity(items.len());
    for item in items {
        let opened_on = Some(item.opened_on);
        let open = open_of(ledger, &context, item.opening, item.holders, opened_on).await?;
        let actor = ledger::actor(&context);
        commands.push(Command { work: Work::Open(open), key: None, actor });
    }
    let outcomes = ledger.submit(commands, context.deadline).await?;
    let results = request.items.iter().zip(&outcomes).map(|(item, outcome)| {
        let reference = item.account.as_ref().map(|open| open.reference.clone());
        import_result(reference.unwrap_or_default(), outcome)
    });
    Ok(Response::new(proto::ImportAccountsResponse { results: results.collect() }))
}

struct ImportItem {
    opening: Opening,
    opened_on: Date,
    holders: Vec<Holder>,
}

fn import_item(
    violations: &mut Violations,
    path: &str,
    item: &proto::ImportAccount,
) -> Option<ImportItem> {
    let empty = proto::OpenAccountRequest::default();
    let request = item.account.as_ref().unwrap_or(&empty);
    let opening = convert::opening(violations, &format!("{path}account."), request, 1);
    let field = format!("{path}opened_on");
    let opened_on = violations.check(field, parse_date(&item.opened_on));
    let mut others = Vec::new();
    for (at, holder) in item.holders.iter().enumerate() {
        let path = format!("{path}holders[{at}].");
        others.push(convert::holder(violations, &path, &holder.customer_id, holder.role));
    }
    let opening = opening?;
    let mut holders = vec![Holder { customer: opening.customer.clone(), role: HolderRole::Owner }];
    for other in others.into_iter().collect::<Option<Vec<_>>>()? {
        let result = account::add_holder("", &mut holders, other);
        if let Err(refusal) = result {
            violations.add(format!("{path}holders"), "DUPLICATE", refusal.to_string());
        }
    }
    Some(ImportItem { opening, opened_on: opened_on?, holders })
}

fn import_result(reference: String, outcome: &Outcome) -> proto::ImportAccountResult {
    let mut result = proto::ImportAccountResult { reference, ..Default::default() };
    match outcome {
        Outcome::Account { account, replayed, .. } => {
            result.account_id.clone_from(&account.id);
            result.iban.clone_from(&account.iban);
            result.replayed = *replayed;
        }
        Outcome::Refused(refusal) => result.refused = Some(answer::wire_refusal(refusal)),
        Outcome::Posted { .. } | Outcome::Held { .. } => {}
        Outcome::Decided(_) | Outcome::Answered(_) | Outcome::KeyReused => {}
    }
    result
}
