//! Files that are unreadable or hostile, of both formats: nothing of one is ever paid, and what
//! is wrong with it is told.

use florin_proto::payment::v1::{Bulk, BulkFormat, BulkLine, BulkStatus, CreateBulkRequest};

use crate::{
    bank::{Bank, iban, places, reason},
    bulk_files::{instruction, ordered, pain_of, problems, sent_pain_of},
    bulks::{TODAY, announcement, bank_create, create, get, line, report, sent, upload, work},
};

/// A pain.001 with as many right transfers.
fn pain(message_id: &str, count: u64) -> String {
    let transfers = (1..=count).map(|number| ordered(&format!("e{number}"), 2, "1.00"));
    pain_of(message_id, vec![instruction("A", 1, 15, transfers.collect())])
}

/// The right file with a change, which is rejected.
async fn rejected(bank: &Bank, name: &str, from: &str, to: &str) -> (Bulk, Vec<BulkLine>) {
    let file = pain(name, 3);
    assert!(file.contains(from), "{from} in {file}");
    let id = sent_pain_of(bank, name, &file.replacen(from, to, 1)).await;
    looked_at(bank, &id).await
}

async fn looked_at(bank: &Bank, id: &str) -> (Bulk, Vec<BulkLine>) {
    assert_eq!(work(&bank.payment, TODAY).await, 0);
    let bulk = get(bank, id).await;
    assert_eq!(bulk.status(), BulkStatus::Rejected);
    assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
    assert_eq!(bank.count("SELECT COUNT(*) FROM bulk_parts").await, 0, "its bytes are gone");
    (bulk, report(bank, id, true).await)
}

/// The first thing that is wrong with the file.
async fn problem(bulk: &Bulk) -> (String, String) {
    problems(bulk).await.swap_remove(0)
}

/// Line, field and rule of the first thing that is wrong with each wrong line.
fn wrong(lines: &[BulkLine]) -> Vec<(i64, &str, &str)> {
    let first = |one: &'_ BulkLine| one.violations.first().cloned().unwrap_or_default();
    assert!(lines.iter().all(|one| !first(one).description.is_empty()));
    lines
        .iter()
        .filter_map(|one| {
            let told = one.violations.first()?;
            let field = told.field.rsplit('/').next().unwrap_or_default();
            Some((one.line, field, told.rule.as_str()))
        })
        .collect()
}

#[tokio::test]
async fn a_bomb_of_entities_is_rejected_before_it_grows() {
    for place in places() {
        let bank = Bank::open(place).await;
        let mut bomb = String::from("<!DOCTYPE d [<!ENTITY a0 \"lol\">");
        for level in 1..10 {
            let inside = format!("&a{};", level - 1).repeat(10);
            bomb.push_str(&format!("<!ENTITY a{level} \"{inside}\">"));
        }
        let used = format!("{bomb}]><Document");
        let (bulk, _) = rejected(&bank, "bomb", "<Document", &used).await;
        assert_eq!(problem(&bulk).await.1, "MALFORMED_DOCUMENT");
        // An entity that nobody has declared, and a file of the bank's own machine.
        let (bulk, _) = rejected(&bank, "entity", "<Nm>Somebody", "<Nm>&a9;").await;
        assert_eq!(problem(&bulk).await.1, "MALFORMED_DOCUMENT");
        let outside = "<!DOCTYPE d SYSTEM \"file:///etc/passwd\"><Document";
        let (bulk, _) = rejected(&bank, "file", "<Document", outside).await;
        assert_eq!(problem(&bulk).await.1, "MALFORMED_DOCUMENT");
    }
}

#[tokio::test]
async fn a_document_that_is_nested_without_end_is_rejected_at_its_limit() {
    for place in places() {
        let bank = Bank::open(place).await;
        let deep = format!("<Nm>{}", "<a>".repeat(20_000));
        let (bulk, _) = rejected(&bank, "deep", "<Nm>", &deep).await;
        assert_eq!(problem(&bulk).await.1, "MALFORMED_DOCUMENT");
        let id = sent(&bank, "deep lines", "[".repeat(8_000).as_bytes()).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(1, "line", "TYPE")]);
        let nested = format!("{{\"to\":{}\n", "[".repeat(8_000));
        let id = sent(&bank, "nested", nested.as_bytes()).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(lines.len(), 1);
        let long = format!("{{\"to\":\"{}\n", "x".repeat(300_000));
        let id = sent(&bank, "long", long.as_bytes()).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(1, "line", "TOO_LONG")]);
    }
}

