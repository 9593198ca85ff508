//! Files that pay from several accounts: each batch from its own, on its date.

use florin_kernel::Date;
use florin_payment::Payment;
use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{
        BulkBatch, BulkFormat, BulkLine, BulkLineState, BulkStatus, CancelBulkRequest,
        CreateBulkRequest, DownloadBulkReportRequest, GetBulkReportRequest, GetBulkReportResponse,
        GetBulkRequest, LimitPeriod, LimitScope, ListBulkLinesRequest, ListBulksRequest,
        ReportedStatus, SetLimitRequest,
    },
};
use florin_rpc::CallContext;

use crate::{
    bank::{Bank, account_id, customer, iban, places, reason, staff, until_decided},
    bulk_files::{instruction, ordered, pain_of, problems, sent_pain_of},
    bulks::{TODAY, announcement, get, prove, report, settle, upload, work},
    ledger::Scripted,
};

const LATER: Date = Date::constant(2027, 1, 20);

/// A second account of Alice's, with 50.00 EUR.
fn second_account(bank: &Bank) {
    bank.put_account(4, 5_000, vec![(bank.alice, HolderRole::Owner)]);
}

/// The report with all its batches, page by page.
pub async fn standing(bank: &Bank, id: &str) -> (GetBulkReportResponse, Vec<BulkBatch>) {
    let ctx = customer(bank.alice, "GetBulkReport", "");
    let (mut batches, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = GetBulkReportRequest { bulk_id: id.into(), page_size: 200, page_token };
        let page = || bank.payment.get_bulk_report(&ctx, request.clone());
        let mut page = until_decided(page).await.unwrap().into_inner();
        batches.append(&mut page.batches);
        page_token = page.next_page_token.clone();
        if page_token.is_empty() {
            return (page, batches);
        }
    }
}

fn names(batches: &[BulkBatch]) -> Vec<(String, ReportedStatus)> {
    batches.iter().map(|one| (one.payment_information_id.clone(), one.status())).collect()
}

