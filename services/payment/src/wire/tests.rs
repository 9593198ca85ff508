//! What each side of a transfer learns of the other.

use florin_kernel::{AccountId, Money, TransferId, UnixMicros};

use super::*;
use crate::domain::{Event, Order};

const IBAN: &str = "CZ6508000000192000145399";

fn account(number: u64) -> AccountId {
    AccountId::from_parts(number, [1; 10])
}

/// A transfer that failed for the account of one side.
fn failed(to_iban: Option<&str>, at_fault: AccountId) -> Transfer {
    let route = Route::Transfer {
        from: account(1),
        from_iban: IBAN.parse().ok(),
        to: account(2),
        to_iban: to_iban.and_then(|iban| iban.parse().ok()),
    };
    let amount = Money::parse("EUR", "1").expect("amount");
    let order = Order::new(route, amount, String::new()).expect("order");
    let mut transfer = Transfer::accept(TransferId::from_parts(3, [3; 10]), order, UnixMicros(1));
    let failure = Failure {
        reason: "ACCOUNT_FROZEN".into(),
        domain: "account.florin.bank".into(),
        message: format!("account {at_fault} is frozen"),
        facts: [("account_id".to_owned(), at_fault.to_string())].into(),
    };
    for event in [Event::Screened(Screening::NotScreened), Event::Refused(failure)] {
        transfer.apply(event, UnixMicros(2)).expect("event");
    }
    transfer
}

/// The ids of both parties, which a transfer has.
fn ids(transfer: &wire::Transfer) -> [&str; 2] {
    [&transfer.debtor, &transfer.creditor]
        .map(|party| party.as_ref().expect("party").account_id.as_str())
}

#[test]
fn staff_see_both_accounts_and_each_holder_its_own() {
    let wire = wire_of(&failed(Some(IBAN), account(1)));
    let (debtor, creditor) = (account(1).to_string(), account(2).to_string());
    let seen = |viewer| seen_by(wire.clone(), viewer);
    assert_eq!(ids(&seen(Viewer::Bank)), [debtor.as_str(), creditor.as_str()]);
    assert_eq!(ids(&seen(Viewer::Debtor)), [debtor.as_str(), ""]);
    assert_eq!(ids(&seen(Viewer::Creditor)), ["", creditor.as_str()]);
    for viewer in [Viewer::Bank, Viewer::Debtor, Viewer::Creditor] {
        let seen = seen(viewer);
        let ibans = [seen.debtor, seen.creditor].map(|party| party.expect("party").iban);
        assert_eq!(ibans, [IBAN, IBAN], "IBANs are told to both");
    }
}

#[test]
fn a_payee_named_by_its_id_is_given_back_by_its_id() {
    let seen = seen_by(wire_of(&failed(None, account(1))), Viewer::Debtor);
    assert_eq!(ids(&seen)[1], account(2).to_string());
}

#[test]
fn a_failure_tells_the_side_and_no_id_of_another() {
    for (at_fault, side) in [(account(1), "debtor"), (account(2), "creditor")] {
        let wire = wire_of(&failed(Some(IBAN), at_fault));
        let facts = |viewer| {
            let failure = seen_by(wire.clone(), viewer).failure.expect("failure");
            (failure.metadata.get("side").cloned(), failure.metadata.get("account_id").cloned())
        };
        let known = Some(at_fault.to_string());
        assert_eq!(facts(Viewer::Bank), (Some(side.to_owned()), known.clone()));
        let own = known.filter(|_| side == "debtor");
        assert_eq!(facts(Viewer::Debtor), (Some(side.to_owned()), own));
    }
    let seen = seen_by(wire_of(&failed(Some(IBAN), account(2))), Viewer::Debtor);
    let failure = seen.failure.expect("failure");
    assert_eq!(failure.message, format!("account {IBAN} is frozen"));
    assert_eq!(
        (failure.reason.as_str(), failure.domain.as_str()),
        ("ACCOUNT_FROZEN", "account.florin.bank")
    );
}

#[test]
fn cash_has_one_party_and_steps_have_a_reason_where_they_failed() {
    let route = Route::CashDeposit {
        to: account(2),
        to_iban: IBAN.parse().ok(),
        cash_gl_code: "1010".into(),
    };
    let amount = Money::parse("EUR", "1").expect("amount");
    let order = Order::new(route, amount, String::new()).expect("order");
    let deposit = Transfer::accept(TransferId::from_parts(3, [3; 10]), order, UnixMicros(1));
    let wire = wire_of(&deposit);
    assert_eq!((wire.debtor, wire.failure), (None, None));
    assert_eq!(wire.creditor.expect("creditor").iban, IBAN);

    let steps = wire_of(&failed(None, account(1))).steps;
    let reasons: Vec<_> = steps.iter().map(|step| step.reason.as_str()).collect();
    assert_eq!(reasons, ["", "", "ACCOUNT_FROZEN"]);
    let before = Step { status: Status::Posting, at: UnixMicros(1), reason: "NOT_SCREENED".into() };
    assert_eq!(wire_step(&before).reason, "");
}
