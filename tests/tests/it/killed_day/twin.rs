//! What both banks live through: conditions, late entries, payments and an order, day by day.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use florin_kernel::{Date, Role};
use florin_proto::{
    account::v1::{
        ImportAccount, ImportAccountsRequest, OpenAccountRequest,
        account_service_client::AccountServiceClient,
    },
    common::v1::Money,
};
use florin_testkit::{Answer, Bank, Rest};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{WITHIN, books::Books};
use crate::world::{Holder, expect, holder, posted, transfer};

/// Accounts that nobody pays from; several chunks of the end of day.
pub const QUIET: usize = 320;
/// Payments while a business date ends.
const PAYMENTS: usize = 8;
/// The business date of the first start. What a killed process had begun to pay is taken up soon.
pub const SETTINGS: [(&str, &str); 4] = [
    ("FLORIN__ACCOUNT__FIRST_BUSINESS_DATE", "2027-02-26"),
    ("FLORIN__PAYMENT__LEDGER_TIMEOUT_MS", "2000"),
    ("FLORIN__PAYMENT__LEASE_MS", "2100"),
    ("FLORIN__PAYMENT__CLEARING__TIMEOUT_MS", "1000"),
];

/// A business date that is closed.
#[derive(Clone, Copy)]
pub struct Day {
    pub number: usize,
    pub closed: Date,
    pub opened: Date,
    /// The last day that its end accrues.
    pub through: Date,
}

impl Day {
    /// The next date is ten days on, or the first of the month.
    pub fn new(number: usize, closed: Date) -> Result<Self> {
        let next_month = closed.last_of_month().tomorrow()?;
        let mut opened = closed;
        for _ in 0..10 {
            opened = opened.tomorrow()?.min(next_month);
        }
        Ok(Self { number, closed, opened, through: opened.yesterday()? })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.closed.fmt(f)
    }
}

/// One of the two banks.
pub struct Twin {
    pub bank: Bank,
    pub books: Books,
    pub today: Date,
    staff: Rest,
    pub anna: Holder,
    boris: Holder,
    quiet: Vec<String>,
    order: String,
    /// Payments that are to be accepted, by key: their bodies.
    pub due: BTreeMap<String, Value>,
    /// Payments that were accepted since the date was closed.
    taken: Vec<String>,
}

/// Asks once for each payment; what was accepted, by key: the transfers' ids.
pub async fn pay(rest: &Rest, due: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let calls = due.iter().map(|(key, body)| async move {
        let answer = rest.post("/v1/transfers", key, body).await.ok()?;
        (answer.status == 202).then(|| (key.clone(), answer.text("/transferId").to_owned()))
    });
    join_all(calls).await.into_iter().flatten().collect()
}

