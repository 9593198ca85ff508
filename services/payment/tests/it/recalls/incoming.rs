//! Another bank asks back what it has paid us.

use florin_iso20022::{Message, OriginalMessage, PaymentNames, Reason, StatusReport};
use florin_proto::payment::v1::{RecallDecision, RecallStatus};

use super::{NOW, answer, asked, parsed, person, status};
use crate::{
    bank::{customer, iban, places, reason, staff},
    clearing::world::{World, credit},
};

#[tokio::test]
async fn a_payment_that_never_came_is_answered_so_once_however_often_it_is_asked_for() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = "8a562c67-ca16-48ba-b074-65581be6f011";
        for _ in 0..3 {
            world.says(asked("case", Some(uetr), "nothing", "nobody"));
            world.hear().await;
        }
        world.says(asked("other", None, "nothing", "nobody"));
        world.hear().await;
        let mut answers = world.answers();
        answers.sort();
        assert_eq!(answers, [answer("case", "NOOR"), answer("other", "NOOR")]);
        let recall = world.recall_of("case").await;
        assert_eq!((status(&recall), recall.answer.as_str()), (RecallStatus::Rejected, "NOOR"));
        let events = world.bank.events(&recall.recall_id).await;
        assert_eq!(events, [("recall_requested".into(), 1), ("recall_ended".into(), 2)]);
    }
}

#[tokio::test]
async fn other_content_under_a_case_that_is_known_changes_nothing_and_is_shown() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.paid_in().await;
        world.asked_back(&uetr, "case").await;
        let mut order = florin_testkit::simulator::AskBack {
            uetr: uetr.clone(),
            code: "DUPL".into(),
            case: Some("case".into()),
            ..Default::default()
        };
        order.amount = Some("19.00".into());
        world.network.network().send_recall(&order, NOW).unwrap();
        world.hear().await;
        assert_eq!(status(&world.recall_of("case").await), RecallStatus::Waiting);
        let waiting = world.waiting().await;
        let shown = waiting.iter().filter(|one| one.last_cause.contains("something else"));
        assert_eq!(shown.count(), 1, "{waiting:?}");
        // Another bank's case of that name is another.
        world.says(asked("case", Some(&uetr), "nothing", "NOTPROVIDED"));
        world.hear().await;
        let recalls = world.recalls().await;
        assert_eq!(recalls.iter().filter(|one| one.case_id == "case").count(), 2);
    }
}

#[tokio::test]
async fn a_recall_of_another_amount_is_of_no_payment_of_ours() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.paid_in().await;
        let order = florin_testkit::simulator::AskBack {
            uetr,
            code: "DUPL".into(),
            case: Some("less".into()),
            amount: Some("19.99".into()),
            copies: 1,
        };
        world.network.network().send_recall(&order, NOW).unwrap();
        world.hear().await;
        assert_eq!(world.answers(), [answer("less", "NOOR")]);
        assert_eq!(world.money(), (12_000, 0));
    }
}

#[tokio::test]
async fn two_persons_send_a_customers_money_back_and_one_does_not() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.paid_in().await;
        let recall = world.asked_back(&uetr, "case").await;
        let id = recall.recall_id.as_str();
        assert_eq!(status(&recall), RecallStatus::Waiting);
        assert_eq!(recall.account_id, world.bank.from.to_string());
        assert_eq!(recall.amount.unwrap().amount, "20.00");
        assert!(recall.answer_by.is_some() && !recall.proposed, "{:?}", recall.answer_by);
        let accept = RecallDecision::Accept;
        let first = world.decide("eva", "k1", id, accept).await.unwrap().into_inner();
        assert!(first.recall.unwrap().proposed);
        assert_eq!(reason(world.decide("eva", "k2", id, accept).await), "OWN_PROPOSAL");
        world.work().await;
        assert_eq!(world.money(), (12_000, 0), "one person moves nothing");
        world.decide("ian", "k3", id, accept).await.unwrap();
        world.work().await;
        world.hear().await;
        let recall = world.recall(id).await;
        assert_eq!((status(&recall), recall.answer.as_str()), (RecallStatus::Accepted, "FOCR"));
        assert_eq!(world.money(), (10_000, 0));
        assert_eq!(world.answers(), [], "the return is the answer");
        assert_eq!(world.returns(), 1);
        let posted = ["/credit", "/debit", "/returned", "/suspense"].map(|end| world.posted(end));
        assert_eq!(posted, [1, 1, 1, 0]);
        assert_eq!(world.bank.ledger.gl("9010"), 0, "nothing stays in suspense");
        world.nostro_is_right();
        assert_eq!(reason(world.decide("ida", "k4", id, accept).await), "RECALL_NOT_WAITING");
        // Asked for again, it is back already.
        world.asked_back(&uetr, "again").await;
        assert_eq!(world.answers(), [answer("again", "ARDT")]);
        let audit = "SELECT COUNT(*) FROM audit WHERE method LIKE '%DecideRecall'";
        assert_eq!(world.bank.count(audit).await, 2);
    }
}

