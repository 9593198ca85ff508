//! The bank behind somebody else's OpenID provider: `oidc.mjs` is npm's certified one and knows
//! nothing of Florin; `oidc.toml` is all that ties them together.

use std::{collections::BTreeMap, net::TcpListener, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use florin_kernel::Role;
use florin_testkit::{
    Answer, Rest,
    bank::{Process, executable},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    strangers::{stranger, told},
    world::{expect, person, transfer},
};

/// How long the bank and the provider may take to be ready.
const READY: Duration = Duration::from_secs(90);
/// Keys are fetched anew at most every 10 s; with room for a busy machine.
const KEYS_FOLLOW: Duration = Duration::from_secs(90);
/// Clocks may differ so long; a token lives on by it.
const LEEWAY: Duration = Duration::from_secs(30);
/// Between two looks.
const POLL: Duration = Duration::from_millis(200);
/// The name of the bank's API at the provider.
const API: &str = "https://api.bank.example";
/// What the back office asks for.
const STAFF: &str = "customers:write customers:kyc accounts:read accounts:write cash:write";
/// What the app asks for.
const OWN: &str = "accounts:read payments:read payments:write";
/// What a refused token is answered with (RFC 6750).
const INVALID: &str = "Bearer realm=\"florin\", error=\"invalid_token\"";

/// A provider and a bank that takes its tokens.
struct World {
    folder: TempDir,
    ports: BTreeMap<&'static str, u16>,
    provider: Process,
    bank: Process,
    rest: Rest,
}

impl World {
    async fn start(node: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let names =
            ["provider", "probe", "cif", "account", "payment", "reporting", "loan", "gateway"];
        let held: Vec<TcpListener> =
            names.iter().map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let mut ports = BTreeMap::new();
        for (name, listener) in names.into_iter().zip(&held) {
            ports.insert(name, listener.local_addr()?.port());
        }
        drop(held);
        for file in ["oidc.mjs", "client.mjs"] {
            std::fs::copy(stranger(file), folder.path().join(file))?;
        }
        // Node.js looks for packages beside the program.
        let modules = std::path::Path::new(node).join("node_modules");
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules"))?;
        std::fs::write(folder.path().join("users.json"), "{}")?;
        let provider = provide(&folder, port(&ports, "provider")?)?;
        let bank = bank(&folder, &ports).await?;
        let gateway = format!("https://localhost:{}", port(&ports, "gateway")?);
        let rest = Rest::new(&gateway, &folder.path().join("certs/ca.pem"))?;
        let world = Self { folder, ports, provider, bank, rest };
        world.ready().await?;
        Ok(world)
    }

    async fn ready(&self) -> Result<()> {
        let probe = format!("http://127.0.0.1:{}", port(&self.ports, "probe")?);
        let probe = Rest::new(&probe, &self.folder.path().join("certs/ca.pem"))?;
        let until = Instant::now() + READY;
        while Instant::now() < until {
            let up = probe.get("/readyz").await.is_ok_and(|answer| answer.status == 200);
            if up && self.key_id().await.is_ok() {
                return Ok(());
            }
            sleep(POLL).await;
        }
        bail!("not ready:\n{}\n{}", self.bank.log(), self.provider.log())
    }

    fn issuer(&self) -> Result<String> {
        Ok(format!("http://localhost:{}", port(&self.ports, "provider")?))
    }

    /// The id of the provider's only signing key.
    async fn key_id(&self) -> Result<String> {
        let provider = Rest::new(&self.issuer()?, &self.folder.path().join("certs/ca.pem"))?;
        let keys = provider.get("/jwks").await?;
        ensure!(keys.json["keys"].as_array().map(Vec::len) == Some(1), "{}", keys.json);
        Ok(keys.text("/keys/0/kid").to_owned())
    }

    /// Makes the provider sign with a new key and forget the old one.
    async fn rotate(&self) -> Result<()> {
        let before = self.key_id().await?;
        self.provider.signal("HUP")?;
        let until = Instant::now() + READY;
        while self.key_id().await? == before {
            ensure!(Instant::now() < until, "the keys do not rotate:\n{}", self.provider.log());
            sleep(POLL).await;
        }
        Ok(())
    }

    /// What `client.mjs` gets of the provider.
    async fn client(&self, words: &[&str]) -> Result<Value> {
        let (what, rest) = words.split_first().context("what to get")?;
        let mut command = Command::new("node");
        command.arg("client.mjs").arg(what).arg(self.issuer()?).args(rest);
        command.current_dir(self.folder.path()).env("NODE_NO_WARNINGS", "1");
        let text = told(command).await.with_context(|| self.provider.log())?;
        Ok(serde_json::from_str(&text)?)
    }

    /// An access token of a machine.
    async fn machine(&self, client: &str, resource: &str) -> Result<String> {
        text(&self.client(&["machine", client, resource, STAFF]).await?, "access_token")
    }

    /// Asks with a token for what staff and customers may see.
    async fn ask(&self, token: &str) -> Result<Answer> {
        self.rest.with_bearer(token).get("/v1/products").await
    }

    /// Asks until the answer is 200; on the way the token may only be refused in order.
    async fn taken_soon(&self, token: &str) -> Result<()> {
        let until = Instant::now() + KEYS_FOLLOW;
        loop {
            let answer = self.ask(token).await?;
            match answer.status {
                200 => return Ok(()),
                401 | 503 if Instant::now() < until => sleep(POLL).await,
                status => bail!("{status}: {}", answer.json),
            }
        }
    }

    /// The token is refused with the challenge that says so.
    async fn refused(&self, what: &str, token: &str) -> Result<()> {
        let answer = self.ask(token).await?;
        ensure!(answer.status == 401, "{what}: {} {}", answer.status, answer.json);
        ensure!(answer.text("/reason") == "UNAUTHENTICATED", "{what}: {}", answer.json);
        let challenge = answer.headers.get("www-authenticate").context("no challenge")?;
        ensure!(challenge == INVALID, "{what}: {challenge:?}");
        Ok(())
    }
}

fn port(ports: &BTreeMap<&'static str, u16>, name: &str) -> Result<u16> {
    ports.get(name).copied().context("a port")
}

fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {value}"))
}

