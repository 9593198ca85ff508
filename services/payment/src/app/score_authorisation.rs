//! Scores a card payment. Today by rules of payment's own; a fraud service is another [`Scorer`].

use std::{pin::Pin, time::Instant};

use florin_kernel::{AccountId, Money};
use florin_store::Database;

use super::Payment;
use crate::{
    config::Cards,
    domain::{Rules, Scored},
    store,
};

/// What is scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreRequest {
    /// The account that pays.
    pub account: AccountId,
    /// What is authorised together with this.
    pub amount: Money,
    /// Merchant category code.
    pub mcc: String,
}

/// The rules that a payment meets, for which it is declined; none, and it passes. An error is no
/// answer.
pub type Scoring<'s> = Pin<Box<dyn Future<Output = Result<Vec<String>, String>> + Send + 's>>;

/// Who scores card payments.
pub trait Scorer: Send + Sync {
    /// The rules that a payment meets. Whoever asks waits for so long as its budget says.
    fn score<'s>(&'s self, request: &'s ScoreRequest) -> Scoring<'s>;
}

/// Scores by the rules in the settings and by what payment knows of the account.
pub(super) struct RuleScorer {
    db: Database,
    rules: Rules,
    window: i64,
}

impl RuleScorer {
    pub(super) fn new(db: Database, cards: &Cards) -> Self {
        let window = i64::try_from(cards.window.as_micros()).unwrap_or(i64::MAX);
        Self { db, rules: cards.rules.clone(), window }
    }
}

impl Scorer for RuleScorer {
    fn score<'s>(&'s self, request: &'s ScoreRequest) -> Scoring<'s> {
        Box::pin(async move {
            // Others that are asked for at this moment are not seen: velocity guards no money.
            let lately = match self.rules.velocity {
                None => 0,
                Some(_) => {
                    let now = self.db.now().await.map_err(|error| error.to_string())?;
                    let since = now.plus_micros(self.window.saturating_neg());
                    store::authorisations::lately(self.db.read(), request.account, since)
                        .await
                        .map_err(|error| error.to_string())?
                }
            };
            let scored = Scored { amount: request.amount, mcc: request.mcc.clone(), lately };
            Ok(self.rules.met(&scored).into_iter().map(str::to_owned).collect())
        })
    }
}

/// What came of scoring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Score {
    /// It meets no rule.
    Passed,
    /// It meets these.
    Met(Vec<String>),
    /// There was no answer in time.
    Late,
}

impl Score {
    /// The rules that it meets.
    pub(super) fn rules(&self) -> Vec<String> {
        match self {
            Self::Met(rules) => rules.clone(),
            Self::Passed | Self::Late => Vec::new(),
        }
    }
}

impl Payment {
    /// Scores within the budget of the score, and within that of the answer.
    pub(super) async fn score(&self, request: &ScoreRequest, until: Instant) -> Score {
        let own = Instant::now().checked_add(self.cards.score).unwrap_or(until);
        let scoring = self.scorer.score(request);
        match tokio::time::timeout_at(own.min(until).into(), scoring).await {
            Ok(Ok(met)) if met.is_empty() => Score::Passed,
            Ok(Ok(met)) => Score::Met(met),
            Ok(Err(cause)) => {
                tracing::warn!(cause, "a card payment could not be scored");
                Score::Late
            }
            Err(_) => {
                tracing::warn!("a card payment was not scored in time");
                Score::Late
            }
        }
    }
}
