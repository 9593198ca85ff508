//! The report on a pain.001 as pain.002.

use florin_iso20022::{CustomerReport, Message, TransferReport};
use florin_kernel::Date;
use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{BulkStatus, CancelBulkRequest, DownloadBulkReportRequest},
};

use crate::{
    bank::{Bank, customer, iban, places, reason, until_decided},
    bulk_files::{instruction, ordered, pain_of, sent_pain_of},
    bulks::{TODAY, get, lines_of, sent, settle, work},
};

/// The parts of the report; each is read as whoever receives it reads it.
async fn parts(bank: &Bank, id: &str, page_size: i32) -> Vec<CustomerReport> {
    let ctx = customer(bank.alice, "DownloadBulkReport", "");
    let (mut parts, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = DownloadBulkReportRequest { bulk_id: id.into(), page_size, page_token };
        let part = || bank.payment.download_bulk_report(&ctx, request.clone());
        let part = until_decided(part).await.unwrap().into_inner();
        let message = Message::read(&part.document).unwrap();
        let Message::CustomerReport(report) = message else { panic!("{message:?}") };
        parts.push(report);
        page_token = part.next_page_token;
        if page_token.is_empty() {
            return parts;
        }
    }
}

fn text<T: std::fmt::Display>(one: Option<&T>) -> String {
    one.map(ToString::to_string).unwrap_or_default()
}

/// Name, status and first code of a transaction.
fn told(one: &TransferReport) -> (String, String, String) {
    let code = one.reasons.first().and_then(|reason| reason.code.as_ref());
    (text(one.names.end_to_end.as_ref()), one.status.to_string(), text(code))
}

fn is(name: &str, status: &str, code: &str) -> (String, String, String) {
    (name.to_owned(), status.to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_report_comes_in_parts_that_are_messages_of_their_own() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.put_account(4, 200, vec![(bank.alice, HolderRole::Owner)]);
        let mut named = ordered("a1", 2, "1.00");
        named.names.instruction = Some("I-1".parse().unwrap());
        named.names.uetr = Some(florin_kernel::Uetr::from_random([7; 16]));
        let later = vec![ordered("c1", 2, "1.00")];
        let file = pain_of(
            "M",
            vec![
                instruction("A", 1, 15, vec![named, ordered("NOTPROVIDED", 2, "2.00")]),
                instruction("B", 4, 15, vec![ordered("b1", 2, "1.50"), ordered("b2", 2, "9.00")]),
                instruction("C", 1, 20, later),
            ],
        );
        let id = sent_pain_of(&bank, "M", &file).await;
        assert_eq!(work(&bank.payment, TODAY).await, 4);
        settle(&bank).await;
        let whole = parts(&bank, &id, 0).await;
        let [whole] = whole.as_slice() else { panic!("{} parts", whole.len()) };
        assert_eq!(whole.original.id.as_str(), "M");
        assert_eq!(whole.original.name.as_str(), "pain.001.001.09");
        assert_eq!(
            whole.original.created_at,
            Some(florin_kernel::UnixMicros(1_800_000_000_000_000))
        );
        assert_eq!(whole.standing.count, Some(5));
        assert_eq!(text(whole.standing.sum.as_ref()), "14.50");
        assert_eq!(text(whole.standing.status.as_ref()), "PART");
        let counts: Vec<_> = whole
            .standing
            .counts
            .iter()
            .map(|one| (one.status.to_string(), one.count, text(one.sum.as_ref())))
            .collect();
        let expected = [("ACCP", 1, "1.00"), ("ACSC", 3, "4.50"), ("RJCT", 1, "9.00")];
        assert_eq!(
            counts,
            expected.map(|(status, count, sum)| { (status.to_owned(), count, sum.to_owned()) })
        );
        let batches: Vec<_> = whole
            .instructions
            .iter()
            .map(|one| (one.id.to_string(), text(one.standing.status.as_ref())))
            .collect();
        let status = |id: &str, status: &str| (id.to_owned(), status.to_owned());
        assert_eq!(batches, [status("A", "ACSC"), status("B", "PART"), status("C", "ACCP")]);
        let expected = [
            is("a1", "ACSC", ""),
            is("NOTPROVIDED", "ACSC", ""),
            is("b1", "ACSC", ""),
            is("b2", "RJCT", "AM04"),
            is("c1", "ACCP", ""),
        ];
        assert_eq!(all_told(std::slice::from_ref(whole)), expected);
        let first = &whole.instructions[0].transfers[0];
        assert_eq!(text(first.names.instruction.as_ref()), "I-1");
        assert_eq!(first.names.uetr, Some(florin_kernel::Uetr::from_random([7; 16])));
        assert_eq!(first.servicer_reference.as_ref().map(|id| id.as_str().len()), Some(32));
        assert_eq!(first.on, Some(TODAY));
        for size in [1, 2, 3] {
            let several = parts(&bank, &id, size).await;
            let most = usize::try_from(size).unwrap();
            assert_eq!(several.len(), 5_usize.div_ceil(most));
            assert_eq!(all_told(&several), expected);
            tell_the_same(&several, whole);
        }
    }
}

