//! pain.001.001.09.

use std::{io::BufRead, ops::ControlFlow};

use florin_iso20022::{
    Account, InitiationReader, InstructionHead, OrderedTransfer, Piece, ReadError, Rule,
};
use florin_kernel::{Broken, FieldViolation, Violations};

use super::{Found, violation};
use crate::domain::{Announced, Line, LineOrder, Payee};

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
    let mut number = 0_i64;
    let problem = |each: &mut dyn FnMut(Found) -> ControlFlow<()>, found: Vec<_>| {
        found.into_iter().try_for_each(|one| each(Found::Problem(one)))
    };
    loop {
        match reader.next_piece() {
            Ok(None) => return ControlFlow::Continue(()),
            Ok(Some(Piece::Head(head))) if head.id.as_str() != announced.message_id => {
                let told = format!("must be {}, as announced", announced.message_id);
                let told = violation("CstmrCdtTrfInitn/GrpHdr/MsgId", "NOT_AS_ANNOUNCED", told);
                problem(each, told)?;
            }
            Ok(Some(Piece::Head(_))) => {}
            Ok(Some(Piece::Total(error))) => problem(each, vec![told(error)])?,
            Ok(Some(Piece::Transfer(head, read))) => {
                number = number.saturating_add(1);
                each(Found::Line(line(announced, number, &head, read)))?;
            }
            Err(error) => {
                problem(each, vec![told(error)])?;
                return ControlFlow::Break(());
            }
        }
    }
}

fn line(
    announced: &Announced,
    number: i64,
    head: &InstructionHead,
    read: Result<OrderedTransfer, ReadError>,
) -> Line {
    let mut violations = Violations::new();
    let transfer = match read {
        Ok(transfer) => transfer,
        Err(error) => {
            let FieldViolation { field, rule, description } = told(error);
            violations.add(field, rule, description);
            return Line::wrong(number, String::new(), violations);
        }
    };
    let reference = transfer.names.end_to_end.map(|id| id.as_str().to_owned());
    let reference = reference.filter(|id| id != NOT_PROVIDED).unwrap_or_default();
    let pays = match &head.debtor.account {
        Some(Account::Iban(iban)) => Some(iban),
        Some(Account::Other(_)) | None => None,
    };
    if pays.is_none() || pays != announced.from_iban.as_ref() {
        let text = "must be the IBAN of the account for which the file was announced";
        violations.add("DbtrAcct/Id/IBAN", "NOT_AS_ANNOUNCED", text);
    }
    if transfer.amount.currency() != announced.currency {
        let text = format!("must be {}, as the account that pays", announced.currency);
        violations.add("Amt/InstdAmt/@Ccy", "CURRENCY_MISMATCH", text);
    }
    let to = match transfer.creditor.account {
        Some(Account::Iban(iban)) if Some(&iban) == pays => {
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
        return Line::wrong(number, reference, violations);
    };
    let description = transfer.remittance.map(|text| text.as_str().to_owned());
    let order = LineOrder {
        to: Payee::Iban(to),
        amount: transfer.amount,
        description: description.unwrap_or_default(),
    };
    Line { number, reference, on: Some(head.on), order: Ok(order) }
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
        Rule::Malformed(_)
        | Rule::Encoding
        | Rule::TooDeep { .. }
        | Rule::Doctype
        | Rule::Entity(_)
        | Rule::NoMessage(_)
        | Rule::Version(_)
        | Rule::SeveralMessages
        | Rule::Namespace(_)
        | Rule::Character(_)
        | Rule::Instant
        | Rule::Bic(_)
        | Rule::Uetr(_) => "MALFORMED_DOCUMENT",
    };
    FieldViolation { field: path, rule, description }
}