#[tokio::test]
async fn one_person_rejects_a_recall_and_the_answer_is_sent_until_the_network_has_it() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.paid_in().await;
        let id = world.asked_back(&uetr, "case").await.recall_id;
        world.decide("eva", "k1", &id, RecallDecision::Accept).await.unwrap();
        world.network.network().set_down(true);
        world.decide("eva", "k2", &id, RecallDecision::RejectLegal).await.unwrap();
        for _ in 0..3 {
            world.work().await;
            assert_eq!(status(&world.recall(&id).await), RecallStatus::Answering);
            world.let_recalls_be_due().await;
        }
        world.network.network().set_down(false);
        world.work().await;
        assert_eq!(world.answers(), [answer("case", "LEGL")]);
        assert_eq!(status(&world.recall(&id).await), RecallStatus::Rejected);
        assert_eq!(world.money(), (12_000, 0));
        let late = world.decide("ian", "k3", &id, RecallDecision::Accept).await;
        assert_eq!(reason(late), "RECALL_NOT_WAITING");
    }
}

#[tokio::test]
async fn what_nobody_decides_in_time_is_answered_so_and_not_before() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.paid_in().await;
        let id = world.asked_back(&uetr, "case").await.recall_id;
        world.decide("eva", "k1", &id, RecallDecision::Accept).await.unwrap();
        // Taken before its time by a clock that was ahead.
        world.bank.execute("UPDATE recalls SET due_at = 0 WHERE stage = 2").await;
        world.work().await;
        assert_eq!(status(&world.recall(&id).await), RecallStatus::Waiting);
        world.let_people_be_late().await;
        assert_eq!(world.answers(), [answer("case", "NOAS")]);
        let late = world.decide("ian", "k2", &id, RecallDecision::Accept).await;
        assert_eq!(reason(late), "RECALL_NOT_WAITING");
        assert_eq!(world.money(), (12_000, 0));
    }
}

#[tokio::test]
async fn an_account_that_cannot_pay_back_is_the_answer() {
    for code in ["AM04", "AC04", "LEGL"] {
        for place in places() {
            let world = World::open(place).await;
            let uetr = world.paid_in().await;
            let id = world.asked_back(&uetr, "case").await.recall_id;
            let (ledger, account) = (&world.bank.ledger, world.bank.from);
            match code {
                "AM04" => ledger.set_balance(account, 1_999),
                "AC04" => ledger.close_account(account),
                _ => ledger.freeze(account),
            }
            // The answer to the void is lost: the repeat knows the reason still.
            ledger.set_loses_voids(true);
            world.accepted(&id).await;
            assert_eq!(status(&world.recall(&id).await), RecallStatus::Debiting, "{code}");
            ledger.set_loses_voids(false);
            world.let_recalls_be_due().await;
            world.work().await;
            assert_eq!(world.answers(), [answer("case", code)]);
            assert_eq!(status(&world.recall(&id).await), RecallStatus::Rejected);
            assert_eq!((world.posted("/debit"), world.returns()), (0, 0));
            // Once there is money again, another recall may have it.
            if code == "AM04" {
                ledger.set_balance(account, 12_000);
                let second = world.asked_back(&uetr, "second").await.recall_id;
                world.accepted(&second).await;
                assert_eq!(status(&world.recall(&second).await), RecallStatus::Accepted);
                assert_eq!(world.money().0, 10_000);
            }
        }
    }
}