#[tokio::test]
async fn a_wrong_namespace_is_told() {
    for place in places() {
        let bank = Bank::open(place).await;
        let right = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";
        for (name, to) in [
            ("other", "urn:other".to_owned()),
            ("version", right.replace(".09", ".03")),
            ("message", right.replace("pain.001.001.09", "pacs.008.001.08")),
        ] {
            let (bulk, _) = rejected(&bank, name, right, &to).await;
            assert_eq!(problem(&bulk).await.1, "WRONG_NAMESPACE", "{name}");
        }
        let other = "<Cdtr xmlns=\"urn:other\">";
        let (_, lines) = rejected(&bank, "inside", "<Cdtr>", other).await;
        assert_eq!(wrong(&lines), [(1, "Cdtr", "WRONG_NAMESPACE")]);
        // JSON announced as XML, and XML announced as JSON.
        let id = sent_pain_of(&bank, "json", &line("a", &iban(2), "1")).await;
        let (bulk, _) = looked_at(&bank, &id).await;
        assert_eq!(problem(&bulk).await.1, "MALFORMED_DOCUMENT");
        let id = sent(&bank, "xml", pain("xml", 1).as_bytes()).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(1, "line", "TYPE")]);
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_told_by_where_they_are() {
    for place in places() {
        let bank = Bank::open(place).await;
        let mut file = pain("bytes", 1).into_bytes();
        let at = file.windows(8).position(|one| one == b"Somebody").unwrap();
        file[at] = 0xFF;
        let request = CreateBulkRequest {
            format: BulkFormat::Pain001.into(),
            ..announcement(&bank, "bytes", &file)
        };
        let id = create(&bank, "bytes", request).await.unwrap().bulk_id;
        upload(&bank, &id, &file, 100).await;
        let (bulk, _) = looked_at(&bank, &id).await;
        assert_eq!(problem(&bulk).await.1, "MALFORMED_DOCUMENT");
        let mut lines = [line("a", &iban(2), "1"), line("b", &iban(2), "1")].concat().into_bytes();
        let at = lines.len() - 30;
        lines[at] = 0xFF;
        let id = sent(&bank, "lines", &lines).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(2, "line", "JSON_SYNTAX")]);
    }
}

#[tokio::test]
async fn an_amount_of_wrong_decimals_is_told_by_its_line() {
    for place in places() {
        let bank = Bank::open(place).await;
        for (number, (amount, rule)) in [
            ("1.001", "TOO_MANY_DECIMALS"),
            ("0.00", "NOT_POSITIVE"),
            ("-1.00", "MALFORMED_AMOUNT"),
            ("1,00", "MALFORMED_AMOUNT"),
            ("1e2", "MALFORMED_AMOUNT"),
            ("NaN", "MALFORMED_AMOUNT"),
        ]
        .into_iter()
        .enumerate()
        {
            let (name, to) = (format!("x{number}"), format!(">{amount}<"));
            let (_, lines) = rejected(&bank, &name, ">1.00<", &to).await;
            assert_eq!(wrong(&lines), [(1, "InstdAmt", rule)], "{amount}");
            assert_eq!(lines[0].reference, "e1", "its name is told");
            let file = [line("a", &iban(2), "1"), line("b", &iban(2), amount)].concat();
            let id = sent(&bank, &format!("j{number}"), file.as_bytes()).await;
            let (_, lines) = looked_at(&bank, &id).await;
            let [(2, "amount", told)] = *wrong(&lines) else { panic!("{lines:?}") };
            // JSON names a negative amount as such.
            assert!(told == rule || amount.starts_with('-') && told == "NOT_POSITIVE", "{told}");
        }
    }
}

#[tokio::test]
async fn an_iban_that_does_not_check_is_told_by_its_line() {
    for place in places() {
        let bank = Bank::open(place).await;
        let (right, last) = (iban(2), iban(2).pop());
        let other = if last == Some('0') { "1" } else { "0" };
        let bad = format!("{}{other}", &right[..right.len() - 1]);
        let (_, lines) = rejected(&bank, "x", &right, &bad).await;
        assert_eq!(wrong(&lines), [(1, "IBAN", "MALFORMED_IBAN")]);
        let id = sent(&bank, "j", line("a", &bad, "1").as_bytes()).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(1, "to", "MALFORMED_IBAN")]);
        // Of the account that pays: of all its transfers, so of the file.
        let (bulk, _) = rejected(&bank, "payer", &iban(1), "CZ00").await;
        let (field, rule) = problem(&bulk).await;
        assert!(field.ends_with("PmtInf/DbtrAcct/Id/IBAN"), "{field}");
        assert_eq!(rule, "MALFORMED_IBAN");
    }
}

