//! The end of money in suspense, of recalls whose return was rejected, of what was said both ways,
//! and of messages that could not be taken.

use florin_proto::payment::v1::{
    ProposeRepairRequest, RecallStatus, RepairAction, RepairStatus, TransferStatus,
};
use florin_testkit::simulator::Action;

use super::{asks, reject, report, settle};
use crate::{
    bank::{iban, places, reason},
    clearing::world::World,
};

impl World {
    /// A return under way is rejected by the network.
    async fn return_is_rejected(&self, by: &str) {
        let out = self.out().await;
        self.says(report(&out, by, "RJCT", Some("AC04")));
        while self.worker.receive_next().await.unwrap() {}
        self.work().await;
    }

    /// 20.00 to nobody, whose return the network has rejected: what is in suspense.
    pub async fn kept(&self, by: &str) -> String {
        self.pays_in(&iban(77));
        assert!(self.worker.receive_next().await.unwrap());
        self.network.network().set_down(true);
        self.work().await;
        self.network.network().set_down(false);
        self.return_is_rejected(by).await;
        self.text("SELECT id FROM clearing_in WHERE stage = 5").await
    }
}

pub fn credit(of: &str, to: &str) -> ProposeRepairRequest {
    ProposeRepairRequest { account_id: to.into(), ..asks(of, RepairAction::Credit) }
}

#[tokio::test]
async fn money_in_suspense_is_credited_once_and_a_refusal_leaves_it_for_another_proposal() {
    for place in places() {
        let world = World::open(place).await;
        let came = world.kept("rejected").await;
        assert_eq!(reason(world.proposes("eva", "s", settle(&came)).await), "NOT_REPAIRABLE");
        world.bank.ledger.freeze(world.bank.to);
        let refused = world.repaired(credit(&came, &world.bank.to.to_string())).await;
        assert_eq!(refused.status(), RepairStatus::Failed);
        assert!(refused.outcome.starts_with("ACCOUNT_FROZEN"), "{}", refused.outcome);
        assert!(
            world.bank.ledger.voids().iter().any(|(void, _)| *void == refused.posting_reference)
        );
        assert_eq!(world.bank.events(&refused.approval_id).await, []);
        assert_eq!(world.waiting().await.len(), 1);
        let done = world.repaired(credit(&came, &world.bank.from.to_string())).await;
        assert_eq!(done.status(), RepairStatus::Done);
        assert_eq!((world.money(), world.posted("/repair")), ((12_000, 0), 1));
        assert_eq!((world.bank.ledger.gl("9010"), world.posted("/returned")), (0, 0));
        assert_eq!(world.waiting().await, []);
        assert_eq!(world.bank.events(&done.approval_id).await, [("payment_repaired".into(), 1)]);
        world.nostro_is_right();
        let again = world.proposes("eva", "again", asks(&came, RepairAction::Return)).await;
        assert_eq!(reason(again), "NOT_REPAIRABLE");
        // Asked back by the other bank, it is nobody's to be taken without people.
        let uetr = world.text("SELECT uetr FROM clearing_in").await;
        let recall = world.asked_back(&uetr, "case").await;
        assert_eq!(recall.status(), RecallStatus::Received);
        assert!(recall.last_cause.contains("repair"), "{recall:?}");
        assert_eq!(world.posted("/debit"), 0);
    }
}

#[tokio::test]
async fn money_in_suspense_goes_back_once_more_or_is_booked_out() {
    for place in places() {
        let world = World::open(place).await;
        let came = world.kept("first").await;
        // Rejected again, people decide again.
        world.network.network().set_down(true);
        let first = world.proposed(asks(&came, RepairAction::Return)).await.approval_id;
        world.decided("ian", "d1", &first, super::APPROVE).await.unwrap();
        world.work().await;
        world.network.network().set_down(false);
        world.return_is_rejected("second").await;
        assert_eq!(world.text("SELECT id FROM clearing_in WHERE stage = 5").await, came);
        let again = ProposeRepairRequest {
            evidence: "their new address".into(),
            ..asks(&came, RepairAction::Return)
        };
        let again = world.proposes("eva", "again", again).await.unwrap().into_inner();
        let again = again.repair.unwrap().approval_id;
        world.decided("ian", "d2", &again, super::APPROVE).await.unwrap();
        world.work().await;
        world.hear().await;
        assert_eq!(world.waiting().await, []);
        assert_eq!((world.posted("/returned"), world.bank.ledger.gl("9010")), (1, 0));
        world.nostro_is_right();

        let came = world.kept("third").await;
        let gl =
            ProposeRepairRequest { gl_code: "2600".into(), ..asks(&came, RepairAction::BookOut) };
        assert_eq!(world.repaired(gl).await.status(), RepairStatus::Done);
        assert_eq!((world.bank.ledger.gl("9010"), world.posted("/repair")), (0, 1));
        assert_eq!(world.waiting().await, []);
        assert_eq!(world.money(), (10_000, 0));
    }
}

