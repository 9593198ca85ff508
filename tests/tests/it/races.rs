//! Transfers, withdrawals, freezing and closing, limits, refunds, reversals and orders, at once:
//! the same key twice, two conflicting changes, two keys for the same effect. The ledger's own
//! commands and holds are raced in `ledger_desk`.

mod given_back;

use anyhow::Result;
use florin_testkit::Bank;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{Holder, expect, holder, posted, transfer};

async fn race(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("10.00")).await?;
    let boris = holder(bank, &staff, "Boris", None).await?;
    overspending(&anna, &boris).await?;
    withdrawals(&staff).await?;
    freeze_and_close(bank, &staff).await?;
    close_and_deposit(bank, &staff).await?;
    given_back::race(bank, &staff).await?;
    bank.prove().await
}

/// Twenty transfers of 1.00 from 10.00: ten pass, whatever the order.
async fn overspending(anna: &Holder, boris: &Holder) -> Result<()> {
    let body = transfer(&anna.account, &boris.account, "1.00");
    let keys: Vec<String> = (0..20).map(|at| format!("spend-{at}")).collect();
    let calls = keys.iter().map(|key| anna.rest.post_and_wait("/v1/transfers", key, &body));
    let mut completed = 0;
    for answer in join_all(calls).await {
        let answer = expect(answer?, 202)?;
        match answer.text("/status") {
            "TRANSFER_STATUS_COMPLETED" => completed += 1,
            "TRANSFER_STATUS_FAILED" => {
                assert_eq!(answer.text("/transfer/failure/reason"), "INSUFFICIENT_FUNDS");
            }
            other => panic!("{other}: {}", answer.json),
        }
    }
    assert_eq!(completed, 10);
    assert_eq!(posted(&anna.rest, &anna.account).await?, "0.00");
    assert_eq!(posted(&boris.rest, &boris.account).await?, "10.00");
    Ok(())
}

/// The same withdrawal under one key ten times at once is one withdrawal.
async fn withdrawals(staff: &florin_testkit::Rest) -> Result<()> {
    let register = crate::world::person("Cyril");
    let answer = staff.post("/v1/customers", "cyril", &register).await?;
    let customer = expect(answer, 201)?.text("/customer/customerId").to_owned();
    let path = format!("/v1/customers/{customer}:decideKyc");
    expect(staff.post(&path, "cyril-v", &json!({"status": "KYC_STATUS_VERIFIED"})).await?, 200)?;
    let open = json!({"customerId": customer, "product": "current", "currency": "EUR"});
    let answer = expect(staff.post("/v1/accounts", "cyril-o", &open).await?, 201)?;
    let account = answer.text("/account/accountId").to_owned();
    let deposit = json!({"to": account, "amount": "50.00", "currency": "EUR"});
    expect(staff.post_and_wait("/v1/deposits", "cyril-d", &deposit).await?, 202)?;
    let out = json!({"from": account, "amount": "20.00", "currency": "EUR"});
    let calls = (0..10).map(|_| staff.post_and_wait("/v1/withdrawals", "cyril-w", &out));
    for answer in join_all(calls).await {
        let answer = answer?;
        assert!(matches!(answer.status, 202 | 409), "{}", answer.json);
    }
    assert_eq!(posted(staff, &account).await?, "30.00");
    Ok(())
}

/// A freeze that races a close never brings a closed account back.
async fn freeze_and_close(bank: &Bank, staff: &florin_testkit::Rest) -> Result<()> {
    for round in 0..5 {
        let name = format!("Dana{round}");
        let dana = holder(bank, staff, &name, None).await?;
        let why = json!({"reason": "race"});
        let path = |what: &str| format!("/v1/accounts/{}:{what}", dana.account);
        let (freeze, close) = (path("freeze"), path("close"));
        let keys = [format!("{name}-f"), format!("{name}-c")];
        let (frozen, closed) =
            tokio::join!(staff.post(&freeze, &keys[0], &why), staff.post(&close, &keys[1], &why));
        let pair = (frozen?.status, closed?.status);
        let shown = staff.get(&format!("/v1/accounts/{}", dana.account)).await?;
        let status = shown.text("/account/status");
        let consistent = match pair {
            (200, 409) => status == "ACCOUNT_STATUS_FROZEN",
            (409, 200) => status == "ACCOUNT_STATUS_CLOSED",
            _ => false,
        };
        assert!(consistent, "{pair:?} {status}");
    }
    Ok(())
}

/// A deposit that races a close: either the money is there and the account open, or the
/// account is closed and the deposit failed.
async fn close_and_deposit(bank: &Bank, staff: &florin_testkit::Rest) -> Result<()> {
    for round in 0..5 {
        let name = format!("Eva{round}");
        let eva = holder(bank, staff, &name, None).await?;
        let close = format!("/v1/accounts/{}:close", eva.account);
        let deposit = json!({"to": eva.account, "amount": "1.00", "currency": "EUR"});
        let why = json!({"reason": "race"});
        let keys = [format!("{name}-c"), format!("{name}-d")];
        let (closed, paid) = tokio::join!(
            staff.post(&close, &keys[0], &why),
            staff.post_and_wait("/v1/deposits", &keys[1], &deposit)
        );
        let (closed, paid) = (closed?.status, paid?);
        let balance = posted(staff, &eva.account).await?;
        match (closed, paid.text("/status")) {
            (200, "TRANSFER_STATUS_FAILED") => assert_eq!(balance, "0.00"),
            (409, "TRANSFER_STATUS_COMPLETED") => assert_eq!(balance, "1.00"),
            other => panic!("{other:?}: {}", paid.json),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn races_end_in_one_consistent_state_embedded() -> Result<()> {
    race(&Bank::embedded().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn races_end_in_one_consistent_state_distributed() -> Result<()> {
    match Bank::distributed().await? {
        Some(bank) => race(&bank).await,
        None => Ok(()),
    }
}
