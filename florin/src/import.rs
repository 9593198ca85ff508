//! `florin import`: another bank's customers, accounts and history, through the services'
//! own gRPC. No note is kept of how far it came: each item carries a reference that is
//! unique for ever, so the same command goes on after a crash, and a year later does nothing.
//!
//! The files and the bookings are described in `docs/import.md`.

mod accounts;
mod balances;
mod customers;
mod posting;
mod progress;
mod rejects;
mod row;
mod table;
mod totals;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use florin_kernel::{Currency, Money};

use crate::{
    Outcome,
    cli::WhereArgs,
    connect::Caller,
    import::{posting::Posting, progress::Progress, rejects::Rejects, totals::Totals},
    mesh::Mesh,
    token::Tokens,
};

/// What an import may do, and nothing else.
pub const SCOPES: &str = "customers:import ledger:import accounts:read";

/// Options of `florin import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// CSV of customers: customer,date_of_birth; names where there are any.
    #[arg(long, value_name = "FILE")]
    customers: PathBuf,
    /// CSV of accounts: account,opened_on.
    #[arg(long, value_name = "FILE")]
    accounts: PathBuf,
    /// CSV of holders: customer,account,role.
    #[arg(long, value_name = "FILE")]
    holders: PathBuf,
    /// CSV of transactions, those of one account in the order in which they happened.
    #[arg(long, value_name = "FILE")]
    history: PathBuf,
    /// Name of this set of files: the first part of every reference.
    #[arg(long, value_name = "NAME", default_value = "import")]
    source: String,
    /// Currency of the accounts.
    #[arg(long, value_name = "CODE", default_value = "CZK")]
    currency: String,
    /// Code of the product that the accounts are opened with.
    #[arg(long, value_name = "CODE", default_value = "current")]
    product: String,
    /// Where lines that cannot be imported are listed.
    #[arg(long, value_name = "FILE", default_value = "import-rejects.csv")]
    rejects: PathBuf,
    /// By how much an account may differ from the other bank's own, rounded balance.
    #[arg(long, value_name = "AMOUNT", default_value = "0.60")]
    rounding: String,
    /// An access token of the bank's identity provider, instead of the development issuer's.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Name of the client certificate.
    #[arg(long, value_name = "NAME", default_value = "import")]
    client: String,
    /// Secret of the client at the development issuer.
    #[arg(long, value_name = "SECRET", default_value = crate::token::DEVELOPMENT_SECRET)]
    secret: String,
    #[command(flatten)]
    place: WhereArgs,
}

/// What each step needs.
struct Import {
    args: ImportArgs,
    caller: Caller,
    currency: Currency,
    rounding: Money,
}

/// Imports the four files.
pub async fn run(args: Box<ImportArgs>) -> Result<Outcome> {
    let args = *args;
    let import = prepare(args)?;
    tokio::select! {
        outcome = import.all() => outcome,
        _ = tokio::signal::ctrl_c() => {
            bail!("interrupted; the same command goes on where it stopped, with nothing twice")
        }
    }
}

fn prepare(args: ImportArgs) -> Result<Import> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if args.source.is_empty() || args.source.len() > 20 || !args.source.bytes().all(fits) {
        bail!("--source must have 1 to 20 characters of a to z, 0 to 9 and -");
    }
    let currency: Currency = args.currency.parse()?;
    let rounding = Money::parse(currency.code(), &args.rounding)?;
    if rounding.minor() < 0 {
        bail!("--rounding must not be below zero");
    }
    for file in [&args.customers, &args.accounts, &args.holders, &args.history] {
        if !file.is_file() {
            bail!("{} is no file", file.display());
        }
    }
    let mesh = Mesh::find(&args.place)?;
    let tokens = match &args.token {
        Some(token) => Tokens::fixed(token.clone()),
        None => Tokens::development(&mesh, &args.client, &args.secret, SCOPES)?,
    };
    let caller = Caller::client(mesh, &args.client, tokens)?;
    Ok(Import { args, caller, currency, rounding })
}

impl Import {
    async fn all(&self) -> Result<Outcome> {
        let mut rejects = Rejects::create(&self.args.rejects)?;
        let customers = customers::import(self, &mut rejects).await?;
        let accounts = accounts::import(self, &customers, &mut rejects).await?;
        drop(customers);
        let bar = Progress::of_file("history", &self.args.history)?;
        let mut posting = Posting::new(self, accounts);
        let posted = posting.all(&mut rejects, &bar).await;
        bar.finish();
        posted?;
        let (accounts, totals) = posting.into_parts();
        print_totals(&totals);
        let agreement = balances::reconcile(self, &accounts).await?;
        println!("{agreement}");
        let rejected = rejects.finish()?;
        if rejected > 0 {
            println!("rejects      {rejected}, listed in {}", self.args.rejects.display());
        } else {
            println!("rejects      none");
        }
        let clean = rejected == 0 && agreement.disagreeing() == 0;
        Ok(if clean { Outcome::Clean } else { Outcome::Found })
    }

    /// The reference of an item: unique for ever under the importing client.
    fn reference(&self, kind: &str, number: &str) -> String {
        format!("{}/{kind}{number}", self.args.source)
    }
}

fn print_totals(totals: &Totals) {
    println!("{:<20} {:>9} {:>18}  of which there before", "booked", "rows", "amount");
    for line in totals.lines() {
        println!("{line}");
    }
}
