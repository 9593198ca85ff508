//! The rules of single fields. An optional field that is empty is fine and stays empty.

use email_address::{EmailAddress, Options};
use florin_kernel::{Broken, Date, DateError, TextError, check_text, is_country, parse_date};

/// Characters of a given or family name.
const NAME_LIMIT: usize = 100;
/// Characters of an organisation's name.
const LEGAL_NAME_LIMIT: usize = 200;
/// Characters of a number that an authority gave.
const IDENTIFIER_LIMIT: usize = 50;
/// Octets of an e-mail address (RFC 5321, 4.5.3.1.3, without the angle brackets).
const EMAIL_LIMIT: usize = 254;
/// Digits of an international telephone number (ITU-T E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Characters of a caller's reference.
const REFERENCE_LIMIT: usize = 128;
/// Characters of the reason of a decision.
const REASON_LIMIT: usize = 500;

/// The rule that a field breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Empty, too long, or with control characters.
    #[error(transparent)]
    Text(#[from] TextError),
    /// No date.
    #[error(transparent)]
    Date(#[from] DateError),
    /// A birth in the future.
    #[error("must not be in the future")]
    InFuture,
    /// No address of RFC 5321.
    #[error("must be an e-mail address (RFC 5321)")]
    Email,
    /// No number in E.164.
    #[error("must be a telephone number in E.164: + and 7 to 15 digits, such as +420601123456")]
    Phone,
    /// No letter or digit in it.
    #[error("must hold letters or digits")]
    Identifier,
    /// No country.
    #[error("must be a country of ISO 3166-1 alpha-2, two upper-case letters")]
    Country,
}

impl Broken for FieldError {
    fn rule(&self) -> &'static str {
        match self {
            Self::Text(error) => error.rule(),
            Self::Date(error) => error.rule(),
            Self::InFuture => "DATE_IN_FUTURE",
            Self::Email => "MALFORMED_EMAIL",
            Self::Phone => "MALFORMED_PHONE",
            Self::Identifier => "MALFORMED_IDENTIFIER",
            Self::Country => "UNKNOWN_COUNTRY",
        }
    }
}

/// A given or family name.
///
/// # Errors
/// Empty, too long, control characters.
pub fn name(text: &str) -> Result<String, FieldError> {
    Ok(check_text(text.trim(), 1, NAME_LIMIT)?)
}

/// An organisation's registered name.
///
/// # Errors
/// Empty, too long, control characters.
pub fn legal_name(text: &str) -> Result<String, FieldError> {
    Ok(check_text(text.trim(), 1, LEGAL_NAME_LIMIT)?)
}

/// A date of birth, not after today.
///
/// # Errors
/// No date, or in the future.
pub fn date_of_birth(text: &str, today: Date) -> Result<Date, FieldError> {
    let date = parse_date(text)?;
    if date > today { Err(FieldError::InFuture) } else { Ok(date) }
}

/// A number that an authority gave.
///
/// # Errors
/// Empty, too long, control characters, nothing but punctuation.
pub fn identifier(text: &str) -> Result<String, FieldError> {
    let text = check_text(text.trim(), 1, IDENTIFIER_LIMIT)?;
    if normalised_identifier(&text).is_empty() { Err(FieldError::Identifier) } else { Ok(text) }
}

/// A country.
///
/// # Errors
/// No code of ISO 3166-1 alpha-2.
pub fn country(text: &str) -> Result<String, FieldError> {
    if text.is_empty() {
        return Err(TextError::Empty.into());
    }
    if is_country(text) { Ok(text.to_owned()) } else { Err(FieldError::Country) }
}

/// A country, optional.
///
/// # Errors
/// As [`country`].
pub fn optional_country(text: &str) -> Result<String, FieldError> {
    if text.is_empty() { Ok(String::new()) } else { country(text) }
}

/// An e-mail address, optional.
///
/// # Errors
/// Too long, or no address.
pub fn email(text: &str) -> Result<String, FieldError> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let text = check_text(text, 1, EMAIL_LIMIT)?;
    let options = Options::default().without_display_text().with_required_tld();
    match EmailAddress::parse_with_options(&text, options) {
        Ok(_) if text.len() <= EMAIL_LIMIT => Ok(text),
        _ => Err(FieldError::Email),
    }
}

