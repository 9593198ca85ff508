//! Compares the network's statements of our money there with the nostro account of the ledger,
//! entry by entry: what only one of them has is named, and told apart from what is under way.
//!
//! ```text
//! match     each entry of the statement with what went out or came in, once (unique)
//! read      how that stands here, then the entries of the nostro account: in this order, so
//!           that what has ended here is among them
//! compare   entry and posting by reference; each stands for one (unique); what is left over
//! ```

mod found;
mod nostro;
mod untold;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use florin_kernel::{Date, Role, UnixMicros, parse_date};
use florin_proto::{
    account::v1::{ListGlEntriesRequest, account_service_client::AccountServiceClient},
    money_of,
    payment::v1::{ReconcileClearingRequest, ReconcileClearingResponse},
};
use florin_rpc::{CallContext, Error, Retry, worker_context};
use florin_runtime::internal;
use florin_store::{StoreError, Tx};
use tokio_util::sync::CancellationToken;
use tonic::{Response, Status};

use self::{
    found::Found,
    nostro::{Nostro, broken, name_of, uetr_in},
};
use super::Payment;
use crate::{
    domain::{Amiss, Difference, Reconciliation},
    store::statements::{self, Compared, Earlier, Standing, Statement, StatementEntry},
    wire::wire_reconciliation,
};

const LIST_GL_ENTRIES: &str = "/florin.account.v1.AccountService/ListGlEntries";
/// How often it is looked for statements that are not compared.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long after a comparison that found something the next is.
const AGAIN_AFTER_MICROS: i64 = 60_000_000;
/// Rows read at once.
const PAGE: u32 = 500;
/// Entries of the ledger in one answer.
const LEDGER_PAGE: i32 = 1_000;
/// Pages of the ledger that one comparison reads.
const MOST_PAGES: usize = 1_000;

impl Payment {
    /// Compares the last statement of each account at the network now.
    ///
    /// # Errors
    /// Those of the database and of `account`.
    pub async fn reconcile_clearing(
        &self,
        _: &CallContext,
        _: ReconcileClearingRequest,
    ) -> Result<Response<ReconcileClearingResponse>, Status> {
        let mut reconciliations = Vec::new();
        let told = statements::latest(self.db.read()).await.map_err(internal)?;
        for statement in &told {
            reconciliations.push(wire_reconciliation(&self.reconcile(statement.clone()).await?));
        }
        for one in self.without_statement(&told).await? {
            reconciliations.push(wire_reconciliation(&one));
        }
        let suspense_gl_code = self.config.clearing.suspense_gl_code.clone();
        Ok(Response::new(ReconcileClearingResponse { reconciliations, suspense_gl_code }))
    }

    /// Compares, until the shutdown, what has come and is not known to be equal.
    pub(crate) async fn reconcile_from_time_to_time(self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        while shutdown.run_until_cancelled(look.tick()).await.is_some() {
            let Some(ended) = shutdown.run_until_cancelled(self.reconcile_due()).await else {
                return;
            };
            if let Err(error) = ended {
                let (reason, cause) = (error.reason(), error.message());
                tracing::warn!(reason, cause, "statements of the network were not compared");
            }
        }
    }

    /// Compares what has come and is not known to be equal, and measures how long ago that was.
    ///
    /// # Errors
    /// Those of the database and of `account`.
    pub async fn reconcile_due(&self) -> Result<(), Error> {
        let now = self.db.now().await.map_err(internal)?;
        let mut differences = 0_i64;
        let told = statements::latest(self.db.read()).await.map_err(internal)?;
        self.measure_statements(&told, now).await.map_err(internal)?;
        for statement in told {
            let again = statement.checked_at.plus_micros(AGAIN_AFTER_MICROS) <= now;
            let is_due = match statement.state {
                Compared::Open => true,
                Compared::Equal => false,
                Compared::Differs => again,
            };
            if !is_due {
                differences = differences.saturating_add(statement.differences);
                continue;
            }
            let found = self.reconcile(statement).await?.differences.len();
            differences = differences.saturating_add(i64::try_from(found).unwrap_or(i64::MAX));
        }
        self.meter.nostro_differences(differences);
        Ok(())
    }

