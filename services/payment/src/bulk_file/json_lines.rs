//! JSON lines: an object a line.

use std::{
    io::{self, BufRead},
    ops::ControlFlow,
};

use florin_kernel::{Violations, check_text};
use florin_proto::payment::v1::CreateTransferRequest;
use serde::Deserialize;

use super::Found;
use crate::{
    domain::{Announced, BatchHead, FIRST_BATCH, Line, LineNames, LineOrder, Payee, Paying},
    grpc::convert::transfer,
};

/// Bytes of a line at most.
const MOST_LINE_BYTES: usize = 8 * 1024;
/// Characters of a reference at most, as in ISO 20022.
const MOST_REFERENCE: usize = 35;
/// What some editors begin a text with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Characters that are told of what the parser says.
const MOST_TOLD: usize = 200;

/// A line; what is absent is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Object {
    reference: String,
    from: String,
    to: String,
    amount: String,
    currency: String,
    description: String,
}

enum Next {
    Line,
    TooLong,
    End,
}

/// Reads every line.
pub fn read(
    announced: &Announced,
    mut stream: impl BufRead,
    each: &mut impl FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    each(Found::Batch(BatchHead {
        number: FIRST_BATCH,
        name: String::new(),
        paying: Paying::Announced,
        on: announced.execute_on,
    }))?;
    let (mut number, mut text) = (0_i64, Vec::new());
    loop {
        text.clear();
        // Who stops the stream knows why.
        let Ok(next) = next_line(&mut stream, &mut text) else { return ControlFlow::Break(()) };
        number = number.saturating_add(1);
        if number == 1 && text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        match next {
            Next::End => return ControlFlow::Continue(()),
            Next::TooLong => {
                let mut violations = Violations::new();
                let told = format!("must have at most {MOST_LINE_BYTES} bytes");
                violations.add("line", "TOO_LONG", told);
                each(Found::Line(Line::wrong(number, LineNames::default(), violations)))?;
            }
            Next::Line if text.iter().all(u8::is_ascii_whitespace) => {}
            Next::Line => each(Found::Line(line(announced, number, &text)))?,
        }
    }
}

/// Reads up to the end of the line, and keeps no more of it than a line may have.
fn next_line(stream: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<Next> {
    let (mut any, mut too_long) = (false, false);
    loop {
        let available = stream.fill_buf()?;
        if available.is_empty() {
            return Ok(match (any, too_long) {
                (false, _) => Next::End,
                (true, false) => Next::Line,
                (true, true) => Next::TooLong,
            });
        }
        any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let piece = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        if too_long || text.len().saturating_add(piece.len()) > MOST_LINE_BYTES {
            too_long = true;
        } else {
            text.extend_from_slice(piece);
        }
        let used = piece.len().saturating_add(usize::from(end.is_some()));
        stream.consume(used);
        if end.is_some() {
            return Ok(if too_long { Next::TooLong } else { Next::Line });
        }
    }
}

fn line(announced: &Announced, number: i64, text: &[u8]) -> Line {
    let mut violations = Violations::new();
    // The parser takes an array as the fields in their order.
    if !text.trim_ascii_start().starts_with(b"{") {
        violations.add("line", "TYPE", "must be a JSON object");
        return Line::wrong(number, LineNames::default(), violations);
    }
    let object: Object = match serde_json::from_slice(text) {
        Ok(object) => object,
        Err(error) => {
            let told: String = error.to_string().chars().take(MOST_TOLD).collect();
            violations.add("line", rule_of(&error, &told), told);
            return Line::wrong(number, LineNames::default(), violations);
        }
    };
    let reference = violations.check("reference", check_text(&object.reference, 1, MOST_REFERENCE));
    let from = announced.from.to_string();
    if !object.from.is_empty() && object.from != from {
        let told = "must be the account for which the file was announced, or absent";
        violations.add("from", "NOT_AS_ANNOUNCED", told);
    }
    let Object { to, amount, currency, description, .. } = object;
    let asked = CreateTransferRequest { from, to, amount, currency, description };
    let order = order(announced, &mut violations, &asked);
    match (order, reference) {
        (Some(order), Some(reference)) if violations.is_empty() => {
            let names = LineNames::of(reference);
            Line { number, batch: FIRST_BATCH, names, on: announced.execute_on, order: Ok(order) }
        }
        (_, reference) => {
            Line::wrong(number, LineNames::of(reference.unwrap_or_default()), violations)
        }
    }
}

fn order(
    announced: &Announced,
    violations: &mut Violations,
    asked: &CreateTransferRequest,
) -> Option<LineOrder> {
    let draft = transfer(violations, asked)?;
    if let Payee::Beneficiary(_) = draft.to {
        violations.add("to", "WRONG_ID_PREFIX", "must be an account or an IBAN");
    }
    if draft.amount.currency() != announced.currency {
        let told = format!("must be {}, as the account that pays", announced.currency);
        violations.add("currency", "CURRENCY_MISMATCH", told);
    }
    Some(LineOrder { to: draft.to, amount: draft.amount, description: draft.description })
}

/// What the parser's words say; it has no codes.
fn rule_of(error: &serde_json::Error, told: &str) -> &'static str {
    if !error.is_data() {
        "JSON_SYNTAX"
    } else if told.starts_with("unknown field") {
        "UNKNOWN_FIELD"
    } else if told.starts_with("duplicate field") {
        "JSON_DUPLICATE_KEY"
    } else {
        "TYPE"
    }
}
