//! RPCs on accounts and their holders.

use florin_kernel::{AccountId, CustomerId, Iban, Violations, parse_date};
use florin_proto::{account::v1 as proto, instant_of, timestamp, wire_money};
use florin_rpc::{CallContext, Error, context};
use tonic::{Request, Response, Status};

use super::convert;
use crate::{
    app::{
        self, answer,
        command::{AnswerOf, Change, Work},
        get_balance::AsOf,
        ledger::Ledger,
        post_transactions::direction,
    },
    domain::account::Account,
    store::entries::EntryRow,
};

pub(super) async fn open_account(
    ledger: &Ledger,
    request: Request<proto::OpenAccountRequest>,
) -> Result<Response<proto::OpenAccountResponse>, Status> {
    let context = context(&request)?;
    let request = request.into_inner();
    context.own_field(&request.customer_id)?;
    let mut violations = Violations::new();
    let opening = convert::opening(&mut violations, "", &request, 0);
    if context.principal.is_customer() && request.overdraft_limit.is_some() {
        let text = "is set by staff, not by customers";
        violations.add("overdraft_limit", "STAFF_ONLY", text);
    }
    let opening = violations.finish(opening).map_err(Error::from)?;
    app::open_account::open_account(ledger, &context, &request, opening).await
}

pub(super) async fn get_account(
    ledger: &Ledger,
    request: Request<proto::GetAccountRequest>,
) -> Result<Response<proto::GetAccountResponse>, Status> {
    let context = context(&request)?;
    let id = account_id(&request.get_ref().account_id)?;
    let (account, holders) = app::get_account::get_account(ledger, &context, id).await?;
    let account = Some(answer::wire_account(&account, &holders));
    Ok(Response::new(proto::GetAccountResponse { account }))
}

fn account_id(text: &str) -> Result<AccountId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(text));
    Ok(violations.finish(id)?)
}

pub(super) async fn list_accounts(
    ledger: &Ledger,
    request: Request<proto::ListAccountsRequest>,
) -> Result<Response<proto::ListAccountsResponse>, Status> {
    let context = context(&request)?;
    let request = request.into_inner();
    context.own_field(&request.customer_id)?;
    let mut violations = Violations::new();
    if !request.customer_id.is_empty() {
        violations.check("customer_id", CustomerId::parse(&request.customer_id));
    }
    convert::page_size(&mut violations, request.page_size, app::list_accounts::MOST);
    violations.finish(Some(())).map_err(Error::from)?;
    let (found, next_page_token) = app::list_accounts::list_accounts(
        ledger,
        &context,
        &request.customer_id,
        request.page_size,
        &request.page_token,
    )
    .await?;
    let accounts =
        found.iter().map(|(account, holders)| answer::wire_account(account, holders)).collect();
    Ok(Response::new(proto::ListAccountsResponse { accounts, next_page_token }))
}

pub(super) async fn resolve_iban(
    ledger: &Ledger,
    request: Request<proto::ResolveIbanRequest>,
) -> Result<Response<proto::ResolveIbanResponse>, Status> {
    let mut violations = Violations::new();
    let iban = violations.check("iban", request.get_ref().iban.parse::<Iban>());
    let iban = violations.finish(iban).map_err(Error::from)?;
    let account = app::get_account::resolve_iban(ledger, &iban).await?;
    let currency = account.currency.code().to_owned();
    Ok(Response::new(proto::ResolveIbanResponse { account_id: account.id, currency }))
}

async fn change<Req: prost::Message, Res: prost::Message + Default>(
    ledger: &Ledger,
    context: &CallContext,
    request: &Req,
    account: AccountId,
    (change, answer_of): (Change, AnswerOf),
) -> Result<Response<Res>, Status> {
    let work = Work::Change { account: account.to_string(), change };
    ledger.answer(context, request, work, answer_of).await
}

/// Account id and reason of a change of state.
fn change_of(id: &str, reason: &str, least: usize) -> Result<(AccountId, String), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(id));
    let reason = convert::reason(&mut violations, reason, least);
    Ok(violations.finish(id.zip(reason))?)
}

pub(super) async fn freeze_account(
    ledger: &Ledger,
    request: Request<proto::FreezeAccountRequest>,
) -> Result<Response<proto::FreezeAccountResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let (id, reason) = change_of(&request.account_id, &request.reason, 1)?;
    change(ledger, &context, &request, id, (Change::Freeze(reason), answer::frozen)).await
}

