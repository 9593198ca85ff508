//! Card payments: the processor's REST, payment and the real ledger together.

use anyhow::{Result, bail};
use florin_testkit::{Answer, Bank, Rest};
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder, posted};

/// How often an authorisation is asked for until the ledger decides it: on a machine that stands
/// still the stand-in does, as it should.
const TRIES: u32 = 240;

fn asked(account: &str, reference: &str, amount: &str) -> Value {
    json!({
        "network": "visa", "reference": reference, "networkReference": "123456789012345",
        "accountId": account, "amount": amount, "currency": "EUR",
        "merchant": {"merchantId": "0001", "name": "Bookshop", "mcc": "5942", "country": "CZ"},
    })
}

/// An authorisation that the ledger has decided.
async fn authorise(staff: &Rest, of: &Holder, name: &str, amount: &str) -> Result<Answer> {
    for number in 0..TRIES {
        let reference = format!("{name}/{number}");
        let body = asked(&of.account, &reference, amount);
        let answer = expect(staff.post("/v1/authorisations", &reference, &body).await?, 200)?;
        if answer.text("/operation/decidedBy") == "AUTHORISATION_DECIDER_LEDGER" {
            return Ok(answer);
        }
        settled(staff, answer.text("/authorisation/authorisationId")).await?;
    }
    bail!("the ledger has decided none of {TRIES} authorisations in time")
}

/// The authorisation, once nothing of it is in doubt.
async fn settled(staff: &Rest, id: &str) -> Result<Answer> {
    for _ in 0..TRIES {
        let path = format!("/v1/authorisations/{id}");
        let answer = expect(staff.get(&path).await?, 200)?;
        if answer.json["authorisation"]["inDoubt"] != json!(true) {
            return Ok(answer);
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    bail!("{id} stays in doubt")
}

/// An operation, told with its end.
async fn follow(staff: &Rest, id: &str, verb: &str, body: &Value) -> Result<Answer> {
    let path = format!("/v1/authorisations/{id}:{verb}");
    for _ in 0..TRIES {
        let key = body["reference"].as_str().unwrap_or_default();
        let answer = staff.post(&path, key, body).await?;
        let busy = answer.status == 409 && answer.text("/reason") == "AUTHORISATION_BUSY";
        let pending = answer.json["operation"]["decision"] == "AUTHORISATION_DECISION_PENDING";
        if !busy && !pending {
            return Ok(answer);
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    bail!("{verb} of {id} stays pending")
}

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    let available = async || -> Result<String> {
        let path = format!("/v1/accounts/{}/balance", anna.account);
        Ok(expect(anna.rest.get(&path).await?, 200)?.text("/available/amount").to_owned())
    };

    // Held, captured in parts; the final one gives the rest back.
    let first = authorise(&staff, &anna, "first", "60.00").await?;
    assert_eq!(first.text("/operation/decision"), "AUTHORISATION_DECISION_APPROVED");
    let id = first.text("/authorisation/authorisationId").to_owned();
    assert_eq!(available().await?, "40.00");
    let part = json!({"reference": "c1", "amount": "25.00", "currency": "EUR"});
    let captured = expect(follow(&staff, &id, "capture", &part).await?, 200)?;
    assert_eq!(captured.text("/authorisation/captured/amount"), "25.00", "{}", captured.json);
    let last = json!({"reference": "c2", "amount": "5.00", "currency": "EUR", "final": true});
    expect(follow(&staff, &id, "capture", &last).await?, 200)?;
    let ended = settled(&staff, &id).await?;
    assert_eq!(ended.text("/authorisation/status"), "AUTHORISATION_STATUS_CAPTURED");
    assert_eq!(posted(&anna.rest, &anna.account).await?, "70.00");
    assert_eq!(available().await?, "70.00");

    // The same message is one message; another under its reference is refused.
    let again = expect(follow(&staff, &id, "capture", &last).await?, 200)?;
    assert_eq!(again.json["replayed"], json!(true));
    let other = json!({"reference": "c2", "amount": "6.00", "currency": "EUR", "final": true});
    let refused = expect(follow(&staff, &id, "capture", &other).await?, 409)?;
    assert_eq!(refused.text("/reason"), "REFERENCE_REUSED");

    // Reversed in part, then whole.
    let second = authorise(&staff, &anna, "second", "30.00").await?;
    let id = second.text("/authorisation/authorisationId").to_owned();
    let part = json!({"reference": "r1", "amount": "10.00", "currency": "EUR"});
    expect(follow(&staff, &id, "reverse", &part).await?, 200)?;
    assert_eq!(available().await?, "50.00");
    expect(follow(&staff, &id, "reverse", &json!({"reference": "r2"})).await?, 200)?;
    assert_eq!(available().await?, "70.00");
    let late = json!({"reference": "c3", "amount": "1.00", "currency": "EUR"});
    let refused = expect(follow(&staff, &id, "capture", &late).await?, 409)?;
    assert_eq!(refused.text("/reason"), "AUTHORISATION_STATE");

    // Declined for want of funds, and nothing is held for it.
    let poor = authorise(&staff, &anna, "poor", "70.01").await?;
    assert_eq!(poor.text("/operation/refusal/reason"), "INSUFFICIENT_FUNDS");
    settled(&staff, poor.text("/authorisation/authorisationId")).await?;
    assert_eq!(available().await?, "70.00");

    // A customer authorises nothing.
    let body = asked(&anna.account, "own", "1.00");
    expect(anna.rest.post("/v1/authorisations", "own", &body).await?, 403)?;
    bank.prove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn card_payments_are_held_captured_and_given_back() -> Result<()> {
    for bank in Bank::each().await? {
        tell(&bank).await?;
    }
    Ok(())
}