/// A telephone number in E.164, optional.
///
/// # Errors
/// Another form.
pub fn phone(text: &str) -> Result<String, FieldError> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let Some(digits) = text.strip_prefix('+') else { return Err(FieldError::Phone) };
    let sound = PHONE_DIGITS.contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if sound { Ok(text.to_owned()) } else { Err(FieldError::Phone) }
}

/// A line of an address, optional.
///
/// # Errors
/// Too long, control characters.
pub fn address_line(text: &str, limit: usize) -> Result<String, FieldError> {
    Ok(check_text(text.trim(), 0, limit)?)
}

/// A caller's reference, optional.
///
/// # Errors
/// Too long, control characters.
pub fn reference(text: &str) -> Result<String, FieldError> {
    Ok(check_text(text, 0, REFERENCE_LIMIT)?)
}

/// A caller's reference, mandatory.
///
/// # Errors
/// Empty, too long, control characters.
pub fn mandatory_reference(text: &str) -> Result<String, FieldError> {
    Ok(check_text(text, 1, REFERENCE_LIMIT)?)
}

/// The reason of a decision, optional.
///
/// # Errors
/// Too long, control characters.
pub fn reason(text: &str) -> Result<String, FieldError> {
    Ok(check_text(text.trim(), 0, REASON_LIMIT)?)
}

/// The reason of a decision, mandatory.
///
/// # Errors
/// Empty, too long, control characters.
pub fn mandatory_reason(text: &str) -> Result<String, FieldError> {
    Ok(check_text(text.trim(), 1, REASON_LIMIT)?)
}

/// The form in which two numbers of authorities are compared: letters and digits, upper
/// case.
#[must_use]
pub fn normalised_identifier(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

/// The form in which two e-mail addresses are compared.
#[must_use]
pub fn normalised_email(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name(" Alena "), Ok("Alena".to_owned()));
        assert_eq!(name("A\u{7}"), Err(TextError::ControlCharacter.into()));
        assert_eq!(name(&"x".repeat(101)), Err(TextError::TooLong { limit: 100 }.into()));
        assert_eq!(name("  "), Err(TextError::Empty.into()));
    }

    #[test]
    fn e_mail_addresses_follow_rfc_5321() {
        for good in ["a@b.cz", "Alena.Nováková@example.com", "a+b@sub.example.org", ""] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in ["a", "a@", "@b.cz", "a b@c.cz", "A <a@b.cz>", "a@b.cz\n", "a@b..cz"] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert!(email(&format!("{}@example.com", "x".repeat(250))).is_err());
    }

    #[test]
    fn telephone_numbers_are_e_164() {
        assert!(phone("+420601123456").is_ok() && phone("").is_ok());
        for bad in [
            "420601123456",
            "+0420601123",
            "+420 601",
            "+12345",
            "+1234567890123456",
            "+42060112345a",
        ] {
            assert_eq!(phone(bad), Err(FieldError::Phone), "{bad}");
        }
    }

    #[test]
    fn births_are_not_in_the_future_and_countries_exist() {
        let today = Date::constant(2026, 11, 21);
        assert!(date_of_birth("2026-11-21", today).is_ok());
        assert_eq!(date_of_birth("2026-11-22", today), Err(FieldError::InFuture));
        assert_eq!(date_of_birth("1970-02-30", today), Err(DateError::Malformed.into()));
        assert!(country("CZ").is_ok() && optional_country("").is_ok());
        for bad in ["XX", "cz", "C Z", "CZE", " "] {
            assert_eq!(country(bad), Err(FieldError::Country), "{bad}");
        }
    }

    #[test]
    fn identifiers_are_compared_without_punctuation() {
        assert_eq!(normalised_identifier("705121/1234"), normalised_identifier("7051211234"));
        assert_eq!(normalised_identifier("ab-1"), "AB1");
        assert_eq!(identifier("-/-"), Err(FieldError::Identifier));
        assert_eq!(identifier(" "), Err(TextError::Empty.into()));
    }
}
