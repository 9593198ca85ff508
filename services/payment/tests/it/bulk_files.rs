//! What files hold: both formats, everything that can be wrong with a line, and a file of very
//! many lines with errors in it.

use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use florin_iso20022::{Account, Initiation, Instruction, Message, OrderedTransfer, Party};
use florin_kernel::{Date, Money};
use florin_proto::payment::v1::{Bulk, BulkFormat, BulkLineState, BulkStatus, CreateBulkRequest};

use crate::{
    bank::{Bank, iban, places},
    bulks::{
        TODAY, add, announcement, create, get, line, prove, report, sent, settle, upload, work,
    },
};

pub fn party(number: u64) -> Party {
    let account = Some(Account::Iban(iban(number).parse().unwrap()));
    Party { name: Some("Somebody".parse().unwrap()), account, agent: None }
}

pub fn ordered(reference: &str, number: u64, amount: &str) -> OrderedTransfer {
    OrderedTransfer {
        names: florin_iso20022::PaymentNames {
            end_to_end: Some(reference.parse().unwrap()),
            ..Default::default()
        },
        amount: Money::parse("EUR", amount).unwrap(),
        creditor: party(number),
        remittance: Some("invoice 7".parse().unwrap()),
    }
}

/// A pain.001 with two instructions of different dates.
fn pain() -> String {
    let first = vec![ordered("e1", 2, "1.00"), ordered("NOTPROVIDED", 2, "2.00")];
    let second = vec![ordered("e3", 2, "4.00"), ordered("NOTPROVIDED", 2, "8.00")];
    pain_of("MSG-1", vec![instruction("I1", 1, 15, first), instruction("I2", 1, 20, second)])
}

async fn sent_pain(bank: &Bank, file: &str) -> String {
    sent_pain_of(bank, "MSG-1", file).await
}

/// Announces and uploads a pain.001 of that message id.
pub async fn sent_pain_of(bank: &Bank, message_id: &str, file: &str) -> String {
    let request = CreateBulkRequest {
        format: BulkFormat::Pain001.into(),
        ..announcement(bank, message_id, file.as_bytes())
    };
    let id = create(bank, message_id, request).await.unwrap().bulk_id;
    upload(bank, &id, file.as_bytes(), 9_000).await;
    id
}

/// A pain.001 of these instructions.
pub fn pain_of(message_id: &str, instructions: Vec<Instruction>) -> String {
    let message = Initiation {
        id: message_id.parse().unwrap(),
        created_at: florin_kernel::UnixMicros(1_800_000_000_000_000),
        initiator: None,
        instructions,
    };
    String::from_utf8(Message::Initiation(message).write()).unwrap()
}

/// Transfers from the account of that number in January 2027.
pub fn instruction(id: &str, payer: u64, day: i8, transfers: Vec<OrderedTransfer>) -> Instruction {
    let (on, debtor) = (Date::constant(2027, 1, day), party(payer));
    Instruction { id: id.parse().unwrap(), on, debtor, transfers }
}

pub async fn problems(bulk: &Bulk) -> Vec<(String, String)> {
    bulk.problems.iter().map(|one| (one.field.clone(), one.rule.clone())).collect()
}

#[tokio::test]
async fn a_pain_001_is_executed_by_the_dates_of_its_instructions() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = sent_pain(&bank, &pain()).await;
        assert_eq!(work(&bank.payment, Date::constant(2027, 1, 14)).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!(bulk.problems, []);
        assert_eq!((bulk.status(), bulk.run_on.as_str()), (BulkStatus::Accepted, "2027-01-15"));
        assert_eq!(bulk.sum.unwrap().amount, "15.00");
        assert_eq!(work(&bank.payment, TODAY).await, 2);
        assert_eq!(get(&bank, &id).await.run_on, "2027-01-20");
        settle(&bank).await;
        assert_eq!(bank.ledger.balance(bank.to), 300);
        assert_eq!(work(&bank.payment, Date::constant(2027, 1, 22)).await, 2);
        settle(&bank).await;
        assert_eq!(bank.ledger.balance(bank.to), 1_500);
        let told = report(&bank, &id, false).await;
        let names: Vec<_> = told.iter().map(|one| one.reference.as_str()).collect();
        assert_eq!(names, ["e1", "", "e3", ""]);
        assert_eq!(bank.get(&told[0].transfer_id).await.description, "invoice 7");
        // The names in the file are gone with its bytes.
        assert_eq!(bank.count("SELECT COUNT(*) FROM bulk_parts").await, 0);
        prove(&bank).await;
    }
}