/// A customer's money is in suspense for a recall whose return the network has rejected.
async fn recalled(world: &World) -> (String, String) {
    let uetr = world.paid_in().await;
    let recall = world.asked_back(&uetr, "case").await.recall_id;
    world.network.network().set_down(true);
    world.accept_all_without_an_answer().await;
    world.network.network().set_down(false);
    world.return_is_rejected("rejected").await;
    assert_eq!(world.money(), (10_000, 0), "debited");
    (world.text("SELECT id FROM clearing_in WHERE stage = 5").await, recall)
}

#[tokio::test]
async fn a_recall_whose_return_was_rejected_ends_by_the_credit_or_by_another_return() {
    for place in places() {
        let world = World::open(place).await;
        let (came, recall) = recalled(&world).await;
        let repair = world.repaired(credit(&came, &world.bank.from.to_string())).await;
        assert_eq!((repair.status(), repair.code.as_str()), (RepairStatus::Done, "CUST"));
        world.let_time_pass().await;
        world.hear().await;
        let ended = world.recall(&recall).await;
        assert_eq!((ended.status(), ended.answer.as_str()), (RecallStatus::Rejected, "CUST"));
        assert_eq!(ended.repaired_by, repair.approval_id);
        assert_eq!(world.money(), (12_000, 0), "a customer's again");
        let posted = ["/debit", "/repair", "/returned"].map(|end| world.posted(end));
        assert_eq!(posted, [1, 1, 0]);
        assert_eq!(world.waiting().await, []);
        world.nostro_is_right();
    }
    for place in places() {
        let world = World::open(place).await;
        let (came, recall) = recalled(&world).await;
        world.repaired(asks(&came, RepairAction::Return)).await;
        let ended = world.recall(&recall).await;
        assert_eq!((ended.status(), ended.answer.as_str()), (RecallStatus::Accepted, "FOCR"));
        assert_eq!((world.money(), world.posted("/returned")), ((10_000, 0), 1));
        assert_eq!((world.bank.ledger.gl("9010"), world.waiting().await), (0, vec![]));
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn a_return_about_which_nobody_answers_is_settled_by_people() {
    for place in places() {
        let world = World::open(place).await;
        world.pays_in(&iban(77));
        assert!(world.worker.receive_next().await.unwrap());
        world.network.network().set_down(true);
        world.work().await;
        let back = world.out().await;
        // What has never left has settled nowhere.
        let early = world.proposes("eva", "early", settle(&back)).await;
        assert_eq!(reason(early), "NOT_REPAIRABLE");
        world.network.network().set_down(false);
        world.rule(Action::Silent);
        world.let_time_pass().await;
        world.work().await;
        let id = world.proposed(settle(&back)).await.approval_id;
        world.decided("ian", "d", &id, super::APPROVE).await.unwrap();
        world.work().await;
        assert_eq!(world.waiting().await, []);
        assert_eq!((world.posted("/returned"), world.bank.ledger.gl("9010")), (1, 0));
    }
}

#[tokio::test]
async fn what_the_network_has_rejected_and_settled_stands_still_until_people_decide() {
    // Whether the ledger has given the money back before the second word came.
    for (is_released, place) in
        [false, true].into_iter().flat_map(|is| places().into_iter().map(move |place| (is, place)))
    {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let transfer = world.sent("10").await;
        let out = world.out().await;
        let ledger = &world.bank.ledger;
        if is_released {
            ledger.set_loses_answers(true)
        } else {
            ledger.set_away(true)
        }
        world.reject("rejected", Some("AC04")).await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Releasing);
        world.network.network().release_answers();
        world.hear().await;
        ledger.set_loses_answers(false);
        ledger.set_away(false);
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Releasing);
        assert_eq!(world.money(), (10_000, if is_released { 0 } else { 1_000 }));
        let waiting = world.waiting().await;
        assert!(waiting.len() == 1 && waiting[0].contradiction.starts_with("ACSC"), "{waiting:?}");
        let repair = world.repaired(settle(&out)).await;
        assert!(repair.outcome.starts_with("ACSC"), "{}", repair.outcome);
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Completed);
        assert_eq!((world.money(), world.posted("/post")), ((9_000, 0), 1));
        assert_eq!(world.waiting().await, []);
        world.nostro_is_right();
    }
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::SilentReject { code: "AC04".into() });
        let transfer = world.sent("10").await;
        let out = world.out().await;
        world.bank.ledger.set_away(true);
        world.reject("rejected", Some("AC04")).await;
        world.says(report(&out, "otherwise", "ACSC", None));
        world.hear().await;
        world.bank.ledger.set_away(false);
        world.repaired(reject(&out)).await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Failed);
        assert_eq!((world.money(), world.waiting().await), ((10_000, 0), vec![]));
    }
}

