//! RPCs on the journal, holds, the chart and the books.

use florin_kernel::{AccountId, HoldId, Money, TransactionId, Violations, check_text, parse_date};
use florin_proto::{
    account::v1::{self as proto, Reason},
    timestamp, wire_money,
};
use florin_rpc::{CallContext, Error, context};
use florin_runtime::{Failure, internal, once};
use florin_store::Tx;
use tonic::{Request, Response, Status};

use super::convert;
use crate::{
    app::{
        self, answer,
        command::{Command, Outcome, Place, Reference, Release, Reverse, Work},
        ledger::{self, Ledger},
        place_hold, post_transactions,
    },
    domain::posting::{GlAccount, MOST_CLOSED_DAYS, days_between},
    store::{
        chain, chart,
        records::{self, StoredLeg},
    },
};

/// Most transactions of a request.
const MOST_TRANSACTIONS: usize = 500;
/// Most legs of a request.
const MOST_LEGS: usize = 1_024;

pub(super) async fn post_transactions(
    ledger: &Ledger,
    request: Request<proto::PostTransactionsRequest>,
) -> Result<Response<proto::PostTransactionsResponse>, Status> {
    let context = context(&request)?;
    let request = request.into_inner();
    let mut violations = Violations::new();
    let transactions = &request.transactions;
    let legs: usize = transactions.iter().map(|one| one.legs.len()).sum();
    if !(1..=MOST_TRANSACTIONS).contains(&transactions.len()) || legs > MOST_LEGS {
        let text = format!("must be 1 to {MOST_TRANSACTIONS} with at most {MOST_LEGS} legs");
        violations.add("transactions", "OUT_OF_RANGE", text);
        return Err(Error::from(violations).into());
    }
    let items = transactions.iter().map(|one| {
        let mut violations = Violations::new();
        let posting = convert::posting(&mut violations, "", one);
        violations.finish(posting).map_err(Error::from)
    });
    let ends = post_transactions::post_transactions(ledger, &context, items.collect()).await?;
    let results = transactions.iter().zip(&ends);
    let results = results.map(|(one, end)| posting_result(&one.reference, end));
    Ok(Response::new(proto::PostTransactionsResponse { results: results.collect() }))
}

fn posting_result(reference: &str, end: &Result<Outcome, Error>) -> proto::TransactionResult {
    use proto::transaction_result::Outcome as Wire;
    let outcome = match answer::item(end, answer::wire_posted) {
        Ok(posted) => Wire::Posted(posted),
        Err(refusal) => Wire::Refused(refusal),
    };
    proto::TransactionResult { reference: reference.to_owned(), outcome: Some(outcome) }
}

pub(super) async fn reverse_transaction(
    ledger: &Ledger,
    request: Request<proto::ReverseTransactionRequest>,
) -> Result<Response<proto::ReverseTransactionResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let original =
        violations.check("transaction_id", TransactionId::parse(&request.transaction_id));
    let text = convert::reference(&mut violations, "reference", &request.reference, 1);
    let description = convert::description(&mut violations, "description", &request.description);
    let read = original.zip(text).zip(description);
    let ((original, text), description) = violations.finish(read).map_err(Error::from)?;
    let original = original.to_string();
    let (millis, random) = florin_store::id_parts();
    let reverse = Reverse {
        reference: Reference {
            caller: ledger::caller(&context),
            fingerprint: chain::fingerprint(&["reverse", &original, &description]),
            text,
        },
        id: TransactionId::from_parts(millis, random).to_string(),
        original,
        description,
        initiator: ledger::initiator(&context, None),
    };
    ledger.answer(&context, &request, Work::Reverse(reverse), answer::reversed).await
}

pub(super) async fn place_hold(
    ledger: &Ledger,
    request: Request<proto::PlaceHoldRequest>,
) -> Result<Response<proto::PlaceHoldResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let text = convert::reference(&mut violations, "reference", &request.reference, 1);
    let account = violations.check("account_id", AccountId::parse(&request.account_id));
    let amount = convert::positive(&mut violations, "amount", request.amount.as_ref());
    let correlation = violations.check("correlation", check_text(&request.correlation, 0, 128));
    let read = text.zip(account).zip(amount.zip(correlation));
    let ((text, account), (amount, correlation)) = violations.finish(read).map_err(Error::from)?;
    let account = account.to_string();
    let (millis, random) = florin_store::id_parts();
    let place = Place {
        reference: Reference {
            caller: ledger::caller(&context),
            fingerprint: chain::fingerprint(&["hold", &account, &amount.to_string()]),
            text,
        },
        id: HoldId::from_parts(millis, random).to_string(),
        account,
        amount,
        correlation,
        initiator: ledger::initiator(&context, request.initiator.as_ref()),
    };
    let (hold, replayed) = held(ledger, &context, Work::Place(place)).await?;
    Ok(Response::new(proto::PlaceHoldResponse { hold: Some(hold), replayed }))
}

