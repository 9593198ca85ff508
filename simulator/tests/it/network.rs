//! The network without its port.

use florin_iso20022::{
    Account, Agent, CreditTransfer, Message, OriginalMessage, Party, PaymentNames, PaymentReturn,
    StatusReport, StatusRequest,
};
use florin_kernel::{Money, Uetr, UnixMicros};
use florin_simulator::{
    Action, AskBack, Credit, Network, NetworkError, Outcome, Return, Rule, RuleOf,
};

pub const NOW: UnixMicros = UnixMicros(1_795_288_260_000_000);

pub fn text<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect(text)
}

pub fn network() -> Network {
    Network::new(&text("FLORCZPP"), 7)
}

pub fn names(number: u8) -> PaymentNames {
    PaymentNames {
        end_to_end: Some(text("end-to-end")),
        uetr: Some(Uetr::from_random([number; 16])),
        ..PaymentNames::default()
    }
}

fn party(iban: &str) -> Party {
    Party {
        name: None,
        account: Some(Account::Iban(text(iban))),
        agent: Some(Agent::Bic(text("GIBACZPX"))),
    }
}

pub fn payment(number: u8) -> Vec<u8> {
    let transfer = CreditTransfer {
        id: text(&format!("payment-{number}")),
        created_at: NOW,
        names: names(number),
        amount: Money::parse("CZK", "12.50").expect("amount"),
        settlement_date: None,
        debtor: party("CZ6508000000192000145399"),
        creditor: party("NL91ABNA0417164300"),
        remittance: None,
    };
    Message::CreditTransfer(transfer).write()
}

pub fn question(number: u8) -> Vec<u8> {
    let original = OriginalMessage {
        id: text(&format!("payment-{number}")),
        name: text("pacs.008.001.08"),
        created_at: None,
    };
    let request =
        StatusRequest { id: text("question"), created_at: NOW, original, names: names(number) };
    Message::StatusRequest(request).write()
}

/// A return of 5.00 by the bank.
fn returned_of(id: &str, uetr: Uetr) -> Vec<u8> {
    let back = PaymentReturn {
        id: text(id),
        created_at: NOW,
        return_id: None,
        original: None,
        names: PaymentNames { uetr: Some(uetr), ..PaymentNames::default() },
        original_amount: None,
        amount: Money::parse("CZK", "5.00").expect("amount"),
        settlement_date: None,
        reason: None,
    };
    Message::PaymentReturn(back).write()
}

pub fn returned(id: &str) -> Vec<u8> {
    returned_of(id, Uetr::from_random([9; 16]))
}

/// Everything that waits, taken and acknowledged.
pub fn taken(network: &mut Network, now: UnixMicros) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((number, document)) = network.next(now).expect("up") {
        messages.push(Message::read(document.as_bytes()).expect("a message"));
        network.acknowledge(number);
    }
    messages
}

pub fn reports(network: &mut Network) -> Vec<(String, Option<String>)> {
    let told = |report: StatusReport| {
        let code = report.reason.and_then(|reason| reason.code).map(|code| code.to_string());
        (report.status.to_string(), code)
    };
    let report = |message| {
        let Message::StatusReport(report) = message else { panic!("{message:?}") };
        told(report)
    };
    taken(network, NOW).into_iter().map(report).collect()
}

pub fn says(status: &str, code: Option<&str>) -> (String, Option<String>) {
    (status.to_owned(), code.map(str::to_owned))
}

pub fn ruled(action: Action) -> Network {
    let mut network = network();
    let of = RuleOf::Payment;
    network.add_rule(Rule { of, iban: None, amount: None, times: Some(1), action });
    network
}

pub fn balance(network: &Network) -> i64 {
    network.shown()["balances"]["CZK"].as_i64().unwrap_or(0)
}

#[test]
fn accepts_what_no_rule_meets_and_settles_it_once() {
    let mut network = network();
    network.receive(&payment(1), NOW).expect("taken");
    network.receive(&payment(1), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("ACSC", None), says("RJCT", Some("DU01"))]);
    assert_eq!(balance(&network), -1_250);
    let known = network.payment("payment-1").expect("payment");
    assert_eq!((known.outcome.clone(), known.received), (Outcome::Settled, 2));
}

