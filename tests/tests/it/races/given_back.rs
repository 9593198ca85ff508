//! Limits, refunds, reversals and orders, each at once from many sides.

use anyhow::{Result, ensure};
use florin_testkit::{Answer, Bank, Rest};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder, posted, transfer};

/// Calls that come at once.
const AT_ONCE: usize = 8;

pub async fn race(bank: &Bank, staff: &Rest) -> Result<()> {
    let filip = holder(bank, staff, "Filip", Some("100.00")).await?;
    let gita = holder(bank, staff, "Gita", None).await?;
    limits(staff, &filip, &gita).await?;
    refunds(staff, &filip, &gita).await?;
    reversals(staff, &filip, &gita).await?;
    orders(staff, &filip, &gita).await
}

/// The same request at once under a key for each, or all under one; the answers. A key that was
/// in use meanwhile is asked again.
async fn at_once(rest: &Rest, path: &str, keys: &[String], body: &Value) -> Result<Vec<Answer>> {
    let calls = keys.iter().map(|key| async move {
        loop {
            let answer = rest.post(path, key, body).await?;
            if answer.text("/reason") != "IDEMPOTENCY_KEY_IN_USE" {
                return Ok(answer);
            }
        }
    });
    join_all(calls).await.into_iter().collect()
}

fn keys(name: &str) -> Vec<String> {
    (0..AT_ONCE).map(|at| format!("{name}-{at}")).collect()
}

/// How many have the status; the others are refused for one of these reasons.
fn done(answers: &[Answer], status: u16, reasons: &[&str]) -> Result<usize> {
    let (done, others): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == status);
    for other in others {
        ensure!(reasons.contains(&other.text("/reason")), "{}: {}", other.status, other.json);
    }
    Ok(done.len())
}

async fn balances(staff: &Rest, of: [&Holder; 2]) -> Result<[String; 2]> {
    Ok([posted(staff, &of[0].account).await?, posted(staff, &of[1].account).await?])
}

/// Waits for the ends of the transfers that were accepted; how many were paid.
async fn paid(rest: &Rest, answers: &[Answer]) -> Result<usize> {
    let mut paid = 0;
    for answer in answers.iter().filter(|answer| answer.status == 202) {
        let path = format!("/v1/transfers/{}", answer.text("/transferId"));
        let end = crate::crash::ended(rest, &path).await?;
        paid += usize::from(end.text("/transfer/status") == "TRANSFER_STATUS_COMPLETED");
    }
    Ok(paid)
}

/// Eight payments of 2.00 within 5.00 a day: two.
async fn limits(staff: &Rest, from: &Holder, to: &Holder) -> Result<()> {
    let limit = json!({
        "scope": "LIMIT_SCOPE_ACCOUNT", "subject": from.account, "period": "LIMIT_PERIOD_DAY",
        "amount": "5.00", "currency": "EUR",
    });
    let set = at_once(staff, "/v1/limits:set", &keys("limit"), &limit).await?;
    ensure!(done(&set, 200, &[])? == AT_ONCE, "{}", set[0].json);
    let body = transfer(&from.account, &to.account, "2.00");
    let answers = at_once(&from.rest, "/v1/transfers", &keys("within"), &body).await?;
    ensure!(done(&answers, 202, &["LIMIT_EXCEEDED"])? == 2);
    ensure!(paid(&from.rest, &answers).await? == 2);
    let told = balances(staff, [from, to]).await?;
    ensure!(told == ["96.00", "4.00"], "{told:?}");
    let wide = json!({
        "scope": "LIMIT_SCOPE_ACCOUNT", "subject": from.account, "period": "LIMIT_PERIOD_DAY",
        "amount": "1000.00", "currency": "EUR",
    });
    expect(staff.post("/v1/limits:set", "wide", &wide).await?, 200)?;
    Ok(())
}

