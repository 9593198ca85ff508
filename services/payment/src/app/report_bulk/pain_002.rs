//! The report as a message of ISO 20022.

use std::{collections::HashMap, str::FromStr};

use florin_iso20022::{
    Account, Agent, CustomerReport, InstructionReport, Message, MessageKind, OriginalMessage,
    PaymentNames, Reason, Rule, Standing, StatusCount, Text, TransferReport,
};
use florin_kernel::{Bic, BulkId, Money, TransferId, UnixMicros};

use crate::{
    domain::{
        BulkStatus, Counts, Ended, ISO_CANCELLED, ISO_NARRATIVE, Reported, Transfer, of_reason,
        of_rule,
    },
    store::{
        bulk_batches::Batch,
        bulk_lines::{Fate, Kept},
        bulks::{Bulk, Told},
    },
    wire::bulks::reported,
};

/// What stands for a name that the payer has not given (ISO 20022).
const NOT_PROVIDED: &str = "NOTPROVIDED";
/// Characters that a message has for words.
const MOST_WORDS: usize = 105;
/// What a right line of a file that is rejected is told.
const NOT_ALONE: &str = "not executed: something else in the file is wrong";

/// Some lines of a file with their batches.
pub(super) struct Part {
    pub(super) bulk: Bulk,
    pub(super) whole: Counts,
    pub(super) batches: Vec<(Batch, Counts)>,
    pub(super) lines: Vec<Kept>,
    pub(super) transfers: HashMap<TransferId, Transfer>,
}

impl Part {
    /// Of a file that is not read to its end.
    pub(super) fn of_nothing(bulk: Bulk) -> Self {
        let (whole, batches) = (Counts::default(), Vec::new());
        Self { bulk, whole, batches, lines: Vec::new(), transfers: HashMap::new() }
    }
}

/// The message.
///
/// # Errors
/// What is kept is none of ISO 20022; it was when it was read.
pub(super) fn document(part: &Part, sender: Option<Bic>, now: UnixMicros) -> Result<Vec<u8>, Rule> {
    let bulk = &part.bulk;
    let (millis, random) = florin_store::id_parts();
    let report = CustomerReport {
        id: unhyphened(&BulkId::from_parts(millis, random).to_string())?,
        created_at: now,
        debtor_agent: sender.map(Agent::Bic),
        original: OriginalMessage {
            id: bulk.announced.message_id.parse().or_else(|_| NOT_PROVIDED.parse())?,
            name: MessageKind::Initiation.name().parse()?,
            created_at: bulk.made_at,
        },
        standing: Standing {
            reasons: reasons_of_file(bulk)?,
            ..standing(bulk, &part.whole, bulk.tally.sum)?
        },
        instructions: part
            .batches
            .iter()
            .map(|(batch, counts)| instruction(part, batch, counts))
            .collect::<Result<_, Rule>>()?,
    };
    Ok(Message::CustomerReport(report).write())
}

fn standing(bulk: &Bulk, counts: &Counts, sum: Money) -> Result<Standing, Rule> {
    let currency = sum.currency();
    let one = |(status, lines, minor): (Reported, i64, i64)| {
        Ok(StatusCount {
            count: u64::try_from(lines).unwrap_or_default(),
            status: status.code().parse()?,
            sum: decimal(Money::new(minor, currency)),
        })
    };
    let lines = counts.lines();
    Ok(Standing {
        count: (lines > 0).then(|| u64::try_from(lines).unwrap_or_default()),
        sum: (lines > 0).then(|| decimal(sum)).flatten(),
        status: Some(Reported::of_all(bulk.status, counts).code().parse()?),
        reasons: Vec::new(),
        counts: counts.seen().map(one).collect::<Result<_, Rule>>()?,
    })
}

/// An amount as a decimal, where the message has room for it.
fn decimal(sum: Money) -> Option<Text<18>> {
    sum.amount().parse().ok()
}

