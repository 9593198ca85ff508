//! Recalls between the bank and the banks behind the network.

use florin_iso20022::{
    Account, Assignment, CreditTransfer, Message, OriginalMessage, Party, PaymentNames, Reason,
    Recall, RecallAnswer,
};
use florin_kernel::{Money, Uetr, UnixMicros};
use florin_simulator::{AskBack, Credit, Network, RecallAction, RecallRule};

const NOW: UnixMicros = UnixMicros(1_795_288_260_000_000);

fn text<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect(text)
}

fn names() -> PaymentNames {
    PaymentNames {
        end_to_end: Some(text("end-to-end")),
        uetr: Some(Uetr::from_random([3; 16])),
        ..PaymentNames::default()
    }
}

/// A network that has settled a payment of the bank.
fn network() -> Network {
    let mut network = Network::new(&text("FLORCZPP"), 7);
    let party =
        |iban: &str| Party { name: None, account: Some(Account::Iban(text(iban))), agent: None };
    let transfer = CreditTransfer {
        id: text("payment"),
        created_at: NOW,
        names: names(),
        amount: Money::parse("EUR", "12.50").expect("amount"),
        settlement_date: None,
        debtor: party("CZ6508000000192000145399"),
        creditor: party("NL91ABNA0417164300"),
        remittance: None,
    };
    network.receive(&Message::CreditTransfer(transfer).write(), NOW).expect("taken");
    taken(&mut network);
    network
}

fn recall(id: &str, names: PaymentNames) -> Vec<u8> {
    let assignment = Assignment { id: text(id), assigner: None, assignee: None, created_at: NOW };
    let original =
        OriginalMessage { id: text("payment"), name: text("pacs.008.001.08"), created_at: None };
    let recall = Recall {
        assignment,
        case: Some(text(id)),
        recall_id: None,
        original,
        names,
        amount: None,
        settlement_date: None,
        reason: Some(Reason::of(text("DUPL"))),
    };
    Message::Recall(recall).write()
}

/// What waits for the bank: an answer as case, outcome and code, any other message by its kind.
fn taken(network: &mut Network) -> Vec<(String, String, String)> {
    let mut said = Vec::new();
    while let Some((number, document)) = network.next(NOW).expect("up") {
        let message = Message::read(document.as_bytes()).expect("a message");
        network.acknowledge(number);
        said.push(match message {
            Message::RecallAnswer(RecallAnswer { case, outcome, reason, .. }) => {
                let code = reason.and_then(|reason| reason.code).map(|code| code.to_string());
                let case = case.map(|case| case.to_string()).unwrap_or_default();
                (case, outcome.to_string(), code.unwrap_or_default())
            }
            Message::PaymentReturn(back) => {
                let code = back.reason.and_then(|reason| reason.code).expect("a code").to_string();
                ("pacs.004".to_owned(), back.amount.to_string(), code)
            }
            other @ (Message::CreditTransfer(_)
            | Message::StatusReport(_)
            | Message::StatusRequest(_)
            | Message::Recall(_)
            | Message::Statement(_)
            | Message::Initiation(_)
            | Message::CustomerReport(_)) => {
                (other.kind().name().to_owned(), String::new(), String::new())
            }
        });
    }
    said
}

fn is(case: &str, outcome: &str, code: &str) -> (String, String, String) {
    (case.to_owned(), outcome.to_owned(), code.to_owned())
}

#[test]
fn a_recall_is_answered_as_the_next_rule_has_it_and_once() {
    let refuses = |code: &str| is("case", "RJCR", code);
    let code = || "LEGL".to_owned();
    for (action, wanted) in [
        (None, vec![refuses("CUST")]),
        (Some(RecallAction::Reject { code: code() }), vec![refuses("LEGL")]),
        (Some(RecallAction::AnswerTwice { code: code() }), vec![refuses("LEGL"), refuses("LEGL")]),
        (Some(RecallAction::Pending), vec![is("case", "PDCR", "")]),
        (Some(RecallAction::Silent), vec![]),
        (Some(RecallAction::Return), vec![is("pacs.004", "12.50 EUR", "FOCR")]),
    ] {
        let mut network = network();
        if let Some(action) = action {
            network.add_recall_rule(RecallRule { times: Some(1), action });
        }
        for _ in 0..2 {
            network.receive(&recall("case", names()), NOW).expect("taken");
        }
        assert_eq!(taken(&mut network), wanted);
        assert_eq!(network.shown()["recalls"][0]["received"], 2);
    }
}

#[test]
fn a_late_answer_comes_when_it_is_released_and_one_to_an_unknown_case_at_once() {
    let mut network = network();
    let late = RecallAction::Late { code: "NOAS".into() };
    network.add_recall_rule(RecallRule { times: Some(1), action: late });
    network.add_recall_rule(RecallRule { times: Some(1), action: RecallAction::Unknown });
    network.receive(&recall("late", names()), NOW).expect("taken");
    network.receive(&recall("other", names()), NOW).expect("taken");
    let said = taken(&mut network);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(!["late", "other"].contains(&said[0].0.as_str()), "{said:?}");
    network.release_answers();
    assert_eq!(taken(&mut network), [is("late", "RJCR", "NOAS")]);
}

#[test]
fn what_is_not_there_or_came_back_cannot_be_asked_back() {
    let mut network = network();
    let unknown = PaymentNames { uetr: Some(Uetr::from_random([4; 16])), ..names() };
    network.receive(&recall("unknown", unknown), NOW).expect("taken");
    assert_eq!(taken(&mut network), [is("unknown", "RJCR", "NOOR")]);
    network.add_recall_rule(RecallRule { times: None, action: RecallAction::Return });
    network.receive(&recall("first", names()), NOW).expect("taken");
    network.receive(&recall("second", names()), NOW).expect("taken");
    let back = is("pacs.004", "12.50 EUR", "FOCR");
    assert_eq!(taken(&mut network), [back, is("second", "RJCR", "ARDT")]);
}

#[test]
fn a_credit_is_asked_back_under_the_case_that_is_wanted_as_often_as_is_wanted() {
    let mut network = network();
    let credit = Credit {
        iban: "CZ6508000000192000145399".into(),
        amount: "5.00".into(),
        currency: "EUR".into(),
        from_iban: None,
        text: None,
        uetr: None,
        copies: 0,
    };
    let uetr = network.send_credit(&credit, NOW).expect("sent").to_string();
    taken(&mut network);
    let order =
        AskBack { uetr, code: "FRAD".into(), copies: 2, case: Some("c-1".into()), amount: None };
    assert_eq!(network.send_recall(&order, NOW).expect("sent"), "c-1");
    let documents: Vec<_> = std::iter::from_fn(|| {
        let next = network.next(NOW).expect("up").map(|(number, text)| (number, text.to_owned()));
        next.map(|(number, document)| {
            network.acknowledge(number);
            document
        })
    })
    .collect();
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0], documents[1]);
    let Ok(Message::Recall(asked)) = Message::read(documents[0].as_bytes()) else {
        panic!("{documents:?}")
    };
    assert_eq!(asked.case, Some(text("c-1")));
    assert_eq!(asked.amount.map(|amount| amount.to_string()).as_deref(), Some("5.00 EUR"));
}
