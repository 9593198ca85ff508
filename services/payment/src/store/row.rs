//! A row of `transfers` and what it stands for.

mod steps;

use std::collections::BTreeMap;

use florin_kernel::{AccountId, Bic, Currency, Date, Iban, Money, OrderId, UnixMicros};
use florin_store::{
    StoreError, row,
    rows::{Column, Row},
};
use sea_orm::QueryResult;
use serde_json::json;

use self::steps::{steps_of_text, steps_to_text};
use crate::domain::{
    Ended, Failure, Fee, Kind, Link, Order, Relation, Route, Screening, Status, Transfer,
};

/// A stored transfer and what is kept with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The transfer.
    pub transfer: Transfer,
    /// Position token of its last events, of the ledger and of this service.
    pub position: String,
    /// Who set it going: an encoded `florin.common.v1.Initiator`.
    pub initiator: Vec<u8>,
    /// The key under which its client created it.
    pub key: ClientKey,
    /// Trace of the request that created it.
    pub traceparent: Option<String>,
    /// How often a worker has taken it.
    pub attempts: i64,
    /// When a call of the ledger last ended without a decision: for replicas of before ADR 6.
    pub unanswered_at: Option<UnixMicros>,
    /// What the ledger last answered without deciding.
    pub last_cause: Option<String>,
    /// When the ledger told that nothing is ever posted under its reference.
    pub voided_at: Option<UnixMicros>,
    /// When a worker is to take it; None once it has ended.
    pub due_at: Option<UnixMicros>,
    /// Who has it now.
    pub lease_token: Option<String>,
    /// The counters of limits in which a program of before has reserved its amount.
    pub reserved: Vec<String>,
}

/// A client's idempotency key, kept with the transfer for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// Whose it is; None for a transfer from before that was kept.
    pub scope: Option<String>,
    /// What the client sent.
    pub key: String,
    /// SHA-256 of the request; None where it was not kept.
    pub request_hash: Option<Vec<u8>>,
}

/// Whose the keys of the transfers of an order are.
const OF_ORDER: &str = "order ";

impl ClientKey {
    /// The key of the transfer of an order for a date of its own.
    #[must_use]
    pub fn of_order(order: OrderId, date: Date, attempt: i64) -> Self {
        Self {
            scope: Some(format!("{OF_ORDER}{order}")),
            key: format!("{date}/{attempt}"),
            request_hash: None,
        }
    }

    /// The order and the date of the order's own that this is the key of.
    #[must_use]
    pub fn run_of_order(&self) -> Option<(&str, &str)> {
        let order = self.scope.as_deref()?.strip_prefix(OF_ORDER)?;
        Some((order, self.key.split_once('/')?.0))
    }
}

/// What is written once.
pub(super) const FIXED: [(&str, Column); 23] = [
    ("id", Column::Text),
    ("kind", Column::Int),
    ("debtor_account", Column::Text),
    ("debtor_iban", Column::Text),
    ("creditor_account", Column::Text),
    ("creditor_iban", Column::Text),
    ("creditor_bic", Column::Text),
    ("cash_gl_code", Column::Text),
    ("currency", Column::Text),
    ("amount", Column::Int),
    ("description", Column::Text),
    ("initiator", Column::Bytes),
    ("idempotency_scope", Column::Text),
    ("idempotency_key", Column::Text),
    ("request_hash", Column::Bytes),
    ("traceparent", Column::Text),
    ("created_at", Column::Int),
    ("original", Column::Text),
    ("original_transaction", Column::Text),
    ("relation", Column::Int),
    ("reserved", Column::Text),
    ("fee", Column::Int),
    ("fee_gl_code", Column::Text),
];

