//! Recalls of payments between banks: what is asked, and what the answer is.
//!
//! The rules are those of the SEPA credit transfer scheme (EPC125-05, recall and request for
//! recall by the originator; codes of EPC135-18): the positive answer is the return of the money
//! (pacs.004, FOCR), the negative one a camt.029 (RJCR) with a code.

use florin_kernel::{RecallId, UnixMicros};

use super::Arrival;

/// How far a recall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecallStage {
    /// In: it has come.
    Received,
    /// In: people decide.
    Waiting,
    /// In: accepted; the ledger is, or may have been, asked to debit the account.
    Debiting,
    /// In: the return is on its way.
    Returning,
    /// In: the network has, or may have, the exact bytes of the negative answer.
    Answering,
    /// The end: the money went back.
    Accepted,
    /// The end: it did not.
    Rejected,
    /// Out: the network has, or may have, the exact bytes.
    Sending,
    /// Out: the network has them.
    Sent,
}

impl RecallStage {
    /// Every stage.
    pub const ALL: &'static [Self] = &[
        Self::Received,
        Self::Waiting,
        Self::Debiting,
        Self::Returning,
        Self::Answering,
        Self::Accepted,
        Self::Rejected,
        Self::Sending,
        Self::Sent,
    ];

    /// The number in the database and in the contract.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Received => 1,
            Self::Waiting => 2,
            Self::Debiting => 3,
            Self::Returning => 4,
            Self::Answering => 5,
            Self::Accepted => 6,
            Self::Rejected => 7,
            Self::Sending => 8,
            Self::Sent => 9,
        }
    }

    /// The stage of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.code() == code)
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Accepted | Self::Rejected)
    }

    /// Whether a worker has nothing to do with it.
    #[must_use]
    pub const fn rests(self) -> bool {
        matches!(self, Self::Returning | Self::Sent | Self::Accepted | Self::Rejected)
    }
}

/// The payment that another bank asks back, as this bank has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedBack {
    /// How far it is.
    pub stage: Arrival,
    /// Whether it could not be credited, so that it went, or goes, back by itself.
    pub uncreditable: bool,
    /// Whether people end it, or ended it, by a repair.
    pub is_repaired: bool,
    /// How far another recall is that takes it back.
    pub taken: Option<RecallStage>,
}

/// What follows from where the payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The negative answer, with this code.
    Answer(&'static str),
    /// It is on its way: later.
    Later(&'static str),
    /// It is a customer's: people decide.
    People,
    /// It is in suspense and nobody's: it goes back.
    SendBack,
}

/// No original transaction received.
pub const NEVER_RECEIVED: &str = "NOOR";
/// Already returned.
pub const ALREADY_RETURNED: &str = "ARDT";
/// No answer from the customer.
pub const NO_ANSWER: &str = "NOAS";
/// Following a cancellation request: the reason of a return.
pub const BY_RECALL: &str = "FOCR";

/// Judges a recall by its payment; None where this bank has had no such payment.
#[must_use]
pub const fn judge(payment: Option<AskedBack>) -> Judgement {
    let Some(AskedBack { stage, uncreditable, is_repaired, taken }) = payment else {
        return Judgement::Answer(NEVER_RECEIVED);
    };
    // Where it is by now no rule knows: people answer.
    if is_repaired && taken.is_none() {
        return Judgement::Later("people have ended the payment by a repair: reject the recall");
    }
    match (taken, stage) {
        (Some(RecallStage::Accepted), _) => Judgement::Answer(ALREADY_RETURNED),
        (Some(_), _) => Judgement::Later("another recall of the payment is under way"),
        (None, Arrival::Received | Arrival::ToSuspense) => {
            Judgement::Later("the payment has not been booked")
        }
        (None, Arrival::Returning) => Judgement::Later("the payment's return is under way"),
        (None, Arrival::Done) if uncreditable => Judgement::Answer(ALREADY_RETURNED),
        (None, Arrival::Done) => Judgement::People,
        (None, Arrival::Kept) => Judgement::SendBack,
    }
}

/// The code of the negative answer where the ledger refused to debit the account; None where
/// the refusal says nothing of the account.
#[must_use]
pub fn refusal_code(reason: &str) -> Option<&'static str> {
    match reason {
        "INSUFFICIENT_FUNDS" => Some("AM04"),
        "ACCOUNT_CLOSED" => Some("AC04"),
        // What is frozen is so by law or order.
        "ACCOUNT_FROZEN" => Some("LEGL"),
        _ => None,
    }
}