fn reasons_of_file(bulk: &Bulk) -> Result<Vec<Reason>, Rule> {
    let mut reasons: Vec<Reason> =
        bulk.problems.iter().map(reason_of_rule).collect::<Result<_, Rule>>()?;
    if bulk.status == BulkStatus::Cancelled {
        reasons.push(reason(ISO_CANCELLED, "cancelled: what had not begun never does")?);
    }
    if bulk.status == BulkStatus::Rejected && reasons.is_empty() {
        reasons.push(reason(ISO_NARRATIVE, "transactions of it are wrong")?);
    }
    Ok(reasons)
}

fn reason_of_rule(Told(field, rule, description): &Told) -> Result<Reason, Rule> {
    reason(of_rule(field, rule), &format!("{field} {description} ({rule})"))
}

fn reason(code: &str, words: &str) -> Result<Reason, Rule> {
    let words: String = words.chars().filter(|one| !one.is_control()).take(MOST_WORDS).collect();
    // The network's own may be none of the list.
    let code = code.parse().or_else(|_| ISO_NARRATIVE.parse())?;
    Ok(Reason { code: Some(code), information: words.parse().ok() })
}

fn instruction(part: &Part, batch: &Batch, counts: &Counts) -> Result<InstructionReport, Rule> {
    let name = if batch.name.is_empty() { NOT_PROVIDED } else { batch.name.as_str() };
    let of_it = part.lines.iter().filter(|line| line.batch == batch.number);
    Ok(InstructionReport {
        id: name.parse()?,
        standing: standing(&part.bulk, counts, batch.tally.sum)?,
        transfers: of_it.map(|line| transfer(part, batch, line)).collect::<Result<_, Rule>>()?,
    })
}

fn transfer(part: &Part, batch: &Batch, line: &Kept) -> Result<TransferReport, Rule> {
    let status = reported(&part.bulk, line, &part.transfers);
    let reference = match line.names.reference.as_str() {
        "" => NOT_PROVIDED,
        reference => reference,
    };
    let servicer_reference = match &line.fate {
        Fate::Taken(id) => Some(unhyphened(&id.to_string())?),
        Fate::Wrong(_) | Fate::Correct | Fate::Refused(_) => None,
    };
    let iban = |text: &str| text.parse().ok().map(Account::Iban);
    Ok(TransferReport {
        id: Some(line.number.to_string().parse()?),
        names: PaymentNames {
            instruction: optional(&line.names.instruction),
            end_to_end: optional(reference),
            transaction: None,
            uetr: line.names.uetr,
        },
        status: status.code().parse()?,
        reasons: reasons(part, line, status)?,
        servicer_reference,
        amount: line.amount,
        on: line.on.parse().ok(),
        debtor_account: batch.iban.as_deref().and_then(iban),
        creditor_account: iban(&line.payee),
    })
}

fn reasons(part: &Part, line: &Kept, status: Reported) -> Result<Vec<Reason>, Rule> {
    Ok(match &line.fate {
        Fate::Wrong(violations) => {
            violations.iter().map(reason_of_rule).collect::<Result<_, Rule>>()?
        }
        Fate::Refused(why) => vec![reason(of_reason(why, None), why)?],
        Fate::Correct => match status {
            Reported::Rejected => vec![reason(ISO_NARRATIVE, NOT_ALONE)?],
            Reported::Cancelled => vec![reason(ISO_CANCELLED, "cancelled before it began")?],
            Reported::Received
            | Reported::Accepted
            | Reported::InProcess
            | Reported::Settled
            | Reported::Partial => Vec::new(),
        },
        Fate::Taken(id) => match part.transfers.get(id).map(Transfer::ended) {
            Some(Ended::Unpaid(failure)) => {
                let network = failure.facts.get("code").map(String::as_str);
                let code = of_reason(&failure.reason, network);
                vec![reason(code, &format!("{}: {}", failure.reason, failure.message))?]
            }
            _ => Vec::new(),
        },
    })
}

fn optional<const MOST: usize>(text: &str) -> Option<Text<MOST>> {
    text.parse().ok()
}

/// An id without its prefix and hyphens: an identification of ISO 20022 has 35 characters.
fn unhyphened<T: FromStr>(id: &str) -> Result<T, T::Err> {
    let uuid = id.split_once('_').map_or(id, |(_, uuid)| uuid);
    uuid.replace('-', "").parse()
}
