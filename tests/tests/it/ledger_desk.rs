//! The desk of the ledger over the wire, by gRPC and REST with tokens: what is tried, booked,
//! mapped, closed, opened again and undone; each at once from several sides, with one effect.

mod closing;
mod holds;
mod posting;

use anyhow::{Result, ensure};
use florin_kernel::{Role, parse_date};
use florin_proto::account::v1::{
    GetBalanceSheetRequest, PostTransactionsRequest, PreviewTransactionsRequest,
    TransactionRequest, account_service_client::AccountServiceClient, preview_result,
    transaction_result,
};
use florin_testkit::{Answer, Bank, Rest};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tonic::{Request, transport::Channel};

use self::posting::{Posting, Side, money};
use crate::world::{Holder, expect, holder, posted};

const POST: &str = "/v1/ledger/transactions:post";
const PREVIEW: &str = "/v1/ledger/transactions:preview";

/// Who sits at the desk, two customers, and Anna's account in crowns.
struct Desk<'a> {
    bank: &'a Bank,
    staff: Rest,
    /// A second person.
    colleague: Rest,
    anna: Holder,
    boris: Holder,
    crowns: String,
}

impl<'a> Desk<'a> {
    async fn new(bank: &'a Bank) -> Result<Self> {
        let staff = bank.rest_as(None).await?;
        let rest = bank.rest()?;
        let token = rest.token("demo&subject=ian", None).await?;
        let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
        let boris = holder(bank, &staff, "Boris", None).await?;
        let open = json!({"customerId": anna.customer, "product": "current", "currency": "CZK"});
        let crowns = expect(staff.post("/v1/accounts", "crowns", &open).await?, 201)?;
        let crowns = crowns.text("/account/accountId").to_owned();
        Ok(Self { bank, staff, colleague: rest.with_bearer(&token), anna, boris, crowns })
    }

    /// The ledger itself, by the certificate of a client.
    fn ledger(&self) -> Result<AccountServiceClient<Channel>> {
        Ok(AccountServiceClient::new(self.bank.channel(Role::Account, "client-demo")?))
    }

    async fn with_token<T>(&self, client: &str, message: T) -> Result<Request<T>> {
        let token = self.bank.rest()?.token(client, None).await?;
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
        Ok(request)
    }

    /// The item's result of a posting or a preview by REST.
    async fn item(&self, path: &str, body: &Value) -> Result<Value> {
        let body = json!({"transactions": [body]});
        let answer = expect(self.staff.post(path, "items have none", &body).await?, 200)?;
        Ok(answer.json["results"][0].clone())
    }

    async fn post(&self, posting: &Posting<'_>) -> Result<Value> {
        self.item(POST, &posting.json()).await
    }

    /// The id of a posting that is taken.
    async fn booked(&self, posting: &Posting<'_>) -> Result<String> {
        let told = self.post(posting).await?;
        let id = told["posted"]["transactionId"].as_str().unwrap_or_default().to_owned();
        ensure!(!id.is_empty(), "{told}");
        Ok(id)
    }

    /// The reason for which a posting is refused.
    async fn refused(&self, posting: &Posting<'_>) -> Result<String> {
        let told = self.post(posting).await?;
        Ok(told["refused"]["reason"].as_str().unwrap_or_default().to_owned())
    }

    async fn balances(&self) -> Result<(String, String)> {
        let Self { anna, boris, staff, .. } = self;
        Ok((posted(staff, &anna.account).await?, posted(staff, &boris.account).await?))
    }

    /// The net of a GL account in euros.
    async fn net(&self, code: &str) -> Result<String> {
        let answer = expect(self.staff.get("/v1/ledger/trialBalance").await?, 200)?;
        ensure!(answer.json["balanced"] == json!(true), "{}", answer.json);
        let rows = answer.json["rows"].as_array().cloned().unwrap_or_default();
        let of = |row: &&Value| row["code"] == code && row["net"]["currency"] == "EUR";
        let row = rows.iter().find(of).map(|row| row["net"]["amount"].clone());
        Ok(row.and_then(|net| net.as_str().map(str::to_owned)).unwrap_or_default())
    }
}

