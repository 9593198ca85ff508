//! Recalls in both directions: the scripted ledger at one side, the simulated network at the
//! other.

mod faults;
mod incoming;
mod outgoing;

use florin_iso20022::{
    Agent, Assignment, Code, Message, OriginalMessage, PaymentNames, Reason, Recall as Asked,
};
use florin_kernel::UnixMicros;
use florin_proto::payment::v1::{
    DecideRecallRequest, DecideRecallResponse, GetRecallRequest, ListRecallsRequest, Recall,
    RecallDecision, RecallReason, RecallStatus, RecallTransferRequest, RecallTransferResponse,
};
use florin_rpc::CallContext;
use florin_testkit::simulator::{AskBack, Credit};
use tonic::{Response, Status};

use crate::{
    bank::{customer, iban, staff},
    clearing::world::World,
};

/// What comes in of 20.00.
const CREDITED: &str = "20.00";

fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// A person of the bank.
fn person(name: &str, method: &str, key: &str) -> CallContext {
    let mut ctx = staff(method, key);
    name.clone_into(&mut ctx.principal.subject);
    ctx.principal.roles = vec!["payments_officer".into()];
    ctx
}

impl World {
    /// Another bank pays 20.00 to an account, and the UETR.
    pub fn pays_in(&self, to: &str) -> String {
        let credit = Credit {
            iban: to.to_owned(),
            amount: CREDITED.to_owned(),
            currency: "EUR".to_owned(),
            from_iban: None,
            text: None,
            uetr: None,
            copies: 1,
        };
        self.network.network().send_credit(&credit, NOW).unwrap().to_string()
    }

    /// Pays 20.00 to Alice.
    pub async fn paid_in(&self) -> String {
        let uetr = self.pays_in(&iban(1));
        self.hear().await;
        uetr
    }

    /// The other bank asks for a payment back.
    fn asks_back(&self, uetr: &str, case: &str) {
        let case = Some(case.to_owned());
        let order = AskBack { uetr: uetr.into(), code: "DUPL".into(), case, ..AskBack::default() };
        self.network.network().send_recall(&order, NOW).unwrap();
    }

    pub async fn asked_back(&self, uetr: &str, case: &str) -> Recall {
        self.asks_back(uetr, case);
        self.hear().await;
        self.recall_of(case).await
    }

    async fn recalls(&self) -> Vec<Recall> {
        let request = ListRecallsRequest { page_size: 200, ..ListRecallsRequest::default() };
        let ctx = staff("ListRecalls", "");
        self.bank.payment.list_recalls(&ctx, request).await.unwrap().into_inner().recalls
    }

    async fn recall_of(&self, case: &str) -> Recall {
        let found: Vec<_> =
            self.recalls().await.into_iter().filter(|one| one.case_id == case).collect();
        assert_eq!(found.len(), 1, "{case}: {found:?}");
        found.into_iter().next().unwrap()
    }

    pub async fn recall(&self, id: &str) -> Recall {
        let request = GetRecallRequest { recall_id: id.into() };
        let ctx = staff("GetRecall", "");
        self.bank.payment.get_recall(&ctx, request).await.unwrap().into_inner().recall.unwrap()
    }

    async fn decide(
        &self,
        name: &str,
        key: &str,
        id: &str,
        decision: RecallDecision,
    ) -> Result<Response<DecideRecallResponse>, Status> {
        let request = DecideRecallRequest {
            recall_id: id.into(),
            decision: decision.into(),
            reason: "the customer was asked".into(),
        };
        self.bank.payment.decide_recall(&person(name, "DecideRecall", key), request).await
    }

    /// Two persons accept it.
    async fn accepted(&self, id: &str) {
        for name in ["eva", "ian"] {
            let key = format!("{name}-{id}");
            self.decide(name, &key, id, RecallDecision::Accept).await.unwrap();
        }
        self.work().await;
        self.hear().await;
    }

    /// Two persons accept every recall that waits, and the network is not heard.
    pub async fn accept_all_without_an_answer(&self) {
        for recall in self.recalls().await {
            for name in ["eva", "ian"] {
                let key = format!("{name}-{}", recall.recall_id);
                self.decide(name, &key, &recall.recall_id, RecallDecision::Accept).await.unwrap();
            }
        }
        self.work().await;
    }

