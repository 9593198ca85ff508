//! The network's statements of our money there.

use florin_iso20022::{Account, Statement as Said};
use florin_kernel::{Money, UnixMicros};
use florin_store::{StoreError, Tx};

use super::{names::digest, refused};
use crate::{
    app::advance_clearing::ClearingWorker,
    clearing::fresh_id,
    store::{
        self, Drawer,
        statements::{self, Compared, Statement, StatementEntry},
    },
};

/// The status of what is booked; other entries are none yet.
const BOOKED: &str = "BOOK";

impl ClearingWorker {
    /// Keeps a statement; it is compared later, by a task of its own.
    pub(super) async fn take_statement(
        &self,
        tx: &Tx,
        said: &Said,
        document: &[u8],
    ) -> Result<String, StoreError> {
        let network = &self.network.config.network;
        let account = match &said.account {
            Account::Iban(iban) => iban.electronic().to_owned(),
            Account::Other(number) => number.to_string(),
        };
        let (opening, closing) = (said.balance("OPBD"), said.balance("CLBD"));
        let balances = opening.zip(closing).filter(|(opening, closing)| {
            let currency = opening.currency();
            closing.currency() == currency
                && said.entries.iter().all(|entry| entry.amount.currency() == currency)
        });
        let Some((opening, closing)) = balances else {
            let finding =
                refused(format!("statement {} without balances of one currency", said.id));
            store::file(tx, Drawer::Unread, &fresh_id(), &finding, document).await?;
            return Ok(finding);
        };
        let id = format!("{network}/{account}/{}", said.id);
        let booked = said.entries.iter().filter(|entry| entry.status.as_str() == BOOKED);
        let entries: Vec<_> = booked
            .filter(|entry| entry.amount.minor() != 0)
            .zip(1..)
            .map(|(entry, number)| StatementEntry {
                statement: id.clone(),
                number,
                amount: entry.amount.minor(),
                uetr: entry.names.uetr.map(|uetr| uetr.to_string()),
                reference: entry.reference.as_ref().map(ToString::to_string),
                payment: None,
            })
            .collect();
        let statement = Statement {
            series: format!("{network}/{account}/{}", closing.currency().code()),
            number: 0,
            currency: closing.currency(),
            opening: opening.minor(),
            closing: closing.minor(),
            print: print_of(opening, closing, &entries),
            made_at: said.created_at,
            received_at: tx.now().await?,
            state: Compared::Open,
            differences: 0,
            under_way: 0,
            open_from: None,
            checked_at: UnixMicros(0),
            id,
        };
        let id = &statement.id;
        if let Some(number) = statements::keep(tx, &statement, &entries, document).await? {
            return Ok(format!("statement {id}, the {number}. of its account"));
        }
        let known = statements::find(tx, id).await?;
        if known.is_some_and(|known| known.print == statement.print) {
            return Ok(format!("statement {id} again"));
        }
        let finding = refused(format!("statement {id} tells something else than before"));
        store::file(tx, Drawer::Unread, &fresh_id(), &finding, document).await?;
        Ok(finding)
    }
}

fn print_of(opening: Money, closing: Money, entries: &[StatementEntry]) -> String {
    let mut parts = vec![opening.to_string(), closing.to_string()];
    for entry in entries {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        parts.extend([entry.amount.to_string(), text(&entry.uetr), text(&entry.reference)]);
    }
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    digest(&parts)
}