fn provide(folder: &TempDir, port: u16) -> Result<Process> {
    let mut command = Command::new("node");
    command.args(["oidc.mjs", "--keys", "keys.json", "--users", "users.json", "--port"]);
    command.arg(port.to_string()).current_dir(folder.path());
    Process::spawn(command, &folder.path().join("provider.log"))
}

/// The bank of `oidc.toml` in one process, with the ports of this test.
async fn bank(folder: &TempDir, ports: &BTreeMap<&'static str, u16>) -> Result<Process> {
    let mut certs = Command::new(executable()?);
    certs.args(["certs", "--dir", "certs"]).current_dir(folder.path());
    told(certs).await?;
    std::fs::create_dir(folder.path().join("data"))?;
    let settings = std::fs::read_to_string(stranger("oidc.toml"))?;
    let provider = format!("http://localhost:{}", port(ports, "provider")?);
    ensure!(settings.contains("http://localhost:9444"), "oidc.toml names another provider");
    let settings = settings.replace("http://localhost:9444", &provider);
    std::fs::write(folder.path().join("oidc.toml"), settings)?;
    let mut command = Command::new(executable()?);
    command.current_dir(folder.path()).arg("serve");
    for role in Role::ALL {
        let address = format!("127.0.0.1:{}", port(ports, role.name())?);
        let section = role.name().to_uppercase();
        command.arg(role.name());
        command.env(format!("FLORIN__{section}__LISTEN"), &address);
        command.env(format!("FLORIN__{section}__ADDRESS"), &address);
    }
    command.env("FLORIN__PROBE__LISTEN", format!("127.0.0.1:{}", port(ports, "probe")?));
    command.args(["--config", "oidc.toml"]);
    Process::spawn(command, &folder.path().join("bank.log"))
}

/// A verified customer with an account, made by the back office.
async fn customer(staff: &Rest, name: &str) -> Result<(String, String, String)> {
    let key = |what: &str| format!("{name}-{what}");
    let answer = staff.post("/v1/customers", &key("register"), &person(name)).await?;
    let customer = expect(answer, 201)?.text("/customer/customerId").to_owned();
    let verified = json!({"status": "KYC_STATUS_VERIFIED"});
    let path = format!("/v1/customers/{customer}:decideKyc");
    expect(staff.post(&path, &key("verify"), &verified).await?, 200)?;
    let open = json!({"customerId": customer, "product": "current", "currency": "EUR"});
    let opened = expect(staff.post("/v1/accounts", &key("open"), &open).await?, 201)?;
    let account = opened.text("/account/accountId").to_owned();
    Ok((customer, account, opened.text("/account/iban").to_owned()))
}

