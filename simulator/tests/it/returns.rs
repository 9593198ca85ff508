//! Returns by rules of their own, what is told after a delay, and cycles that follow the bank.

use florin_iso20022::Message;
use florin_kernel::Money;
use florin_simulator::{Action, Network, Return, Rule, RuleOf};

use crate::network::{
    NOW, balance, names, network, payment, question, reports, returned, ruled, says, taken,
};

#[test]
fn a_part_comes_back_or_more_or_another_currency_and_settles_as_it_is_told() {
    let mut network = network();
    network.receive(&payment(1), NOW).expect("taken");
    taken(&mut network, NOW);
    let whole = Return {
        uetr: names(1).uetr.expect("uetr").to_string(),
        code: "AC04".into(),
        ..Return::default()
    };
    let part = Return { amount: Some("2.50".into()), ..whole.clone() };
    network.send_return(&part, NOW).expect("sent");
    let other = Return { currency: Some("EUR".into()), ..whole.clone() };
    network.send_return(&other, NOW).expect("sent");
    let told: Vec<_> = taken(&mut network, NOW)
        .into_iter()
        .map(|message| {
            let Message::PaymentReturn(back) = message else { panic!("{message:?}") };
            (back.amount.to_string(), back.original_amount.map(|whole| whole.to_string()))
        })
        .collect();
    let whole_amount = Money::parse("CZK", "12.50").expect("amount").to_string();
    let wanted = [("CZK", "2.50"), ("EUR", "12.50")].map(|(currency, amount)| {
        (Money::parse(currency, amount).expect("amount").to_string(), Some(whole_amount.clone()))
    });
    assert_eq!(told, wanted);
    assert_eq!(balance(&network), -1_000);
    assert_eq!(network.shown()["balances"]["EUR"], 1_250);
    for amount in ["0.00", "-1.00", "1.005", "x"] {
        let none = Return { amount: Some(amount.into()), ..whole.clone() };
        assert!(network.send_return(&none, NOW).is_err(), "{amount}");
    }
}

#[test]
fn returns_of_the_bank_are_answered_by_their_own_rules() {
    for (action, answers, settled) in [
        (Action::Reject { code: "AC04".into() }, vec![says("RJCT", Some("AC04"))], false),
        (Action::Silent, vec![], true),
        (Action::Late, vec![], true),
        (Action::Lose, vec![], false),
        (Action::AnswerTwice, vec![says("ACSC", None), says("ACSC", None)], true),
    ] {
        let mut network = network();
        let rule = Rule { of: RuleOf::Return, iban: None, amount: None, times: Some(1), action };
        network.add_rule(rule.clone());
        // A payment does not meet it, and does not use it up.
        network.receive(&payment(1), NOW).expect("taken");
        assert_eq!(reports(&mut network), [says("ACSC", None)]);
        network.receive(&returned("return-1"), NOW).expect("taken");
        assert_eq!(reports(&mut network), answers, "{rule:?}");
        assert_eq!(balance(&network), if settled { -1_750 } else { -1_250 }, "{rule:?}");
        network.receive(&returned("return-2"), NOW).expect("taken");
        assert_eq!(reports(&mut network), [says("ACSC", None)], "{rule:?}");
    }
}

#[test]
fn a_delayed_payment_is_pending_until_its_time_and_known_from_then_on() {
    let mut network = ruled(Action::Delay { milliseconds: 1_000 });
    network.receive(&payment(1), NOW).expect("taken");
    network.receive(&question(1), NOW).expect("taken");
    assert_eq!(reports(&mut network), [says("PDNG", None)]);
    let later = NOW.plus_micros(1_000_000);
    network.receive(&question(1), later).expect("taken");
    let answers = taken(&mut network, later);
    let statuses: Vec<_> = answers
        .iter()
        .map(|message| {
            let Message::StatusReport(report) = message else { panic!("{message:?}") };
            report.status.to_string()
        })
        .collect();
    // The delayed answer, and that to the question.
    assert_eq!(statuses, ["ACSC", "ACSC"]);
}

#[test]
fn a_cycle_ends_with_the_business_date_of_the_bank_and_with_no_other() {
    let mut network = network();
    network.receive(&payment(1), NOW).expect("taken");
    taken(&mut network, NOW);
    for date in ["2026-11-20", "2026-11-20"] {
        network.follow(date, NOW).expect("heard");
        assert!(taken(&mut network, NOW).is_empty(), "{date}");
    }
    // Kept over a restart: the close that nobody saw ends the cycle when it is heard of.
    let kept = serde_json::to_vec(&network).expect("json");
    let mut network: Network = serde_json::from_slice(&kept).expect("network");
    network.follow("2026-11-23", NOW).expect("heard");
    let messages = taken(&mut network, NOW);
    let [Message::Statement(report)] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(report.entries.len(), 1);
    network.follow("2026-11-23", NOW).expect("heard");
    assert!(taken(&mut network, NOW).is_empty());
}