    /// Since when the network has told nothing of the account of which it is longest ago: since the
    /// first message to it or from it where it has never told anything.
    async fn measure_statements(
        &self,
        told: &[Statement],
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let since = match told.iter().map(|statement| statement.received_at).min() {
            Some(since) => Some(since),
            None => statements::first_exchange(self.db.read()).await?,
        };
        let age = since.map_or(0, |since| now.0.saturating_sub(since.0).max(0) / 1_000_000);
        self.meter.statement_age(age);
        Ok(())
    }

    /// Compares a statement, the last of its account, and keeps what came of it.
    async fn reconcile(&self, mut statement: Statement) -> Result<Reconciliation, Error> {
        let open = self.match_entries(&statement).await.map_err(internal)?;
        // Before the ledger is read: what is booked by now is among its entries.
        let mut standing = Vec::new();
        for entry in open {
            standing.push((self.standing(&entry).await.map_err(internal)?, entry));
        }
        let earlier = |which| statements::earlier(self.db.read(), &statement, which);
        let before = earlier(Earlier::Any).await.map_err(internal)?;
        let cycle = earlier(Earlier::Cycle).await.map_err(internal)?;
        let equal = earlier(Earlier::Equal).await.map_err(internal)?;
        let from = equal.and_then(|equal| equal.open_from);
        let today = self.books.ask(&worker_context(Role::Payment)).await?;
        let told_by = self.told_by(today).await?;
        let nostro = self.nostro(&statement, from).await?;
        let mut found = Found::default();
        found.check_balances(&statement, before.as_ref(), &self.db).await?;
        for (standing, entry) in standing {
            let reference = nostro.take(&entry, standing.as_ref());
            match reference {
                Ok(reference) => self.note_booked(&entry, &reference).await.map_err(internal)?,
                Err(amiss) => {
                    let waits = match (&standing, &entry.uetr) {
                        (Some(standing), _) => standing.is_under_way,
                        (None, Some(uetr)) => statements::waits_for_answer(self.db.read(), uetr)
                            .await
                            .map_err(internal)?,
                        (None, None) => false,
                    };
                    found.only_theirs(&statement, &entry, amiss, waits);
                }
            }
        }
        let times = (cycle.as_ref(), told_by);
        let oldest = self.left_over(&statement, times, &nostro, &mut found).await?;
        found.check_total(&statement, &nostro);
        let Found { differences, under_way, untold, theirs_under_way, .. } = found;
        statement.state = match (differences.is_empty(), theirs_under_way) {
            (false, _) => Compared::Differs,
            (true, true) => Compared::Open,
            (true, false) => Compared::Equal,
        };
        statement.open_from = (statement.state == Compared::Equal).then(|| {
            oldest.and_then(|date| parse_date(&date).ok()).map_or(today, |old| old.min(today))
        });
        let reconciliation = Reconciliation {
            series: statement.series.clone(),
            statement: statement.id.clone(),
            closing: statement.money(statement.closing),
            booked: statement.money(nostro.balance),
            differences,
            under_way,
            untold,
        };
        self.note(&mut statement, &reconciliation).await.map_err(internal)?;
        Ok(reconciliation)
    }

