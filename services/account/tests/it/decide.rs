//! What each decision leaves in the working set: history, journal, turnover, audit and outbox.
//! A refusal leaves nothing.

use florin_account::{
    app::{
        add_holder, close_account,
        command::{Open, Outcome, Work},
        freeze_account, open_account, place_hold, post_transactions, release_hold, remove_holder,
        reverse_transaction, unfreeze_account,
    },
    domain::{
        account::{HolderRole, Rules},
        posting::{Leg, Legs, Target},
        refusal::Refusal,
    },
    store::{
        chain,
        working::{Dates, Original, Working, Writes},
    },
};
use florin_kernel::{AccountId, Date};
use florin_proto::account::v1 as proto;
use prost::Message as _;

use crate::{
    bench_ledger::{acc, cus, eur, place, post, reference, release, reverse, txn},
    working_set::{TODAY, actor, holder, of_place, of_release, of_reverse, working},
};

/// Kind, version, delta, delta of held, posted and held after, detail: of each event.
type Told = (String, i64, i64, i64, i64, i64, String);

fn history(working: &Working) -> Vec<Told> {
    let told = working.writes.events.iter().map(|(event, _)| {
        let event = event.clone();
        let after = (event.posted_after, event.held_after);
        (event.kind, event.version, event.delta, event.held_delta, after.0, after.1, event.detail)
    });
    told.collect()
}

/// Kind, aggregate, version, correlation and causation of each event.
fn kinds(working: &Working) -> Vec<(&'static str, String, i64, String, String)> {
    let outbox = working.writes.outbox.iter();
    outbox
        .map(|event| {
            let cause = event.cause.clone();
            assert_eq!(cause.traceparent, actor().traceparent);
            assert!(!event.historical);
            let aggregate = event.aggregate.clone();
            (event.kind, aggregate, event.version, cause.correlation, cause.causation)
        })
        .collect()
}

fn assert_untouched(working: &Working) {
    assert!(working.writes.events.is_empty() && working.writes.outbox.is_empty());
    assert!(working.writes.journal.is_empty() && working.writes.audit.is_empty());
    assert!(working.writes.holders_added.is_empty() && working.writes.holders_removed.is_empty());
    assert!(working.writes.placed.is_empty() && working.writes.changed_holds.is_empty());
}

fn legs(minor: &[(AccountId, i64)]) -> Legs {
    let leg = |(id, minor): &(AccountId, i64)| Leg {
        target: Target::Account(*id),
        amount: eur(*minor),
        counterparty: "x".into(),
    };
    Legs::new(minor.iter().map(leg).collect()).unwrap()
}

fn dates(valued: Date, booked: Date) -> Dates {
    Dates { valued, booked }
}

