//! Authorisations, read from requests.

use florin_kernel::{AccountId, AuthorisationId, Money, Violations, check_text};
use florin_proto::payment::v1::{
    self as wire, CaptureAuthorisationRequest, CreateAuthorisationRequest,
    IncrementAuthorisationRequest, ListAuthorisationsRequest, ReverseAuthorisationRequest,
};

use super::{amount, orders::page_size};
use crate::domain::Merchant;

const MOST_NETWORK: usize = 32;
const MOST_REFERENCE: usize = 64;
const MOST_MERCHANT_ID: usize = 35;
const MOST_MERCHANT_NAME: usize = 70;

/// What a processor asks for with an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorisationDraft {
    /// Card network.
    pub network: String,
    /// The network's reference of the message.
    pub reference: String,
    /// The network's id of the whole transaction, or empty.
    pub network_reference: String,
    /// The account that pays.
    pub account: AccountId,
    /// Positive.
    pub amount: Money,
    /// Who is paid.
    pub merchant: Merchant,
}

impl TryFrom<&CreateAuthorisationRequest> for AuthorisationDraft {
    type Error = Violations;

    fn try_from(wire: &CreateAuthorisationRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let network = network(&mut violations, &wire.network);
        let reference = reference(&mut violations, &wire.reference);
        let network_reference = violations
            .check("network_reference", check_text(&wire.network_reference, 0, MOST_REFERENCE));
        let account = violations.check("account_id", AccountId::parse(&wire.account_id));
        let amount = amount(&mut violations, &wire.currency, &wire.amount);
        let merchant = merchant(&mut violations, wire.merchant.as_ref());
        let names = network.zip(reference).zip(network_reference);
        let read = names.zip(account).zip(amount.zip(merchant));
        violations.finish(read.map(|((names, account), (amount, merchant))| {
            let ((network, reference), network_reference) = names;
            Self { network, reference, network_reference, account, amount, merchant }
        }))
    }
}

/// What is asked of an authorisation that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationDraft {
    /// The authorisation.
    pub id: AuthorisationId,
    /// The network's reference of the message.
    pub reference: String,
    /// Positive; None for all that remains.
    pub amount: Option<Money>,
}

impl TryFrom<&IncrementAuthorisationRequest> for OperationDraft {
    type Error = Violations;

    fn try_from(wire: &IncrementAuthorisationRequest) -> Result<Self, Violations> {
        let money = Some((wire.currency.as_str(), wire.amount.as_str()));
        operation(&wire.authorisation_id, &wire.reference, money)
    }
}

impl TryFrom<&CaptureAuthorisationRequest> for OperationDraft {
    type Error = Violations;

    fn try_from(wire: &CaptureAuthorisationRequest) -> Result<Self, Violations> {
        let money = Some((wire.currency.as_str(), wire.amount.as_str()));
        operation(&wire.authorisation_id, &wire.reference, money)
    }
}

impl TryFrom<&ReverseAuthorisationRequest> for OperationDraft {
    type Error = Violations;

    fn try_from(wire: &ReverseAuthorisationRequest) -> Result<Self, Violations> {
        let whole = wire.amount.is_empty() && wire.currency.is_empty();
        let money = (!whole).then_some((wire.currency.as_str(), wire.amount.as_str()));
        operation(&wire.authorisation_id, &wire.reference, money)
    }
}

fn operation(
    id: &str,
    given: &str,
    money: Option<(&str, &str)>,
) -> Result<OperationDraft, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("authorisation_id", AuthorisationId::parse(id));
    let reference = reference(&mut violations, given);
    let amount = match money {
        None => Some(None),
        Some((currency, text)) => amount(&mut violations, currency, text).map(Some),
    };
    let read = id.zip(reference).zip(amount);
    let draft = read.map(|((id, reference), amount)| OperationDraft { id, reference, amount });
    violations.finish(draft)
}

/// Reads the id of an authorisation.
///
/// # Errors
/// The rule that it breaks.
pub fn authorisation_id(text: &str) -> Result<AuthorisationId, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("authorisation_id", AuthorisationId::parse(text));
    violations.finish(id)
}

