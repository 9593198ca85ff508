//! What the network says.

use florin_iso20022::{
    Message, OriginalMessage, PaymentNames, PaymentReturn, Reason, StatusReport, StatusRequest,
};
use florin_kernel::{Money, UnixMicros};

use florin_runtime::clock::date_of;

use super::{Network, NetworkError, Outcome, Posted, Return, Voice};

impl Network {
    /// A report about what became of a message, where its names can be read again.
    pub(super) fn outcome_report(&mut self, id: &str, now: UnixMicros) -> Option<String> {
        let payment = self.payments.get(id)?.clone();
        let names = PaymentNames {
            end_to_end: payment.end_to_end.as_deref().and_then(|name| name.parse().ok()),
            uetr: payment.uetr.as_deref().and_then(|uetr| uetr.parse().ok()),
            ..PaymentNames::default()
        };
        let amount = Money::parse(&payment.currency, &payment.amount).ok();
        let (status, code) = match &payment.outcome {
            Outcome::Settled => ("ACSC", None),
            Outcome::Rejected { code } => ("RJCT", Some(code.as_str())),
        };
        self.report_text(id, &payment.message_name, &names, status, code, amount, now)
    }

    /// Says so to the bank.
    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    pub(super) fn report(
        &mut self,
        id: &str,
        name: &str,
        names: &PaymentNames,
        status: &str,
        code: Option<&str>,
        amount: Option<Money>,
        now: UnixMicros,
    ) {
        if let Some(text) = self.report_text(id, name, names, status, code, amount, now) {
            self.enqueue(text);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one message")]
    fn report_text(
        &mut self,
        id: &str,
        name: &str,
        names: &PaymentNames,
        status: &str,
        code: Option<&str>,
        amount: Option<Money>,
        now: UnixMicros,
    ) -> Option<String> {
        let settled = status == "ACSC";
        let report = StatusReport {
            id: self.fresh_name().parse().ok()?,
            created_at: now,
            original: OriginalMessage {
                id: id.parse().ok()?,
                name: name.parse().ok()?,
                created_at: None,
            },
            names: names.clone(),
            status: status.parse().ok()?,
            reason: code.and_then(|code| code.parse().ok()).map(Reason::of),
            amount,
            settlement_date: settled.then(|| date_of(now)),
        };
        Some(text_of(&Message::StatusReport(report)))
    }

    /// Answers a question for what became of a payment.
    pub(super) fn answer_question(
        &mut self,
        request: &StatusRequest,
        now: UnixMicros,
    ) -> Result<(), NetworkError> {
        let id = request.original.id.to_string();
        let name = request.original.name.to_string();
        match self.payments.get(&id).map(|payment| payment.voice_at(now)) {
            Some(Voice::Silent) => {}
            Some(Voice::Pending) => {
                self.report(&id, &name, &request.names, "PDNG", None, None, now);
            }
            Some(Voice::Open) => {
                if let Some(answer) = self.outcome_report(&id, now) {
                    self.enqueue(answer);
                }
            }
            None => self.report(&id, &name, &request.names, "RJCT", Some("NOOR"), None, now),
        }
        Ok(())
    }

    /// The other bank sends a settled payment back.
    ///
    /// # Errors
    /// No settled payment of that UETR, or a code or an amount that is none.
    pub fn send_return(&mut self, order: &Return, now: UnixMicros) -> Result<(), NetworkError> {
        let found = self.payments.values().find(|payment| {
            payment.uetr.as_deref() == Some(order.uetr.as_str())
                && payment.outcome == Outcome::Settled
                && payment.message_name.starts_with("pacs.008")
        });
        let payment = found.cloned().ok_or_else(|| NetworkError::Unknown(order.uetr.clone()))?;
        let whole = Money::parse(&payment.currency, &payment.amount)?;
        let amount = order.amount_of(whole)?;
        let names = PaymentNames {
            end_to_end: payment.end_to_end.as_deref().and_then(|name| name.parse().ok()),
            uetr: payment.uetr.as_deref().and_then(|uetr| uetr.parse().ok()),
            ..PaymentNames::default()
        };
        let id = self.fresh_name();
        let back = PaymentReturn {
            id: parsed("id", &id)?,
            created_at: now,
            return_id: Some(parsed("id", &id)?),
            original: Some(OriginalMessage {
                id: parsed("original", &payment.message_id)?,
                name: parsed("original", &payment.message_name)?,
                created_at: None,
            }),
            names: names.clone(),
            original_amount: Some(whole),
            amount,
            settlement_date: Some(date_of(now)),
            reason: Some(Reason::of(parsed("code", &order.code)?)),
        };
        self.books.post(Posted::of(&names, &id, amount, now))?;
        self.note_returned(&order.uetr);
        let document = text_of(&Message::PaymentReturn(back));
        for _ in 0..order.copies.max(1) {
            self.enqueue(document.clone());
        }
        Ok(())
    }
}

/// A value of the profile.
pub(super) fn parsed<T: std::str::FromStr>(
    field: &'static str,
    text: &str,
) -> Result<T, NetworkError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| NetworkError::Value { field, cause: error.to_string() })
}

/// A message as text: what is written is UTF-8.
pub(super) fn text_of(message: &Message) -> String {
    String::from_utf8_lossy(&message.write()).into_owned()
}
