//! What must be refused, with the path and the rule that is told.

use florin_iso20022::{Account, MOST_BYTES, Message, Rule};
use florin_kernel::{BicError, IbanError, MoneyError, TextError};

use crate::examples::{all, credit_transfer};

fn document() -> String {
    String::from_utf8(Message::CreditTransfer(credit_transfer()).write()).expect("text")
}

/// What reading the example says after a change.
fn refused(from: &str, to: &str) -> (String, Rule) {
    let document = document();
    assert!(document.contains(from), "{from} in {document}");
    refused_document(document.replace(from, to).as_bytes())
}

fn refused_document(document: &[u8]) -> (String, Rule) {
    let error = Message::read(document).expect_err("a refusal");
    (error.path, error.rule)
}

const PAYMENT: &str = "FIToFICstmrCdtTrf/CdtTrfTxInf";

#[test]
fn a_bomb_of_entities_is_refused_before_it_grows() {
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY a0 \"lol\">");
    for level in 1..10 {
        let inside = format!("&a{};", level - 1).repeat(10);
        bomb.push_str(&format!("<!ENTITY a{level} \"{inside}\">"));
    }
    bomb.push_str("]><Document>&a9;</Document>");
    assert_eq!(refused_document(bomb.as_bytes()).1, Rule::Doctype);
    let external = r#"<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document/>"#;
    assert_eq!(refused_document(external.as_bytes()).1, Rule::Doctype);
    let (path, rule) = refused("Bob", "&xxe;");
    assert_eq!(rule, Rule::Entity("xxe".into()));
    assert_eq!(path, format!("/Document/{PAYMENT}/Cdtr/Nm"));
}

#[test]
fn depth_size_and_count_are_bounded() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(refused_document(deep.as_bytes()).1, Rule::TooDeep { limit: 32 });
    let large = vec![b' '; MOST_BYTES + 1];
    assert_eq!(refused_document(&large).1, Rule::TooLarge { limit: MOST_BYTES });
    let many = format!("<a>{}</a>", "<b/>".repeat(200_001));
    assert_eq!(refused_document(many.as_bytes()).1, Rule::TooManyElements { limit: 200_000 });
}

#[test]
fn a_wrong_namespace_is_refused() {
    let (path, rule) = refused("xsd:pacs.008.001.08", "xsd:pacs.008.001.02");
    assert_eq!(
        (path.as_str(), rule),
        ("FIToFICstmrCdtTrf", Rule::Version("pacs.008.001.02".into()))
    );
    for (from, to) in [
        ("urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08", "urn:other"),
        // A name of one message in the namespace of another.
        ("xsd:pacs.008.001.08", "xsd:pacs.004.001.09"),
    ] {
        let (path, rule) = refused(from, to);
        assert!(path == "/" && matches!(rule, Rule::NoMessage(_)), "{path}: {rule}");
    }
    let (path, rule) = refused("<Cdtr>", "<Cdtr xmlns=\"urn:other\">");
    assert_eq!((path, rule), (format!("{PAYMENT}/Cdtr"), Rule::Namespace("urn:other".into())));
}

#[test]
fn an_amount_with_the_wrong_number_of_decimals_is_refused() {
    let path = format!("{PAYMENT}/IntrBkSttlmAmt");
    let eur = "EUR".parse().expect("euro");
    let of = |text: &str| refused("12.34", text);
    let too_many = Rule::Money(MoneyError::TooManyDecimals { exponent: 2, currency: eur });
    assert_eq!(of("12.340"), (path.clone(), too_many.clone()));
    assert_eq!(of("12.345"), (path.clone(), too_many));
    let yen = "JPY".parse().expect("yen");
    let none = Rule::Money(MoneyError::TooManyDecimals { exponent: 0, currency: yen });
    assert_eq!(refused("EUR\">12.34", "JPY\">12.34"), (path.clone(), none));
    for (text, error) in [
        ("0.00", MoneyError::NotPositive),
        ("-12.34", MoneyError::MalformedAmount),
        ("1.2e1", MoneyError::MalformedAmount),
        ("12,34", MoneyError::MalformedAmount),
        ("99999999999999999999", MoneyError::OutOfRange),
        ("10000000000000.01", MoneyError::TooLarge),
        ("", MoneyError::MissingAmount),
    ] {
        assert_eq!(of(text), (path.clone(), Rule::Money(error)), "{text}");
    }
    let currency = format!("{path}/@Ccy");
    let unknown = Rule::Money(MoneyError::UnknownCurrency);
    assert_eq!(refused("Ccy=\"EUR\"", "Ccy=\"EURO\""), (currency.clone(), unknown));
    let missing = Rule::Money(MoneyError::MissingCurrency);
    assert_eq!(refused(" Ccy=\"EUR\"", ""), (currency, missing));
}