    /// Two persons accept every recall that waits.
    pub async fn accept_all(&self) {
        for recall in self.recalls().await {
            if recall.status() == RecallStatus::Waiting {
                self.accepted(&recall.recall_id).await;
            }
        }
    }

    /// Alice asks for all that she has paid to other banks.
    pub async fn ask_back_all(&self) {
        let paid = "SELECT id FROM transfers WHERE creditor_bic IS NOT NULL AND status = 4";
        for transfer in self.bank.texts(paid).await {
            let key = format!("back-{transfer}");
            self.asks_for(&transfer, &key, RecallReason::Duplicate).await.unwrap();
        }
        self.work().await;
        self.hear().await;
    }

    /// Alice asks for her transfer back.
    async fn asks_for(
        &self,
        transfer: &str,
        key: &str,
        reason: RecallReason,
    ) -> Result<Response<RecallTransferResponse>, Status> {
        let request = RecallTransferRequest {
            transfer_id: transfer.into(),
            reason: reason.into(),
            text: "sent by mistake".into(),
        };
        let ctx = customer(self.bank.alice, "RecallTransfer", key);
        self.bank.payment.recall_transfer(&ctx, request).await
    }

    /// Case, outcome, code and count of each answer that the network has had.
    fn answers(&self) -> Vec<(String, String, String, u64)> {
        let shown = self.network.network().shown();
        let text =
            |one: &serde_json::Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let answers = shown["recall_answers"].as_array().unwrap().iter().map(|one| {
            let received = one["received"].as_u64().unwrap();
            (text(one, "case"), text(one, "outcome"), text(one, "code"), received)
        });
        answers.collect()
    }

    /// How many returns the network has settled.
    fn returns(&self) -> usize {
        let shown = self.network.network().shown();
        let payments = shown["payments"].as_array().unwrap().clone();
        let is = |one: &&serde_json::Value| one["message_name"] == "pacs.004.001.09";
        payments.iter().filter(is).count()
    }

    /// Waits of recalls are over, but for those of people.
    async fn let_recalls_be_due(&self) {
        let change = "UPDATE recalls SET due_at = 0, lease_until = 0 \
                      WHERE due_at IS NOT NULL AND stage <> 2";
        self.bank.execute(change).await;
        self.let_time_pass().await;
    }

    /// The time of people is over.
    async fn let_people_be_late(&self) {
        let change = "UPDATE recalls SET due_at = 0, answer_by = 0 WHERE stage = 2";
        self.bank.execute(change).await;
        self.work().await;
    }

    /// What the network says of our money is what our books say.
    pub fn nostro_is_right(&self) {
        let shown = self.network.network().shown();
        let at_network = shown["balances"]["EUR"].as_i64().unwrap_or(0);
        assert_eq!(self.bank.ledger.gl("1200"), at_network, "the nostro and the network");
    }
}

const NOW: UnixMicros = UnixMicros(1_795_288_260_000_000);

fn answer(case: &str, code: &str) -> (String, String, String, u64) {
    (case.to_owned(), "RJCR".to_owned(), code.to_owned(), 1)
}

/// A recall by a bank that the simulator does not speak for.
fn asked(case: &str, uetr: Option<&str>, message: &str, name: &str) -> Message {
    Message::Recall(Asked {
        assignment: Assignment {
            id: parsed(&format!("{case}-1")),
            assigner: Some(Agent::Bic(parsed("KOMBCZPP"))),
            assignee: None,
            created_at: NOW,
        },
        case: Some(parsed(case)),
        recall_id: None,
        original: OriginalMessage {
            id: parsed(message),
            name: parsed("pacs.008.001.08"),
            created_at: None,
        },
        names: PaymentNames {
            end_to_end: Some(parsed(name)),
            uetr: uetr.map(parsed),
            ..PaymentNames::default()
        },
        amount: None,
        settlement_date: None,
        reason: Some(Reason::of(parsed::<Code>("DUPL"))),
    })
}

fn status(recall: &Recall) -> RecallStatus {
    recall.status()
}