/// Eight refunds of 3.00 of 10.00: three, under whatever keys; and refunds beside a reversal are
/// refunds alone or the reversal alone.
async fn refunds(staff: &Rest, from: &Holder, to: &Holder) -> Result<()> {
    let body = transfer(&from.account, &to.account, "10.00");
    let one = expect(from.rest.post_and_wait("/v1/transfers", "first", &body).await?, 202)?;
    let path = format!("/v1/transfers/{}", one.text("/transferId"));
    let part = json!({"amount": "3.00", "currency": "EUR"});
    let refund = format!("{path}:refund");
    let nothing = json!({"amount": "0.00", "currency": "EUR"});
    let refused = expect(to.rest.post(&refund, "nothing", &nothing).await?, 400)?;
    ensure!(refused.text("/errors/0/rule") == "NOT_POSITIVE", "{}", refused.json);
    let answers = at_once(&to.rest, &refund, &keys("refund"), &part).await?;
    ensure!(done(&answers, 202, &["REFUND_EXCEEDS_ORIGINAL"])? == 3);
    ensure!(paid(&to.rest, &answers).await? == 3);
    let same = at_once(
        &to.rest,
        &refund,
        &vec!["last".to_owned(); AT_ONCE],
        &json!({
            "amount": "1.00", "currency": "EUR",
        }),
    )
    .await?;
    ensure!(done(&same, 202, &[])? == AT_ONCE);
    ensure!(same.iter().all(|one| one.text("/transferId") == same[0].text("/transferId")));
    ensure!(paid(&to.rest, &same[..1]).await? == 1);
    let told = balances(staff, [from, to]).await?;
    ensure!(told == ["96.00", "4.00"], "{told:?}");

    let two = expect(from.rest.post_and_wait("/v1/transfers", "second", &body).await?, 202)?;
    let path = format!("/v1/transfers/{}", two.text("/transferId"));
    let (refund, reverse) = (format!("{path}:refund"), format!("{path}:reverse"));
    let (refund_keys, reverse_keys) = (keys("either"), keys("or"));
    let nothing = json!({});
    let (refunded, reversed) = tokio::join!(
        at_once(&to.rest, &refund, &refund_keys, &part),
        at_once(staff, &reverse, &reverse_keys, &nothing),
    );
    let (refunded, reversed) = (refunded?, reversed?);
    let reasons = ["REFUND_EXCEEDS_ORIGINAL", "TRANSFER_NOT_RETURNABLE"];
    let pair = (done(&refunded, 202, &reasons)?, done(&reversed, 202, &reasons)?);
    ensure!(pair == (3, 0) || pair == (0, 1), "{pair:?}");
    let ended = paid(staff, &refunded).await? + paid(staff, &reversed).await?;
    ensure!(ended == pair.0 + pair.1, "{ended} of {pair:?}");
    let told = balances(staff, [from, to]).await?;
    let expected = if pair == (3, 0) { ["95.00", "5.00"] } else { ["96.00", "4.00"] };
    ensure!(told == expected, "{told:?}");
    // Back to where it began, for what follows.
    if pair == (3, 0) {
        let rest = json!({"amount": "1.00", "currency": "EUR"});
        expect(to.rest.post_and_wait(&refund, "rest", &rest).await?, 202)?;
    }
    Ok(())
}

/// Eight reversals of one payment: one.
async fn reversals(staff: &Rest, from: &Holder, to: &Holder) -> Result<()> {
    let body = transfer(&from.account, &to.account, "10.00");
    let one = expect(from.rest.post_and_wait("/v1/transfers", "third", &body).await?, 202)?;
    let path = format!("/v1/transfers/{}:reverse", one.text("/transferId"));
    let answers = at_once(staff, &path, &keys("reverse"), &json!({})).await?;
    ensure!(done(&answers, 202, &["TRANSFER_NOT_RETURNABLE"])? == 1);
    ensure!(paid(staff, &answers).await? == 1);
    let told = balances(staff, [from, to]).await?;
    ensure!(told == ["96.00", "4.00"], "{told:?}");
    Ok(())
}

