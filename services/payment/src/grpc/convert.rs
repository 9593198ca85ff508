//! Wire -> domain. Reading a request collects every violation.

mod authorisations;
mod beneficiaries;
mod bulks;
mod limits;
mod orders;
mod recalls;
mod repairs;

use florin_kernel::{
    AccountId, BeneficiaryId, Currency, Money, MoneyError, TransferId, Violations, check_text,
};
use florin_proto::payment::v1::{
    CreateDepositRequest, CreateTransferRequest, CreateWithdrawalRequest, ListTransfersRequest,
    QuoteTransferRequest, RefundTransferRequest, ReverseTransferRequest, TransferKind,
    TransferStatus,
};

pub use self::{
    authorisations::{AuthorisationDraft, OperationDraft, authorisation_id, authorisations_page},
    beneficiaries::{BeneficiaryDraft, beneficiaries_page, beneficiary_id, label},
    bulks::{
        BulkDraft, PartDraft, another_bulk, bulk_id, bulks_page, download_page, lines_page,
        report_page,
    },
    limits::{LimitsQuery, limit, limit_name},
    orders::{OrderChange, OrderDraft, order_id, orders_page, skipped_date},
    recalls::{RecallDraft, Verdict, recall_id, recalls_page, verdict},
    repairs::{RepairDraft, repair_id, repairs_page, voice},
};
use crate::domain::{Kind, Payee};

/// Characters in the text for the statements.
const MOST_DESCRIPTION: usize = 140;
/// Transfers on a page where the client says nothing.
const PAGE_SIZE: u32 = 50;
/// Transfers on a page at most.
const MOST_PAGE_SIZE: u32 = 200;

/// What a client asks for with a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferDraft {
    /// The account that pays.
    pub from: AccountId,
    /// The account that is paid.
    pub to: Payee,
    /// Positive.
    pub amount: Money,
    /// Text for the statements.
    pub description: String,
}

impl TryFrom<&CreateTransferRequest> for TransferDraft {
    type Error = Violations;

    fn try_from(wire: &CreateTransferRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let draft = transfer(&mut violations, wire);
        violations.finish(draft)
    }
}

/// Reads a transfer; None where a field is broken.
pub fn transfer(
    violations: &mut Violations,
    wire: &CreateTransferRequest,
) -> Option<TransferDraft> {
    let from = violations.check("from", AccountId::parse(&wire.from));
    let to = if wire.to.starts_with("ben_") {
        violations.check("to", BeneficiaryId::parse(&wire.to)).map(Payee::Beneficiary)
    } else {
        payee(violations, &wire.to)
    };
    let amount = amount(violations, &wire.currency, &wire.amount);
    let description = description(violations, &wire.description);
    if let (Some(from), Some(Payee::Account(to))) = (from, &to)
        && from == *to
    {
        same_account(violations);
    }
    Some(TransferDraft { from: from?, to: to?, amount: amount?, description: description? })
}

/// What a client asks for with a cash deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositDraft {
    /// The account that is paid.
    pub to: Payee,
    /// Positive.
    pub amount: Money,
    /// Text for the statement.
    pub description: String,
}

impl TryFrom<&CreateDepositRequest> for DepositDraft {
    type Error = Violations;

    fn try_from(wire: &CreateDepositRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let to = payee(&mut violations, &wire.to);
        let amount = amount(&mut violations, &wire.currency, &wire.amount);
        let description = description(&mut violations, &wire.description);
        let draft = match (to, amount, description) {
            (Some(to), Some(amount), Some(description)) => Some(Self { to, amount, description }),
            _ => None,
        };
        violations.finish(draft)
    }
}

/// What a client asks for with a cash withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawalDraft {
    /// The account that pays.
    pub from: AccountId,
    /// Positive.
    pub amount: Money,
    /// Text for the statement.
    pub description: String,
}

impl TryFrom<&CreateWithdrawalRequest> for WithdrawalDraft {
    type Error = Violations;

    fn try_from(wire: &CreateWithdrawalRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let from = violations.check("from", AccountId::parse(&wire.from));
        let amount = amount(&mut violations, &wire.currency, &wire.amount);
        let description = description(&mut violations, &wire.description);
        let draft = match (from, amount, description) {
            (Some(from), Some(amount), Some(description)) => {
                Some(Self { from, amount, description })
            }
            _ => None,
        };
        violations.finish(draft)
    }
}

/// What a client wants to know the cost of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteDraft {
    /// The account that pays.
    pub from: AccountId,
    /// Positive.
    pub amount: Money,
    /// What sort of payment.
    pub kind: Kind,
}

impl TryFrom<&QuoteTransferRequest> for QuoteDraft {
    type Error = Violations;

