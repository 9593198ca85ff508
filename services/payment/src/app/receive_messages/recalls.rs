//! Recalls of other banks, and what they say to ours.

use florin_iso20022::{Agent, Code, Recall as Asked, RecallAnswer};
use florin_kernel::RecallId;
use florin_store::{StoreError, Tx, id_parts};

use super::{names::digest, refused};
use crate::{
    app::{advance_clearing::ClearingWorker, events, recall_transfer::our_case},
    clearing::fresh_id,
    domain::RecallStage,
    store::{
        self, Drawer,
        recalls::{self, Recall},
    },
};

/// Characters of a case in a key.
const UNNAMED: &str = "NARR";

impl ClearingWorker {
    /// Another bank asks for what it has paid. The same case again meets its first; other content
    /// under it is for people.
    pub(super) async fn take_recall(
        &self,
        tx: &Tx,
        asked: &Asked,
        document: &[u8],
    ) -> Result<String, StoreError> {
        let (millis, random) = id_parts();
        let now = tx.now().await?;
        let case = asked.case.as_ref().unwrap_or(&asked.assignment.id).to_string();
        let code = asked.reason.as_ref().and_then(|reason| reason.code.as_ref());
        let recall = Recall {
            id: RecallId::from_parts(millis, random),
            is_ours: false,
            case_key: self.their_case(asked, &case),
            case_id: case,
            uetr: asked.names.uetr,
            reason: code.map_or_else(|| UNNAMED.to_owned(), ToString::to_string),
            print: print_of(asked),
            request: document.to_vec(),
            created_at: now,
            stage: RecallStage::Received,
            payment: None,
            account: None,
            amount: asked.amount,
            answer: None,
            document: None,
            approval: None,
            repair: None,
            answer_by: None,
            answers: 0,
            changed_at: now,
            due_at: Some(now),
            lease_token: None,
            attempts: 0,
            last_cause: None,
        };
        let key = &recall.case_key;
        if recalls::open(tx, &recall).await? {
            let event = events::recall_requested(&recall, &recall.case_id);
            self.payment.outbox.append(tx, vec![event]).await?;
            return Ok(format!("recall {key} came in"));
        }
        let known = recalls::lock_case(tx, key).await?;
        if known.is_some_and(|known| known.print == recall.print) {
            return Ok(format!("recall {key} again"));
        }
        let finding = refused(format!("recall {key} asks for something else than before"));
        store::file(tx, Drawer::Unread, &fresh_id(), &finding, document).await?;
        Ok(finding)
    }

    /// Cases are unique for the bank that asks.
    fn their_case(&self, asked: &Asked, case: &str) -> String {
        let bank = match &asked.assignment.assigner {
            Some(Agent::Bic(bic)) => bic.to_string(),
            Some(Agent::Member(id)) => id.to_string(),
            None => String::new(),
        };
        format!("in/{}/{bank}/{case}", self.network.config.network)
    }

    /// What another bank says to a recall of ours. It ends by a rejection, or by the money.
    pub(super) async fn take_recall_answer(
        &self,
        tx: &Tx,
        said: &RecallAnswer,
        document: &[u8],
    ) -> Result<String, StoreError> {
        let Some(mut row) = self.asked_by_us(tx, said).await? else {
            let case = said.case.as_ref().map(ToString::to_string).unwrap_or_default();
            let finding = refused(format!("an answer to the recall {case:?}, which is none"));
            store::file(tx, Drawer::Unread, &fresh_id(), &finding, document).await?;
            return Ok(finding);
        };
        let now = tx.now().await?;
        row.answers = row.answers.saturating_add(1);
        let outcome = said.outcome.as_str();
        let code = said.reason.as_ref().and_then(|reason| reason.code.as_ref());
        let code = code.map_or(UNNAMED, Code::as_str);
        let shown = format!("{outcome} {code} to recall {}", row.id);
        let finding = match (row.stage, outcome) {
            (RecallStage::Sending | RecallStage::Sent, "RJCR") => {
                row.answer = Some(code.to_owned());
                self.end_recall(tx, &mut row, RecallStage::Rejected, now).await?;
                shown
            }
            // Not the end: the money comes by a return of its own, or a rejection does.
            (RecallStage::Sending | RecallStage::Sent, "PDCR" | "CNCL") => {
                row.move_to(RecallStage::Sent, now);
                row.answer = Some(outcome.to_owned());
                format!("{shown}: not final")
            }
            (RecallStage::Rejected, "RJCR") if row.answer.as_deref() == Some(code) => {
                format!("{shown} again")
            }
            (RecallStage::Rejected | RecallStage::Accepted, "PDCR")
            | (RecallStage::Accepted, "CNCL") => format!("{shown} late"),
            _ => {
                let finding = refused(format!("{shown} against what was said before"));
                row.last_cause = Some(finding.clone());
                finding
            }
        };
        recalls::update_recall(tx, &row).await?;
        Ok(finding)
    }

    /// By the case; where none is named, by the payment.
    async fn asked_by_us(
        &self,
        tx: &Tx,
        said: &RecallAnswer,
    ) -> Result<Option<Recall>, StoreError> {
        if let Some(case) = &said.case {
            let key = our_case(&self.network.config.network, case.as_str());
            return recalls::lock_case(tx, &key).await;
        }
        let Some(uetr) = said.names.uetr else { return Ok(None) };
        let payment = store::payment_of(tx, uetr).await?;
        let Some(transfer) = payment.and_then(|payment| payment.transfer()) else {
            return Ok(None);
        };
        match recalls::asking(tx, transfer).await? {
            Some(open) => recalls::lock(tx, open.id).await,
            None => Ok(None),
        }
    }
}

/// What is asked, whatever message it comes in.
fn print_of(asked: &Asked) -> String {
    let text = |name: Option<&florin_iso20022::Id>| name.map(ToString::to_string);
    let names = &asked.names;
    let reason = asked.reason.as_ref().and_then(|reason| reason.code.as_ref());
    let parts = [
        Some(asked.original.id.to_string()),
        text(names.instruction.as_ref()),
        text(names.end_to_end.as_ref()),
        text(names.transaction.as_ref()),
        names.uetr.map(|uetr| uetr.to_string()),
        asked.amount.map(|amount| amount.to_string()),
        reason.map(ToString::to_string),
    ];
    let parts = parts.map(Option::unwrap_or_default);
    digest(&parts.each_ref().map(String::as_str))
}
