//! A crash at every point at which the work on a bulk can stand still.

use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{BulkLineState, BulkStatus},
};

use crate::{
    bank::{Bank, account_id, places},
    bulk_files::{instruction, ordered, pain_of, sent_pain_of},
    bulks::{TODAY, add, announcement, create, get, lines_of, prove, report, sent, settle, work},
    saga_faults::crash_at,
};

/// More points than the work has.
const MOST_POINTS: usize = 5_000;

/// Lets leases end and everything be done, and looks whether each line was paid once.
async fn finished(bank: &Bank, id: &str, lines: usize) {
    bank.execute("UPDATE bulks SET lease_until = 0").await;
    work(&bank.payment, TODAY).await;
    settle(bank).await;
    assert_eq!(get(bank, id).await.status(), BulkStatus::Done);
    let told = report(bank, id, false).await;
    assert_eq!(told.len(), lines);
    assert!(told.iter().all(|line| line.state() == BulkLineState::Taken));
    let transfers = format!(
        "SELECT COUNT(*) FROM transfers WHERE status = 4 AND idempotency_scope = 'bulk {id}'"
    );
    assert_eq!(bank.count(&transfers).await, i64::try_from(lines).unwrap());
    let events = [("bulk_accepted".to_owned(), 1), ("bulk_done".to_owned(), 2)];
    assert_eq!(bank.events(id).await, events);
}

#[tokio::test]
async fn checked_and_executed_at_every_point_each_line_is_one_transfer() {
    for place in places() {
        let bank = Bank::open(place).await;
        let mut paid = 0;
        for point in 1..=MOST_POINTS {
            let id = sent(&bank, &format!("p{point}"), &lines_of(3)).await;
            let done = crash_at(point, bank.payment.work_on_bulks(Some(TODAY))).await;
            finished(&bank, &id, 3).await;
            paid += 3;
            if done.is_some_and(|done| done.is_ok()) {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        assert_eq!(bank.ledger.balance(bank.to), paid, "nothing was paid twice");
        prove(&bank).await;
    }
}

#[tokio::test]
async fn a_file_of_two_payers_stopped_at_every_point_pays_each_line_once_from_its_account() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.put_account(4, 5_000, vec![(bank.alice, HolderRole::Owner)]);
        let mut files = 0;
        for point in 1..=MOST_POINTS {
            let name = format!("p{point}");
            let transfers = |reference: &str| vec![ordered(reference, 2, "0.01")];
            let batches = vec![
                instruction("A", 1, 15, transfers("a")),
                instruction("B", 4, 15, transfers("b")),
            ];
            let id = sent_pain_of(&bank, &name, &pain_of(&name, batches)).await;
            let done = crash_at(point, bank.payment.work_on_bulks(Some(TODAY))).await;
            finished(&bank, &id, 2).await;
            let batches = format!("SELECT COUNT(*) FROM bulk_batches WHERE bulk_id = '{id}'");
            assert_eq!(bank.count(&batches).await, 2, "a check that begins anew keeps them once");
            files += 1;
            if done.is_some_and(|done| done.is_ok()) {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        assert_eq!(bank.ledger.balance(bank.from), 10_000 - files);
        assert_eq!(bank.ledger.balance(account_id(4)), 5_000 - files);
        prove(&bank).await;
    }
}

#[tokio::test]
async fn a_part_that_is_sent_again_after_a_crash_at_every_point_is_there_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        for point in 1..=MOST_POINTS {
            let (name, file) = (format!("p{point}"), lines_of(2));
            let request = announcement(&bank, &name, &file);
            let id = create(&bank, &name, request).await.unwrap().bulk_id;
            let (first, second) = file.split_at(70);
            let done = crash_at(point, async {
                add(&bank, &id, 0, first).await.unwrap();
                add(&bank, &id, 70, second).await.unwrap();
            });
            let done = done.await.is_some();
            let at = usize::try_from(get(&bank, &id).await.received_bytes).unwrap();
            assert!([0, 70, file.len()].contains(&at), "no half of a part: {at}");
            if at < 70 {
                add(&bank, &id, 0, first).await.unwrap();
            }
            add(&bank, &id, 70, second).await.unwrap();
            finished(&bank, &id, 2).await;
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
    }
}

#[tokio::test]
async fn a_crash_between_parts_and_a_ledger_that_is_away_leave_each_line_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = sent(&bank, "w", &lines_of(210)).await;
        // Checked, and then payees cannot be asked for.
        bank.ledger.set_reads_fail(true);
        assert!(bank.payment.work_on_bulks(Some(TODAY)).await.is_err());
        bank.ledger.set_reads_fail(false);
        let bulk = get(&bank, &id).await;
        assert_eq!((bulk.status(), bulk.taken_lines), (BulkStatus::Accepted, 0));
        // Stopped after each part.
        for taken in [100, 200] {
            bank.execute("UPDATE bulks SET lease_until = 0").await;
            let mut point = 1;
            while get(&bank, &id).await.taken_lines < taken {
                // Ends somewhere in or behind a part.
                crash_at(point, bank.payment.work_on_bulks(Some(TODAY))).await;
                bank.execute("UPDATE bulks SET lease_until = 0").await;
                point += 20;
            }
        }
        finished(&bank, &id, 210).await;
        assert_eq!(bank.ledger.balance(bank.to), 210);
        prove(&bank).await;
    }
}