#[test]
fn an_iban_that_does_not_check_is_another_number_where_money_has_moved_to_it() {
    let document = document().replace("NL91ABNA0417164300", "NL92ABNA0417164300");
    let Ok(Message::CreditTransfer(read)) = Message::read(document.as_bytes()) else {
        panic!("{document}")
    };
    let wrong = "NL92ABNA0417164300".parse().expect("text");
    assert_eq!(read.creditor.account, Some(Account::Other(wrong)));
    let order = all().into_iter().map(|(_, message)| message);
    let order = order.filter(|message| matches!(message, Message::Initiation(_)));
    let order = order.map(|message| String::from_utf8(message.write()).expect("text"));
    let order: String = order.take(1).collect();
    assert!(order.contains("NL91ABNA0417164300"), "{order}");
    let order = order.replace("NL91ABNA0417164300", "NL92ABNA0417164300");
    let (_, rule) = refused_document(order.as_bytes());
    assert_eq!(rule, Rule::Iban(IbanError::Malformed));
}

#[test]
fn a_bic_that_does_not_check_is_refused() {
    for bad in ["ABNANL2", "abnanl2a", "ABNAXX2A", "ABNANL2AXX"] {
        let (path, rule) = refused("ABNANL2AXXX", bad);
        let agent = format!("{PAYMENT}/CdtrAgt/FinInstnId/BICFI");
        assert_eq!((path, rule), (agent, Rule::Bic(BicError::Malformed)), "{bad}");
    }
    let (path, rule) = refused("<UETR>0", "<UETR>X");
    assert!(path.ends_with("PmtId/UETR") && matches!(rule, Rule::Uetr(_)), "{path}: {rule}");
}

#[test]
fn what_is_missing_repeated_or_too_long_is_named() {
    let missing = refused("<EndToEndId>end-to-end-1</EndToEndId>", "");
    assert_eq!(missing, (format!("{PAYMENT}/PmtId/EndToEndId"), Rule::Missing));
    let id = "<MsgId>message-1</MsgId>";
    let group = "FIToFICstmrCdtTrf/GrpHdr";
    let twice = refused(id, &id.repeat(2));
    assert_eq!(twice, (format!("{group}/MsgId"), Rule::Repeated));
    let long = refused(id, &format!("<MsgId>{}</MsgId>", "m".repeat(36)));
    assert_eq!(long, (format!("{group}/MsgId"), Rule::Text(TextError::TooLong { limit: 35 })));
    let (path, rule) = refused("<NbOfTxs>1<", "<NbOfTxs>2<");
    assert_eq!(path, format!("{group}/NbOfTxs"));
    assert_eq!(rule, Rule::Total { said: "2".into(), found: "1".into() });
    let (path, rule) = refused(">SLEV<", ">MINE<");
    assert!(path.ends_with("ChrgBr") && matches!(rule, Rule::Code(_)), "{path}: {rule}");
    let (path, rule) = refused("2026-11-21<", "2026-02-30<");
    assert!(path.ends_with("IntrBkSttlmDt") && matches!(rule, Rule::Date(_)), "{path}: {rule}");
    let (path, rule) = refused("T19:11:00.123456Z", "");
    assert!(path.ends_with("CreDtTm") && rule == Rule::Instant, "{path}: {rule}");
}

#[test]
fn what_is_no_xml_or_no_message_is_refused() {
    for bad in
        ["", "<a>", "<a></b>", "text", "<a/><b/>", "<p:a/>", "<a b=\"1\" b=\"2\"/>", "<a>x<b/></a>"]
    {
        let (_, rule) = refused_document(bad.as_bytes());
        assert!(matches!(rule, Rule::Malformed(_)), "{bad}: {rule}");
    }
    assert_eq!(refused_document(b"<a>\xFF</a>").1, Rule::Encoding);
    let utf16 = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>";
    assert_eq!(refused_document(utf16.as_bytes()).1, Rule::Encoding);
    let (path, rule) = refused_document(b"<a/>");
    assert_eq!((path.as_str(), rule), ("/", Rule::NoMessage("a of \"\"".into())));
    let inner = document().replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "");
    let two = format!("<a>{inner}{inner}</a>");
    assert_eq!(refused_document(two.as_bytes()).1, Rule::SeveralMessages);
}

#[test]
fn a_control_sum_that_is_not_the_sum_is_refused() {
    let all = crate::examples::all();
    let order = all.iter().find(|(name, _)| name.starts_with("pain")).expect("order");
    let document = String::from_utf8(order.1.write()).expect("text");
    let with = |sum: &str| {
        let count = "<NbOfTxs>3</NbOfTxs>";
        document.replace(count, &format!("{count}<CtrlSum>{sum}</CtrlSum>"))
    };
    for right in ["3.51", "3.510", "3.5100000"] {
        assert_eq!(Message::read(with(right).as_bytes()), Ok(order.1.clone()), "{right}");
    }
    for wrong in ["3.5", "351", "3.512", "x"] {
        let (path, rule) = refused_document(with(wrong).as_bytes());
        assert_eq!(path, "CstmrCdtTrfInitn/GrpHdr/CtrlSum");
        assert_eq!(rule, Rule::Total { said: wrong.into(), found: "3.51".into() });
    }
}
