//! The story of `florin up --demo`, told over the public REST gateway.
//!
//! Its idempotency keys are fixed, so a second telling on the same data answers from the
//! first. Keys are kept at least seven days; after six a note in the data folder stops the
//! telling, so that an old demo is shown and not played again.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    Outcome,
    cli::{Cli, Command},
    https::{Answer, Https},
    mesh::Mesh,
    prove,
    token::{DEVELOPMENT_SECRET, Tokens},
    up::demo::{APP, DEMO},
};

/// The note in the data folder: the story was told to its end.
const NOTE: &str = "demo.told";
/// How often a bank that is busy or behind (503) is asked again, a second apart.
const PATIENCE: u32 = 30;
/// How often the end of a payment is looked for, 50 ms apart.
const LOOKS: u32 = 1_200;
/// How long after its end it is told again, from the stored answers.
const TELL_AGAIN_FOR: Duration = Duration::from_secs(6 * 24 * 3600);

/// Tells it.
///
/// # Errors
/// A step was answered otherwise than the story has it.
pub async fn play(mesh: &Mesh, data: &Path) -> Result<()> {
    let note = data.join(NOTE);
    let age = fs::metadata(&note).and_then(|file| file.modified()).ok();
    if let Some(age) = age.and_then(|at| at.elapsed().ok())
        && age > TELL_AGAIN_FOR
    {
        println!("the demo was told on this data more than six days ago and is not told again");
        return Ok(());
    }
    let story = Story {
        https: Https::trusting(&mesh.ca())?,
        base: mesh.gateway.clone(),
        tokens: Tokens::development(mesh, DEMO, DEVELOPMENT_SECRET, "")?,
        app: Tokens::development(mesh, APP, DEVELOPMENT_SECRET, "")?,
    };
    story.tell().await.context("the demo broke off")?;
    println!("  the proof: florin prove --data {}", data.display());
    let words = ["florin", "prove", "--data"].map(std::ffi::OsString::from);
    let cli = Cli::try_parse_from(words.into_iter().chain([data.as_os_str().to_owned()]))?;
    if let Command::Prove(args) = cli.command
        && prove::run(args).await? != Outcome::Clean
    {
        bail!("the proof after the demo is not clean");
    }
    fs::write(&note, "").with_context(|| note.display().to_string())?;
    println!();
    Ok(())
}

struct Story {
    https: Https,
    base: String,
    /// The bank's staff.
    tokens: Tokens,
    /// The customers' app.
    app: Tokens,
}

/// A customer of the story.
struct Person {
    name: &'static str,
    customer_id: String,
    account_id: String,
    iban: String,
}

impl Story {
    async fn tell(&self) -> Result<()> {
        println!("The demo: two customers, their money, and what the bank says no to");
        let jana = self.person("Jana", "Nováková", "1985-03-14").await?;
        let petr = self.person("Petr", "Svoboda", "1979-11-02").await?;
        let deposit = json!({"to": jana.account_id, "amount": "10000.00", "currency": "CZK",
            "description": "Cash at the till"});
        let (_, deposit) = self.pay("/v1/deposits", "deposit", &self.tokens, deposit).await?;
        expect(&deposit, "COMPLETED", "")?;
        println!("  the till takes in 10000.00 CZK for Jana: {}", state(&deposit));

        let as_jana = self.app.for_customer(Some(jana.customer_id.clone()));
        let transfer = json!({"from": jana.account_id, "to": petr.iban, "amount": "2500.00",
            "currency": "CZK", "description": "Rent for November"});
        let (replayed, paid) = self.pay("/v1/transfers", "transfer", &as_jana, transfer).await?;
        expect(&paid, "COMPLETED", "")?;
        println!("  Jana sends Petr 2500.00 CZK, by his IBAN: {}", state(&paid));
        if replayed {
            println!("    (told before: the stored answer, Idempotent-Replayed: true)");
        }

        let as_petr = self.app.for_customer(Some(petr.customer_id.clone()));
        let too_much = json!({"from": petr.account_id, "to": jana.account_id,
            "amount": "99999.00", "currency": "CZK", "description": "More than there is"});
        let (_, refused) = self.pay("/v1/transfers", "refused", &as_petr, too_much).await?;
        expect(&refused, "FAILED", "INSUFFICIENT_FUNDS")?;
        println!("  Petr tries to send 99999.00 CZK: {}", state(&refused));

        self.history(&jana, &as_jana, &paid).await?;
        for (person, tokens) in [(&jana, &as_jana), (&petr, &as_petr)] {
            let path = format!("/v1/accounts/{}/balance", person.account_id);
            let answer = self.ask(Method::GET, &path, None, tokens, None).await?;
            let balance = answer.json()?;
            println!("  {} has {} CZK", person.name, at(&balance, "/available/amount"));
        }
        Ok(())
    }

