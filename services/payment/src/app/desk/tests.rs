use florin_kernel::{AccountId, Money, TransferId};

use super::*;
use crate::{
    domain::{Order, Route, Transfer},
    store::ClientKey,
};

const LONG: u64 = 3_600_000;

fn record(number: u8) -> Record {
    let account = |number| AccountId::from_parts(number, [1; 10]);
    let route =
        Route::Transfer { from: account(1), from_iban: None, to: account(2), to_iban: None };
    let amount = Money::parse("EUR", "0.01").unwrap();
    let order = Order::new(route, amount, String::new()).unwrap();
    Record {
        transfer: Transfer::accept(TransferId::from_parts(1, [number; 10]), order, UnixMicros(1)),
        position: String::new(),
        initiator: Vec::new(),
        key: ClientKey { scope: None, key: "k".into(), request_hash: None },
        traceparent: None,
        attempts: 1,
        unanswered_at: None,
        last_cause: None,
        voided_at: None,
        due_at: None,
        lease_token: Some("t".into()),
        reserved: Vec::new(),
    }
}

/// A desk of batches of two, at which the table is looked at this seldom, in milliseconds.
fn desk(lease_ms: u64, poll_ms: u64) -> Desk {
    let config =
        Config { batch: 2, lease_ms, poll_ms, ledger_timeout_ms: 60_000, ..Config::default() };
    Desk::new(&config)
}

fn hand(desk: &Desk, numbers: std::ops::Range<u8>) {
    let offer = desk.offer().unwrap().expect("an offer");
    desk.hand(&offer, numbers.map(record).collect());
}

/// How many are taken and how many came too late; None for a look at the table.
fn taken(next: &Next) -> Option<(usize, usize)> {
    match next {
        Next::Handed(records, _, late) => Some((records.len(), *late)),
        Next::Look => None,
    }
}

#[test]
fn without_a_worker_nothing_is_offered_and_what_waits_is_left() {
    let desk = desk(LONG, LONG);
    assert!(desk.offer().unwrap().is_none());
    let (first, second) = (desk.attend(), desk.attend());
    hand(&desk, 0..3);
    drop(first);
    assert!(desk.left().is_empty(), "the second worker comes to it");
    drop(second);
    assert!(desk.offer().unwrap().is_none());
    assert_eq!(desk.left().len(), 3);
    assert!(desk.left().is_empty());
}

#[test]
fn no_more_is_offered_than_the_workers_come_to_soon() {
    let desk = desk(LONG, LONG);
    let first = desk.attend();
    hand(&desk, 0..8);
    assert!(desk.offer().unwrap().is_none(), "four batches of two");
    let second = desk.attend();
    assert!(desk.offer().unwrap().is_some());
    drop((first, second));
}

#[test]
fn the_table_is_looked_at_between_batches_however_many_wait_here() {
    let looks_always = desk(LONG, 0);
    let _worker = looks_always.attend();
    hand(&looks_always, 0..5);
    let turns: Vec<_> = (0..6).map(|_| taken(&looks_always.next())).collect();
    let two = Some((2, 0));
    assert_eq!(turns, [two, None, two, None, Some((1, 0)), None]);

    let looks_seldom = desk(LONG, LONG);
    let _worker = looks_seldom.attend();
    assert_eq!(taken(&looks_seldom.next()), None);
    hand(&looks_seldom, 0..5);
    let turns: Vec<_> = (0..4).map(|_| taken(&looks_seldom.next())).collect();
    assert_eq!(turns, [two, two, Some((1, 0)), None]);
}

#[test]
fn what_came_while_the_table_was_looked_at_in_vain_is_taken_at_once() {
    let desk = desk(LONG, 0);
    let _worker = desk.attend();
    assert_eq!(taken(&desk.next()), None);
    assert_eq!(taken(&desk.after_look()), None);
    hand(&desk, 0..1);
    assert_eq!(taken(&desk.after_look()), Some((1, 0)));
}

#[test]
fn what_has_waited_for_too_long_is_left_to_whoever_takes_it_when_its_lease_ends() {
    // The lease is over before a call of the ledger can be.
    let desk = desk(59_999, LONG);
    let _worker = desk.attend();
    hand(&desk, 0..3);
    assert_eq!(taken(&desk.next()), Some((0, 3)));
}

#[test]
fn each_offer_has_a_lease_of_its_own() {
    let desk = desk(LONG, LONG);
    let _worker = desk.attend();
    let (one, other) = (desk.offer().unwrap().unwrap(), desk.offer().unwrap().unwrap());
    assert_ne!(one.token, other.token);
    assert_eq!(one.until(UnixMicros(5)), UnixMicros(3_600_000_005));
}
