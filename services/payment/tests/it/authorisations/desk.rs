//! A card processor at one bank.

use std::time::Instant;

use florin_payment::CardsConfig;
use florin_proto::{
    common::v1::Money,
    money_of,
    payment::v1::{
        Authorisation, CaptureAuthorisationRequest, CaptureAuthorisationResponse,
        CreateAuthorisationRequest, CreateAuthorisationResponse, GetAuthorisationRequest,
        IncrementAuthorisationRequest, IncrementAuthorisationResponse, ListAuthorisationsRequest,
        Merchant, ReverseAuthorisationRequest, ReverseAuthorisationResponse,
    },
};
use florin_rpc::{CallContext, Error};
use tonic::Status;

use crate::{
    bank::{Bank, places, staff},
    ledger::Ledger,
    saga_faults::LIMIT,
};

pub struct Desk {
    pub bank: Bank,
}

/// The reason of a refusal.
pub fn error<T>(answer: &Result<T, Status>) -> String {
    match answer {
        Ok(_) => "OK".to_owned(),
        Err(status) => Error::from_status(status).reason().to_owned(),
    }
}

pub fn money(money: &Option<Money>) -> i64 {
    money_of(money.as_ref()).unwrap().minor()
}

pub fn request(account: &str, reference: &str, amount: &str) -> CreateAuthorisationRequest {
    CreateAuthorisationRequest {
        network: "visa".into(),
        reference: reference.into(),
        network_reference: "lifecycle".into(),
        account_id: account.into(),
        amount: amount.into(),
        currency: "EUR".into(),
        merchant: Some(Merchant {
            merchant_id: "m1".into(),
            name: "Shop".into(),
            mcc: "5411".into(),
            country: "CZ".into(),
        }),
    }
}

impl Desk {
    /// On both engines. Nobody is answered by a clock, unless the test says so.
    pub async fn each(change: fn(&mut CardsConfig)) -> Vec<Self> {
        let mut desks = Vec::new();
        for place in places() {
            let bank = Bank::open_with(place, |config| {
                config.cards.answer_ms = 60_000;
                config.cards.score_ms = 60_000;
                change(&mut config.cards);
            });
            desks.push(Self { bank: bank.await });
        }
        desks
    }

    pub fn ledger(&self) -> &Ledger {
        &self.bank.ledger
    }

    pub fn ctx(method: &str) -> CallContext {
        staff(method, "")
    }

    pub async fn create(
        &self,
        reference: &str,
        amount: &str,
        change: impl FnOnce(&mut CreateAuthorisationRequest),
    ) -> Result<CreateAuthorisationResponse, Status> {
        let mut request = request(&self.bank.from.to_string(), reference, amount);
        change(&mut request);
        let ctx = Self::ctx("CreateAuthorisation");
        let answer = self.bank.payment.create_authorisation(&ctx, request).await;
        answer.map(tonic::Response::into_inner)
    }

    pub async fn authorise(
        &self,
        reference: &str,
        amount: &str,
    ) -> Result<CreateAuthorisationResponse, Status> {
        self.create(reference, amount, |_| ()).await
    }

    pub async fn authorise_at(
        &self,
        mcc: &str,
        reference: &str,
        amount: &str,
    ) -> Result<CreateAuthorisationResponse, Status> {
        let set = |request: &mut CreateAuthorisationRequest| {
            request.merchant.as_mut().unwrap().mcc = mcc.into();
        };
        self.create(reference, amount, set).await
    }

    /// Authorises, and returns the id.
    pub async fn authorised(&self, reference: &str, amount: &str) -> String {
        let answer = self.authorise(reference, amount).await.unwrap();
        let one = answer.authorisation.unwrap();
        assert_eq!(one.status().as_str_name(), "AUTHORISATION_STATUS_AUTHORISED");
        one.authorisation_id
    }

    pub async fn increment(
        &self,
        id: &str,
        reference: &str,
        amount: &str,
    ) -> Result<IncrementAuthorisationResponse, Status> {
        let request = IncrementAuthorisationRequest {
            authorisation_id: id.into(),
            reference: reference.into(),
            amount: amount.into(),
            currency: "EUR".into(),
        };
        let ctx = Self::ctx("IncrementAuthorisation");
        let answer = self.bank.payment.increment_authorisation(&ctx, request).await;
        answer.map(tonic::Response::into_inner)
    }

    pub async fn capture(
        &self,
        id: &str,
        reference: &str,
        amount: &str,
        last: bool,
    ) -> Result<CaptureAuthorisationResponse, Status> {
        self.capture_by(&self.bank.payment, ("EUR", last), id, (reference, amount)).await
    }

    pub async fn capture_in(
        &self,
        currency: &str,
        id: &str,
        reference: &str,
        amount: &str,
    ) -> Result<CaptureAuthorisationResponse, Status> {
        self.capture_by(&self.bank.payment, (currency, true), id, (reference, amount)).await
    }

    /// At another replica, say.
    pub async fn capture_by(
        &self,
        payment: &florin_payment::Payment,
        (currency, last): (&str, bool),
        id: &str,
        (reference, amount): (&str, &str),
    ) -> Result<CaptureAuthorisationResponse, Status> {
        let request = CaptureAuthorisationRequest {
            authorisation_id: id.into(),
            reference: reference.into(),
            amount: amount.into(),
            currency: currency.into(),
            r#final: last,
        };
        let ctx = Self::ctx("CaptureAuthorisation");
        payment.capture_authorisation(&ctx, request).await.map(tonic::Response::into_inner)
    }

