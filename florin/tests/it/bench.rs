use serde_json::Value;

use crate::bank::Folder;

/// A small run on the bank of a folder, which must end well; its figures.
fn bench(folder: &Folder, words: &[&str]) -> Value {
    let mut all = vec!["bench", "--json", "--accounts", "20", "--in-flight", "50"];
    all.extend(words);
    let ended = folder.florin(&all);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), 1, "one JSON object and nothing else: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

fn number(figures: &Value, pointer: &str) -> u64 {
    let value = figures.pointer(pointer).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("{pointer} is no number in {figures}"))
}

fn assert_proven(figures: &Value) {
    assert_eq!(figures.pointer("/proof/clean"), Some(&Value::Bool(true)), "{figures}");
    let accepted = number(figures, "/transfers/accepted");
    assert!(accepted > 0, "{figures}");
    assert_eq!(number(figures, "/proof/client/accepted"), accepted);
}

#[test]
fn a_load_is_measured_and_proven() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let transfers = bench(&folder, &["--work", "transfer", "--seconds", "1", "--spread", "zipf"]);
    assert_proven(&transfers);
    let accepted = number(&transfers, "/transfers/accepted");
    assert_eq!(number(&transfers, "/measured/completed"), accepted, "{transfers}");
    assert_eq!(number(&transfers, "/completed_micros/count"), accepted);
    assert!(number(&transfers, "/measured/completed_per_second") > 0);
    for part in ["acknowledged_micros", "completed_micros"] {
        let at = |name: &str| number(&transfers, &format!("/{part}/{name}"));
        let told = ["p50", "p95", "p99", "p99_9", "max"].map(at);
        assert!(told[0] > 0 && told.is_sorted(), "{transfers}");
    }
    if cfg!(target_os = "linux") {
        assert!(number(&transfers, "/processes/0/loaded_kib") > 1_000, "{transfers}");
    }

    let words = ["--work", "posting", "--count", "500", "--batch", "25", "--spread", "hot"];
    let postings = bench(&folder, &words);
    assert_proven(&postings);
    assert_eq!(number(&postings, "/transfers/accepted"), 500);
    assert!(postings["completed_micros"].is_null(), "{postings}");
    assert!(bank.stop().success());
}

#[test]
fn a_run_of_the_same_name_only_replays() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    for work in ["transfer", "posting"] {
        let words = ["--work", work, "--count", "40", "--run", "again"];
        for replayed in [0, 40] {
            let figures = bench(&folder, &words);
            assert_proven(&figures);
            assert_eq!(number(&figures, "/transfers/replayed"), replayed, "{figures}");
        }
        // Other content under the same references: refused, and no breach.
        let words = [&words[..], &["--seed", "9"]].concat();
        let figures = bench(&folder, &words);
        assert_eq!(figures.pointer("/proof/clean"), Some(&Value::Bool(true)), "{figures}");
        assert_eq!(number(&figures, "/transfers/accepted"), 0, "{figures}");
    }
    assert!(bank.stop().success());
}

#[test]
fn an_open_loop_counts_what_finds_no_room() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let words = ["--work", "transfer", "--count", "400", "--rate", "20000", "--warm-up", "0"];
    let figures = bench(&folder, &words);
    assert_proven(&figures);
    let [started, not_started] =
        ["started", "not_started"].map(|name| number(&figures, &format!("/transfers/{name}")));
    assert_eq!(started + not_started, 400);
    assert!(started >= 50 && not_started > 0, "{figures}");
    assert!(bank.stop().success());
}
