//! Payments between banks, through the gateway and the simulated network.

mod returns;

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use florin_testkit::{Bank, Rest};
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder, posted, transfer};

/// An account of a bank that the network reaches.
const OTHER: &str = "CZ6508000000192000145399";
/// An answer to a message that nobody sent.
const UNKNOWN: &str = r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10">
<FIToFIPmtStsRpt><GrpHdr><MsgId>x</MsgId><CreDtTm>2026-11-21T10:00:00Z</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>never-sent</OrgnlMsgId><OrgnlMsgNmId>pacs.008.001.08</OrgnlMsgNmId>
</OrgnlGrpInfAndSts><TxInfAndSts><TxSts>ACSC</TxSts></TxInfAndSts></FIToFIPmtStsRpt></Document>"#;
/// Lists all that waits, however young.
const STUCK: [&str; 5] = ["ops", "transfers", "stuck", "--older-than", "0"];
/// How long a machine that is shared by many may take to what comes without anybody's doing.
const LONGEST: Duration = Duration::from_secs(120);

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

async fn pay(who: &Holder, key: &str, amount: &str) -> Result<String> {
    let body = transfer(&who.account, OTHER, amount);
    let answer = expect(who.rest.post("/v1/transfers", key, &body).await?, 202)?;
    Ok(answer.text("/transferId").to_owned())
}

async fn shown(rest: &Rest, id: &str) -> Result<Value> {
    Ok(expect(rest.get(&format!("/v1/transfers/{id}")).await?, 200)?.json)
}

fn status(shown: &Value) -> &str {
    let status = shown.pointer("/transfer/status").and_then(Value::as_str).unwrap_or_default();
    status.trim_start_matches("TRANSFER_STATUS_")
}

async fn comes_to(rest: &Rest, id: &str, wanted: &str) -> Result<Value> {
    until(wanted, async || shown(rest, id).await, |shown| status(shown) == wanted).await
}

/// Posted and held of an account.
async fn money(rest: &Rest, account: &str) -> Result<(String, String)> {
    let answer = expect(rest.get(&format!("/v1/accounts/{account}/balance")).await?, 200)?;
    Ok((answer.text("/posted/amount").to_owned(), answer.text("/held/amount").to_owned()))
}

fn is(posted: &str, held: &str) -> (String, String) {
    (posted.to_owned(), held.to_owned())
}

async fn rule(bank: &Bank, action: &str, amount: &str) -> Result<()> {
    let rule = json!({"action": action, "code": "AC04", "amount": amount, "times": 1});
    let mut rule = rule;
    if !action.contains("reject") {
        rule.as_object_mut().map(|fields| fields.remove("code"));
    }
    bank.network("POST", "rules", &rule).await.map(drop)
}

/// What a GL account owes in EUR: credits less debits.
async fn gl(staff: &Rest, code: &str) -> Result<String> {
    let answer = expect(staff.get("/v1/ledger/trialBalance").await?, 200)?;
    let rows = answer.json["rows"].as_array().cloned().unwrap_or_default();
    let of = |row: &&Value| row["code"] == code && row["net"]["currency"] == "EUR";
    let amount = rows.iter().find(of).and_then(|row| row["net"]["amount"].as_str());
    Ok(amount.unwrap_or("0.00").to_owned())
}

/// The bank's money at the network, in cents.
async fn at_network(bank: &Bank) -> Result<i64> {
    let state = bank.network("GET", "state", &Value::Null).await?;
    Ok(state["balances"]["EUR"].as_i64().unwrap_or(0))
}

/// What the network knows of a payment of that amount.
async fn known(bank: &Bank, amount: &str) -> Result<Value> {
    let state = bank.network("GET", "state", &Value::Null).await?;
    let payments = state["payments"].as_array().cloned().unwrap_or_default();
    Ok(payments.into_iter().find(|one| one["amount"] == amount).unwrap_or(Value::Null))
}

async fn tell(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    settles_and_rejects(bank, &anna).await?;
    waits_for_an_answer(bank, &anna).await?;
    comes_in(bank, &staff, &anna).await?;
    comes_back(bank, &anna).await?;
    is_ended_by_two_persons(bank, &staff, &anna).await?;
    // Whatever happened: what the network says of our money is what our books say.
    let ours = florin_kernel::Money::parse("EUR", &gl(&staff, "1200").await?)?;
    assert_eq!(-ours.minor(), at_network(bank).await?, "the nostro and the network");
    assert_eq!(gl(&staff, "9010").await?, "0.00", "nothing stays in suspense");
    bank.prove().await
}

