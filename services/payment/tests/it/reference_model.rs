//! Random requests against a model of a page: who is paid, what a limit has left, what of a
//! payment has gone back. The ledger is the scripted one, which books what there is money for.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test that fails may panic")]

mod model;

use std::collections::BTreeMap;

use florin_kernel::Date;
use florin_payment::Turn;
use florin_proto::payment::v1::{
    CancelTransferRequest, CreateOrderRequest, CreateTransferRequest, LimitPeriod, LimitScope,
    ListLimitsRequest, OrderFrequency, RefundTransferRequest, ReverseTransferRequest,
    SetLimitRequest, TransferStatus,
};
use proptest::{collection::vec, prelude::*};

use self::model::{Kind, Model, RENT, Step, step};
use crate::bank::{Bank, customer, places, reason, staff};

struct World {
    bank: Bank,
    model: Model,
    /// The ids of the model's transfers, and how each was asked for: key and step.
    taken: Vec<(String, String, Step)>,
    order: String,
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

impl World {
    async fn open(bank: Bank) -> Self {
        let today: Date = bank.hear_of_the_date().await.parse().unwrap();
        let rent_on = today.tomorrow().unwrap();
        let order = CreateOrderRequest {
            from: bank.from.to_string(),
            to: bank.to.to_string(),
            amount: decimal(RENT),
            currency: "EUR".into(),
            frequency: OrderFrequency::Weekly.into(),
            first_on: rent_on.to_string(),
            ..CreateOrderRequest::default()
        };
        let ctx = customer(bank.alice, "CreateOrder", "order");
        let order = bank.payment.create_order(&ctx, order).await.unwrap().into_inner();
        let order = order.order.unwrap().order_id;
        let (limit, used) = (9_000, BTreeMap::new());
        let model = Model { today, limit, used, transfers: Vec::new(), rent_on };
        let world = Self { bank, model, taken: Vec::new(), order };
        world.limit("first", 9_000).await;
        world
    }

    async fn limit(&self, key: &str, minor: i64) {
        let request = SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: self.bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            amount: decimal(minor),
            currency: "EUR".into(),
        };
        self.bank.payment.set_limit(&staff("SetLimit", key), request).await.unwrap();
    }

    /// Asks for what a step wants under a key: the transfer's id, or why there is none.
    async fn ask(&self, key: &str, step: &Step) -> Result<String, String> {
        let payment = &self.bank.payment;
        match *step {
            Step::Pay(minor) | Step::Spend(minor) => {
                let (from, to, who) = match step {
                    Step::Pay(_) => (self.bank.from, self.bank.to, self.bank.alice),
                    _ => (self.bank.to, self.bank.from, self.bank.bob),
                };
                let request = CreateTransferRequest {
                    from: from.to_string(),
                    to: to.to_string(),
                    ..self.bank.order(&decimal(minor))
                };
                let ctx = customer(who, "CreateTransfer", key);
                let told = payment.create_transfer(&ctx, request).await;
                told.map(|one| one.into_inner().transfer_id)
                    .map_err(|error| reason::<()>(Err(error)))
            }
            Step::Refund(of, minor) => {
                let request = RefundTransferRequest {
                    transfer_id: self.taken[of].0.clone(),
                    amount: decimal(minor),
                    currency: "EUR".into(),
                    description: String::new(),
                };
                let told = payment.refund_transfer(&staff("RefundTransfer", key), request).await;
                told.map(|one| one.into_inner().transfer_id)
                    .map_err(|error| reason::<()>(Err(error)))
            }
            Step::Reverse(of) => {
                let transfer_id = self.taken[of].0.clone();
                let request = ReverseTransferRequest { transfer_id, description: String::new() };
                let told = payment.reverse_transfer(&staff("ReverseTransfer", key), request).await;
                told.map(|one| one.into_inner().transfer_id)
                    .map_err(|error| reason::<()>(Err(error)))
            }
            _ => unreachable!("{step:?} asks for no transfer"),
        }
    }

    /// A request for a transfer, and what the model says to it.
    async fn request(&mut self, key: String, step: Step) {
        let allowed = match step {
            Step::Pay(minor) => self.model.pay(minor),
            Step::Spend(minor) => {
                self.model.take(Kind::Spend, -minor);
                true
            }
            Step::Refund(of, minor) => self.model.give_back(of, Some(minor)),
            Step::Reverse(of) => self.model.give_back(of, None),
            _ => unreachable!("{step:?} asks for no transfer"),
        };
        match self.ask(&key, &step).await {
            Ok(id) => {
                assert!(allowed, "{step:?} was taken");
                self.taken.push((id, key, step));
            }
            Err(reason) => {
                assert!(!allowed, "{step:?} was refused for {reason}");
                let known =
                    ["LIMIT_EXCEEDED", "REFUND_EXCEEDS_ORIGINAL", "TRANSFER_NOT_RETURNABLE"];
                assert!(known.contains(&reason.as_str()), "{step:?}: {reason}");
            }
        }
    }

