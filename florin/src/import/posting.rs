//! The history, booked as it happened. Lines of one account keep their order because one
//! batch follows the other; within a batch the ledger decides in order.

use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};
use florin_kernel::Role;
use florin_proto::account::v1::{
    CreateGlAccountRequest, GlClass, PostTransactionsRequest, PostTransactionsResponse,
    account_service_client::AccountServiceClient, transaction_result::Outcome,
};

use crate::import::{
    Import,
    accounts::Accounts,
    progress::Progress,
    rejects::{Reject, Rejects, refused_field, refused_reason},
    row::{NOSTRO, Row},
    table::Table,
    totals::Totals,
};

/// Transactions of a request: two legs each, at most 1,024 legs in the contract.
const BATCH: usize = 400;
/// Banks that the files may name: each gets a GL account.
const MOST_BANKS: usize = 2_000;

/// Books a history.
pub struct Posting<'i> {
    import: &'i Import,
    accounts: Accounts,
    banks: HashSet<String>,
    totals: Totals,
}

impl<'i> Posting<'i> {
    /// Nothing is booked yet.
    pub fn new(import: &'i Import, accounts: Accounts) -> Self {
        Self { import, accounts, banks: HashSet::new(), totals: Totals::default() }
    }

    /// The accounts with their last balances in the file, and what was booked.
    pub fn into_parts(self) -> (Accounts, Totals) {
        (self.accounts, self.totals)
    }

    /// Books the whole file. The next lines are read while a batch is with the ledger.
    pub async fn all(&mut self, rejects: &mut Rejects, bar: &Progress) -> Result<()> {
        let mut table = Table::open(&self.import.args.history, &Row::COLUMNS)?;
        let mut rows = 0;
        let mut batch = self.read_batch(&mut table, rejects, &mut rows)?;
        while !batch.is_empty() {
            for row in &batch {
                self.make_nostro(row).await?;
            }
            let import = self.import;
            let posting = tokio::spawn(post(import.caller.clone(), self.request(&batch)));
            let next = self.read_batch(&mut table, rejects, &mut rows);
            let response = posting.await.context("the posting broke off")??;
            self.settle(batch, response, rejects)?;
            bar.at(table.bytes_read(), rows);
            batch = next?;
        }
        Ok(())
    }

    fn read_batch(
        &mut self,
        table: &mut Table,
        rejects: &mut Rejects,
        rows: &mut u64,
    ) -> Result<Vec<Row>> {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH {
            let Some(line) = table.next()? else { break };
            *rows = rows.saturating_add(1);
            let read = line.and_then(|line| Row::read(&line));
            match read.and_then(|row| self.known(row)) {
                Ok(row) => batch.push(row),
                Err(reject) => rejects.add("history", &reject)?,
            }
        }
        Ok(batch)
    }

    /// Notes the balance that the row leads to, where its account was imported.
    fn known(&mut self, row: Row) -> Result<Row, Reject> {
        let refuse = |field: &str, rule: &str, reason: &str| Reject {
            line: row.line,
            reference: row.reference.clone(),
            field: field.to_owned(),
            rule: rule.to_owned(),
            reason: reason.to_owned(),
        };
        let Some(account) = self.accounts.get_mut(&row.account) else {
            let reason = "no such account was imported";
            return Err(refuse("account", "UNKNOWN_ACCOUNT", reason));
        };
        let currency = self.import.currency;
        if row.amount.currency() != currency {
            let reason = format!("the accounts are in {currency}");
            return Err(refuse("currency", "CURRENCY_MISMATCH", &reason));
        }
        account.last = Some((row.balance_after, row.booking_date));
        Ok(row)
    }

    /// Makes the nostro account of the row's bank where it is met for the first time.
    async fn make_nostro(&mut self, row: &Row) -> Result<()> {
        let Some(bank) = row.nostro() else { return Ok(()) };
        if self.banks.contains(bank) {
            return Ok(());
        }
        ensure!(self.banks.len() < MOST_BANKS, "the history names more than {MOST_BANKS} banks");
        let message = CreateGlAccountRequest {
            code: row.other_side(),
            name: format!("Nostro {bank}"),
            class: GlClass::Asset.into(),
            control: false,
        };
        let key = self.import.reference("nostro/", &format!("{NOSTRO}.{bank}"));
        self.import
            .caller
            .call_keyed(Role::Account, &key, message, |channel, request| async move {
                AccountServiceClient::new(channel).create_gl_account(request).await
            })
            .await
            .with_context(|| format!("making the nostro account of {bank}"))?;
        self.banks.insert(bank.to_owned());
        Ok(())
    }

    fn request(&self, batch: &[Row]) -> PostTransactionsRequest {
        let transactions = batch
            .iter()
            .filter_map(|row| {
                let account = self.accounts.get(&row.account)?;
                let reference = self.import.reference("", &row.reference);
                Some(row.transaction(reference, &account.account_id))
            })
            .collect();
        PostTransactionsRequest { transactions }
    }

    fn settle(
        &mut self,
        batch: Vec<Row>,
        response: PostTransactionsResponse,
        rejects: &mut Rejects,
    ) -> Result<()> {
        ensure!(response.results.len() == batch.len(), "account answered for another batch");
        for (row, result) in batch.into_iter().zip(response.results) {
            match result.outcome.context("account answered without an outcome")? {
                Outcome::Posted(posted) => {
                    self.totals.add(row.kind.name(), row.amount, posted.replayed)?;
                }
                Outcome::Refused(refusal) => {
                    let reject = Reject {
                        line: row.line,
                        reference: row.reference,
                        field: refused_field(&refusal),
                        reason: refused_reason(&refusal),
                        rule: refusal.reason,
                    };
                    rejects.add("history", &reject)?;
                }
            }
        }
        Ok(())
    }
}

async fn post(
    caller: crate::connect::Caller,
    message: PostTransactionsRequest,
) -> Result<PostTransactionsResponse> {
    caller
        .call(Role::Account, message, |channel, request| async move {
            AccountServiceClient::new(channel).post_transactions(request).await
        })
        .await
        .context("booking the history")
}
