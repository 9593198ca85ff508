//! Files of transfers: announced, uploaded, checked whole, executed in parts.

use std::{fmt::Write as _, sync::Arc};

use aws_lc_rs::digest;
use florin_kernel::Date;
use florin_payment::{Payment, Turn};
use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{
        AddBulkPartRequest, AddBulkPartResponse, Bulk, BulkFormat, BulkLine, BulkLineState,
        BulkStatus, CancelBulkRequest, CreateBulkRequest, GetBulkRequest, LimitPeriod, LimitScope,
        ListBulkLinesRequest, SetLimitRequest, TransferStatus,
    },
};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::{Response, Status};

use crate::bank::{Bank, customer, iban, places, reason, staff, until_decided};

pub const TODAY: Date = Date::constant(2027, 1, 15);

/// A JSON line.
pub fn line(reference: &str, to: &str, amount: &str) -> String {
    format!(
        "{{\"reference\":\"{reference}\",\"to\":\"{to}\",\"amount\":\"{amount}\",\
         \"currency\":\"EUR\",\"description\":\"wages\"}}\n"
    )
}

/// So many right lines in favour of Bob.
pub fn lines_of(count: usize) -> Vec<u8> {
    let mut file = String::new();
    for number in 1..=count {
        file.push_str(&line(&format!("wage {number}"), &iban(2), "0.01"));
    }
    file.into_bytes()
}

pub fn announcement(bank: &Bank, message_id: &str, file: &[u8]) -> CreateBulkRequest {
    let sha256 = digest::digest(&digest::SHA256, file).as_ref().iter().fold(
        String::new(),
        |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        },
    );
    CreateBulkRequest {
        from: bank.from.to_string(),
        format: BulkFormat::JsonLines.into(),
        message_id: message_id.into(),
        size_bytes: i64::try_from(file.len()).unwrap(),
        sha256,
        ..CreateBulkRequest::default()
    }
}

pub async fn create(bank: &Bank, key: &str, request: CreateBulkRequest) -> Result<Bulk, Status> {
    let ctx = customer(bank.alice, "CreateBulk", key);
    let answer = until_decided(|| bank.payment.create_bulk(&ctx, request.clone())).await;
    answer.map(|answer| answer.into_inner().bulk.unwrap())
}

pub async fn add(
    bank: &Bank,
    id: &str,
    offset: usize,
    data: &[u8],
) -> Result<Response<AddBulkPartResponse>, Status> {
    let ctx = customer(bank.alice, "AddBulkPart", "");
    let part = AddBulkPartRequest {
        bulk_id: id.into(),
        offset: i64::try_from(offset).unwrap(),
        data: data.to_vec().into(),
    };
    until_decided(|| bank.payment.add_bulk_part(&ctx, part.clone())).await
}

pub async fn upload(bank: &Bank, id: &str, file: &[u8], part: usize) {
    let mut at = 0;
    for piece in file.chunks(part) {
        at += piece.len();
        let answer = add(bank, id, at - piece.len(), piece).await.unwrap().into_inner();
        assert_eq!(answer.received_bytes, i64::try_from(at).unwrap());
    }
}

/// Announces and uploads a file.
pub async fn sent(bank: &Bank, name: &str, file: &[u8]) -> String {
    let bulk = create(bank, name, announcement(bank, name, file)).await.unwrap();
    upload(bank, &bulk.bulk_id, file, 512 * 1024).await;
    bulk.bulk_id
}

pub async fn work(payment: &Payment, today: Date) -> usize {
    // A machine that stands still lets calls and waits end; then it is done again.
    let work = || async { payment.work_on_bulks(Some(today)).await.map_err(Status::from) };
    until_decided(work).await.unwrap()
}

pub async fn get(bank: &Bank, id: &str) -> Bulk {
    let ctx = customer(bank.alice, "GetBulk", "");
    let request = GetBulkRequest { bulk_id: id.into() };
    let answer = until_decided(|| bank.payment.get_bulk(&ctx, request.clone())).await;
    answer.unwrap().into_inner().bulk.unwrap()
}

/// The report, page by page.
pub async fn report(bank: &Bank, id: &str, only_unpaid: bool) -> Vec<BulkLine> {
    let ctx = customer(bank.alice, "ListBulkLines", "");
    let (mut lines, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListBulkLinesRequest {
            bulk_id: id.into(),
            only_unpaid,
            page_size: 200,
            page_token,
            batch: 0,
        };
        let page = || bank.payment.list_bulk_lines(&ctx, request.clone());
        let page = until_decided(page).await.unwrap().into_inner();
        assert!(page.lines.len() <= 200);
        lines.extend(page.lines);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return lines;
        }
    }
}

pub async fn settle(bank: &Bank) {
    while bank.turn().await != Turn::Idle {}
}

