//! Beneficiaries, read from requests.

use florin_kernel::{BeneficiaryId, CustomerId, Iban, Violations, check_text};
use florin_proto::payment::v1::{
    AddBeneficiaryRequest, ListBeneficiariesRequest, RenameBeneficiaryRequest,
};

use super::{MOST_PAGE_SIZE, PAGE_SIZE};

/// Characters of a label.
const MOST_LABEL: usize = 70;

/// A beneficiary to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeneficiaryDraft {
    /// Whose.
    pub customer: CustomerId,
    /// Who is paid.
    pub iban: Iban,
    /// The customer's own words.
    pub label: String,
}

impl TryFrom<&AddBeneficiaryRequest> for BeneficiaryDraft {
    type Error = Violations;

    fn try_from(wire: &AddBeneficiaryRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let customer = violations.check("customer_id", CustomerId::parse(&wire.customer_id));
        let iban = violations.check("iban", wire.iban.parse::<Iban>());
        let label = violations.check("label", check_text(&wire.label, 0, MOST_LABEL));
        let draft = match (customer, iban, label) {
            (Some(customer), Some(iban), Some(label)) => Some(Self { customer, iban, label }),
            _ => None,
        };
        violations.finish(draft)
    }
}

/// Reads whose beneficiary is meant, and which.
///
/// # Errors
/// The rules that they break.
pub fn beneficiary_id(
    customer_id: &str,
    beneficiary_id: &str,
) -> Result<(CustomerId, BeneficiaryId), Violations> {
    let mut violations = Violations::new();
    let named = named(&mut violations, customer_id, beneficiary_id);
    violations.finish(named)
}

/// Reads which beneficiary gets which label.
///
/// # Errors
/// The rules that it breaks.
pub fn label(
    wire: &RenameBeneficiaryRequest,
) -> Result<(CustomerId, BeneficiaryId, String), Violations> {
    let mut violations = Violations::new();
    let named = named(&mut violations, &wire.customer_id, &wire.beneficiary_id);
    let label = violations.check("label", check_text(&wire.label, 0, MOST_LABEL));
    let renamed = named.zip(label).map(|((customer, id), label)| (customer, id, label));
    violations.finish(renamed)
}

fn named(
    violations: &mut Violations,
    customer_id: &str,
    beneficiary_id: &str,
) -> Option<(CustomerId, BeneficiaryId)> {
    let customer = violations.check("customer_id", CustomerId::parse(customer_id));
    let id = violations.check("beneficiary_id", BeneficiaryId::parse(beneficiary_id));
    customer.zip(id)
}

/// Reads whose beneficiaries are listed, and how many on a page.
///
/// # Errors
/// The rules that it breaks.
pub fn beneficiaries_page(
    wire: &ListBeneficiariesRequest,
) -> Result<(CustomerId, u32), Violations> {
    let mut violations = Violations::new();
    let customer = violations.check("customer_id", CustomerId::parse(&wire.customer_id));
    let size = match u32::try_from(wire.page_size) {
        Ok(0) => Some(PAGE_SIZE),
        Ok(size) if size <= MOST_PAGE_SIZE => Some(size),
        Ok(_) | Err(_) => {
            violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 200, or 0 for 50");
            None
        }
    };
    violations.finish(customer.zip(size))
}
