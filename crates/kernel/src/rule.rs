//! The rules of fields: the one list of the names that clients branch on.

/// Every rule with what it says, sorted by name. A violation names no other.
pub const RULES: &[(&str, &str)] = &[
    ("AMOUNT_OUT_OF_RANGE", "does not fit into 64-bit minor units"),
    ("AMOUNT_TOO_LARGE", "is above what one movement may be"),
    ("BODY_MISSING", "the request takes a body"),
    ("BODY_NOT_EXPECTED", "the request takes no body"),
    ("CONFLICTS_WITH_PATH", "the path says something else"),
    ("CONTROL_CHARACTER", "holds a control character"),
    ("CURRENCY_MISMATCH", "is in another currency than the account"),
    ("DATE_IN_FUTURE", "is after today"),
    ("DEBTOR_ACCOUNT_NOT_FOUND", "names an account from which the sender may not pay, or none"),
    ("DUPLICATE", "stands twice in a list whose items differ"),
    ("EMPTY_RANGE", "leaves nothing between it and its other end"),
    ("IBAN_NOT_ISSUABLE", "is not what a bank can issue"),
    ("IDEMPOTENCY_KEY_SYNTAX", "is no string of RFC 8941"),
    ("JSON_DUPLICATE_KEY", "stands twice in one object"),
    ("JSON_SYNTAX", "is no JSON (RFC 8259)"),
    ("JSON_TOO_DEEP", "is nested too deep"),
    ("MALFORMED_AMOUNT", "is no decimal number"),
    ("MALFORMED_BIC", "is no BIC of ISO 9362"),
    ("MALFORMED_DATE", "is no date YYYY-MM-DD"),
    ("MALFORMED_DOCUMENT", "is not written as its format says"),
    ("MALFORMED_EMAIL", "is no e-mail address (RFC 5321)"),
    ("MALFORMED_GL_CODE", "is no code of a GL account"),
    ("MALFORMED_IBAN", "is no IBAN (ISO 13616)"),
    ("MALFORMED_ID", "is no id: prefix, underscore, UUIDv7"),
    ("MALFORMED_IDENTIFIER", "holds neither letter nor digit"),
    ("MALFORMED_KIND", "is no name of a kind of transaction"),
    ("MALFORMED_MCC", "is no merchant category code (ISO 18245)"),
    ("MALFORMED_NETWORK", "is no name of a card network"),
    ("MALFORMED_PHONE", "is no telephone number (E.164)"),
    ("MALFORMED_POSITION", "is no position that a write has answered"),
    ("MALFORMED_RATE", "is no decimal rate or percentage"),
    ("MALFORMED_REASON", "is no name of a reason"),
    ("MALFORMED_UETR", "is no UETR: a UUID version 4 in lower case"),
    ("NEGATIVE", "is below zero"),
    ("NOT_ALLOWED_BY_PRODUCT", "is more than the product allows"),
    ("NOT_AS_ANNOUNCED", "is not what was announced before"),
    ("NOT_A_PARAMETER", "is a message, which no parameter can be"),
    ("NOT_LATER", "is not after what it must come after"),
    ("NOT_POSITIVE", "is not above zero"),
    ("NOT_UTF8", "is no UTF-8"),
    ("NO_WORD", "holds neither letter nor digit to search by"),
    ("ONE_OF", "excludes another field that is given"),
    ("OUT_OF_RANGE", "is outside its least and most"),
    ("PAGE_TOKEN_INVALID", "is not of this method and filter"),
    ("RATE_MISMATCH", "does not say what the amounts say"),
    ("REPEATED", "is given twice and can be once"),
    ("REQUIRED", "is absent or empty"),
    ("SAME_ACCOUNT", "is the account of the other side"),
    ("SAME_CUSTOMER", "is the customer itself"),
    ("STAFF_ONLY", "is for staff to say"),
    ("TOO_LONG", "has too many characters"),
    ("TOO_MANY", "has too many items"),
    ("TOO_MANY_DECIMALS", "has more decimals than its currency"),
    ("TYPE", "is of another JSON type"),
    ("UNBALANCED", "does not sum to zero in each currency"),
    ("UNKNOWN_COUNTRY", "is no country (ISO 3166-1 alpha-2)"),
    ("UNKNOWN_CURRENCY", "is no currency (ISO 4217)"),
    ("UNKNOWN_DAY_COUNT", "is no day-count convention"),
    ("UNKNOWN_FIELD", "is no field of the message"),
    ("UNKNOWN_PARAMETER", "is no parameter of the request"),
    ("UNKNOWN_PATH", "is no path of a field that can be changed"),
    ("UNKNOWN_VALUE", "is none of the values that it may have"),
    ("WRONG_ID_PREFIX", "is the id of another sort of record"),
    ("WRONG_LENGTH", "has more or fewer characters than it must have"),
    ("WRONG_NAMESPACE", "is of another XML namespace, or of a version that is not read"),
    ("WRONG_PARTY", "is a field of a person where there is an organisation, or the reverse"),
    ("WRONG_TOTAL", "is not what the items come to"),
];

/// Whether a rule is on the list.
#[must_use]
pub fn is_rule(name: &str) -> bool {
    RULES.binary_search_by(|(known, _)| (*known).cmp(name)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_finds_its_rules() {
        assert!(RULES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(RULES.iter().all(|(name, words)| is_rule(name) && !words.is_empty()));
        assert!(!is_rule("required") && !is_rule("UNKNOWN"));
    }
}
