//! Field violations, collected so that a caller learns all of them at once.

/// One rule that one field breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request, proto names joined by dots: `holder.customer_id`.
    pub field: String,
    /// The rule that is broken, upper snake case: `TOO_MANY_DECIMALS`.
    pub rule: &'static str,
    /// A sentence for the developer of the client.
    pub description: String,
}

/// The violations found so far in one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// No violation yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes that `field` breaks `rule`, one of [`crate::rule::RULES`]: a build with assertions
    /// ends at another.
    pub fn add(
        &mut self,
        field: impl Into<String>,
        rule: &'static str,
        description: impl Into<String>,
    ) {
        debug_assert!(crate::rule::is_rule(rule), "{rule} is no rule");
        self.0.push(FieldViolation { field: field.into(), rule, description: description.into() });
    }

    /// Takes the value of a conversion, or notes its error against `field`.
    pub fn check<T, E: Broken>(
        &mut self,
        field: impl Into<String>,
        result: Result<T, E>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.rule(), error.to_string());
                None
            }
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value where nothing was found.
    ///
    /// # Errors
    /// The violations, where there is one.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// The list, in the order of discovery.
    #[must_use]
    pub fn into_inner(self) -> Vec<FieldViolation> {
        self.0
    }

    /// The list, borrowed.
    #[must_use]
    pub fn as_slice(&self) -> &[FieldViolation] {
        &self.0
    }
}

/// An error of a parser that names the rule which its input breaks.
pub trait Broken: std::fmt::Display {
    /// The rule, upper snake case.
    fn rule(&self) -> &'static str;
}

macro_rules! broken_by {
    ($error:ty) => {
        impl Broken for $error {
            fn rule(&self) -> &'static str {
                self.rule_name()
            }
        }
    };
}

broken_by!(crate::IdError);
broken_by!(crate::MoneyError);
broken_by!(crate::IbanError);
broken_by!(crate::DateError);
broken_by!(crate::TextError);
broken_by!(crate::NoRate);
broken_by!(crate::UnknownDayCount);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DateError, IbanError, IdError, MoneyError, TextError};

    #[test]
    fn all_violations_of_a_request_come_at_once_in_the_order_of_their_discovery() {
        let mut found = Violations::new();
        assert!(found.is_empty());
        assert_eq!(
            found.check("day", crate::parse_date("2026-11-21")).map(|day| day.day()),
            Some(21)
        );
        assert!(found.is_empty() && found.as_slice().is_empty());
        assert_eq!(found.check("name", crate::check_text("", 1, 9)), None);
        found.add("amount", "NOT_POSITIVE", "amount must be greater than zero");
        assert!(!found.is_empty());
        let name = FieldViolation {
            field: "name".into(),
            rule: "REQUIRED",
            description: "must not be empty".into(),
        };
        let amount = FieldViolation {
            field: "amount".into(),
            rule: "NOT_POSITIVE",
            description: "amount must be greater than zero".into(),
        };
        assert_eq!(found.as_slice(), [name.clone(), amount.clone()]);
        assert_eq!(found.into_inner(), [name, amount]);
    }

    #[test]
    fn a_value_counts_only_where_no_field_breaks_a_rule() {
        assert_eq!(Violations::new().finish(Some(7)), Ok(7));
        assert_eq!(Violations::new().finish::<i32>(None), Err(Violations::new()));
        let mut found = Violations::new();
        found.add("name", "REQUIRED", "must not be empty");
        assert_eq!(found.clone().finish(Some(7)), Err(found));
    }

    #[test]
    fn the_rules_that_clients_match_on_keep_their_names() {
        let code = || String::from("1");
        let rules: [(&dyn Broken, &str); 12] = [
            (&IdError::Empty { prefix: "acc" }, "REQUIRED"),
            (&IdError::WrongPrefix { prefix: "acc" }, "WRONG_ID_PREFIX"),
            (&IdError::Malformed { prefix: "acc" }, "MALFORMED_ID"),
            (&MoneyError::NotPositive, "NOT_POSITIVE"),
            (&IbanError::Empty, "REQUIRED"),
            (&IbanError::Malformed, "MALFORMED_IBAN"),
            (&IbanError::UnsupportedCountry(code()), "IBAN_NOT_ISSUABLE"),
            (&DateError::Empty, "REQUIRED"),
            (&DateError::Malformed, "MALFORMED_DATE"),
            (&TextError::Empty, "REQUIRED"),
            (&TextError::TooLong { limit: 1 }, "TOO_LONG"),
            (&TextError::ControlCharacter, "CONTROL_CHARACTER"),
        ];
        for (error, rule) in rules {
            assert_eq!(error.rule(), rule, "{error}");
        }
    }
}
