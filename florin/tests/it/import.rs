use std::path::PathBuf;

use crate::bank::{Ended, Folder};

const CUSTOMERS: &str = "customer,date_of_birth,sex\n2,1945-02-04,M\n3,1940-10-09,F\n";
const ACCOUNTS: &str = "account,opened_on\n576,1993-01-01\n2632,1993-01-02\n";
const HOLDERS: &str = "customer,account,role\n2,576,owner\n3,576,authorised_user\n3,2632,owner\n";
const HEADER: &str = "reference,account,booking_date,kind,amount,currency,counterparty_bank,\
                      counterparty_account,purpose,balance_after\n";
const HISTORY: &str = "\
1,576,1993-01-01,cash_deposit,900.00,CZK,,,,900.00
2,2632,1993-01-02,cash_deposit,1100.00,CZK,,,,1100.00
3,576,1993-01-05,transfer_in,3401.00,CZK,IJ,6149286,pension,4301.00
4,576,1993-01-06,cash_withdrawal,5000.00,CZK,,,,-699.00
5,576,1993-01-31,overdraft_interest,1.20,CZK,,,,-700.00
6,2632,1993-01-31,interest,2.35,CZK,,,,1102.40
7,2632,1993-02-01,fee,2.40,CZK,,,,1100.00
8,2632,1993-02-02,transfer_out,100.00,CZK,,62457513,,1000.00
";

struct Files {
    folder: Folder,
    paths: [PathBuf; 4],
}

impl Files {
    fn with(history: &str) -> Self {
        let folder = Folder::new();
        let paths = [
            folder.write("customers.csv", CUSTOMERS),
            folder.write("accounts.csv", ACCOUNTS),
            folder.write("holders.csv", HOLDERS),
            folder.write("history.csv", &format!("{HEADER}{history}")),
        ];
        Self { folder, paths }
    }

    fn import(&self) -> Ended {
        let paths = self.paths.each_ref().map(|path| path.to_str().unwrap());
        let [customers, accounts, holders, history] = paths;
        self.folder.florin(&[
            "import",
            "--customers",
            customers,
            "--accounts",
            accounts,
            "--holders",
            holders,
            "--history",
            history,
        ])
    }
}

fn assert_says(ended: &Ended, parts: &[&str]) {
    for part in parts {
        assert!(
            ended.stdout.contains(part),
            "{part} is not in\n{}\n{}",
            ended.stdout,
            ended.stderr
        );
    }
}

#[test]
fn books_a_history_once_however_often_it_is_imported() {
    let files = Files::with(HISTORY);
    let (bank, _) = files.folder.up(&[]);
    let first = files.import();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_says(
        &first,
        &[
            "cash_deposit                 2        2000.00 CZK  0",
            "transfer_out                 1         100.00 CZK  0",
            "to the cent                     0",
            "within 0.60 CZK                 2",
            "rejects      none",
        ],
    );
    let again = files.import();
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_says(&again, &["cash_deposit                 2        2000.00 CZK  2"]);

    let proof = files.folder.florin(&["prove", "--as-of", "1993-01-31"]);
    assert_eq!(proof.code, Some(0), "{proof:?}");
    assert_says(
        &proof,
        &["1200.IJ", "verified 2 accounts", "at the end of 1993-01-31: debits 10404.55 CZK"],
    );
    assert!(bank.stop().success());
}

#[test]
fn lists_what_it_cannot_import_and_goes_on() {
    let bad = "\
9,576,1993-03-01,gift,1.00,CZK,,,,1.00
10,576,1993-03-01,fee,1.001,CZK,,,,1.00
11,999,1993-03-01,fee,1.00,CZK,,,,1.00
12,576,1993-03-01,fee,1.00,EUR,,,,1.00
1,576,1993-03-01,fee,5.00,CZK,,,,-705.20
13,576,1993-03-02,fee
";
    let files = Files::with(&format!("{HISTORY}{bad}"));
    let (bank, _) = files.folder.up(&[]);
    let ended = files.import();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_says(&ended, &["rejects      6", "fee                          1           2.40 CZK"]);
    let rejects = std::fs::read_to_string(files.folder.path().join("import-rejects.csv")).unwrap();
    let told: Vec<Vec<&str>> =
        rejects.lines().skip(1).map(|line| line.split(',').take(5).collect()).collect();
    let mut told: Vec<[&str; 3]> = told.iter().map(|line| [line[1], line[3], line[4]]).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ["10", "kind", "UNKNOWN_KIND"],
            ["11", "amount", "TOO_MANY_DECIMALS"],
            ["12", "account", "UNKNOWN_ACCOUNT"],
            ["13", "currency", "CURRENCY_MISMATCH"],
            ["14", "", "REFERENCE_REUSED"],
            ["15", "", "MALFORMED_LINE"],
        ]
    );
    assert!(bank.stop().success());
}
