//! kill -9 under load: every accepted transfer reaches an end state, and each accepted key
//! had one effect.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};
use florin_testkit::{Answer, Bank, Rest};
use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::world::{Holder, holder, posted, transfer};

/// Transfers sent in a round.
const LOAD: usize = 40;
/// How often an end state is looked for, 50 ms apart.
const LOOKS: usize = 1_600;

/// Waits for the end state of a transfer.
pub async fn ended(rest: &Rest, path: &str) -> Result<Answer> {
    for _ in 0..LOOKS {
        let answer = rest.get(path).await?;
        let status = answer.text("/transfer/status");
        if status.ends_with("COMPLETED") || status.ends_with("FAILED") {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("{path} reached no end state")
}

/// Sends transfers until the process is killed; returns the accepted keys with their ids. Tells
/// when the first was accepted, or that none will be.
async fn load(
    anna: &Holder,
    boris: &Holder,
    round: usize,
    accepted: &Notify,
) -> BTreeMap<String, String> {
    let body = transfer(&anna.account, &boris.account, "0.01");
    let calls = (0..LOAD).map(|at| {
        let (rest, body) = (anna.rest.clone(), body.clone());
        async move {
            tokio::time::sleep(Duration::from_millis(u64::try_from(at).unwrap_or(0) * 5)).await;
            let key = format!("load-{round}-{at}");
            let answer = rest.post("/v1/transfers", &key, &body).await.ok()?;
            if answer.status != 202 {
                return None;
            }
            accepted.notify_one();
            Some((key, answer.text("/transferId").to_owned()))
        }
    });
    let taken = join_all(calls).await.into_iter().flatten().collect();
    accepted.notify_one();
    taken
}

/// `rounds` times: load, kill -9 of one process in the middle, restart.
async fn storm(mut bank: Bank, rounds: usize) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let mut anna = holder(&bank, &staff, "Anna", Some("100.00")).await?;
    let mut boris = holder(&bank, &staff, "Boris", None).await?;
    let names = bank.processes();
    let mut accepted: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..rounds {
        let victim = names.get(round % names.len()).map_or("up", String::as_str);
        let first = Notify::new();
        let (_, taken) = tokio::join!(
            async {
                // However slow the machine is: every other kill comes when something was accepted.
                if round % 2 == 1 {
                    first.notified().await;
                }
                let pause = 30 + 20 * u64::try_from(round % 8).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                bank.kill(victim)
            },
            load(&anna, &boris, round, &first)
        );
        accepted.extend(taken);
        bank.start(victim).await?;
        anna.rest = bank.rest_as(Some(&anna.customer)).await?;
        boris.rest = bank.rest_as(Some(&boris.customer)).await?;
    }
    let mut completed = 0_u32;
    for id in accepted.values() {
        let end = ended(&anna.rest, &format!("/v1/transfers/{id}")).await?;
        assert_eq!(end.text("/transfer/status"), "TRANSFER_STATUS_COMPLETED", "{}", end.json);
        completed += 1;
    }
    assert!(completed > 0, "nothing was accepted");
    // Keys whose answer was lost may have had their effect, too: ask each once more.
    let body = transfer(&anna.account, &boris.account, "0.01");
    for round in 0..rounds {
        for at in 0..LOAD {
            let key = format!("load-{round}-{at}");
            let answer = anna.rest.post("/v1/transfers", &key, &body).await?;
            assert_eq!(answer.status, 202, "{}", answer.json);
            let id = answer.text("/transferId").to_owned();
            if let Some(first) = accepted.insert(key, id.clone()) {
                assert_eq!(first, id, "one key, two transfers");
                assert!(answer.replayed());
            }
        }
    }
    for id in accepted.values() {
        ended(&anna.rest, &format!("/v1/transfers/{id}")).await?;
    }
    let cents = rounds * LOAD;
    assert_eq!(
        posted(&boris.rest, &boris.account).await?,
        format!("{}.{:02}", cents / 100, cents % 100)
    );
    bank.prove().await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_of_the_whole_process_lose_and_double_nothing() -> Result<()> {
    storm(Bank::embedded().await?, 20).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_of_single_roles_lose_and_double_nothing() -> Result<()> {
    match Bank::distributed().await? {
        Some(bank) => storm(bank, 20).await,
        None => Ok(()),
    }
}