async fn settles_and_rejects(bank: &Bank, anna: &Holder) -> Result<()> {
    let paid = pay(anna, "out-1", "10.00").await?;
    let done = comes_to(&anna.rest, &paid, "COMPLETED").await?;
    let steps = done["transfer"]["steps"].as_array().cloned().unwrap_or_default();
    let steps: Vec<_> = steps.iter().filter_map(|step| step["status"].as_str()).collect();
    let wanted = ["PROCESSING", "HOLDING", "SUBMITTING", "SETTLING", "COMPLETED"];
    assert_eq!(steps, wanted.map(|status| format!("TRANSFER_STATUS_{status}")), "{done}");
    assert_eq!(done["transfer"]["creditor"]["bic"], "GIBACZPX");
    assert_eq!(done["transfer"]["creditor"]["iban"], OTHER);
    assert_eq!(money(&anna.rest, &anna.account).await?, is("90.00", "0.00"));

    rule(bank, "reject", "11.00").await?;
    let rejected = pay(anna, "out-2", "11.00").await?;
    let failed = comes_to(&anna.rest, &rejected, "FAILED").await?;
    assert_eq!(failed["transfer"]["failure"]["reason"], "REJECTED_BY_NETWORK", "{failed}");
    assert_eq!(failed["transfer"]["failure"]["metadata"]["code"], "AC04");
    assert_eq!(money(&anna.rest, &anna.account).await?, is("90.00", "0.00"));

    // More than there is: the network never hears of it.
    let poor = pay(anna, "out-3", "90.01").await?;
    let failed = comes_to(&anna.rest, &poor, "FAILED").await?;
    assert_eq!(failed["transfer"]["failure"]["reason"], "INSUFFICIENT_FUNDS", "{failed}");
    assert_eq!(known(bank, "90.01").await?, Value::Null);

    // An answer that comes twice, and one to a message that nobody sent.
    rule(bank, "answer_twice", "12.00").await?;
    let twice = pay(anna, "out-4", "12.00").await?;
    comes_to(&anna.rest, &twice, "COMPLETED").await?;
    bank.network("POST", "messages", &json!({"document": "no XML at all"})).await?;
    bank.network("POST", "messages", &json!({"document": UNKNOWN})).await?;

    // A bank that the network does not reach.
    let body = transfer(&anna.account, "FR7630006000011234567890189", "1.00");
    let refused = anna.rest.post("/v1/transfers", "out-5", &body).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "CREDITOR_BANK_NOT_REACHABLE");
    assert_eq!(posted(&anna.rest, &anna.account).await?, "78.00");
    Ok(())
}

async fn waits_for_an_answer(bank: &Bank, anna: &Holder) -> Result<()> {
    rule(bank, "silent", "5.00").await?;
    let silent = pay(anna, "wait-1", "5.00").await?;
    comes_to(&anna.rest, &silent, "SUBMITTING").await?;
    let taken = until("the bytes", async || known(bank, "5.00").await, |one| !one.is_null());
    let id = taken.await?["message_id"].as_str().unwrap_or_default().to_owned();
    // Sent again by hand, it is a duplicate, which is no answer.
    let (waits, stuck) = bank.run(&STUCK).await?;
    assert!(!waits && stuck.contains(&id) && stuck.contains("SUBMITTING"), "{stuck}");
    let words = ["ops", "transfers", "send", &id, "--reason", "nobody answers"];
    let (sent, said) = bank.run(&words).await?;
    ensure!(sent, "{said}");
    let received = |one: &Value| one["received"].as_u64() >= Some(2);
    until("the same bytes again", async || known(bank, "5.00").await, received).await?;
    // Asked by hand: the network stays silent.
    let words = ["ops", "transfers", "ask", &id, "--reason", "nobody answers"];
    let asked = async || Ok(bank.run(&words).await?.0);
    until("the question", asked, |asked| *asked).await?;
    assert_eq!(status(&shown(&anna.rest, &silent).await?), "SUBMITTING");
    assert_eq!(money(&anna.rest, &anna.account).await?, is("78.00", "5.00"));
    let cancel = format!("/v1/transfers/{silent}:cancel");
    let refused = anna.rest.post(&cancel, "cancel-1", &json!({})).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "TRANSFER_NOT_CANCELLABLE");
    bank.network("POST", "answers/release", &Value::Null).await?;
    comes_to(&anna.rest, &silent, "COMPLETED").await?;
    assert_eq!(money(&anna.rest, &anna.account).await?, is("73.00", "0.00"));

    // Lost by the network: asked, it has never heard of it, and gets the same bytes again.
    rule(bank, "lose", "6.00").await?;
    let lost = pay(anna, "wait-2", "6.00").await?;
    comes_to(&anna.rest, &lost, "COMPLETED").await?;

    // The network is down: the money waits, and goes when it is up.
    bank.network("POST", "network", &json!({"down": true})).await?;
    let down = pay(anna, "wait-3", "7.00").await?;
    comes_to(&anna.rest, &down, "SUBMITTING").await?;
    assert_eq!(money(&anna.rest, &anna.account).await?, is("67.00", "7.00"));
    bank.network("POST", "network", &json!({"down": false})).await?;
    comes_to(&anna.rest, &down, "COMPLETED").await?;
    assert_eq!(money(&anna.rest, &anna.account).await?, is("60.00", "0.00"));
    Ok(())
}