/// The same command under as many keys at once, by turns of two persons.
async fn at_once(rests: [&Rest; 2], path: &str, name: &str, body: &Value) -> Result<Vec<Answer>> {
    let keys: Vec<String> = (0..6).map(|at| format!("{name}-{at}")).collect();
    let calls = keys.iter().enumerate().map(|(at, key)| rests[at % 2].post(path, key, body));
    join_all(calls).await.into_iter().collect()
}

/// One answer has this status; the others are refused for this reason.
fn only_one(answers: &[Answer], status: u16, reason: &str) -> Result<Answer> {
    let (done, others): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == status);
    for other in others {
        ensure!(other.text("/reason") == reason, "{} instead of {reason}", other.json);
    }
    let [one] = done.as_slice() else { anyhow::bail!("{} have {status}", done.len()) };
    Ok((*one).clone())
}

/// What is tried is what is booked, and nothing is booked by trying; one reference at once by
/// both doors is one posting.
async fn tried_and_booked(desk: &Desk<'_>) -> Result<()> {
    let cash = Posting::new(
        "paid in",
        &[(Side::Account(&desk.anna.account), 1_000), (Side::Gl("1010"), -1_000)],
    );
    let tried = desk.item(PREVIEW, &cash.json()).await?;
    let leg = tried["preview"]["legs"][0].clone();
    assert_eq!(leg["postedAfter"]["amount"], "110.00", "{tried}");
    let mut ledger = desk.ledger()?;
    let message = PreviewTransactionsRequest { transactions: vec![cash.wire()] };
    let request = desk.with_token("demo", message).await?;
    let told = ledger.preview_transactions(request).await?.into_inner().results.remove(0);
    let Some(preview_result::Outcome::Preview(preview)) = told.outcome else {
        anyhow::bail!("{told:?}");
    };
    assert_eq!(preview.legs[0].posted_after, Some(money("EUR", 11_000)));
    assert_eq!(desk.balances().await?.0, "100.00");

    let by_rest = join_all((0..4).map(|_| desk.post(&cash)));
    let by_grpc = join_all((0..4).map(|_| by_wire(desk, "demo", cash.wire())));
    let (by_rest, by_grpc) = tokio::join!(by_rest, by_grpc);
    let mut ids = Vec::new();
    for told in by_rest {
        let told = told?;
        let id = told["posted"]["transactionId"].as_str().unwrap_or_default().to_owned();
        ids.push((told["posted"]["replayed"] != json!(true), id));
    }
    for told in by_grpc {
        let Some(transaction_result::Outcome::Posted(one)) = told? else {
            anyhow::bail!("refused");
        };
        ids.push((!one.replayed, one.transaction_id));
    }
    assert_eq!(ids.iter().filter(|(first, _)| *first).count(), 1, "{ids:?}");
    assert!(ids.iter().all(|(_, id)| *id == ids[0].1 && !id.is_empty()), "{ids:?}");
    assert_eq!(desk.balances().await?.0, "110.00");
    let again = desk.item(PREVIEW, &cash.json()).await?;
    assert_eq!(again["posted"]["transactionId"], ids[0].1.as_str(), "{again}");
    let other =
        Posting::new("paid in", &[(Side::Account(&desk.anna.account), 1), (Side::Gl("1010"), -1)]);
    assert_eq!(desk.refused(&other).await?, "REFERENCE_REUSED");
    Ok(())
}

/// Posts by gRPC.
async fn by_wire(
    desk: &Desk<'_>,
    client: &str,
    transaction: TransactionRequest,
) -> Result<Option<transaction_result::Outcome>> {
    let message = PostTransactionsRequest { transactions: vec![transaction] };
    let request = desk.with_token(client, message).await?;
    let certificate = format!("client-{client}");
    let mut ledger = AccountServiceClient::new(desk.bank.channel(Role::Account, &certificate)?);
    let mut told = ledger.post_transactions(request).await?.into_inner().results;
    Ok(told.pop().and_then(|one| one.outcome))
}