#[tokio::test]
async fn two_recalls_of_one_payment_debit_it_once() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.paid_in().await;
        let first = world.asked_back(&uetr, "first").await.recall_id;
        let second = world.asked_back(&uetr, "second").await.recall_id;
        world.decide("eva", "k0", &second, RecallDecision::Accept).await.unwrap();
        world.network.network().set_down(true);
        world.decide("eva", "k1", &first, RecallDecision::Accept).await.unwrap();
        world.decide("ian", "k2", &first, RecallDecision::Accept).await.unwrap();
        let late = world.decide("ian", "k3", &second, RecallDecision::Accept).await;
        assert_eq!(reason(late), "RECALL_NOT_WAITING", "the first has taken it");
        world.work().await;
        world.let_people_be_late().await;
        assert_eq!(status(&world.recall(&second).await), RecallStatus::Waiting, "it waits for it");
        world.network.network().set_down(false);
        world.let_recalls_be_due().await;
        world.work().await;
        world.hear().await;
        world.let_people_be_late().await;
        assert_eq!(world.answers(), [answer("second", "ARDT")]);
        assert_eq!(status(&world.recall(&first).await), RecallStatus::Accepted);
        assert_eq!((world.posted("/debit"), world.returns()), (1, 1));
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn what_goes_back_by_itself_is_not_sent_back_twice() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.pays_in(&iban(77));
        while world.worker.receive_next().await.unwrap() {}
        // To suspense, and its return on its way, whose end nobody has heard of.
        world.work().await;
        assert_eq!(world.text("SELECT CAST(stage AS TEXT) FROM clearing_in").await, "3");
        world.says(asked("early", Some(&uetr), "nothing", "NOTPROVIDED"));
        let early = async || status(&world.recall_of("early").await);
        world.hear().await;
        world.let_recalls_be_due().await;
        world.work().await;
        assert_eq!(early().await, RecallStatus::Rejected);
        assert_eq!(world.answers(), [answer("early", "ARDT")]);
        assert_eq!((world.returns(), world.posted("/returned")), (1, 1));
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn a_recall_waits_while_the_return_is_under_way() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.pays_in(&iban(77));
        assert!(world.worker.receive_next().await.unwrap());
        world.network.network().set_down(true);
        world.work().await;
        world.network.network().set_down(false);
        world.says(asked("early", Some(&uetr), "nothing", "NOTPROVIDED"));
        assert!(world.worker.receive_next().await.unwrap());
        assert!(world.worker.turn().await.unwrap());
        assert_eq!(status(&world.recall_of("early").await), RecallStatus::Received);
        assert_eq!(world.answers(), []);
        world.let_recalls_be_due().await;
        world.work().await;
        world.hear().await;
        world.let_recalls_be_due().await;
        world.work().await;
        assert_eq!(world.answers(), [answer("early", "ARDT")]);
        assert_eq!((world.returns(), world.posted("/returned")), (1, 1));
    }
}

/// A payment to nobody, whose return the network has rejected: it is in suspense.
async fn kept(world: &World) -> String {
    let uetr = world.pays_in(&iban(77));
    assert!(world.worker.receive_next().await.unwrap());
    world.network.network().set_down(true);
    world.work().await;
    world.network.network().set_down(false);
    let out = world.text("SELECT id FROM clearing_out").await;
    let report = StatusReport {
        id: parsed("rejected"),
        created_at: NOW,
        original: OriginalMessage {
            id: parsed(&out),
            name: parsed("pacs.004.001.09"),
            created_at: None,
        },
        names: PaymentNames::default(),
        status: parsed("RJCT"),
        reason: Some(Reason::of(parsed("AC04"))),
        amount: None,
        settlement_date: None,
    };
    world.says(Message::StatusReport(report));
    while world.worker.receive_next().await.unwrap() {}
    world.work().await;
    assert_eq!(world.text("SELECT CAST(stage AS TEXT) FROM clearing_in").await, "5");
    uetr
}

