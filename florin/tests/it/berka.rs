//! The real run: the whole year 1993 of a real bank.

use std::path::Path;

use crate::bank::Folder;

/// Totals of each kind, from the data set's SOURCE.md.
const TOTALS: [(&str, &str, &str); 7] = [
    ("cash_deposit", "6685", "89822245.50"),
    ("cash_withdrawal", "6831", "73656884.00"),
    ("fee", "2922", "49921.60"),
    ("interest", "6065", "810862.90"),
    ("overdraft_interest", "9", "75.00"),
    ("transfer_in", "2462", "29809129.00"),
    ("transfer_out", "3231", "10159410.70"),
];

#[test]
fn a_real_banks_year_agrees_with_its_own_balances() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/berka");
    if !files.is_dir() {
        println!("the data set ../shared/data/berka is absent; nothing was tried");
        return;
    }
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let path = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let [customers, accounts, holders, history] =
        ["customers.csv", "accounts.csv", "holders.csv", "history.csv"].map(path);
    let ended = folder.florin(&[
        "import",
        "--customers",
        &customers,
        "--accounts",
        &accounts,
        "--holders",
        &holders,
        "--history",
        &history,
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let figures: Vec<Vec<&str>> =
        ended.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for (kind, rows, amount) in TOTALS {
        let expected = vec![kind, rows, amount, "CZK", "0"];
        assert!(figures.contains(&expected), "{expected:?} is not in\n{}", ended.stdout);
    }
    for line in ["to the cent 681", "within 0.60 CZK 458", "not 0", "without history 0"] {
        let expected: Vec<&str> = line.split_whitespace().collect();
        assert!(figures.contains(&expected), "{line} is not in\n{}", ended.stdout);
    }
    let proof = folder.florin(&["prove", "--as-of", "1993-06-30"]);
    assert_eq!(proof.code, Some(0), "{proof:?}");
    assert!(proof.stdout.contains("verified 1139 accounts"), "{}", proof.stdout);
    let at_the_end_of_june = proof.stdout.lines().find(|line| line.contains("1993-06-30: debits"));
    assert!(at_the_end_of_june.is_some(), "the trial balance is empty:\n{}", proof.stdout);
    assert!(bank.stop().success());
}
