use super::*;
use crate::domain::outlived;

fn account(number: u64) -> AccountId {
    AccountId::from_parts(number, [1; 10])
}

fn customer() -> CustomerId {
    CustomerId::from_parts(1, [1; 10])
}

fn money(currency: &str, amount: &str) -> Money {
    Money::parse(currency, amount).expect("amount")
}

fn order(currency: &str, amount: &str) -> Order {
    let route =
        Route::Transfer { from: account(1), from_iban: None, to: account(2), to_iban: None };
    Order::new(route, money(currency, amount), String::new()).expect("order")
}

fn ordering() -> Ordering {
    let date = Date::constant(2026, 11, 21);
    Ordering { customer: Some(customer()), channel: "mobile".into(), date }
}

fn limit(subject: Subject, period: Period, amount: &str) -> Limit {
    Limit { subject, period, maximum: money("EUR", amount) }
}

#[test]
fn a_limit_of_the_bank_holds_for_transfers_of_its_currency_and_includes_itself() {
    let mut limits = Limits::default();
    limits.set(money("EUR", "100"));
    let check =
        |order: &Order| limits.reserve(order, &ordering(), &BySubject::new(), &mut Usage::new());
    let exceeded = check(&order("EUR", "100.01")).expect_err("above");
    assert_eq!((exceeded.scope, exceeded.period), ("BANK", Period::Transfer));
    assert_eq!((exceeded.limit, exceeded.left), (money("EUR", "100"), money("EUR", "100")));
    assert_eq!(check(&order("EUR", "100")), Ok(()));
    assert_eq!(check(&order("USD", "100.01")), Ok(()));
    let cash = Route::CashDeposit { to: account(1), to_iban: None, cash_gl_code: "1010".into() };
    let cash = Order::new(cash, money("EUR", "100.01"), String::new()).expect("order");
    assert_eq!(check(&cash), Ok(()));
}

#[test]
fn each_limit_counts_its_own_and_tells_what_is_left() {
    let subjects = [
        Subject::Customer(customer()),
        Subject::Account(account(1)),
        Subject::Channel("mobile".into()),
    ];
    for subject in subjects {
        for period in [Period::Day, Period::Month] {
            let set = by_subject([limit(subject.clone(), period, "10")]);
            let mut usage = Usage::new();
            let none = Limits::default();
            none.reserve(&order("EUR", "7"), &ordering(), &set, &mut usage).expect("within");
            assert_eq!(usage.len(), 1);
            let exceeded = none.reserve(&order("EUR", "3.01"), &ordering(), &set, &mut usage);
            let exceeded = exceeded.expect_err("above");
            assert_eq!((exceeded.scope, exceeded.period), (subject.scope(), period));
            assert_eq!(exceeded.left, money("EUR", "3"));
            assert_eq!(usage.values().copied().collect::<Vec<_>>(), [700], "nothing more");
            none.reserve(&order("EUR", "3"), &ordering(), &set, &mut usage).expect("to the cent");
            none.reserve(&order("USD", "99"), &ordering(), &set, &mut usage)
                .expect("other currency");
        }
    }
}

#[test]
fn a_limit_of_each_transfer_counts_nothing_and_another_subjects_nothing_here() {
    let set = by_subject([
        limit(Subject::Account(account(1)), Period::Transfer, "10"),
        limit(Subject::Account(account(2)), Period::Transfer, "1"),
        limit(Subject::Channel("branch".into()), Period::Day, "1"),
    ]);
    let mut usage = Usage::new();
    let none = Limits::default();
    for _ in 0..3 {
        assert_eq!(none.reserve(&order("EUR", "10"), &ordering(), &set, &mut usage), Ok(()));
    }
    assert!(none.reserve(&order("EUR", "10.01"), &ordering(), &set, &mut usage).is_err());
    assert!(usage.is_empty());
}

#[test]
fn days_and_months_and_the_accounts_of_a_channel_are_counted_apart() {
    let counter =
        |subject, period| limit(subject, period, "1").counter(Some(account(1)), ordering().date);
    let (customer, account) = (customer(), account(1));
    assert_eq!(
        counter(Subject::Customer(customer), Period::Day),
        Some(format!("customer/{customer}/2026-11-21/EUR"))
    );
    assert_eq!(
        counter(Subject::Channel("mobile".into()), Period::Month),
        Some(format!("channel/mobile/{account}/2026-11/EUR"))
    );
    assert_eq!(counter(Subject::Account(account), Period::Transfer), None);
}

#[test]
fn a_subject_is_read_from_its_key() {
    for subject in [
        Subject::Customer(customer()),
        Subject::Account(account(1)),
        Subject::Channel("a/b".into()),
    ] {
        assert_eq!(Subject::of_key(&subject.key()), Some(subject));
    }
    for key in ["", "customer", "customer/x", "bank/x"] {
        assert_eq!(Subject::of_key(key), None, "{key}");
    }
}

#[test]
fn an_order_meets_the_limits_of_its_own_subjects_and_currency_alone() {
    let of = |number, currency| Limit {
        subject: Subject::Account(account(number)),
        period: Period::Day,
        maximum: money(currency, "1"),
    };
    let set = by_subject([of(1, "EUR"), of(1, "USD"), of(2, "EUR")]);
    let met: Vec<_> = ordering().applying(&order("USD", "5"), &set).cloned().collect();
    assert_eq!(met, [of(1, "USD")]);
    let cash =
        Route::CashWithdrawal { from: account(1), from_iban: None, cash_gl_code: "1010".into() };
    let cash = Order::new(cash, money("USD", "5"), String::new()).expect("order");
    assert_eq!(ordering().applying(&cash, &set).count(), 0);
}

#[test]
fn days_and_months_are_counted_for_two_months() {
    let today = Date::constant(2026, 11, 21);
    for (window, gone) in [
        ("2026-11-21", false),
        ("2026-09-01", false),
        ("2026-08-31", true),
        ("2025-11-21", true),
        ("2026-09", false),
        ("2026-08", true),
        ("2025-11", true),
        ("soon", false),
    ] {
        assert_eq!(outlived(&format!("channel/a/b/{window}/EUR"), today), gone, "{window}");
    }
    assert!(!outlived("", today));
}
