//! Card authorisations and what the ledger has of them.

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role};
use florin_proto::{
    account::v1::HoldStatus,
    money_of,
    payment::v1::{
        ExportAuthorisationsRequest, ExportAuthorisationsResponse,
        payment_service_client::PaymentServiceClient,
    },
};

use super::{Pairing, time_of};
use crate::connect::Caller;

/// Pairs every authorisation with its holds and captures; how many there were.
pub(super) async fn pair(caller: &Caller, pairing: &mut Pairing<'_>) -> Result<u64> {
    let request = ExportAuthorisationsRequest { in_doubt_only: false };
    let mut items = caller
        .stream(Role::Payment, request, |channel, request| async move {
            PaymentServiceClient::new(channel).export_authorisations(request).await
        })
        .await
        .context("exporting authorisations")?;
    let mut count = 0_u64;
    while let Some(item) = items.message().await.context("exporting authorisations")? {
        count = count.saturating_add(1);
        pairing.authorisation(&item)?;
    }
    Ok(count)
}

impl Pairing<'_> {
    /// An open authorisation has exactly its open holds, an ended one none; each capture has one
    /// journal transaction of its amount, and together they are what was captured. One in doubt
    /// may have more: a worker is on it.
    pub(super) fn authorisation(&mut self, item: &ExportAuthorisationsResponse) -> Result<()> {
        let Some(one) = &item.authorisation else {
            self.report.breach("pairing", "an authorisation was exported without its record");
            return Ok(());
        };
        let id = one.authorisation_id.as_str();
        let young = time_of(one.changed_at.as_ref()) > self.settled_before;
        self.card_in_doubt(id, item)?;
        self.card_captures(id, item, young)?;
        self.card_holds(id, item, young || one.in_doubt)?;
        self.card_voids(id, item);
        if one.in_doubt && young {
            self.report.in_flight(&format!("{id} is in doubt"));
        } else if one.in_doubt {
            let text = format!("{id} is in doubt: {} attempts, {}", item.attempts, item.last_cause);
            self.report.unfinished(&text);
        }
        Ok(())
    }

    /// What is in doubt may be booked by now, once and of its amount.
    fn card_in_doubt(&mut self, id: &str, item: &ExportAuthorisationsResponse) -> Result<()> {
        let amount = item.open_amount.as_ref().map(|amount| money_of(Some(amount))).transpose()?;
        for reference in &item.open_references {
            let posted = self.ledger.transactions.remove(reference).unwrap_or_default();
            // A replica of before tells no amount.
            let Some(amount) = amount else { continue };
            let booked: i64 =
                posted.iter().flat_map(|one| &one.debits).map(|one| one.minor()).sum();
            if posted.len() > 1 || (posted.len() == 1 && booked != amount.minor()) {
                let text = format!("{id} is in doubt about {amount}, {reference} has {booked}");
                self.report.breach("pairing", &text);
            }
        }
        Ok(())
    }

    /// Takes the voids of its own references; of any other nothing is known.
    fn card_voids(&mut self, id: &str, item: &ExportAuthorisationsResponse) {
        for hold in &item.holds {
            if let Some(cause) = self.ledger.voids.remove(&hold.reference) {
                let text = format!("{} is held and was voided for {cause}", hold.reference);
                self.report.breach("holds", &text);
            }
        }
        if item.void_references.is_empty() {
            // A replica of before tells none.
            let own = format!("{id}/");
            self.ledger.voids.retain(|reference, _| !reference.starts_with(&own));
        }
        for reference in &item.void_references {
            self.ledger.voids.remove(reference);
        }
    }

    fn card_captures(
        &mut self,
        id: &str,
        item: &ExportAuthorisationsResponse,
        young: bool,
    ) -> Result<()> {
        let mut sum = 0_i64;
        for capture in &item.captures {
            let (reference, amount) = (&capture.reference, money_of(capture.amount.as_ref())?);
            sum = sum.saturating_add(amount.minor());
            let posted = self.ledger.transactions.remove(reference).unwrap_or_default();
            match posted.as_slice() {
                [] if young => self.report.in_flight(&format!("{id} was captured just now")),
                [one]
                    if one.transaction_id == capture.transaction_id
                        && one.debits.iter().map(|debit| debit.minor()).sum::<i64>()
                            == amount.minor() => {}
                others => {
                    let booked: Vec<_> = others
                        .iter()
                        .flat_map(|one| one.debits.iter().map(Money::to_string))
                        .collect();
                    let text = format!("{reference} is of {amount}, the ledger has {booked:?}");
                    self.report.breach("pairing", &text);
                }
            }
            if let Some(cause) = self.ledger.voids.remove(reference) {
                let text = format!("{reference} is booked and was voided for {cause}");
                self.report.breach("pairing", &text);
            }
        }
        let captured = item.authorisation.as_ref().and_then(|one| one.captured.as_ref());
        let captured = money_of(captured)?;
        if captured.minor() != sum {
            let text = format!("{id} has captured {captured}, its captures are {sum} minor units");
            self.report.breach("pairing", &text);
        }
        Ok(())
    }

    fn card_holds(
        &mut self,
        id: &str,
        item: &ExportAuthorisationsResponse,
        moving: bool,
    ) -> Result<()> {
        let in_ledger = self.ledger.holds.remove(id).unwrap_or_default();
        let mut differing = Vec::new();
        for hold in &item.holds {
            let remaining = money_of(hold.remaining.as_ref())?;
            let found = in_ledger.iter().find(|held| held.reference == hold.reference);
            let open = found.is_some_and(|held| {
                held.status == HoldStatus::Open && held.remaining == Some(remaining)
            });
            if !open {
                let kept = found.map(|held| (held.status.as_str_name(), held.remaining));
                let text = format!("{} has {remaining}, the ledger {kept:?}", hold.reference);
                differing.push((hold.reference.clone(), text));
            }
        }
        let open = in_ledger.iter().filter(|held| held.status == HoldStatus::Open);
        for held in open.filter(|held| item.holds.iter().all(|one| one.reference != held.reference))
        {
            let text = format!("{} is open in the ledger alone", held.reference);
            differing.push((held.reference.clone(), text));
        }
        for (reference, text) in differing {
            // The ledger gives back by its own clock, which payment hears of a moment later.
            let over = in_ledger
                .iter()
                .any(|held| held.reference == reference && held.status == HoldStatus::Expired);
            if moving {
                self.report.in_flight(&text);
            } else if over {
                self.report.unfinished(&text);
            } else {
                self.report.breach("holds", &text);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use florin_kernel::UnixMicros;
    use florin_proto::{
        account::v1::{Hold, HoldReference, TransactionReference},
        payment::v1::{Authorisation, AuthorisationCapture, AuthorisationHold},
        timestamp, wire_money,
    };

    use super::super::{Ledger, booked::PAYMENT};
    use super::*;
    use crate::prove::report::Report;

    const SETTLED: UnixMicros = UnixMicros(1_000_000_000);

    fn eur(amount: &str) -> Option<florin_proto::common::v1::Money> {
        Some(wire_money(Money::parse("EUR", amount).unwrap()))
    }

    /// An old authorisation with a hold of 3.00 and a capture of 2.00.
    fn exported() -> ExportAuthorisationsResponse {
        ExportAuthorisationsResponse {
            authorisation: Some(Authorisation {
                authorisation_id: "aut_1".into(),
                captured: eur("2.00"),
                changed_at: Some(timestamp(UnixMicros(1))),
                ..Authorisation::default()
            }),
            holds: vec![AuthorisationHold {
                reference: "aut_1/hold/1".into(),
                remaining: eur("3.00"),
            }],
            captures: vec![AuthorisationCapture {
                reference: "aut_1/capture/2".into(),
                amount: eur("2.00"),
                transaction_id: "txn_1".into(),
            }],
            ..ExportAuthorisationsResponse::default()
        }
    }

    /// What the ledger has of it.
    struct Kept {
        remaining: &'static str,
        status: HoldStatus,
        debits: Vec<&'static str>,
        voided: Option<&'static str>,
        other_hold: bool,
    }

    fn kept() -> Kept {
        Kept {
            remaining: "3.00",
            status: HoldStatus::Open,
            debits: vec!["2.00"],
            voided: None,
            other_hold: false,
        }
    }

    /// Breaches and unfinished.
    fn paired(item: &ExportAuthorisationsResponse, kept: &Kept) -> (u64, u64) {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        let hold = |reference: &str| HoldReference {
            caller: PAYMENT.into(),
            placed_at: Some(timestamp(UnixMicros(1))),
            hold: Some(Hold {
                reference: reference.into(),
                status: kept.status.into(),
                remaining: eur(kept.remaining),
                captured: eur("2.00"),
                ..Hold::default()
            }),
        };
        ledger.take_hold(hold("aut_1/hold/1")).unwrap();
        if kept.other_hold {
            ledger.take_hold(hold("aut_1/hold/2")).unwrap();
        }
        let transaction = TransactionReference {
            transaction_id: "txn_1".into(),
            caller: PAYMENT.into(),
            reference: "aut_1/capture/2".into(),
            debits: kept.debits.iter().filter_map(|one| eur(one)).collect(),
            recorded_at: Some(timestamp(UnixMicros(1))),
            ..TransactionReference::default()
        };
        if !kept.debits.is_empty() {
            ledger.take_transaction(transaction).unwrap();
        }
        if let Some(reference) = kept.voided {
            ledger.voids.insert(reference.into(), "CAUSE".into());
        }
        let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
        pairing.authorisation(item).unwrap();
        pairing.left_over();
        (report.breaches(), report.stuck())
    }

    #[test]
    fn an_authorisation_has_its_open_holds_and_its_captures_and_nothing_else() {
        assert_eq!(paired(&exported(), &kept()), (0, 0));
        assert_eq!(paired(&exported(), &Kept { remaining: "2.99", ..kept() }), (1, 0));
        let released = Kept { status: HoldStatus::Released, ..kept() };
        assert_eq!(paired(&exported(), &released), (1, 0));
        let expired = Kept { status: HoldStatus::Expired, ..kept() };
        assert_eq!(paired(&exported(), &expired), (0, 1), "payment hears of it a moment later");
        assert_eq!(paired(&exported(), &Kept { other_hold: true, ..kept() }), (1, 0));
        assert_eq!(paired(&exported(), &Kept { debits: vec![], ..kept() }), (1, 0));
        assert_eq!(paired(&exported(), &Kept { debits: vec!["2.01"], ..kept() }), (1, 0));
        let short = Kept { debits: vec!["1.50", "0.50"], ..kept() };
        assert_eq!(paired(&exported(), &short), (0, 0), "the bank has paid a part");
        let voided = Kept { voided: Some("aut_1/capture/2"), ..kept() };
        assert_eq!(paired(&exported(), &voided), (1, 0));
        let declined = Kept { voided: Some("aut_1/hold/7"), ..kept() };
        assert_eq!(paired(&exported(), &declined), (0, 0));
    }

    #[test]
    fn a_void_is_of_an_operation_that_there_is() {
        let mut named = exported();
        named.void_references = vec!["aut_1/hold/1".into(), "aut_1/hold/7".into()];
        let declined = Kept { voided: Some("aut_1/hold/7"), ..kept() };
        assert_eq!(paired(&named, &declined), (0, 0));
        let unknown = Kept { voided: Some("aut_1/hold/8"), ..kept() };
        assert_eq!(paired(&named, &unknown), (1, 0));
        let held = Kept { voided: Some("aut_1/hold/1"), ..kept() };
        assert_eq!(paired(&named, &held), (1, 0));
    }

    #[test]
    fn what_is_in_doubt_is_booked_with_its_amount_or_not_at_all() {
        let mut doubt = exported();
        doubt.authorisation.as_mut().unwrap().in_doubt = true;
        doubt.captures.clear();
        doubt.authorisation.as_mut().unwrap().captured = eur("0.00");
        doubt.open_references = vec!["aut_1/capture/2".into()];
        doubt.open_amount = eur("2.00");
        assert_eq!(paired(&doubt, &kept()), (0, 1));
        assert_eq!(paired(&doubt, &Kept { debits: vec![], ..kept() }), (0, 1));
        assert_eq!(paired(&doubt, &Kept { debits: vec!["2.01"], ..kept() }), (1, 1));
    }

    #[test]
    fn an_ended_one_has_no_open_hold_and_its_captures_are_their_sum() {
        let ended = ExportAuthorisationsResponse { holds: vec![], ..exported() };
        assert_eq!(paired(&ended, &kept()), (1, 0));
        let mut other = exported();
        other.authorisation.as_mut().unwrap().captured = eur("2.01");
        assert_eq!(paired(&other, &kept()), (1, 0));
    }

    #[test]
    fn what_is_in_doubt_is_told_and_no_breach() {
        let mut doubt = exported();
        doubt.authorisation.as_mut().unwrap().in_doubt = true;
        doubt.captures.clear();
        doubt.authorisation.as_mut().unwrap().captured = eur("0.00");
        doubt.open_references = vec!["aut_1/capture/2".into()];
        assert_eq!(paired(&doubt, &Kept { other_hold: true, ..kept() }), (0, 1));
    }
}
