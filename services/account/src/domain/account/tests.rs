//! What the state of an account allows, and what it never does.

use super::*;

/// The account of a name of up to seven letters, in the order of the names.
pub(crate) fn acc(name: &str) -> AccountId {
    let mut bytes = [0; 10];
    bytes[3..][..name.len()].copy_from_slice(name.as_bytes());
    AccountId::from_parts(1, bytes)
}

fn cus(name: &str) -> CustomerId {
    let mut bytes = [0; 10];
    bytes[3..][..name.len()].copy_from_slice(name.as_bytes());
    CustomerId::from_parts(1, bytes)
}

pub(crate) fn account(id: &str, posted: i64) -> Account {
    Account {
        id: acc(id),
        iban: String::new(),
        product: "current".into(),
        control_gl: "2010".into(),
        currency: "EUR".parse().expect("euro"),
        status: Status::Open,
        overdraft_limit: 0,
        opened_on: Date::constant(2026, 1, 1),
        reference: String::new(),
        version: 1,
        posted,
        held: 0,
    }
}

/// The tables of the contract and of the database: a number that is none of them is no
/// state and no role.
#[test]
fn states_and_roles_are_stored_under_these_numbers_for_ever() {
    let states = [(1, Status::Open), (2, Status::Frozen), (3, Status::Closed)];
    for (number, status) in states {
        assert_eq!((status.number(), Status::from_number(number.into())), (number, Some(status)));
    }
    let roles = [
        (1, HolderRole::Owner, "owner"),
        (2, HolderRole::AuthorisedUser, "authorised_user"),
        (3, HolderRole::Viewer, "viewer"),
    ];
    for (number, role, name) in roles {
        assert_eq!((role.number(), HolderRole::from_number(number.into())), (number, Some(role)));
        assert_eq!(role.to_string(), name, "it is hashed with the event");
    }
    for number in [0, 4, -1, i64::MAX] {
        assert_eq!((Status::from_number(number), HolderRole::from_number(number)), (None, None));
    }
}

#[test]
fn an_overdraft_limit_can_be_spent_to_the_last_cent_and_no_further() {
    let mut account = Account { overdraft_limit: 300, held: 50, ..account("a", 100) };
    assert_eq!(account.available(), Ok(350));
    let before = account.clone();
    account.enter(account.money(-350), Rules::Today).expect("open");
    assert_eq!((account.available(), account.covers(&before, 0)), (Ok(0), Ok(())));
    account.enter(account.money(-1), Rules::Today).expect("open");
    assert_eq!(
        account.covers(&before, 0),
        Err(Refusal::InsufficientFunds {
            account: acc("a"),
            available: account.money(350),
            needed: account.money(351),
        })
    );
    let net_of_nothing = account.clone();
    assert_eq!(account.covers(&net_of_nothing, 0), Ok(()), "nothing was spent");
}

/// A hold of 60 pays for a debit of 40; the 20 that it gives back pay for nothing beyond.
#[test]
fn what_a_capture_gives_back_pays_for_nothing_in_its_transaction() {
    let before = Account { held: 60, ..account("a", 70) };
    let mut after = before.clone();
    after.unhold(60).expect("held");
    after.enter(after.money(-50), Rules::Captured).expect("open");
    assert_eq!(after.covers(&before, 40), Ok(()), "ten were free");
    after.enter(after.money(-1), Rules::Captured).expect("open");
    assert_eq!(
        after.covers(&before, 40),
        Err(Refusal::InsufficientFunds {
            account: acc("a"),
            available: after.money(10),
            needed: after.money(11),
        })
    );
    assert_eq!(after.covers(&before, 51), Ok(()), "all of it was on hold");
}

#[test]
fn available_is_a_sum_or_refused_and_posted_never_wraps() {
    let out_of_range = Refusal::OutOfRange { account: acc("a") };
    let beyond = Account { overdraft_limit: 1, ..account("a", i64::MAX) };
    assert_eq!(beyond.available(), Err(out_of_range));
    let back = Account { held: 1, ..beyond };
    assert_eq!(back.available(), Ok(i64::MAX), "what fits is not lost to a step on the way");
    let mut account = account("a", i64::MAX);
    let refused = account.enter(account.money(1), Rules::Today);
    assert_eq!(refused, Err(Refusal::OutOfRange { account: acc("a") }));
    assert_eq!((account.posted, account.version), (i64::MAX, 1));
}

#[test]
fn a_foreign_currency_is_refused_by_entry_and_hold() {
    let mut account = account("a", 100);
    let before = account.clone();
    let dollar = Money::new(1, "USD".parse().expect("dollar"));
    let mismatch = Refusal::CurrencyMismatch {
        account: acc("a"),
        expected: account.currency,
        given: dollar.currency(),
    };
    for rules in [Rules::Today, Rules::Import] {
        assert_eq!(account.enter(dollar, rules), Err(mismatch.clone()));
    }
    assert_eq!(account.hold(dollar), Err(mismatch));
    assert_eq!(account, before);
}

