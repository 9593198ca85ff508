//! A business date is closed, and the bank ends it by itself: interest, fees and the seal.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use florin_testkit::{Bank, Rest};
use serde_json::{Value, json};

use crate::world::{expect, holder};

/// How long a business date may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(120);

/// The closed business date, once it has ended.
async fn ended(staff: &Rest, closed: &str) -> Result<Value> {
    let began = Instant::now();
    loop {
        let answer = expect(staff.get("/v1/ledger/businessDays?pageSize=1").await?, 200)?;
        let day = answer.json["days"][0].clone();
        ensure!(day["closed"] == closed, "{day}");
        if day["endedAt"].is_string() {
            return Ok(day);
        }
        ensure!(began.elapsed() < ENDED_WITHIN, "{day}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Interest and a fee from the open business date on.
async fn set_conditions(staff: &Rest, today: &str) -> Result<()> {
    let zero = json!({"currency": "EUR", "amount": "0.00"});
    let conditions = json!({"conditions": {
        "product": "current", "currency": "EUR", "validFrom": today, "dayCount": "ACT/365F",
        "tiering": "TIERING_MARGINAL", "capitalisation": "CAPITALISATION_YEARLY",
        "credit": [{"from": zero, "ratePercent": "3.65"}],
    }});
    let path = "/v1/ledger/interestConditions";
    expect(staff.post(path, "interest", &conditions).await?, 201)?;
    let fee = json!({"schedule": {
        "product": "current", "currency": "EUR", "event": "FEE_EVENT_TRANSFER",
        "validFrom": today, "tiers": [{"from": zero, "ratePercent": "0.5"}],
    }});
    expect(staff.post("/v1/ledger/feeSchedules", "fee", &fee).await?, 201)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_date_that_is_closed_ends_by_itself_with_interest_and_a_seal() -> Result<()> {
    for bank in Bank::each().await? {
        let staff = bank.rest_as(None).await?;
        let answer = expect(staff.get("/v1/ledger/businessDate").await?, 200)?;
        let today = answer.text("/businessDate").to_owned();
        set_conditions(&staff, &today).await?;
        let anna = holder(&bank, &staff, "Anna", Some("3650.00")).await?;
        let path = format!("/v1/accounts/{}:quoteFee", anna.account);
        let asked = json!({"event": "FEE_EVENT_TRANSFER", "amount": {"currency": "EUR", "amount": "10.00"}});
        let quote = expect(anna.rest.post(&path, "quote", &asked).await?, 200)?;
        assert_eq!(quote.text("/fee/amount"), "0.05");

        let advance = ["ops", "business-date", "advance", "--closing", today.as_str()];
        let (done, told) = bank.run(&advance).await?;
        ensure!(done && told.starts_with(&format!("{today} is closed, ")), "{told}");
        let day = ended(&staff, &today).await?;
        assert_eq!(day["steps"].as_array().map(Vec::len), Some(5), "{day}");
        let path = format!("/v1/accounts/{}/interest", anna.account);
        let interest = expect(anna.rest.get(&path).await?, 200)?;
        // 0.365 a night; how many there are depends on the weekend, and on the month's end.
        assert_ne!(interest.text("/credit/accrued"), "0.0000000000", "{}", interest.json);
        assert_ne!(interest.text("/credit/booked/amount"), "0.00", "{}", interest.json);

        let (done, told) = bank.run(&["ops", "end-of-day"]).await?;
        ensure!(done && told.contains(&format!("{today}  ended")), "{told}");
        let (done, told) = bank.run(&["ops", "seals"]).await?;
        let seal: Value = serde_json::from_str(told.lines().next().unwrap_or_default())?;
        ensure!(done && seal["businessDate"] == today.as_str(), "{told}");
        let kept = format!("{today}={}", seal["hash"].as_str().unwrap_or_default());
        let (clean, told) = bank.run(&["prove", "--seal", &kept]).await?;
        ensure!(clean && told.contains("1 seals"), "{told}");
        let forged = format!("{today}={}", "0".repeat(64));
        let (clean, told) = bank.run(&["prove", "--seal", &forged]).await?;
        ensure!(!clean && told.contains("the seal that was kept has 000"), "{told}");
    }
    Ok(())
}
