//! Returns in both directions, each of another sort, and then the proof and the report of the
//! cycle: what the network says of our money is what the nostro account says.

use anyhow::Result;
use florin_testkit::Bank;
use serde_json::{Value, json};

use super::{OTHER, STUCK, at_network, comes_to, gl, is, known, money, pay, rule, until};
use crate::world::{Holder, expect, holder, posted};

/// The other bank sends back what went out as `amount`, or so much of it.
async fn back(bank: &Bank, amount: &str, part: &Value) -> Result<()> {
    let mut order = json!({"uetr": known(bank, amount).await?["uetr"], "code": "AC04"});
    if let (Some(order), Some(part)) = (order.as_object_mut(), part.as_object()) {
        order.extend(part.clone());
    }
    bank.network("POST", "returns", &order).await.map(drop)
}

async fn returned(anna: &Holder, id: &str) -> Result<Value> {
    let answer = expect(anna.rest.get(&format!("/v1/transfers/{id}")).await?, 200)?;
    Ok(answer.json["transfer"]["returned"].clone())
}

/// Waits until so many lines of what waits have that word.
async fn waiting(bank: &Bank, word: &str, wanted: usize) -> Result<()> {
    let count = async || {
        let said = bank.run(&STUCK).await?.1;
        Ok(said.lines().filter(|line| line.contains(word)).count())
    };
    until(word, count, |found| *found == wanted).await.map(drop)
}

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    comes_back(bank, &anna).await?;
    goes_back(bank, &staff).await?;
    bank.network("POST", "cycles/close", &Value::Null).await?;
    let equal = async || Ok(bank.run(&["ops", "clearing", "reconcile"]).await?);
    let is_equal = |(clean, said): &(bool, String)| *clean && said.matches("closing").count() == 2;
    until("the nostro to be equal in both currencies", equal, is_equal).await?;
    let ours = florin_kernel::Money::parse("EUR", &gl(&staff, "1200").await?)?;
    assert_eq!(-ours.minor(), at_network(bank).await?, "the nostro and the network");
    bank.prove().await
}

/// A part, another part, more than went out, another currency, and before the answer.
async fn comes_back(bank: &Bank, anna: &Holder) -> Result<()> {
    let mut ids = Vec::new();
    for amount in ["10.00", "11.00", "12.00"] {
        let id = pay(anna, amount, amount).await?;
        comes_to(&anna.rest, &id, "COMPLETED").await?;
        ids.push(id);
    }
    assert_eq!(posted(&anna.rest, &anna.account).await?, "67.00");
    back(bank, "10.00", &json!({"amount": "4.00", "copies": 2})).await?;
    let balance = async || posted(&anna.rest, &anna.account).await;
    until("the part", balance, |posted| posted == "71.00").await?;
    let told = returned(anna, &ids[0]).await?;
    assert_eq!((&told["amount"]["amount"], &told["code"]), (&json!("4.00"), &json!("AC04")));
    assert!(told["at"].is_string(), "{told}");
    // Its history tells what it was, and to whom it had gone.
    let path = format!("/v1/transactions?accountId={}", anna.account);
    let history = async || Ok(expect(anna.rest.get(&path).await?, 200)?.json.to_string());
    let of_return = |said: &String| said.contains("Returned AC04") && said.contains(OTHER);
    until("the return in the history", history, of_return).await?;

    back(bank, "10.00", &json!({"amount": "4.00", "code": "MD06"})).await?;
    back(bank, "11.00", &json!({"amount": "11.01"})).await?;
    back(bank, "12.00", &json!({"currency": "CZK"})).await?;
    waiting(bank, "KEPT", 3).await?;
    for id in &ids[1..] {
        assert_eq!(returned(anna, id).await?, Value::Null);
    }
    assert_eq!(posted(&anna.rest, &anna.account).await?, "71.00", "nobody has any of it");

    rule(bank, "late", "7.00").await?;
    let late = pay(anna, "late", "7.00").await?;
    until("the bytes", async || known(bank, "7.00").await, |one| !one.is_null()).await?;
    back(bank, "7.00", &json!({})).await?;
    waiting(bank, "RECEIVED", 1).await?;
    assert_eq!(money(&anna.rest, &anna.account).await?, is("71.00", "7.00"));
    bank.network("POST", "answers/release", &Value::Null).await?;
    let told = async || returned(anna, &late).await;
    until("the return after the answer", told, |told| !told.is_null()).await?;
    assert_eq!(money(&anna.rest, &anna.account).await?, is("71.00", "0.00"));
    Ok(())
}

/// The bank's own return of what it could credit to nobody: rejected, lost, and answered late.
async fn goes_back(bank: &Bank, staff: &florin_testkit::Rest) -> Result<()> {
    let ours = florin_kernel::BankIdentity::new("CZ", "8899")?;
    let nobody = (900_000..).find_map(|serial| ours.issue(serial).ok().flatten());
    let nobody = nobody.map(|iban| iban.to_string()).unwrap_or_default();
    for (amount, action) in [
        ("3.00", json!({"action": "reject", "code": "AC04"})),
        ("4.50", json!({"action": "lose"})),
        ("5.50", json!({"action": "silent"})),
    ] {
        let mut rule = json!({"of": "pacs.004", "amount": amount, "times": 1});
        if let (Some(rule), Some(action)) = (rule.as_object_mut(), action.as_object()) {
            rule.extend(action.clone());
        }
        bank.network("POST", "rules", &rule).await?;
        let credit = json!({"iban": nobody, "amount": amount, "currency": "EUR"});
        bank.network("POST", "credits", &credit).await?;
    }
    waiting(bank, "KEPT", 4).await?;
    until("the lost return", async || known(bank, "4.50").await, |one| !one.is_null()).await?;
    until("the silent one", async || known(bank, "5.50").await, |one| !one.is_null()).await?;
    waiting(bank, "RETURNING", 1).await?;
    bank.network("POST", "answers/release", &Value::Null).await?;
    waiting(bank, "RETURNING", 0).await?;
    // The second part, what was too much, and what was rejected.
    let suspense = async || gl(staff, "9010").await;
    until("the suspense", suspense, |owed| owed == "18.01").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn returns_of_every_sort_end_where_the_network_says_embedded() -> Result<()> {
    tell(&Bank::embedded().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn returns_of_every_sort_end_where_the_network_says_distributed() -> Result<()> {
    match Bank::distributed().await? {
        Some(bank) => tell(&bank).await,
        None => Ok(()),
    }
}
