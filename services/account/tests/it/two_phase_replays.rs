//! Three more sections of shared/data/holds: what a pending transfer's own errors and replays
//! are, as the callers of the ledger meet them, and what the history and the balances of an
//! account tell of each phase. `two_phase` has the rest and says what does not apply at all.
//!
//! Of `per-transfer balance invariant` no row applies: each of its transfers is of a linked
//! chain, balances itself or is of nothing, and it is about limits that were added later.

use std::{collections::BTreeMap, fs};

use florin_kernel::AccountId;
use florin_proto::{
    account::v1::{PlaceHoldRequest, PostTransactionsRequest, transaction_result::Outcome},
    common::v1::Money,
};
use florin_testkit::{
    place::{number, reason},
    shared_data,
};

use crate::{
    bench_ledger::{Bench, capture, each, place},
    capture_requests::spend,
    desk::{desk, payment},
    two_phase::{amount, rows},
};

/// Why a row of `create_transfers/lookup_transfers` says nothing of our holds; None where it does.
fn not_ours(row: &[String]) -> Option<&'static str> {
    let has = |flag: &str| row[11..].iter().any(|one| one == flag);
    match row.last().unwrap().as_str() {
        "created" if row[1] != "T5" => Some("one phase, or of nothing"),
        "created" | "exists" | "id_must_not_be_zero" | "debit_account_not_found" => None,
        "debit_account_id_must_not_be_zero" => None,
        "exists_with_different_ledger"
        | "exists_with_different_flags"
        | "exists_with_different_debit_account_id"
        | "exists_with_different_amount"
        | "exists_with_different_timeout" => None,
        "id_already_failed" => Some("a refused reference made nothing and may be used again"),
        other if other.starts_with("overflows_") => {
            Some("amounts end at a thousandth of the range, and times before the clock's end")
        }
        other if other.starts_with("exceeds_") && !has("PEN") => Some("one phase, or of nothing"),
        // What a hold has none of, and what is a text or an id of a form of its own.
        _ => Some("a hold has an account, an amount, a time and a reference, no more"),
    }
}

