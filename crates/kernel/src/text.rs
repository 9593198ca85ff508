//! Free text from outside: bounded, without control characters.

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A required field is empty or blank.
    #[error("must not be empty")]
    Empty,
    /// Longer than the limit.
    #[error("must have at most {limit} characters")]
    TooLong {
        /// The limit in characters.
        limit: usize,
    },
    /// Holds a control character (Unicode category Cc).
    #[error("must not hold control characters")]
    ControlCharacter,
}

impl TextError {
    pub(crate) const fn rule_name(&self) -> &'static str {
        match self {
            Self::Empty => "REQUIRED",
            Self::TooLong { .. } => "TOO_LONG",
            Self::ControlCharacter => "CONTROL_CHARACTER",
        }
    }
}

/// Checks a text of `least` to `limit` characters: `least` is 1 for a required field and 0
/// for an optional one.
///
/// # Errors
/// The first rule that the text breaks.
pub fn check_text(text: &str, least: usize, limit: usize) -> Result<String, TextError> {
    let length = text.trim().chars().count();
    if length < least {
        return Err(TextError::Empty);
    }
    if text.chars().count() > limit {
        return Err(TextError::TooLong { limit });
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::ControlCharacter);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_blank_long_and_control_characters() {
        assert_eq!(check_text("  ", 1, 10), Err(TextError::Empty));
        assert_eq!(check_text("", 0, 10), Ok(String::new()));
        assert_eq!(check_text("abc", 1, 2), Err(TextError::TooLong { limit: 2 }));
        assert_eq!(check_text("a\u{0}b", 1, 9), Err(TextError::ControlCharacter));
        assert_eq!(check_text("žluťoučký", 1, 9), Ok("žluťoučký".to_owned()));
    }

    #[test]
    fn blanks_do_not_fill_a_text_and_do_count_towards_its_limit() {
        assert_eq!(check_text(" ab ", 3, 10), Err(TextError::Empty));
        assert_eq!(check_text(" ab ", 1, 3), Err(TextError::TooLong { limit: 3 }));
        assert_eq!(check_text(" ab ", 2, 4), Ok(" ab ".to_owned()));
    }
}