pub(super) async fn release_hold(
    ledger: &Ledger,
    request: Request<proto::ReleaseHoldRequest>,
) -> Result<Response<proto::ReleaseHoldResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let text = convert::reference(&mut violations, "reference", &request.reference, 1);
    let hold = convert::reference(&mut violations, "hold_reference", &request.hold_reference, 1);
    let correlation = violations.check("correlation", check_text(&request.correlation, 0, 128));
    let read = text.zip(hold).zip(correlation);
    let ((text, hold_reference), correlation) = violations.finish(read).map_err(Error::from)?;
    let release = Release {
        reference: Reference {
            caller: ledger::caller(&context),
            fingerprint: chain::fingerprint(&["release", &hold_reference]),
            text,
        },
        hold_reference,
        correlation,
    };
    let (hold, replayed) = held(ledger, &context, Work::Release(release)).await?;
    Ok(Response::new(proto::ReleaseHoldResponse { hold: Some(hold), replayed }))
}

async fn held(
    ledger: &Ledger,
    context: &CallContext,
    work: Work,
) -> Result<(proto::Hold, bool), Error> {
    let command = Command { work, key: None, actor: ledger::actor(context) };
    let mut outcomes = ledger.submit(vec![command], context.deadline).await?;
    match outcomes.pop() {
        Some(Outcome::Held { hold, replayed }) => Ok((place_hold::wire(&hold), replayed)),
        Some(outcome) => {
            let defect = || Error::internal("the outcome is not that of a hold");
            Err(ledger::refused(&outcome).unwrap_or_else(defect))
        }
        None => Err(Error::internal("the committer gave no outcome")),
    }
}

pub(super) async fn get_transaction(
    ledger: &Ledger,
    request: Request<proto::GetTransactionRequest>,
) -> Result<Response<proto::GetTransactionResponse>, Status> {
    let mut violations = Violations::new();
    let id = &request.get_ref().transaction_id;
    let id = violations.check("transaction_id", TransactionId::parse(id));
    let id = violations.finish(id).map_err(Error::from)?.to_string();
    let found = records::transaction(ledger.db.read(), &id).await.map_err(internal)?;
    let (stored, legs, reversed_by) = found.ok_or_else(|| {
        let text = format!("journal transaction {id} does not exist");
        Error::new(Reason::TransactionNotFound, text).with("transaction_id", id.clone())
    })?;
    let transaction = proto::JournalTransaction {
        transaction_id: stored.id,
        reference: stored.reference,
        caller: stored.caller,
        kind: stored.kind,
        legs: legs.iter().map(wire_leg).collect(),
        description: stored.description,
        booking_date: stored.booking_date.to_string(),
        value_date: stored.value_date.to_string(),
        recorded_at: Some(timestamp(stored.recorded_at)),
        reverses: stored.reverses,
        reversed_by,
    };
    Ok(Response::new(proto::GetTransactionResponse { transaction: Some(transaction) }))
}

fn wire_leg(leg: &StoredLeg) -> proto::Leg {
    use proto::leg::Target;
    let gl = || Target::GlCode(leg.gl_code.clone());
    let minor = leg.amount.minor();
    proto::Leg {
        target: Some(leg.account.clone().map_or_else(gl, Target::AccountId)),
        direction: post_transactions::direction(minor).into(),
        amount: Some(answer::wire_minor(minor.saturating_abs(), leg.amount)),
        counterparty: leg.counterparty.clone(),
    }
}

fn wire_gl(gl: &GlAccount) -> proto::GlAccount {
    proto::GlAccount {
        code: gl.code.clone(),
        name: gl.name.clone(),
        class: gl.class,
        control: gl.control,
    }
}

pub(super) async fn create_gl_account(
    ledger: &Ledger,
    request: Request<proto::CreateGlAccountRequest>,
) -> Result<Response<proto::CreateGlAccountResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let code = convert::gl_code(&mut violations, "code", &request.code);
    let name = violations.check("name", check_text(&request.name, 1, 100));
    if request.class() == proto::GlClass::Unspecified {
        let text = "must be ASSET, LIABILITY, EQUITY, INCOME or EXPENSE";
        violations.add("class", "UNKNOWN_VALUE", text);
    }
    let (code, name) = violations.finish(code.zip(name)).map_err(Error::from)?;
    let gl = GlAccount { code, name, class: request.class, control: false };
    let of = &context;
    once(&ledger.db, &context, &request, async |tx: Tx| {
        app::create_gl_account::create_gl_account(&tx, of, &gl).await?;
        Ok::<_, Failure>(proto::CreateGlAccountResponse { gl_account: Some(wire_gl(&gl)) })
    })
    .await
}

