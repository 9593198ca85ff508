//! Persons, for what needs two of them.

use std::fmt;

/// A person who acts, whichever program it uses: one person with two of them is one. Whoever
/// has a token and an operator's certificate counts as two; who gets both is the bank's to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person(String);

impl Person {
    /// The person that an issuer calls by this subject. Bars in the parts are escaped.
    #[must_use]
    pub fn of_token(issuer: &str, subject: &str) -> Self {
        let escape = |part: &str| part.replace('%', "%25").replace('|', "%7C");
        Self(format!("{}|{}", escape(issuer), escape(subject)))
    }

    /// An operator, by the name in the certificate.
    #[must_use]
    pub fn operator(name: &str) -> Self {
        Self(format!("spiffe://florin.bank/operator/{name}"))
    }

    /// A person as it was stored.
    #[must_use]
    pub const fn restore(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_persons_are_written_alike() {
        let persons = [
            Person::of_token("a", "b|c"),
            Person::of_token("a|b", "c"),
            Person::of_token("a%7C", "b|c"),
            Person::of_token("a", "b"),
            Person::operator("b"),
        ];
        let texts: std::collections::HashSet<_> = persons.iter().map(Person::as_str).collect();
        assert_eq!(texts.len(), persons.len());
        assert_eq!(Person::restore(persons[0].to_string()), persons[0]);
    }
}
