//! The syntax of the idempotency key.

use florin_gateway::{KEY_LIMIT, KeyError, parse_key, wire_key};

#[test]
fn reads_a_key_quoted_or_bare() {
    let longest = "k".repeat(KEY_LIMIT);
    let quoted = format!("\"{longest}\"");
    for (header, key) in [
        ("abc", "abc"),
        ("\"abc\"", "abc"),
        ("  abc  ", "abc"),
        (r#""a\"b\\c""#, r#"a"b\c"#),
        (r"a\b", r"a\b"),
        ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (longest.as_str(), longest.as_str()),
        (quoted.as_str(), longest.as_str()),
    ] {
        assert_eq!(parse_key(header.as_bytes()), Ok(key.to_owned()), "{header}");
    }
}

#[test]
fn refuses_what_is_no_key() {
    let too_long = "k".repeat(KEY_LIMIT + 1);
    let too_long_quoted = format!("\"{too_long}\"");
    for (header, error) in [
        ("", KeyError::Empty),
        ("   ", KeyError::Empty),
        ("\"\"", KeyError::Empty),
        ("\"  \"", KeyError::Empty),
        (too_long.as_str(), KeyError::TooLong),
        (too_long_quoted.as_str(), KeyError::TooLong),
        ("\"abc", KeyError::BadQuotes),
        ("abc\"", KeyError::BadQuotes),
        ("a\"b", KeyError::BadQuotes),
        ("\"abc\"x", KeyError::BadQuotes),
        ("\"abc\"; p=1", KeyError::BadQuotes),
        ("\"a\", \"b\"", KeyError::BadQuotes),
        (r#""a\n""#, KeyError::BadQuotes),
        (r#""a\"#, KeyError::BadQuotes),
        ("a b", KeyError::NotVisible),
        ("\"a b\"", KeyError::NotVisible),
        ("klíč", KeyError::NotVisible),
        ("a\tb", KeyError::NotVisible),
        ("a\u{7f}", KeyError::NotVisible),
    ] {
        assert_eq!(parse_key(header.as_bytes()), Err(error), "{header}");
    }
}

#[test]
fn a_key_with_quotes_inside_arrives_as_it_was_meant() {
    for key in ["abc", r#"a"b"#, r#""abc""#, r"a\b", r#"\"#] {
        assert_eq!(parse_key(wire_key(key).as_bytes()), Ok(key.to_owned()));
        assert_eq!(florin_rpc::server::idempotency_key(&wire_key(key)).unwrap(), key);
    }
}
