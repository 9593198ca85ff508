//! What two persons end: payments about which the network says nothing, and money in suspense.

mod faults;
mod in_hand;
mod refusals;
mod said;
mod suspense;
mod tampered;

use florin_iso20022::{Message, OriginalMessage, PaymentNames, Reason, StatusReport};
use florin_kernel::UnixMicros;
use florin_payment::Payment;
use florin_proto::{
    account::v1::FeeEvent,
    payment::v1::{
        DecideRepairRequest, DecideRepairResponse, GetRepairRequest, LimitPeriod, LimitScope,
        ListRepairsRequest, ProposeRepairRequest, ProposeRepairResponse, Repair, RepairAction,
        RepairDecision, RepairStatus, SetLimitRequest, TransferStatus,
    },
};
use florin_rpc::CallContext;
use florin_testkit::simulator::Action;
use tonic::{Response, Status};

use crate::{
    bank::{places, reason, staff, until_decided},
    clearing::world::World,
};

const NOW: UnixMicros = UnixMicros(1_795_288_260_000_000);
const APPROVE: RepairDecision = RepairDecision::Approve;
const REJECT: RepairDecision = RepairDecision::Reject;

/// A person of the bank.
fn person(name: &str, method: &str, key: &str) -> CallContext {
    let mut ctx = staff(method, key);
    name.clone_into(&mut ctx.principal.subject);
    ctx.principal.roles = vec!["payments_officer".into()];
    ctx
}

fn asks(of: &str, action: RepairAction) -> ProposeRepairRequest {
    ProposeRepairRequest {
        clearing_id: of.into(),
        action: action.into(),
        reason: "nobody answers".into(),
        evidence: "line 7 of the network's report".into(),
        ..ProposeRepairRequest::default()
    }
}

fn settle(of: &str) -> ProposeRepairRequest {
    ProposeRepairRequest {
        settlement_date: "2026-11-21".into(),
        network_reference: "N-7".into(),
        ..asks(of, RepairAction::Settle)
    }
}

fn reject(of: &str) -> ProposeRepairRequest {
    ProposeRepairRequest { code: "AC04".into(), ..asks(of, RepairAction::Reject) }
}

/// The network says so of what goes out.
fn report(out: &str, by: &str, status: &str, code: Option<&str>) -> Message {
    Message::StatusReport(StatusReport {
        id: by.parse().unwrap(),
        created_at: NOW,
        original: OriginalMessage {
            id: out.parse().unwrap(),
            name: "pacs.008.001.08".parse().unwrap(),
            created_at: None,
        },
        names: PaymentNames::default(),
        status: status.parse().unwrap(),
        reason: code.map(|code| Reason::of(code.parse().unwrap())),
        amount: None,
        settlement_date: None,
    })
}

async fn decides(
    payment: &Payment,
    name: &str,
    key: &str,
    id: &str,
    decision: RepairDecision,
) -> Result<Response<DecideRepairResponse>, Status> {
    let request = DecideRepairRequest {
        approval_id: id.into(),
        decision: decision.into(),
        reason: "the network was called".into(),
    };
    payment.decide_repair(&person(name, "DecideRepair", key), request).await
}

impl World {
    async fn proposes(
        &self,
        name: &str,
        key: &str,
        request: ProposeRepairRequest,
    ) -> Result<Response<ProposeRepairResponse>, Status> {
        self.bank.payment.propose_repair(&person(name, "ProposeRepair", key), request).await
    }

    /// Eva proposes it.
    async fn proposed(&self, request: ProposeRepairRequest) -> Repair {
        let key = format!("{}-{}-{}", request.clearing_id, request.action, request.account_id);
        self.proposes("eva", &key, request).await.unwrap().into_inner().repair.unwrap()
    }

    async fn decided(
        &self,
        name: &str,
        key: &str,
        id: &str,
        decision: RepairDecision,
    ) -> Result<Response<DecideRepairResponse>, Status> {
        decides(&self.bank.payment, name, key, id, decision).await
    }

    /// Eva proposes it, Ian approves it, and what follows is done.
    async fn repaired(&self, request: ProposeRepairRequest) -> Repair {
        let id = self.proposed(request).await.approval_id;
        self.decided("ian", &format!("ian-{id}"), &id, APPROVE).await.unwrap();
        self.work().await;
        self.hear().await;
        self.repair(&id).await
    }

    async fn repair(&self, id: &str) -> Repair {
        let request = GetRepairRequest { approval_id: id.into() };
        let ctx = staff("GetRepair", "");
        self.bank.payment.get_repair(&ctx, request).await.unwrap().into_inner().repair.unwrap()
    }

    async fn repairs(&self, open_only: bool) -> Vec<Repair> {
        let request = ListRepairsRequest { open_only, ..ListRepairsRequest::default() };
        let ctx = staff("ListRepairs", "");
        self.bank.payment.list_repairs(&ctx, request).await.unwrap().into_inner().repairs
    }

    /// The message id of what waits for the network.
    async fn out(&self) -> String {
        self.text("SELECT id FROM clearing_out WHERE stage = 3").await
    }

