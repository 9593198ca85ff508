//! What is measured of each bank.

use anyhow::{Context as _, Result, ensure};
use florin_testkit::{Bank, bank::Mode};
use serde_json::Value;

use crate::Options;

/// One load on a bank.
pub struct Case {
    /// How it is called in the figures.
    pub name: &'static str,
    /// At half of what whole transfers reached, in an open loop.
    pub half_rate: bool,
    words: &'static [&'static str],
}

/// In turn.
pub const CASES: &[Case] = &[
    Case {
        name: "posting uniform, batches of 100",
        half_rate: false,
        words: &["--work", "posting", "--batch", "100", "--in-flight", "3200"],
    },
    Case {
        name: "posting zipf, batches of 100",
        half_rate: false,
        words: &["--work", "posting", "--batch", "100", "--in-flight", "3200", "--spread", "zipf"],
    },
    Case {
        name: "posting hot, batches of 100",
        half_rate: false,
        words: &["--work", "posting", "--batch", "100", "--in-flight", "3200", "--spread", "hot"],
    },
    Case {
        name: "posting uniform, unary",
        half_rate: false,
        words: &["--work", "posting", "--in-flight", "256"],
    },
    Case {
        name: "transfers uniform",
        half_rate: false,
        words: &["--work", "transfer", "--in-flight", "3200"],
    },
    Case {
        name: "transfers zipf",
        half_rate: false,
        words: &["--work", "transfer", "--in-flight", "3200", "--spread", "zipf"],
    },
    Case {
        name: "transfers hot",
        half_rate: false,
        words: &["--work", "transfer", "--in-flight", "3200", "--spread", "hot"],
    },
    Case {
        name: "transfers uniform, open loop at half of that",
        half_rate: true,
        words: &["--work", "transfer", "--in-flight", "3200"],
    },
];

impl Case {
    /// Whether the open loop goes by this case.
    pub fn sets_half_rate(&self) -> bool {
        self.name == "transfers uniform"
    }

    /// Runs it with the proof and returns what it printed.
    pub async fn run(&self, options: &Options, bank: &Bank, rate: Option<u64>) -> Result<Value> {
        let warm_up = options.number("warm_up")?;
        let seconds = (options.number("seconds")? + warm_up).to_string();
        let (warm_up, accounts) = (warm_up.to_string(), options.number("accounts")?.to_string());
        let mut words = vec!["bench", "--json", "--accounts", &accounts];
        words.extend(["--seconds", &seconds, "--warm-up", &warm_up]);
        words.extend(self.words);
        let rate = rate.map(|rate| rate.to_string());
        if let Some(rate) = &rate {
            words.extend(["--rate", rate]);
        }
        let figures = bench(bank, &words).await?;
        let told = per_second(&figures).unwrap_or(0);
        eprintln!("  {:<12} {:<46} {told:>7} a second, proof clean", mode(bank.mode), self.name);
        Ok(figures)
    }
}

/// Runs `florin bench`, which has to end with a clean proof.
pub async fn bench(bank: &Bank, words: &[&str]) -> Result<Value> {
    let (clean, text) = bank.run(words).await?;
    ensure!(clean, "florin {} failed:\n{text}", words.join(" "));
    let first = text.lines().next().context("florin bench printed nothing")?;
    let figures: Value = serde_json::from_str(first).with_context(|| text.clone())?;
    let proven = figures.pointer("/proof/clean").and_then(Value::as_bool);
    ensure!(proven == Some(true), "florin {} has no clean proof:\n{text}", words.join(" "));
    Ok(figures)
}

/// Whole transfers a second where there are any, else postings.
pub fn per_second(figures: &Value) -> Option<u64> {
    let measured = figures.get("measured")?;
    let completed = measured.get("completed_per_second").and_then(Value::as_u64);
    completed.or_else(|| measured.get("accepted_per_second").and_then(Value::as_u64))
}

/// The mode as it is told.
pub const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Embedded => "embedded",
        Mode::Distributed => "distributed",
    }
}