    pub async fn reverse(
        &self,
        id: &str,
        reference: &str,
        amount: Option<&str>,
    ) -> Result<ReverseAuthorisationResponse, Status> {
        let request = ReverseAuthorisationRequest {
            authorisation_id: id.into(),
            reference: reference.into(),
            amount: amount.unwrap_or_default().into(),
            currency: amount.map(|_| "EUR".to_owned()).unwrap_or_default(),
        };
        let ctx = Self::ctx("ReverseAuthorisation");
        let answer = self.bank.payment.reverse_authorisation(&ctx, request).await;
        answer.map(tonic::Response::into_inner)
    }

    pub async fn get(&self, id: &str) -> Authorisation {
        let request = GetAuthorisationRequest { authorisation_id: id.into() };
        let ctx = Self::ctx("GetAuthorisation");
        let answer = self.bank.payment.get_authorisation(&ctx, request).await;
        answer.unwrap().into_inner().authorisation.unwrap()
    }

    /// All authorisations of the account, read in pages.
    pub async fn listed(&self, page_size: i32) -> Vec<String> {
        let mut request = ListAuthorisationsRequest {
            account_id: self.bank.from.to_string(),
            page_size,
            page_token: String::new(),
        };
        let mut ids = Vec::new();
        loop {
            let ctx = Self::ctx("ListAuthorisations");
            let page = self.bank.payment.list_authorisations(&ctx, request.clone()).await;
            let page = page.unwrap().into_inner();
            ids.extend(page.authorisations.into_iter().map(|one| one.authorisation_id));
            if page.next_page_token.is_empty() {
                return ids;
            }
            request.page_token = page.next_page_token;
        }
    }

    pub async fn ids(&self) -> Vec<String> {
        self.bank.texts("SELECT id FROM authorisations ORDER BY id").await
    }

    /// What the limits of the account count.
    pub async fn used(&self) -> i64 {
        let used = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM limit_usage \
                    WHERE id LIKE 'account/%'";
        self.bank.count(used).await
    }

    /// The time of an authorisation is over.
    pub async fn pass_time_of(&self, id: &str) {
        let over = format!("UPDATE authorisations SET expires_at = 0 WHERE id = '{id}'");
        self.bank.execute(&over).await;
    }

    pub async fn expire(&self, id: &str) {
        self.pass_time_of(id).await;
        self.finish().await;
    }

    /// Waits are over, leases have ended, and who asked is to be answered.
    pub async fn let_time_pass(&self) {
        let due = "UPDATE authorisations SET due_at = 0, lease_until = 0 WHERE due_at IS NOT NULL";
        self.bank.execute(due).await;
    }

    /// Lets workers go on until the ledger has decided everything.
    pub async fn finish(&self) {
        let start = Instant::now();
        let in_doubt = "SELECT COUNT(*) FROM authorisations \
                        WHERE due_at IS NOT NULL OR (status = 2 AND expires_at = 0)";
        loop {
            assert!(start.elapsed() < LIMIT, "an authorisation stays in doubt");
            self.let_time_pass().await;
            let any = self.bank.payment.advance_due_authorisations().await.unwrap();
            if !any && self.bank.count(in_doubt).await == 0 {
                break;
            }
        }
    }

    /// Every authorisation has exactly its open holds, one journal transaction for each capture
    /// and none for anything else; limits count what is authorised or captured; no money was
    /// made or lost.
    pub async fn prove(&self) {
        let ledger = self.ledger();
        let posted = ledger.posted();
        let mut captured_by_all = 0;
        for id in self.ids().await {
            let request = GetAuthorisationRequest { authorisation_id: id.clone() };
            let ctx = Self::ctx("GetAuthorisation");
            let answer = self.bank.payment.get_authorisation(&ctx, request).await;
            let answer = answer.unwrap().into_inner();
            let one = answer.authorisation.unwrap();
            assert!(!one.in_doubt, "{id} is in doubt");
            let holds = ledger.open_holds(&id);
            let held: i64 = holds.iter().map(|(_, minor)| minor).sum();
            assert_eq!(held, money(&one.held), "{id}");
            let stored = format!("SELECT holds FROM authorisations WHERE id = '{id}'");
            let stored = self.bank.texts(&stored).await.remove(0);
            let of_ledger = holds.iter().map(|(reference, minor)| {
                format!("{}:{minor}", reference.rsplit('/').next().unwrap())
            });
            assert_eq!(stored, of_ledger.collect::<Vec<_>>().join(" "), "{id}");
            let mut captured = 0;
            for operation in &answer.operations {
                assert_ne!(operation.decision().as_str_name(), "AUTHORISATION_DECISION_PENDING");
                let reference = format!("{id}/capture/{}", operation.number);
                let short = format!("{reference}/shortfall");
                let of_it =
                    posted.iter().filter(|one| [&reference, &short].contains(&&one.reference));
                let expected = usize::from(!operation.transaction_id.is_empty());
                assert_eq!(of_it.count(), expected, "{reference}");
                if expected == 1 {
                    captured += money(&operation.amount);
                }
            }
            assert_eq!(captured, money(&one.captured), "{id}");
            captured_by_all += captured;
        }
        let cards = posted.iter().filter(|one| one.kind == "card_capture").count();
        let booked = "SELECT COUNT(*) FROM authorisation_operations \
                      WHERE transaction_id IS NOT NULL";
        assert_eq!(self.bank.count(booked).await, i64::try_from(cards).unwrap());
        let bank_paid = "SELECT CAST(COALESCE(SUM(shortfall), 0) AS BIGINT) \
                         FROM authorisation_operations";
        let bank_paid = self.bank.count(bank_paid).await;
        let total = ledger.balance(self.bank.from) + captured_by_all - bank_paid;
        assert_eq!(total, ledger.funds(), "money was made or lost");
    }
}
