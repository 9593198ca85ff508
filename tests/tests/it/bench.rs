//! `florin bench` prints figures of a proven bank, and of no other.

use anyhow::{Context as _, Result, ensure};
use florin_testkit::Bank;
use sea_orm::{ConnectionTrait, Database};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_benchmark_prints_no_figure_of_a_bank_that_is_not_proven() -> Result<()> {
    let mut bank = Bank::embedded().await?;
    for work in ["posting", "transfer", "authorisation"] {
        let (clean, told) = measured(&bank, work).await?;
        ensure!(clean, "{work}: {told}");
        assert_eq!(told.pointer("/proof/clean"), Some(&Value::Bool(true)), "{told}");
        let started = told.pointer("/transfers/started").and_then(Value::as_u64);
        assert_eq!(started, Some(20), "{told}");
        if work == "authorisation" {
            // A busy machine has the stand-in refuse them.
            continue;
        }
        let measured = told.pointer("/measured/accepted").and_then(Value::as_u64);
        assert_eq!(measured, Some(20), "{told}");
        let latency = told.pointer("/acknowledged_micros/p99").and_then(Value::as_u64);
        assert!(latency.is_some_and(|micros| micros > 0), "{told}");
    }
    bank.stop("up").await?;
    let file = bank.data().join("account.db");
    let connection = Database::connect(format!("sqlite:{}", file.display())).await?;
    let broken =
        "UPDATE accounts SET posted = posted + 1 WHERE id = (SELECT MIN(id) FROM accounts)";
    connection.execute_unprepared(broken).await?;
    connection.close().await?;
    bank.start("up").await?;
    let (clean, told) = measured(&bank, "posting").await?;
    ensure!(!clean, "{told}");
    assert_eq!(told.pointer("/proof/clean"), Some(&Value::Bool(false)), "{told}");
    for figure in ["measured", "acknowledged_micros", "completed_micros", "cpu_micros_each"] {
        assert!(told.get(figure).is_none(), "{figure} of a bank that is not proven: {told}");
    }
    Ok(())
}

/// Whether it ended well, and the one object that it printed.
async fn measured(bank: &Bank, work: &str) -> Result<(bool, Value)> {
    let words = ["bench", "--json", "--work", work, "--accounts", "10", "--count", "20"];
    let (clean, text) = bank.run(&words).await?;
    let line = text.lines().find(|line| line.starts_with('{')).with_context(|| text.clone())?;
    Ok((clean, serde_json::from_str(line).with_context(|| text.clone())?))
}
