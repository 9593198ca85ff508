//! Starts the role: the books, the committers, the gRPC service.

use std::time::Duration;

use anyhow::Context as _;
use florin_kernel::{BankIdentity, Role, parse_date};
use florin_proto::account::v1::account_service_server::AccountServiceServer;
use florin_runtime::{Runtime, Started};
use florin_store::{
    Database, Tx,
    commit::{Committer, Limits},
};

use crate::{
    Config,
    app::{
        batch::LedgerBatch, end_of_day::Worker, expire_holds::expire_holds, ledger::Ledger,
        watch_business_date::watch_business_date,
    },
    grpc::AccountApi,
    store::{calendar, chart},
};

/// Most legs of a batch (DESIGN section 4).
const MAX_WEIGHT: usize = 1_024;

/// How long the end of day waits for a replica that says nothing any more.
const END_OF_DAY_LEASE: Duration = Duration::from_secs(30);

/// Opens the ledger over the role's database and gives the service to be served.
///
/// # Errors
/// Says which setting is wrong, or what the database lacks.
pub async fn start(runtime: &Runtime, config: Config) -> anyhow::Result<Started> {
    let workers = config.end_of_day_workers;
    let ledger = open(runtime, config).await?;
    let end_of_day = Worker {
        db: ledger.db.clone(),
        committer: ledger.committer.clone(),
        workers,
        holder: florin_rpc::fresh_request_id(),
        lease: END_OF_DAY_LEASE,
    };
    runtime.tasks.spawn("account end of day", end_of_day.run(runtime.shutdown.clone()));
    let watch = watch_business_date(ledger.db.clone(), runtime.clone());
    runtime.tasks.spawn("account business date", watch);
    runtime.tasks.spawn("account holds", expire_holds(ledger.clone(), runtime.clone()));
    let service = AccountApi::new(ledger);
    Ok(Started::new().with(|server| server.add_service(AccountServiceServer::new(service))))
}

/// Opens the ledger.
///
/// # Errors
/// As [`start`].
pub async fn open(runtime: &Runtime, config: Config) -> anyhow::Result<Ledger> {
    let db = runtime.database()?;
    let bank = &runtime.settings.bank;
    let bank = BankIdentity::new(&bank.country, &bank.bank_code)
        .context("country and bank_code in [bank] issue the account numbers")?;
    let foreign = db.write(async |tx: Tx| chart::add_own(&tx).await).await?;
    anyhow::ensure!(
        foreign.is_empty(),
        "the ledger keeps GL accounts of its own under codes that the bank uses otherwise: {}. \
         Give the bank's another code (gl_accounts, journal_legs, product_controls) and start \
         again: the ledger then adds its own",
        foreign.join("; ")
    );
    open_books(&db, &config).await?;
    let limits = Limits {
        max_weight: MAX_WEIGHT,
        queue: config.queue,
        time_limit: Duration::from_millis(config.batch_time_limit_ms),
    };
    let batch = LedgerBatch { outbox: runtime.outbox.clone(), bank: bank.clone() };
    let committer =
        Committer::start(db.clone(), batch, limits, config.committers, runtime.shutdown.clone());
    runtime.drain(&committer);
    Ok(Ledger {
        most_days_ahead: config.most_days_ahead,
        db,
        outbox: runtime.outbox.clone(),
        committer,
        cif: runtime.dependency(Role::Cif),
        bank,
    })
}

/// Sets the business date of the very first start, and notes what replicas closed that this one
/// took the place of.
async fn open_books(db: &Database, config: &Config) -> anyhow::Result<()> {
    let configured = match config.first_business_date.as_str() {
        "" => None,
        text => Some(parse_date(text).context("first_business_date in [account]")?),
    };
    db.write(async |tx: Tx| {
        let today = match configured {
            Some(date) => date,
            None => calendar::day_of(tx.now().await?)?,
        };
        chart::open_books(&tx, today).await?;
        let books = chart::books_alone(&tx).await?;
        calendar::close_gap(&tx, books.business_date).await
    })
    .await?;
    Ok(())
}
