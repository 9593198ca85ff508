//! One call of the load: a batch of postings, or one transfer.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, Result};
use florin_kernel::{AuthorisationId, Kind, Role, TransactionId, TransferId};
use florin_proto::{
    account::v1::{
        Leg, PostTransactionsRequest, TransactionRequest, TransactionResult,
        account_service_client::AccountServiceClient, leg::Target, transaction_result::Outcome,
    },
    common::v1::Direction,
    payment::v1::{
        AuthorisationDecider, AuthorisationDecision, CreateAuthorisationRequest,
        CreateAuthorisationResponse, CreateTransferRequest, Merchant,
        payment_service_client::PaymentServiceClient,
    },
    wire_money,
};
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use crate::{
    bench::{
        Callers, Over, Work,
        plan::{Order, Plan},
        tally::{Answer, Decider, Made},
    },
    https::{self, Https},
    token::Tokens,
};

/// Time limit of a call. No call is sent twice: what was not answered stays unknown.
pub const LIMIT: Duration = Duration::from_secs(30);
/// How often the token is looked at; it is asked for anew shortly before it expires.
const LOOK_AT_TOKEN: Duration = Duration::from_secs(5);
/// Kind of the load's journal transactions.
const KIND: &str = "bench";
/// Characters of an acquirer's id of a merchant.
const MOST_MERCHANT_ID: usize = 35;
/// The reasons that say that another request had used the reference or the key.
const TAKEN: [&str; 2] = ["REFERENCE_REUSED", "IDEMPOTENCY_KEY_REUSED"];

type Bearer = MetadataValue<Ascii>;

/// Sends the calls of a run.
pub struct Sender {
    /// What is sent.
    pub plan: Arc<Plan>,
    account: Vec<Channel>,
    payment: Vec<Channel>,
    rest: Option<Rest>,
    tokens: Tokens,
    bearer: RwLock<Bearer>,
}

/// The gateway.
struct Rest {
    https: Https,
    transfers: String,
}

impl Rest {
    fn new(callers: &Callers) -> Result<Self> {
        let transfers = format!("{}/v1/transfers", callers.mesh.gateway.trim_end_matches('/'));
        Ok(Self { https: Https::trusting(&callers.mesh.ca())?, transfers })
    }
}

impl Sender {
    /// A sender with connections of its own.
    ///
    /// # Errors
    /// The mesh lacks a role, or the issuer refuses a token.
    pub async fn new(
        callers: &Callers,
        plan: Arc<Plan>,
        (connections, over): (u32, Over),
    ) -> Result<Self> {
        let tokens = callers.tokens.clone();
        let bearer = RwLock::new(bearer(&tokens).await?);
        let connect = |role: Role| -> Result<Vec<Channel>> {
            (0..connections).map(|_| callers.client.connection(role)).collect()
        };
        let (account, payment) = (connect(Role::Account)?, connect(Role::Payment)?);
        let rest = match over {
            Over::Grpc => None,
            Over::Rest => Some(Rest::new(callers)?),
        };
        Ok(Self { plan, account, payment, rest, tokens, bearer })
    }

    /// Keeps the token valid for as long as it is polled. The token endpoint is not part of
    /// what is measured.
    pub async fn keep_token(&self) {
        loop {
            tokio::time::sleep(LOOK_AT_TOKEN).await;
            match bearer(&self.tokens).await {
                Ok(new) => *self.bearer.write().unwrap_or_else(PoisonError::into_inner) = new,
                Err(error) => tracing::warn!(%error, "no new token; the old one is used on"),
            }
        }
    }

    /// Sends the transfers from `first` on in one call and returns an answer each.
    pub async fn send(&self, work: Work, call: u64, first: u64, count: u64) -> Vec<Answer> {
        match work {
            Work::Posting | Work::Echo => self.post(call, first, count).await,
            Work::Transfer => vec![match &self.rest {
                None => self.transfer(call, first).await,
                Some(rest) => self.transfer_by(rest, first).await,
            }],
            Work::Authorisation => vec![self.authorise(call, first).await],
        }
    }

    async fn post(&self, call: u64, first: u64, count: u64) -> Vec<Answer> {
        let numbers = first..first.saturating_add(count);
        let transactions = numbers.map(|number| self.posting(number)).collect();
        let request = self.request(PostTransactionsRequest { transactions });
        let Some(channel) = pick(&self.account, call) else { return Vec::new() };
        let mut client = AccountServiceClient::new(channel);
        match in_time(client.post_transactions(request)).await {
            Ok(response) => response.into_inner().results.into_iter().map(posted).collect(),
            Err(status) => {
                let answer = refused(&status);
                (0..count).map(|_| answer.clone()).collect()
            }
        }
    }