#[tokio::test]
async fn a_file_pays_from_several_accounts_each_batch_on_its_date() {
    for place in places() {
        let bank = Bank::open(place).await;
        second_account(&bank);
        let file = pain_of(
            "M",
            vec![
                instruction("A", 1, 15, vec![ordered("a1", 2, "1.00"), ordered("a2", 4, "2.00")]),
                instruction("B", 4, 20, vec![ordered("b1", 2, "4.00")]),
                instruction("C", 4, 15, vec![ordered("c1", 2, "99.00")]),
            ],
        );
        let id = sent_pain_of(&bank, "M", &file).await;
        assert_eq!(work(&bank.payment, Date::constant(2027, 1, 14)).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!((bulk.status(), bulk.run_on.as_str()), (BulkStatus::Accepted, "2027-01-15"));
        assert_eq!((bulk.batches, bulk.sum.unwrap().amount.as_str()), (3, "106.00"));
        use ReportedStatus::{Accp, Acsc, Part, Rjct};
        let (told, batches) = standing(&bank, &id).await;
        assert_eq!(told.status(), Accp);
        let all = |b, c, d| [("A".to_owned(), b), ("B".to_owned(), c), ("C".to_owned(), d)];
        assert_eq!(names(&batches), all(Accp, Accp, Accp));
        // An older replica, which knows one payer a file, finds nothing to run.
        assert_eq!(bank.count("SELECT COUNT(*) FROM bulks WHERE run_on IS NOT NULL").await, 0);
        assert_eq!(work(&bank.payment, TODAY).await, 3);
        settle(&bank).await;
        let (told, batches) = standing(&bank, &id).await;
        assert_eq!(told.status(), Part);
        assert_eq!(names(&batches), all(Acsc, Accp, Rjct));
        let seen = |one: &BulkBatch| (one.from.clone(), one.from_iban.clone(), one.lines);
        assert_eq!(seen(&batches[0]), (bank.from.to_string(), iban(1), 2));
        assert_eq!(seen(&batches[1]), (account_id(4).to_string(), iban(4), 1));
        assert_eq!(work(&bank.payment, LATER).await, 1);
        settle(&bank).await;
        let (told, batches) = standing(&bank, &id).await;
        assert_eq!(names(&batches), all(Acsc, Acsc, Rjct));
        let counts: Vec<_> = told
            .counts
            .iter()
            .map(|one| (one.status(), one.lines, one.sum.clone().unwrap().amount))
            .collect();
        assert_eq!(counts, [(Acsc, 3, "7.00".to_owned()), (Rjct, 1, "99.00".to_owned())]);
        assert_eq!(bank.ledger.balance(bank.from), 10_000 - 300);
        assert_eq!(bank.ledger.balance(account_id(4)), 5_000 + 200 - 400);
        assert_eq!(bank.ledger.balance(bank.to), 500);
        let bulk = get(&bank, &id).await;
        assert_eq!((bulk.status(), bulk.taken_lines), (BulkStatus::Done, 4));
        let told = report(&bank, &id, false).await;
        assert_eq!(told[3].reason, "INSUFFICIENT_FUNDS");
        assert_eq!(told[3].reason_code, "AM04");
        let of: Vec<_> = told.iter().map(|one| one.batch).collect();
        assert_eq!(of, [1, 1, 2, 3]);
        prove(&bank).await;
    }
}

#[tokio::test]
async fn an_account_that_the_sender_may_not_pay_from_rejects_the_file_and_says_no_more() {
    for place in places() {
        let bank = Bank::open(place).await;
        second_account(&bank);
        let viewer = (bank.alice, HolderRole::Viewer);
        bank.put_account(5, 5_000, vec![(bank.carol, HolderRole::Owner), viewer]);
        let dollars = Scripted {
            iban: iban(6),
            currency: "USD".into(),
            holders: vec![(bank.alice, HolderRole::Owner)],
            balance: 5_000,
            frozen: false,
        };
        bank.ledger.put(account_id(6), dollars);
        let stranger = "DEBTOR_ACCOUNT_NOT_FOUND";
        // Bob's, one that Alice only looks at, nobody's, and another currency.
        for (payer, rule) in
            [(2, stranger), (5, stranger), (77, stranger), (6, "CURRENCY_MISMATCH")]
        {
            let name = format!("M{payer}");
            let file = pain_of(
                &name,
                vec![
                    instruction("A", 4, 15, vec![ordered("a1", 3, "1.00")]),
                    instruction("B", payer, 15, vec![ordered("b1", 3, "1.00")]),
                ],
            );
            let id = sent_pain_of(&bank, &name, &file).await;
            assert_eq!(work(&bank.payment, TODAY).await, 0);
            assert_eq!(get(&bank, &id).await.status(), BulkStatus::Rejected);
            let told = report(&bank, &id, false).await;
            let states: Vec<_> = told.iter().map(BulkLine::state).collect();
            assert_eq!(states, [BulkLineState::Correct, BulkLineState::Wrong], "{payer}");
            let violation = &told[1].violations[0];
            assert_eq!(violation.field, "DbtrAcct/Id/IBAN");
            assert_eq!(violation.rule, rule, "{payer}");
            let (_, batches) = standing(&bank, &id).await;
            assert_eq!(
                (batches[1].from.as_str(), batches[1].from_iban.as_str()),
                ("", &*iban(payer))
            );
            assert_eq!(batches[1].status(), ReportedStatus::Rjct);
        }
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
        prove(&bank).await;
    }
}

/// What somebody is answered who asks for a file by every way.
async fn asked(payment: &Payment, ctx: impl Fn(&str) -> CallContext, id: &str) -> Vec<String> {
    let bulk_id = id.to_owned();
    let lines = ListBulkLinesRequest { bulk_id: bulk_id.clone(), ..Default::default() };
    let batches = GetBulkReportRequest { bulk_id: bulk_id.clone(), ..Default::default() };
    let part = DownloadBulkReportRequest { bulk_id: bulk_id.clone(), ..Default::default() };
    let bulk = GetBulkRequest { bulk_id: bulk_id.clone() };
    let cancel = CancelBulkRequest { bulk_id };
    let told = |refused: Option<tonic::Status>| match refused {
        Some(status) => florin_rpc::Error::from_status(&status).reason().to_owned(),
        None => String::new(),
    };
    vec![
        told(payment.get_bulk(&ctx("GetBulk"), bulk).await.err()),
        told(payment.list_bulk_lines(&ctx("ListBulkLines"), lines).await.err()),
        told(payment.get_bulk_report(&ctx("GetBulkReport"), batches).await.err()),
        told(payment.download_bulk_report(&ctx("DownloadBulkReport"), part).await.err()),
        told(payment.cancel_bulk(&ctx("CancelBulk"), cancel).await.err()),
    ]
}

#[tokio::test]
async fn who_may_not_see_every_account_that_pays_sees_nothing_of_the_file() {
    for place in places() {
        let bank = Bank::open(place).await;
        second_account(&bank);
        let file = pain_of(
            "M",
            vec![
                instruction("A", 1, 20, vec![ordered("a1", 2, "1.00")]),
                instruction("B", 4, 20, vec![ordered("b1", 2, "4.00")]),
            ],
        );
        let id = sent_pain_of(&bank, "M", &file).await;
        work(&bank.payment, TODAY).await;
        // Carol looks at the one account, and not at the other.
        let carol = |method: &str| customer(bank.carol, method, "c");
        let gone = vec!["BULK_NOT_FOUND".to_owned(); 5];
        assert_eq!(asked(&bank.payment, carol, &id).await, gone);
        let listed = async || {
            let of = ListBulksRequest { account_id: bank.from.to_string(), ..Default::default() };
            let ctx = customer(bank.carol, "ListBulks", "");
            bank.payment.list_bulks(&ctx, of).await.unwrap().into_inner().bulks.len()
        };
        assert_eq!(listed().await, 0);
        let both = vec![(bank.alice, HolderRole::Owner), (bank.carol, HolderRole::Viewer)];
        bank.put_account(4, 5_000, both);
        let mut looks = vec![String::new(); 4];
        looks.push("BULK_NOT_FOUND".to_owned());
        assert_eq!(asked(&bank.payment, carol, &id).await, looks, "who looks cancels nothing");
        assert_eq!(listed().await, 1);
        let mut seen = asked(&bank.payment, |method| customer(bank.alice, method, "a"), &id).await;
        seen.retain(|one| !one.is_empty());
        assert_eq!(seen, Vec::<String>::new());
        assert_eq!(work(&bank.payment, LATER).await, 0, "Alice has cancelled it");
    }
}

#[tokio::test]
async fn batches_have_names_and_totals_of_their_own() {
    for place in places() {
        let bank = Bank::open(place).await;
        second_account(&bank);
        let file = |name: &str| {
            pain_of(
                name,
                vec![
                    instruction("A", 1, 15, vec![ordered("a1", 2, "1.00")]),
                    instruction("B", 4, 15, vec![ordered("b1", 2, "4.00")]),
                ],
            )
        };
        let second = "<PmtInfId>B</PmtInfId><PmtMtd>TRF</PmtMtd>";
        for (name, to, field, rule) in [
            ("M1", "<PmtInfId>A</PmtInfId><PmtMtd>TRF</PmtMtd>".into(), "PmtInfId", "DUPLICATE"),
            ("M2", format!("{second}<NbOfTxs>2</NbOfTxs>"), "PmtInf/NbOfTxs", "WRONG_TOTAL"),
            ("M3", format!("{second}<CtrlSum>5.00</CtrlSum>"), "PmtInf/CtrlSum", "WRONG_TOTAL"),
        ] {
            assert!(file(name).contains(second));
            let id = sent_pain_of(&bank, name, &file(name).replacen(second, &to, 1)).await;
            assert_eq!(work(&bank.payment, TODAY).await, 0);
            let bulk = get(&bank, &id).await;
            assert_eq!(bulk.status(), BulkStatus::Rejected, "{to}");
            let told = problems(&bulk).await;
            assert!(told[0].0.ends_with(field) && told[0].1 == rule, "{told:?}");
        }
        let right = format!("{second}<NbOfTxs>1</NbOfTxs><CtrlSum>4.00</CtrlSum>");
        let id = sent_pain_of(&bank, "M4", &file("M4").replacen(second, &right, 1)).await;
        assert_eq!(work(&bank.payment, TODAY).await, 2);
        assert_eq!(get(&bank, &id).await.status(), BulkStatus::Done);
        prove(&bank).await;
    }
}

#[tokio::test]
async fn limits_count_what_each_account_pays_and_its_owner_where_staff_sends() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.put_account(2, 5_000, vec![(bank.bob, HolderRole::Owner)]);
        for (name, owner) in [("alice", bank.alice), ("bob", bank.bob)] {
            let limit = SetLimitRequest {
                scope: LimitScope::Customer.into(),
                subject: owner.to_string(),
                period: LimitPeriod::Day.into(),
                amount: "5".into(),
                currency: "EUR".into(),
            };
            bank.payment.set_limit(&staff("SetLimit", name), limit).await.unwrap();
        }
        bank.put_account(7, 0, vec![(bank.carol, HolderRole::Owner)]);
        let file = pain_of(
            "M",
            vec![
                instruction("A", 1, 15, vec![ordered("a1", 7, "3.00"), ordered("a2", 7, "3.00")]),
                instruction("B", 2, 15, vec![ordered("b1", 7, "4.00"), ordered("b2", 7, "1.00")]),
            ],
        );
        let request = CreateBulkRequest {
            format: BulkFormat::Pain001.into(),
            ..announcement(&bank, "M", file.as_bytes())
        };
        let ctx = staff("CreateBulk", "k");
        let create = || bank.payment.create_bulk(&ctx, request.clone());
        let bulk = until_decided(create).await.unwrap().into_inner().bulk.unwrap();
        // Alice goes on with it: the announcement decides who may pay.
        upload(&bank, &bulk.bulk_id, file.as_bytes(), 9_000).await;
        assert_eq!(work(&bank.payment, TODAY).await, 3);
        let ctx = staff("ListBulkLines", "");
        let lines = ListBulkLinesRequest { bulk_id: bulk.bulk_id, ..Default::default() };
        let told = bank.payment.list_bulk_lines(&ctx, lines).await.unwrap().into_inner().lines;
        let reasons: Vec<_> = told.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(reasons, ["", "LIMIT_EXCEEDED", "", ""]);
        assert_eq!(told[1].reason_code, "AM14");
        prove(&bank).await;
    }
}

