//! A process for each role, on PostgreSQL and on a NATS server of the bank's own.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::TcpListener,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU16, AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use florin_kernel::Role;

use super::{ANSWER_MS, Bank, Mode, NETWORK, Process, READY, SIMULATOR, executable};
use crate::{NATS_BIN, POSTGRES_URL, setting};

/// How long NATS may take to listen.
const NATS_READY: Duration = Duration::from_secs(30);

pub(super) async fn start(own: Vec<(String, String)>) -> Result<Option<Bank>> {
    let (Some(postgres), Some(nats)) = (setting(POSTGRES_URL), setting(NATS_BIN)) else {
        println!("skipped: {POSTGRES_URL} and {NATS_BIN} are not set; `cargo xtask ci` sets them");
        return Ok(None);
    };
    let dir = tempfile::tempdir()?;
    let certs = dir.path().join("certs");
    let made = Command::new(executable()?).args(["certs", "--dir"]).arg(&certs).output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let (network, simulator) = start_simulator(dir.path(), &certs).await?;
    let ports = free_ports(2 * Role::ALL.len() + 1)?;
    let nats_port = *ports.last().context("a port")?;
    let mut services = BTreeMap::new();
    let mut probes = String::new();
    for (at, role) in Role::ALL.iter().enumerate() {
        let [port, probe] = [at, at + Role::ALL.len()].map(|at| ports.get(at).copied());
        services.insert(role.name().to_owned(), format!("127.0.0.1:{}", port.context("a port")?));
        writeln!(probes, "{role} {}", probe.context("a port")?)?;
    }
    std::fs::write(dir.path().join("probes"), probes)?;
    static BANKS: AtomicU32 = AtomicU32::new(0);
    let bank = BANKS.fetch_add(1, Ordering::Relaxed);
    let unique = format!("t{}_{bank}", std::process::id());
    let settings = settings(dir.path(), (&postgres, &unique), nats_port, &services, &simulator)?;
    std::fs::write(dir.path().join("florin.toml"), settings)?;
    let nats = start_nats(dir.path(), &certs, &nats, nats_port).await?;

    let gateway = services.get("gateway").context("the gateway")?;
    let mut bank = Bank {
        mode: Mode::Distributed,
        processes: BTreeMap::from([("nats".to_owned(), nats), (SIMULATOR.to_owned(), network)]),
        gateway: format!("https://{}", gateway.replace("127.0.0.1", "localhost")),
        services,
        certs,
        simulator,
        settings: own,
        postgres: Some((postgres, unique)),
        dir,
    };
    for role in Role::ALL {
        bank.start(role.name()).await?;
    }
    Ok(Some(bank))
}

/// Ports below those that the system gives away by itself, each once in this process: while a
/// process of a bank is down, neither another bank nor a connection takes its port.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT))?;
    let mut ports = Vec::new();
    for _ in 0..COUNT {
        if ports.len() == count {
            break;
        }
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + next) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            ports.push(port);
        }
    }
    ensure!(ports.len() == count, "{count} ports are not free");
    Ok(ports)
}

pub(super) fn probe_port(dir: &Path, role: &str) -> Result<u16> {
    let probes = std::fs::read_to_string(dir.join("probes"))?;
    let line = probes.lines().find_map(|line| line.strip_prefix(&format!("{role} ")));
    Ok(line.with_context(|| format!("no probe port of {role}"))?.parse()?)
}

fn settings(
    dir: &Path,
    (postgres, unique): (&str, &str),
    nats_port: u16,
    services: &BTreeMap<String, String>,
    simulator: &str,
) -> Result<String> {
    let shown = dir.display();
    let gateway = services.get("gateway").context("the gateway")?.replace("127.0.0.1", "localhost");
    let mut text = format!(
        r#"
[tls]
dir = "{shown}/certs"
reload_seconds = 1

[bus]
kind = "jetstream"
url = "tls://127.0.0.1:{nats_port}"

[[issuers]]
issuer = "https://{gateway}"
audience = "florin"
machines = ["import"]
algorithms = ["ES256"]
"#
    );
    for (role, address) in services {
        write!(text, "\n[{role}]\nlisten = \"{address}\"\naddress = \"{address}\"\n")?;
        if role == "cif" {
            writeln!(text, "master_key_file = \"{shown}/cif-master.key\"")?;
        }
        if role == "account" {
            // The stories close business dates that have not come.
            text.push_str("most_days_ahead = 36500\n");
        }
        if role == "gateway" {
            text.push_str(&gateway_settings(dir, &gateway));
        } else {
            write!(
                text,
                "[{role}.database]\nurl = \"{postgres}\"\nschema = \"{unique}_{role}\"\n\
                 max_connections = 6\nmax_read_connections = 6\n"
            )?;
        }
        if role == "payment" {
            writeln!(text, "[payment.clearing]\naddress = \"{simulator}\"")?;
            writeln!(text, "spiffe = \"{NETWORK}\"\nnetwork = \"simulator\"\nbic = \"FLORCZPP\"")?;
            writeln!(text, "answer_ms = {ANSWER_MS}")?;
        }
    }
    Ok(text)
}

