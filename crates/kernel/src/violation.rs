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

    /// Notes that `field` breaks `rule`.
    pub fn add(
        &mut self,
        field: impl Into<String>,
        rule: &'static str,
        description: impl Into<String>,
    ) {
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