#[tokio::test]
async fn what_is_kept_in_suspense_goes_back_by_a_recall_without_anybody() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = kept(&world).await;
        world.asked_back(&uetr, "case").await;
        world.hear().await;
        let recall = world.recall_of("case").await;
        assert_eq!((status(&recall), recall.answer.as_str()), (RecallStatus::Accepted, "FOCR"));
        assert_eq!(world.answers(), []);
        let posted = ["/suspense", "/returned", "/debit"].map(|end| world.posted(end));
        assert_eq!(posted, [1, 1, 0]);
        assert_eq!(world.bank.ledger.gl("9010"), 0);
        assert_eq!(world.waiting().await, []);
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn a_payment_without_uetr_is_found_by_message_and_payers_name_and_none_is_guessed() {
    for place in places() {
        let world = World::open(place).await;
        for (message, bank) in [("MSG-1", "GIBACZPX"), ("MSG-2", "GIBACZPX"), ("MSG-2", "KOMBCZPP")]
        {
            world.says(Message::CreditTransfer(credit(message, None, bank, &iban(1), "20.00")));
            world.hear().await;
        }
        world.says(asked("one", None, "MSG-1", "NOTPROVIDED"));
        world.says(asked("two", None, "MSG-2", "NOTPROVIDED"));
        world.says(asked("none", None, "MSG-1", "another"));
        world.hear().await;
        assert_eq!(status(&world.recall_of("one").await), RecallStatus::Waiting);
        let two = world.recall_of("two").await;
        assert_eq!(status(&two), RecallStatus::Received, "people have to look");
        assert!(two.last_cause.contains("several payments"), "{two:?}");
        assert_eq!(world.answers(), [answer("none", "NOOR")]);
        let accepted = world.decide("eva", "a", &two.recall_id, RecallDecision::Accept).await;
        assert_eq!(reason(accepted), "RECALL_NOT_WAITING");
        let no = RecallDecision::RejectLegal;
        world.decide("eva", "k", &two.recall_id, no).await.unwrap();
        world.work().await;
        assert!(world.answers().contains(&answer("two", "LEGL")), "{:?}", world.answers());
    }
}

#[tokio::test]
async fn only_persons_of_the_bank_decide_and_customers_see_no_recall_of_another_bank() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.paid_in().await;
        let id = world.asked_back(&uetr, "case").await.recall_id;
        let get = florin_proto::payment::v1::GetRecallRequest { recall_id: id.clone() };
        let alice = customer(world.bank.alice, "GetRecall", "");
        assert_eq!(reason(world.bank.payment.get_recall(&alice, get).await), "RECALL_NOT_FOUND");
        let mut machine = person("payroll", "DecideRecall", "m1");
        machine.principal.kind = florin_rpc::PrincipalKind::Client;
        let request = florin_proto::payment::v1::DecideRecallRequest {
            recall_id: id.clone(),
            decision: RecallDecision::Accept.into(),
            reason: "by program".into(),
        };
        let decided = world.bank.payment.decide_recall(&machine, request.clone()).await;
        assert_eq!(reason(decided), "NO_PERSON");
        for wrong in [
            florin_proto::payment::v1::DecideRecallRequest { decision: 0, ..request.clone() },
            florin_proto::payment::v1::DecideRecallRequest {
                reason: String::new(),
                ..request.clone()
            },
            florin_proto::payment::v1::DecideRecallRequest {
                recall_id: "trf_x".into(),
                ..request.clone()
            },
        ] {
            let ctx = person("eva", "DecideRecall", "w");
            let decided = world.bank.payment.decide_recall(&ctx, wrong).await;
            assert_eq!(reason(decided), "INVALID_REQUEST");
        }
        let nobody = florin_kernel::RecallId::from_parts(1, [1; 10]).to_string();
        let decided = world.decide("eva", "n", &nobody, RecallDecision::Accept).await;
        assert_eq!(reason(decided), "RECALL_NOT_FOUND");
        let ctx = staff("ListRecalls", "");
        let page =
            florin_proto::payment::v1::ListRecallsRequest { page_size: 201, ..Default::default() };
        assert_eq!(reason(world.bank.payment.list_recalls(&ctx, page).await), "INVALID_REQUEST");
    }
}
