//! Folding of texts for search: lower case, no accents, compatibility forms resolved.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Words of an entry that are kept; statements are short.
const MAX_WORDS: usize = 64;
/// Characters of a word that are kept.
const MAX_WORD_CHARS: usize = 64;

/// The text in lower case and without accents, its letters and digits as they are in the
/// Unicode compatibility decomposition (NFKD). Letters that do not decompose but are read as
/// a Latin letter with a stroke become that letter.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.nfkd().filter(|character| !is_combining_mark(*character)) {
        for lower in character.to_lowercase() {
            match without_stroke(lower) {
                Some(plain) => folded.push_str(plain),
                // "İ" in lower case brings a mark of its own.
                None if is_combining_mark(lower) => {}
                None => folded.push(lower),
            }
        }
    }
    folded
}

const fn without_stroke(character: char) -> Option<&'static str> {
    let plain = match character {
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'ı' => "i",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    };
    Some(plain)
}

/// The distinct words of a text, folded, in the order of their first appearance. A word is a
/// run of letters and digits.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let mut words: Vec<String> = Vec::new();
    for run in folded.split(|character: char| !character.is_alphanumeric()) {
        let word: String = run.chars().take(MAX_WORD_CHARS).collect();
        if !word.is_empty() && !words.contains(&word) && words.len() < MAX_WORDS {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_letter_case_and_accents() {
        assert_eq!(fold("Příliš ŽLUŤOUČKÝ kůň"), "prilis zlutoucky kun");
        assert_eq!(fold("Łódź, Øre, Straße, İZMİR"), "lodz, ore, strasse, izmir");
        // Composed or not, it is the same letter.
        assert_eq!(fold("e\u{301}"), fold("é"));
        assert_eq!(fold("ﬁx Ⅷ"), "fix viii");
    }

    #[test]
    fn splits_into_distinct_words() {
        assert_eq!(
            words("Nájem 11/2026, nájem - byt č.7"),
            ["najem", "11", "2026", "byt", "c", "7"]
        );
        assert_eq!(words(" .,- "), Vec::<String>::new());
    }

    #[test]
    fn keeps_a_bounded_number_of_bounded_words() {
        let long = "x".repeat(500);
        assert_eq!(words(&long)[0].len(), 64);
        let many: Vec<_> = (0..200).map(|n| n.to_string()).collect();
        assert_eq!(words(&many.join(" ")).len(), 64);
    }
}