    fn try_from(wire: &QuoteTransferRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let from = violations.check("from", AccountId::parse(&wire.from));
        let amount = amount(&mut violations, &wire.currency, &wire.amount);
        let kind = match TransferKind::try_from(wire.kind) {
            Ok(TransferKind::Unspecified | TransferKind::Transfer) => Some(Kind::Transfer),
            Ok(TransferKind::CashWithdrawal) => Some(Kind::CashWithdrawal),
            Ok(TransferKind::CashDeposit) | Err(_) => {
                let text = "must be TRANSFER or CASH_WITHDRAWAL";
                violations.add("kind", "UNKNOWN_VALUE", text);
                None
            }
        };
        let draft = match (from, amount, kind) {
            (Some(from), Some(amount), Some(kind)) => Some(Self { from, amount, kind }),
            _ => None,
        };
        violations.finish(draft)
    }
}

/// What a client asks for with a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundDraft {
    /// The transfer that is paid back.
    pub original: TransferId,
    /// Positive.
    pub amount: Money,
    /// Text for the statements.
    pub description: String,
}

impl TryFrom<&RefundTransferRequest> for RefundDraft {
    type Error = Violations;

    fn try_from(wire: &RefundTransferRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let original = violations.check("transfer_id", TransferId::parse(&wire.transfer_id));
        let amount = amount(&mut violations, &wire.currency, &wire.amount);
        let description = description(&mut violations, &wire.description);
        let draft = match (original, amount, description) {
            (Some(original), Some(amount), Some(description)) => {
                Some(Self { original, amount, description })
            }
            _ => None,
        };
        violations.finish(draft)
    }
}

/// What a client asks for with a reversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalDraft {
    /// The transfer that is undone.
    pub original: TransferId,
    /// Text for the statements.
    pub description: String,
}

impl TryFrom<&ReverseTransferRequest> for ReversalDraft {
    type Error = Violations;

    fn try_from(wire: &ReverseTransferRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let original = violations.check("transfer_id", TransferId::parse(&wire.transfer_id));
        let description = description(&mut violations, &wire.description);
        let draft = original.zip(description);
        violations.finish(draft.map(|(original, description)| Self { original, description }))
    }
}

/// What a client wants listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only those in the state with this number.
    pub status: Option<i64>,
    /// Transfers on the page.
    pub page_size: u32,
}

impl TryFrom<&ListTransfersRequest> for ListQuery {
    type Error = Violations;

    fn try_from(wire: &ListTransfersRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let account = if wire.account_id.is_empty() {
            None
        } else {
            violations.check("account_id", AccountId::parse(&wire.account_id))
        };
        let status = match TransferStatus::try_from(wire.status) {
            Ok(TransferStatus::Unspecified) => None,
            Ok(_) => Some(i64::from(wire.status)),
            Err(_) => {
                violations.add("status", "UNKNOWN_VALUE", "must be a state of a transfer");
                None
            }
        };
        let page_size = match u32::try_from(wire.page_size) {
            Ok(0) => PAGE_SIZE,
            Ok(size) if size <= MOST_PAGE_SIZE => size,
            Ok(_) | Err(_) => {
                violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 200, or 0 for 50");
                0
            }
        };
        violations.finish(Some(Self { account, status, page_size }))
    }
}

/// Reads the id of a transfer.
///
/// # Errors
/// The rule that it breaks.
pub fn transfer_id(text: &str) -> Result<TransferId, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("transfer_id", TransferId::parse(text));
    violations.finish(id)
}

/// The violation of a transfer from an account to itself.
pub fn same_account(violations: &mut Violations) {
    violations.add("to", "SAME_ACCOUNT", "must be another account than the one that pays");
}

/// An id has an underscore, which an IBAN never has.
fn payee(violations: &mut Violations, text: &str) -> Option<Payee> {
    if text.is_empty() || text.contains('_') {
        return violations.check("to", AccountId::parse(text)).map(Payee::Account);
    }
    violations.check("to", text.parse()).map(Payee::Iban)
}

fn amount(violations: &mut Violations, currency: &str, amount: &str) -> Option<Money> {
    let known = violations.check("currency", currency.parse::<Currency>());
    if amount.is_empty() {
        violations.check::<(), _>("amount", Err(MoneyError::MissingAmount));
        return None;
    }
    let known = known?;
    let amount = Money::parse_in(known, amount).and_then(Money::positive).and_then(Money::movable);
    violations.check("amount", amount)
}

fn description(violations: &mut Violations, text: &str) -> Option<String> {
    violations.check("description", check_text(text, 0, MOST_DESCRIPTION))
}

#[cfg(test)]
mod tests;