pub(super) async fn unfreeze_account(
    ledger: &Ledger,
    request: Request<proto::UnfreezeAccountRequest>,
) -> Result<Response<proto::UnfreezeAccountResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let (id, reason) = change_of(&request.account_id, &request.reason, 1)?;
    change(ledger, &context, &request, id, (Change::Unfreeze(reason), answer::unfrozen)).await
}

pub(super) async fn close_account(
    ledger: &Ledger,
    request: Request<proto::CloseAccountRequest>,
) -> Result<Response<proto::CloseAccountResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let (id, reason) = change_of(&request.account_id, &request.reason, 0)?;
    app::close_account::close_account(ledger, &context, &request, id, reason).await
}

pub(super) async fn add_holder(
    ledger: &Ledger,
    request: Request<proto::AddHolderRequest>,
) -> Result<Response<proto::AddHolderResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let holder = convert::holder(&mut violations, "", &request.customer_id, request.role);
    let (id, holder) = violations.finish(id.zip(holder)).map_err(Error::from)?;
    app::add_holder::add_holder(ledger, &context, &request, id, holder).await
}

pub(super) async fn remove_holder(
    ledger: &Ledger,
    request: Request<proto::RemoveHolderRequest>,
) -> Result<Response<proto::RemoveHolderResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let customer = violations.check("customer_id", CustomerId::parse(&request.customer_id));
    let (id, customer) = violations.finish(id.zip(customer)).map_err(Error::from)?;
    let change_of = Change::RemoveHolder(customer.to_string());
    let of: (Change, AnswerOf) = (change_of, answer::holder_removed);
    change(ledger, &context, &request, id, of).await
}

pub(super) async fn get_balance(
    ledger: &Ledger,
    request: Request<proto::GetBalanceRequest>,
) -> Result<Response<proto::GetBalanceResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let as_of = as_of(&mut violations, &request);
    let (id, as_of) = violations.finish(id.zip(as_of)).map_err(Error::from)?;
    let balance = app::get_balance::get_balance(ledger, &context, id, as_of).await?;
    let money = |minor| wire_money(balance.account.money(minor));
    Ok(Response::new(proto::GetBalanceResponse {
        account_id: balance.account.id.clone(),
        posted: Some(money(balance.posted)),
        held: balance.spendable.map(|spendable| money(spendable.held)),
        available: balance.spendable.map(|spendable| money(spendable.available)),
        version: balance.version,
    }))
}

fn as_of(violations: &mut Violations, request: &proto::GetBalanceRequest) -> Option<AsOf> {
    use proto::get_balance_request::AsOf as Wire;
    match &request.as_of {
        None => Some(AsOf::Now),
        Some(Wire::AsOfRecordedAt(at)) => {
            let at = instant_of(at);
            if at.is_none() {
                let text = "must be within 64-bit microseconds";
                violations.add("as_of_recorded_at", "OUT_OF_RANGE", text);
            }
            at.map(AsOf::Recorded)
        }
        Some(Wire::AsOfBookingDate(date)) => {
            violations.check("as_of_booking_date", parse_date(date)).map(AsOf::Booked)
        }
        Some(Wire::AsOfValueDate(date)) => {
            violations.check("as_of_value_date", parse_date(date)).map(AsOf::Valued)
        }
    }
}

pub(super) async fn list_entries(
    ledger: &Ledger,
    request: Request<proto::ListEntriesRequest>,
) -> Result<Response<proto::ListEntriesResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    convert::page_size(&mut violations, request.page_size, app::list_entries::MOST);
    let id = violations.finish(id).map_err(Error::from)?;
    let (account, rows, next_page_token) = app::list_entries::list_entries(
        ledger,
        &context,
        id,
        request.page_size,
        &request.page_token,
    )
    .await?;
    let entries = rows.iter().map(|row| wire_entry(&account, row)).collect();
    Ok(Response::new(proto::ListEntriesResponse { entries, next_page_token }))
}

fn wire_entry(account: &Account, row: &EntryRow) -> proto::Entry {
    let event = &row.event;
    proto::Entry {
        transaction_id: event.transaction_id.clone().unwrap_or_default(),
        version: event.version,
        direction: direction(event.delta).into(),
        amount: Some(wire_money(account.money(event.delta.saturating_abs()))),
        posted_after: Some(wire_money(account.money(event.posted_after))),
        kind: row.kind.clone(),
        description: row.description.clone(),
        booking_date: event.booking_date.to_string(),
        value_date: event.value_date.to_string(),
        recorded_at: Some(timestamp(event.recorded_at)),
        counterparty: event.counterparty.clone(),
    }
}