/// Every bulk's figures, as the proof compares them.
pub async fn prove(bank: &Bank) {
    let mut told = bank.payment.export_bulks();
    while let Some(one) = told.next().await {
        let one = one.unwrap();
        let bulk = one.bulk.unwrap();
        assert_eq!(one.unpaired_lines, 0, "{}", bulk.bulk_id);
        assert_eq!((one.kept_taken, one.kept_refused), (bulk.taken_lines, bulk.refused_lines));
        assert_eq!((one.transfers, one.transfers_sum), (one.kept_taken, one.taken_sum));
    }
}

#[tokio::test]
async fn a_right_file_becomes_a_transfer_a_line_with_a_report() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(250);
        let request = CreateBulkRequest {
            control_count: 250,
            control_sum: "2.50".into(),
            ..announcement(&bank, "wages", &file)
        };
        let bulk = create(&bank, "k", request).await.unwrap();
        assert_eq!((bulk.status(), bulk.received_bytes), (BulkStatus::Receiving, 0));
        let id = bulk.bulk_id;
        upload(&bank, &id, &file, 1_000).await;
        assert_eq!(get(&bank, &id).await.status(), BulkStatus::Checking);
        assert_eq!(work(&bank.payment, TODAY).await, 250);
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        settle(&bank).await;
        assert_eq!(bank.ledger.balance(bank.to), 250);
        let bulk = get(&bank, &id).await;
        assert_eq!(bulk.status(), BulkStatus::Done);
        assert_eq!((bulk.lines, bulk.wrong_lines), (250, 0));
        assert_eq!((bulk.taken_lines, bulk.refused_lines), (250, 0));
        assert_eq!(bulk.sum.unwrap().amount, "2.50");
        let told = report(&bank, &id, false).await;
        assert_eq!(told.len(), 250);
        for (line, number) in told.iter().zip(1_i64..) {
            assert_eq!((line.line, line.reference.clone()), (number, format!("wage {number}")));
            assert_eq!(line.state(), BulkLineState::Taken);
            assert_eq!(line.transfer_status(), TransferStatus::Completed);
            assert_eq!(line.to, iban(2));
        }
        assert_eq!(report(&bank, &id, true).await, []);
        let events = [("bulk_accepted".to_owned(), 1), ("bulk_done".to_owned(), 2)];
        assert_eq!(bank.events(&id).await, events);
        assert_eq!(bank.count("SELECT COUNT(*) FROM bulk_parts").await, 0, "names and all");
        prove(&bank).await;
    }
}

#[tokio::test]
async fn the_same_file_meets_its_first_self_and_another_under_its_name_is_refused() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(3);
        let first = create(&bank, "k", announcement(&bank, "wages", &file)).await.unwrap();
        let again = create(&bank, "k", announcement(&bank, "wages", &file)).await.unwrap();
        assert_eq!(again, first, "the key again");
        upload(&bank, &first.bulk_id, &file, 100).await;
        assert_eq!(work(&bank.payment, TODAY).await, 3);
        let other_key = create(&bank, "k2", announcement(&bank, "wages", &file)).await.unwrap();
        assert_eq!(other_key.bulk_id, first.bulk_id);
        assert_eq!(other_key.status(), BulkStatus::Done);
        // Its bytes again change nothing.
        let answer = add(&bank, &first.bulk_id, 0, &file).await.unwrap().into_inner();
        assert_eq!(answer.status(), BulkStatus::Done);
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let other = announcement(&bank, "wages", &lines_of(4));
        assert_eq!(reason(bank_create(&bank, "k3", other).await), "BULK_REUSED");
        let other = announcement(&bank, "wages", &lines_of(4));
        assert_eq!(reason(bank_create(&bank, "k", other).await), "IDEMPOTENCY_KEY_REUSED");
        let other = CreateBulkRequest { control_count: 3, ..announcement(&bank, "wages", &file) };
        assert_eq!(reason(bank_create(&bank, "k4", other).await), "BULK_REUSED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM bulks").await, 1);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 3);
    }
}

