//! International bank account numbers (ISO 13616): reading any, issuing our own with the
//! check digits of the country's own scheme inside.

use std::{fmt, str::FromStr};

/// A valid IBAN in electronic form (upper case, no spaces).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Iban {
    electronic: String,
    bank_code: Option<String>,
}

/// Why a string is no IBAN, or a bank identity cannot issue one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IbanError {
    /// The field is empty.
    #[error("must not be empty; expected an IBAN")]
    Empty,
    /// Structure or check digits are wrong (ISO 13616, ISO 7064 mod 97-10).
    #[error("must be an IBAN with right structure and check digits (ISO 13616)")]
    Malformed,
    /// IBANs of this country cannot be issued here.
    #[error("IBANs are issued for CZ, SK, DE, AT, NL, BE, FR, ES, PT and NO, not for {0:?}")]
    UnsupportedCountry(String),
    /// The bank code has not the country's form.
    #[error("bank code {code:?} must have {expected} in {country}")]
    BankCode {
        /// The code given.
        code: String,
        /// The country.
        country: String,
        /// The form, in words.
        expected: &'static str,
    },
    /// The numbers of this bank are used up.
    #[error("account serial {0} does not fit into the country's account number")]
    SerialTooLarge(u64),
}

impl IbanError {
    pub(crate) const fn rule_name(&self) -> &'static str {
        match self {
            Self::Empty => "REQUIRED",
            Self::Malformed => "MALFORMED_IBAN",
            Self::UnsupportedCountry(_) | Self::BankCode { .. } | Self::SerialTooLarge(_) => {
                "IBAN_NOT_ISSUABLE"
            }
        }
    }
}

impl Iban {
    /// The electronic form: `CZ6508000000192000145399`.
    #[must_use]
    pub fn electronic(&self) -> &str {
        &self.electronic
    }

    /// The two letters of the country.
    #[must_use]
    pub fn country(&self) -> &str {
        &self.electronic[..2]
    }

    /// The bank identifier inside, where the registry defines one for the country.
    #[must_use]
    pub fn bank_code(&self) -> Option<&str> {
        self.bank_code.as_deref()
    }
}

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.electronic)
    }
}

impl FromStr for Iban {
    type Err = IbanError;

    /// Reads electronic or printed form (groups of four).
    fn from_str(text: &str) -> Result<Self, IbanError> {
        use iban::IbanLike as _;
        if text.is_empty() {
            return Err(IbanError::Empty);
        }
        let parsed: iban::Iban = text.parse().map_err(|_| IbanError::Malformed)?;
        Ok(Self {
            electronic: parsed.electronic_str().to_owned(),
            bank_code: parsed.bank_identifier().map(str::to_owned),
        })
    }
}

/// Country and national bank code under which this bank issues account numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankIdentity {
    country: String,
    bank_code: String,
}

impl BankIdentity {
    /// Checks that IBANs can be issued for the country with this bank code.
    ///
    /// # Errors
    /// Names country or bank code.
    pub fn new(country: &str, bank_code: &str) -> Result<Self, IbanError> {
        let identity = Self { country: country.to_owned(), bank_code: bank_code.to_owned() };
        let (length, expected) = match country {
            "CZ" | "SK" | "PT" | "NO" => (4, "4 digits"),
            "DE" => (8, "8 digits (Bankleitzahl)"),
            "AT" => (5, "5 digits"),
            "NL" => (4, "4 letters"),
            "BE" => (3, "3 digits"),
            "FR" => (10, "10 digits (bank and branch)"),
            "ES" => (8, "8 digits (bank and branch)"),
            other => return Err(IbanError::UnsupportedCountry(other.to_owned())),
        };
        let right_kind = if country == "NL" {
            bank_code.bytes().all(|byte| byte.is_ascii_uppercase())
        } else {
            bank_code.bytes().all(|byte| byte.is_ascii_digit())
        };
        if bank_code.len() != length || !right_kind {
            return Err(IbanError::BankCode {
                code: bank_code.to_owned(),
                country: country.to_owned(),
                expected,
            });
        }
        Ok(identity)
    }

    /// Whether the IBAN is of this bank, so that a transfer to it stays in the house.
    #[must_use]
    pub fn issued(&self, iban: &Iban) -> bool {
        iban.country() == self.country && iban.electronic()[4..].starts_with(&self.bank_code)
    }

