//! pain.001.001.09.

use std::{io::BufRead, ops::ControlFlow, sync::Arc};

use florin_iso20022::{
    Account, Id, InitiationReader, InstructionHead, OrderedTransfer, PaymentNames, Piece,
    ReadError, Rule, UnreadTransfer,
};
use florin_kernel::{Broken, FieldViolation, Violations};

use super::{Found, violation};
use crate::domain::{Announced, BatchHead, FIRST_BATCH, Line, LineNames, LineOrder, Payee, Paying};

/// What stands for a name that the payer has not given (ISO 20022).
const NOT_PROVIDED: &str = "NOTPROVIDED";
/// Characters that are told of what is refused.
const MOST_TOLD: usize = 200;

/// Reads every transfer.
pub fn read(
    announced: &Announced,
    stream: impl BufRead,
    each: &mut impl FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut reader = InitiationReader::new(stream);
    let mut batch: Option<(i64, Arc<InstructionHead>)> = None;
    let mut number = 0_i64;
    let problem = |each: &mut dyn FnMut(Found) -> ControlFlow<()>, found: Vec<_>| {
        found.into_iter().try_for_each(|one| each(Found::Problem(one)))
    };
    loop {
        match reader.next_piece() {
            Ok(None) => return ControlFlow::Continue(()),
            Ok(Some(Piece::Head(head))) => {
                each(Found::MadeAt(head.created_at))?;
                if head.id.as_str() != announced.message_id {
                    let told = format!("must be {}, as announced", announced.message_id);
                    let field = "CstmrCdtTrfInitn/GrpHdr/MsgId";
                    problem(each, violation(field, "NOT_AS_ANNOUNCED", told))?;
                }
            }
            Ok(Some(Piece::Instruction(head))) => {
                let last = batch.map_or(0, |(last, _)| last);
                let begun = last.saturating_add(1);
                each(Found::Batch(batch_head(begun, &head)))?;
                batch = Some((begun, head));
            }
            Ok(Some(Piece::Total(error))) => problem(each, vec![told(error)])?,
            Ok(Some(Piece::Transfer(read))) => {
                number = number.saturating_add(1);
                // The reader tells a head before its transfers.
                let Some((batch, head)) = &batch else { return ControlFlow::Break(()) };
                let line = line(announced, number, head, read);
                each(Found::Line(Line { batch: *batch, ..line }))?;
            }
            Err(error) => {
                problem(each, vec![told(error)])?;
                return ControlFlow::Break(());
            }
        }
    }
}

fn batch_head(number: i64, head: &InstructionHead) -> BatchHead {
    let paying = match &head.debtor.account {
        Some(Account::Iban(iban)) => Paying::Iban(iban.clone()),
        Some(Account::Other(_)) | None => Paying::Nobody,
    };
    BatchHead { number, name: head.id.as_str().to_owned(), paying, on: Some(head.on) }
}

fn line_names(names: PaymentNames) -> LineNames {
    let text = |id: Option<Id>| id.map(|id| id.as_str().to_owned());
    let reference = text(names.end_to_end).filter(|id| id != NOT_PROVIDED).unwrap_or_default();
    let instruction = text(names.instruction).unwrap_or_default();
    LineNames { reference, instruction, uetr: names.uetr }
}

fn line(
    announced: &Announced,
    number: i64,
    head: &InstructionHead,
    read: Result<OrderedTransfer, UnreadTransfer>,
) -> Line {
    let mut violations = Violations::new();
    let transfer = match read {
        Ok(transfer) => transfer,
        Err(UnreadTransfer { names, error }) => {
            let FieldViolation { field, rule, description } = told(error);
            violations.add(field, rule, description);
            return Line::wrong(number, line_names(names), violations);
        }
    };
    let names = line_names(transfer.names);
    if transfer.amount.currency() != announced.currency {
        let text = format!("must be {}, as the account that pays", announced.currency);
        violations.add("Amt/InstdAmt/@Ccy", "CURRENCY_MISMATCH", text);
    }
    let to = match transfer.creditor.account {
        Some(to @ Account::Iban(_)) if head.debtor.account.as_ref() == Some(&to) => {
            violations.add("CdtrAcct/Id/IBAN", "SAME_ACCOUNT", "must be another than pays");
            None
        }
        Some(Account::Iban(iban)) => Some(iban),
        Some(Account::Other(_)) | None => {
            violations.add("CdtrAcct/Id/IBAN", "REQUIRED", "must name the account by its IBAN");
            None
        }
    };
    let Some(to) = to.filter(|_| violations.is_empty()) else {
        return Line::wrong(number, names, violations);
    };
    let description = transfer.remittance.map(|text| text.as_str().to_owned());
    let order = LineOrder {
        to: Payee::Iban(to),
        amount: transfer.amount,
        description: description.unwrap_or_default(),
    };
    Line { number, batch: FIRST_BATCH, names, on: Some(head.on), order: Ok(order) }
}

/// A refusal of the reader as a violation.
fn told(ReadError { path, rule }: ReadError) -> FieldViolation {
    let description: String = rule.to_string().chars().take(MOST_TOLD).collect();
    let rule = match &rule {
        Rule::Missing => "REQUIRED",
        Rule::Repeated => "REPEATED",
        Rule::Total { .. } => "WRONG_TOTAL",
        Rule::Code(_) => "UNKNOWN_VALUE",
        Rule::TooLarge { .. } => "TOO_LONG",
        Rule::TooManyElements { .. } => "TOO_MANY",
        Rule::Text(error) => error.rule(),
        Rule::Money(error) => error.rule(),
        Rule::Date(error) => error.rule(),
        Rule::Iban(error) => error.rule(),
        Rule::Bic(_) => "MALFORMED_BIC",
        Rule::Uetr(_) => "MALFORMED_UETR",
        Rule::NoMessage(_) | Rule::Version(_) | Rule::Namespace(_) => "WRONG_NAMESPACE",
        Rule::Malformed(_)
        | Rule::Encoding
        | Rule::TooDeep { .. }
        | Rule::Doctype
        | Rule::Entity(_)
        | Rule::SeveralMessages
        | Rule::Character(_)
        | Rule::Instant => "MALFORMED_DOCUMENT",
    };
    FieldViolation { field: path, rule, description }
}
