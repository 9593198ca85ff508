//! Two sources, the embedded bus and the service.

use std::{sync::Arc, time::Duration};

use florin_events::{
    Bus, Cause, Envelope, NewEvent, OpsServer, Outbox, consume, inbox, position, relay,
};
use florin_kernel::{AccountId, CustomerId, EventId, Role, TransactionId, UnixMicros};
use florin_proto::{
    account::v1::{
        Account, AccountChange, AccountChanged, AccountOpened, Holder, HolderRole, PostedLeg,
        TransactionPosted,
    },
    cif::v1::{CustomerRegistered, PartyKind},
    common::v1::{Direction, Money},
    ops::v1::{ListOutboxEventsRequest, ListOutboxEventsResponse, ops_service_server::OpsService},
    reporting::v1::{
        HistoryEntry, SearchTransactionsRequest, SearchTransactionsResponse,
        reporting_service_server::ReportingService,
    },
    timestamp,
};
use florin_reporting::{Config, History, MIGRATIONS, Reporting, ReportingApi};
use florin_rpc::{CallContext, Error};
use florin_store::{Database, Migrations, Tx, sql};
use florin_testkit::{Place, places};
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::Request;

use crate::directory::Directory;
pub use crate::directory::{as_customer, staff};

/// Recording time of the first posting.
pub const BEGINNING: i64 = 1_767_225_600_000_000;

pub struct World {
    pub account: Source,
    pub cif: Source,
    pub directory: Arc<Directory>,
    pub db: Database,
    pub api: ReportingApi,
    bus: Bus,
    shutdown: CancellationToken,
    _places: [Place; 3],
}

/// A source: its outbox and what reads it out.
#[derive(Clone)]
pub struct Source {
    pub db: Database,
    pub outbox: Outbox,
    ops: OpsServer,
}

/// On SQLite, and on PostgreSQL where there is one.
pub async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    let places = |name| places(name).unwrap().into_iter();
    for ((own, account), cif) in places("reporting").zip(places("account")).zip(places("cif")) {
        worlds.push(World::new([own, account, cif]).await);
    }
    worlds
}

impl World {
    async fn new(places: [Place; 3]) -> Self {
        let [own, of_account, of_cif] = &places;
        let bus = Bus::embedded();
        let shutdown = CancellationToken::new();
        let db = own.database(MIGRATIONS).await.unwrap();
        let account = source(of_account, Role::Account, &bus).await;
        let cif = source(of_cif, Role::Cif, &bus).await;
        let config = Config { position_wait_ms: 300 };
        let directory = Arc::new(Directory::default());
        let [of_account, of_cif] = directory.serve(&shutdown).await;
        let reporting = Reporting::new(db.clone(), of_account, of_cif, &config);
        let api = ReportingApi::new(Arc::new(reporting));
        Self { account, cif, directory, db, api, bus, shutdown, _places: places }
    }

    /// A world whose consumer and relays run.
    pub async fn running() -> Vec<Self> {
        let worlds = worlds().await;
        for world in &worlds {
            world.run();
        }
        worlds
    }

    pub fn run(&self) {
        let (db, bus, stop) = (self.db.clone(), self.bus.clone(), self.shutdown.clone());
        tokio::spawn(consume(db, bus, Arc::new(History), stop));
        for source in [&self.account, &self.cif] {
            let (db, outbox) = (source.db.clone(), source.outbox.clone());
            tokio::spawn(relay(db, outbox, self.bus.clone(), self.shutdown.clone()));
        }
    }

    pub async fn settled(&self, ids: &[EventId]) {
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        assert!(inbox::wait_for(&self.db, &ids, Duration::from_secs(60)).await.unwrap());
    }

    /// A customer, registered and told.
    pub async fn customer(&self) -> CustomerId {
        let customer = new_id(CustomerId::from_parts);
        self.directory.put_customer(customer);
        let told = CustomerRegistered {
            customer_id: customer.to_string(),
            party: PartyKind::Person.into(),
            at: Some(timestamp(UnixMicros(BEGINNING))),
        };
        let told = new_event("customer_registered", customer, 1, &told);
        self.settled(&self.cif.append(vec![told]).await).await;
        customer
    }