async fn comes_in(bank: &Bank, staff: &Rest, anna: &Holder) -> Result<()> {
    let credit = |iban: &str, amount: &str, copies: u8| {
        json!({"iban": iban, "amount": amount, "currency": "EUR", "text": "salary",
               "copies": copies})
    };
    // Twice the same bytes, and again under another message id: once.
    let sent = bank.network("POST", "credits", &credit(&anna.iban, "20.00", 2)).await?;
    let mut again = credit(&anna.iban, "20.00", 1);
    again["uetr"] = sent["uetr"].clone();
    bank.network("POST", "credits", &again).await?;
    let balance = async || posted(&anna.rest, &anna.account).await;
    until("the salary", balance, |posted| posted == "80.00").await?;

    // To nobody, and to a frozen account: back to where it came from.
    let ours = florin_kernel::BankIdentity::new("CZ", "8899")?;
    let nobody = (900_000..).find_map(|serial| ours.issue(serial).ok().flatten());
    let nobody = nobody.map(|iban| iban.to_string()).unwrap_or_default();
    bank.network("POST", "credits", &credit(&nobody, "3.00", 1)).await?;
    let cold = holder(bank, staff, "Cold", None).await?;
    let path = format!("/v1/accounts/{}:freeze", cold.account);
    expect(staff.post(&path, "freeze-cold", &json!({"reason": "court order"})).await?, 200)?;
    bank.network("POST", "credits", &credit(&cold.iban, "4.00", 1)).await?;
    for amount in ["3.00", "4.00"] {
        let back = async || known(bank, amount).await;
        let returned = |one: &Value| one["message_name"] == "pacs.004.001.09";
        until("the return", back, returned).await?;
    }
    let stuck = async || Ok(bank.run(&STUCK).await?.1);
    // What was no XML at all stays for people.
    let waiting =
        until("everything's end", stuck, |said| said.lines().any(|line| line == "1 waiting"));
    let waiting = waiting.await?;
    ensure!(waiting.contains("unreadable: "), "{waiting}");
    assert_eq!(posted(&cold.rest, &cold.account).await?, "0.00");
    assert_eq!(posted(&anna.rest, &anna.account).await?, "80.00");
    Ok(())
}

async fn comes_back(bank: &Bank, anna: &Holder) -> Result<()> {
    let paid = known(bank, "10.00").await?;
    let order = json!({"uetr": paid["uetr"], "code": "AC04", "copies": 2});
    bank.network("POST", "returns", &order).await?;
    let balance = async || posted(&anna.rest, &anna.account).await;
    until("the returned payment", balance, |posted| posted == "90.00").await?;
    Ok(())
}

/// The approval that the command has proposed.
fn proposed(said: &str) -> Result<String> {
    let id = said.split_whitespace().find(|word| word.starts_with("apr_"));
    id.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("{said}"))
}

