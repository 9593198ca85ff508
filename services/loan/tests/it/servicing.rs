//! Loans under way: what is repaid, what days bring, what is given up, and that the books agree.

mod broken_off;
mod changed;

use florin_loan::{DayTurn, Lending, Turn};
use florin_proto::loan::v1::{
    ArrearsBucket, BeyondDue, DecideWriteOffRequest, ExportPortfolioRequest,
    GetLoanStandingRequest, LoanProduct, LoanStanding, LoanStatus, MovementStatus, NewTerms,
    ProposeWriteOffRequest, QuotePayOffRequest, RecoverLoanRequest, RepayLoanRequest,
    RestructureLoanRequest, ReverseRepaymentRequest, export_portfolio_response::Part,
};
use florin_store::sql;
use florin_testkit::place::{number, reason};
use tokio_stream::StreamExt as _;

use crate::bank::{Bank, person, places, product};

/// A loan of 1,000.00 in six months at 12 percent, paid out on 2026-03-02: an instalment is 172.55.
async fn running(bank: &Bank) -> String {
    let id = bank.accepted().await;
    bank.disburse(&id, "").await.unwrap();
    assert_eq!(bank.turn().await, Turn::Done);
    id
}

/// Interest 10 percent a year on what is past due.
fn with_penalty() -> LoanProduct {
    LoanProduct { code: "strict".into(), penalty_rate: "10".into(), remind_days: 5, ..product() }
}

fn repayment(id: &str, amount: &str) -> RepayLoanRequest {
    RepayLoanRequest { loan_id: id.into(), amount: amount.into(), ..Default::default() }
}

/// Ends every closed day that `account` lists, as the tasks of a process would.
async fn end_days(bank: &Bank) {
    bank.lending.hear_of_days().await.unwrap();
    for _ in 0..10_000 {
        match bank.lending.turn().await.unwrap() {
            DayTurn::Idle => return,
            DayTurn::Done => {}
            DayTurn::Waiting => {
                bank.lending.worker().turn().await.unwrap();
            }
            DayTurn::Failed => panic!("{:?}", causes(bank).await),
        }
    }
    panic!("the days do not end");
}

async fn causes(bank: &Bank) -> Vec<String> {
    let query = "SELECT cause FROM day_steps WHERE cause <> ''";
    let rows = sql::query_all(bank.db.read(), query, []).await.unwrap();
    rows.iter().map(|row| row.try_get("", "cause").unwrap()).collect()
}

/// Closes days up to one, each opening the next.
fn close_through(bank: &Bank, from: &str, through: &str) {
    let (mut day, last): (florin_kernel::Date, florin_kernel::Date) =
        (from.parse().unwrap(), through.parse().unwrap());
    while day <= last {
        day = day.tomorrow().unwrap();
        bank.ledger.close_day(&day.to_string());
    }
}

async fn standing(bank: &Bank, id: &str) -> LoanStanding {
    let ctx = person("GetLoanStanding", "clerk");
    let request = GetLoanStandingRequest { loan_id: id.into() };
    bank.lending.get_loan_standing(&ctx, request).await.unwrap().into_inner().standing.unwrap()
}

/// At each ended day what loans say they have is what the ledger has, and they agree with themselves.
async fn books_agree(bank: &Bank) -> usize {
    let mut stream = bank.lending.export_portfolio(&ExportPortfolioRequest { days: 366 });
    let mut compared = 0;
    while let Some(part) = stream.next().await {
        match part.unwrap().part.unwrap() {
            Part::Position(one) => {
                let own = florin_proto::money_of(one.amount.as_ref()).unwrap().minor();
                let booked = bank.ledger.gl(&one.booking_date);
                let booked = booked.get(&one.gl_code).copied().unwrap_or(0);
                assert_eq!(own, booked, "GL {} at {}", one.gl_code, one.booking_date);
                compared += 1;
            }
            Part::Breach(breach) => panic!("{}: {}", breach.record, breach.description),
            Part::Booking(one) => assert!(!one.transaction_id.is_empty(), "{}", one.reference),
            Part::InFlight(one) => panic!("{} is in flight", one.reference),
        }
    }
    compared
}

#[tokio::test]
async fn a_repayment_is_one_journal_transaction_and_then_a_step() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        bank.ledger.set_business_date("2026-04-02");
        bank.lending.hear_of_the_date().await.unwrap();
        let ctx = person("RepayLoan", "clerk");
        let answer = bank.lending.repay_loan(&ctx, repayment(&id, "172.55")).await.unwrap();
        let movement = answer.into_inner().movement.unwrap();
        assert_eq!(movement.reference, format!("{id}/repay/2"));
        let ctx = person("RepayLoan", "clerk");
        let again = bank.lending.repay_loan(&ctx, repayment(&id, "1.00")).await;
        assert_eq!(reason(again), "MOVEMENT_OPEN");
        assert_eq!(bank.turn().await, Turn::Done);
        let loan = bank.loan(&id).await;
        assert_eq!(loan.movements.first().unwrap().status(), MovementStatus::Done);
        assert_eq!(loan.outstanding.unwrap().amount, "837.45");
        assert_eq!(loan.next_due, "2026-05-02");
        assert_eq!(bank.ledger.balance(bank.account), 100_000 - 17_255);
        let gl = bank.ledger.gl("9999-12-31");
        assert_eq!((gl["1300"], gl["1920"]), (83_745, -1_000));
        assert!(bank.events(&id).await.iter().any(|(kind, _)| kind == "loan_repaid"));
    }
}

