//! Bounded text.

use std::{fmt, str::FromStr};

use florin_kernel::{TextError, check_text};

use crate::error::Rule;

/// A text of 1 to `MOST` characters that XML can hold, without blanks at its ends and without
/// control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const MOST: usize>(String);

/// An identification: Max35Text.
pub type Id = Text<35>;

/// A code of an external list: one to four characters.
pub type Code = Text<4>;

impl<const MOST: usize> Text<MOST> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> FromStr for Text<MOST> {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        let checked = check_text(text, 1, MOST).map_err(Rule::Text)?;
        match checked.chars().find(|character| is_no_xml(*character)) {
            Some(character) => Err(Rule::Character(character.into())),
            None => Ok(Self(checked)),
        }
    }
}

/// What XML 1.0 (section 2.2) leaves out, beside the control characters.
const fn is_no_xml(character: char) -> bool {
    matches!(character, '\u{FFFE}' | '\u{FFFF}')
}

impl<const MOST: usize> fmt::Display for Text<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An optional text, where blanks are none.
pub(crate) fn optional<const MOST: usize>(text: &str) -> Result<Option<Text<MOST>>, Rule> {
    match text.parse() {
        Ok(text) => Ok(Some(text)),
        Err(Rule::Text(TextError::Empty)) => Ok(None),
        Err(rule) => Err(rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_bounded_and_holds_what_xml_can() {
        assert_eq!(" a<b ".parse::<Code>().expect("text").as_str(), "a<b");
        assert_eq!("".parse::<Code>(), Err(Rule::Text(TextError::Empty)));
        assert_eq!("12345".parse::<Code>(), Err(Rule::Text(TextError::TooLong { limit: 4 })));
        assert_eq!("a\u{1}".parse::<Code>(), Err(Rule::Text(TextError::ControlCharacter)));
        assert_eq!("a\u{FFFF}".parse::<Code>(), Err(Rule::Character(0xFFFF)));
    }
}