pub(super) async fn list_gl_accounts(
    ledger: &Ledger,
    request: Request<proto::ListGlAccountsRequest>,
) -> Result<Response<proto::ListGlAccountsResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    convert::page_size(&mut violations, request.page_size, app::list_chart::MOST);
    violations.finish(Some(())).map_err(Error::from)?;
    let page = (request.page_size, request.page_token.as_str());
    let (found, next_page_token) =
        app::list_chart::list_gl_accounts(ledger, &context, page).await?;
    let gl_accounts = found.iter().map(wire_gl).collect();
    Ok(Response::new(proto::ListGlAccountsResponse { gl_accounts, next_page_token }))
}

pub(super) async fn get_trial_balance(
    ledger: &Ledger,
    request: Request<proto::GetTrialBalanceRequest>,
) -> Result<Response<proto::GetTrialBalanceResponse>, Status> {
    let mut violations = Violations::new();
    let text = &request.get_ref().as_of_booking_date;
    let as_of = convert::optional_date(&mut violations, "as_of_booking_date", text);
    violations.finish(Some(())).map_err(Error::from)?;
    let (found, balanced) = app::get_trial_balance::get_trial_balance(ledger, as_of).await?;
    let rows = found.into_iter().map(|row| {
        let money = |sum| Some(wire_money(Money::new(i64::try_from(sum).ok()?, row.currency)));
        let net = money(row.credits - row.debits);
        let beyond =
            || Error::internal(format!("the net of GL account {} leaves 64 bits", row.code));
        Ok(proto::TrialBalanceRow {
            debits: money(row.debits),
            credits: money(row.credits),
            net: Some(net.ok_or_else(beyond)?),
            code: row.code.clone(),
            name: row.name.clone(),
            entries: row.entries,
        })
    });
    let rows = rows.collect::<Result<_, Error>>()?;
    Ok(Response::new(proto::GetTrialBalanceResponse { rows, balanced }))
}

pub(super) async fn list_products(
    ledger: &Ledger,
    request: Request<proto::ListProductsRequest>,
) -> Result<Response<proto::ListProductsResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    convert::page_size(&mut violations, request.page_size, app::list_chart::MOST);
    violations.finish(Some(())).map_err(Error::from)?;
    let page = (request.page_size, request.page_token.as_str());
    let (found, next_page_token) = app::list_chart::list_products(ledger, &context, page).await?;
    let products = found.into_iter().map(|product| proto::Product {
        code: product.code,
        name: product.name,
        control_gl_code: product.control_gl,
        overdraft_maximum: product.overdraft_maxima.into_iter().map(wire_money).collect(),
    });
    let products = products.collect();
    Ok(Response::new(proto::ListProductsResponse { products, next_page_token }))
}

pub(super) async fn get_business_date(
    ledger: &Ledger,
    _: Request<proto::GetBusinessDateRequest>,
) -> Result<Response<proto::GetBusinessDateResponse>, Status> {
    let books = chart::books(ledger.db.read(), "").await.map_err(internal)?;
    let business_date = books.business_date.to_string();
    Ok(Response::new(proto::GetBusinessDateResponse { business_date }))
}

pub(super) async fn advance_business_date(
    ledger: &Ledger,
    request: Request<proto::AdvanceBusinessDateRequest>,
) -> Result<Response<proto::AdvanceBusinessDateResponse>, Status> {
    let (context, request) = (context(&request)?, request.into_inner());
    let mut violations = Violations::new();
    let closing = violations.check("closing", parse_date(&request.closing));
    let opening = violations.check("opening", parse_date(&request.opening));
    let dates = closing.zip(opening);
    if dates.is_some_and(|(closing, opening)| opening <= closing) {
        violations.add("opening", "NOT_LATER", "must be later than the closing date");
    }
    if dates.is_some_and(|(closing, opening)| days_between(closing, opening) > MOST_CLOSED_DAYS) {
        let text = format!("must be at most {MOST_CLOSED_DAYS} days after the closing date");
        violations.add("opening", "OUT_OF_RANGE", text);
    }
    let (closing, opening) = violations.finish(dates).map_err(Error::from)?;
    let (outbox, of) = (&ledger.outbox, &context);
    once(&ledger.db, &context, &request, async |tx: Tx| {
        use app::advance_business_date::advance_business_date;
        let date = advance_business_date(&tx, outbox, of, closing, opening).await?;
        let business_date = date.to_string();
        Ok::<_, Failure>(proto::AdvanceBusinessDateResponse { business_date })
    })
    .await
}
