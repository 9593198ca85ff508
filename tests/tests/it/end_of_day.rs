//! A business date is closed, and the bank ends it by itself: interest, fees and the seal.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use florin_kernel::parse_date;
use florin_testkit::{Bank, Rest};
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder};

/// How long a business date may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(120);

/// The closed business date, once it has ended.
pub async fn ended(staff: &Rest, closed: &str) -> Result<Value> {
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
        ensure!(told.contains("payment orders"), "{told}");
        let (done, told) = bank.run(&["ops", "seals"]).await?;
        let seal: Value = serde_json::from_str(told.lines().next().unwrap_or_default())?;
        ensure!(done && seal["businessDate"] == today.as_str(), "{told}");
        let kept = format!("{today}={}", seal["hash"].as_str().unwrap_or_default());
        let (clean, told) = bank.run(&["prove", "--seal", &kept]).await?;
        ensure!(clean && told.contains("1 seals"), "{told}");
        let forged = format!("{today}={}", "0".repeat(64));
        let (clean, told) = bank.run(&["prove", "--seal", &forged]).await?;
        ensure!(!clean && told.contains("the seal that was kept has 000"), "{told}");
        stated(&bank, &staff, &anna).await?;
    }
    Ok(())
}

/// Closes business dates until the month of the open one has ended; its last day.
async fn end_the_month(staff: &Rest) -> Result<String> {
    let answer = expect(staff.get("/v1/ledger/businessDate").await?, 200)?;
    let mut date = parse_date(answer.text("/businessDate"))?;
    let (last, next_month) = (date.last_of_month(), date.last_of_month().tomorrow()?);
    while date < next_month {
        // One may be at most ten days after the one before it.
        let mut opening = date;
        for _ in 0..10 {
            opening = opening.tomorrow()?.min(next_month);
        }
        let advance = json!({"closing": date.to_string(), "opening": opening.to_string()});
        let key = format!("close-{date}");
        expect(staff.post("/v1/ledger/businessDate:advance", &key, &advance).await?, 200)?;
        ended(staff, &date.to_string()).await?;
        date = opening;
    }
    Ok(last.to_string())
}

/// The holder reads the statement of the month, and nobody else does.
async fn stated(bank: &Bank, staff: &Rest, anna: &Holder) -> Result<()> {
    let last = end_the_month(staff).await?;
    let path = format!("/v1/accounts/{}/statements", anna.account);
    let listed = expect(anna.rest.get(&path).await?, 200)?;
    let newest = listed.json["statements"][0].clone();
    assert_eq!(newest["through"], last.as_str(), "{}", listed.json);
    let one = expect(anna.rest.get(&format!("{path}/{last}")).await?, 200)?;
    assert_eq!(one.json["statement"], newest);
    let entries = expect(anna.rest.get(&format!("{path}/{last}/entries")).await?, 200)?;
    let told = entries.json["entries"].as_array().map_or(0, Vec::len);
    assert_eq!(newest["entries"].to_string().trim_matches('"'), told.to_string(), "{newest}");
    let boris = holder(bank, staff, "Boris", None).await?;
    let refused = boris.rest.get(&format!("{path}/{last}")).await?;
    assert_eq!(expect(refused, 404)?.text("/reason"), "ACCOUNT_NOT_FOUND");
    bank.prove().await
}