#[test]
fn a_posting_is_told_by_history_journal_turnover_and_one_event() {
    let mut working = working();
    let command = post("t", &[(acc("a"), -60), (acc("b"), 50), (acc("b"), 10)]);
    let Work::Post(post) = &command.work else { panic!("no post") };
    let outcome = post_transactions::decide(&mut working, post, &actor()).unwrap();
    assert!(matches!(outcome, Outcome::Posted { replayed: false, booking_date: TODAY, .. }));
    let none = String::new;
    assert_eq!(
        history(&working),
        [
            ("debited".into(), 4, -60, 0, 40, 0, none()),
            ("credited".into(), 4, 50, 0, 50, 0, none()),
            ("credited".into(), 5, 10, 0, 60, 0, none()),
        ]
    );
    for ((event, _), leg) in working.writes.events.iter().zip(1..) {
        assert_eq!((event.leg, event.transaction_id), (leg, Some(post.id)));
        assert_eq!((event.counterparty.as_str(), event.hold_id), ("x", None));
        assert_eq!((event.booking_date, event.value_date), (TODAY, TODAY));
    }
    let turnover = [((acc("a"), dates(TODAY, TODAY)), -60), ((acc("b"), dates(TODAY, TODAY)), 60)];
    assert_eq!(working.writes.turnover, turnover.into());
    assert_eq!(working.writes.journal.len(), 1);
    assert_eq!(
        kinds(&working),
        [("transaction_posted", post.id.to_string(), 1, "t".into(), "t".into())]
    );
    let told = proto::TransactionPosted::decode(&*working.writes.outbox[0].payload).unwrap();
    let sides: Vec<_> = told
        .legs
        .iter()
        .map(|leg| (leg.direction(), leg.amount.as_ref().unwrap().amount.clone()))
        .collect();
    assert_eq!(
        sides,
        [
            (florin_proto::common::v1::Direction::Debit, "0.60".to_owned()),
            (florin_proto::common::v1::Direction::Credit, "0.50".to_owned()),
            (florin_proto::common::v1::Direction::Credit, "0.10".to_owned()),
        ]
    );
    let after = told.legs[0].posted_after.as_ref().unwrap();
    assert_eq!((after.amount.as_str(), told.legs[0].account_version), ("0.40", 4));
    assert_eq!(working.posted_before.get(&post.id), Some(&TODAY), "a replay in the batch finds it");
}

#[test]
fn each_event_is_chained_to_the_one_before_it_on_its_account() {
    let mut working = working();
    freeze_account::decide(&mut working, acc("a"), "lost card", &actor()).unwrap();
    unfreeze_account::decide(&mut working, acc("a"), "found", &actor()).unwrap();
    let [(first, first_hash), (second, second_hash)] = working.writes.events.as_slice() else {
        panic!("{:?}", working.writes.events)
    };
    assert_eq!(first_hash, &chain::link(&chain::GENESIS, first));
    assert_eq!(second_hash, &chain::link(first_hash, second));
    assert_eq!(working.hashes.get(&acc("a")), Some(second_hash));
    assert_eq!(
        history(&working),
        [
            ("frozen".into(), 4, 0, 0, 100, 0, "lost card".into()),
            ("unfrozen".into(), 5, 0, 0, 100, 0, "found".into()),
        ]
    );
    let request = || actor().request;
    let told = |version| ("account_changed", acc("a").to_string(), version, request(), request());
    assert_eq!(kinds(&working), [told(4), told(5)]);
    assert_eq!(working.writes.audit.len(), 2);
}

