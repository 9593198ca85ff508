//! Opaque keyset page tokens, bound to the method and to the filter they were made for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use florin_kernel::Violations;
use florin_proto::common::v1::Reason;

use crate::Error;

/// Bytes of the digest that binds a token.
const TAG_BYTES: usize = 12;

/// Longest token that is read.
const MAX_TOKEN: usize = 1_024;

/// Makes the token of the page after `cursor`. `filter` is whatever selects the rows: the
/// encoded request without its page token and page size.
#[must_use]
pub fn encode(method: &str, filter: &[u8], cursor: &str) -> String {
    let mut bytes = tag(method, filter, cursor).to_vec();
    bytes.extend_from_slice(cursor.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a token; an empty one asks for the first page.
///
/// # Errors
/// `PAGE_TOKEN_INVALID` where it is broken or of another method or filter.
pub fn decode(method: &str, filter: &[u8], token: &str) -> Result<Option<String>, Error> {
    if token.is_empty() {
        return Ok(None);
    }
    read(method, filter, token).map(Some).ok_or_else(|| {
        let mut violations = Violations::new();
        violations.add(
            "page_token",
            "PAGE_TOKEN_INVALID",
            "must be the next_page_token of the page before, with the same filter",
        );
        Error::new(Reason::PageTokenInvalid, "the page token is not of this method and filter")
            .violations(violations)
    })
}

fn read(method: &str, filter: &[u8], token: &str) -> Option<String> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (found, cursor) = bytes.split_at_checked(TAG_BYTES)?;
    let cursor = std::str::from_utf8(cursor).ok()?;
    (found == tag(method, filter, cursor)).then(|| cursor.to_owned())
}

/// The digest is no secret: it tells a slip from a page, and a forged cursor selects
/// nothing that the filter would not.
fn tag(method: &str, filter: &[u8], cursor: &str) -> [u8; TAG_BYTES] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in [method.as_bytes(), filter, cursor.as_bytes()] {
        context.update(part.len().to_string().as_bytes());
        context.update(b":");
        context.update(part);
    }
    let mut tag = [0; TAG_BYTES];
    for (to, from) in tag.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_on_where_its_page_ended_and_nowhere_else() {
        let token = encode("/m", b"filter", "acc_1|7");
        assert_eq!(decode("/m", b"filter", &token).unwrap().as_deref(), Some("acc_1|7"));
        assert_eq!(decode("/m", b"filter", "").unwrap(), None);
        let mut broken = token.clone();
        broken.pop();
        for (method, filter, token) in [
            ("/other", &b"filter"[..], token.as_str()),
            ("/m", b"other", &token),
            ("/m", b"filter", &broken),
            ("/m", b"filter", "%%%"),
            ("/m", b"filter", "AAAA"),
            ("/m", b"filter", &"A".repeat(5_000)),
        ] {
            let error = decode(method, filter, token).unwrap_err();
            assert_eq!(error.reason(), "PAGE_TOKEN_INVALID");
            assert_eq!(error.field_violations()[0].field, "page_token");
        }
    }
}