    /// Matches what can be, and returns the entries that are not known to be booked.
    async fn match_entries(&self, of: &Statement) -> Result<Vec<StatementEntry>, StoreError> {
        let mut open = Vec::new();
        let mut after = (String::new(), 0);
        loop {
            let place = (after.0.as_str(), after.1);
            let page = statements::open_entries(self.db.read(), &of.series, place, PAGE);
            let mut page = page.await?;
            let Some(last) = page.last() else { return Ok(open) };
            after = (last.statement.clone(), last.number);
            for entry in page.iter_mut().filter(|entry| entry.payment.is_none()) {
                let asked = entry.clone();
                let matched = self
                    .db
                    .write(async |tx: Tx| statements::match_entry(&tx, &asked, of.currency).await)
                    .await;
                match matched {
                    Ok(payment) => entry.payment = payment,
                    // Another replica takes it for another entry: the next comparison sees it.
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            open.append(&mut page);
        }
    }

    async fn standing(&self, entry: &StatementEntry) -> Result<Option<Standing>, StoreError> {
        match &entry.payment {
            Some(payment) => statements::standing(self.db.read(), payment).await.map(Some),
            None => Ok(None),
        }
    }

    async fn note_booked(&self, entry: &StatementEntry, reference: &str) -> Result<(), StoreError> {
        self.db
            .write(async |tx: Tx| statements::note_booked(&tx, entry, reference).await)
            .await
            .map(drop)
    }

    /// The entries of the nostro account from a booking date on, and its balance.
    async fn nostro(&self, statement: &Statement, from: Option<Date>) -> Result<Nostro, Error> {
        let mut request = ListGlEntriesRequest {
            code: self.config.clearing.nostro_gl_code.clone(),
            currency: statement.currency.code().to_owned(),
            from_booking_date: from.map(|date| date.to_string()).unwrap_or_default(),
            page_size: LEDGER_PAGE,
            page_token: String::new(),
        };
        let mut nostro = Nostro { balance: 0, booked: HashMap::new() };
        for _ in 0..MOST_PAGES {
            let deadline = Instant::now().checked_add(self.config.ledger_timeout());
            let ctx = CallContext { deadline, ..worker_context(Role::Payment) };
            let asked = request.clone();
            let page = self
                .account
                .call(&ctx, LIST_GL_ENTRIES, Retry::Read, asked, |channel, request| async {
                    AccountServiceClient::new(channel).list_gl_entries(request).await
                })
                .await?;
            if let Some(before) = &page.brought_forward {
                let before = money_of(Some(before)).map_err(broken)?;
                nostro.balance = before.minor().checked_neg().ok_or_else(|| broken("balance"))?;
            }
            for entry in page.entries {
                nostro.add(entry)?;
            }
            if page.next_page_token.is_empty() {
                return Ok(nostro);
            }
            request.page_token = page.next_page_token;
        }
        Err(Error::internal("the nostro account has more entries than one comparison reads"))
    }

    /// What the ledger has and no entry tells of; the booking date of the oldest.
    async fn left_over(
        &self,
        statement: &Statement,
        (cycle, told_by): (Option<&Statement>, Date),
        nostro: &Nostro,
        found: &mut Found,
    ) -> Result<Option<String>, Error> {
        let mut oldest: Option<String> = None;
        let mut keys: Vec<_> = nostro.booked.keys().collect();
        keys.sort();
        for chunk in keys.chunks(500) {
            let names: Vec<_> = chunk.iter().map(|key| name_of(key)).collect();
            let told = statements::told(self.db.read(), &names).await.map_err(internal)?;
            for (key, name) in chunk.iter().zip(names) {
                let Some(booked) = nostro.booked.get(*key) else { continue };
                let skip = usize::from(told.contains(&name));
                for one in booked.iter().skip(skip) {
                    // What was booked within the cycle may have been settled after it ended.
                    let is_late =
                        cycle.is_some_and(|one_before| one.recorded_at < one_before.received_at);
                    let is_ours = key.0 == Role::Payment.name();
                    let uetr = uetr_in(&key.1);
                    let amiss = if skip > 0 { Amiss::BookedOtherwise } else { Amiss::NotTold };
                    let difference = Difference {
                        amiss,
                        amount: statement.money(one.amount),
                        uetr,
                        of: name.clone(),
                    };
                    let is_under_way = is_ours && !is_late && skip == 0;
                    let date = &one.booking_date;
                    // Dates are of one length: as texts they compare as dates do.
                    let is_untold = *date <= told_by.to_string();
                    found.only_ours(difference, is_under_way, is_untold)?;
                    if oldest.as_ref().is_none_or(|oldest| date < oldest) {
                        oldest = Some(date.clone());
                    }
                }
            }
        }
        Ok(oldest)
    }

    async fn note(
        &self,
        statement: &mut Statement,
        found: &Reconciliation,
    ) -> Result<(), StoreError> {
        let count = |all: &[Difference]| i64::try_from(all.len()).unwrap_or(i64::MAX);
        let known = statement.differences;
        statement.differences = count(&found.differences);
        statement.under_way = count(&found.under_way).saturating_add(count(&found.untold));
        statement.checked_at = self.db.now().await?;
        if statement.differences > 0 && statement.differences != known {
            let (id, differences) = (statement.id.as_str(), statement.differences);
            let (closing, booked) = (found.closing.to_string(), found.booked.to_string());
            tracing::error!(
                id,
                differences,
                closing,
                booked,
                "the nostro differs from the network"
            );
        }
        let statement = &*statement;
        self.db.write(async |tx: Tx| statements::note_compared(&tx, statement).await).await
    }
}
