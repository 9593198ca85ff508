//! What is closed, opened again by a second person, and undone.

use anyhow::Result;
use florin_kernel::parse_date;
use florin_proto::account::v1::{TransactionRequest, transaction_result};
use florin_testkit::Answer;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Desk, Posting, Side, at_once, by_wire, only_one};
use crate::{
    end_of_day::ended,
    world::{expect, transfer},
};

/// A date is closed once, a period once; what is dated in it is refused, until a second person
/// has opened it again, once.
pub async fn closed_and_reopened(desk: &Desk<'_>, today: &str) -> Result<()> {
    let rests = [&desk.staff, &desk.colleague];
    let early = json!({"closedThrough": today});
    let refused = desk.staff.post("/v1/ledger/periods:close", "early", &early).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "PERIOD_NOT_OVER");
    let advance = json!({"closing": today});
    let answers = at_once(rests, "/v1/ledger/businessDate:advance", "advance", &advance).await?;
    // A repeat is told what the first has opened, and opens no other.
    let opened = answers[0].text("/businessDate").to_owned();
    for answer in answers {
        assert_eq!(expect(answer, 200)?.text("/businessDate"), opened);
    }
    let days = expect(desk.staff.get("/v1/ledger/businessDays").await?, 200)?;
    assert_eq!(days.json["days"].as_array().map(Vec::len), Some(1), "{}", days.json);
    ended(&desk.staff, today).await?;
    let sheet = format!("/v1/ledger/balanceSheet?asOfBookingDate={today}");
    let before = expect(desk.staff.get(&sheet).await?, 200)?.json;

    let answers = at_once(rests, "/v1/ledger/periods:close", "close", &early).await?;
    for answer in answers {
        assert_eq!(expect(answer, 200)?.text("/closedThrough"), today);
    }
    let before_it = json!({"closedThrough": parse_date(today)?.yesterday()?.to_string()});
    let back = desk.staff.post("/v1/ledger/periods:close", "back", &before_it).await?;
    assert_eq!(expect(back, 409)?.text("/reason"), "PERIOD_CLOSED");
    let late = |reference: &str| {
        let legs = [(Side::Account(&desk.anna.account), 100), (Side::Gl("1010"), -100)];
        Posting { value_date: today.to_owned(), ..Posting::new(reference, &legs) }
    };
    assert_eq!(desk.refused(&late("late")).await?, "PERIOD_CLOSED");
    let history = TransactionRequest { booking_date: today.to_owned(), ..late("old").wire() };
    let told = by_wire(desk, "import", history).await?;
    let Some(transaction_result::Outcome::Refused(refusal)) = told else {
        anyhow::bail!("{told:?}");
    };
    assert_eq!(refusal.reason, "PERIOD_CLOSED");

    let ask = json!({"closedThrough": today, "openFrom": today, "reason": "a fee is missing"});
    let asked =
        join_all((0..4).map(|_| desk.staff.post("/v1/ledger/reopenings", "ask", &ask))).await;
    let mut ids: Vec<String> = Vec::new();
    for answer in asked {
        let answer = answer?;
        // Under one key: one has it in hand, or all have the one answer.
        if answer.text("/reason") != "IDEMPOTENCY_KEY_IN_USE" {
            ids.push(expect(answer, 201)?.text("/reopening/approvalId").to_owned());
        }
    }
    ids.dedup();
    let [id] = ids.as_slice() else { anyhow::bail!("{ids:?}") };
    let decide = format!("/v1/ledger/reopenings/{id}:decide");
    let agree = json!({"verdict": "VERDICT_APPROVE"});
    let own = at_once([&desk.staff; 2], &decide, "own", &agree).await?;
    assert!(own.iter().all(|one| one.text("/reason") == "OWN_PROPOSAL"), "{}", own[0].json);
    assert_eq!(desk.refused(&late("late")).await?, "PERIOD_CLOSED");
    let answers = at_once([&desk.colleague; 2], &decide, "agree", &agree).await?;
    let opened = only_one(&answers, 200, "ALREADY_DECIDED")?;
    assert_eq!(opened.text("/reopening/state"), "APPROVAL_STATE_APPROVED", "{}", opened.json);
    assert_eq!(expect(desk.staff.get(&sheet).await?, 200)?.json, before);
    desk.booked(&late("late")).await?;
    let stale = desk.colleague.post("/v1/ledger/reopenings", "stale", &ask).await?;
    assert_eq!(expect(stale, 409)?.text("/reason"), "PERIOD_CHANGED");
    Ok(())
}

/// A posting is undone once, whoever asks how often, and the undoing never; what `payment` booked
/// is not the desk's.
pub async fn undone(desk: &Desk<'_>) -> Result<()> {
    let before = desk.balances().await?;
    let legs =
        [(Side::Account(&desk.anna.account), -500), (Side::Account(&desk.boris.account), 500)];
    let id = desk.booked(&Posting::new("mistake", &legs)).await?;
    let path = |what: &str| format!("/v1/ledger/transactions/{id}:{what}");
    let ask = |reference: &str| json!({"reference": reference, "description": "mistake"});
    let tried = desk.staff.post(&path("previewReversal"), "try", &ask("try")).await?;
    let tried = expect(tried, 200)?;
    assert_eq!(tried.json["preview"]["legs"].as_array().map(Vec::len), Some(2), "{}", tried.json);
    assert_ne!(desk.balances().await?, before, "nothing is undone by trying");
    let references: Vec<String> = (0..6).map(|at| format!("undo-{at}")).collect();
    let bodies: Vec<Value> = references.iter().map(|reference| ask(reference)).collect();
    let reverse = path("reverse");
    let calls = references.iter().zip(&bodies);
    let calls = calls.map(|(key, body)| desk.staff.post(&reverse, key, body));
    let answers: Vec<Answer> = join_all(calls).await.into_iter().collect::<Result<_>>()?;
    let done = only_one(&answers, 200, "ALREADY_REVERSED")?;
    assert_eq!(desk.balances().await?, before);
    let undoing = done.text("/reversal/transactionId").to_owned();
    let again = format!("/v1/ledger/transactions/{undoing}:reverse");
    let refused = desk.staff.post(&again, "again", &ask("again")).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "IS_REVERSAL");

    let body = transfer(&desk.anna.account, &desk.boris.account, "1.00");
    let paid = desk.anna.rest.post_and_wait("/v1/transfers", "paid", &body).await?;
    let booked = expect(paid, 202)?.text("/transfer/transactionId").to_owned();
    let path = format!("/v1/ledger/transactions/{booked}:reverse");
    let refused = desk.staff.post(&path, "theirs", &ask("theirs")).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "TRANSACTION_OF_PAYMENT");
    Ok(())
}