fn all_told(reports: &[CustomerReport]) -> Vec<(String, String, String)> {
    let instructions = reports.iter().flat_map(|one| &one.instructions);
    instructions.flat_map(|one| &one.transfers).map(told).collect()
}

/// What is told of the whole and of each batch is the same in every part.
fn tell_the_same(parts: &[CustomerReport], whole: &CustomerReport) {
    for one in parts {
        assert_eq!(one.standing, whole.standing);
        for batch in &one.instructions {
            let same = whole.instructions.iter().find(|other| other.id == batch.id);
            assert_eq!(batch.standing, same.unwrap().standing);
        }
    }
    let mut ids: Vec<_> = parts.iter().map(|one| one.id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), parts.len(), "each message has an id of its own");
}

#[tokio::test]
async fn a_rejected_file_is_reported_with_names_and_codes() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = pain_of(
            "M",
            vec![instruction(
                "A",
                1,
                15,
                vec![
                    ordered("right", 2, "1.00"),
                    ordered("cents", 2, "2.00"),
                    ordered("iban", 3, "3.00"),
                    ordered("right", 2, "4.00"),
                ],
            )],
        );
        let wrong = file.replacen(">2.00<", ">2.001<", 1).replacen(&iban(3), "CZ12", 1);
        let wrong = wrong.replacen("<NbOfTxs>4<", "<NbOfTxs>5<", 1);
        let id = sent_pain_of(&bank, "M", &wrong).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let report = parts(&bank, &id, 0).await.remove(0);
        assert_eq!(text(report.standing.status.as_ref()), "RJCT");
        let reason = &report.standing.reasons[0];
        assert_eq!(text(reason.code.as_ref()), "AM18");
        assert!(text(reason.information.as_ref()).contains("NbOfTxs"), "{reason:?}");
        let transfers: Vec<_> = report.instructions[0].transfers.iter().map(told).collect();
        let expected = [
            is("right", "RJCT", "NARR"),
            is("cents", "RJCT", "AM12"),
            is("iban", "RJCT", "AC03"),
            is("right", "RJCT", "DU04"),
        ];
        assert_eq!(transfers, expected);
    }
}

#[tokio::test]
async fn a_file_is_reported_before_it_is_read_and_after_it_was_cancelled() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = pain_of("M", vec![instruction("A", 1, 20, vec![ordered("a1", 2, "1.00")])]);
        let id = sent_pain_of(&bank, "M", &file).await;
        let report = parts(&bank, &id, 0).await.remove(0);
        assert_eq!(text(report.standing.status.as_ref()), "RCVD");
        assert_eq!((report.standing.count, report.instructions.len()), (None, 0));
        work(&bank.payment, TODAY).await;
        let report = parts(&bank, &id, 0).await.remove(0);
        assert_eq!(text(report.standing.status.as_ref()), "ACCP");
        let ctx = customer(bank.alice, "CancelBulk", "c");
        let cancel = CancelBulkRequest { bulk_id: id.clone() };
        bank.payment.cancel_bulk(&ctx, cancel).await.unwrap();
        assert_eq!(get(&bank, &id).await.status(), BulkStatus::Cancelled);
        let report = parts(&bank, &id, 0).await.remove(0);
        assert_eq!(text(report.standing.status.as_ref()), "RJCT");
        assert_eq!(text(report.standing.reasons[0].code.as_ref()), "DS02");
        assert_eq!(told(&report.instructions[0].transfers[0]), is("a1", "CANC", "DS02"));
        assert_eq!(work(&bank.payment, Date::constant(2027, 1, 20)).await, 0);
    }
}

#[tokio::test]
async fn json_lines_have_no_pain_002_and_a_part_has_a_size() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = sent(&bank, "w", &lines_of(1)).await;
        let ctx = customer(bank.alice, "DownloadBulkReport", "");
        let asked = |page_size, page_token: &str| DownloadBulkReportRequest {
            bulk_id: id.clone(),
            page_size,
            page_token: page_token.to_owned(),
        };
        let answer = bank.payment.download_bulk_report(&ctx, asked(0, "")).await;
        assert_eq!(reason(answer), "BULK_IS_NO_PAIN_001");
        let answer = bank.payment.download_bulk_report(&ctx, asked(501, "")).await;
        assert_eq!(reason(answer), "INVALID_REQUEST");
        let answer = bank.payment.download_bulk_report(&ctx, asked(0, "x")).await;
        assert_eq!(reason(answer), "PAGE_TOKEN_INVALID");
    }
}
