//! What is measured of each bank.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use florin_testkit::{Bank, bank::Mode};
use serde_json::Value;

use crate::Options;

/// One load on a bank.
pub struct Case {
    /// How it is called in the figures.
    pub name: &'static str,
    /// In an open loop at half of what this other case reached.
    half_of: Option<&'static str>,
    words: &'static [&'static str],
}

const fn closed(name: &'static str, words: &'static [&'static str]) -> Case {
    Case { name, half_of: None, words }
}

const fn half(name: &'static str, of: &'static str, words: &'static [&'static str]) -> Case {
    Case { name, half_of: Some(of), words }
}

const BATCHED: &str = "posting uniform, batches of 100";
const UNARY: &str = "posting uniform, unary";
const WHOLE: &str = "transfers uniform";
const BATCHES: &[&str] = &["--work", "posting", "--batch", "100", "--in-flight", "3200"];
const SINGLE: &[&str] = &["--work", "posting", "--in-flight", "256"];
const CARDS: &str = "card authorisations uniform";
const AUTHORISATIONS: &[&str] = &["--work", "authorisation", "--in-flight", "256"];
const TRANSFERS: &[&str] = &["--work", "transfer", "--in-flight", "3200"];

/// In turn.
pub const CASES: &[Case] = &[
    closed("echo, batches of 100", &["--work", "echo", "--batch", "100", "--in-flight", "3200"]),
    closed("echo, unary", &["--work", "echo", "--in-flight", "256"]),
    closed(BATCHED, BATCHES),
    closed(
        "posting zipf, batches of 100",
        &["--work", "posting", "--batch", "100", "--in-flight", "3200", "--spread", "zipf"],
    ),
    closed(
        "posting hot, batches of 100",
        &["--work", "posting", "--batch", "100", "--in-flight", "3200", "--spread", "hot"],
    ),
    half("posting uniform, batches of 100, open loop at half", BATCHED, BATCHES),
    closed(UNARY, SINGLE),
    half("posting uniform, unary, open loop at half", UNARY, SINGLE),
    closed(WHOLE, TRANSFERS),
    closed("transfers zipf", &["--work", "transfer", "--in-flight", "3200", "--spread", "zipf"]),
    closed("transfers hot", &["--work", "transfer", "--in-flight", "3200", "--spread", "hot"]),
    half("transfers uniform, open loop at half", WHOLE, TRANSFERS),
    closed(
        "transfers uniform over REST",
        &["--work", "transfer", "--over", "rest", "--in-flight", "256"],
    ),
    closed(
        "transfers uniform over gRPC, as many in flight as over REST",
        &["--work", "transfer", "--in-flight", "256"],
    ),
    closed(CARDS, AUTHORISATIONS),
    half("card authorisations uniform, open loop at half", CARDS, AUTHORISATIONS),
];

impl Case {
    /// The rate of its open loop, by what the cases before it reached; None where the other
    /// case was left out, or reached nothing.
    pub fn rate(&self, reached: &BTreeMap<&'static str, u64>) -> Option<Option<u64>> {
        match self.half_of {
            None => Some(None),
            Some(other) => {
                let half = reached.get(other)? / 2;
                (half > 0).then_some(Some(half))
            }
        }
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
        let pids = processes(options, bank);
        for pid in &pids {
            words.extend(["--pid", pid]);
        }
        let proven = !self.words.contains(&"echo");
        let figures = bench(bank, &words, proven).await?;
        let told = per_second(&figures).unwrap_or(0);
        let proof = if proven { "proof clean" } else { "nothing to prove" };
        eprintln!("  {:<12} {:<60} {told:>7} a second, {proof}", mode(bank.mode), self.name);
        Ok(figures)
    }
}

/// The processes whose time counts: the bank's own, and the servers' of a distributed one.
fn processes(options: &Options, bank: &Bank) -> Vec<String> {
    let servers = options.0.get("server_pids").and_then(Value::as_array);
    let servers = servers.into_iter().flatten().filter_map(Value::as_u64);
    let servers = servers.filter(|_| bank.mode == Mode::Distributed).map(|pid| pid.to_string());
    bank.pids().iter().map(ToString::to_string).chain(servers).collect()
}

/// Puts entries in place: two a posting. They are proven like all others.
pub async fn fill(options: &Options, bank: &Bank, entries: u64) -> Result<Value> {
    let accounts = options.number("accounts")?.to_string();
    let count = entries.div_ceil(2).to_string();
    let words =
        ["bench", "--json", "--accounts", &accounts, "--count", &count, "--seconds", "86400"];
    bench(bank, &[&words[..], BATCHES].concat(), true).await
}

/// Runs `florin bench`, which has to end with a clean proof where there is something to prove.
pub async fn bench(bank: &Bank, words: &[&str], proven: bool) -> Result<Value> {
    let (clean, text) = bank.run(words).await?;
    ensure!(clean, "florin {} failed:\n{text}", words.join(" "));
    let first = text.lines().next().context("florin bench printed nothing")?;
    let figures: Value = serde_json::from_str(first).with_context(|| text.clone())?;
    let clean = figures.pointer("/proof/clean").and_then(Value::as_bool);
    ensure!(
        !proven || clean == Some(true),
        "florin {} has no clean proof:\n{text}",
        words.join(" ")
    );
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
