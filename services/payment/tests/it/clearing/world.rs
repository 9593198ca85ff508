//! A bank and its network.

use std::time::{Duration, Instant};

use florin_iso20022::{
    Account, Agent, CreditTransfer, Message, OriginalMessage, Party, PaymentNames, Reason,
    StatusReport,
};
use florin_kernel::{Money, Uetr, UnixMicros};
use florin_payment::ClearingWorker;
use florin_proto::payment::v1::{
    CreateTransferRequest, ExportClearingRequest, ExportClearingResponse,
};
use florin_rpc::tls;
use florin_testkit::Place;
use florin_testkit::simulator::{Action, CERTIFICATE, Rule, RuleOf, Simulator};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::bank::{Bank, CERTIFICATES};

pub const NOW: UnixMicros = UnixMicros(1_795_288_260_000_000);
/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(120);
/// An account of a bank that the network reaches.
pub const OTHER: &str = "CZ6508000000192000145399";

/// A bank and its network. Waits of the bank end only where a test lets time pass.
pub struct World {
    pub bank: Bank,
    pub network: Simulator,
    pub worker: ClearingWorker,
    end: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn text<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

impl World {
    pub async fn open(place: Place) -> Self {
        Self::open_with(place, |_| ()).await
    }

    pub async fn open_with(place: Place, more: impl FnOnce(&mut florin_payment::Config)) -> Self {
        let network = Simulator::new(&text("FLORCZPP"));
        let files = tls::TlsFiles::in_dir(CERTIFICATES.path(), CERTIFICATE);
        let identity = tls::Identity::load(&files).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let end = CancellationToken::new();
        tokio::spawn(network.clone().serve(listener, identity, end.clone()));
        let change = |config: &mut florin_payment::Config| {
            config.clearing.address = address;
            config.clearing.spiffe = "spiffe://florin.bank/client/simulator".into();
            config.clearing.network = "simulator".into();
            config.clearing.bic = "FLORCZPP".into();
            config.clearing.timeout_ms = 60_000;
            config.lease_ms = 200_000;
            config.clearing.answer_ms = 3_600_000;
            config.clearing.ask_most_ms = 3_600_000;
            more(config);
        };
        let bank = Bank::open_with(place, change).await;
        let worker = bank.payment.clearing_worker().unwrap();
        Self { bank, network, worker, end }
    }

    pub fn to_another_bank(&self, amount: &str) -> CreateTransferRequest {
        CreateTransferRequest { to: OTHER.into(), ..self.bank.order(amount) }
    }

    /// Accepts a payment of Alice's to another bank, and has it sent.
    pub async fn sent(&self, amount: &str) -> String {
        let to = self.to_another_bank(amount);
        let id = self.bank.transfer("out", to).await.unwrap().into_inner().transfer_id;
        let sent = "SELECT CAST(COUNT(*) AS TEXT) FROM clearing_out WHERE sent_at IS NOT NULL";
        while self.text(sent).await == "0" {
            self.work().await;
            // Where the network could not be reached it is tried again later.
            self.let_time_pass().await;
        }
        id
    }

    pub async fn text(&self, query: &str) -> String {
        self.bank.texts(query).await.concat()
    }

    /// Works until nothing is due.
    pub async fn work(&self) {
        while self.worker.turn().await.unwrap() {}
    }

    /// Takes all messages of the network, and does what follows.
    pub async fn hear(&self) {
        while self.worker.receive_next().await.unwrap() {}
        self.work().await;
    }

    pub async fn let_time_pass(&self) {
        for table in ["clearing_out", "clearing_in", "repairs"] {
            let change = "SET due_at = 0, lease_until = 0 WHERE due_at IS NOT NULL";
            self.bank.execute(&format!("UPDATE {table} {change}")).await;
        }
        self.bank.execute("UPDATE clearing_out SET in_hand_until = 0").await;
    }

    /// The answer to the first sending was lost: the bytes go out again.
    pub async fn send_again(&self) {
        let change = "UPDATE clearing_out SET sent_at = NULL, due_at = 0, lease_until = 0";
        self.bank.execute(change).await;
        self.work().await;
        assert_eq!(self.text("SELECT CAST(sends AS TEXT) FROM clearing_out").await, "2");
    }

    pub fn rule_of(&self, of: RuleOf, action: Action) {
        let rule = Rule { of, iban: None, amount: None, times: None, action };
        self.network.network().add_rule(rule);
    }

    pub fn rule(&self, action: Action) {
        self.rule_of(RuleOf::Payment, action);
    }

    /// The network rejects the payment under way.
    pub async fn reject(&self, id: &str, code: Option<&str>) {
        self.rejected(id, code).await;
        self.hear().await;
    }

    /// The same, and nobody has heard of it yet.
    pub async fn rejected(&self, id: &str, code: Option<&str>) {
        let out = self.text("SELECT id FROM clearing_out").await;
        let report = StatusReport {
            id: text(id),
            created_at: NOW,
            original: OriginalMessage {
                id: text(&out),
                name: text("pacs.008.001.08"),
                created_at: None,
            },
            names: PaymentNames::default(),
            status: text("RJCT"),
            reason: code.map(|code| Reason::of(text(code))),
            amount: None,
            settlement_date: None,
        };
        self.says(Message::StatusReport(report));
    }

    pub fn says(&self, message: Message) {
        let document = String::from_utf8(message.write()).unwrap();
        self.network.network().send_raw(document);
    }

    /// The network says all again that it has said of returns.
    pub async fn says_again(&self) {
        let said = "SELECT document FROM clearing_log WHERE finding LIKE '%came back%' \
                    OR finding LIKE '%second return%'";
        for document in self.bank.documents(said).await {
            self.network.network().send_raw(document);
        }
        self.hear().await;
    }

    pub fn money(&self) -> (i64, i64) {
        (self.bank.ledger.balance(self.bank.from), self.bank.ledger.held(self.bank.from))
    }

    /// How often the ledger has posted under a reference that ends so.
    pub fn posted(&self, end: &str) -> usize {
        let posted = self.bank.ledger.posted();
        posted.iter().filter(|one| one.reference.ends_with(end)).count()
    }

    pub async fn waiting(&self) -> Vec<ExportClearingResponse> {
        let request = ExportClearingRequest { waiting_only: true };
        let items = self.bank.payment.export_clearing(request);
        items.map(Result::unwrap).collect().await
    }
}

/// Waits for what a worker beside the test does.
pub async fn until(is: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is().await {
        assert!(start.elapsed() < LIMIT, "it does not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A payment of another bank.
pub fn credit(id: &str, uetr: Option<u8>, from: &str, to: &str, amount: &str) -> CreditTransfer {
    let party = |iban: &str, bank: &str| Party {
        name: None,
        account: Some(Account::Iban(text(iban))),
        agent: Some(Agent::Bic(text(bank))),
    };
    CreditTransfer {
        id: text(id),
        created_at: NOW,
        names: PaymentNames {
            end_to_end: Some(text("NOTPROVIDED")),
            uetr: uetr.map(|byte| Uetr::from_random([byte; 16])),
            ..PaymentNames::default()
        },
        amount: Money::parse("EUR", amount).unwrap(),
        settlement_date: None,
        debtor: party(OTHER, from),
        creditor: party(to, "FLORCZPP"),
        remittance: None,
    }
}