#[tokio::test]
async fn a_pain_001_with_one_wrong_thing_is_rejected_whole() {
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><Document";
    let message = "CstmrCdtTrfInitn";
    for (from, to, field, rule) in [
        ("<NbOfTxs>4<", "<NbOfTxs>5<", "GrpHdr/NbOfTxs", "WRONG_TOTAL"),
        ("</NbOfTxs>", "</NbOfTxs><CtrlSum>15.01</CtrlSum>", "GrpHdr/CtrlSum", "WRONG_TOTAL"),
        ("<MsgId>MSG-1<", "<MsgId>MSG-2<", "GrpHdr/MsgId", "NOT_AS_ANNOUNCED"),
        (
            "<PmtMtd>TRF</PmtMtd>",
            "<PmtMtd>TRF</PmtMtd><NbOfTxs>3</NbOfTxs>",
            "PmtInf/NbOfTxs",
            "WRONG_TOTAL",
        ),
        ("<Dt>2027-01-15</Dt>", "<Dt>2027-13-15</Dt>", "PmtInf/ReqdExctnDt/Dt", "MALFORMED_DATE"),
    ] {
        let bank = Bank::open(places().remove(0)).await;
        let file = pain();
        assert!(file.contains(from), "{from} in {file}");
        let id = sent_pain(&bank, &file.replacen(from, to, 1)).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!(bulk.status(), BulkStatus::Rejected, "{to}");
        let told = problems(&bulk).await;
        assert_eq!(told[0], (format!("{message}/{field}"), rule.to_owned()), "{told:?}");
    }
    for (from, to, rule) in [
        ("<Document", bomb, "MALFORMED_DOCUMENT"),
        ("pain.001.001.09", "pain.001.001.03", "WRONG_NAMESPACE"),
        ("</CstmrCdtTrfInitn>", "", "MALFORMED_DOCUMENT"),
        ("<PmtInfId>I1", "<PmtInfId>&xxe;I1", "MALFORMED_DOCUMENT"),
    ] {
        let bank = Bank::open(places().remove(0)).await;
        let id = sent_pain(&bank, &pain().replacen(from, to, 1)).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!(bulk.status(), BulkStatus::Rejected, "{to}");
        assert_eq!(problems(&bulk).await[0].1, rule, "{to}");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
    }
}

#[tokio::test]
async fn a_wrong_transfer_of_a_pain_001_is_told_by_its_line() {
    let long = format!("<Nm>{}</Nm>", "x".repeat(70_000));
    for (from, to, at, field, rule) in [
        (">1.00<", ">1.001<", 1, "InstdAmt", "TOO_MANY_DECIMALS"),
        ("\"EUR\">2.00<", "\"USD\">2.00<", 2, "Amt/InstdAmt/@Ccy", "CURRENCY_MISMATCH"),
        (">e3<", ">e1<", 3, "reference", "DUPLICATE"),
        (&iban(2), &iban(1), 1, "CdtrAcct/Id/IBAN", "SAME_ACCOUNT"),
        (&iban(2), "CZ6508000000192000145390", 1, "IBAN", "MALFORMED_IBAN"),
        (&iban(1), &iban(3), 1, "DbtrAcct/Id/IBAN", "DEBTOR_ACCOUNT_NOT_FOUND"),
    ] {
        let bank = Bank::open(places().remove(0)).await;
        let file = pain();
        assert!(file.contains(from), "{from} in {file}");
        let id = sent_pain(&bank, &file.replacen(from, to, 1)).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        assert_eq!(get(&bank, &id).await.status(), BulkStatus::Rejected, "{to}");
        let told = report(&bank, &id, true).await;
        assert_eq!(told[0].line, at, "{to}");
        let violation = &told[0].violations[0];
        assert!(violation.field.ends_with(field), "{violation:?}");
        assert_eq!(violation.rule, rule);
        let all = report(&bank, &id, false).await;
        assert!(all.iter().any(|one| one.state() == BulkLineState::Correct), "{to}");
    }
    // One element that is larger than anything that is read at once.
    let bank = Bank::open(places().remove(0)).await;
    let id = sent_pain(&bank, &pain().replacen("<Nm>Somebody</Nm>", &long, 1)).await;
    work(&bank.payment, TODAY).await;
    assert_eq!(problems(&get(&bank, &id).await).await[0].1, "TOO_LONG");
}