/// An order is made once, a date of it skipped once, and it ends one way; what its date brings
/// is paid once, whoever closes the business date how often.
async fn orders(staff: &Rest, from: &Holder, to: &Holder) -> Result<()> {
    let answer = expect(staff.get("/v1/ledger/businessDate").await?, 200)?;
    let today = answer.text("/businessDate").to_owned();
    let tomorrow = florin_kernel::parse_date(&today)?.tomorrow()?.to_string();
    let order = |frequency: &str| {
        json!({
            "from": from.account, "to": to.iban, "amount": "2.00", "currency": "EUR",
            "frequency": frequency, "firstOn": tomorrow,
        })
    };
    let weekly = order("ORDER_FREQUENCY_WEEKLY");
    let mut nothing = weekly.clone();
    nothing["amount"] = json!("0.00");
    let refused = expect(from.rest.post("/v1/orders", "nothing", &nothing).await?, 400)?;
    ensure!(refused.text("/errors/0/rule") == "NOT_POSITIVE", "{}", refused.json);
    let same = vec!["weekly".to_owned(); AT_ONCE];
    let made = at_once(&from.rest, "/v1/orders", &same, &weekly).await?;
    ensure!(done(&made, 201, &[])? == AT_ONCE);
    let id = made[0].text("/order/orderId").to_owned();
    ensure!(made.iter().all(|one| one.text("/order/orderId") == id), "two orders of one key");
    let path = format!("/v1/orders/{id}");
    let skip = json!({"date": tomorrow});
    let skipped = at_once(&from.rest, &format!("{path}:skip"), &keys("skip"), &skip).await?;
    ensure!(done(&skipped, 200, &["ORDER_STATE"])? == 1, "one date is skipped once");
    let once = order("ORDER_FREQUENCY_ONCE");
    let made = expect(from.rest.post("/v1/orders", "once", &once).await?, 201)?;
    let due = format!("/v1/orders/{}", made.text("/order/orderId"));

    let advance = json!({"closing": today, "opening": tomorrow});
    let closed = "/v1/ledger/businessDate:advance";
    let closed = at_once(staff, closed, &keys("advance"), &advance).await?;
    ensure!(done(&closed, 200, &[])? == AT_ONCE);
    let days = expect(staff.get("/v1/ledger/businessDays").await?, 200)?;
    ensure!(days.json["days"].as_array().map(Vec::len) == Some(1), "{}", days.json);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let run = loop {
        let told = expect(from.rest.get(&due).await?, 200)?;
        if !told.text("/runs/0/transferId").is_empty() {
            break told.json;
        }
        ensure!(std::time::Instant::now() < until, "{}", told.json);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    ensure!(run["runs"].as_array().map(Vec::len) == Some(1), "{run}");
    let transfer = format!("/v1/transfers/{}", run["runs"][0]["transferId"].as_str().unwrap_or(""));
    let end = crate::crash::ended(&from.rest, &transfer).await?;
    ensure!(end.text("/transfer/status") == "TRANSFER_STATUS_COMPLETED", "{}", end.json);
    let told = balances(staff, [from, to]).await?;
    ensure!(told == ["94.00", "6.00"], "{told:?}");

    let (suspend, cancel) = (format!("{path}:suspend"), format!("{path}:cancel"));
    let (suspend_keys, cancel_keys) = (keys("suspend"), keys("cancel"));
    let nothing = json!({});
    let (suspended, cancelled) = tokio::join!(
        at_once(&from.rest, &suspend, &suspend_keys, &nothing),
        at_once(&from.rest, &cancel, &cancel_keys, &nothing),
    );
    done(&suspended?, 200, &["ORDER_STATE"])?;
    let cancelled = cancelled?;
    ensure!(done(&cancelled, 200, &["ORDER_STATE"])? >= 1);
    let told = expect(from.rest.get(&path).await?, 200)?;
    ensure!(told.text("/order/status") == "ORDER_STATUS_CANCELLED", "{}", told.json);
    Ok(())
}