pub async fn bank_create(
    bank: &Bank,
    key: &str,
    request: CreateBulkRequest,
) -> Result<Response<Bulk>, Status> {
    create(bank, key, request).await.map(Response::new)
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_alone_and_said_why() {
    for place in places() {
        let bank = Bank::open(place).await;
        let limit = SetLimitRequest {
            scope: LimitScope::Channel.into(),
            subject: "bulk".into(),
            period: LimitPeriod::Day.into(),
            amount: "5".into(),
            currency: "EUR".into(),
        };
        bank.payment.set_limit(&staff("SetLimit", "l"), limit).await.unwrap();
        bank.ledger.freeze(bank.to);
        let holders = vec![(bank.carol, HolderRole::Owner)];
        bank.put_account(4, 0, holders);
        let nobody = iban(77);
        let file = [
            line("a", &iban(4), "3"),
            line("b", &nobody, "1"),
            line("c", "CZ6508000000192000145399", "1"),
            line("d", &iban(4), "3"),
            line("e", &iban(2), "1"),
            line("f", &bank.to.to_string(), "0.50"),
        ];
        let id = sent(&bank, "w", file.concat().as_bytes()).await;
        assert_eq!(work(&bank.payment, TODAY).await, 3);
        settle(&bank).await;
        let told: Vec<_> = report(&bank, &id, false)
            .await
            .into_iter()
            .map(|one| (one.state(), one.transfer_status(), one.reason))
            .collect();
        use BulkLineState::{Refused, Taken};
        use TransferStatus::{Completed, Failed, Unspecified};
        let expected = [
            (Taken, Completed, ""),
            (Refused, Unspecified, "CREDITOR_ACCOUNT_NOT_FOUND"),
            (Refused, Unspecified, "CLEARING_NOT_CONNECTED"),
            (Refused, Unspecified, "LIMIT_EXCEEDED"),
            (Taken, Failed, "ACCOUNT_FROZEN"),
            (Taken, Failed, "ACCOUNT_FROZEN"),
        ]
        .map(|(state, status, reason)| (state, status, reason.to_owned()));
        assert_eq!(told, expected);
        assert_eq!(report(&bank, &id, true).await.len(), 3);
        let bulk = get(&bank, &id).await;
        assert_eq!((bulk.status(), bulk.taken_lines, bulk.refused_lines), (BulkStatus::Done, 3, 3));
        prove(&bank).await;
    }
}

#[tokio::test]
async fn a_file_waits_for_its_date_and_what_has_not_begun_is_cancelled() {
    for place in places() {
        let bank = Bank::open(place).await;
        let file = lines_of(3);
        let request = CreateBulkRequest {
            execute_on: "2027-01-20".into(),
            ..announcement(&bank, "w", &file)
        };
        let id = create(&bank, "k", request).await.unwrap().bulk_id;
        let cancel = async |key: &str| {
            let request = CancelBulkRequest { bulk_id: id.clone() };
            let ctx = customer(bank.alice, "CancelBulk", key);
            bank.payment.cancel_bulk(&ctx, request).await
        };
        upload(&bank, &id, &file, 100).await;
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        let bulk = get(&bank, &id).await;
        assert_eq!((bulk.status(), bulk.run_on.as_str()), (BulkStatus::Accepted, "2027-01-20"));
        for _ in 0..2 {
            let told = cancel("c").await.unwrap().into_inner().bulk.unwrap();
            assert_eq!(told.status(), BulkStatus::Cancelled);
        }
        assert_eq!(reason(cancel("c2").await), "BULK_STATE");
        assert_eq!(work(&bank.payment, Date::constant(2027, 1, 20)).await, 0);
        for told in report(&bank, &id, false).await {
            assert_eq!(
                (told.state(), told.execute_on.as_str()),
                (BulkLineState::Cancelled, "2027-01-20")
            );
        }
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
        let events = [("bulk_accepted".to_owned(), 1), ("bulk_cancelled".to_owned(), 2)];
        assert_eq!(bank.events(&id).await, events);
        assert_eq!(reason(add(&bank, &id, 0, &file).await), "BULK_STATE");
        // While it is received or checked: nothing of it is kept then.
        let other = sent(&bank, "w2", &file).await;
        let ctx = customer(bank.alice, "CancelBulk", "c3");
        bank.payment.cancel_bulk(&ctx, CancelBulkRequest { bulk_id: other }).await.unwrap();
        assert_eq!(work(&bank.payment, TODAY).await, 0);
        assert_eq!(bank.count("SELECT COUNT(*) FROM bulk_parts").await, 0);
        prove(&bank).await;
    }
}

#[tokio::test]
async fn two_replicas_at_once_pay_each_line_once() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        let bank = Arc::new(bank);
        let ids = [sent(&bank, "a", &lines_of(230)).await, sent(&bank, "b", &lines_of(120)).await];
        let mut runs = JoinSet::new();
        for number in 0..8 {
            let payment = replicas[number % 2].clone();
            let bank = Arc::clone(&bank);
            runs.spawn(async move {
                let mut taken = 0;
                for _ in 0..3 {
                    taken += work(&payment, TODAY).await;
                    // As if every lease ended at the worst time: nothing leans on them.
                    bank.execute("UPDATE bulks SET lease_until = 0").await;
                }
                taken
            });
        }
        let taken: usize = runs.join_all().await.into_iter().sum();
        let rest = work(&bank.payment, TODAY).await;
        assert_eq!(taken + rest, 350);
        settle(&bank).await;
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 350);
        assert_eq!(bank.ledger.balance(bank.to), 350);
        for id in ids {
            assert_eq!(get(&bank, &id).await.status(), BulkStatus::Done);
            let events = [("bulk_accepted".to_owned(), 1), ("bulk_done".to_owned(), 2)];
            assert_eq!(bank.events(&id).await, events);
        }
        prove(&bank).await;
    }
}