    /// All that Alice pays is counted.
    pub async fn limited(&self) {
        let limit = SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: self.bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            amount: "1000000000000".into(),
            currency: "EUR".into(),
        };
        self.bank.payment.set_limit(&staff("SetLimit", "limit"), limit).await.unwrap();
    }

    pub async fn used(&self) -> i64 {
        let used = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM limit_usage";
        self.bank.count(used).await
    }
}

#[tokio::test]
async fn two_persons_settle_what_the_network_is_silent_about_and_one_does_not() {
    for place in places() {
        let world = World::open(place).await;
        world.bank.ledger.set_fee(world.bank.from, FeeEvent::Transfer, 50);
        world.limited().await;
        world.rule(Action::Silent);
        let transfer = world.sent("10").await;
        let out = world.out().await;
        let repair = world.proposed(settle(&out)).await;
        let id = repair.approval_id.as_str();
        assert_eq!(
            (repair.status(), repair.action()),
            (RepairStatus::Proposed, RepairAction::Settle)
        );
        assert_eq!(
            (repair.transfer_id.as_str(), repair.clearing_id.as_str()),
            (transfer.as_str(), out.as_str())
        );
        assert_eq!(repair.amount.unwrap().amount, "10.00");
        assert_eq!(repair.evidence, "line 7 of the network's report");
        assert_eq!(reason(world.decided("eva", "d1", id, APPROVE).await), "OWN_PROPOSAL");
        let second = world.proposes("ian", "p2", reject(&out)).await;
        assert_eq!(reason(second), "REPAIR_PROPOSED");
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Submitting);
        assert_eq!(world.money(), (10_000, 1_050), "one person moves nothing");
        assert_eq!(world.repairs(true).await.len(), 1);

        let done = world.decided("ian", "d2", id, APPROVE).await.unwrap().into_inner();
        let done = done.repair.unwrap();
        assert_eq!(done.status(), RepairStatus::Done);
        assert_ne!(done.maker, done.checker);
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Completed);
        assert_eq!(world.money(), (8_950, 0), "amount and fee");
        // The network says the same afterwards: nothing more happens.
        world.network.network().release_answers();
        world.hear().await;
        assert_eq!((world.money(), world.posted("/post")), ((8_950, 0), 1));
        assert_eq!(world.waiting().await, []);
        assert_eq!(world.repairs(true).await, []);
        assert_eq!(world.used().await, 1_000);
        assert_eq!(world.bank.events(id).await, [("payment_repaired".into(), 1)]);
        let events = world.bank.events(&transfer).await;
        assert_eq!(events, [("transfer_accepted".into(), 1), ("transfer_completed".into(), 2)]);
        world.nostro_is_right();
        assert_eq!(reason(world.decided("ida", "d3", id, APPROVE).await), "REPAIR_NOT_OPEN");
        let audit = "SELECT COUNT(*) FROM audit WHERE method LIKE '%Repair'";
        assert_eq!(world.bank.count(audit).await, 2);
    }
}

#[tokio::test]
async fn two_persons_reject_and_what_the_network_says_against_it_moves_nothing_and_is_shown() {
    for place in places() {
        let world = World::open(place).await;
        world.bank.ledger.set_fee(world.bank.from, FeeEvent::Transfer, 50);
        world.limited().await;
        world.rule(Action::SilentReject { code: "AC01".into() });
        let transfer = world.sent("10").await;
        let out = world.out().await;
        assert_eq!(world.used().await, 1_000);
        let repair = world.repaired(reject(&out)).await;
        assert_eq!(repair.status(), RepairStatus::Done);
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Failed);
        let failure = world.bank.get(&transfer).await.failure.unwrap();
        assert_eq!(
            (failure.reason.as_str(), failure.metadata["code"].as_str()),
            ("REJECTED_BY_NETWORK", "AC04")
        );
        assert_eq!((world.money(), world.used().await), ((10_000, 0), 0));
        // The network rejects it, too, afterwards.
        world.network.network().release_answers();
        world.hear().await;
        assert_eq!(world.waiting().await, []);
        world.nostro_is_right();
        // And then says that it has settled it, twice.
        for _ in 0..2 {
            world.says(report(&out, "late", "ACSC", None));
            world.hear().await;
        }
        assert_eq!((world.money(), world.posted("/post")), ((10_000, 0), 0));
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Failed);
        let waiting = world.waiting().await;
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        assert_eq!(
            (waiting[0].clearing_id.as_str(), waiting[0].contradiction.as_str()),
            (out.as_str(), "ACSC by late")
        );
        let again = world.proposes("eva", "again", settle(&out)).await;
        assert_eq!(reason(again), "NOT_REPAIRABLE", "it has ended");
        let ended = world.repaired(asks(&out, RepairAction::Dismiss)).await;
        assert_eq!((ended.status(), ended.outcome.as_str()), (RepairStatus::Done, "ACSC by late"));
        assert_eq!(world.waiting().await, []);
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn a_proposal_lapses_when_the_network_answers_and_is_not_approved_then() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let transfer = world.sent("10").await;
        let out = world.out().await;
        let id = world.proposed(reject(&out)).await.approval_id;
        world.network.network().release_answers();
        world.hear().await;
        let repair = world.repair(&id).await;
        assert_eq!(repair.status(), RepairStatus::Lapsed);
        assert_eq!(repair.outcome, "the network answered ACSC");
        assert_eq!(reason(world.decided("ian", "d", &id, APPROVE).await), "REPAIR_NOT_OPEN");
        assert_eq!(reason(world.proposes("ian", "p", reject(&out)).await), "NOT_REPAIRABLE");
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Completed);
        assert_eq!((world.money(), world.waiting().await), ((9_000, 0), vec![]));
        assert_eq!(world.bank.events(&id).await, []);
    }
}