/// What cannot be booked says why, and nothing moves.
async fn bad_input(desk: &Desk<'_>) -> Result<()> {
    let before = desk.balances().await?;
    let anna = Side::Account(&desk.anna.account);
    for (other, reason) in [
        (Side::Gl("2010"), "GL_ACCOUNT_IS_CONTROL"),
        (Side::Gl("2910"), "GL_ACCOUNT_IS_CONTROL"),
        (Side::Gl("7777"), "GL_ACCOUNT_NOT_FOUND"),
        (Side::Account("acc_01890a5d-ac96-774b-bcce-b302099a8057"), "ACCOUNT_NOT_FOUND"),
        (Side::Account(&desk.crowns), "CURRENCY_MISMATCH"),
    ] {
        let posting = Posting::new("bad", &[(anna, -1), (other, 1)]);
        assert_eq!(desk.refused(&posting).await?, reason);
    }
    let too_much = Posting::new("bad", &[(anna, -11_001), (Side::Gl("1010"), 11_001)]);
    assert_eq!(desk.refused(&too_much).await?, "INSUFFICIENT_FUNDS");
    // Legs that do not balance, by a cent and by their currencies.
    for legs in [[(anna, -10), (Side::Gl("1010"), 9)], [(anna, -10), (Side::Gl("1010"), -10)]] {
        let told = desk.post(&Posting::new("bad", &legs)).await?;
        assert_eq!(told["refused"]["reason"], "INVALID_REQUEST", "{told}");
        let violation = &told["refused"]["violations"][0];
        assert_eq!(
            (&violation["field"], &violation["rule"]),
            (&json!("legs"), &json!("UNBALANCED")),
            "{told}"
        );
    }
    // A floating-point number is no amount, and neither is one between two cents.
    for amount in [json!(0.1), json!("0.105"), json!("1e1"), json!("NaN"), json!("0.00")] {
        let mut body = Posting::new("bad", &[(anna, -10), (Side::Gl("1010"), 10)]).json();
        body["legs"][0]["amount"]["amount"] = amount.clone();
        let body = json!({"transactions": [body]});
        let told = desk.staff.post(POST, "items have none", &body).await?;
        let refused = told.json["results"][0]["refused"]["reason"] == "INVALID_REQUEST";
        assert!(told.status == 400 || refused, "{amount}: {}", told.json);
    }
    assert_eq!(desk.balances().await?, before);
    Ok(())
}

/// Euros for crowns: at its rate alone, and of two that the money does for once one is booked.
async fn converted(desk: &Desk<'_>) -> Result<()> {
    let convert = |reference: &str, euros: i64, crowns: i64| {
        let (anna, position) = (Side::Account(&desk.anna.account), Side::Gl("9020"));
        let mut posting = Posting::new(reference, &[(anna, -euros), (position, euros)]);
        posting.legs.push(("CZK", Side::Gl("9020"), -crowns));
        posting.legs.push(("CZK", Side::Account(&desk.crowns), crowns));
        posting.conversions.push((euros, crowns, "25.31"));
        posting
    };
    for (euros, crowns) in [(1_000, 25_312), (1_000, 25_308)] {
        assert_eq!(desk.refused(&convert("rate", euros, crowns)).await?, "INVALID_REQUEST");
    }
    let calls = ["fx-1", "fx-2", "fx-3"].map(|reference| convert(reference, 6_000, 151_860));
    let told = join_all(calls.iter().map(|posting| desk.post(posting))).await;
    let mut booked = 0;
    for one in told {
        let one = one?;
        match one["refused"]["reason"].as_str() {
            None => booked += 1,
            Some(reason) => assert_eq!(reason, "INSUFFICIENT_FUNDS", "{one}"),
        }
    }
    assert_eq!(booked, 1);
    assert_eq!(desk.balances().await?.0, "50.00");
    assert_eq!(posted(&desk.staff, &desk.crowns).await?, "1518.60");
    Ok(())
}

