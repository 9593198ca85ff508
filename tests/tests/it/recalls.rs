//! Recalls between banks, through the gateway and the simulated network.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use florin_testkit::{Bank, Rest};
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder, posted, transfer};

/// An account of a bank that the network reaches.
const OTHER: &str = "CZ6508000000192000145399";
/// How long a machine that is shared by many may take to what comes without anybody's doing.
const LONGEST: Duration = Duration::from_secs(180);

/// Asks again until the answer is the one that is waited for.
async fn until<T: std::fmt::Debug>(
    what: &str,
    ask: impl AsyncFn() -> Result<T>,
    is: impl Fn(&T) -> bool,
) -> Result<T> {
    let end = Instant::now() + LONGEST;
    loop {
        let found = ask().await?;
        if is(&found) {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("waited for {what}, and have {found:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn balance_is(who: &Holder, amount: &str) -> Result<()> {
    let balance = async || posted(&who.rest, &who.account).await;
    until(amount, balance, |found| found == amount).await.map(drop)
}

/// A second person of the bank, beside the one of the client.
async fn colleague(bank: &Bank) -> Result<Rest> {
    let rest = bank.rest()?;
    // The development issuer takes the person from the form.
    let token = rest.token("demo&subject=ian", None).await?;
    Ok(rest.with_bearer(&token))
}

/// The recall of a case, once it is there in that state.
async fn recall(staff: &Rest, case: &str, status: &str) -> Result<Value> {
    let ask = async || {
        let answer = expect(staff.get("/v1/recalls?pageSize=200").await?, 200)?;
        let recalls = answer.json["recalls"].as_array().cloned().unwrap_or_default();
        Ok(recalls.into_iter().find(|one| one["caseId"] == case).unwrap_or(Value::Null))
    };
    let status = format!("RECALL_STATUS_{status}");
    until(&status, ask, |one| one["status"] == status.as_str()).await
}

/// What the network has of answers to its recalls: case and code.
async fn answered(bank: &Bank, case: &str) -> Result<String> {
    let ask = async || {
        let state = bank.network("GET", "state", &Value::Null).await?;
        let answers = state["recall_answers"].as_array().cloned().unwrap_or_default();
        let found = answers.into_iter().find(|one| one["case"] == case);
        Ok(found.map(|one| one["code"].as_str().unwrap_or_default().to_owned()))
    };
    Ok(until("an answer", ask, Option::is_some).await?.unwrap_or_default())
}

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    another_bank_asks(bank, &staff, &anna).await?;
    we_ask(bank, &staff, &anna).await?;
    let (_, said) = bank.run(&["ops", "recalls", "list"]).await?;
    ensure!(said.lines().any(|line| line == "0 recalls"), "{said}");
    bank.prove().await?;
    the_network_tells_of_a_cycle(bank).await
}

/// What the network says of our money is what our books say; what it settles and tells nobody is
/// found by its report, and named.
async fn the_network_tells_of_a_cycle(bank: &Bank) -> Result<()> {
    let close = async || bank.network("POST", "cycles/close", &Value::Null).await;
    let compare = async || bank.run(&["ops", "clearing", "reconcile"]).await;
    close().await?;
    let equal = |found: &(bool, String)| found.0 && found.1.contains("  closing ");
    until("a comparison", compare, equal).await?;
    bank.prove().await?;
    let uetr = "8a562c67-ca16-48ba-b074-65581be6f011";
    let unseen = json!({"amount": "4.00", "currency": "EUR", "takes": true, "uetr": uetr});
    bank.network("POST", "settlements", &unseen).await?;
    close().await?;
    let named = |found: &(bool, String)| {
        !found.0 && found.1.contains(&format!("NOT_BOOKED  debit  4.00 EUR  uetr {uetr}"))
    };
    let (_, said) = until("the difference", compare, named).await?;
    ensure!(said.lines().any(|line| line == "1 differences"), "{said}");
    let (clean, proof) = bank.run(&["prove"]).await?;
    ensure!(!clean && proof.contains(uetr), "{proof}");
    Ok(())
}

async fn another_bank_asks(bank: &Bank, staff: &Rest, anna: &Holder) -> Result<()> {
    let credit = json!({"iban": anna.iban, "amount": "20.00", "currency": "EUR"});
    let sent = bank.network("POST", "credits", &credit).await?;
    balance_is(anna, "120.00").await?;
    let ask = |case: &str| json!({"uetr": sent["uetr"], "code": "DUPL", "case": case, "copies": 2});
    bank.network("POST", "recalls", &ask("case-1")).await?;
    let found = recall(staff, "case-1", "WAITING").await?;
    assert_eq!(found["accountId"], anna.account.as_str(), "{found}");
    let id = found["recallId"].as_str().unwrap_or_default().to_owned();
    let (_, said) = bank.run(&["ops", "recalls", "list"]).await?;
    ensure!(said.contains(&id) && said.contains("decide by"), "{said}");

    // One person proposes, and moves nothing; another has the money sent back.
    let path = format!("/v1/recalls/{id}:decide");
    let accept = json!({"decision": "RECALL_DECISION_ACCEPT", "reason": "she agrees"});
    let first = expect(staff.post(&path, "accept-1", &accept).await?, 200)?;
    assert_eq!(first.json["recall"]["proposed"], true, "{}", first.json);
    let again = expect(staff.post(&path, "accept-2", &accept).await?, 409)?;
    assert_eq!(again.text("/reason"), "OWN_PROPOSAL");
    let customers = anna.rest.post(&path, "accept-3", &accept).await?;
    assert_eq!(customers.status, 403, "{}", customers.json);
    let second = colleague(bank).await?;
    expect(second.post(&path, "accept-4", &accept).await?, 200)?;
    recall(staff, "case-1", "ACCEPTED").await?;
    balance_is(anna, "100.00").await?;

    // Asked for again it is back already; and what never came cannot go back.
    bank.network("POST", "recalls", &ask("case-2")).await?;
    recall(staff, "case-2", "REJECTED").await?;
    assert_eq!(answered(bank, "case-2").await?, "ARDT");
    // Another payment, whose customer does not agree.
    let sent = bank.network("POST", "credits", &credit).await?;
    balance_is(anna, "120.00").await?;
    let ask = json!({"uetr": sent["uetr"], "code": "CUST", "case": "case-3"});
    bank.network("POST", "recalls", &ask).await?;
    let found = recall(staff, "case-3", "WAITING").await?;
    let id = found["recallId"].as_str().unwrap_or_default();
    let path = format!("/v1/recalls/{id}:decide");
    let reject = json!({"decision": "RECALL_DECISION_REJECT_CUSTOMER", "reason": "she does not"});
    expect(staff.post(&path, "reject-1", &reject).await?, 200)?;
    recall(staff, "case-3", "REJECTED").await?;
    assert_eq!(answered(bank, "case-3").await?, "CUST");
    assert_eq!(posted(&anna.rest, &anna.account).await?, "120.00");
    Ok(())
}

async fn we_ask(bank: &Bank, staff: &Rest, anna: &Holder) -> Result<()> {
    let rule = |action: Value| async move {
        bank.network("POST", "recalls/rules", &action).await.map(drop)
    };
    rule(json!({"action": "reject", "code": "NOAS", "times": 1})).await?;
    rule(json!({"action": "return", "times": 1})).await?;
    let body = transfer(&anna.account, OTHER, "10.00");
    let paid = anna.rest.post_and_wait("/v1/transfers", "out-1", &body).await?;
    let id = expect(paid, 202)?.text("/transferId").to_owned();
    let path = format!("/v1/transfers/{id}");
    let shown = async || Ok(expect(anna.rest.get(&path).await?, 200)?.json);
    let completed = "TRANSFER_STATUS_COMPLETED";
    until(completed, shown, |one| one["transfer"]["status"] == completed).await?;

    let path = format!("/v1/transfers/{id}:recall");
    let wish = json!({"reason": "RECALL_REASON_DUPLICATE", "text": "sent twice"});
    let asked = expect(anna.rest.post(&path, "recall-1", &wish).await?, 202)?;
    let case = asked.text("/recall/caseId").to_owned();
    let ended = recall(staff, &case, "REJECTED").await?;
    assert_eq!(ended["answer"], "NOAS", "{ended}");
    assert_eq!(posted(&anna.rest, &anna.account).await?, "110.00");

    let asked = expect(anna.rest.post(&path, "recall-2", &wish).await?, 202)?;
    let case = asked.text("/recall/caseId").to_owned();
    recall(staff, &case, "ACCEPTED").await?;
    balance_is(anna, "120.00").await?;
    let own = format!("/v1/recalls/{}", asked.text("/recall/recallId"));
    let seen = expect(anna.rest.get(&own).await?, 200)?;
    assert_eq!(seen.text("/recall/answer"), "FOCR", "{}", seen.json);
    let refused = expect(anna.rest.post(&path, "recall-3", &wish).await?, 409)?;
    assert_eq!(refused.text("/reason"), "TRANSFER_NOT_RECALLABLE");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn banks_ask_each_other_back_what_they_have_paid_embedded() -> Result<()> {
    tell(&Bank::embedded().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn banks_ask_each_other_back_what_they_have_paid_distributed() -> Result<()> {
    match Bank::distributed().await? {
        Some(bank) => tell(&bank).await,
        None => Ok(()),
    }
}