/// The transfer as its caller asks for it: pending, else posted. The answer's reason.
async fn asked(bench: &Bench, accounts: &BTreeMap<&str, AccountId>, row: &[String]) -> String {
    let reference = if row[1] == "T0" { String::new() } else { row[1].clone() };
    // A0 is none, and A8 one that nobody opened.
    let account_id = match row[2].as_str() {
        "A0" => String::new(),
        name => accounts.get(name).map_or_else(
            || "acc_01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            AccountId::to_string,
        ),
    };
    // The ledger of a transfer is its currency.
    let currency = if row[10] == "L2" { "CZK" } else { "EUR" };
    let minor = amount(&row[4]);
    let money = Money {
        currency: currency.to_owned(),
        amount: format!("{}.{:02}", minor / 100, minor % 100),
    };
    if !row.iter().any(|flag| flag == "PEN") {
        let account = accounts[row[2].as_str()];
        let call =
            PostTransactionsRequest { transactions: vec![spend(&reference, account, "0.01")] };
        let told = desk(bench).post_transactions(&payment("PostTransactions"), call).await;
        let result = told.unwrap().into_inner().results.remove(0).outcome.unwrap();
        return match result {
            Outcome::Posted(_) => "OK".to_owned(),
            Outcome::Refused(refusal) => refusal.reason,
        };
    }
    let mut request =
        PlaceHoldRequest { reference, account_id, amount: Some(money), ..Default::default() };
    if let Ok(seconds) = row[9].parse() {
        request.expires_after.get_or_insert_default().seconds = seconds;
    }
    match desk(bench).place_hold(&payment("PlaceHold"), request).await {
        Ok(answer) if answer.get_ref().replayed => "again".to_owned(),
        told => reason(told),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_transfer_that_comes_again_is_the_same_or_is_refused_as_the_table_says() {
    let Some(folder) = shared_data("holds") else { return };
    let file = fs::read_to_string(folder.join("state_machine_tables.txt")).unwrap();
    let rows = rows(&file, "create_transfers/lookup_transfers");
    for bench in each().await {
        let (one, other) = (bench.open(1_000).await, bench.open(1_000).await);
        let accounts = BTreeMap::from([("A1", one), ("A3", other)]);
        let (mut ran, mut left_out) = (0, BTreeMap::<&str, usize>::new());
        for row in rows.iter().filter(|row| row[0] == "transfer") {
            if let Some(why) = not_ours(row) {
                *left_out.entry(why).or_default() += 1;
                continue;
            }
            let expected = match row.last().unwrap().as_str() {
                "created" => "OK",
                "exists" => "again",
                "debit_account_not_found" => "ACCOUNT_NOT_FOUND",
                text if text.starts_with("exists_with_different_") => "REFERENCE_REUSED",
                _ => "INVALID_REQUEST",
            };
            assert_eq!(asked(&bench, &accounts, row).await, expected, "{}", row.join(" "));
            ran += 1;
        }
        let references = "SELECT COUNT(*) FROM ledger_references WHERE reference = 'T5'";
        assert_eq!(number(&bench.db, references).await.unwrap(), 1);
        assert_eq!(bench.balance(one).await, (1_000, 123));
        assert_eq!(bench.balance(other).await, (1_000, 0));
        bench.assert_clean().await;
        let expected = BTreeMap::from([
            ("a hold has an account, an amount, a time and a reference, no more", 21),
            ("a refused reference made nothing and may be used again", 4),
            ("amounts end at a thousandth of the range, and times before the clock's end", 7),
            ("one phase, or of nothing", 5),
        ]);
        assert_eq!((ran, left_out), (10, expected));
    }
}

/// What stands on the account after each event: kind, pending, posted as debits.
async fn told(bench: &Bench, account: AccountId) -> Vec<(String, i64, i64)> {
    let query = "SELECT kind, held_after, posted_after FROM account_events \
                 WHERE account_id = $1 ORDER BY version";
    let found = florin_store::sql::query_all(bench.db.read(), query, [account.to_string().into()]);
    let mut told = Vec::new();
    for row in found.await.unwrap() {
        let column = |name: &str| row.try_get::<i64>("", name).unwrap();
        let kind = row.try_get("", "kind").unwrap();
        told.push((kind, column("held_after"), -column("posted_after")));
    }
    told
}

/// The two phases of a section on an account that may go below zero: what is pending, and how
/// much of it is posted.
async fn two_phases(section: &str, rows: &[Vec<String>]) -> Vec<Vec<(String, i64, i64)>> {
    let transfer = |name: &str| {
        let found = rows.iter().find(|row| row[0] == "transfer" && row[1] == name);
        amount(&found.unwrap_or_else(|| panic!("{section} has no {name}"))[4])
    };
    let (pending, posted) = (transfer("T1"), transfer("T2"));
    let mut all = Vec::new();
    for bench in each().await {
        let account = bench.open_with_limit(1_000).await;
        bench.run(place("T1", account, pending)).await;
        bench.run(capture("T2", account, posted, &[("T1", Some(posted), false)])).await;
        bench.assert_clean().await;
        all.push(told(&bench, account).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn both_phases_are_in_the_history_of_an_account_in_their_order() {
    let Some(folder) = shared_data("holds") else { return };
    let file = fs::read_to_string(folder.join("state_machine_tables.txt")).unwrap();
    let section = "get_account_transfers: two-phase";
    let rows = rows(&file, section);
    let listed = rows.iter().filter(|row| row[0] == "get_account_transfers_result");
    assert_eq!(listed.map(|row| row[1].as_str()).collect::<Vec<_>>(), ["T1", "T2"]);
    for history in two_phases(section, &rows).await {
        let kinds: Vec<&str> = history.iter().map(|(kind, ..)| kind.as_str()).collect();
        // T1, and what becomes of it by T2: one is captured, the other of the two given back.
        let expected = ["opened", "hold_placed", "hold_captured", "hold_released", "debited"];
        assert_eq!(kinds, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balances_after_each_phase_are_those_of_the_table() {
    let Some(folder) = shared_data("holds") else { return };
    let file = fs::read_to_string(folder.join("state_machine_tables.txt")).unwrap();
    let section = "get_account_balances: two-phase";
    let rows = rows(&file, section);
    let of = |row: &Vec<String>| (amount(&row[2]), amount(&row[3]));
    let listed = rows.iter().filter(|row| row[0] == "get_account_balances_result");
    let expected: Vec<(i64, i64)> = listed.map(of).collect();
    assert_eq!(expected.len(), 2);
    for history in two_phases(section, &rows).await {
        let at = |kind: &str| {
            let found = history.iter().rev().find(|(one, ..)| one == kind);
            found.map(|(_, pending, posted)| (*pending, *posted)).unwrap()
        };
        assert_eq!(vec![at("hold_placed"), at("debited")], expected, "{history:?}");
    }
}
