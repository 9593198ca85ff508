//! Percent-decoding as `google.api.http` asks for it: a variable of one segment is decoded
//! whole, one of several keeps what is reserved, so that its slashes stay its own.

/// What stays encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Nothing: everything is decoded.
    Nothing,
    /// The reserved characters of RFC 3986.
    #[default]
    Reserved,
    /// Only the slash.
    Slash,
}

/// Bytes that are no UTF-8 after decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be UTF-8 after percent-decoding")]
pub struct NotText;

const RESERVED: &[u8] = b"!#$&'()*+,/:;=?@[]";

/// Decodes `%XX`; a percent sign without two hexadecimal digits stays as it is.
///
/// # Errors
/// Where the outcome is no UTF-8.
pub fn decode(text: &str, keep: Keep) -> Result<String, NotText> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let decoded = if *byte == b'%' { hex_pair(bytes.get(at + 1..at + 3)) } else { None };
        match decoded {
            Some(value) if !keeps(keep, value) => {
                out.push(value);
                at += 3;
            }
            Some(_) | None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_err(|_| NotText)
}

fn keeps(keep: Keep, value: u8) -> bool {
    match keep {
        Keep::Nothing => false,
        Keep::Reserved => RESERVED.contains(&value),
        Keep::Slash => value == b'/',
    }
}

fn hex_pair(pair: Option<&[u8]>) -> Option<u8> {
    let [high, low] = pair? else { return None };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

/// Splits a query into names and values, in order; `plus` tells whether `+` is a space, as
/// browsers write it.
///
/// # Errors
/// Where a name or value is no UTF-8.
pub fn parse_query(query: &str, plus: bool) -> Result<Vec<(String, String)>, NotText> {
    let read = |text: &str| {
        if plus {
            decode(&text.replace('+', " "), Keep::Nothing)
        } else {
            decode(text, Keep::Nothing)
        }
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((read(name)?, read(value)?))
        })
        .collect()
}