/// A GL account is made once, and a product's balance is taken along once.
async fn mapped_anew(desk: &Desk<'_>) -> Result<()> {
    let rests = [&desk.staff, &desk.colleague];
    let made =
        json!({"code": "2012", "name": "Deposits", "class": "GL_CLASS_LIABILITY", "control": true});
    let answers = at_once(rests, "/v1/ledger/glAccounts", "gl", &made).await?;
    for answer in answers {
        expect(answer, 201)?;
    }
    let other = json!({"code": "2012", "name": "Cash", "class": "GL_CLASS_ASSET"});
    let refused = desk.colleague.post("/v1/ledger/glAccounts", "other", &other).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "GL_ACCOUNT_EXISTS");
    let before = desk.net("2010").await?;
    let remap = json!({"controlGlCode": "2012"});
    let answers = at_once(rests, "/v1/ledger/products/current:remap", "remap", &remap).await?;
    let mut moved = Vec::new();
    for answer in answers {
        let answer = expect(answer, 200)?;
        moved.extend(answer.json["reclassifications"].as_array().cloned().unwrap_or_default());
    }
    // In euros and in crowns, and whoever came after found nothing to take along.
    assert_eq!(moved.len(), 2, "{moved:?}");
    assert_eq!((desk.net("2010").await?.as_str(), desk.net("2012").await?), ("0.00", before));
    let wrong = json!({"controlGlCode": "1010"});
    let refused = desk.staff.post("/v1/ledger/products/current:remap", "wrong", &wrong).await?;
    assert_eq!(expect(refused, 409)?.text("/reason"), "GL_ACCOUNT_IS_POSTING");
    Ok(())
}

/// A fee of the desk is income of its date, by both doors, and of no other.
async fn stated(desk: &Desk<'_>, today: &str) -> Result<()> {
    let fee =
        Posting::new("fee", &[(Side::Account(&desk.anna.account), -250), (Side::Gl("4010"), 250)]);
    desk.booked(&fee).await?;
    let sheet = expect(desk.staff.get("/v1/ledger/balanceSheet").await?, 200)?;
    assert_eq!(sheet.json["balanced"], json!(true), "{}", sheet.json);
    let yesterday = parse_date(today)?.yesterday()?;
    for (date, result) in [(yesterday.to_string(), None), (today.to_owned(), Some("2.50"))] {
        let path = format!("/v1/ledger/profitAndLoss?fromBookingDate={date}&toBookingDate={date}");
        let told = expect(desk.staff.get(&path).await?, 200)?;
        let totals = told.json["totals"].as_array().cloned().unwrap_or_default();
        let euros = totals.iter().find(|one| one["result"]["currency"] == "EUR");
        let found = euros.map(|one| one["result"]["amount"].as_str().unwrap_or_default());
        assert_eq!(found.filter(|amount| *amount != "0.00"), result, "{}", told.json);
        let message = GetBalanceSheetRequest { as_of_booking_date: date };
        let request = desk.with_token("demo", message).await?;
        let told = desk.ledger()?.get_balance_sheet(request).await?.into_inner();
        assert!(told.balanced, "{told:?}");
        let earned = told.totals.into_iter().filter_map(|one| one.result);
        let earned = earned.filter(|one| one.currency == "EUR" && one.amount != "0.00");
        let earned: Vec<String> = earned.map(|one| one.amount).collect();
        assert_eq!(earned, result.map(str::to_owned).into_iter().collect::<Vec<_>>());
    }
    let path =
        format!("/v1/ledger/profitAndLoss?fromBookingDate={today}&toBookingDate={yesterday}");
    expect(desk.staff.get(&path).await?, 400)?;
    Ok(())
}

async fn tell(bank: &Bank) -> Result<()> {
    let desk = Desk::new(bank).await?;
    let answer = expect(desk.staff.get("/v1/ledger/businessDate").await?, 200)?;
    let today = answer.text("/businessDate").to_owned();
    tried_and_booked(&desk).await?;
    bad_input(&desk).await?;
    converted(&desk).await?;
    mapped_anew(&desk).await?;
    stated(&desk, &today).await?;
    closing::closed_and_reopened(&desk, &today).await?;
    closing::undone(&desk).await?;
    bank.prove().await?;
    holds::tell(&desk).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_the_desk_has_one_effect_however_often_it_comes_embedded() -> Result<()> {
    tell(&Bank::embedded().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_the_desk_has_one_effect_however_often_it_comes_distributed() -> Result<()>
{
    match Bank::distributed().await? {
        Some(bank) => tell(&bank).await,
        None => Ok(()),
    }
}
