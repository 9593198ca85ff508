//! Periods that are closed, and opened again by a second person.

use florin_account::{
    app::command::{Command, Outcome, Work},
    domain::{account::Rules, refusal::Refusal},
};
use florin_kernel::{AccountId, Date};
use florin_proto::account::v1::{
    ApprovalState, ClosePeriodRequest, DecideReopeningRequest, GetBusinessDateRequest,
    ListReopeningsRequest, ProposeReopeningRequest, Reopening, Verdict,
};
use florin_rpc::{CallContext, Error};
use florin_store::{Tx, sql};
use florin_testkit::place::number;
use futures_util::future::join_all;

use crate::{
    bench_ledger::{Bench, each, post, reverse},
    desk::{desk, machine, teller},
    end_of_day::end_days,
    interest_world::advance,
};

const OCTOBER: &str = "2026-10-31";

pub async fn close(bench: &Bench, through: &str) -> Result<String, Error> {
    let request = ClosePeriodRequest { closed_through: through.into() };
    match desk(bench).close_period(&teller("ClosePeriod"), request).await {
        Ok(answer) => Ok(answer.into_inner().closed_through),
        Err(status) => Err(Error::from_status(&status)),
    }
}

pub async fn closed(bench: &Bench) -> String {
    let ctx = machine("GetBusinessDate", &[]);
    let answer = desk(bench).get_business_date(&ctx, GetBusinessDateRequest {}).await;
    answer.unwrap().into_inner().closed_through
}

/// A member of staff under this name.
fn person(method: &'static str, name: &str) -> CallContext {
    let mut ctx = teller(method);
    ctx.principal.subject = name.to_owned();
    ctx
}

async fn propose(bench: &Bench, by: &str, from: &str) -> Result<Reopening, Error> {
    propose_of(bench, by, (OCTOBER, from)).await
}

/// Opens the period up to a date again from another on, by two persons.
pub async fn reopen(bench: &Bench, through: &str, from: &str) {
    let proposal = propose_of(bench, "eva", (through, from)).await.unwrap();
    decide(bench, "ian", &proposal.approval_id, Verdict::Approve).await.unwrap();
}

async fn propose_of(
    bench: &Bench,
    by: &str,
    (through, from): (&str, &str),
) -> Result<Reopening, Error> {
    let request = ProposeReopeningRequest {
        closed_through: through.into(),
        open_from: from.into(),
        reason: "a batch of fees is missing".into(),
    };
    let ctx = person("ProposeReopening", by);
    match desk(bench).propose_reopening(&ctx, request).await {
        Ok(answer) => Ok(answer.into_inner().reopening.unwrap()),
        Err(status) => Err(Error::from_status(&status)),
    }
}

async fn decide(bench: &Bench, by: &str, id: &str, verdict: Verdict) -> Result<Reopening, Error> {
    let request = DecideReopeningRequest { approval_id: id.into(), verdict: verdict.into() };
    let ctx = person("DecideReopening", by);
    match desk(bench).decide_reopening(&ctx, request).await {
        Ok(answer) => Ok(answer.into_inner().reopening.unwrap()),
        Err(status) => Err(Error::from_status(&status)),
    }
}

async fn waiting(bench: &Bench) -> usize {
    let ctx = machine("ListReopenings", &[]);
    let answer = desk(bench).list_reopenings(&ctx, ListReopeningsRequest::default()).await;
    answer.unwrap().into_inner().reopenings.len()
}

/// A deposit of one cent with these dates.
fn dated(text: &str, to: AccountId, booking: Option<Date>, value: Option<Date>) -> Command {
    let mut command = post(text, &[(to, 1)]);
    let Work::Post(post) = &mut command.work else { unreachable!() };
    (post.booking_date, post.value_date) = (booking, value);
    post.rules = if booking.is_some() { Rules::Import } else { Rules::Today };
    command
}

