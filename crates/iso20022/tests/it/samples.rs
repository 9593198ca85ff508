//! Messages that nobody of this project wrote, read from `shared/data/iso20022` (its SOURCE.md
//! says where they are from).

use std::path::Path;

use florin_iso20022::{Account, Agent, Message};
use florin_kernel::{Iban, Money};
use florin_testkit::shared_data;

use crate::examples::text;

fn sample(folder: &Path, name: &str) -> Message {
    let bytes = std::fs::read(folder.join(name)).expect("sample");
    Message::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn usd(amount: &str) -> Money {
    Money::parse("USD", amount).expect("amount")
}

#[test]
fn reads_a_credit_transfer_inside_of_a_networks_envelope() {
    let Some(folder) = shared_data("iso20022") else { return };
    let Message::CreditTransfer(transfer) = sample(&folder, "pacs008.xml") else {
        panic!("another sort")
    };
    assert_eq!(transfer.id.as_str(), "M20230713234567891T1BOTS02083825666");
    assert_eq!(transfer.amount, usd("46154.49"));
    assert_eq!(transfer.settlement_date.map(|date| date.to_string()), Some("2023-07-13".into()));
    assert_eq!(transfer.names.end_to_end, Some(text("EOTS")));
    assert_eq!(transfer.names.transaction, Some(text("20230713234567891T1BCXIA01868416991")));
    assert_eq!(transfer.names.uetr, None);
    assert_eq!(transfer.debtor.name, Some(text("MRS. GREEN")));
    assert_eq!(transfer.debtor.agent, Some(Agent::Member(text("234567891"))));
    assert_eq!(transfer.creditor.account, Some(Account::Other(text("42341169728762787"))));
    assert_eq!(transfer.remittance, None);
}

#[test]
fn reads_what_became_of_a_payment() {
    let Some(folder) = shared_data("iso20022") else { return };
    let Message::StatusReport(accepted) = sample(&folder, "pacs002.ACTC.xml") else {
        panic!("another")
    };
    assert_eq!(accepted.status, text("ACTC"));
    assert_eq!((accepted.reason, accepted.amount), (None, Some(usd("2000.00"))));
    assert_eq!(accepted.original.id, text("M20230711200000057A1BFFF64928178098"));
    let Message::StatusReport(rejected) = sample(&folder, "pacs002.RJCT.xml") else {
        panic!("another")
    };
    assert_eq!(rejected.status, text("RJCT"));
    assert_eq!(rejected.reason.and_then(|reason| reason.code), Some(text("AC03")));
}

#[test]
fn reads_recalls_and_the_answer_to_one() {
    let Some(folder) = shared_data("iso20022") else { return };
    let Message::Recall(recall) = sample(&folder, "camt056.refund.xml") else { panic!("another") };
    assert_eq!(recall.amount, Some(usd("42389.38")));
    assert_eq!(recall.original.name, text("pacs.008.001.08"));
    assert_eq!(recall.reason.and_then(|reason| reason.code), Some(text("CUST")));
    assert_eq!(recall.assignment.assignee, Some(Agent::Member(text("000000032"))));
    // This one names nobody who is asked.
    let Message::Recall(recall) = sample(&folder, "camt056.timeout.xml") else { panic!("another") };
    assert_eq!((recall.assignment.assignee, recall.amount), (None, Some(usd("21838.41"))));
    assert_eq!(recall.case, Some(text("M20230713990000001T1HOTS00439600772")));
    let Message::RecallAnswer(answer) = sample(&folder, "camt029.xml") else { panic!("another") };
    assert_eq!(answer.outcome, text("IPAY"));
    assert_eq!(answer.case, Some(text("M20230713BOTS00856763956")));
    assert_eq!(answer.original.map(|original| original.name), Some(text("camt.056.001.08")));
}

#[test]
fn reads_statements_of_two_versions() {
    let Some(folder) = shared_data("iso20022") else { return };
    let Message::Statement(old) = sample(&folder, "camt053.v2.minimal.xml") else {
        panic!("another")
    };
    let iban: Iban = text("NL26VAYB8060476890");
    assert_eq!(old.account, Account::Iban(iban));
    let eur = |amount| Money::parse("EUR", amount).expect("amount");
    assert_eq!(old.balance("OPBD"), Some(eur("18.15")));
    assert_eq!(old.balance("CLAV"), Some(Money::parse("JPY", "-2700").expect("amount")));
    let entry = old.entries.first().expect("entry");
    assert_eq!((entry.amount, entry.status.as_str()), (eur("8.85"), "BOOK"));
    let Message::Statement(all) = sample(&folder, "camt053.v2.all-balance-types.xml") else {
        panic!("another")
    };
    assert_eq!(all.balances.len(), 10);
    // 8.850 in the sample: the same number.
    assert_eq!(all.entries.first().map(|entry| entry.amount), Some(eur("8.85")));
    let Message::Statement(new) = sample(&folder, "camt053.v8.xml") else { panic!("another") };
    let entry = new.entries.first().expect("entry");
    assert_eq!(entry.booked.map(|date| date.to_string()), Some("2014-12-31".into()));
    assert_eq!(entry.names.end_to_end, Some(text("MUELL/FINP/RA12345")));
    assert_eq!(entry.reference, Some(text("AAAASESS-FP-CN_98765/01")));
}
