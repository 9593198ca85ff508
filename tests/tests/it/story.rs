//! The whole story: registered, verified, given an account, paid in, paid out.

use anyhow::Result;
use florin_testkit::Bank;
use serde_json::json;

use crate::world::{expect, holder, posted, transfer};

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    let boris = holder(bank, &staff, "Boris", None).await?;

    // On-us by IBAN, waited for.
    let body = transfer(&anna.account, &boris.iban, "40.25");
    let paid = anna.rest.post_and_wait("/v1/transfers", "rent-1", &body).await?;
    let paid = expect(paid, 202)?;
    assert_eq!(paid.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", paid.json);
    let id = paid.text("/transferId");
    let shown = expect(anna.rest.get(&format!("/v1/transfers/{id}")).await?, 200)?;
    assert_eq!(shown.text("/transfer/screening"), "SCREENING_NOT_SCREENED");
    let steps: Vec<String> = (0..3)
        .map(|at| {
            shown
                .text(&format!("/transfer/steps/{at}/status"))
                .trim_start_matches("TRANSFER_STATUS_")
                .to_owned()
        })
        .collect();
    assert_eq!(steps, ["PROCESSING", "POSTING", "COMPLETED"], "{}", shown.json);
    assert_eq!(posted(&anna.rest, &anna.account).await?, "59.75");
    assert_eq!(posted(&boris.rest, &boris.account).await?, "40.25");

    // Too much: FAILED with the reason, and nothing moves.
    let body = transfer(&anna.account, &boris.account, "59.76");
    let failed = anna.rest.post_and_wait("/v1/transfers", "rent-2", &body).await?;
    let failed = expect(failed, 202)?;
    assert_eq!(failed.text("/status"), "TRANSFER_STATUS_FAILED", "{}", failed.json);
    assert_eq!(failed.text("/transfer/failure/reason"), "INSUFFICIENT_FUNDS");
    assert_eq!(posted(&anna.rest, &anna.account).await?, "59.75");

    // The history shows it, with the position of the write.
    let position = shown.text("/transfer/position");
    assert!(!position.is_empty(), "{}", shown.json);
    let query = format!(
        "/v1/transactions?accountId={}&kind=transfer&text=ren&positions={position}",
        boris.account
    );
    let mut history = boris.rest.get(&query).await?;
    for _ in 0..30 {
        // A read side that is behind says so after two seconds.
        if history.text("/reason") != "READ_SIDE_BEHIND" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        history = boris.rest.get(&query).await?;
    }
    let history = expect(history, 200)?;
    assert_eq!(history.text("/entries/0/amount/amount"), "40.25", "{}", history.json);
    assert_eq!(history.text("/entries/0/direction"), "DIRECTION_CREDIT");
    assert_eq!(history.json["entries"].as_array().map(Vec::len), Some(1));

    frozen_and_closed(&staff, &anna, &boris).await?;
    bank.prove().await
}

async fn frozen_and_closed(
    staff: &florin_testkit::Rest,
    anna: &crate::world::Holder,
    boris: &crate::world::Holder,
) -> Result<()> {
    let path = |what: &str| format!("/v1/accounts/{}:{what}", boris.account);
    let why = json!({"reason": "court order"});
    expect(staff.post(&path("freeze"), "freeze-1", &why).await?, 200)?;
    let body = transfer(&anna.account, &boris.account, "1.00");
    let failed = anna.rest.post_and_wait("/v1/transfers", "rent-3", &body).await?;
    assert_eq!(failed.text("/transfer/failure/reason"), "ACCOUNT_FROZEN", "{}", failed.json);
    expect(staff.post(&path("unfreeze"), "unfreeze-1", &why).await?, 200)?;

    let refused = staff.post(&path("close"), "close-1", &why).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "ACCOUNT_NOT_EMPTY");
    let out = json!({"from": boris.account, "amount": "40.25", "currency": "EUR"});
    let paid = staff.post_and_wait("/v1/withdrawals", "withdraw-1", &out).await?;
    assert_eq!(paid.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", paid.json);
    expect(staff.post(&path("close"), "close-2", &why).await?, 200)?;
    let body = transfer(&anna.account, &boris.account, "1.00");
    let failed = anna.rest.post_and_wait("/v1/transfers", "rent-4", &body).await?;
    assert_eq!(failed.text("/transfer/failure/reason"), "ACCOUNT_CLOSED", "{}", failed.json);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_registered_paid_in_and_pays_embedded() -> Result<()> {
    tell(&Bank::embedded().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_registered_paid_in_and_pays_distributed() -> Result<()> {
    match Bank::distributed().await? {
        Some(bank) => tell(&bank).await,
        None => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_goes_on_where_the_first_stopped() -> Result<()> {
    let mut bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("12.34")).await?;
    assert_eq!(bank.stop("up").await?, Some(0), "{}", bank.log("up"));
    bank.start("up").await?;
    let again = bank.rest_as(Some(&anna.customer)).await?;
    assert_eq!(posted(&again, &anna.account).await?, "12.34");
    bank.prove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_chart_or_the_business_date_says_who_made_it() -> Result<()> {
    use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
    let mut bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let gl = json!({"code": "1200.AB", "name": "Nostro AB", "class": "GL_CLASS_ASSET"});
    expect(staff.post("/v1/ledger/glAccounts", "gl-1", &gl).await?, 201)?;
    // The same again under another key is the first; with other content it is refused.
    expect(staff.post("/v1/ledger/glAccounts", "gl-2", &gl).await?, 201)?;
    let other = json!({"code": "1200.AB", "name": "Other", "class": "GL_CLASS_ASSET"});
    let refused = expect(staff.post("/v1/ledger/glAccounts", "gl-3", &other).await?, 409)?;
    assert_eq!(refused.text("/reason"), "GL_ACCOUNT_EXISTS");

    let today = expect(staff.get("/v1/ledger/businessDate").await?, 200)?;
    let closing = today.text("/businessDate").to_owned();
    let tomorrow = closing.parse::<florin_kernel::Date>()?.tomorrow()?;
    let (opening, other) = (tomorrow.to_string(), tomorrow.tomorrow()?.to_string());
    let advance = json!({"closing": closing, "opening": opening});
    let path = "/v1/ledger/businessDate:advance";
    for key in ["day-1", "day-2"] {
        let opened = expect(staff.post(path, key, &advance).await?, 200)?;
        assert_eq!(opened.text("/businessDate"), opening);
    }
    let stale = json!({"closing": closing, "opening": other});
    let refused = expect(staff.post(path, "day-3", &stale).await?, 409)?;
    assert_eq!(refused.text("/reason"), "BUSINESS_DATE_STALE");
    let typo = json!({"closing": opening, "opening": "2999-01-01"});
    let refused = expect(staff.post(path, "day-5", &typo).await?, 400)?;
    assert_eq!(refused.text("/errors/0/rule"), "OUT_OF_RANGE");

    bank.stop("up").await?;
    let file = bank.data().join("account.db");
    let database = Database::connect(format!("sqlite:{}", file.display())).await?;
    let query = "SELECT actor, reference FROM audit ORDER BY position";
    let query = Statement::from_string(DbBackend::Sqlite, query);
    let mut references = Vec::new();
    for row in database.query_all_raw(query).await? {
        let actor: String = row.try_get("", "actor")?;
        assert!(actor.contains("demo"), "{actor}");
        references.push(row.try_get::<String>("", "reference")?);
    }
    // Once each: a repeat changes nothing.
    assert_eq!(references, ["1200.AB".to_owned(), format!("business_date/{closing}")]);
    Ok(())
}
