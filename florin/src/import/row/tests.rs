use std::io::Write as _;

use super::*;
use crate::import::table::Table;

fn read_all(lines: &str) -> Vec<Result<Row, Reject>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{}", Row::COLUMNS.join(",")).unwrap();
    write!(file, "{lines}").unwrap();
    let mut table = Table::open(file.path(), &Row::COLUMNS).unwrap();
    let mut rows = Vec::new();
    while let Some(line) = table.next().unwrap() {
        rows.push(line.and_then(|line| Row::read(&line)));
    }
    rows
}

fn the_row(line: &str) -> Row {
    read_all(line).remove(0).unwrap()
}

#[test]
fn books_each_kind_against_its_own_account_of_the_ledger() {
    let cases = [
        ("cash_deposit", "", Direction::Credit, "1010"),
        ("cash_withdrawal", "AB", Direction::Debit, "1010"),
        ("fee", "", Direction::Debit, "4010"),
        ("interest", "", Direction::Credit, "5010"),
        ("overdraft_interest", "", Direction::Debit, "4020"),
        ("transfer_in", "AB", Direction::Credit, "1200.AB"),
        ("transfer_out", "YZ", Direction::Debit, "1200.YZ"),
        ("transfer_out", "", Direction::Debit, "1200"),
    ];
    for (kind, bank, side, gl_code) in cases {
        let row =
            the_row(&format!("7,576,1993-01-05,{kind},3401.00,CZK,{bank},614,rent,4201.00\n"));
        let transaction = row.transaction("import/7".to_owned(), "acc_1");
        let [customer, other] = transaction.legs.as_slice() else { panic!("two legs") };
        assert_eq!(customer.target, Some(Target::AccountId("acc_1".to_owned())));
        assert_eq!(customer.direction(), side, "{kind}");
        assert_eq!(other.target, Some(Target::GlCode(gl_code.to_owned())), "{kind}");
        assert_ne!(other.direction(), side, "{kind}");
        assert_eq!(customer.amount, other.amount);
        assert_eq!((transaction.kind.as_str(), transaction.description.as_str()), (kind, "rent"));
        assert_eq!(transaction.booking_date, "1993-01-05");
        assert_eq!(transaction.value_date, "1993-01-05");
    }
}

#[test]
fn names_the_other_side_by_bank_and_account() {
    let shown = |line: &str| the_row(line).counterparty();
    assert_eq!(shown("7,5,1993-01-05,transfer_in,1,CZK,IJ,6149286,,1\n"), "IJ/6149286");
    assert_eq!(shown("7,5,1993-01-05,transfer_in,1,CZK,,6149286,,1\n"), "6149286");
    assert_eq!(shown("7,5,1993-01-05,transfer_in,1,CZK,IJ,,,1\n"), "IJ");
    assert_eq!(shown("7,5,1993-01-05,transfer_in,1,CZK,,,,-5343.60\n"), "");
}

#[test]
fn names_line_column_and_rule_of_a_bad_line_and_reads_on() {
    let rows = read_all(
        "1,5,1993-01-05,fee,14.605,CZK,,,,1\n\
         2,5,1993-02-30,fee,14.60,CZK,,,,1\n\
         3,5,1993-01-05,gift,14.60,CZK,,,,1\n\
         4,5,1993-01-05,fee,-1,CZK,,,,1\n\
         5,5,1993-01-05,fee,1,czk,,,,1\n\
         6,5,1993-01-05,fee\n\
         ,5,1993-01-05,fee,1,CZK,,,,1\n\
         8,5,1993-01-05,transfer_in,1,CZK,A/B,,,1\n\
         9,5,1993-01-05,fee,1,CZK,,,,1\n\
         10,5,1993-01-05,fee,10000000000000.01,CZK,,,,1\n\
         11,5,1993-01-05,fee,10000000000000.00,CZK,,,,1\n",
    );
    let told: Vec<(u64, String, String)> = rows
        .into_iter()
        .filter_map(Result::err)
        .map(|reject| (reject.line, reject.field, reject.rule))
        .collect();
    let expected = [
        (2, "amount", "TOO_MANY_DECIMALS"),
        (3, "booking_date", "MALFORMED_DATE"),
        (4, "kind", "UNKNOWN_KIND"),
        (5, "amount", "NOT_POSITIVE"),
        (6, "amount", "UNKNOWN_CURRENCY"),
        (7, "", "MALFORMED_LINE"),
        (8, "reference", "REQUIRED"),
        (9, "counterparty_bank", "MALFORMED_CODE"),
        (11, "amount", "AMOUNT_TOO_LARGE"),
    ];
    let expected = expected.map(|(line, field, rule)| (line, field.to_owned(), rule.to_owned()));
    assert_eq!(told, expected);
}
