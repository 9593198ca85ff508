//! `florin bench`: load on a running mesh over the services' own gRPC, with mutual TLS and a
//! token as every client has them, then the proof of what the load did.
//!
//! With `--rate` the load is an open loop: calls start when they are due, whatever became of
//! those before, and a latency counts from the moment that was due. What could not start,
//! because too much was in flight, is counted. Without it the loop is closed: as many as
//! `--in-flight` lets.

mod accounts;
mod check;
mod completion;
mod echo;
mod figures;
mod latency;
mod load;
mod memory;
mod plan;
mod send;
mod table;
mod tally;

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use florin_kernel::Currency;
use serde::Serialize;

use crate::{
    Outcome,
    bench::{
        figures::{Figures, Proof, Settings},
        load::Load,
        memory::Processes,
        plan::{Plan, Spread},
        send::Sender,
        tally::Tally,
    },
    cli::WhereArgs,
    connect::Caller,
    mesh::Mesh,
    prove::{self, Report},
    token::Tokens,
    up::demo::DEMO,
};

/// How long a load without `--seconds` and `--count` lasts.
const SECONDS: u64 = 10;
/// How long a load with `--count` alone may last.
const MOST_SECONDS: u64 = 3_600;
/// Transfers of a run: the client remembers each until it has met it in the exports.
const MOST_COUNT: u64 = 20_000_000;
/// How long readers behind with their events get before the proof calls it a breach.
const READERS_WAIT: Duration = Duration::from_secs(120);

/// What the load is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Journal transactions of two legs by `PostTransactions` of `account`.
    Posting,
    /// Transfers by `CreateTransfer` of `payment`, until each is COMPLETED or FAILED.
    Transfer,
    /// Card payments by `CreateAuthorisation` of `payment`; the latency is that of the answer.
    Authorisation,
    /// The same calls as posting, to a server of this process that does nothing: the ceiling.
    Echo,
}

/// By which way transfers are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The service's own gRPC.
    Grpc,
    /// `POST /v1/transfers` of the gateway, by HTTP/1.1.
    Rest,
}

/// Options of `florin bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What the load is made of.
    #[arg(long, value_enum, default_value_t = Work::Transfer)]
    work: Work,
    /// By which way; REST only with --work transfer.
    #[arg(long, value_enum, default_value_t = Over::Grpc)]
    over: Over,
    /// Accounts to spread it over; made and funded first where they are not there.
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    accounts: u32,
    /// How it is spread: hot has one account on one side of every transfer.
    #[arg(long, value_enum, default_value_t = Spread::Uniform)]
    spread: Spread,
    /// Exponent of the Zipf distribution.
    #[arg(long, value_name = "S", default_value_t = 0.99)]
    zipf_exponent: f64,
    /// Open loop at this many transfers a second; a closed loop where absent.
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: Option<u64>,
    /// Most transfers that are sent and not yet answered.
    #[arg(long, value_name = "N", default_value_t = 3_200,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    in_flight: u32,
    /// Transfers in a call; more than one only with --work posting.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=500))]
    batch: u32,
    /// Connections that the calls share.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,
    /// How long calls are started, warm-up included; 10 where --count is absent too.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// How many transfers are started, warm-up included.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_COUNT))]
    count: Option<u64>,
    /// What starts in the first seconds is done and proved, and not measured.
    #[arg(long, value_name = "S", default_value_t = 0)]
    warm_up: u64,
    /// How long transfers get to end after the load, in seconds.
    #[arg(long, value_name = "S", default_value_t = 120)]
    drain: u64,
    /// Seed of the choice of accounts and amounts.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Name of the run, part of every reference and key; a name that was used before replays
    /// it. Random where absent.
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Currency of the accounts.
    #[arg(long, value_name = "CODE", default_value = "EUR")]
    currency: String,
    /// One JSON object on the standard output instead of a table.
    #[arg(long)]
    json: bool,
    /// A process of the mesh on this machine to measure, with all that it has started; may be
    /// repeated. Where absent, the one that serves --data.
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// An access token of the bank's identity provider, instead of the development issuer's.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Name of the client certificate of the load.
    #[arg(long, value_name = "NAME", default_value = DEMO)]
    client: String,
    /// Name of the client certificate that makes customers and accounts.
    #[arg(long, value_name = "NAME", default_value = "import")]
    importer: String,
    /// Secret of both clients at the development issuer.
    #[arg(long, value_name = "SECRET", default_value = crate::token::DEVELOPMENT_SECRET)]
    secret: String,
    /// Name of the operator's certificate, for the proof.
    #[arg(long, value_name = "NAME", default_value = crate::certs::OPERATOR)]
    operator: String,
    #[command(flatten)]
    place: WhereArgs,
}

/// Who calls.
struct Callers {
    /// Where the bank is.
    mesh: Mesh,
    /// Puts the load on.
    client: Caller,
    /// The client's tokens.
    tokens: Tokens,
    /// Makes customers and accounts.
    importer: Caller,
    /// Proves.
    operator: Caller,
}