#[tokio::test]
async fn a_wrong_json_line_is_told_by_its_number_field_and_rule() {
    for place in places() {
        let bank = Bank::open(place).await;
        let right = || line("r", &iban(2), "1");
        let change =
            |name: &str, from: &str, to: &str| line(name, &iban(2), "1").replacen(from, to, 1);
        let cases = [
            (right(), vec![]),
            (right(), vec![("reference", "DUPLICATE")]),
            ("\n".to_owned(), vec![]),
            ("{\"to\":\n".to_owned(), vec![("line", "JSON_SYNTAX")]),
            ("[]\n".to_owned(), vec![("line", "TYPE")]),
            (change("g", "\"1\"", "1"), vec![("line", "TYPE")]),
            (change("h", "{", "{\"fee\":\"1\","), vec![("line", "UNKNOWN_FIELD")]),
            (change("i", "{", "{\"to\":\"x\","), vec![("line", "JSON_DUPLICATE_KEY")]),
            (change("j", "\"1\"", "\"1.001\""), vec![("amount", "TOO_MANY_DECIMALS")]),
            (change("k", "EUR", "USD"), vec![("currency", "CURRENCY_MISMATCH")]),
            (change("l", &iban(2), "CZ00"), vec![("to", "MALFORMED_IBAN")]),
            (change("m", &iban(2), &bank.from.to_string()), vec![("to", "SAME_ACCOUNT")]),
            (
                change("", "EUR", "XXXX"),
                vec![("reference", "REQUIRED"), ("currency", "UNKNOWN_CURRENCY")],
            ),
            (
                change("o", "{", &format!("{{\"from\":\"{}\",", bank.to)),
                vec![("from", "NOT_AS_ANNOUNCED")],
            ),
            (
                change("p", &iban(2), "ben_01890a5d-ac96-774b-bcce-b302099a8057"),
                vec![("to", "WRONG_ID_PREFIX")],
            ),
            (format!("{}\n", "x".repeat(9_000)), vec![("line", "TOO_LONG")]),
            // The last line has no end, and is one.
            (line("q", &iban(2), "-1").trim_end().to_owned(), vec![("amount", "NOT_POSITIVE")]),
        ];
        let file: String = cases.iter().map(|(text, _)| text.as_str()).collect();
        let id = sent(&bank, "w", file.as_bytes()).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!(bulk.status(), BulkStatus::Rejected);
        let told = report(&bank, &id, false).await;
        // A blank line is none, and counts as a line of the text.
        assert_eq!((bulk.lines, told.len()), (16, 16));
        for one in &told {
            let (text, expected) = &cases[usize::try_from(one.line - 1).unwrap()];
            let violations: Vec<_> = one
                .violations
                .iter()
                .map(|found| (found.field.as_str(), found.rule.as_str()))
                .collect();
            assert_eq!(violations, *expected, "{}: {text}", one.line);
            let is_wrong = one.state() == BulkLineState::Wrong;
            assert_eq!(is_wrong, !expected.is_empty(), "{text}");
        }
        let wrong = told.iter().filter(|one| one.state() == BulkLineState::Wrong).count();
        assert_eq!(bulk.wrong_lines, i64::try_from(wrong).unwrap());
        assert_eq!(report(&bank, &id, true).await.len(), wrong);
        assert_eq!(bank.events(&id).await, [("bulk_rejected".to_owned(), 1)]);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
    }
}