/// Why we ask a payment back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecallReason {
    /// Sent twice.
    Duplicate,
    /// A technical fault.
    Technical,
    /// Fraud.
    Fraud,
    /// The customer's wish.
    Customer,
}

impl RecallReason {
    /// The code of ISO 20022.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Duplicate => "DUPL",
            Self::Technical => "TECH",
            Self::Fraud => "FRAD",
            Self::Customer => "CUST",
        }
    }

    /// Whether the long period of the scheme is its own.
    #[must_use]
    pub const fn has_long_period(self) -> bool {
        match self {
            Self::Duplicate | Self::Technical => false,
            Self::Fraud | Self::Customer => true,
        }
    }
}

/// So many calendar days after an instant.
#[must_use]
pub fn days_after(at: UnixMicros, days: u32) -> UnixMicros {
    at.plus_micros(i64::from(days).saturating_mul(86_400_000_000))
}

/// The natural reference of the debit of an accepted recall.
#[must_use]
pub fn debit_reference(id: RecallId) -> String {
    format!("{id}/debit")
}

/// The message id, and the case, of what we send for a recall: its UUID without dashes.
#[must_use]
pub fn recall_message_id(id: RecallId) -> String {
    let text = id.to_string();
    let uuid = text.split_once('_').map_or(text.as_str(), |(_, uuid)| uuid);
    uuid.replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_stored_under_these_numbers_for_ever() {
        let codes: Vec<_> = RecallStage::ALL.iter().map(|stage| stage.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for stage in RecallStage::ALL {
            assert_eq!(RecallStage::from_code(stage.code()), Some(*stage));
        }
        assert_eq!(RecallStage::from_code(0), None);
    }

    #[test]
    fn a_recall_is_judged_by_where_its_payment_is() {
        let of = |stage, uncreditable| {
            let taken = None;
            Some(AskedBack { stage, uncreditable, is_repaired: false, taken })
        };
        assert_eq!(judge(None), Judgement::Answer("NOOR"));
        assert_eq!(judge(of(Arrival::Done, true)), Judgement::Answer("ARDT"));
        assert_eq!(judge(of(Arrival::Done, false)), Judgement::People);
        assert_eq!(judge(of(Arrival::Kept, true)), Judgement::SendBack);
        for stage in [Arrival::Received, Arrival::ToSuspense, Arrival::Returning] {
            assert!(matches!(judge(of(stage, false)), Judgement::Later(_)), "{stage:?}");
        }
    }

    #[test]
    fn a_payment_that_another_recall_has_taken_is_never_anybodys_again() {
        for stage in Arrival::ALL {
            for taken in [RecallStage::Debiting, RecallStage::Returning] {
                let (is_repaired, taken) = (false, Some(taken));
                let met = AskedBack { stage: *stage, uncreditable: false, is_repaired, taken };
                assert!(matches!(judge(Some(met)), Judgement::Later(_)), "{met:?}");
            }
            let taken = Some(RecallStage::Accepted);
            let is_repaired = false;
            let met = AskedBack { stage: *stage, uncreditable: false, is_repaired, taken };
            assert_eq!(judge(Some(met)), Judgement::Answer("ARDT"), "{met:?}");
        }
    }

    #[test]
    fn a_debit_refused_for_the_account_is_an_answer_and_no_other_is() {
        assert_eq!(refusal_code("INSUFFICIENT_FUNDS"), Some("AM04"));
        assert_eq!(refusal_code("ACCOUNT_CLOSED"), Some("AC04"));
        assert_eq!(refusal_code("ACCOUNT_FROZEN"), Some("LEGL"));
        assert_eq!(refusal_code("GL_ACCOUNT_NOT_FOUND"), None);
        assert_eq!(refusal_code("PERIOD_CLOSED"), None);
    }
}
