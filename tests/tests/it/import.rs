//! A real bank's year goes through it: the whole of the data beside the repository.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use florin_testkit::{Bank, shared_data};

use crate::world::expect;

/// What its SOURCE.md says of each kind: rows and sum.
const TOTALS: [(&str, &str, &str); 7] = [
    ("cash_deposit", "6685", "89822245.50"),
    ("cash_withdrawal", "6831", "73656884.00"),
    ("fee", "2922", "49921.60"),
    ("interest", "6065", "810862.90"),
    ("overdraft_interest", "9", "75.00"),
    ("transfer_in", "2462", "29809129.00"),
    ("transfer_out", "3231", "10159410.70"),
];

fn words(folder: &std::path::Path) -> Vec<String> {
    let mut words = vec!["import".to_owned()];
    for name in ["customers", "accounts", "holders", "history"] {
        words.push(format!("--{name}"));
        words.push(folder.join(format!("{name}.csv")).display().to_string());
    }
    words
}

/// Digits only, so that the report may group them as it likes.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !matches!(character, ',' | '\u{202f}')).collect()
}

async fn import(bank: &Bank, folder: &std::path::Path) -> Result<String> {
    let words = words(folder);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (clean, report) = bank.run(&words).await?;
    ensure!(clean, "the import failed:\n{report}");
    Ok(report)
}

async fn check(bank: &Bank, report: &str) -> Result<()> {
    let text = plain(report);
    for (kind, count, sum) in TOTALS {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(kind));
        let line = line.unwrap_or_default();
        assert!(line.contains(count) && line.contains(sum), "{kind}: {line:?}\n{report}");
    }
    assert!(text.contains("681"), "{report}");
    bank.prove().await?;
    let staff = bank.rest_as(None).await?;
    let trial = staff.get("/v1/ledger/trialBalance?asOfBookingDate=1993-06-30").await?;
    let trial = expect(trial, 200)?;
    assert_eq!(trial.json["balanced"], serde_json::Value::Bool(true));
    assert!(trial.json["rows"].as_array().is_some_and(|rows| rows.len() > 5), "{}", trial.json);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_year_1993_of_a_real_bank_is_booked_as_it_happened() -> Result<()> {
    let Some(folder) = shared_data("berka") else { return Ok(()) };
    let bank = Bank::embedded().await?;
    let started = Instant::now();
    let report = import(&bank, &folder).await?;
    println!("imported in {:.1} s", started.elapsed().as_secs_f32());
    check(&bank, &report).await?;
    // Once more: everything is there, nothing twice.
    let again = import(&bank, &folder).await?;
    check(&bank, &again).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_killed_in_the_middle_goes_on_with_nothing_twice() -> Result<()> {
    let Some(folder) = shared_data("berka") else { return Ok(()) };
    let mut bank = Bank::embedded().await?;
    for pause in [1_500, 2_500] {
        let words = words(&folder);
        let mut command = std::process::Command::new(florin_testkit::bank::executable()?);
        command.args(&words).arg("--data").arg(bank.data()).current_dir(bank.data());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn()?;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        child.kill()?;
        child.wait()?;
    }
    bank.kill("up")?;
    bank.start("up").await?;
    let report = import(&bank, &folder).await?;
    check(&bank, &report).await
}