#[tokio::test]
async fn what_is_settled_after_it_was_given_back_is_owed_whatever_state_the_account_is_in() {
    for (state, place) in
        (0..3).flat_map(|state| places().into_iter().map(move |place| (state, place)))
    {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let transfer = world.sent("10").await;
        let (out, ledger) = (world.out().await, &world.bank.ledger);
        ledger.set_loses_answers(true);
        world.reject("rejected", Some("AC04")).await;
        world.network.network().release_answers();
        world.hear().await;
        ledger.set_loses_answers(false);
        // What was given back has been spent, and the account frozen or closed.
        ledger.set_balance(world.bank.from, 0);
        match state {
            0 => {}
            1 => ledger.freeze(world.bank.from),
            _ => ledger.close_account(world.bank.from),
        }
        world.repaired(settle(&out)).await;
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Completed, "{state}");
        assert_eq!((world.money(), world.posted("/post")), ((-1_000, 0), 1));
        assert_eq!(world.waiting().await, []);
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn a_return_that_was_rejected_and_is_settled_leaves_suspense_by_people() {
    for place in places() {
        let world = World::open(place).await;
        let came = world.kept("rejected").await;
        let back = world.text("SELECT id FROM clearing_out").await;
        let other = world.proposed(asks(&came, RepairAction::Return)).await.approval_id;
        world.says(report(&back, "settled", "ACSC", None));
        world.hear().await;
        assert_eq!(world.waiting().await.len(), 2, "the return, and what it was of");
        // Whether the money has left is decided before anybody gets it.
        let late = world.decided("ian", "late", &other, super::APPROVE).await;
        assert_eq!(reason(late), "REPAIR_NOT_OPEN");
        let again = world.proposes("eva", "again", asks(&came, RepairAction::Return)).await;
        assert_eq!(reason(again), "NOT_REPAIRABLE");
        let repair = world.repaired(settle(&back)).await;
        assert_eq!(repair.status(), RepairStatus::Done);
        assert_eq!(world.repair(&other).await.status(), RepairStatus::Lapsed);
        assert_eq!((world.posted("/returned"), world.bank.ledger.gl("9010")), (1, 0));
        assert_eq!(world.waiting().await, []);
    }
}

#[tokio::test]
async fn a_message_that_could_not_be_taken_ends_when_two_persons_have_dealt_with_it() {
    for place in places() {
        let world = World::open(place).await;
        world.network.network().send_raw("no XML at all".to_owned());
        world.hear().await;
        let id = world.waiting().await[0].clearing_id.clone();
        let done = world.repaired(asks(&id, RepairAction::Dismiss)).await;
        assert_eq!((done.status(), done.amount), (RepairStatus::Done, None));
        assert_eq!(world.waiting().await, []);
        let again = world.proposes("eva", "again", asks(&id, RepairAction::Dismiss)).await;
        assert_eq!(reason(again), "NOT_REPAIRABLE");
    }
}