    fn posting(&self, number: u64) -> TransactionRequest {
        let Order { from, to, amount } = self.plan.order(number);
        let leg = |account: &str, direction: Direction| Leg {
            target: Some(Target::AccountId(account.to_owned())),
            direction: direction.into(),
            amount: Some(wire_money(amount)),
            counterparty: String::new(),
        };
        TransactionRequest {
            reference: self.plan.reference(number),
            kind: KIND.to_owned(),
            legs: vec![leg(from, Direction::Debit), leg(to, Direction::Credit)],
            ..TransactionRequest::default()
        }
    }

    async fn transfer(&self, call: u64, number: u64) -> Answer {
        let Order { from, to, amount } = self.plan.order(number);
        let mut request = self.request(CreateTransferRequest {
            from: from.to_owned(),
            to: to.to_owned(),
            amount: amount.amount(),
            currency: amount.currency().code().to_owned(),
            description: String::new(),
        });
        let Ok(key) = self.plan.reference(number).parse() else {
            return Answer::Refused("KEY_NOT_ASCII".to_owned());
        };
        request.metadata_mut().insert("idempotency-key", key);
        let Some(channel) = pick(&self.payment, call) else {
            return Answer::Refused("NO_CONNECTION".to_owned());
        };
        let mut client = PaymentServiceClient::new(channel);
        match in_time(client.create_transfer(request)).await {
            Ok(response) => {
                let replayed = response.metadata().contains_key("idempotent-replayed");
                let id = TransferId::parse(&response.into_inner().transfer_id);
                accepted(id.ok().map(Made::Transfer), replayed)
            }
            Err(status) => refused(&status),
        }
    }

    async fn authorise(&self, call: u64, number: u64) -> Answer {
        let Order { from, to, amount } = self.plan.order(number);
        let merchant = Merchant {
            merchant_id: to.chars().take(MOST_MERCHANT_ID).collect(),
            name: KIND.to_owned(),
            mcc: "5411".to_owned(),
            country: String::new(),
        };
        let request = self.request(CreateAuthorisationRequest {
            network: KIND.to_owned(),
            reference: self.plan.reference(number),
            network_reference: String::new(),
            account_id: from.to_owned(),
            amount: amount.amount(),
            currency: amount.currency().code().to_owned(),
            merchant: Some(merchant),
        });
        let Some(channel) = pick(&self.payment, call) else {
            return Answer::Refused("NO_CONNECTION".to_owned());
        };
        let mut client = PaymentServiceClient::new(channel);
        match in_time(client.create_authorisation(request)).await {
            Ok(response) => decided(response.into_inner()),
            Err(status) => refused(&status),
        }
    }

    async fn transfer_by(&self, rest: &Rest, number: u64) -> Answer {
        let Order { from, to, amount } = self.plan.order(number);
        let body = serde_json::json!({
            "from": from, "to": to, "amount": amount.amount(),
            "currency": amount.currency().code(),
        });
        let bearer = self.bearer.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Ok(bearer) = bearer.to_str().map(str::to_owned) else {
            return Answer::Refused("TOKEN_NOT_ASCII".to_owned());
        };
        let headers = [
            ("authorization", bearer),
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", format!("\"{}\"", self.plan.reference(number))),
        ];
        let body = body.to_string().into_bytes();
        match rest.https.send(http::Method::POST, &rest.transfers, &headers, body).await {
            Ok(answer) => answered(&answer),
            Err(_) => Answer::Unknown("NO_ANSWER".to_owned()),
        }
    }

    fn request<Req>(&self, message: Req) -> Request<Req> {
        let mut request = Request::new(message);
        request.set_timeout(LIMIT);
        let bearer = self.bearer.read().unwrap_or_else(PoisonError::into_inner).clone();
        request.metadata_mut().insert("authorization", bearer);
        request
    }
}

async fn bearer(tokens: &Tokens) -> Result<Bearer> {
    let bearer = format!("Bearer {}", tokens.bearer().await?);
    bearer.parse().context("the token cannot stand in metadata")
}

/// Calls take turns on the connections.
fn pick(channels: &[Channel], call: u64) -> Option<Channel> {
    let at = usize::try_from(call).unwrap_or_default().checked_rem(channels.len())?;
    channels.get(at).cloned()
}

async fn in_time<Res>(
    sent: impl Future<Output = Result<Response<Res>, Status>>,
) -> Result<Response<Res>, Status> {
    // The service keeps the same limit; this one ends a silent connection.
    let answered = tokio::time::timeout(LIMIT, sent).await;
    answered.unwrap_or_else(|_| Err(Status::deadline_exceeded("the client's limit")))
}

