//! Holds over the wire, by the only role that may place them: each race ends one way, and what
//! asks for more, too late or for another's is refused. They have no transfer, so it is the
//! ledger alone that proves itself afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use florin_kernel::Role;
use florin_proto::account::v1::{
    PlaceHoldRequest, PostTransactionsRequest, ReleaseHoldRequest, VerifyLedgerRequest,
    account_service_client::AccountServiceClient, transaction_result::Outcome,
    verify_ledger_response::Part,
};
use florin_testkit::place::reason;
use futures_util::future::join_all;
use tonic::{Response, Status, transport::Channel};

use super::{Desk, Posting, Side, money};
use crate::world::{expect, holder};

/// How long a machine that is shared by many may take to give back a hold by time.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(120);

/// The ledger as `payment` calls it, and whose money is held.
struct Holds {
    ledger: AccountServiceClient<Channel>,
    account: String,
}

impl Holds {
    /// Places a hold of so many cents, and says how that ended.
    async fn place(&self, name: &str, minor: i64, seconds: Option<i64>) -> (String, String) {
        let mut request = PlaceHoldRequest {
            reference: name.to_owned(),
            account_id: self.account.clone(),
            amount: Some(money("EUR", minor)),
            ..PlaceHoldRequest::default()
        };
        if let Some(seconds) = seconds {
            request.expires_after.get_or_insert_default().seconds = seconds;
        }
        let placed = self.ledger.clone().place_hold(request).await;
        let id = placed.as_ref().ok().and_then(|one| one.get_ref().hold.clone());
        (reason(placed), id.map(|hold| hold.hold_id).unwrap_or_default())
    }

    async fn release(&self, name: &str, hold: &str) -> String {
        let request = ReleaseHoldRequest {
            reference: name.to_owned(),
            hold_reference: hold.to_owned(),
            ..ReleaseHoldRequest::default()
        };
        reason(self.ledger.clone().release_hold(request).await)
    }

    /// A debit in cash that the hold pays for: "OK", or why it is refused.
    async fn capture(&self, name: &str, hold: &str, of_it: i64, debit: i64) -> Result<String> {
        let legs = [(Side::Account(&self.account), -debit), (Side::Gl("1010"), debit)];
        let mut posting = Posting::new(name, &legs);
        posting.captures.push((hold.to_owned(), Some(of_it)));
        let request = PostTransactionsRequest { transactions: vec![posting.wire()] };
        let told: Result<Response<_>, Status> =
            self.ledger.clone().post_transactions(request).await;
        let result = told?.into_inner().results.pop().and_then(|one| one.outcome);
        match result {
            Some(Outcome::Posted(_)) => Ok("OK".to_owned()),
            Some(Outcome::Refused(refusal)) => Ok(refusal.reason),
            None => bail!("no outcome"),
        }
    }
}