#[test]
fn a_frozen_account_gives_holds_back_and_takes_history_but_nothing_else() {
    let mut account = account("a", 100);
    account.hold(account.money(60)).expect("covered");
    assert_eq!(account.unfreeze(), Ok(false), "it was open");
    assert_eq!(account.version, 2, "nothing happened to it");
    account.freeze().expect("open");
    let frozen = account.clone();
    assert_eq!((frozen.status, frozen.version), (Status::Frozen, 3));
    let refused = Refusal::Frozen { account: acc("a") };
    assert_eq!(account.freeze(), Err(refused.clone()));
    assert_eq!(account.close(), Err(refused.clone()));
    assert_eq!(account.hold(account.money(1)), Err(refused.clone()));
    assert_eq!(account.enter(account.money(1), Rules::Today), Err(refused));
    assert_eq!(account, frozen);
    assert_eq!(account.unhold(60), Ok(()));
    assert_eq!(account.enter(account.money(1), Rules::Import), Ok(()));
    assert_eq!((account.held, account.posted, account.version), (0, 101, 5));
    assert_eq!(account.unfreeze(), Ok(true));
    assert_eq!((account.status, account.version), (Status::Open, 6));
}

#[test]
fn no_more_is_given_back_than_is_held() {
    let mut account = Account { held: 5, ..account("a", 100) };
    assert_eq!(account.unhold(6), Err(Refusal::OutOfRange { account: acc("a") }));
    assert_eq!((account.unhold(5), account.held, account.version), (Ok(()), 0, 2));
}

#[test]
fn holds_are_subtracted_from_available() {
    let mut account = account("a", 5_000);
    for _ in 0..5 {
        account.hold(account.money(1_000)).expect("covered");
    }
    let sixth = account.hold(account.money(1_000));
    let (available, needed) = (account.money(0), account.money(1_000));
    assert_eq!(sixth, Err(Refusal::InsufficientFunds { account: acc("a"), available, needed }));
    assert_eq!((account.held, account.available(), account.version), (5_000, Ok(0), 6));
}

#[test]
fn closes_only_at_zero_and_without_holds() {
    let mut rich = account("a", 1);
    assert!(matches!(rich.close(), Err(Refusal::NotEmpty { .. })));
    let mut held = account("b", 5);
    held.hold(held.money(5)).expect("covered");
    assert!(matches!(held.close(), Err(Refusal::HasHolds { .. })));
    let mut empty = account("c", 0);
    assert_eq!(empty.close(), Ok(()));
    assert_eq!((empty.status, empty.version), (Status::Closed, 2));
    assert!(matches!(empty.close(), Err(Refusal::Closed { .. })));
    let mut overdrawn = account("d", -1);
    assert!(matches!(overdrawn.close(), Err(Refusal::NotEmpty { .. })));
}

#[test]
fn nothing_brings_a_closed_account_back() {
    let mut closed = account("a", 0);
    closed.close().expect("empty");
    let before = closed.clone();
    assert!(closed.freeze().is_err() && closed.unfreeze().is_err());
    assert!(closed.enter(closed.money(1), Rules::Today).is_err());
    assert!(closed.enter(closed.money(1), Rules::Import).is_err());
    assert_eq!(closed, before);
}

#[test]
fn the_last_owner_stays() {
    let owner = Holder { customer: cus("x"), role: HolderRole::Owner };
    let user = Holder { customer: cus("y"), role: HolderRole::AuthorisedUser };
    let mut holders = vec![owner.clone(), user];
    assert!(matches!(
        remove_holder(acc("a"), &mut holders, cus("x")),
        Err(Refusal::LastOwner { .. })
    ));
    assert!(matches!(add_holder(acc("a"), &mut holders, owner), Err(Refusal::HolderExists { .. })));
    assert_eq!(remove_holder(acc("a"), &mut holders, cus("y")), Ok(()));
    assert!(matches!(
        remove_holder(acc("a"), &mut holders, cus("y")),
        Err(Refusal::HolderNotFound { .. })
    ));
    let heir = Holder { customer: cus("z"), role: HolderRole::Owner };
    assert_eq!(add_holder(acc("a"), &mut holders, heir.clone()), Ok(()));
    assert_eq!(remove_holder(acc("a"), &mut holders, cus("x")), Ok(()), "another owner is left");
    assert_eq!(holders, [heir]);
    let two = |customer: &str| Holder { customer: cus(customer), role: HolderRole::Viewer };
    holders.extend([two("v"), two("w")]);
    assert!(matches!(
        remove_holder(acc("a"), &mut holders, cus("z")),
        Err(Refusal::LastOwner { .. })
    ));
    assert_eq!(holders.len(), 3, "a refusal takes nobody away");
}