#[tokio::test]
async fn a_bic_that_does_not_check_is_told_by_its_line() {
    for place in places() {
        let bank = Bank::open(place).await;
        for (number, bad) in ["GIBACZP", "gibaczpx", "GIBAXXPX", "GIBACZPXX"].iter().enumerate() {
            let agent =
                format!("</Amt><CdtrAgt><FinInstnId><BICFI>{bad}</BICFI></FinInstnId></CdtrAgt>");
            let (_, lines) = rejected(&bank, &format!("x{number}"), "</Amt>", &agent).await;
            assert_eq!(wrong(&lines), [(1, "BICFI", "MALFORMED_BIC")], "{bad}");
            assert_eq!(lines[0].reason_code, "RC01");
        }
        // JSON lines have no BIC.
        let file = line("a", &iban(2), "1").replacen('{', "{\"bic\":\"GIBACZPX\",", 1);
        let id = sent(&bank, "j", file.as_bytes()).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(1, "line", "UNKNOWN_FIELD")]);
    }
}

#[tokio::test]
async fn a_name_that_is_used_twice_in_a_file_is_told_however_far_apart() {
    for place in places() {
        let bank = Bank::open(place).await;
        // More than one chunk of lines apart.
        let file = pain("x", 700).replacen("<EndToEndId>e650<", "<EndToEndId>e7<", 1);
        let id = sent_pain_of(&bank, "x", &file).await;
        let (bulk, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(650, "reference", "DUPLICATE")]);
        assert!(lines[0].violations[0].description.contains("line 7 "), "{lines:?}");
        assert_eq!((bulk.lines, bulk.wrong_lines), (700, 1));
        let mut file: Vec<String> =
            (1..=700).map(|number| line(&format!("r{number}"), &iban(2), "0.01")).collect();
        file[649] = line("r7", &iban(2), "0.01");
        let id = sent(&bank, "j", file.concat().as_bytes()).await;
        let (_, lines) = looked_at(&bank, &id).await;
        assert_eq!(wrong(&lines), [(650, "reference", "DUPLICATE")]);
    }
}

#[tokio::test]
async fn the_same_message_id_again_is_the_first_file_or_is_refused() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = pain("M", 2);
        let id = sent_pain_of(&bank, "M", &file).await;
        assert_eq!(work(&bank.payment, TODAY).await, 2);
        let announced = |format: BulkFormat, file: &str| CreateBulkRequest {
            format: format.into(),
            ..announcement(&bank, "M", file.as_bytes())
        };
        let again = create(&bank, "k2", announced(BulkFormat::Pain001, &file)).await.unwrap();
        assert_eq!((again.bulk_id.as_str(), again.status()), (id.as_str(), BulkStatus::Done));
        upload(&bank, &id, file.as_bytes(), 9_000).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let other = announced(BulkFormat::Pain001, &pain("M", 3));
        assert_eq!(reason(bank_create(&bank, "k3", other).await), "BULK_REUSED");
        let other = announced(BulkFormat::JsonLines, &line("a", &iban(2), "1"));
        assert_eq!(reason(bank_create(&bank, "k4", other).await), "BULK_REUSED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 2);
        // The file of another message id under a new one: what it says counts.
        let id = sent_pain_of(&bank, "N", &file).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!(bulk.status(), BulkStatus::Rejected);
        assert_eq!(problem(&bulk).await.1, "NOT_AS_ANNOUNCED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 2);
    }
}

#[tokio::test]
async fn a_file_that_an_editor_has_saved_with_a_mark_and_its_line_ends_is_none_of_these() {
    for place in places() {
        let bank = Bank::open(place).await;
        let lines = [line("a", &iban(2), "1"), line("b", &iban(2), "1")].concat();
        let file = format!("\u{FEFF}{}", lines.replace('\n', "\r\n"));
        let id = sent(&bank, "j", file.as_bytes()).await;
        assert_eq!(work(&bank.payment, TODAY).await, 2);
        assert_eq!(get(&bank, &id).await.status(), BulkStatus::Done);
        let file = format!("\u{FEFF}{}", pain("x", 2).replace("><", ">\r\n<"));
        let id = sent_pain_of(&bank, "x", &file).await;
        assert_eq!(work(&bank.payment, TODAY).await, 2);
        assert_eq!(get(&bank, &id).await.status(), BulkStatus::Done);
    }
}