#[test]
fn rejects_by_a_rule_for_an_amount_and_an_account_as_often_as_it_says() {
    let mut network = network();
    let action = Action::Reject { code: "AC04".into() };
    let rule = Rule {
        of: RuleOf::Payment,
        iban: Some("NL91ABNA0417164300".into()),
        amount: Some("12.50".into()),
        times: Some(2),
        action: action.clone(),
    };
    network.add_rule(Rule { amount: Some("12.51".into()), ..rule.clone() });
    network.add_rule(Rule { iban: Some("CZ6508000000192000145399".into()), ..rule.clone() });
    network.add_rule(rule);
    for number in 1..=3 {
        network.receive(&payment(number), NOW).expect("taken");
    }
    let rejected = says("RJCT", Some("AC04"));
    assert_eq!(reports(&mut network), [rejected.clone(), rejected, says("ACSC", None)]);
    assert_eq!(balance(&network), -1_250);
}

#[test]
fn a_late_answer_waits_for_its_release_and_questions_hear_that_it_is_pending() {
    let mut network = ruled(Action::Late);
    network.receive(&payment(1), NOW).expect("taken");
    network.receive(&question(1), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("PDNG", None)]);
    assert_eq!(balance(&network), -1_250, "it has settled all the same");
    network.release_answers();
    network.receive(&question(1), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("ACSC", None), says("ACSC", None)]);
}

#[test]
fn a_silent_network_says_nothing_to_resends_and_questions() {
    for (action, end) in [
        (Action::Silent, says("ACSC", None)),
        (Action::SilentReject { code: "AM04".into() }, says("RJCT", Some("AM04"))),
    ] {
        let mut network = ruled(action);
        for document in [payment(1), payment(1), question(1)] {
            network.receive(&document, NOW).expect("taken");
        }
        assert_eq!(reports(&mut network), []);
        network.release_answers();
        assert_eq!(reports(&mut network), [end]);
    }
}

#[test]
fn a_delay_an_answer_twice_and_a_loss_are_what_they_say() {
    let mut network = ruled(Action::Delay { milliseconds: 5 });
    network.receive(&payment(1), NOW).expect("taken");
    assert_eq!(taken(&mut network, NOW), []);
    assert_eq!(taken(&mut network, NOW.plus_micros(5_000)).len(), 1);
    let mut network = ruled(Action::AnswerTwice);
    network.receive(&payment(1), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("ACSC", None), says("ACSC", None)]);
    let mut network = ruled(Action::Lose);
    network.receive(&payment(1), NOW).expect("taken");
    network.receive(&question(1), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("RJCT", Some("NOOR"))]);
    network.receive(&payment(1), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("ACSC", None)]);
    assert_eq!(balance(&network), -1_250);
}

#[test]
fn a_network_that_is_down_takes_and_gives_nothing() {
    let mut network = network();
    network.receive(&payment(1), NOW).expect("taken");
    network.set_down(true);
    assert!(matches!(network.receive(&payment(2), NOW), Err(NetworkError::Down)));
    assert!(matches!(network.next(NOW), Err(NetworkError::Down)));
    network.set_down(false);
    assert_eq!(reports(&mut network), [says("ACSC", None)]);
    assert!(network.payment("payment-2").is_none());
}

#[test]
fn sends_credits_and_settles_one_of_a_uetr_whatever_is_repeated() {
    let mut network = network();
    let credit = Credit {
        iban: "CZ6508000000192000145399".into(),
        amount: "5.00".into(),
        currency: "CZK".into(),
        from_iban: None,
        text: Some("salary".into()),
        uetr: None,
        copies: 2,
    };
    let uetr = network.send_credit(&credit, NOW).expect("sent");
    let again = Credit { uetr: Some(uetr.to_string()), copies: 1, ..credit };
    network.send_credit(&again, NOW).expect("sent");
    let messages = taken(&mut network, NOW);
    assert_eq!(messages.len(), 3);
    for message in messages {
        let Message::CreditTransfer(transfer) = message else { panic!("another sort") };
        assert_eq!(transfer.names.uetr, Some(uetr));
    }
    assert_eq!(balance(&network), 500);
    // The bank sends it back.
    network.receive(&returned_of("return-1", uetr), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("ACSC", None)]);
    assert_eq!(balance(&network), 0);
}

