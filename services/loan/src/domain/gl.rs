//! The GL accounts that the money of a product is booked to.

use florin_kernel::Violations;

/// Characters of the code of a GL account, as the ledger takes them.
const MOST_CODE: usize = 20;

/// Codes of posting accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlCodes {
    /// What is lent: an asset.
    pub principal: String,
    /// Interest that has accrued and is not paid: an asset.
    pub interest_receivable: String,
    /// Fees and penalties that are due and not paid: an asset.
    pub charge_receivable: String,
    /// Interest earned: income.
    pub interest_income: String,
    /// Fees earned: income.
    pub fee_income: String,
    /// Penalty interest and late fees earned: income.
    pub penalty_income: String,
    /// What comes in after a write-off: income.
    pub recovery_income: String,
    /// What is given up: an expense.
    pub write_off_expense: String,
}

/// Those of the bank's chart.
impl Default for GlCodes {
    fn default() -> Self {
        Self {
            principal: "1300".to_owned(),
            interest_receivable: "1920".to_owned(),
            charge_receivable: "1930".to_owned(),
            interest_income: "4030".to_owned(),
            fee_income: "4040".to_owned(),
            penalty_income: "4050".to_owned(),
            recovery_income: "4060".to_owned(),
            write_off_expense: "5030".to_owned(),
        }
    }
}

impl GlCodes {
    /// Each with its name in the contract.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &str); 8] {
        [
            ("principal", &self.principal),
            ("interest_receivable", &self.interest_receivable),
            ("charge_receivable", &self.charge_receivable),
            ("interest_income", &self.interest_income),
            ("fee_income", &self.fee_income),
            ("penalty_income", &self.penalty_income),
            ("recovery_income", &self.recovery_income),
            ("write_off_expense", &self.write_off_expense),
        ]
    }

    /// Notes which are no codes.
    pub fn check(&self, found: &mut Violations) {
        for (name, code) in self.named() {
            let is_code = (1..=MOST_CODE).contains(&code.len())
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
            if !is_code {
                let words = format!("must be 1 to {MOST_CODE} letters, digits or points");
                found.add(format!("gl.{name}"), "MALFORMED_GL_CODE", words);
            }
        }
    }
}