#[test]
fn an_open_account_that_is_unfrozen_is_answered_and_nothing_is_told() {
    let mut working = working();
    let outcome = unfreeze_account::decide(&mut working, acc("a"), "again", &actor()).unwrap();
    let Outcome::Account { account, holders, replayed: false, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((account.version, holders.len()), (3, 1));
    assert_untouched(&working);
}

#[test]
fn a_hold_is_placed_and_given_back_whole() {
    let mut working = working();
    let (placed, released) = (place("h", acc("a"), 70), release("r", "h"));
    place_hold::decide(&mut working, of_place(&placed), &actor()).unwrap();
    let too_much = place("h2", acc("a"), 31);
    let refused = place_hold::decide(&mut working, of_place(&too_much), &actor());
    assert!(matches!(refused, Err(Refusal::InsufficientFunds { .. })));
    let outcome = release_hold::decide(&mut working, of_release(&released), &actor()).unwrap();
    let Outcome::Held { hold, replayed: false } = outcome else { panic!("{outcome:?}") };
    assert_eq!((hold.remaining, hold.amount), (0, eur(70)));
    let again = release_hold::decide(&mut working, of_release(&released), &actor());
    assert!(matches!(again, Err(Refusal::HoldNotOpen { .. })));
    let stranger = release("r2", "h9");
    let stranger = release_hold::decide(&mut working, of_release(&stranger), &actor());
    assert!(matches!(stranger, Err(Refusal::HoldNotFound { .. })));
    let none = String::new;
    assert_eq!(
        history(&working),
        [
            ("hold_placed".into(), 4, 0, 70, 100, 70, none()),
            ("hold_released".into(), 5, 0, -70, 100, 0, none()),
        ]
    );
    let told =
        |version, by: &str| ("hold_changed", acc("a").to_string(), version, by.into(), by.into());
    assert_eq!(kinds(&working), [told(4, "h"), told(5, "r")]);
    let payloads = working.writes.outbox.iter();
    let wire: Vec<_> = payloads
        .map(|event| proto::HoldChanged::decode(&*event.payload).unwrap())
        .map(|changed| (changed.account_version, changed.hold.unwrap()))
        .map(|(version, hold)| (version, hold.status, hold.reference, hold.account_id))
        .collect();
    let seen = |version, status| (version, status, "h".to_owned(), acc("a").to_string());
    assert_eq!(wire, [seen(4, 1), seen(5, 3)]);
    assert_eq!((working.writes.placed.len(), working.writes.changed_holds.len()), (1, 1));
    let holds: Vec<_> =
        working.writes.events.iter().map(|(event, _)| event.hold_id.unwrap()).collect();
    assert_eq!(holds, [hold.id, hold.id]);
}

#[test]
fn holders_come_and_go_by_a_version_each_and_not_on_a_closed_account() {
    let mut working = working();
    let viewer = holder("y", HolderRole::Viewer);
    add_holder::decide(&mut working, acc("a"), &viewer, &actor()).unwrap();
    remove_holder::decide(&mut working, acc("a"), cus("y"), &actor()).unwrap();
    assert_eq!(
        history(&working),
        [
            ("holder_added".into(), 4, 0, 0, 100, 0, format!("{} viewer", cus("y"))),
            ("holder_removed".into(), 5, 0, 0, 100, 0, cus("y").to_string()),
        ]
    );
    assert_eq!(working.writes.holders_added, [(acc("a"), viewer.clone())]);
    assert_eq!(working.writes.holders_removed, [(acc("a"), cus("y"))]);
    assert_eq!(working.accounts[&acc("a")].version, 5);
    freeze_account::decide(&mut working, acc("b"), "x", &actor()).unwrap();
    assert!(
        add_holder::decide(&mut working, acc("b"), &viewer, &actor()).is_ok(),
        "frozen, not closed"
    );
    unfreeze_account::decide(&mut working, acc("b"), "x", &actor()).unwrap();
    close_account::decide(&mut working, acc("b"), "moving", &actor()).unwrap();
    working.writes = Writes::default();
    let refused = add_holder::decide(&mut working, acc("b"), &viewer, &actor());
    assert!(matches!(refused, Err(Refusal::Closed { .. })), "{refused:?}");
    let nobody = remove_holder::decide(&mut working, acc("nobody"), cus("y"), &actor());
    assert!(matches!(nobody, Err(Refusal::AccountNotFound { .. })), "{nobody:?}");
    assert_untouched(&working);
}

#[test]
fn an_account_opens_empty_under_the_next_iban() {
    let mut working = working();
    let mut open = Open {
        reference: Some(reference("onboarding/1", &[])),
        id: acc("n"),
        product: "current".into(),
        control_gl: "2010".into(),
        overdraft_limit: eur(5),
        holders: vec![holder("x", HolderRole::Owner)],
        opened_on: None,
        historical: false,
    };
    open_account::decide(&mut working, &open, &actor()).unwrap();
    let told: Told = ("opened".into(), 1, 0, 0, 0, 0, "CZ1 current 5".into());
    assert_eq!(history(&working), [told]);
    assert_eq!(
        kinds(&working),
        [("account_opened", acc("n").to_string(), 1, "req_1".into(), "req_1".into())]
    );
    let event = proto::AccountOpened::decode(&*working.writes.outbox[0].payload).unwrap();
    assert_eq!(event.account.unwrap().iban, "CZ1");
    assert_eq!(working.writes.opened, [acc("n")]);
    assert_eq!(working.writes.audit.len(), 1);
    working.writes = Writes::default();
    open.id = acc("m");
    let used_up = open_account::decide(&mut working, &open, &actor());
    assert!(matches!(used_up, Err(Refusal::IbansUsedUp)), "{used_up:?}");
    assert_untouched(&working);
}

/// Interest and statements count it from the days on which it happened at the other bank.
#[test]
fn what_is_imported_is_dated_and_told_as_history() {
    let (booked, valued) = (Date::constant(2019, 3, 4), Date::constant(2019, 3, 5));
    let mut working = working();
    let open = Open {
        reference: None,
        id: acc("n"),
        product: "current".into(),
        control_gl: "2010".into(),
        overdraft_limit: eur(0),
        holders: vec![holder("x", HolderRole::Owner)],
        opened_on: Some(booked),
        historical: true,
    };
    open_account::decide(&mut working, &open, &actor()).unwrap();
    let command = post("t", &[(acc("n"), -60), (acc("b"), 60)]);
    let Work::Post(mut post) = command.work else { panic!("no post") };
    post.rules = Rules::Import;
    (post.booking_date, post.value_date) = (Some(booked), Some(valued));
    post_transactions::decide(&mut working, &post, &actor()).unwrap();
    let days =
        working.writes.events.iter().map(|(event, _)| (event.booking_date, event.value_date));
    let expected = [(booked, booked), (booked, valued), (booked, valued)];
    assert_eq!(days.collect::<Vec<_>>(), expected);
    assert_eq!(working.accounts[&acc("n")].opened_on, booked);
    assert_eq!(working.accounts[&acc("n")].posted, -60, "overdrawn where history was");
    let turnover =
        [((acc("n"), dates(valued, booked)), -60), ((acc("b"), dates(valued, booked)), 60)];
    assert_eq!(working.writes.turnover, turnover.into());
    assert_eq!(working.writes.outbox.len(), 2);
    assert!(working.writes.outbox.iter().all(|event| event.historical));
}

fn original(is_reversal: bool, value_date: Date) -> Original {
    Original {
        legs: legs(&[(acc("a"), -40), (acc("b"), 40)]),
        caller: "client:ledger".into(),
        is_reversal,
        kind: "transfer".into(),
        correlation: "req".into(),
        value_date,
    }
}

#[test]
fn a_reversal_counts_from_the_day_of_its_original_unless_that_is_closed() {
    let (early, end_of_month) = (Date::constant(2026, 10, 5), Date::constant(2026, 10, 31));
    let command = reverse("rev", txn("1"));
    for (closed_through, expected) in [(None, early), (Some(end_of_month), TODAY)] {
        let mut working = working();
        working.accounts.get_mut(&acc("b")).unwrap().posted = 40;
        working.books.closed_through = closed_through;
        working.originals.insert(txn("1"), original(false, early));
        reverse_transaction::decide(&mut working, of_reverse(&command), &actor()).unwrap();
        let row = &working.writes.journal[0];
        assert_eq!((row.booking_date, row.value_date), (TODAY, expected));
        assert_eq!((row.kind.as_str(), row.reverses), ("transfer_reversal", Some(txn("1"))));
        assert_eq!(
            (working.accounts[&acc("a")].posted, working.accounts[&acc("b")].posted),
            (140, 0)
        );
        let dates = dates(expected, TODAY);
        let turnover = [((acc("a"), dates), 40), ((acc("b"), dates), -40)];
        assert_eq!(working.writes.turnover, turnover.into());
    }
    let mut working = working();
    working.originals.insert(txn("1"), original(true, early));
    let twice = reverse_transaction::decide(&mut working, of_reverse(&command), &actor());
    assert!(matches!(twice, Err(Refusal::IsReversal { .. })), "{twice:?}");
    assert_untouched(&working);
}
