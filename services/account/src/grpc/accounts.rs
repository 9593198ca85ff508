//! RPCs on accounts and their holders.

use std::collections::BTreeSet;

use florin_kernel::{AccountId, CustomerId, Date, Iban, Violations};
use florin_proto::{
    account::v1::{self as proto, Reason},
    cif::v1::{GetStandingsRequest, KycStatus, cif_service_client::CifServiceClient},
    instant_of, timestamp, wire_money,
};
use florin_rpc::{CallContext, Error, Retry, context};
use florin_runtime::internal;
use tonic::{Request, Response, Status};

use super::convert::{self, Opening};
use crate::{
    app::{
        self, answer, chain,
        command::{AnswerOf, Change, Open, Reference, Work},
        get_balance::AsOf,
        ledger::{self, Ledger},
        post_transactions::direction,
    },
    domain::account::{Account, Holder, HolderRole},
    store::{chart, entries::EntryRow},
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
    if let Some(before) = ledger.replay(&context, &request).await? {
        return Ok(before);
    }
    let owner = Holder { customer: opening.customer.clone(), role: HolderRole::Owner };
    verified(ledger, &context, [opening.customer.as_str()].into()).await?;
    let open = open_of(ledger, &context, opening, vec![owner], None).await?;
    ledger.answer(&context, &request, Work::Open(open), answer::opened).await
}

/// The command of an opening, its product looked up.
pub(super) async fn open_of(
    ledger: &Ledger,
    context: &CallContext,
    opening: Opening,
    holders: Vec<Holder>,
    opened_on: Option<Date>,
) -> Result<Open, Error> {
    let products = chart::products(ledger.db.read()).await.map_err(internal)?;
    let found = products.into_iter().find(|product| product.code == opening.product);
    let product = found.ok_or_else(|| {
        let text = format!("product {} does not exist", opening.product);
        Error::new(Reason::ProductNotFound, text).with("product", opening.product.clone())
    })?;
    if opening.overdraft_limit.minor() > 0 && !product.overdraft_allowed {
        let mut violations = Violations::new();
        let text = format!("product {} allows no overdraft", product.code);
        violations.add("overdraft_limit", "NOT_ALLOWED_BY_PRODUCT", text);
        return Err(violations.into());
    }
    let (millis, random) = florin_store::id_parts();
    let reference = (!opening.reference.is_empty()).then(|| Reference {
        caller: ledger::caller(context),
        text: opening.reference.clone(),
        fingerprint: chain::fingerprint(&[
            "open",
            &opening.customer,
            &opening.product,
            &opening.overdraft_limit.to_string(),
            &opened_on.map(|date| date.to_string()).unwrap_or_default(),
            &parts_of(&holders),
        ]),
    });
    Ok(Open {
        reference,
        id: AccountId::from_parts(millis, random).to_string(),
        product: product.code,
        control_gl: product.control_gl,
        overdraft_limit: opening.overdraft_limit,
        holders,
        historical: opened_on.is_some(),
        opened_on,
    })
}

/// The holders in an order of their own, for the fingerprint.
fn parts_of(holders: &[Holder]) -> String {
    let mut parts: Vec<String> =
        holders.iter().map(|holder| format!("{} {}", holder.customer, holder.role)).collect();
    parts.sort();
    parts.join(",")
}

/// Refuses customers that `cif` does not know or has not verified.
pub(super) async fn verified(
    ledger: &Ledger,
    context: &CallContext,
    customers: BTreeSet<&str>,
) -> Result<(), Error> {
    let customer_ids: Vec<String> = customers.iter().map(|id| (*id).to_owned()).collect();
    let message = GetStandingsRequest { customer_ids };
    let method = "florin.cif.v1.CifService/GetStandings";
    let found = ledger
        .cif
        .call(context, method, Retry::Read, message, async |channel, request| {
            CifServiceClient::new(channel).get_standings(request).await
        })
        .await?;
    for customer in customers {
        let standing = found.standings.iter().find(|one| one.customer_id == customer);
        let standing = standing.ok_or_else(|| {
            let text = format!("customer {customer} does not exist");
            Error::new(Reason::HolderNotFound, text).with("customer_id", customer)
        })?;
        if standing.kyc_status() != KycStatus::Verified {
            let text = format!("customer {customer} is not verified");
            return Err(Error::new(Reason::CustomerNotVerified, text).with("customer_id", customer));
        }
    }
    Ok(())
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
    if let Some(before) = ledger.replay(&context, &request).await? {
        return Ok(before);
    }
    let (_, holders) = app::get_account::get_account(ledger, &context, id).await?;
    owner_only(&context, &holders)?;
    change(ledger, &context, &request, id, (Change::Close(reason), answer::closed)).await
}

/// A customer closes only what it owns.
fn owner_only(context: &CallContext, holders: &[Holder]) -> Result<(), Error> {
    let Some(customer) = context.principal.customer else { return Ok(()) };
    let customer = customer.to_string();
    let owner = |holder: &Holder| holder.customer == customer && holder.role == HolderRole::Owner;
    if holders.iter().any(owner) {
        return Ok(());
    }
    Err(Error::new(Reason::AccountNotFound, "only an owner closes an account"))
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
    if let Some(before) = ledger.replay(&context, &request).await? {
        return Ok(before);
    }
    verified(ledger, &context, [holder.customer.as_str()].into()).await?;
    let of: (Change, AnswerOf) = (Change::AddHolder(holder), answer::holder_added);
    change(ledger, &context, &request, id, of).await
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
    let Account { id, posted, held, .. } = &balance.account;
    let money = |minor| Some(wire_money(balance.account.money(minor)));
    Ok(Response::new(proto::GetBalanceResponse {
        account_id: id.clone(),
        posted: money(*posted),
        held: money(*held),
        available: money(balance.account.available()),
        version: balance.version,
    }))
}

fn as_of(violations: &mut Violations, request: &proto::GetBalanceRequest) -> Option<AsOf> {
    let booked =
        convert::optional_date(violations, "as_of_booking_date", &request.as_of_booking_date);
    let valued = convert::optional_date(violations, "as_of_value_date", &request.as_of_value_date);
    let recorded = request.as_of_recorded_at.as_ref().map(instant_of);
    if recorded == Some(None) {
        violations.add("as_of_recorded_at", "OUT_OF_RANGE", "must be within 64-bit microseconds");
    }
    let asked = [
        recorded.flatten().map(AsOf::Recorded),
        booked.map(AsOf::Booked),
        valued.map(AsOf::Valued),
    ];
    let mut asked = asked.into_iter().flatten();
    let first = asked.next().unwrap_or(AsOf::Now);
    if asked.next().is_some() {
        let text = "at most one of the three as_of fields may be set";
        violations.add("as_of_value_date", "ONE_OF", text);
    }
    Some(first)
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
