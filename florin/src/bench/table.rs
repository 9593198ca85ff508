//! The figures for people.

use std::collections::BTreeMap;

use crate::bench::{
    figures::{Counts, Figures, Proof, Settings, Unproven},
    latency::Percentiles,
};

/// Prints them.
pub fn print(figures: &Figures) {
    let settings = &figures.settings;
    print_run(settings, &figures.transfers);
    let measured = &figures.measured;
    println!(
        "accepted      {} a second: {} in {} ms, after {} s of warm-up",
        measured.accepted_per_second,
        measured.accepted,
        measured.accepted_within_millis,
        settings.warm_up_seconds
    );
    if let (Some(rate), Some(count), Some(millis)) =
        (measured.completed_per_second, measured.completed, measured.completed_within_millis)
    {
        println!("completed     {rate} a second: {count} in {millis} ms");
    }
    if let Some(micros) = figures.cpu_micros_each {
        println!("processor     {micros} microseconds each, of all the processes below");
    }
    println!("latency, ms         p50        p95        p99      p99.9        max");
    print_latencies("acknowledged", &figures.acknowledged_micros);
    if let Some(completed) = &figures.completed_micros {
        print_latencies("completed", completed);
    }
    for process in &figures.processes {
        println!(
            "process       {} {}: {} KiB before, {} loaded, {} after, peak {}; {} ms of processor",
            process.pid,
            process.name,
            process.before_kib,
            process.loaded_kib,
            process.after_kib,
            process.peak_kib,
            process.cpu_millis
        );
    }
    print_proof(figures.proof.as_ref());
}

/// Prints what there is without a clean proof.
pub fn print_unproven(unproven: &Unproven) {
    print_run(&unproven.settings, &unproven.transfers);
    println!("no figures    the bank is not proven, or what was accepted has not ended");
    print_proof(unproven.proof.as_ref());
}

fn print_run(settings: &Settings, transfers: &Counts) {
    let how = match settings.rate {
        Some(rate) => format!("open loop at {rate} a second"),
        None => "closed loop".to_owned(),
    };
    let spread = match settings.zipf_exponent {
        Some(exponent) => format!("Zipf with exponent {exponent}"),
        None => format!("{:?}", settings.spread).to_lowercase(),
    };
    println!("work          {:?}, {how}, run {}", settings.work, settings.run);
    println!("spread        {spread} over {} accounts, seed {}", settings.accounts, settings.seed);
    println!(
        "concurrency   {} in flight, {} a call, {} connections, {} processors",
        settings.in_flight, settings.batch, settings.connections, settings.cores
    );
    println!("transfers     {} started, {} accepted", transfers.started, transfers.accepted);
    println!("              {} of them replayed", transfers.replayed);
    println!("              {} not started for want of room", transfers.not_started);
    print_counts("refused", &transfers.refused);
    print_counts("unanswered", &transfers.unknown);
    print_counts("failed", &transfers.failed);
    if transfers.unfinished > 0 {
        println!("unfinished    {}", transfers.unfinished);
    }
}

fn print_counts(name: &str, counts: &BTreeMap<String, u64>) {
    for (reason, count) in counts {
        println!("{name:<14}{count} {reason}");
    }
}

fn print_latencies(name: &str, told: &Percentiles) {
    let values = [told.p50, told.p95, told.p99, told.p99_9, told.max];
    let values = values.map(|micros| format!(" {:>6}.{:03}", micros / 1_000, micros % 1_000));
    println!("{name:<12}{}", values.concat());
}

fn print_proof(proof: Option<&Proof>) {
    let Some(proof) = proof else {
        println!("proof         left out");
        return;
    };
    let verdict = if proof.clean { "clean" } else { "NOT CLEAN" };
    let client = &proof.client;
    println!(
        "proof         {verdict}: {} breaches; of {} accepted",
        proof.breaches, client.accepted
    );
    println!(
        "              {} missing, {} several times, {} under another id, {} never asked for",
        client.missing, client.several, client.other_id, client.unasked
    );
}