    async fn step(&mut self, at: usize, step: &Step) {
        let key = format!("k{at}");
        // Steps that name another name one that was taken; where there is none, nothing happens.
        let earlier = |number: usize| number.checked_rem(self.taken.len());
        match *step {
            Step::Pay(_) | Step::Spend(_) => self.request(key, step.clone()).await,
            Step::Refund(number, minor) => {
                if let Some(of) = earlier(number) {
                    self.request(key, Step::Refund(of, minor)).await;
                }
            }
            Step::Reverse(number) => {
                if let Some(of) = earlier(number) {
                    self.request(key, Step::Reverse(of)).await;
                }
            }
            Step::Again(number) => {
                if let Some(of) = earlier(number) {
                    let (id, key, step) = self.taken[of].clone();
                    // An order's own transfer has no client's key.
                    if !key.is_empty() {
                        assert_eq!(self.ask(&key, &step).await.as_ref(), Ok(&id), "{step:?} again");
                    }
                }
            }
            Step::Cancel(number) => {
                if let Some(of) = earlier(number) {
                    self.cancel(&key, of).await;
                }
            }
            Step::Book => self.book().await,
            Step::Limit(minor) => {
                self.limit(&key, minor).await;
                self.model.limit = minor;
            }
            Step::Later(days) => self.later(days).await,
        }
    }

    async fn cancel(&mut self, key: &str, of: usize) {
        let one = self.model.transfers[of];
        if !matches!(one.kind, Kind::Pay(_)) {
            return;
        }
        let request = CancelTransferRequest { transfer_id: self.taken[of].0.clone() };
        let ctx = customer(self.bank.alice, "CancelTransfer", key);
        let told = reason(self.bank.payment.cancel_transfer(&ctx, request).await);
        let waits = one.status == TransferStatus::Processing;
        assert_eq!(told == "OK", waits, "cancelling {of}: {told}");
        if waits {
            self.model.end(of, TransferStatus::Cancelled);
        }
    }

    /// Books what waits. In which order is the worker's: what it says is written down, and must
    /// come to the ledger's balances.
    async fn book(&mut self) {
        while self.bank.turn().await != Turn::Idle {}
        for at in 0..self.model.transfers.len() {
            if self.model.transfers[at].status == TransferStatus::Processing {
                let status = self.bank.status(&self.taken[at].0).await;
                let ended = [TransferStatus::Completed, TransferStatus::Failed].contains(&status);
                assert!(ended, "{at} is {status:?}");
                self.model.end(at, status);
            }
        }
        let ledger = &self.bank.ledger;
        let booked = (ledger.balance(self.bank.from), ledger.balance(self.bank.to));
        assert_eq!(booked, self.model.balances());
        assert!(booked.0 >= 0 && booked.1 >= 0, "{booked:?}");
    }

    /// Opens a later business date, on which the order pays each date that has come, within the
    /// limit of this day.
    async fn later(&mut self, days: i64) {
        let today = self.model.today.checked_add(jiff::Span::new().days(days)).unwrap();
        self.bank.ledger.set_business_date(&today.to_string());
        self.bank.hear_of_the_date().await;
        self.model.today = today;
        let mut due = 0;
        while self.model.rent_on <= today {
            let next = self.model.rent_on.checked_add(jiff::Span::new().days(7)).unwrap();
            self.model.rent_on = next;
            due += usize::from(self.model.pay(RENT));
        }
        assert_eq!(self.bank.payment.run_orders_of(today).await.unwrap(), due);
        assert_eq!(self.bank.payment.run_orders_of(today).await.unwrap(), 0, "it was run twice");
        let paid = format!(
            "SELECT transfer_id FROM order_runs WHERE order_id = '{}' AND transfer_id IS NOT NULL \
             ORDER BY date",
            self.order
        );
        let all = self.bank.texts(&paid).await;
        let known = self.taken.iter().filter(|(_, key, _)| key.is_empty()).count();
        assert_eq!(all.len(), known + due);
        let new = all.into_iter().skip(known);
        self.taken.extend(new.map(|id| (id, String::new(), Step::Pay(RENT))));
    }

    /// What the limit says it has left, to whoever asks.
    async fn agree(&self) {
        let account_id = self.bank.from.to_string();
        let request = ListLimitsRequest { account_id, ..ListLimitsRequest::default() };
        let ctx = customer(self.bank.alice, "ListLimits", "");
        let told = self.bank.payment.list_limits(&ctx, request).await.unwrap().into_inner();
        let used = told.limits[0].used.clone().unwrap_or_default().amount;
        assert_eq!(used, decimal(self.model.used()), "{:?}", self.model.transfers);
    }
}

async fn agree(bank: Bank, steps: &[Step]) {
    let mut world = World::open(bank).await;
    for (at, step) in steps.iter().enumerate() {
        world.step(at, step).await;
        assert_eq!(world.taken.len(), world.model.transfers.len(), "{step:?}");
        world.agree().await;
    }
    world.book().await;
    world.agree().await;
    let transfers = world.bank.count("SELECT COUNT(*) FROM transfers").await;
    assert_eq!(usize::try_from(transfers).unwrap(), world.taken.len());
}

fn run(steps: &[Step], postgres: bool) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut places = places();
        let place = if postgres { places.drain(1..).next() } else { places.drain(..1).next() };
        if let Some(place) = place {
            agree(Bank::open(place).await, steps).await;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_requests_agree_with_the_model(steps in vec(step(), 1..50)) {
        run(&steps, false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    #[test]
    fn random_requests_agree_with_the_model_on_postgresql(steps in vec(step(), 30..50)) {
        run(&steps, true);
    }
}
