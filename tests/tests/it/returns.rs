//! Money that goes back, limits and orders: payment and the real ledger together.

use anyhow::{Result, bail};
use florin_testkit::{Answer, Bank, Rest};
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder, posted, transfer};

/// How often is looked for what the next second brings.
const LOOKS: u32 = 240;

async fn pay(from: &Holder, to: &Holder, key: &str, amount: &str) -> Result<Answer> {
    let body = transfer(&from.account, &to.account, amount);
    expect(from.rest.post_and_wait("/v1/transfers", key, &body).await?, 202)
}

/// Asks for a return and waits for its end.
async fn give_back(rest: &Rest, path: &str, key: &str, body: &Value) -> Result<Answer> {
    expect(rest.post_and_wait(path, key, body).await?, 202)
}

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    let boris = holder(bank, &staff, "Boris", None).await?;
    let balances = async || -> Result<(String, String)> {
        Ok((posted(&anna.rest, &anna.account).await?, posted(&boris.rest, &boris.account).await?))
    };

    // Refunded in part by who was paid; then not reversed any more.
    let paid = pay(&anna, &boris, "paid", "40.00").await?;
    let path = format!("/v1/transfers/{}", paid.text("/transferId"));
    let refund = json!({"amount": "15.00", "currency": "EUR", "description": "too much"});
    let back = give_back(&boris.rest, &format!("{path}:refund"), "back", &refund).await?;
    assert_eq!(back.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", back.json);
    let more = json!({"amount": "25.01", "currency": "EUR"});
    let refused = boris.rest.post(&format!("{path}:refund"), "more", &more).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "REFUND_EXCEEDS_ORIGINAL");
    let refused = staff.post(&format!("{path}:reverse"), "never", &json!({})).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "TRANSFER_NOT_RETURNABLE");
    assert_eq!(balances().await?, ("75.00".into(), "25.00".into()));

    // Reversed whole by the ledger, once.
    let paid = pay(&anna, &boris, "mistake", "30.00").await?;
    let path = format!("/v1/transfers/{}:reverse", paid.text("/transferId"));
    let undone = give_back(&staff, &path, "undo", &json!({"description": "mistake"})).await?;
    assert_eq!(undone.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", undone.json);
    let again = staff.post(&path, "undo-again", &json!({})).await?;
    assert_eq!(expect(again, 409)?.text("/reason"), "TRANSFER_NOT_RETURNABLE");
    assert_eq!(balances().await?, ("75.00".into(), "25.00".into()));

    // One that the money has left fails, and its reference is void.
    let paid = pay(&anna, &boris, "spent", "10.00").await?;
    pay(&boris, &anna, "spending", "35.00").await?;
    let path = format!("/v1/transfers/{}:reverse", paid.text("/transferId"));
    let failed = give_back(&staff, &path, "too-late", &json!({})).await?;
    assert_eq!(failed.text("/transfer/failure/reason"), "INSUFFICIENT_FUNDS", "{}", failed.json);
    assert_eq!(balances().await?, ("100.00".into(), "0.00".into()));

    ordered(&staff, &anna, &boris).await?;
    assert_eq!(balances().await?, ("88.00".into(), "12.00".into()));
    bank.prove().await
}

/// An order runs when its business date is opened, within the limit of the day.
async fn ordered(staff: &Rest, anna: &Holder, boris: &Holder) -> Result<()> {
    let limit = json!({
        "scope": "LIMIT_SCOPE_ACCOUNT", "subject": anna.account, "period": "LIMIT_PERIOD_DAY",
        "amount": "12.00", "currency": "EUR",
    });
    expect(staff.post("/v1/limits:set", "limit", &limit).await?, 200)?;
    let path = format!("/v1/limits?accountId={}", anna.account);
    let today = expect(anna.rest.get(&path).await?, 200)?.text("/businessDate").to_owned();
    let order = json!({
        "from": anna.account, "to": boris.iban, "amount": "12.00", "currency": "EUR",
        "frequency": "ORDER_FREQUENCY_ONCE", "firstOn": next_day(&today)?,
    });
    let order = expect(anna.rest.post("/v1/orders", "order", &order).await?, 201)?;
    let path = format!("/v1/orders/{}", order.text("/order/orderId"));
    let advance = json!({"closing": today});
    let opened = staff.post("/v1/ledger/businessDate:advance", "next-day", &advance).await?;
    expect(opened, 200)?;
    for _ in 0..LOOKS {
        let run = expect(anna.rest.get(&path).await?, 200)?;
        let id = run.text("/runs/0/transferId").to_owned();
        if !id.is_empty() {
            let ended = crate::crash::ended(&anna.rest, &format!("/v1/transfers/{id}")).await?;
            assert_eq!(ended.text("/transfer/status"), "TRANSFER_STATUS_COMPLETED");
            let body = transfer(&anna.account, &boris.account, "0.01");
            let refused = anna.rest.post("/v1/transfers", "above", &body).await?;
            assert_eq!(expect(refused, 409)?.text("/reason"), "LIMIT_EXCEEDED");
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    bail!("the order was not run")
}

/// The day after a date.
fn next_day(date: &str) -> Result<String> {
    let date = florin_kernel::parse_date(date)?;
    Ok(date.tomorrow()?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_goes_back_once_and_what_was_ordered_is_paid_once() -> Result<()> {
    for bank in Bank::each().await? {
        tell(&bank).await?;
    }
    Ok(())
}
