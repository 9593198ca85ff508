//! Fees of transfers and withdrawals: quoted, charged with the payment, earned by the bank.

use anyhow::Result;
use florin_testkit::{Bank, Rest};
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder, posted, transfer};

fn eur(amount: &str) -> Value {
    json!({"currency": "EUR", "amount": amount})
}

/// A schedule with all that one can have, from the open business date on, and one for cash.
async fn set_schedules(staff: &Rest) -> Result<()> {
    let answer = expect(staff.get("/v1/ledger/businessDate").await?, 200)?;
    let today = answer.text("/businessDate").to_owned();
    let schedule = |event: &str, tiers: Value, minimum: &str, maximum: Value| {
        json!({"schedule": {
            "product": "current", "currency": "EUR", "event": event, "validFrom": today,
            "tiers": tiers, "minimum": eur(minimum), "maximum": maximum,
        }})
    };
    let tiers = json!([
        {"from": eur("0.00"), "flat": eur("0.30")},
        {"from": eur("100.00"), "ratePercent": "0.5"},
        {"from": eur("1000.00"), "flat": eur("1.00"), "ratePercent": "0.25"},
        {"from": eur("5000.00"), "ratePercent": "0.001"},
        {"from": eur("6000.00"), "ratePercent": "1"},
    ]);
    let path = "/v1/ledger/feeSchedules";
    let body = schedule("FEE_EVENT_TRANSFER", tiers, "0.20", eur("9.00"));
    expect(staff.post(path, "fee-transfer", &body).await?, 201)?;
    let cash = json!([{"from": eur("0.00"), "flat": eur("2.00")}]);
    let body = schedule("FEE_EVENT_WITHDRAWAL", cash, "0.00", Value::Null);
    expect(staff.post(path, "fee-cash", &body).await?, 201)?;
    Ok(())
}

/// What each amount costs by it: flat, percent rounded half to even, both, the minimum, the maximum.
const TABLE: [(&str, &str); 8] = [
    ("0.01", "0.30"),
    ("99.99", "0.30"),
    ("100.00", "0.50"),
    ("101.00", "0.50"),
    ("103.00", "0.52"),
    ("1000.00", "3.50"),
    ("5000.00", "0.20"),
    ("6000.00", "9.00"),
];

fn cents(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    whole.parse::<i64>().unwrap_or(0) * 100 + part.parse::<i64>().unwrap_or(0)
}

async fn pay(from: &Holder, to: &Holder, key: &str, amount: &str) -> Result<Value> {
    let body = transfer(&from.account, &to.account, amount);
    let answer = from.rest.post_and_wait("/v1/transfers", key, &body).await?;
    Ok(expect(answer, 202)?.json)
}

async fn income(staff: &Rest) -> Result<i64> {
    let answer = expect(staff.get("/v1/ledger/trialBalance").await?, 200)?;
    let rows = answer.json["rows"].as_array().cloned().unwrap_or_default();
    let row = rows.iter().find(|row| row["code"] == "4010");
    Ok(row.map_or(0, |row| cents(row["net"]["amount"].as_str().unwrap_or_default())))
}

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    set_schedules(&staff).await?;
    let anna = holder(bank, &staff, "Anna", Some("20000.00")).await?;
    let boris = holder(bank, &staff, "Boris", None).await?;
    let (mut left, mut earned) = (2_000_000, 0);
    for (at, (amount, fee)) in TABLE.into_iter().enumerate() {
        let ask = json!({"from": anna.account, "amount": amount, "currency": "EUR"});
        let path = "/v1/transfers:quote";
        let quoted = expect(anna.rest.post(path, &format!("q{at}"), &ask).await?, 200)?;
        assert_eq!(quoted.text("/fee/amount"), fee, "{amount}");
        assert_eq!(cents(quoted.text("/total/amount")), cents(amount) + cents(fee));
        let paid = pay(&anna, &boris, &format!("p{at}"), amount).await?;
        assert_eq!(paid["status"], "TRANSFER_STATUS_COMPLETED", "{paid}");
        assert_eq!(paid["transfer"]["fee"]["amount"], fee, "{paid}");
        left -= cents(amount) + cents(fee);
        earned += cents(fee);
        assert_eq!(cents(&posted(&anna.rest, &anna.account).await?), left, "{amount}");
    }
    assert_eq!(income(&staff).await?, earned);

    // Who is paid sees no fee.
    let path = format!("/v1/transfers?accountId={}", boris.account);
    let seen = expect(boris.rest.get(&path).await?, 200)?;
    let transfers = seen.json["transfers"].as_array().cloned().unwrap_or_default();
    assert_eq!(transfers.len(), TABLE.len());
    assert!(transfers.iter().all(|one| one.get("fee").is_none_or(Value::is_null)), "{}", seen.json);

    // Cash costs by its own schedule.
    let cash = json!({"from": anna.account, "amount": "50.00", "currency": "EUR"});
    let paid = expect(staff.post_and_wait("/v1/withdrawals", "cash", &cash).await?, 202)?;
    assert_eq!(paid.text("/transfer/fee/amount"), "2.00", "{}", paid.json);
    left -= 5_200;
    earned += 200;

    // Funds for the amount alone do not do.
    let all = format!("{}.{:02}", left / 100, left % 100);
    let failed = pay(&anna, &boris, "all", &all).await?;
    assert_eq!(failed["transfer"]["failure"]["reason"], "INSUFFICIENT_FUNDS", "{failed}");
    assert_eq!(cents(&posted(&anna.rest, &anna.account).await?), left);

    // A reversal gives the fee back, a refund does not.
    let paid = pay(&anna, &boris, "undone", "200.00").await?;
    let path = format!("/v1/transfers/{}:reverse", paid["transferId"].as_str().unwrap_or_default());
    let undone = expect(staff.post_and_wait(&path, "undo", &json!({})).await?, 202)?;
    assert_eq!(undone.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", undone.json);
    assert_eq!(undone.text("/transfer/fee/amount"), "1.00");
    assert_eq!(cents(&posted(&anna.rest, &anna.account).await?), left);
    assert_eq!(income(&staff).await?, earned);
    let paid = pay(&anna, &boris, "refunded", "200.00").await?;
    let path = format!("/v1/transfers/{}:refund", paid["transferId"].as_str().unwrap_or_default());
    let back = json!({"amount": "200.00", "currency": "EUR"});
    let back = expect(boris.rest.post_and_wait(&path, "back", &back).await?, 202)?;
    assert_eq!(back.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", back.json);
    assert_eq!(cents(&posted(&anna.rest, &anna.account).await?), left - 100);
    assert_eq!(income(&staff).await?, earned + 100);
    bank.prove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_charged_what_was_quoted_in_one_journal_transaction() -> Result<()> {
    for bank in Bank::each().await? {
        tell(&bank).await?;
    }
    Ok(())
}