/// The network is silent: an operator and a member of staff say how it ended, each once first.
async fn is_ended_by_two_persons(bank: &Bank, staff: &Rest, anna: &Holder) -> Result<()> {
    let grounds = ["--reason", "nobody answers", "--evidence", "line 7 of the report"];
    let message_id = async |amount: &str| {
        let found = until("the bytes", async || known(bank, amount).await, |one| !one.is_null());
        Ok::<_, anyhow::Error>(found.await?["message_id"].as_str().unwrap_or_default().to_owned())
    };
    rule(bank, "silent", "8.00").await?;
    let settled = pay(anna, "people-1", "8.00").await?;
    comes_to(&anna.rest, &settled, "SUBMITTING").await?;
    let out = message_id("8.00").await?;
    let words = [&["ops", "transfers", "settle", &out][..], &grounds].concat();
    let (is_proposed, said) = bank.run(&words).await?;
    ensure!(is_proposed, "{said}");
    let approval = proposed(&said)?;
    let (waits, stuck) = bank.run(&STUCK).await?;
    ensure!(!waits && stuck.contains(&approval) && stuck.contains("PROPOSED"), "{stuck}");
    let alone = ["ops", "transfers", "approve", &approval, "--reason", "again me"];
    let (is_approved, said) = bank.run(&alone).await?;
    ensure!(!is_approved && said.contains("OWN_PROPOSAL"), "{said}");
    assert_eq!(status(&shown(&anna.rest, &settled).await?), "SUBMITTING");
    let yes = json!({"decision": "REPAIR_DECISION_APPROVE", "reason": "the network was called"});
    let path = format!("/v1/repairs/{approval}:decide");
    // A worker may have the payment at this moment.
    let decide = async || staff.post(&path, "decide-1", &yes).await;
    let decided = until("the decision", decide, |told| told.text("/reason") != "CLEARING_BUSY");
    assert_eq!(expect(decided.await?, 200)?.json["repair"]["status"], "REPAIR_STATUS_DONE");
    comes_to(&anna.rest, &settled, "COMPLETED").await?;
    assert_eq!(money(&anna.rest, &anna.account).await?, is("82.00", "0.00"));

    rule(bank, "silent_reject", "9.00").await?;
    let rejected = pay(anna, "people-2", "9.00").await?;
    comes_to(&anna.rest, &rejected, "SUBMITTING").await?;
    let body = json!({"clearingId": message_id("9.00").await?, "action": "REPAIR_ACTION_REJECT",
                      "code": "AC04", "reason": "nobody answers", "evidence": "by telephone"});
    let answer = expect(staff.post("/v1/repairs", "propose-2", &body).await?, 201)?;
    let approval = answer.text("/repair/approvalId").to_owned();
    approved(bank, &approval).await?;
    let failed = comes_to(&anna.rest, &rejected, "FAILED").await?;
    assert_eq!(failed["transfer"]["failure"]["metadata"]["code"], "AC04", "{failed}");
    assert_eq!(money(&anna.rest, &anna.account).await?, is("82.00", "0.00"));

    // What was no XML at all was dealt with; then nothing waits for anybody.
    let (_, stuck) = bank.run(&STUCK).await?;
    let unread = stuck.lines().find(|line| line.contains("unreadable: "));
    let unread = unread.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    let body = json!({"clearingId": unread, "action": "REPAIR_ACTION_DISMISS",
                      "reason": "a test of theirs", "evidence": "by telephone"});
    let answer = expect(staff.post("/v1/repairs", "propose-3", &body).await?, 201)?;
    approved(bank, answer.text("/repair/approvalId")).await?;
    // The network says the same as people, late.
    bank.network("POST", "answers/release", &Value::Null).await?;
    let heard = async || Ok(bank.run(&STUCK).await?);
    until("nothing to wait for", heard, |(clean, _)| *clean).await?;
    bank.network("POST", "cycles/close", &Value::Null).await?;
    let equal = async || Ok(bank.run(&["ops", "clearing", "reconcile"]).await?);
    let is_equal = |(clean, said): &(bool, String)| *clean && said.contains("closing");
    until("the nostro to be equal", equal, is_equal).await?;
    assert_eq!(money(&anna.rest, &anna.account).await?, is("82.00", "0.00"));
    Ok(())
}

/// The operator approves.
async fn approved(bank: &Bank, approval: &str) -> Result<()> {
    let words = ["ops", "transfers", "approve", approval, "--reason", "seen"];
    // A worker may have the payment at this moment.
    let approve = async || Ok(bank.run(&words).await?);
    let is_done = |(done, said): &(bool, String)| *done || !said.contains("CLEARING_BUSY");
    let (done, said) = until("the approval", approve, is_done).await?;
    ensure!(done, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn money_goes_to_other_banks_and_comes_from_them_embedded() -> Result<()> {
    tell(&Bank::embedded().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn money_goes_to_other_banks_and_comes_from_them_distributed() -> Result<()> {
    match Bank::distributed().await? {
        Some(bank) => tell(&bank).await,
        None => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_killed_while_the_network_is_silent_goes_on_waiting_and_pays_once() -> Result<()> {
    let mut bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("50.00")).await?;
    rule(&bank, "silent", "5.00").await?;
    let silent = pay(&anna, "kill-1", "5.00").await?;
    until("the bytes", async || known(&bank, "5.00").await, |one| !one.is_null()).await?;
    bank.kill("up")?;
    bank.start("up").await?;
    let rest = bank.rest_as(Some(&anna.customer)).await?;
    assert_eq!(status(&shown(&rest, &silent).await?), "SUBMITTING");
    assert_eq!(money(&rest, &anna.account).await?, is("50.00", "5.00"));
    bank.network("POST", "answers/release", &Value::Null).await?;
    comes_to(&rest, &silent, "COMPLETED").await?;
    assert_eq!(money(&rest, &anna.account).await?, is("45.00", "0.00"));
    bank.prove().await
}