#[tokio::test]
async fn more_than_the_pay_off_is_refused_without_leave_and_never_leaves_the_account_with_it() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        let ctx = person("RepayLoan", "clerk");
        bank.ledger.set_balance(bank.account, 200_000);
        let above = bank.lending.repay_loan(&ctx, repayment(&id, "1500.00")).await;
        // The product gives back what is too much.
        assert_eq!(reason(above), "OK");
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Closed);
        assert_eq!(bank.ledger.balance(bank.account), 100_000);
        let strict = LoanProduct { refuse_overpayment: true, code: "strict".into(), ..product() };
        bank.create(strict).await.unwrap();
        let mut application = bank.application();
        application.product = "strict".into();
        let other = bank.applied(application).await.loan_id;
        bank.approve(&other, "boss", "").await.unwrap();
        bank.accept(&other).await.unwrap();
        bank.disburse(&other, "").await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        let ctx = person("RepayLoan", "clerk");
        let told = bank.lending.repay_loan(&ctx, repayment(&other, "1000.01")).await;
        assert_eq!(reason(told), "ABOVE_PAY_OFF");
        let leave = RepayLoanRequest { at_most_pay_off: true, ..repayment(&other, "1000.01") };
        let ctx = person("RepayLoan", "clerk");
        assert_eq!(reason(bank.lending.repay_loan(&ctx, leave).await), "OK");
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.loan(&other).await.status(), LoanStatus::Closed);
        let ctx = person("RepayLoan", "clerk");
        let closed = bank.lending.repay_loan(&ctx, repayment(&other, "1.00")).await;
        assert_eq!(reason(closed), "LOAN_STATE");
    }
}

async fn repay(lending: Lending, id: String) -> String {
    for _ in 0..1_000 {
        let told = reason(
            lending.repay_loan(&person("RepayLoan", "clerk"), repayment(&id, "100.00")).await,
        );
        // Another change of the same row was in the way: nothing is decided.
        if !["CONCURRENT_CHANGE", "UNAVAILABLE"].contains(&told.as_str()) {
            return told;
        }
    }
    "UNDECIDED".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_repayments_at_once_in_two_replicas_one_is_made() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let other = bank.replica().await;
        let id = running(&bank).await;
        let both = [&bank.lending, &other];
        let asked: Vec<_> = (0..12)
            .map(|number| tokio::spawn(repay(both[number % 2].clone(), id.clone())))
            .collect();
        let mut told = Vec::new();
        for one in asked {
            told.push(one.await.unwrap());
        }
        assert_eq!(told.iter().filter(|one| *one == "OK").count(), 1, "{told:?}");
        let open = told.iter().filter(|one| *one == "MOVEMENT_OPEN").count();
        assert_eq!(open, 11, "{told:?}");
        let [first, second] = both.map(|lending| lending.worker());
        let (first, second) = tokio::join!(first.turn(), second.turn());
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(bank.ledger.balance(bank.account), 90_000);
        assert_eq!(books_agree(&bank).await, 0);
    }
}

#[tokio::test]
async fn a_reversal_gives_the_money_back_and_takes_the_later_ones_in_again() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        for (day, amount) in [("2026-04-02", "172.55"), ("2026-05-02", "172.55")] {
            bank.ledger.set_business_date(day);
            bank.lending.hear_of_the_date().await.unwrap();
            let ctx = person("RepayLoan", "clerk");
            bank.lending.repay_loan(&ctx, repayment(&id, amount)).await.unwrap();
            assert_eq!(bank.turn().await, Turn::Done);
        }
        let before = bank.ledger.balance(bank.account);
        let request = |number| ReverseRepaymentRequest {
            loan_id: id.clone(),
            number,
            reason: "the wrong account".into(),
        };
        let ctx = person("ReverseRepayment", "clerk");
        bank.lending.reverse_repayment(&ctx, request(2)).await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.ledger.balance(bank.account), before + 17_255);
        let ctx = person("ReverseRepayment", "clerk");
        let again = bank.lending.reverse_repayment(&ctx, request(2)).await;
        assert_eq!(reason(again), "REPAYMENT_REVERSED");
        let ctx = person("ReverseRepayment", "clerk");
        let none = bank.lending.reverse_repayment(&ctx, request(9)).await;
        assert_eq!(reason(none), "REPAYMENT_NOT_FOUND");
        // The second paid the first instalment instead.
        let loan = bank.loan(&id).await;
        assert_eq!(
            (loan.outstanding.unwrap().amount.as_str(), loan.next_due.as_str()),
            ("837.45", "2026-05-02")
        );
        let gl = bank.ledger.gl("9999-12-31");
        assert_eq!((gl["1300"], gl["1920"]), (83_745, -1_000));
        books_agree(&bank).await;
    }
}

