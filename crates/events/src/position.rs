//! Position tokens: a write names its events, and a read that carries the token waits until
//! the read side has them. A set of event ids, never a global order.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use florin_kernel::EventId;

/// The most events that a position names.
pub const MAX_EVENTS: usize = 16;

/// Not a position that a write of ours returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a position as a write returned it")]
pub struct PositionError;

/// The token of a write's events, empty for none. Of more than 16 the last 16 count.
#[must_use]
pub fn encode(events: &[EventId]) -> String {
    let from = events.len().saturating_sub(MAX_EVENTS);
    let ids: Vec<_> = events.iter().skip(from).map(ToString::to_string).collect();
    URL_SAFE_NO_PAD.encode(ids.join(","))
}

/// The events of a token; none for the empty one.
///
/// # Errors
/// Where the token is not of our making.
pub fn decode(token: &str) -> Result<Vec<EventId>, PositionError> {
    if token.is_empty() {
        return Ok(Vec::new());
    }
    let text = URL_SAFE_NO_PAD.decode(token).map_err(|_| PositionError)?;
    let text = String::from_utf8(text).map_err(|_| PositionError)?;
    let ids: Vec<_> = text.split(',').take(MAX_EVENTS + 1).collect();
    if ids.len() > MAX_EVENTS {
        return Err(PositionError);
    }
    ids.into_iter().map(|id| EventId::parse(id).map_err(|_| PositionError)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_keeps_the_last_sixteen() {
        let ids: Vec<_> = (0..20).map(|n| EventId::from_parts(n, [7; 10])).collect();
        assert_eq!(decode(&encode(&ids[..3])), Ok(ids[..3].to_vec()));
        assert_eq!(decode(&encode(&ids)), Ok(ids[4..].to_vec()));
        assert_eq!(decode(&encode(&[])), Ok(Vec::new()));
    }

    #[test]
    fn refuses_what_no_write_returned() {
        let many = vec![EventId::from_parts(1, [1; 10]).to_string(); 17].join(",");
        let foreign = URL_SAFE_NO_PAD.encode("acc_018bcfe5-6800-7707-8707-070707070707");
        for token in ["%", "YQ", foreign.as_str(), &URL_SAFE_NO_PAD.encode(many)] {
            assert_eq!(decode(token), Err(PositionError), "{token}");
        }
    }
}
