//! The header `Idempotency-Key`: a string of structured fields (RFC 8941, as the IETF draft
//! asks for), or the same bare, as most clients send it.

/// A key has at most so many characters.
pub const KEY_LIMIT: usize = 255;

/// Why a header is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing between the quotes, or only blanks.
    #[error("must not be empty")]
    Empty,
    /// Too long.
    #[error("must have at most 255 characters")]
    TooLong,
    /// Something that is no visible ASCII character; the services ask for the same.
    #[error("must be visible ASCII characters, without blanks")]
    NotVisible,
    /// A quote that is not closed, or stands where none may.
    #[error(
        "is no quoted string of RFC 8941: quotes and backslashes inside are escaped, and nothing follows"
    )]
    BadQuotes,
    /// Given more than once.
    #[error("must be given once")]
    Repeated,
}

/// Reads the value of the header, without its quotes.
///
/// # Errors
/// The rule that it breaks.
pub fn parse_key(header: &[u8]) -> Result<String, KeyError> {
    let text = std::str::from_utf8(header).map_err(|_| KeyError::NotVisible)?.trim_matches(' ');
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None if text.contains('"') => return Err(KeyError::BadQuotes),
        None => text.to_owned(),
    };
    if key.trim().is_empty() {
        return Err(KeyError::Empty);
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(KeyError::NotVisible);
    }
    if key.len() > KEY_LIMIT {
        return Err(KeyError::TooLong);
    }
    Ok(key)
}

/// A key as metadata carries it: unquoted, unless a quote inside would be read as one around.
#[must_use]
pub fn wire_key(key: &str) -> String {
    if key.contains('"') {
        format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        key.to_owned()
    }
}

fn unquote(quoted: &str) -> Result<String, KeyError> {
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next() {
            Some('"') => break,
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                Some(_) | None => return Err(KeyError::BadQuotes),
            },
            Some(character) => key.push(character),
            None => return Err(KeyError::BadQuotes),
        }
    }
    if characters.next().is_some() { Err(KeyError::BadQuotes) } else { Ok(key) }
}