    async fn person(
        &self,
        given: &'static str,
        family: &'static str,
        born: &'static str,
    ) -> Result<Person> {
        let who = given.to_lowercase();
        let body = json!({
            "person": {"givenName": given, "familyName": family, "dateOfBirth": born},
            "contact": {"email": format!("{who}@example.com")},
            "reference": format!("demo/{who}"),
        });
        let staff = &self.tokens;
        let key = |step: &str| Some(format!("demo-{step}-{who}"));
        let answer = self.ask(Method::POST, "/v1/customers", key("register"), staff, Some(body));
        let customer_id = at(&answer.await?.json()?, "/customer/customerId");
        let path = format!("/v1/customers/{customer_id}:decideKyc");
        let body = json!({"status": "KYC_STATUS_VERIFIED"});
        self.ask(Method::POST, &path, key("verify"), staff, Some(body)).await?;
        let body = json!({"customerId": customer_id, "product": "current", "currency": "CZK",
            "reference": format!("demo/{who}")});
        let opened = self.ask(Method::POST, "/v1/accounts", key("open"), staff, Some(body));
        let opened = opened.await?.json()?;
        let account_id = at(&opened, "/account/accountId");
        let iban = at(&opened, "/account/iban");
        println!("  {given} {family} is registered, verified, and has the account {iban}");
        Ok(Person { name: given, customer_id, account_id, iban })
    }

    /// Pays and waits for the end; a new telling of an old payment asks how it ended.
    async fn pay(
        &self,
        path: &str,
        key: &str,
        tokens: &Tokens,
        body: Value,
    ) -> Result<(bool, Value)> {
        let key = Some(format!("demo-{key}"));
        let answer = self.ask(Method::POST, path, key, tokens, Some(body)).await?;
        let replayed = answer.headers.contains_key("idempotent-replayed");
        let id = at(&answer.json()?, "/transferId");
        for _ in 0..LOOKS {
            let path = format!("/v1/transfers/{id}");
            let answer = self.ask(Method::GET, &path, None, tokens, None).await?;
            let transfer = answer.json()?.get("transfer").cloned().unwrap_or_default();
            if ["COMPLETED", "FAILED"].iter().any(|end| at(&transfer, "/status").ends_with(end)) {
                return Ok((replayed, transfer));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{id} did not come to its end within 60 s")
    }

    /// The history on the read side; the position makes it wait for its own write.
    async fn history(&self, jana: &Person, tokens: &Tokens, paid: &Value) -> Result<()> {
        let (account, position) = (&jana.account_id, at(paid, "/position"));
        let path = format!("/v1/transactions?accountId={account}&positions={position}");
        let answer = self.ask(Method::GET, &path, None, tokens, None).await?.json()?;
        let entries = answer.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
        if entries.len() != 2 {
            bail!("Jana's history has {} entries, not two", entries.len());
        }
        println!("  Jana's history, from the read side:");
        for entry in &entries {
            let [day, direction, amount, after, text] = [
                "/bookingDate",
                "/direction",
                "/amount/amount",
                "/postedAfter/amount",
                "/description",
            ]
            .map(|path| at(entry, path));
            let direction = direction.trim_start_matches("DIRECTION_").to_lowercase();
            println!("    {day}  {direction:<6} {amount:>9} CZK, then {after:>9}  {text}");
        }
        Ok(())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<String>,
        tokens: &Tokens,
        body: Option<Value>,
    ) -> Result<Answer> {
        let mut headers = vec![("authorization", format!("Bearer {}", tokens.bearer().await?))];
        if let Some(key) = key {
            headers.push(("idempotency-key", format!("\"{key}\"")));
            headers.push(("prefer", "wait=5".to_owned()));
        }
        let body = body.map(|body| body.to_string().into_bytes());
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let url = format!("{}{path}", self.base);
        let body = body.unwrap_or_default();
        let send = || self.https.send(method.clone(), &url, &headers, body.clone());
        let mut answer = send().await?;
        // Keyed or reading, so that it can be asked again; a slow machine needs it.
        for _ in 0..PATIENCE {
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer = send().await?;
        }
        if !answer.status.is_success() {
            let said = String::from_utf8_lossy(&answer.body);
            bail!("{method} {path} was answered {}: {said}", answer.status);
        }
        Ok(answer)
    }
}

fn at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The state of a transfer in a word or two.
fn state(transfer: &Value) -> String {
    let status = at(transfer, "/status").replace("TRANSFER_STATUS_", "");
    let reason = at(transfer, "/failure/reason");
    if reason.is_empty() { status } else { format!("{status}, {reason}") }
}

fn expect(transfer: &Value, status: &str, reason: &str) -> Result<()> {
    let ended = at(transfer, "/status").ends_with(status);
    if ended && at(transfer, "/failure/reason") == reason {
        return Ok(());
    }
    bail!("{} ended as {}, not as {status}", at(transfer, "/transferId"), state(transfer))
}
