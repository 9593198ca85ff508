//! Medians of the rounds, and the table of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cases::per_second;

/// The median of each case, in the order of the first round.
pub fn of(rounds: &[Value]) -> Value {
    let mut names: Vec<(String, String)> = Vec::new();
    let mut values: BTreeMap<(String, String), Vec<[u64; 8]>> = BTreeMap::new();
    for round in rounds {
        let pgbench = round.get("pgbench_per_second").and_then(Value::as_u64).unwrap_or(0);
        for run in round.get("runs").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| run.get(name).and_then(Value::as_str).unwrap_or_default();
            let name = (text("mode").to_owned(), text("case").to_owned());
            if !names.contains(&name) {
                names.push(name.clone());
            }
            values.entry(name).or_default().push(one(run, pgbench));
        }
    }
    let pgbench = rounds.iter().filter_map(|round| round.get("pgbench_per_second")?.as_u64());
    let mut told = vec![json!({
        "mode": "postgres", "case": "pgbench TPC-B", "per_second": median(pgbench.collect()),
    })];
    for name in names {
        let rounds = values.remove(&name).unwrap_or_default();
        let of = |at: usize| median(rounds.iter().map(|one| one[at]).collect());
        told.push(json!({
            "mode": name.0, "case": name.1, "per_second": of(0),
            "thousandths_of_pgbench": of(1), "p50_micros": of(2), "p95_micros": of(3),
            "p99_micros": of(4), "resident_kib": of(5), "cpu_micros_each": of(6),
            "by_stand_in_per_million": of(7),
        }));
    }
    Value::Array(told)
}

/// Rate, rate as thousandths of pgbench's, p50, p95 and p99 of the last answer, memory, processor
/// time each, answers of the stand-in in a million.
fn one(run: &Value, pgbench: u64) -> [u64; 8] {
    let figures = run.get("figures").unwrap_or(&Value::Null);
    let rate = per_second(figures).unwrap_or(0);
    let whole = figures.get("completed_micros").filter(|told| !told.is_null());
    let latencies = whole.or_else(|| figures.get("acknowledged_micros")).unwrap_or(&Value::Null);
    let latency = |name: &str| latencies.get(name).and_then(Value::as_u64).unwrap_or(0);
    let resident = run.get("resident_kib").and_then(Value::as_u64).unwrap_or(0);
    let ratio = (rate * 1_000).checked_div(pgbench).unwrap_or(0);
    let cpu = figures.get("cpu_micros_each").and_then(Value::as_u64).unwrap_or(0);
    let stand_in = figures.pointer("/answers/by_stand_in_per_million").and_then(Value::as_u64);
    let stand_in = stand_in.unwrap_or(0);
    [rate, ratio, latency("p50"), latency("p95"), latency("p99"), resident, cpu, stand_in]
}

/// The middle one; of an even number the lower of both.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// The table for people.
pub fn print(told: &Value) {
    println!("durability: PostgreSQL {}", told.get("postgres").unwrap_or(&Value::Null));
    println!(
        "{:<12} {:<60} {:>9} {:>9} {:>10} {:>10} {:>10} {:>9} {:>8} {:>9}",
        "mode",
        "case",
        "a second",
        "x pgbench",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "RSS MiB",
        "CPU us",
        "stand-in"
    );
    for median in told.get("medians").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| median.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| median.get(name).and_then(Value::as_u64);
        let thousandths = |name: &str| {
            number(name).map(|value| format!("{}.{:03}", value / 1_000, value % 1_000))
        };
        println!(
            "{:<12} {:<60} {:>9} {:>9} {:>10} {:>10} {:>10} {:>9} {:>8} {:>9}",
            text("mode"),
            text("case"),
            number("per_second").unwrap_or(0),
            thousandths("thousandths_of_pgbench").unwrap_or_default(),
            thousandths("p50_micros").unwrap_or_default(),
            thousandths("p95_micros").unwrap_or_default(),
            thousandths("p99_micros").unwrap_or_default(),
            number("resident_kib").map(|kib| (kib / 1_024).to_string()).unwrap_or_default(),
            number("cpu_micros_each").map(|micros| micros.to_string()).unwrap_or_default(),
            // Of a million answers.
            number("by_stand_in_per_million").map(|count| count.to_string()).unwrap_or_default(),
        );
    }
}