#[tokio::test]
async fn a_file_with_a_batch_a_line_is_paid_and_reported_page_by_page() {
    for place in places() {
        let bank = Bank::open(place).await;
        second_account(&bank);
        let count: u64 = 620;
        let batch = |number: u64| {
            let payer = if number.is_multiple_of(2) { 1 } else { 4 };
            let transfers = vec![ordered(&format!("e{number}"), 2, "0.01")];
            instruction(&format!("B{number}"), payer, 15, transfers)
        };
        let file = pain_of("M", (1..=count).map(batch).collect());
        let id = sent_pain_of(&bank, "M", &file).await;
        assert_eq!(work(&bank.payment, TODAY).await, 620);
        settle(&bank).await;
        let (told, batches) = standing(&bank, &id).await;
        assert_eq!(told.status(), ReportedStatus::Acsc);
        assert_eq!(batches.len(), 620);
        for (one, number) in batches.iter().zip(1..) {
            assert_eq!(one.payment_information_id, format!("B{number}"));
            let payer = if number % 2 == 0 { bank.from } else { account_id(4) };
            assert_eq!((one.from.clone(), one.lines), (payer.to_string(), 1));
            assert_eq!(one.status(), ReportedStatus::Acsc);
        }
        assert_eq!(bank.ledger.balance(account_id(4)), 5_000 - 310);
        // One batch alone.
        let ctx = customer(bank.alice, "ListBulkLines", "");
        let of = |batch| ListBulkLinesRequest { bulk_id: id.clone(), batch, ..Default::default() };
        let lines = bank.payment.list_bulk_lines(&ctx, of(501)).await.unwrap().into_inner().lines;
        let seen: Vec<_> = lines.iter().map(|one| one.reference.as_str()).collect();
        assert_eq!(seen, ["e501"]);
        let lines = bank.payment.list_bulk_lines(&ctx, of(621)).await.unwrap().into_inner().lines;
        assert_eq!(lines, []);
        assert_eq!(reason(bank.payment.list_bulk_lines(&ctx, of(-1)).await), "INVALID_REQUEST");
        prove(&bank).await;
    }
}