#[tokio::test]
async fn totals_that_are_not_those_of_the_lines_reject_the_file() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = [line("a", &iban(2), "1"), line("b", &iban(2), "2")].concat();
        for (name, count, sum, wrong) in [
            ("count", 3, "", Some("control_count")),
            ("sum", 0, "3.01", Some("control_sum")),
            ("right", 2, "3", None),
        ] {
            let request = CreateBulkRequest {
                control_count: count,
                control_sum: sum.into(),
                ..announcement(&bank, name, file.as_bytes())
            };
            let id = create(&bank, name, request).await.unwrap().bulk_id;
            upload(&bank, &id, file.as_bytes(), 1_000).await;
            work(&bank.payment, TODAY).await;
            let bulk = get(&bank, &id).await;
            let told: Vec<_> = problems(&bulk).await;
            let expected: Vec<_> =
                wrong.iter().map(|field| ((*field).to_owned(), "WRONG_TOTAL".to_owned())).collect();
            assert_eq!(told, expected);
            let status = if wrong.is_some() { BulkStatus::Rejected } else { BulkStatus::Done };
            assert_eq!(bulk.status(), status, "{name}");
        }
        let blank = sent(&bank, "blank", b" \n\n").await;
        work(&bank.payment, TODAY).await;
        let told = problems(&get(&bank, &blank).await).await;
        assert_eq!(told, [("lines".to_owned(), "REQUIRED".to_owned())]);
    }
}

/// Every tenth line is wrong. What is in memory are a part of the file and a few chunks of lines,
/// whatever their number: FLORIN_BULK_LINES=1000000 runs the million, and prints what it took.
#[tokio::test]
async fn a_file_of_very_many_lines_with_errors_is_read_in_parts() {
    let count: usize = florin_testkit::setting("FLORIN_BULK_LINES")
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_000);
    for place in places() {
        let bank = Bank::open(place).await;
        // Made part by part, twice: the test holds no more of the file than the bank.
        let parts = || (0..count.div_ceil(PART_LINES)).map(|part| many(part, count));
        let mut sha256 = digest::Context::new(&digest::SHA256);
        let mut size = 0;
        for part in parts() {
            sha256.update(part.as_bytes());
            size += i64::try_from(part.len()).unwrap();
        }
        let sha256 = sha256.finish();
        let sha256 = sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let request =
            CreateBulkRequest { size_bytes: size, sha256, ..announcement(&bank, "many", b"") };
        let id = create(&bank, "many", request).await.unwrap().bulk_id;
        let (mut at, began) = (0, Instant::now());
        for part in parts() {
            add(&bank, &id, at, part.as_bytes()).await.unwrap();
            at += part.len();
        }
        let uploaded = began.elapsed();
        forget_peak();
        let (before, began) = (resident_kib(), Instant::now());
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let checked = began.elapsed();
        let after = resident_kib();
        let rate = |took: Duration| f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64();
        println!(
            "{count} lines of {size} bytes: uploaded at {:.0} a second, checked at {:.0} a second; \
             resident and peak before the check {before:?} KiB, after it {after:?} KiB",
            rate(uploaded),
            rate(checked),
        );
        let bulk = get(&bank, &id).await;
        assert_eq!(bulk.status(), BulkStatus::Rejected);
        let lines = i64::try_from(count).unwrap();
        assert_eq!((bulk.lines, bulk.wrong_lines), (lines, lines / 10));
        let wrong = "SELECT COUNT(*) FROM bulk_lines WHERE state = 1 AND (line - 1) % 10 = 7";
        assert_eq!(bank.count(wrong).await, lines / 10);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
    }
}

/// Lines of a part of the file of very many: below 512 KiB.
const PART_LINES: usize = 4_000;

/// A part of that file.
fn many(part: usize, count: usize) -> String {
    let (to, first) = (iban(2), part * PART_LINES);
    let one = |number: usize| {
        let amount = if number % 10 == 7 { "0.001" } else { "0.01" };
        line(&format!("r{number}"), &to, amount)
    };
    (first..count.min(first + PART_LINES)).map(one).collect()
}

/// Lets the most memory begin anew (proc(5), clear_refs), where it can be.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Memory of this process now, and the most that it ever was; None where it is not told.
fn resident_kib() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((of("VmRSS")?, of("VmHWM")?))
}