/// Reads whose authorisations are listed, and how many on a page.
///
/// # Errors
/// The rules that it breaks.
pub fn authorisations_page(
    wire: &ListAuthorisationsRequest,
) -> Result<(AccountId, u32), Violations> {
    let mut violations = Violations::new();
    let account = violations.check("account_id", AccountId::parse(&wire.account_id));
    let size = page_size(&mut violations, wire.page_size);
    violations.finish(account.zip(size))
}

fn network(violations: &mut Violations, text: &str) -> Option<String> {
    let known = violations.check("network", check_text(text, 1, MOST_NETWORK))?;
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || [b'-', b'_'].contains(&byte)
    };
    if known.bytes().all(allowed) {
        return Some(known);
    }
    let text = "must be lower-case letters, digits, hyphens and underscores";
    violations.add("network", "MALFORMED_NETWORK", text);
    None
}

fn reference(violations: &mut Violations, text: &str) -> Option<String> {
    violations.check("reference", check_text(text, 1, MOST_REFERENCE))
}

fn merchant(violations: &mut Violations, wire: Option<&wire::Merchant>) -> Option<Merchant> {
    let Some(wire) = wire else {
        violations.add("merchant", "REQUIRED", "must name the merchant");
        return None;
    };
    let id = check_text(&wire.merchant_id, 1, MOST_MERCHANT_ID);
    let id = violations.check("merchant.merchant_id", id);
    let name = violations.check("merchant.name", check_text(&wire.name, 1, MOST_MERCHANT_NAME));
    let mcc = &wire.mcc;
    let is_mcc = mcc.len() == 4 && mcc.bytes().all(|byte| byte.is_ascii_digit());
    if !is_mcc {
        let rule = if mcc.is_empty() { "REQUIRED" } else { "MALFORMED_MCC" };
        violations.add("merchant.mcc", rule, "must be 4 digits (ISO 18245)");
    }
    let country = &wire.country;
    let is_country = country.is_empty()
        || (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()));
    if !is_country {
        let text = "must be 2 capital letters (ISO 3166-1)";
        violations.add("merchant.country", "UNKNOWN_COUNTRY", text);
    }
    let (mcc, country) = (mcc.clone(), country.clone());
    let read = id.zip(name).filter(|_| is_mcc && is_country);
    read.map(|(id, name)| Merchant { id, name, mcc, country })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> CreateAuthorisationRequest {
        CreateAuthorisationRequest {
            network: "visa".into(),
            reference: "r1".into(),
            network_reference: String::new(),
            account_id: AccountId::from_parts(1, [1; 10]).to_string(),
            amount: "12.34".into(),
            currency: "EUR".into(),
            merchant: Some(wire::Merchant {
                merchant_id: "m1".into(),
                name: "Shop".into(),
                mcc: "5411".into(),
                country: "CZ".into(),
            }),
        }
    }

    #[test]
    fn every_violation_is_told_at_once() {
        assert!(AuthorisationDraft::try_from(&request()).is_ok());
        let broken = CreateAuthorisationRequest {
            network: "VISA".into(),
            reference: String::new(),
            account_id: "acc_1".into(),
            amount: "-1".into(),
            merchant: Some(wire::Merchant {
                mcc: "54".into(),
                country: "cz".into(),
                ..wire::Merchant::default()
            }),
            ..request()
        };
        let found = AuthorisationDraft::try_from(&broken).expect_err("violations");
        let fields: Vec<_> = found.as_slice().iter().map(|one| one.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "network",
                "reference",
                "account_id",
                "amount",
                "merchant.merchant_id",
                "merchant.name",
                "merchant.mcc",
                "merchant.country"
            ]
        );
        let nobody = CreateAuthorisationRequest { merchant: None, ..request() };
        assert!(AuthorisationDraft::try_from(&nobody).is_err());
    }

    #[test]
    fn a_reversal_without_amount_is_of_all_that_remains() {
        let id = AuthorisationId::from_parts(1, [1; 10]).to_string();
        let of = |amount: &str, currency: &str| {
            OperationDraft::try_from(&ReverseAuthorisationRequest {
                authorisation_id: id.clone(),
                reference: "r".into(),
                amount: amount.into(),
                currency: currency.into(),
            })
        };
        assert_eq!(of("", "").map(|draft| draft.amount), Ok(None));
        assert_eq!(of("1", "EUR").map(|draft| draft.amount), Ok(Money::parse("EUR", "1").ok()));
        assert!(of("", "EUR").is_err());
        assert!(of("1", "").is_err());
    }
}