pub async fn tell(desk: &Desk<'_>) -> Result<()> {
    // A cent is left, whoever wins.
    let cyril = holder(desk.bank, &desk.staff, "Cyril", Some("50.01")).await?;
    let channel = desk.bank.channel(Role::Account, "payment")?;
    let holds = Holds { ledger: AccountServiceClient::new(channel), account: cyril.account };
    let open = placed(desk, &holds).await?;
    let (first, others) = open.split_first().context("open holds")?;
    misused(desk, &holds, first).await?;

    // Captures of the whole under six references at once: one.
    let texts: Vec<String> = (0..6).map(|at| format!("c{at}")).collect();
    let told = join_all(texts.iter().map(|text| holds.capture(text, first, 1_000, 1_000))).await;
    let told: Vec<String> = told.into_iter().collect::<Result<_>>()?;
    ensure!(told.iter().filter(|end| *end == "OK").count() == 1, "{told:?}");
    ensure!(told.iter().all(|end| end == "OK" || end == "HOLD_NOT_OPEN"), "{told:?}");
    balance(desk, &holds, "40.01", "0.01").await?;

    // A capture and a release at once, of each of the others.
    let mut left = 40;
    for hold in others {
        let (spend, back) = (format!("{hold}/spend"), format!("{hold}/back"));
        let (spent, given) =
            tokio::join!(holds.capture(&spend, hold, 1_000, 1_000), holds.release(&back, hold));
        let spent = spent?;
        match (spent.as_str(), given.as_str()) {
            ("OK", "HOLD_NOT_OPEN") => left -= 10,
            ("HOLD_NOT_OPEN", "OK") => {}
            other => bail!("{other:?}"),
        }
        ensure!(holds.capture("late", hold, 1, 1).await? == "HOLD_NOT_OPEN");
    }
    let all = format!("{left}.01");
    balance(desk, &holds, &all, &all).await?;

    // One whose time is over is given back by the ledger, once, and is not captured any more.
    ensure!(holds.place("short", 1, Some(1)).await.0 == "OK");
    let until = Instant::now() + GIVEN_BACK_WITHIN;
    while amounts(desk, &holds).await?.1 != all {
        ensure!(Instant::now() < until, "the hold is not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(holds.capture("too late", "short", 1, 1).await? == "HOLD_NOT_OPEN");
    balance(desk, &holds, &all, &all).await?;
    verified(desk).await
}

/// Posted and available.
async fn amounts(desk: &Desk<'_>, holds: &Holds) -> Result<(String, String)> {
    let path = format!("/v1/accounts/{}/balance", holds.account);
    let told = expect(desk.staff.get(&path).await?, 200)?;
    let text = |of: &str| told.text(&format!("/{of}/amount")).to_owned();
    Ok((text("posted"), text("available")))
}

async fn balance(desk: &Desk<'_>, holds: &Holds, posted: &str, available: &str) -> Result<()> {
    let told = amounts(desk, holds).await?;
    ensure!(told == (posted.into(), available.into()), "{told:?}");
    Ok(())
}

/// Six of ten euros on fifty: five; and one of them five times at once: one. The names of those
/// that are open.
async fn placed(desk: &Desk<'_>, holds: &Holds) -> Result<Vec<String>> {
    let names: Vec<String> = (0..6).map(|at| format!("h{at}")).collect();
    let placed = join_all(names.iter().map(|name| holds.place(name, 1_000, None))).await;
    let refused: Vec<_> = placed.iter().filter(|(end, _)| end != "OK").collect();
    ensure!(refused.len() == 1 && refused[0].0 == "INSUFFICIENT_FUNDS", "{placed:?}");
    balance(desk, holds, "50.01", "0.01").await?;
    let open = names.into_iter().zip(placed).filter(|(_, (end, _))| end == "OK");
    let open: Vec<_> = open.collect();
    let (first, told) = open.first().context("an open hold")?;
    let again = join_all((0..5).map(|_| holds.place(first, 1_000, None))).await;
    ensure!(again.iter().all(|one| one == told), "{again:?}");
    balance(desk, holds, "50.01", "0.01").await?;
    Ok(open.into_iter().map(|(name, _)| name).collect())
}

/// More than is held, by another's name, and with another content.
async fn misused(desk: &Desk<'_>, holds: &Holds, hold: &str) -> Result<()> {
    ensure!(holds.capture("c", hold, 1_001, 1_001).await? == "CAPTURE_EXCEEDS_HOLD");
    ensure!(holds.capture("c", hold, 1_000, 999).await? == "CAPTURE_EXCEEDS_DEBIT");
    ensure!(holds.capture("c", "nobody's", 1, 1).await? == "HOLD_NOT_FOUND");
    ensure!(holds.place(hold, 999, None).await.0 == "REFERENCE_REUSED");
    let legs = [(Side::Account(&holds.account), -1_000), (Side::Gl("1010"), 1_000)];
    let mut theirs = Posting::new("theirs", &legs);
    theirs.captures.push((hold.to_owned(), Some(1_000)));
    ensure!(desk.refused(&theirs).await? == "HOLD_NOT_FOUND", "a client captured payment's hold");
    balance(desk, holds, "50.01", "0.01").await
}

/// The ledger finds nothing wrong with itself.
async fn verified(desk: &Desk<'_>) -> Result<()> {
    let channel = desk.bank.channel(Role::Account, "operator-admin")?;
    let mut ledger = AccountServiceClient::new(channel);
    let mut parts = ledger.verify_ledger(VerifyLedgerRequest::default()).await?.into_inner();
    while let Some(message) = parts.message().await? {
        match message.part {
            Some(Part::Breach(breach)) => bail!("{breach:?}"),
            Some(Part::Summary(summary)) => {
                ensure!(summary.breaches == 0 && summary.accounts > 0, "{summary:?}");
                return Ok(());
            }
            Some(Part::Progress(_) | Part::Notice(_)) | None => {}
        }
    }
    bail!("the proof did not end")
}
