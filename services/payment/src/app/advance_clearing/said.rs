//! What others have said, kept.

/// Characters of a cause that are kept with a payment.
const MOST_CAUSE: usize = 500;

/// A text of others as it can be kept: cut, its control characters escaped.
pub(in crate::app) fn plain(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars().take(MOST_CAUSE) {
        if character.is_control() {
            kept.extend(character.escape_default());
        } else {
            kept.push(character);
        }
    }
    kept
}