fn is_closed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(Refusal::PeriodClosed { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_period_refuses_either_date_and_imports_too() {
    for bench in each().await {
        let account = bench.open(100).await;
        let (last, next) = (Date::constant(2026, 10, 31), Date::constant(2026, 11, 1));
        let before = bench.run(dated("before", account, None, Some(last))).await;
        let Outcome::Posted { transaction, .. } = before else { panic!("{before:?}") };
        assert_eq!(close(&bench, OCTOBER).await.unwrap(), OCTOBER);
        assert_eq!(closed(&bench).await, OCTOBER);
        for (at, (booking, value)) in [
            (None, Some(last)),
            (Some(last), None),
            (Some(next), Some(last)),
            (Some(last), Some(next)),
        ]
        .into_iter()
        .enumerate()
        {
            let told = bench.run(dated(&format!("c{at}"), account, booking, value)).await;
            assert!(is_closed(&told), "{told:?}");
        }
        for (at, (booking, value)) in
            [(None, None), (None, Some(next)), (Some(next), None)].into_iter().enumerate()
        {
            let told = bench.run(dated(&format!("o{at}"), account, booking, value)).await;
            assert!(matches!(told, Outcome::Posted { .. }), "{told:?}");
        }
        // What was valued in it is reversed in the open period.
        let back = bench.run(reverse("back", transaction)).await;
        assert!(matches!(back, Outcome::Posted { .. }), "{back:?}");
        let query = "SELECT COUNT(*) FROM journal WHERE reverses IS NOT NULL \
                     AND value_date = '2026-11-21' AND booking_date = '2026-11-21'";
        assert_eq!(number(&bench.db, query).await.unwrap(), 1);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_closed_once_it_is_over_and_never_shortened() {
    for bench in each().await {
        for date in ["2026-11-21", "2026-11-22", "9999-12-31"] {
            assert_eq!(close(&bench, date).await.unwrap_err().reason(), "PERIOD_NOT_OVER");
        }
        assert_eq!(closed(&bench).await, "");
        close(&bench, "2026-09-30").await.unwrap();
        close(&bench, OCTOBER).await.unwrap();
        close(&bench, OCTOBER).await.unwrap();
        assert_eq!(close(&bench, "2026-09-30").await.unwrap_err().reason(), "PERIOD_CLOSED");
        assert_eq!(closed(&bench).await, OCTOBER);
        close(&bench, "2026-11-20").await.unwrap();
        let audited = "SELECT COUNT(*) FROM audit WHERE reference LIKE 'period/%'";
        assert_eq!(number(&bench.db, audited).await.unwrap(), 3, "the same again changed nothing");
        let malformed = close(&bench, "31.10.2026").await.unwrap_err();
        assert_eq!(malformed.field_violations()[0].field, "closed_through");
    }
}

/// What the end of a day books belongs to that day.
#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_not_closed_before_the_ends_of_its_days_are_done() {
    for bench in each().await {
        advance(&bench, "2026-11-21", "2026-11-23").await;
        let early = close(&bench, "2026-11-22").await.unwrap_err();
        assert_eq!(early.reason(), "PERIOD_NOT_OVER");
        close(&bench, "2026-11-20").await.unwrap();
        end_days(&bench, 1).await;
        close(&bench, "2026-11-22").await.unwrap();
        assert_eq!(closed(&bench).await, "2026-11-22");
        bench.assert_clean().await;
    }
}

/// Nor does a program that keeps no list of what it closes make a day one that has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_not_closed_over_a_day_that_nobody_noted() {
    for bench in each().await {
        advance(&bench, "2026-11-21", "2026-11-23").await;
        end_days(&bench, 1).await;
        let open = "UPDATE books SET business_date = '2026-11-25'";
        bench.db.write(async |tx: Tx| sql::execute(&tx, open, []).await).await.unwrap();
        let early = close(&bench, "2026-11-24").await.unwrap_err();
        assert_eq!(early.reason(), "PERIOD_NOT_OVER");
        close(&bench, "2026-11-22").await.unwrap();
    }
}

/// Whatever was booked in it was booked before: what was counted at the close stays.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_valued_in_a_period_once_its_close_is_answered() {
    for bench in each().await {
        let account = bench.open(100).await;
        let last = Date::constant(2026, 10, 31);
        let inside = "SELECT COUNT(*) FROM journal WHERE value_date <= '2026-10-31'";
        let posts = (0..60).map(|at| {
            let bench = &bench;
            async move { bench.run(dated(&format!("p{at}"), account, None, Some(last))).await }
        });
        let closing = async {
            close(&bench, OCTOBER).await.unwrap();
            number(&bench.db, inside).await.unwrap()
        };
        let (told, counted) = tokio::join!(join_all(posts), closing);
        let booked = told.iter().filter(|one| matches!(one, Outcome::Posted { .. })).count();
        let refused = told.iter().filter(|one| is_closed(one)).count();
        assert_eq!(booked + refused, 60, "{told:?}");
        assert_eq!(i64::try_from(booked).unwrap(), counted);
        assert_eq!(number(&bench.db, inside).await.unwrap(), counted);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_opened_again_by_a_second_person_and_never_by_the_first() {
    for bench in each().await {
        let account = bench.open(100).await;
        close(&bench, OCTOBER).await.unwrap();
        let proposed = propose(&bench, "maria", "2026-10-01").await.unwrap();
        assert_eq!(proposed.state(), ApprovalState::Proposed);
        assert_eq!((closed(&bench).await.as_str(), waiting(&bench).await), (OCTOBER, 1));
        let id = &proposed.approval_id;
        let own = decide(&bench, "maria", id, Verdict::Approve).await.unwrap_err();
        assert_eq!((own.reason(), closed(&bench).await.as_str()), ("OWN_PROPOSAL", OCTOBER));
        let done = decide(&bench, "karl", id, Verdict::Approve).await.unwrap();
        assert_eq!((done.state(), done.decide_time.is_some()), (ApprovalState::Approved, true));
        assert_eq!((closed(&bench).await.as_str(), waiting(&bench).await), ("2026-09-30", 0));
        let inside = Some(Date::constant(2026, 10, 1));
        let told = bench.run(dated("in", account, None, inside)).await;
        assert!(matches!(told, Outcome::Posted { .. }), "{told:?}");
        let before = Some(Date::constant(2026, 9, 30));
        assert!(is_closed(&bench.run(dated("out", account, None, before)).await));
        for (by, verdict) in [("karl", Verdict::Approve), ("maria", Verdict::Reject)] {
            let again = decide(&bench, by, id, verdict).await.unwrap_err();
            assert_eq!(again.reason(), "ALREADY_DECIDED");
        }
        assert_eq!(closed(&bench).await, "2026-09-30");
        let audited = format!("SELECT COUNT(*) FROM audit WHERE reference LIKE '{id}%'");
        assert_eq!(number(&bench.db, &audited).await.unwrap(), 2);
        bench.assert_clean().await;
    }
}

/// Two proposals of the same: the one that was approved has been used up, and so has its twin.
#[tokio::test(flavor = "multi_thread")]
async fn the_twin_of_a_proposal_does_not_open_the_period_that_was_closed_again() {
    for bench in each().await {
        close(&bench, OCTOBER).await.unwrap();
        let first = propose(&bench, "maria", "2026-10-01").await.unwrap().approval_id;
        let twin = propose(&bench, "maria", "2026-10-01").await.unwrap().approval_id;
        decide(&bench, "karl", &first, Verdict::Approve).await.unwrap();
        close(&bench, OCTOBER).await.unwrap();
        let stale = decide(&bench, "karl", &twin, Verdict::Approve).await.unwrap_err();
        assert_eq!((stale.reason(), closed(&bench).await.as_str()), ("PERIOD_CHANGED", OCTOBER));
        let again = propose(&bench, "maria", "2026-10-01").await.unwrap().approval_id;
        decide(&bench, "karl", &again, Verdict::Approve).await.unwrap();
        assert_eq!(closed(&bench).await, "2026-09-30");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_withdrawn_overtaken_or_expired_proposal_opens_nothing() {
    for bench in each().await {
        close(&bench, OCTOBER).await.unwrap();
        for by in ["karl", "maria"] {
            let proposed = propose(&bench, "maria", "2026-10-01").await.unwrap();
            let done = decide(&bench, by, &proposed.approval_id, Verdict::Reject).await.unwrap();
            assert_eq!(done.state(), ApprovalState::Rejected);
        }
        let expired = propose(&bench, "maria", "2026-10-01").await.unwrap().approval_id;
        bench
            .db
            .write(async |tx: Tx| {
                let update = "UPDATE approvals SET expires_at = 1 WHERE id = $1";
                sql::execute(&tx, update, [expired.as_str().into()]).await
            })
            .await
            .unwrap();
        let late = decide(&bench, "karl", &expired, Verdict::Approve).await.unwrap_err();
        assert_eq!((late.reason(), waiting(&bench).await), ("APPROVAL_EXPIRED", 0));
        let overtaken = propose(&bench, "maria", "2026-10-01").await.unwrap().approval_id;
        close(&bench, "2026-11-10").await.unwrap();
        let other = decide(&bench, "karl", &overtaken, Verdict::Approve).await.unwrap_err();
        assert_eq!(other.reason(), "PERIOD_CHANGED");
        assert_eq!(waiting(&bench).await, 1, "it waits as before");
        let stale = propose(&bench, "maria", "2026-10-01").await.unwrap_err();
        assert_eq!(stale.reason(), "PERIOD_CHANGED");
        let unknown = "apr_01890000-0000-7000-8000-000000000001";
        let nothing = decide(&bench, "karl", unknown, Verdict::Approve).await.unwrap_err();
        assert_eq!(nothing.reason(), "APPROVAL_NOT_FOUND");
        assert_eq!(closed(&bench).await, "2026-11-10");
    }
}

/// Two checkers at once, with two keys: one opens the period, once.
#[tokio::test(flavor = "multi_thread")]
async fn of_racing_checkers_one_decides() {
    for bench in each().await {
        close(&bench, OCTOBER).await.unwrap();
        let id = propose(&bench, "maria", "2026-10-01").await.unwrap().approval_id;
        let names = ["karl", "eva", "jan", "otto"];
        let calls = names.map(|by| decide(&bench, by, &id, Verdict::Approve));
        let told = join_all(calls).await;
        assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 1, "{told:?}");
        let others = told.iter().filter_map(|one| one.as_ref().err());
        assert!(others.into_iter().all(|error| error.reason() == "ALREADY_DECIDED"));
        assert_eq!(closed(&bench).await, "2026-09-30");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_no_person_and_a_proposal_has_days_and_a_reason() {
    for bench in each().await {
        close(&bench, OCTOBER).await.unwrap();
        let request = ProposeReopeningRequest {
            closed_through: OCTOBER.into(),
            open_from: "2026-10-01".into(),
            reason: "x".into(),
        };
        let ctx = machine("ProposeReopening", &["ledger:close"]);
        let desk = desk(&bench);
        let refused = desk.propose_reopening(&ctx, request.clone()).await.unwrap_err();
        assert_eq!(Error::from_status(&refused).reason(), "NO_PERSON");
        for (open_from, reason, field) in
            [("2026-11-01", "x", "open_from"), ("", "x", "open_from"), ("2026-10-01", "", "reason")]
        {
            let request = ProposeReopeningRequest {
                open_from: open_from.into(),
                reason: reason.into(),
                ..request.clone()
            };
            let ctx = person("ProposeReopening", "maria");
            let refused = desk.propose_reopening(&ctx, request).await.unwrap_err();
            let refused = Error::from_status(&refused);
            assert_eq!(refused.field_violations()[0].field, field);
        }
        assert_eq!(waiting(&bench).await, 0);
    }
}