#[tokio::test]
async fn a_proposal_is_withdrawn_by_its_maker_and_expires_and_another_follows() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        world.sent("10").await;
        let out = world.out().await;
        let first = world.proposed(settle(&out)).await.approval_id;
        let withdrawn = world.decided("eva", "w", &first, REJECT).await.unwrap().into_inner();
        let withdrawn = withdrawn.repair.unwrap();
        assert_eq!(withdrawn.status(), RepairStatus::Rejected);
        assert_eq!(withdrawn.outcome, "the network was called");
        let second = world.proposes("eva", "p2", settle(&out)).await.unwrap().into_inner();
        let second = second.repair.unwrap().approval_id;
        let late = format!("UPDATE approvals SET expires_at = 1 WHERE id = '{second}'");
        world.bank.execute(&late).await;
        assert_eq!(reason(world.decided("ian", "d2", &second, APPROVE).await), "REPAIR_NOT_OPEN");
        let third = world.proposes("eva", "p3", settle(&out)).await.unwrap().into_inner();
        assert_eq!(world.repair(&second).await.status(), RepairStatus::Lapsed);
        let third = third.repair.unwrap().approval_id;
        world.decided("ian", "d3", &third, APPROVE).await.unwrap();
        world.work().await;
        assert_eq!(world.money(), (9_000, 0));
    }
}

#[tokio::test]
async fn while_a_worker_has_the_payment_in_its_hands_nothing_is_ended() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::SilentReject { code: "AC01".into() });
        let transfer = world.sent("10").await;
        let id = world.proposed(reject(&world.out().await)).await.approval_id;
        let lease = format!("lease_token = 'another', lease_until = {}", i64::MAX);
        world.bank.execute(&format!("UPDATE clearing_out SET {lease}")).await;
        assert_eq!(reason(world.decided("ian", "d", &id, APPROVE).await), "CLEARING_BUSY");
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Submitting);
        world.let_time_pass().await;
        world.decided("ian", "d", &id, APPROVE).await.unwrap();
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Failed);
    }
}

#[tokio::test]
async fn of_an_answer_and_an_approval_at_once_one_ends_the_payment() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let transfer = world.sent("10").await;
        let id = world.proposed(reject(&world.out().await)).await.approval_id;
        world.network.network().release_answers();
        let answer = async { world.worker.receive_next().await.unwrap() };
        let approval = until_decided(|| world.decided("ian", "d", &id, APPROVE));
        let (told, decided) = tokio::join!(answer, approval);
        assert!(told);
        world.hear().await;
        let waiting = world.waiting().await;
        if decided.is_ok() {
            // Nothing is given back once the network has said both.
            let status = world.bank.status(&transfer).await;
            let held = if status == TransferStatus::Releasing { 1_000 } else { 0 };
            assert!(held > 0 || status == TransferStatus::Failed, "{status:?}");
            assert_eq!((world.money(), world.posted("/post")), ((10_000, held), 0));
            assert!(waiting.len() == 1 && !waiting[0].contradiction.is_empty(), "{waiting:?}");
        } else {
            assert_eq!(reason(decided), "REPAIR_NOT_OPEN");
            assert_eq!(world.bank.status(&transfer).await, TransferStatus::Completed);
            assert_eq!((world.money(), waiting), ((9_000, 0), vec![]));
        }
    }
}

#[tokio::test]
async fn of_two_approvals_at_once_one_is_carried_out() {
    for place in places() {
        let mut world = World::open(place).await;
        let other = world.bank.replica().await;
        world.rule(Action::Silent);
        let transfer = world.sent("10").await;
        let id = world.proposed(settle(&world.out().await)).await.approval_id;
        let here = until_decided(|| decides(&world.bank.payment, "ian", "d1", &id, APPROVE));
        let there = until_decided(|| decides(&other, "ida", "d2", &id, APPROVE));
        let (here, there) = tokio::join!(here, there);
        let refused = match (here, there) {
            (Ok(_), refused) | (refused, Ok(_)) => refused,
            (one, another) => panic!("{one:?} {another:?}"),
        };
        assert_eq!(reason(refused), "REPAIR_NOT_OPEN");
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Completed);
        assert_eq!((world.money(), world.posted("/post")), ((9_000, 0), 1));
        assert_eq!(world.bank.events(&id).await, [("payment_repaired".into(), 1)]);
    }
}