#[test]
fn returns_and_recalls_name_what_they_are_of() {
    let mut network = network();
    let unknown = Return {
        uetr: names(1).uetr.expect("uetr").to_string(),
        code: "AC04".into(),
        ..Return::default()
    };
    assert!(matches!(network.send_return(&unknown, NOW), Err(NetworkError::Unknown(_))));
    let recall = AskBack { uetr: unknown.uetr.clone(), code: "DUPL".into(), ..AskBack::default() };
    assert!(matches!(network.send_recall(&recall, NOW), Err(NetworkError::Unknown(_))));
    network.receive(&payment(1), NOW).expect("taken");
    network.send_return(&unknown, NOW).expect("known by now");
    let messages = taken(&mut network, NOW);
    let Some(Message::PaymentReturn(back)) = messages.last() else { panic!("{messages:?}") };
    assert_eq!(back.names.uetr, names(1).uetr);
    assert_eq!(balance(&network), 0);
}

#[test]
fn the_report_of_a_cycle_has_every_movement_between_its_balances() {
    let mut network = network();
    network.receive(&payment(1), NOW).expect("taken");
    network.receive(&payment(2), NOW).expect("taken");
    network.close_cycle(NOW).expect("closed");
    let messages = taken(&mut network, NOW);
    let Some(Message::Statement(report)) = messages.last() else { panic!("{messages:?}") };
    let czk = |minor| Money::new(minor, text("CZK"));
    assert_eq!((report.balance("OPBD"), report.balance("CLBD")), (Some(czk(0)), Some(czk(-2_500))));
    assert_eq!(
        report.entries.iter().map(|entry| entry.amount).collect::<Vec<_>>(),
        [czk(-1_250); 2]
    );
    network.close_cycle(NOW).expect("closed");
    let messages = taken(&mut network, NOW);
    let Some(Message::Statement(empty)) = messages.last() else { panic!("{messages:?}") };
    assert_eq!((empty.balance("OPBD"), empty.entries.len()), (Some(czk(-2_500)), 0));
}

#[test]
fn a_network_that_is_kept_is_taken_up_as_it_was() {
    let mut network = network();
    network.receive(&payment(1), NOW).expect("taken");
    let kept = serde_json::to_vec(&network).expect("json");
    let mut again: Network = serde_json::from_slice(&kept).expect("network");
    again.receive(&payment(1), NOW).expect("taken");
    assert_eq!(reports(&mut again), [says("ACSC", None), says("RJCT", Some("DU01"))]);
}

#[test]
fn a_cycle_of_many_movements_is_told_in_statements_that_follow_each_other() {
    let mut network = network();
    let order = Credit {
        iban: "CZ6508000000192000145399".into(),
        amount: "1.00".into(),
        currency: "CZK".into(),
        from_iban: None,
        text: None,
        uetr: None,
        copies: 1,
    };
    for _ in 0..2_001 {
        network.send_credit(&order, NOW).expect("sent");
    }
    taken(&mut network, NOW);
    network.close_cycle(NOW).expect("closed");
    let mut opening = 0;
    let mut sizes = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for message in taken(&mut network, NOW) {
        let Message::Statement(report) = message else { panic!("{message:?}") };
        assert_eq!(report.balance("OPBD").map(Money::minor), Some(opening));
        opening += report.entries.iter().map(|entry| entry.amount.minor()).sum::<i64>();
        assert_eq!(report.balance("CLBD").map(Money::minor), Some(opening));
        sizes.push(report.entries.len());
        ids.insert(report.id.to_string());
    }
    assert_eq!((sizes, ids.len(), opening), (vec![1_000, 1_000, 1], 3, 200_100));
}