/// What changes with the state.
pub(super) const CHANGING: [(&str, Column); 17] = [
    ("status", Column::Int),
    ("screening", Column::Text),
    ("failure_reason", Column::Text),
    ("failure_message", Column::Text),
    ("failure_domain", Column::Text),
    ("failure_facts", Column::Text),
    ("transaction_id", Column::Text),
    ("steps", Column::Text),
    ("position", Column::Text),
    ("changed_at", Column::Int),
    ("due_at", Column::Int),
    ("lease_until", Column::Int),
    ("lease_token", Column::Text),
    ("attempts", Column::Int),
    ("unanswered_at", Column::Int),
    ("last_cause", Column::Text),
    ("voided_at", Column::Int),
];

/// Every column, as a list for SELECT.
pub(super) fn columns() -> String {
    let names: Vec<_> = FIXED.iter().chain(&CHANGING).map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Record {
    /// The row, every column of [`FIXED`] and [`CHANGING`]. A lease is never written
    /// from here: whoever writes a row gives it back.
    pub(super) fn to_row(&self) -> Row {
        let fixed = row! {
            "initiator": self.initiator.clone(),
            "idempotency_scope": self.key.scope.as_deref(),
            "idempotency_key": self.key.key.as_str(),
            "request_hash": self.key.request_hash.clone(),
            "traceparent": self.traceparent.as_deref(),
            "created_at": self.transfer.created_at().0,
            "reserved": reserved_to_text(&self.reserved),
        };
        order_to_row(self.transfer.order()).and(fixed).and(self.to_changing())
    }

    /// Its id with every column of [`CHANGING`], as [`Self::to_row`].
    pub(super) fn to_changing(&self) -> Row {
        let transfer = &self.transfer;
        let between_banks = transfer.order().route().other_bank().is_some();
        let failure = match transfer.ended() {
            Ended::Unpaid(failure) => Some(failure),
            Ended::NotYet | Ended::Paid(_) | Ended::Withdrawn => None,
        };
        let transaction = match transfer.ended() {
            Ended::Paid(transaction) => Some(transaction.to_string()),
            Ended::NotYet | Ended::Unpaid(_) | Ended::Withdrawn => None,
        };
        row! {
            "id": transfer.id().to_string(),
            "status": transfer.status().code(),
            "screening": transfer.screening().map(Screening::name),
            "failure_reason": failure.map(|failure| failure.reason.as_str()),
            "failure_message": failure.map(|failure| failure.message.as_str()),
            "failure_domain": failure.map(|failure| failure.domain.as_str()),
            "failure_facts": failure.map(|failure| json!(failure.facts).to_string()),
            "transaction_id": transaction,
            "steps": steps_to_text(transfer.steps()),
            "position": self.position.as_str(),
            "changed_at": transfer.changed_at().0,
            // One between banks is advanced by its own table.
            "due_at": self.due_at.filter(|_| !between_banks).map(|due| due.0),
            "attempts": self.attempts,
            "unanswered_at": self.unanswered_at.map(|at| at.0),
            "last_cause": self.last_cause.as_deref(),
            "voided_at": self.voided_at.map(|at| at.0),
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// `Corrupt` where it is no transfer.
    pub(super) fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let id: String = row.try_get("", "id")?;
        let steps = steps_of_text(&row.try_get::<String>("", "steps")?)
            .ok_or_else(|| corrupt(&id, "steps"))?;
        let screening = match row.try_get::<Option<String>>("", "screening")?.as_deref() {
            None => None,
            Some("NOT_SCREENED") => Some(Screening::NotScreened),
            Some(_) => return Err(corrupt(&id, "screening")),
        };
        let status: i64 = row.try_get("", "status")?;
        let transfer = Transfer::restore(
            id.parse().map_err(|_| corrupt(&id, "id"))?,
            order_of_row(&id, row)?,
            screening,
            ended_of_row(&id, row, status)?,
            steps,
        )
        .filter(|transfer| transfer.status().code() == status)
        .ok_or_else(|| corrupt(&id, "status"))?;
        Ok(Self {
            transfer,
            position: row.try_get("", "position")?,
            initiator: row.try_get("", "initiator")?,
            key: ClientKey {
                scope: row.try_get("", "idempotency_scope")?,
                key: row.try_get("", "idempotency_key")?,
                request_hash: row.try_get("", "request_hash")?,
            },
            traceparent: row.try_get("", "traceparent")?,
            attempts: row.try_get("", "attempts")?,
            unanswered_at: row.try_get::<Option<i64>>("", "unanswered_at")?.map(UnixMicros),
            last_cause: row.try_get("", "last_cause")?,
            voided_at: row.try_get::<Option<i64>>("", "voided_at")?.map(UnixMicros),
            due_at: row.try_get::<Option<i64>>("", "due_at")?.map(UnixMicros),
            lease_token: row.try_get("", "lease_token")?,
            reserved: match row.try_get::<Option<String>>("", "reserved")? {
                None => Vec::new(),
                Some(text) => serde_json::from_str(&text).map_err(|_| corrupt(&id, "reserved"))?,
            },
        })
    }
}

fn corrupt(id: &str, what: &str) -> StoreError {
    StoreError::Corrupt(format!("transfer {id} has no valid {what}"))
}

pub(super) fn order_to_row(order: &Order) -> Row {
    let cash = match order.route() {
        Route::Transfer { .. } => None,
        Route::CashDeposit { cash_gl_code: code, .. }
        | Route::CashWithdrawal { cash_gl_code: code, .. }
        | Route::CrossBank { nostro_gl_code: code, .. } => Some(code),
    };
    row! {
        "kind": order.route().kind().code(),
        "debtor_account": order.route().debtor().map(|id| id.to_string()),
        "debtor_iban": order.route().debtor_iban().map(Iban::electronic),
        "creditor_account": order.route().creditor().map(|id| id.to_string()),
        "creditor_iban": order.route().creditor_iban().map(Iban::electronic),
        "creditor_bic": order.route().other_bank().map(Bic::code),
        "cash_gl_code": cash.map(String::as_str),
        "currency": order.amount().currency().code(),
        "amount": order.amount().minor(),
        "description": order.description(),
        "original": order.link().map(|link| link.original.to_string()),
        "original_transaction": order.link().map(|link| link.transaction.to_string()),
        "relation": order.link().map(|link| link.relation.code()),
        "fee": order.fee().map(|fee| fee.amount.minor()),
        "fee_gl_code": order.fee().map(|fee| fee.gl_code.as_str()),
    }
}

/// Null where nothing is reserved.
fn reserved_to_text(reserved: &[String]) -> Option<String> {
    (!reserved.is_empty()).then(|| json!(reserved).to_string())
}

fn fee_of_row(id: &str, row: &QueryResult, currency: Currency) -> Result<Option<Fee>, StoreError> {
    let Some(minor) = row.try_get::<Option<i64>>("", "fee")? else { return Ok(None) };
    let gl_code: Option<String> = row.try_get("", "fee_gl_code")?;
    let gl_code = gl_code.ok_or_else(|| corrupt(id, "fee_gl_code"))?;
    Ok(Some(Fee { amount: Money::new(minor, currency), gl_code }))
}

fn link_of_row(id: &str, row: &QueryResult) -> Result<Option<Link>, StoreError> {
    let Some(relation) = row.try_get::<Option<i64>>("", "relation")? else { return Ok(None) };
    let text = |column| row.try_get::<Option<String>>("", column).map(Option::unwrap_or_default);
    Ok(Some(Link {
        relation: Relation::from_code(relation).ok_or_else(|| corrupt(id, "relation"))?,
        original: text("original")?.parse().map_err(|_| corrupt(id, "original"))?,
        transaction: text("original_transaction")?
            .parse()
            .map_err(|_| corrupt(id, "original_transaction"))?,
    }))
}

fn account_of_row(id: &str, row: &QueryResult, column: &str) -> Result<AccountId, StoreError> {
    let text: Option<String> = row.try_get("", column)?;
    text.unwrap_or_default().parse().map_err(|_| corrupt(id, column))
}

fn iban_of_row(id: &str, row: &QueryResult, column: &str) -> Result<Option<Iban>, StoreError> {
    let text: Option<String> = row.try_get("", column)?;
    text.map(|text| text.parse().map_err(|_| corrupt(id, column))).transpose()
}

/// The two accounts of a transfer.
pub(super) fn transfer_of_row(id: &str, row: &QueryResult) -> Result<Route, StoreError> {
    Ok(Route::Transfer {
        from: account_of_row(id, row, "debtor_account")?,
        from_iban: iban_of_row(id, row, "debtor_iban")?,
        to: account_of_row(id, row, "creditor_account")?,
        to_iban: iban_of_row(id, row, "creditor_iban")?,
    })
}

fn order_of_row(id: &str, row: &QueryResult) -> Result<Order, StoreError> {
    let account = |column| account_of_row(id, row, column);
    let iban = |column| iban_of_row(id, row, column);
    let cash = || {
        let code: Option<String> = row.try_get("", "cash_gl_code")?;
        code.ok_or_else(|| corrupt(id, "cash_gl_code"))
    };
    let kind = Kind::from_code(row.try_get("", "kind")?).ok_or_else(|| corrupt(id, "kind"))?;
    let other_bank: Option<String> = row.try_get("", "creditor_bic")?;
    let route = match kind {
        Kind::Transfer if other_bank.is_some() => Route::CrossBank {
            from: account("debtor_account")?,
            from_iban: iban("debtor_iban")?.ok_or_else(|| corrupt(id, "debtor_iban"))?,
            to_iban: iban("creditor_iban")?.ok_or_else(|| corrupt(id, "creditor_iban"))?,
            to_bank: other_bank
                .unwrap_or_default()
                .parse()
                .map_err(|_| corrupt(id, "creditor_bic"))?,
            nostro_gl_code: cash()?,
        },
        Kind::Transfer => transfer_of_row(id, row)?,
        Kind::CashDeposit => Route::CashDeposit {
            to: account("creditor_account")?,
            to_iban: iban("creditor_iban")?,
            cash_gl_code: cash()?,
        },
        Kind::CashWithdrawal => Route::CashWithdrawal {
            from: account("debtor_account")?,
            from_iban: iban("debtor_iban")?,
            cash_gl_code: cash()?,
        },
    };
    let currency: String = row.try_get("", "currency")?;
    let currency: Currency = currency.parse().map_err(|_| corrupt(id, "currency"))?;
    let amount = Money::new(row.try_get("", "amount")?, currency);
    let order = Order::restore(route, amount, row.try_get("", "description")?)
        .map_err(|_| corrupt(id, "order"))?;
    let order = match link_of_row(id, row)? {
        Some(link) => order.linked(link),
        None => order,
    };
    order.charged(fee_of_row(id, row, currency)?).map_err(|_| corrupt(id, "fee"))
}

fn ended_of_row(id: &str, row: &QueryResult, status: i64) -> Result<Ended, StoreError> {
    let text = |column| row.try_get::<Option<String>>("", column).map(Option::unwrap_or_default);
    match Status::from_code(status).map_err(|_| corrupt(id, "status"))? {
        Status::Processing
        | Status::Posting
        | Status::Holding
        | Status::Submitting
        | Status::Settling
        | Status::Releasing => Ok(Ended::NotYet),
        Status::Cancelled => Ok(Ended::Withdrawn),
        Status::Completed => text("transaction_id")?
            .parse()
            .map(Ended::Paid)
            .map_err(|_| corrupt(id, "transaction_id")),
        Status::Failed => Ok(Ended::Unpaid(Failure {
            reason: text("failure_reason")?,
            domain: text("failure_domain")?,
            message: text("failure_message")?,
            facts: match text("failure_facts")?.as_str() {
                "" => BTreeMap::new(),
                facts => serde_json::from_str(facts).map_err(|_| corrupt(id, "failure_facts"))?,
            },
        })),
    }
}