/// Asks until it is answered: who was killed just now is not there for everybody at once.
async fn up<F: Future<Output = Result<Answer>>>(call: impl Fn() -> F) -> Result<Answer> {
    let until = Instant::now() + WITHIN;
    loop {
        match call().await {
            Ok(answer) if answer.status < 500 => return Ok(answer),
            told if Instant::now() > until => return told,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn eur(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// A cash entry of an account: paid in where the amount is positive, else paid out.
fn entry(reference: &str, account: &str, minor: i64, value_date: &str) -> Value {
    let leg = |key: &str, of: &str, credit: bool| {
        let direction = if credit { "DIRECTION_CREDIT" } else { "DIRECTION_DEBIT" };
        let amount = json!({"currency": "EUR", "amount": eur(minor.abs())});
        json!({key: of, "direction": direction, "amount": amount})
    };
    json!({
        "reference": reference, "kind": "cash_desk", "valueDate": value_date,
        "legs": [leg("accountId", account, minor > 0), leg("glCode", "1010", minor < 0)],
    })
}

impl Twin {
    pub async fn new(bank: Bank) -> Result<Self> {
        let staff = bank.rest_as(None).await?;
        let answer = expect(staff.get("/v1/ledger/businessDate").await?, 200)?;
        let today = answer.text("/businessDate").parse()?;
        conditions(&staff, today).await?;
        let anna = holder(&bank, &staff, "Anna", Some("5000.00")).await?;
        let boris = holder(&bank, &staff, "Boris", Some("10.00")).await?;
        let quiet = import(&bank, &anna.customer, today).await?;
        let order = json!({
            "from": anna.account, "to": boris.iban, "amount": "3.00", "currency": "EUR",
            "frequency": "ORDER_FREQUENCY_WEEKLY", "firstOn": "2027-03-01",
        });
        let order = expect(anna.rest.post("/v1/orders", "order", &order).await?, 201)?;
        let order = order.text("/order/orderId").to_owned();
        let books = Books::of(&bank).await?;
        let (due, taken) = (BTreeMap::new(), Vec::new());
        let twin = Self { bank, books, today, staff, anna, boris, quiet, order, due, taken };
        let first = |(at, account): (usize, &String)| {
            // Some begin overdrawn, one with nothing.
            let minor = 1_013 * (i64::try_from(at).unwrap_or(0) - 40);
            (minor != 0).then(|| entry(&format!("in{at}"), account, minor, ""))
        };
        let entries = twin.quiet.iter().enumerate().filter_map(first).collect();
        twin.post(entries).await?;
        Ok(twin)
    }

    async fn post(&self, entries: Vec<Value>) -> Result<()> {
        let body = json!({"transactions": entries});
        let path = "/v1/ledger/transactions:post";
        let answer = expect(up(|| self.staff.post(path, "unused", &body)).await?, 200)?;
        let results = answer.json["results"].as_array().cloned().unwrap_or_default();
        let refused = results.iter().find(|one| one.get("posted").is_none_or(Value::is_null));
        ensure!(results.len() == entries_of(&body) && refused.is_none(), "{refused:?}");
        Ok(())
    }

    /// Clients of the processes as they listen now.
    pub async fn connect(&mut self) -> Result<()> {
        self.staff = self.bank.rest_as(None).await?;
        self.anna.rest = self.bank.rest_as(Some(&self.anna.customer)).await?;
        self.boris.rest = self.bank.rest_as(Some(&self.boris.customer)).await?;
        Ok(())
    }

    pub fn accepted(&mut self, paid: BTreeMap<String, String>) {
        for (key, id) in paid {
            self.due.remove(&key);
            self.taken.push(id);
        }
    }

    /// Books late entries, closes the date, and gives out what customers will pay.
    pub async fn open(&mut self, day: &Day) -> Result<()> {
        let number = day.number;
        let late = self.quiet.iter().enumerate().filter(|(at, _)| at % 5 == number % 5);
        let late = late.map(|(at, account)| {
            let minor = i64::try_from((number * 977 + at * 311) % 5_000).unwrap_or(0) - 2_500;
            let mut value = day.closed;
            for _ in 0..at % 7 {
                value = value.yesterday().unwrap_or(value);
            }
            let reference = format!("late{number}of{at}");
            entry(&reference, account, if minor == 0 { 1 } else { minor }, &value.to_string())
        });
        self.post(late.collect()).await?;
        let advance = json!({"closing": day.closed.to_string(), "opening": day.opened.to_string()});
        let path = "/v1/ledger/businessDate:advance";
        let key = format!("close-{day}");
        expect(up(|| self.staff.post(path, &key, &advance)).await?, 200)?;
        if self.order.is_empty() {
            return Ok(());
        }
        for at in 0..PAYMENTS {
            let cents = i64::try_from(number + at).unwrap_or(0) + 1;
            let body = transfer(&self.anna.account, &self.boris.account, &eur(cents));
            self.due.insert(format!("pay-{number}-{at}"), body);
        }
        Ok(())
    }

    /// Waits until the date has ended, every payment is accepted and done, and the order too.
    pub async fn settle(&mut self, day: &Day) -> Result<()> {
        let until = Instant::now() + WITHIN;
        while !self.due.is_empty() {
            let paid = pay(&self.anna.rest, &self.due).await;
            self.accepted(paid);
            ensure!(Instant::now() < until, "not accepted: {:?}", self.due.keys());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for id in std::mem::take(&mut self.taken) {
            self.completed(&id).await?;
        }
        self.ordered(day, until).await?;
        loop {
            let days = "/v1/ledger/businessDays?pageSize=1";
            let answer = expect(up(|| self.staff.get(days)).await?, 200)?;
            let newest = &answer.json["days"][0];
            ensure!(newest["closed"] == day.to_string(), "{newest}");
            if newest["endedAt"].is_string() {
                return Ok(());
            }
            ensure!(Instant::now() < until, "{newest}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn completed(&self, id: &str) -> Result<()> {
        let end = crate::crash::ended(&self.anna.rest, &format!("/v1/transfers/{id}")).await?;
        let status = end.text("/transfer/status");
        ensure!(status == "TRANSFER_STATUS_COMPLETED", "{}", end.json);
        Ok(())
    }

    /// Waits until the order has paid what it owes by the date that was opened.
    async fn ordered(&self, day: &Day, until: Instant) -> Result<()> {
        if self.order.is_empty() {
            return Ok(());
        }
        loop {
            let path = format!("/v1/orders/{}", self.order);
            let answer = expect(up(|| self.anna.rest.get(&path)).await?, 200)?;
            if answer.text("/order/nextOn") > day.opened.to_string().as_str() {
                for run in answer.json["runs"].as_array().into_iter().flatten() {
                    self.completed(run["transferId"].as_str().context("a transfer")?).await?;
                }
                return Ok(());
            }
            ensure!(Instant::now() < until, "{}", answer.json);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// From here on nobody pays.
    pub async fn be_quiet(&mut self) -> Result<()> {
        let path = format!("/v1/orders/{}:cancel", std::mem::take(&mut self.order));
        let nothing = json!({});
        expect(up(|| self.anna.rest.post(&path, "cancel", &nothing)).await?, 200)?;
        Ok(())
    }

    /// The newest seal as `florin prove` takes it.
    pub async fn seal(&self, day: &Day) -> Result<String> {
        let (done, told) = self.bank.run(&["ops", "seals"]).await?;
        let seals: Vec<Value> =
            told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let seal = seals.iter().find(|seal| seal["businessDate"] == day.to_string());
        let seal = seal.with_context(|| format!("no seal of {day}:\n{told}"))?;
        ensure!(done, "{told}");
        Ok(format!("{day}={}", seal["hash"].as_str().unwrap_or_default()))
    }

    fn account(&self, name: &str) -> &str {
        let quiet = || name.strip_prefix("quiet")?.parse::<usize>().ok();
        match name {
            "anna" => &self.anna.account,
            "boris" => &self.boris.account,
            _ => quiet().and_then(|at| self.quiet.get(at)).map_or("", String::as_str),
        }
    }

    /// What the bank tells of an account: balance, interest and statements.
    pub async fn told(&self, name: &str) -> Result<String> {
        let account = self.account(name);
        let mut told = posted(&self.staff, account).await?;
        for part in ["interest", "statements"] {
            let path = format!("/v1/accounts/{account}/{part}");
            let mut answer = expect(self.staff.get(&path).await?, 200)?;
            for statement in answer.json["statements"].as_array_mut().into_iter().flatten() {
                // What goes by instants, by ids, and by the order of entries on two dates.
                for chance in ["madeAt", "hash", "firstVersion", "lastVersion"] {
                    drop(statement.as_object_mut().and_then(|one| one.remove(chance)));
                }
            }
            told.push_str(&answer.json.to_string().replace(account, name));
        }
        Ok(told)
    }

    /// The ledger's rows under names; what has changed is sealed.
    pub async fn dump(&self) -> Result<Vec<String>> {
        let unsealed = self.books.unsealed().await?;
        ensure!(unsealed == 0, "{unsealed} accounts have changed and are not sealed");
        let ibans = self.books.ibans().await?;
        let quiet = (0..self.quiet.len()).map(|at| format!("quiet{at}"));
        let mut names = BTreeMap::new();
        for name in quiet.chain(["anna".to_owned(), "boris".to_owned()]) {
            let account = self.account(&name).to_owned();
            let iban = ibans.get(&account).context("an account")?.clone();
            names.insert(iban, name.clone());
            names.insert(account, name);
        }
        self.books.dump(&names).await
    }
}

fn entries_of(body: &Value) -> usize {
    body["transactions"].as_array().map_or(0, Vec::len)
}

/// Interest both ways, paid monthly, and a monthly fee.
async fn conditions(staff: &Rest, today: Date) -> Result<()> {
    let money = |amount: &str| json!({"currency": "EUR", "amount": amount});
    let tiers = json!([
        {"from": money("0.00"), "ratePercent": "3.65"},
        {"from": money("1000.00"), "ratePercent": "7.3"},
    ]);
    let conditions = json!({"conditions": {
        "product": "current", "currency": "EUR", "validFrom": today.to_string(),
        "dayCount": "ACT/365F", "tiering": "TIERING_MARGINAL",
        "capitalisation": "CAPITALISATION_MONTHLY", "credit": tiers, "overdraft": tiers,
    }});
    let path = "/v1/ledger/interestConditions";
    expect(staff.post(path, "interest", &conditions).await?, 201)?;
    let fee = json!({"schedule": {
        "product": "current", "currency": "EUR", "event": "FEE_EVENT_MONTH",
        "validFrom": today.to_string(), "tiers": [{"from": money("0.00"), "flat": money("1.50")}],
    }});
    expect(staff.post("/v1/ledger/feeSchedules", "fee", &fee).await?, 201)?;
    Ok(())
}

/// The accounts that nobody pays from, opened by one call.
async fn import(bank: &Bank, customer: &str, today: Date) -> Result<Vec<String>> {
    let item = |at: usize| ImportAccount {
        account: Some(OpenAccountRequest {
            customer_id: customer.to_owned(),
            product: "current".to_owned(),
            currency: "EUR".to_owned(),
            overdraft_limit: Some(Money { currency: "EUR".into(), amount: "900.00".into() }),
            reference: format!("quiet{at}"),
        }),
        opened_on: today.to_string(),
        holders: Vec::new(),
    };
    let items = (0..QUIET).map(item).collect();
    let mut request = tonic::Request::new(ImportAccountsRequest { items });
    let token = bank.rest()?.token("import", None).await?;
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    let mut ledger = AccountServiceClient::new(bank.channel(Role::Account, "client-import")?);
    let results = ledger.import_accounts(request).await?.into_inner().results;
    let opened = results.into_iter().map(|one| {
        ensure!(one.refused.is_none(), "{one:?}");
        Ok(one.account_id)
    });
    opened.collect()
}
