//! What tells one payment that came in from another.

use florin_iso20022::{Agent, CreditTransfer};

use crate::store::Incoming;

/// Whether the same came again, under whatever message id.
pub(super) fn is_same(known: &Incoming, came: &Incoming) -> bool {
    // What came before the number was kept has none.
    let is_number = known.account_number.is_none() || known.account_number == came.account_number;
    known.amount == came.amount
        && known.iban == came.iban
        && is_number
        && known.description == came.description
        && known.from_iban == came.from_iban
        && known.end_to_end == came.end_to_end
}

/// What tells something that came in from all else of its name: the same for the same bytes.
pub(super) fn print_of(came: &Incoming) -> String {
    let iban = came.iban.as_ref().map(ToString::to_string).unwrap_or_default();
    let (from, name) = (came.from_iban.as_deref(), came.end_to_end.as_deref());
    let amount = came.amount.to_string();
    let mut fields =
        vec![&came.message_id, amount.as_str(), &iban, from.unwrap_or(""), name.unwrap_or("")];
    // Only where there is one: what came before it was kept has the same print as ever.
    fields.extend(came.account_number.as_deref().filter(|number| !number.is_empty()));
    digest(&fields)
}

/// As `print_of`, of what another differs from in its text alone.
pub(super) fn print_with_text(came: &Incoming) -> String {
    digest(&[&print_of(came), "text", &came.description])
}

/// The name of a payment that has no UETR: message ids are unique for the bank that sends.
pub(super) fn name_of(came: &CreditTransfer) -> String {
    let bank = match &came.debtor.agent {
        Some(Agent::Bic(bic)) => bic.to_string(),
        Some(Agent::Member(id)) => id.to_string(),
        None => String::new(),
    };
    let transaction = came.names.transaction.as_ref().map(ToString::to_string);
    digest(&[&bank, came.id.as_str(), transaction.as_deref().unwrap_or("")])
}

/// A name of 32 digits, within what a reference of the ledger may hold.
pub(super) fn digest(fields: &[&str]) -> String {
    let whole: String = fields.iter().map(|field| format!("{}:{field}", field.len())).collect();
    let print = florin_runtime::keyed::fingerprint(&whole);
    print.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