/// Prepares, loads, awaits the end, proves and prints.
pub async fn run(args: Box<BenchArgs>) -> Result<Outcome> {
    tokio::select! {
        outcome = measure(&args) => outcome,
        _ = tokio::signal::ctrl_c() => bail!("interrupted; what was accepted goes on in the bank"),
    }
}

async fn measure(args: &BenchArgs) -> Result<Outcome> {
    let settings = settings(args)?;
    let currency: Currency = args.currency.parse()?;
    let callers = callers(args).await?;
    let ids = accounts::prepare(&callers, args.accounts, currency).await?;
    let plan = Arc::new(Plan::new(&settings, ids, currency)?);
    let processes = Processes::find(&args.pid, &args.place);
    let before = processes.look();
    let sender = Sender::new(&callers, Arc::clone(&plan), (args.connections, args.over)).await?;
    eprintln!("loading");
    let mut tally = Load::new(&settings, sender).run().await?;
    let loaded = processes.look();
    let ended = match args.work {
        Work::Posting | Work::Authorisation | Work::Echo => None,
        Work::Transfer => {
            let limit = Duration::from_secs(args.drain);
            Some(completion::ended(&callers.client, &mut tally, limit).await?)
        }
    };
    let after = processes.look();
    // The echo does nothing to the bank.
    let proof = match args.work {
        Work::Echo => None,
        Work::Posting | Work::Transfer | Work::Authorisation => {
            Some(proof(&callers, &plan, &tally).await?)
        }
    };
    let memory = memory::changes(&before, &loaded, &after);
    let told = Figures::new(settings, &tally, ended, memory, proof)?.if_proven();
    match (&told, args.json) {
        (Ok(figures), true) => println!("{}", serde_json::to_string(figures)?),
        (Ok(figures), false) => table::print(figures),
        (Err(unproven), true) => println!("{}", serde_json::to_string(unproven)?),
        (Err(unproven), false) => table::print_unproven(unproven),
    }
    Ok(if told.is_ok() { Outcome::Clean } else { Outcome::Found })
}

/// The load has ended, so nothing counts as in flight: what is missing now is a breach.
async fn proof(callers: &Callers, plan: &Plan, tally: &Tally) -> Result<Proof> {
    let mut report = Report::beside();
    prove::at_rest(&callers.operator, READERS_WAIT, &mut report).await?;
    let met = check::met(&callers.operator, plan, tally).await?;
    Ok(Proof::new(&report, met))
}

fn settings(args: &BenchArgs) -> Result<Settings> {
    ensure!(
        args.work != Work::Transfer || args.batch == 1,
        "--batch is for --work posting; CreateTransfer takes one transfer"
    );
    ensure!(
        args.work == Work::Transfer || args.over == Over::Grpc,
        "--over rest is for --work transfer; the gateway has no postings"
    );
    ensure!(args.batch <= args.in_flight, "--batch must not be above --in-flight");
    let run = match &args.run {
        Some(run) => run.clone(),
        None => format!("{:08x}", rand::random::<u32>()),
    };
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ensure!(
        (1..=20).contains(&run.len()) && run.bytes().all(fits),
        "--run must have 1 to 20 characters of a to z, 0 to 9 and -"
    );
    let seconds = match (args.seconds, args.count) {
        (Some(seconds), _) => seconds,
        (None, None) => SECONDS.saturating_add(args.warm_up),
        (None, Some(_)) => MOST_SECONDS,
    };
    ensure!(args.warm_up < seconds, "--warm-up must be shorter than the run");
    Ok(Settings {
        work: args.work,
        over: args.over,
        open_loop: args.rate.is_some(),
        rate: args.rate,
        accounts: args.accounts,
        spread: args.spread,
        zipf_exponent: (args.spread == Spread::Zipf).then_some(args.zipf_exponent),
        in_flight: args.in_flight,
        batch: args.batch,
        connections: args.connections,
        seconds,
        count: args.count,
        most_count: args.count.unwrap_or(MOST_COUNT),
        warm_up_seconds: args.warm_up,
        seed: args.seed,
        run,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
    })
}

async fn callers(args: &BenchArgs) -> Result<Callers> {
    let mesh = Mesh::find(&args.place)?;
    let loaded = if args.work == Work::Echo { echo::mesh(&mesh).await? } else { mesh.clone() };
    let tokens = |client: &str, scopes: &str| match &args.token {
        Some(token) => Ok(Tokens::fixed(token.clone())),
        None => Tokens::development(&mesh, client, &args.secret, scopes),
    };
    let load_tokens = tokens(&args.client, "")?;
    let import_tokens = tokens(&args.importer, accounts::SCOPES)?;
    Ok(Callers {
        client: Caller::client(loaded, &args.client, load_tokens.clone())?,
        tokens: load_tokens,
        importer: Caller::client(mesh.clone(), &args.importer, import_tokens)?,
        operator: Caller::operator(mesh.clone(), &args.operator)?,
        mesh,
    })
}