fn posted(result: TransactionResult) -> Answer {
    match result.outcome {
        Some(Outcome::Posted(posted)) => {
            let id = TransactionId::parse(&posted.transaction_id);
            accepted(id.ok().map(Made::Transaction), posted.replayed)
        }
        Some(Outcome::Refused(refusal)) => {
            let kind = |domain| florin_proto::reason_kind(domain, &refusal.reason);
            let kind = kind("account.florin.bank").or_else(|| kind("common.florin.bank"));
            let name = named(&refusal.reason, |key| refusal.metadata.get(key));
            by_kind(kind, &refusal.reason, name)
        }
        None => Answer::Unknown("NO_OUTCOME".to_owned()),
    }
}

/// A decline is a refusal that the bank keeps.
fn decided(answer: CreateAuthorisationResponse) -> Answer {
    let CreateAuthorisationResponse { authorisation, operation, replayed } = answer;
    let operation = operation.unwrap_or_default();
    let by = match operation.decided_by() {
        AuthorisationDecider::StandIn => Decider::StandIn,
        AuthorisationDecider::Ledger
        | AuthorisationDecider::Limit
        | AuthorisationDecider::Score
        | AuthorisationDecider::Unspecified => Decider::Bank,
    };
    if operation.decision() == AuthorisationDecision::Declined {
        let reason = operation.refusal.map(|one| one.reason).unwrap_or_default();
        return Answer::Decided { said: Err(reason), by, replayed };
    }
    let id = authorisation.and_then(|one| AuthorisationId::parse(&one.authorisation_id).ok());
    match id.map(Made::Authorisation) {
        Some(made) => Answer::Decided { said: Ok(made), by, replayed },
        None => Answer::Unknown("MALFORMED_ID".to_owned()),
    }
}

/// What the gateway said of a transfer.
fn answered(answer: &https::Answer) -> Answer {
    let body = answer.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    if answer.status.is_success() {
        let id = TransferId::parse(text("transfer_id"))
            .or_else(|_| TransferId::parse(text("transferId")));
        let replayed = answer.headers.contains_key("idempotent-replayed");
        return accepted(id.ok().map(Made::Transfer), replayed);
    }
    let kind = florin_proto::reason_kind(text("domain"), text("reason"));
    by_kind(kind, text("reason"), text("reason").to_owned())
}

fn accepted(made: Option<Made>, replayed: bool) -> Answer {
    match made {
        Some(made) => Answer::Accepted { made, replayed },
        None => Answer::Unknown("MALFORMED_ID".to_owned()),
    }
}

fn refused(status: &Status) -> Answer {
    let error = florin_rpc::Error::from_status(status);
    let name = named(error.reason(), |key| error.metadata().get(key));
    by_kind(Some(error.kind()), error.reason(), name)
}

/// The reason and, where it is told, which layer refused and because of which role:
/// `UNAVAILABLE/breaker/account`.
fn named<'a>(reason: &'a str, told: impl Fn(&'static str) -> Option<&'a String>) -> String {
    let parts = ["layer", "dependency"].into_iter().filter_map(told).map(String::as_str);
    std::iter::once(reason).chain(parts).collect::<Vec<_>>().join("/")
}

/// Whether a failure is a decision, after which nothing was made; it is counted under `name`.
fn by_kind(kind: Option<Kind>, reason: &str, name: String) -> Answer {
    if TAKEN.contains(&reason) {
        return Answer::Taken(name);
    }
    match kind {
        Some(
            Kind::Invalid
            | Kind::Unprocessable
            | Kind::Refused
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::NotFound
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::Unimplemented,
        ) => Answer::Refused(name),
        Some(
            Kind::Aborted
            | Kind::Exhausted
            | Kind::Deadline
            | Kind::Unavailable
            | Kind::Cancelled
            | Kind::Internal,
        )
        | None => Answer::Unknown(name),
    }
}

#[cfg(test)]
mod tests {
    use florin_proto::common::v1::Reason;
    use florin_rpc::Error;

    use super::*;

    #[test]
    fn what_came_back_without_a_decision_is_counted_by_who_refused() {
        let bare = Error::new(Reason::Unavailable, "not now");
        let told = bare.clone().with("layer", "breaker").with("dependency", "account");
        let unknown = |name: &str| Answer::Unknown(name.to_owned());
        assert_eq!(refused(&bare.to_status()), unknown("UNAVAILABLE"));
        assert_eq!(refused(&told.to_status()), unknown("UNAVAILABLE/breaker/account"));
        let taken = Error::new(Reason::ReferenceReused, "used");
        assert_eq!(refused(&taken.to_status()), Answer::Taken("REFERENCE_REUSED".to_owned()));
    }
}