fn gateway_settings(dir: &Path, gateway: &str) -> String {
    let scopes = "[\"customers:read\", \"customers:write\", \"customers:list\", \
                  \"customers:kyc\", \"customers:import\", \"accounts:read\", \
                  \"accounts:write\", \"accounts:control\", \"payments:read\", \
                  \"payments:write\", \"payments:reverse\", \"limits:write\", \"cash:write\", \"cards:read\", \"cards:write\", \"ledger:read\", \"ledger:post\", \
                  \"ledger:import\", \"ledger:chart\", \"ledger:close\", \"reporting:read\", \
                  \"loans:approve\", \"loans:configure\", \"loans:disburse\", \"loans:read\", \"loans:service\", \"loans:write\", \"loans:write-off\"]";
    let roles = "[\"teller\", \"payments_officer\", \"card_officer\", \"credit_officer\", \"approver\", \
                 \"auditor\", \"operator\"]";
    format!(
        r#"public_url = "https://{gateway}"
[gateway.issuer]
key_file = "{}/issuer.key"
[[gateway.issuer.clients]]
id = "demo"
secret = "development"
scopes = {scopes}
roles = {roles}
may_impersonate_customers = true
[[gateway.issuer.clients]]
id = "import"
secret = "development"
scopes = {scopes}
"#,
        dir.display()
    )
}

/// Starts the simulated clearing network at a port of the system's choice, with its state in a
/// file, and reads where it listens.
async fn start_simulator(dir: &Path, certs: &Path) -> Result<(Process, String)> {
    let mut command = Command::new(executable()?);
    command.args(["simulator", "--listen", "127.0.0.1:0", "--certs"]).arg(certs);
    command.arg("--state").arg(dir.join("simulator.json"));
    let mut process = Process::spawn(command, &dir.join("simulator.log"))?;
    let until = Instant::now() + READY;
    loop {
        let log = process.log();
        let whole_lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut port = whole_lines.filter_map(|line| line.trim().rsplit_once("https://127.0.0.1:"));
        if let Some((_, port)) = port.next_back() {
            return Ok((process, format!("localhost:{port}")));
        }
        if let Some(code) = process.exited()? {
            bail!("the simulator ended with {code:?}:\n{log}");
        }
        ensure!(Instant::now() < until, "the simulator does not listen:\n{log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn start_nats(dir: &Path, certs: &Path, binary: &str, port: u16) -> Result<Process> {
    let shown = certs.display();
    let config = format!(
        r#"
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{}/jetstream" }}
tls {{
  cert_file: "{shown}/nats.pem"
  key_file: "{shown}/nats.key"
  ca_file: "{shown}/ca.pem"
  verify_and_map: true
  timeout: 5
}}
include "{}/nats-permissions.conf"
"#,
        dir.display(),
        relative(certs)
    );
    let file = dir.join("nats.conf");
    std::fs::write(&file, config)?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(&file);
    let mut process = Process::spawn(command, &dir.join("nats.log"))?;
    let until = Instant::now() + NATS_READY;
    while Instant::now() < until {
        if let Some(code) = process.exited()? {
            bail!("nats-server ended with {code:?}:\n{}", process.log());
        }
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(process);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("nats-server does not listen:\n{}", process.log())
}

/// nats-server takes an include relative to the file that has it.
fn relative(certs: &Path) -> String {
    certs.file_name().map(|name| format!("./{}", name.to_string_lossy())).unwrap_or_default()
}