#[tokio::test]
async fn days_accrue_and_take_what_is_due_until_the_loan_is_repaid_and_the_books_agree() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        bank.ledger.set_balance(bank.account, 200_000);
        close_through(&bank, "2026-03-02", "2026-04-01");
        end_days(&bank).await;
        let gl = bank.ledger.gl("2026-04-01");
        // All interest of the first month: it falls due on the next day.
        assert_eq!((gl["1300"], gl["1920"], gl["4030"]), (100_000, 1_000, -1_000));
        assert_eq!(standing(&bank, &id).await.accrued_through, "2026-04-01");
        close_through(&bank, "2026-04-02", "2026-09-03");
        end_days(&bank).await;
        let loan = bank.loan(&id).await;
        assert_eq!(loan.status(), LoanStatus::Closed);
        assert_eq!(
            number(&bank.db, "SELECT COUNT(*) FROM movements WHERE kind = 2 AND state = 3")
                .await
                .unwrap(),
            6
        );
        // What was caught up in one go was taken from the account on the date that is open now.
        let gl = bank.ledger.gl("9999-12-31");
        assert_eq!((gl["1300"], gl["1920"]), (0, 0));
        assert!(books_agree(&bank).await > 100);
        // A chunk of a day is one journal transaction.
        let bookings = "SELECT COUNT(*) FROM day_bookings WHERE closed = '2026-03-10'";
        assert_eq!(number(&bank.db, bookings).await.unwrap(), 1);
        let ended = "SELECT COUNT(*) FROM outbox WHERE kind = 'loan_day_ended'";
        assert_eq!(number(&bank.db, ended).await.unwrap(), 186);
        assert!(bank.events(&id).await.iter().any(|(kind, _)| kind == "loan_closed"));
    }
}

#[tokio::test]
async fn a_weekend_accrues_with_the_day_before_it_and_takes_what_falls_due_in_it() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        bank.ledger.set_balance(bank.account, 200_000);
        close_through(&bank, "2026-03-02", "2026-04-30");
        // 2026-05-02, when the second instalment is due, is a Saturday.
        bank.ledger.close_day("2026-05-04");
        end_days(&bank).await;
        let standing = standing(&bank, &id).await;
        assert_eq!((standing.accrued_through.as_str(), standing.days_past_due), ("2026-05-03", 0));
        assert_eq!(standing.due_on, "2026-06-02");
        assert!(books_agree(&bank).await > 0);
    }
}

#[tokio::test]
async fn what_the_account_has_is_taken_and_the_rest_is_in_arrears_until_interest_is_no_income() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.create(with_penalty()).await.unwrap();
        let mut application = bank.application();
        application.product = "strict".into();
        let id = bank.applied(application).await.loan_id;
        bank.approve(&id, "boss", "").await.unwrap();
        bank.accept(&id).await.unwrap();
        bank.disburse(&id, "").await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        bank.ledger.set_balance(bank.account, 10_000);
        close_through(&bank, "2026-03-02", "2026-04-02");
        end_days(&bank).await;
        assert_eq!(bank.ledger.balance(bank.account), 0, "what it had");
        let first = standing(&bank, &id).await;
        assert_eq!((first.bucket(), first.days_past_due), (ArrearsBucket::ArrearsBucket1To30, 1));
        assert_eq!(first.overdue.unwrap().principal, "72.55");
        close_through(&bank, "2026-04-03", "2026-06-30");
        end_days(&bank).await;
        let late = standing(&bank, &id).await;
        assert_eq!((late.bucket(), late.non_accrual), (ArrearsBucket::ArrearsBucket61To90, false));
        close_through(&bank, "2026-07-01", "2026-07-03");
        end_days(&bank).await;
        let last = standing(&bank, &id).await;
        assert_eq!((last.bucket(), last.non_accrual), (ArrearsBucket::Over90, true));
        // 10.00 was paid of it: what accrued beyond that is taken back.
        assert_eq!(last.earned.unwrap().interest, "10.00");
        let gl = bank.ledger.gl("2026-07-03");
        assert_eq!((gl["1920"], gl["4030"], gl["1930"]), (0, -1_000, 0));
        books_agree(&bank).await;
        let kinds: Vec<_> = bank.events(&id).await.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "loan_overdue").count(), 4);
        assert!(kinds.iter().any(|kind| kind == "instalment_due"), "{kinds:?}");
        // It is paid, and all of it is income again.
        bank.ledger.set_balance(bank.account, 200_000);
        close_through(&bank, "2026-07-04", "2026-07-04");
        end_days(&bank).await;
        let cured = standing(&bank, &id).await;
        assert_eq!((cured.bucket(), cured.non_accrual), (ArrearsBucket::Current, false));
        books_agree(&bank).await;
    }
}