    /// The IBAN of the account with this serial number. `None` where the country's scheme
    /// has no valid number for the serial (a check digit of ten): take the next serial.
    ///
    /// # Errors
    /// The serial has more digits than the country's account number holds.
    pub fn issue(&self, serial: u64) -> Result<Option<Iban>, IbanError> {
        let bank = &self.bank_code;
        let digits = |width: usize| {
            let text = format!("{serial:0>width$}");
            if text.len() == width { Ok(text) } else { Err(IbanError::SerialTooLarge(serial)) }
        };
        let bban = match self.country.as_str() {
            // Vyhláška 169/2011 Sb.: weights 6 3 7 9 10 5 8 4 2 1, sum divisible by 11.
            "CZ" | "SK" => {
                let number = digits(9)?;
                let sum = weighted(&number, &[6, 3, 7, 9, 10, 5, 8, 4, 2]);
                complement_11(sum).map(|check| format!("{bank}000000{number}{check}"))
            }
            "DE" => Some(format!("{bank}{}", digits(10)?)),
            "AT" => Some(format!("{bank}{}", digits(11)?)),
            // The "elfproef": weights 10 to 1, sum divisible by 11.
            "NL" => {
                let number = digits(9)?;
                let sum = weighted(&number, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
                complement_11(sum).map(|check| format!("{bank}{number}{check}"))
            }
            // The first ten digits modulo 97, 97 where that is zero.
            "BE" => {
                let body = format!("{bank}{}", digits(7)?);
                let rest = modulo_97(&body);
                Some(format!("{body}{:02}", if rest == 0 { 97 } else { rest }))
            }
            // Clé RIB: the whole with the key at its end is divisible by 97.
            "FR" => {
                let body = format!("{bank}{}", digits(11)?);
                Some(format!("{body}{:02}", 97 - modulo_97(&format!("{body}00"))))
            }
            // Dígitos de control: one over bank and branch, one over the account number.
            "ES" => {
                let number = digits(10)?;
                let over_bank = spanish(&format!("00{bank}"));
                Some(format!("{bank}{over_bank}{}{number}", spanish(&number)))
            }
            // NIB: bank, branch 0001, account, two digits by ISO 7064 mod 97-10.
            "PT" => {
                let body = format!("{bank}0001{}", digits(11)?);
                Some(format!("{body}{:02}", 98 - modulo_97(&format!("{body}00"))))
            }
            // Weights 5 4 3 2 7 6 5 4 3 2 over bank code and number, modulo 11.
            "NO" => {
                let body = format!("{bank}{}", digits(6)?);
                let sum = weighted(&body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
                complement_11(sum).map(|check| format!("{body}{check}"))
            }
            other => return Err(IbanError::UnsupportedCountry(other.to_owned())),
        };
        bban.map(|bban| self.with_check_digits(&bban)).transpose()
    }

    fn with_check_digits(&self, bban: &str) -> Result<Iban, IbanError> {
        let check = 98 - modulo_97(&format!("{bban}{}00", self.country));
        format!("{}{check:02}{bban}", self.country).parse()
    }
}

fn weighted(digits: &str, weights: &[u32]) -> u32 {
    digits.bytes().zip(weights).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum()
}

/// The digit that makes a sum with weight one divisible by eleven; None where it is ten.
fn complement_11(sum: u32) -> Option<u32> {
    Some((11 - sum % 11) % 11).filter(|check| *check < 10)
}

fn spanish(ten_digits: &str) -> u32 {
    match 11 - weighted(ten_digits, &[1, 2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 {
        11 => 0,
        10 => 1,
        check => check,
    }
}

/// The remainder modulo 97 of digits and letters (A = 10 .. Z = 35), as ISO 7064 reads them.
fn modulo_97(text: &str) -> u32 {
    text.chars().filter_map(|character| character.to_digit(36)).fold(0, |rest, value| {
        let places = if value < 10 { 10 } else { 100 };
        (rest * places + value) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_ibans_that_the_registry_accepts_in_every_country() {
        for (country, code) in [
            ("CZ", "8899"),
            ("SK", "8899"),
            ("DE", "10000000"),
            ("AT", "20000"),
            ("NL", "FLOR"),
            ("BE", "539"),
            ("FR", "3000100794"),
            ("ES", "21000418"),
            ("PT", "0002"),
            ("NO", "8601"),
        ] {
            let bank = BankIdentity::new(country, code).expect(country);
            let issued: Vec<Iban> =
                (1..=200).filter_map(|serial| bank.issue(serial).expect(country)).collect();
            assert!(issued.len() > 150, "{country}: {}", issued.len());
            assert!(issued.iter().all(|iban| bank.issued(iban)), "{country}");
        }
    }

    fn number(digits: &str) -> u128 {
        digits.parse().expect("digits")
    }

    fn sum(digits: &str, weights: &[u32]) -> u128 {
        let digits = digits.chars().filter_map(|digit| digit.to_digit(10));
        digits.zip(weights).map(|(digit, weight)| u128::from(digit * weight)).sum()
    }

    /// Each country's rule as its authority states it: a remainder over the finished number,
    /// not the search for its check digits.
    #[test]
    fn the_national_account_number_inside_is_valid_by_the_rule_of_its_country() {
        type Remainder = fn(&str) -> u128;
        let countries: [(&str, &str, Remainder, u128); 6] = [
            ("CZ", "8899", |bban| sum(&bban[10..], &[6, 3, 7, 9, 10, 5, 8, 4, 2, 1]) % 11, 0),
            ("NL", "FLOR", |bban| sum(&bban[4..], &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11, 0),
            ("NO", "8601", |bban| sum(bban, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11, 0),
            ("BE", "539", |bban| (number(&bban[..10]) + 97 - number(&bban[10..])) % 97, 0),
            ("FR", "3000100794", |bban| number(bban) % 97, 0),
            ("PT", "0002", |bban| number(bban) % 97, 1),
        ];
        for (country, code, remainder, right) in countries {
            let bank = BankIdentity::new(country, code).expect(country);
            for serial in 1..=500 {
                let Some(iban) = bank.issue(serial).expect(country) else { continue };
                let bban = &iban.electronic()[4..];
                assert_eq!(remainder(bban), right, "{iban}");
                assert!(!(country == "BE" && bban.ends_with("00")), "97 stands for 0: {iban}");
            }
        }
    }

    #[test]
    fn a_bank_knows_its_own_ibans_from_those_of_others() {
        let bank = BankIdentity::new("CZ", "0800").expect("identity");
        let issued = |text: &str| bank.issued(&text.parse().expect(text));
        assert!(issued("CZ65 0800 0000 1920 0014 5399"));
        // Another bank of the country, and a bank abroad with the same code.
        let neighbour = BankIdentity::new("CZ", "0100").expect("identity");
        assert!(!issued(neighbour.issue(7).expect("serial").expect("valid").electronic()));
        let abroad = BankIdentity::new("SK", "0800").expect("identity");
        assert!(!issued(abroad.issue(7).expect("serial").expect("valid").electronic()));
    }

    #[test]
    fn an_iban_is_shown_in_electronic_form_and_tells_country_and_bank() {
        let iban: Iban = "CZ65 0800 0000 1920 0014 5399".parse().expect("printed form");
        assert_eq!(iban.to_string(), "CZ6508000000192000145399");
        assert_eq!((iban.country(), iban.bank_code()), ("CZ", Some("0800")));
    }

    #[test]
    fn national_check_digits_are_those_of_published_examples() {
        let issue = |country, code, serial| {
            let bank = BankIdentity::new(country, code).expect("identity");
            bank.issue(serial).expect("serial").expect("valid").electronic().to_owned()
        };
        assert_eq!(issue("BE", "539", 75_470), "BE68539007547034");
        assert_eq!(issue("NO", "8601", 111_794), "NO9386011117947");
        assert_eq!(issue("ES", "21000418", 200_051_332), "ES9121000418450200051332");
        assert_eq!(issue("NL", "ABNA", 41_716_430), "NL91ABNA0417164300");
        assert_eq!(issue("FR", "3000600001", 12_345_678_901), "FR7630006000011234567890189");
        // The registry's example CZ65 0800 0000 1920 0014 5399 has the prefix 19; ours has none.
        assert!(issue("CZ", "0800", 200_014_539).ends_with("08000000002000145399"));
    }

    #[test]
    fn refuses_wrong_check_digits_and_foreign_bank_codes() {
        assert_eq!("CZ6508000000192000145398".parse::<Iban>(), Err(IbanError::Malformed));
        assert_eq!("".parse::<Iban>(), Err(IbanError::Empty));
        assert!(BankIdentity::new("CZ", "08000").is_err());
        assert!(BankIdentity::new("XX", "0800").is_err());
        let bank = BankIdentity::new("CZ", "0800").expect("identity");
        assert_eq!(bank.issue(10_000_000_000), Err(IbanError::SerialTooLarge(10_000_000_000)));
    }
}