/// Registered and paid in by staff, logged in and paid out by the customer.
async fn story(world: &World, staff: &Rest) -> Result<()> {
    let (anna, account, _) = customer(staff, "Anna").await?;
    let (_, other, iban) = customer(staff, "Boris").await?;
    let cash = json!({"to": account, "amount": "100.00", "currency": "EUR"});
    let paid = staff.post_and_wait("/v1/deposits", "cash", &cash).await?;
    ensure!(expect(paid, 202)?.text("/status") == "TRANSFER_STATUS_COMPLETED");
    let scope = staff.get(&format!("/v1/transactions?accountId={account}")).await?;
    let scope = expect(scope, 403)?;
    let challenge = scope.headers.get("www-authenticate").context("no challenge")?;
    ensure!(challenge.to_str()?.contains("error=\"insufficient_scope\""), "{challenge:?}");

    // The provider learns whose login it is, as an administrator would tell it.
    let users = json!({"anna": {"customer": anna}});
    std::fs::write(world.folder.path().join("users.json"), users.to_string())?;
    let login = world.client(&["login", "anna", API, OWN]).await?;
    let app = world.rest.with_bearer(&text(&login, "access_token")?);
    let rent = transfer(&account, &iban, "40.25");
    let paid = expect(app.post_and_wait("/v1/transfers", "rent", &rent).await?, 202)?;
    ensure!(paid.text("/status") == "TRANSFER_STATUS_COMPLETED", "{}", paid.json);
    let balance = app.get(&format!("/v1/accounts/{account}/balance")).await?;
    ensure!(expect(balance, 200)?.text("/posted/amount") == "59.75");
    expect(app.get(&format!("/v1/accounts/{other}/balance")).await?, 404)?;
    world.refused("an ID token", &text(&login, "id_token")?).await
}

/// Everything that is no access token of this provider for this bank.
async fn wrong_tokens(world: &World, good: &str) -> Result<()> {
    let none = world.rest.get("/v1/products").await?;
    let challenge = expect(none, 401)?.headers.get("www-authenticate").cloned();
    ensure!(challenge.context("no challenge")? == "Bearer realm=\"florin\"");
    let other = world.machine("back-office", "https://elsewhere.example").await?;
    world.refused("another audience", &other).await?;
    world.refused("an opaque token", &world.machine("back-office", "none").await?).await?;
    let forged = world.client(&["forge", good]).await?;
    for (what, token) in forged.as_object().context("forged tokens")? {
        world.refused(what, token.as_str().context("a token")?).await?;
    }
    Ok(())
}

/// A new key is followed without a restart, and what the old one signed ends with it.
async fn rotation(world: &World, old: &str) -> Result<()> {
    world.rotate().await?;
    // Nobody has shown the new key yet; the bank still has the old one.
    ensure!(world.ask(old).await?.status == 200);
    let new = world.machine("back-office", API).await?;
    world.taken_soon(&new).await?;
    world.refused("signed by a key that was dropped", old).await
}

/// The provider is away: known keys go on, an unknown one is told as our trouble, for now.
async fn outage(world: &mut World) -> Result<()> {
    let known = world.machine("back-office", API).await?;
    let unseen = world.machine("back-office", API).await?;
    ensure!(world.ask(&known).await?.status == 200);
    world.rotate().await?;
    let of_new_key = world.machine("back-office", API).await?;
    world.provider.terminate().await?;
    for token in [&known, &unseen] {
        expect(world.ask(token).await?, 200)?;
    }
    // Refused while the last fetch is fresh, then fetched for in vain: 503, never 500.
    let until = Instant::now() + KEYS_FOLLOW;
    let unavailable = loop {
        let answer = world.ask(&of_new_key).await?;
        match answer.status {
            503 => break answer,
            401 if Instant::now() < until => sleep(POLL).await,
            status => bail!("{status}: {}", answer.json),
        }
    };
    ensure!(unavailable.text("/reason") == "UNAVAILABLE", "{}", unavailable.json);
    ensure!(unavailable.headers.contains_key("retry-after"));
    expect(world.ask(&known).await?, 200)?;

    world.provider = provide(&world.folder, port(&world.ports, "provider")?)?;
    world.ready().await?;
    world.taken_soon(&of_new_key).await?;
    let login = world.client(&["login", "anna", API, OWN]).await?;
    world.taken_soon(&text(&login, "access_token")?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certified_provider_needs_configuration_and_no_code() -> Result<()> {
    let Some(node) = florin_testkit::setting("FLORIN_TEST_NODE") else {
        florin_testkit::skip("FLORIN_TEST_NODE is not set; `cargo xtask ci` sets it where it can");
        return Ok(());
    };
    florin_testkit::bank::install_crypto();
    let mut world = World::start(&node).await?;
    let token = world.machine("back-office", API).await?;
    world.taken_soon(&token).await?;
    // It lives for a second, and is looked at again when that and the leeway are over.
    let short = world.machine("hasty", API).await?;
    let expired_at = Instant::now() + Duration::from_secs(2) + LEEWAY;
    expect(world.ask(&short).await?, 200)?;
    story(&world, &world.rest.with_bearer(&token)).await?;
    wrong_tokens(&world, &token).await?;
    tokio::time::sleep_until(expired_at).await;
    world.refused("an expired token", &short).await?;
    rotation(&world, &token).await?;
    outage(&mut world).await
}
