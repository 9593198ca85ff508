//! RPCs on the journal, holds, the chart and the books.

use florin_kernel::{AccountId, HoldId, TransactionId, Violations, check_text, parse_date};
use florin_proto::{
    account::v1::{self as proto, Reason},
    common::v1::{Initiator, Reason as CommonReason},
    timestamp, wire_money,
};
use florin_rpc::{CallContext, Error, context};
use florin_runtime::{Failure, internal, once};
use florin_store::Tx;
use tonic::{Request, Response, Status};

use super::convert::{self, Posting};
use crate::{
    app::{
        self, answer, chain,
        command::{Command, Outcome, Place, Post, Reference, Release, Reverse, Work},
        ledger::{self, Ledger},
        place_hold, post_transactions,
    },
    domain::{
        account::Rules,
        posting::{GlAccount, Target},
    },
    store::{
        chart,
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
        violations.add("transactions", "COUNT", text);
        return Err(Error::from(violations).into());
    }
    let mut postings = Vec::with_capacity(transactions.len());
    for (at, one) in transactions.iter().enumerate() {
        postings.push(convert::posting(&mut violations, &format!("transactions[{at}]."), one));
    }
    let postings: Option<Vec<Posting>> = postings.into_iter().collect();
    let postings = violations.finish(postings).map_err(Error::from)?;
    for posting in &postings {
        let needed = if posting.booking_date.is_some() { "ledger:import" } else { "ledger:post" };
        let trusted = is_service(&context) && posting.booking_date.is_none();
        if !trusted && !context.principal.has_scope(needed) {
            let text = format!("a posting with this booking date needs the scope {needed}");
            return Err(Error::new(CommonReason::ScopeMissing, text).with("scopes", needed).into());
        }
    }
    let commands = postings.into_iter().zip(transactions);
    let commands =
        commands.map(|(posting, wire)| post_command(&context, posting, wire.initiator.as_ref()));
    let outcomes = ledger.submit(commands.collect(), context.deadline).await?;
    let results = transactions.iter().zip(&outcomes);
    let results = results.map(|(one, outcome)| posting_result(&one.reference, outcome));
    Ok(Response::new(proto::PostTransactionsResponse { results: results.collect() }))
}

/// Whether a service of the mesh calls for itself.
fn is_service(context: &CallContext) -> bool {
    matches!(&context.peer, florin_rpc::Peer::Role(role) if role.is_service())
}

fn post_command(context: &CallContext, posting: Posting, initiator: Option<&Initiator>) -> Command {
    let (millis, random) = florin_store::id_parts();
    let reference = Reference {
        caller: ledger::caller(context),
        fingerprint: content_of(&posting),
        text: posting.reference,
    };
    let rules = if posting.booking_date.is_some() { Rules::Import } else { Rules::Today };
    let post = Post {
        reference,
        id: TransactionId::from_parts(millis, random).to_string(),
        kind: posting.kind,
        description: posting.description,
        legs: posting.legs,
        booking_date: posting.booking_date,
        value_date: posting.value_date,
        rules,
        correlation: posting.correlation,
        initiator: initiator_text(context, initiator),
    };
    Command { work: Work::Post(post), key: None, actor: ledger::actor(context) }
}

/// What a reference stands for: everything that the journal keeps but who asked and when.
fn content_of(posting: &Posting) -> Vec<u8> {
    let date = |date: Option<florin_kernel::Date>| date.map(|date| date.to_string());
    let mut fields = vec![
        "post".to_owned(),
        posting.kind.clone(),
        posting.description.clone(),
        date(posting.value_date).unwrap_or_default(),
        date(posting.booking_date).unwrap_or_default(),
    ];
    for leg in posting.legs.as_slice() {
        // These words are stored as hashes: they stay.
        fields.push(match &leg.target {
            Target::Customer(id) => format!("account {id}"),
            Target::Gl(code) => format!("gl {code}"),
        });
        fields.push(leg.amount.to_string());
        fields.push(leg.counterparty.clone());
    }
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    chain::fingerprint(&fields)
}

/// Who set it going, as JSON for the audit: the one that a service names, else the caller.
/// Whoever came through the gateway or with a client's certificate names nobody else.
fn initiator_text(context: &CallContext, named: Option<&Initiator>) -> String {
    let own = context.principal.to_initiator();
    let who = named.filter(|_| is_service(context)).unwrap_or(&own);
    serde_json::json!({
        "kind": who.kind().as_str_name(), "issuer": who.issuer, "subject": who.subject,
        "customer_id": who.customer_id, "client": who.client, "token_id": who.token_id,
        "scopes": who.scopes,
    })
    .to_string()
}

fn posting_result(reference: &str, outcome: &Outcome) -> proto::TransactionResult {
    use proto::transaction_result::Outcome as Wire;
    let posted = answer::wire_posted(outcome).map(Wire::Posted);
    let wire = posted.or_else(|| match outcome {
        Outcome::Refused(refusal) => Some(Wire::Refused(answer::wire_refusal(refusal))),
        Outcome::Posted { .. }
        | Outcome::Held { .. }
        | Outcome::Account { .. }
        | Outcome::Decided(_)
        | Outcome::Answered(_)
        | Outcome::KeyReused => None,
    });
    proto::TransactionResult { reference: reference.to_owned(), outcome: wire }
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
        initiator: initiator_text(&context, None),
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
        initiator: initiator_text(&context, request.initiator.as_ref()),
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
    _: Request<proto::ListGlAccountsRequest>,
) -> Result<Response<proto::ListGlAccountsResponse>, Status> {
    let chart = chart::gl_accounts(ledger.db.read()).await.map_err(internal)?;
    let gl_accounts = chart.values().map(wire_gl).collect();
    Ok(Response::new(proto::ListGlAccountsResponse { gl_accounts }))
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
    let rows = found.into_iter().map(|row| proto::TrialBalanceRow {
        debits: Some(wire_money(florin_kernel::Money::new(row.debits, row.currency))),
        credits: Some(wire_money(florin_kernel::Money::new(row.credits, row.currency))),
        code: row.code,
        name: row.name,
        entries: row.entries,
    });
    Ok(Response::new(proto::GetTrialBalanceResponse { rows: rows.collect(), balanced }))
}

pub(super) async fn list_products(
    ledger: &Ledger,
    _: Request<proto::ListProductsRequest>,
) -> Result<Response<proto::ListProductsResponse>, Status> {
    let found = chart::products(ledger.db.read()).await.map_err(internal)?;
    let products = found.into_iter().map(|product| proto::Product {
        code: product.code,
        name: product.name,
        control_gl_code: product.control_gl,
        overdraft_allowed: product.overdraft_allowed,
    });
    Ok(Response::new(proto::ListProductsResponse { products: products.collect() }))
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