    /// An account of an owner, opened and told.
    pub async fn account_of(&self, owner: CustomerId) -> AccountId {
        let account = new_id(AccountId::from_parts);
        self.directory.put_account(account, &[(owner, HolderRole::Owner)]);
        let told = opened(account, &[(owner, HolderRole::Owner)]);
        self.settled(&self.account.append(vec![told]).await).await;
        account
    }

    pub async fn post(&self, postings: Vec<Posting>) -> Vec<EventId> {
        let ids = self.account.append(postings.iter().map(Posting::event).collect()).await;
        self.settled(&ids).await;
        ids
    }

    pub async fn search(
        &self,
        ctx: &CallContext,
        ask: SearchTransactionsRequest,
    ) -> Result<SearchTransactionsResponse, Error> {
        let mut request = Request::new(ask);
        request.extensions_mut().insert(ctx.clone());
        let answer = self.api.search_transactions(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| Error::from_status(&status))
    }

    /// As staff.
    pub async fn found(&self, ask: SearchTransactionsRequest) -> Vec<HistoryEntry> {
        self.search(&staff(), ask).await.unwrap().entries
    }

    /// A page of a source's outbox.
    pub async fn fetch(
        &self,
        role: Role,
        ask: ListOutboxEventsRequest,
    ) -> Result<ListOutboxEventsResponse, Error> {
        let source = if role == Role::Account { &self.account } else { &self.cif };
        source.fetch(ask).await
    }

    /// The live generation, whole and in order, without its number.
    pub async fn content(&self) -> Vec<String> {
        let tables = [
            "SELECT account_id || ' ' || account_version || ' ' || sort_key || ' ' \
             || transaction_id || ' ' || booking_date || ' ' || value_date || ' ' || direction \
             || ' ' || minor || ' ' || currency || ' ' || posted_after || ' ' || kind || ' ' \
             || description || ' ' || counterparty || ' ' || folded_counterparty || ' ' \
             || recorded_at AS line FROM entries",
            "SELECT account_id || ' ' || sort_key || ' ' || word AS line FROM entry_words",
        ];
        let mut lines = Vec::new();
        for table in tables {
            let live = "(SELECT number FROM generations WHERE state = 'live')";
            let query = format!("{table} WHERE generation = {live}");
            let rows = sql::query_all(self.db.read(), query, []).await.unwrap();
            let mut found: Vec<String> =
                rows.iter().map(|row| row.try_get("", "line").unwrap()).collect();
            found.sort();
            lines.extend(found);
        }
        lines
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn source(place: &Place, role: Role, bus: &Bus) -> Source {
    let db = place.database(Migrations::none()).await.unwrap();
    let refuse = |error: florin_events::OpsError| tonic::Status::unknown(error.to_string());
    let ops = OpsServer::new(db.clone(), bus.clone(), role.name(), refuse);
    Source { db, outbox: Outbox::new(role.name()), ops }
}

impl Source {
    pub async fn append(&self, events: Vec<NewEvent>) -> Vec<EventId> {
        let outbox = &self.outbox;
        self.db.write(async |tx: Tx| outbox.append(&tx, events.clone()).await).await.unwrap()
    }

    pub async fn fetch(
        &self,
        ask: ListOutboxEventsRequest,
    ) -> Result<ListOutboxEventsResponse, Error> {
        let answer = self.ops.list_outbox_events(Request::new(ask)).await;
        answer.map(tonic::Response::into_inner).map_err(|status| Error::from_status(&status))
    }

    /// Everything that was recorded, as a consumer would get it.
    pub async fn envelopes(&self) -> Vec<Envelope> {
        let ask = ListOutboxEventsRequest { page_size: 1_000, ..Default::default() };
        let page = self.fetch(ask).await.unwrap();
        let role = self.outbox.role();
        page.events.into_iter().map(|event| Envelope::from_listed(role, event).unwrap()).collect()
    }
}

pub fn new_id<T>(from_parts: impl Fn(u64, [u8; 10]) -> T) -> T {
    let (millis, random) = florin_store::id_parts();
    from_parts(millis, random)
}

pub fn new_event(
    kind: &'static str,
    aggregate: impl ToString,
    version: i64,
    message: &impl Message,
) -> NewEvent {
    NewEvent {
        kind,
        aggregate: aggregate.to_string(),
        version,
        payload: message.encode_to_vec(),
        cause: Cause { correlation: "test".into(), ..Cause::default() },
        historical: false,
    }
}

fn account(id: AccountId, version: i64, holders: &[(CustomerId, HolderRole)]) -> Account {
    let holders = holders
        .iter()
        .map(|(customer, role)| Holder { customer_id: customer.to_string(), role: (*role).into() });
    Account {
        account_id: id.to_string(),
        currency: "EUR".into(),
        version,
        holders: holders.collect(),
        ..Account::default()
    }
}

pub fn opened(id: AccountId, holders: &[(CustomerId, HolderRole)]) -> NewEvent {
    let account = Some(account(id, 1, holders));
    new_event("account_opened", id, 1, &AccountOpened { account, at: None })
}

pub fn changed(id: AccountId, version: i64, holders: &[(CustomerId, HolderRole)]) -> NewEvent {
    let account = Some(account(id, version, holders));
    let told = AccountChanged { account, change: AccountChange::HolderAdded.into(), at: None };
    new_event("account_changed", id, version, &told)
}

/// A transaction with one customer leg and one leg of the bank.
#[derive(Clone)]
pub struct Posting {
    pub account: AccountId,
    pub version: i64,
    pub amount: &'static str,
    pub credit: bool,
    pub currency: &'static str,
    pub date: &'static str,
    pub kind: &'static str,
    pub text: &'static str,
    pub counterparty: &'static str,
}

impl Posting {
    pub fn new(account: AccountId, version: i64) -> Self {
        Self {
            account,
            version,
            amount: "10.00",
            credit: false,
            currency: "EUR",
            date: "2026-01-15",
            kind: "transfer",
            text: "",
            counterparty: "",
        }
    }

    pub fn event(&self) -> NewEvent {
        let id = new_id(TransactionId::from_parts);
        let money = |amount: &str| {
            Some(Money { currency: self.currency.to_owned(), amount: amount.to_owned() })
        };
        let (own, bank) = if self.credit {
            (Direction::Credit, Direction::Debit)
        } else {
            (Direction::Debit, Direction::Credit)
        };
        let leg = PostedLeg {
            account_id: self.account.to_string(),
            gl_code: "2010".into(),
            direction: own.into(),
            amount: money(self.amount),
            account_version: self.version,
            posted_after: money(if self.currency == "JPY" { "-7" } else { "-7.25" }),
            available_after: money("0"),
            counterparty: self.counterparty.into(),
        };
        let gl = PostedLeg {
            gl_code: "1000".into(),
            direction: bank.into(),
            amount: money(self.amount),
            ..PostedLeg::default()
        };
        let told = TransactionPosted {
            transaction_id: id.to_string(),
            caller: "payment".into(),
            reference: format!("{id}/post"),
            kind: self.kind.into(),
            legs: vec![leg, gl],
            description: self.text.into(),
            booking_date: self.date.into(),
            value_date: self.date.into(),
            recorded_at: Some(timestamp(UnixMicros(BEGINNING + self.version))),
            ..TransactionPosted::default()
        };
        new_event("transaction_posted", id, 1, &told)
    }
}

pub fn of_account(account: AccountId) -> SearchTransactionsRequest {
    SearchTransactionsRequest { account_id: account.to_string(), ..Default::default() }
}

pub fn of_customer(customer: CustomerId) -> SearchTransactionsRequest {
    SearchTransactionsRequest { customer_id: customer.to_string(), ..Default::default() }
}

pub fn versions(entries: &[HistoryEntry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.account_version).collect()
}

pub fn token(ids: &[EventId]) -> String {
    position::encode(ids)
}
