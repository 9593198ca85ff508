//! Who gets in: certificates, callers, tokens, own data.

use anyhow::Result;
use florin_kernel::Role;
use florin_proto::{
    account::v1::{
        GetAccountRequest, PlaceHoldRequest, account_service_client::AccountServiceClient,
    },
    cif::v1::{GetStandingsRequest, cif_service_client::CifServiceClient},
    ops::v1::{ListDeadLettersRequest, ops_service_client::OpsServiceClient},
};
use florin_testkit::Bank;
use tonic::Code;

use crate::world::{expect, holder, transfer};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_callers_reach_a_method() -> Result<()> {
    let bank = Bank::embedded().await?;
    // The operator asks; the method is not for a client without a token, nor for a role
    // that is not named.
    let mut ops = OpsServiceClient::new(bank.channel(Role::Account, "operator-admin")?);
    ops.list_dead_letters(ListDeadLettersRequest::default()).await?;
    let mut stranger = OpsServiceClient::new(bank.channel(Role::Account, "payment")?);
    let refused = stranger.list_dead_letters(ListDeadLettersRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let mut wrong = AccountServiceClient::new(bank.channel(Role::Account, "reporting")?);
    let refused = wrong.place_hold(PlaceHoldRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let mut tokenless = AccountServiceClient::new(bank.channel(Role::Account, "client-demo")?);
    let refused = tokenless.get_account(GetAccountRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    let mut standings = CifServiceClient::new(bank.channel(Role::Cif, "operator-admin")?);
    standings.get_standings(GetStandingsRequest::default()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_authority_and_no_certificate_get_nothing() -> Result<()> {
    let bank = Bank::embedded().await?;
    let other = Bank::embedded().await?;
    let foreign = other.certs().join("operator-admin");
    // Another authority's operator, who trusts ours: only the server can refuse it.
    let ours = std::fs::read_to_string(bank.certs().join("ca.pem"))?;
    let theirs = std::fs::read_to_string(other.certs().join("ca.pem"))?;
    std::fs::write(other.certs().join("ca.pem"), format!("{theirs}{ours}"))?;
    let mut client = OpsServiceClient::new(bank.foreign_channel(Role::Cif, &foreign)?);
    let refused = client.list_dead_letters(ListDeadLettersRequest::default()).await.unwrap_err();
    assert_ne!(refused.code(), Code::Ok);
    // Plain HTTP and TLS without a client certificate end before an answer.
    let plain = florin_testkit::Rest::new(
        &format!("https://localhost:{}", bank.address(Role::Cif).rsplit(':').next().unwrap_or("")),
        &bank.certs().join("ca.pem"),
    )?;
    assert!(plain.get("/florin.ops.v1.OpsService/ListDeadLetters").await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_learns_nothing_of_another() -> Result<()> {
    let bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("5.00")).await?;
    let boris = holder(&bank, &staff, "Boris", Some("5.00")).await?;
    let missing = "acc_01890a5d-ac96-774b-bcce-b302099a8057";
    let account = &anna.account;
    let body = transfer(&anna.account, &boris.account, "1.00");
    let own = anna.rest.post_and_wait("/v1/transfers", "own", &body).await?;
    let id = own.text("/transferId");
    for (path, reason) in [
        (format!("/v1/accounts/{account}"), "ACCOUNT_NOT_FOUND"),
        (format!("/v1/accounts/{account}/balance"), "ACCOUNT_NOT_FOUND"),
        (format!("/v1/accounts/{account}/entries"), "ACCOUNT_NOT_FOUND"),
        (format!("/v1/accounts/{missing}"), "ACCOUNT_NOT_FOUND"),
        (format!("/v1/customers/{}", anna.customer), "CUSTOMER_NOT_FOUND"),
        (format!("/v1/transactions?accountId={account}"), "HISTORY_NOT_FOUND"),
    ] {
        let answer = expect(boris.rest.get(&path).await?, 404)?;
        assert_eq!(answer.text("/reason"), reason, "{path}");
    }
    // Boris was paid by it and may see it; a third may not.
    expect(boris.rest.get(&format!("/v1/transfers/{id}")).await?, 200)?;
    let cyril = holder(&bank, &staff, "Cyril", None).await?;
    expect(cyril.rest.get(&format!("/v1/transfers/{id}")).await?, 404)?;
    let theft = boris.rest.post("/v1/transfers", "theft", &body).await?;
    assert_eq!(expect(theft, 404)?.text("/reason"), "DEBTOR_ACCOUNT_NOT_FOUND");
    let list = format!("/v1/accounts?customerId={}", anna.customer);
    expect(boris.rest.get(&list).await?, 403)?;
    expect(boris.rest.get("/v1/customers").await?, 403)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_and_health_answer_the_operator() -> Result<()> {
    let Some(buf) = florin_testkit::setting("FLORIN_TEST_BUF") else {
        florin_testkit::skip("buf is not to be had");
        return Ok(());
    };
    let bank = Bank::embedded().await?;
    let certs = bank.certs();
    let address = bank.address(Role::Account).replace("127.0.0.1", "localhost");
    let call = |certificate: &str, what: &[&str]| {
        std::process::Command::new(&buf)
            .args(["curl", "--protocol", "grpc"])
            .arg("--cacert")
            .arg(certs.join("ca.pem"))
            .arg("--cert")
            .arg(certs.join(format!("{certificate}.pem")))
            .arg("--key")
            .arg(certs.join(format!("{certificate}.key")))
            .args(what)
            .output()
    };
    let listed = call("operator-admin", &[&format!("https://{address}"), "--list-methods"])?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("florin.account.v1.AccountService/GetBalance"), "{listed:?}");
    let method = format!("https://{address}/florin.account.v1.AccountService/GetTrialBalance");
    let asked = r#"{"asOfBookingDate": "2026-11-21"}"#;
    let called = call("operator-admin", &["--data", asked, &method])?;
    let answer: serde_json::Value = serde_json::from_slice(&called.stdout)?;
    assert_eq!(answer["balanced"], true, "{called:?}");
    let listed = call("operator-admin", &[&format!("https://{address}"), "--list-services"])?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    for service in ["florin.account.v1.AccountService", "grpc.health.v1.Health"] {
        assert!(text.lines().any(|line| line == service), "{text}");
    }
    let refused = call("payment", &[&method])?;
    let error: serde_json::Value = serde_json::from_slice(&refused.stderr)?;
    assert_eq!(error["code"], "permission_denied", "{error}");
    assert_eq!(error["details"][0]["type"], "google.rpc.ErrorInfo", "{error}");
    let method = format!("https://{address}/florin.account.v1.AccountService/GetAccount");
    let refused = call("operator-admin", &["--data", r#"{"accountId": "trf_1"}"#, &method])?;
    let error: serde_json::Value = serde_json::from_slice(&refused.stderr)?;
    assert_eq!(error["code"], "invalid_argument", "{error}");
    assert_eq!(error["details"][1]["type"], "google.rpc.BadRequest", "{error}");
    Ok(())
}

/// How to ask for Anna's record by each method whose use case decides whose it is. A method
/// that is added to the contract with OWN_RECORD has to be added here.
fn asked_for(
    method: &str,
    anna: &crate::world::Holder,
    boris: &crate::world::Holder,
    (transfer_id, order_id, recall_id, bulk_id, loan_id): Ids<'_>,
) -> Asked {
    let (customer, account) = (&anna.customer, &anna.account);
    let nothing = serde_json::json!({});
    let get = |path: String| Some(("GET", path, serde_json::Value::Null));
    match method.rsplit('/').next().unwrap_or_default() {
        "GetCustomer" => get(format!("/v1/customers/{customer}")),
        "ListRelations" => get(format!("/v1/customers/{customer}/relations")),
        "UpdateCustomer" => {
            let path = format!("/v1/customers/{customer}?updateMask=contact.email");
            Some(("PATCH", path, serde_json::json!({"contact": {"email": "x@example.com"}})))
        }
        "GetAccount" => get(format!("/v1/accounts/{account}")),
        "GetBalance" => get(format!("/v1/accounts/{account}/balance")),
        "GetAccruedInterest" => get(format!("/v1/accounts/{account}/interest")),
        "QuoteFee" => {
            let body = serde_json::json!({"event": "FEE_EVENT_TRANSFER"});
            Some(("POST", format!("/v1/accounts/{account}:quoteFee"), body))
        }
        "ListEntries" => get(format!("/v1/accounts/{account}/entries")),
        "SettleInterest" => {
            Some(("POST", format!("/v1/accounts/{account}:settleInterest"), nothing))
        }
        "CloseAccount" => Some(("POST", format!("/v1/accounts/{account}:close"), nothing)),
        "CreateTransfer" => {
            let body = transfer(&anna.account, &boris.account, "1.00");
            Some(("POST", "/v1/transfers".to_owned(), body))
        }
        "QuoteTransfer" => {
            let body =
                serde_json::json!({"from": anna.account, "amount": "1.00", "currency": "EUR"});
            Some(("POST", "/v1/transfers:quote".to_owned(), body))
        }
        "GetTransfer" => get(format!("/v1/transfers/{transfer_id}")),
        "ListTransfers" => get(format!("/v1/transfers?accountId={account}")),
        "RefundTransfer" => {
            let body = serde_json::json!({"amount": "1.00", "currency": "EUR"});
            Some(("POST", format!("/v1/transfers/{transfer_id}:refund"), body))
        }
        "RecallTransfer" => {
            let body = serde_json::json!({"reason": "RECALL_REASON_CUSTOMER"});
            Some(("POST", format!("/v1/transfers/{transfer_id}:recall"), body))
        }
        "GetRecall" => get(format!("/v1/recalls/{recall_id}")),
        "ListLimits" => get(format!("/v1/limits?accountId={account}")),
        "CancelTransfer" => Some(("POST", format!("/v1/transfers/{transfer_id}:cancel"), nothing)),
        "SearchTransactions" => get(format!("/v1/transactions?accountId={account}")),
        other => statement_asked_for(other, account)
            .or_else(|| order_asked_for(other, anna, boris, order_id))
            .or_else(|| bulk_asked_for(other, anna, bulk_id))
            .or_else(|| loan_asked_for(other, loan_id)),
    }
}

/// Of a transfer, an order, a recall, a bulk and a loan.
type Ids<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);
type Asked = Option<(&'static str, String, serde_json::Value)>;

fn statement_asked_for(method: &str, account: &str) -> Asked {
    let get = |path: String| Some(("GET", path, serde_json::Value::Null));
    match method {
        "ListStatements" => get(format!("/v1/accounts/{account}/statements")),
        "GetStatement" => get(format!("/v1/accounts/{account}/statements/2026-11-30")),
        "ListStatementEntries" => {
            get(format!("/v1/accounts/{account}/statements/2026-11-30/entries"))
        }
        _ => None,
    }
}

fn order_asked_for(
    method: &str,
    anna: &crate::world::Holder,
    boris: &crate::world::Holder,
    order_id: &str,
) -> Asked {
    let (account, nothing) = (&anna.account, serde_json::json!({}));
    let get = |path: String| Some(("GET", path, serde_json::Value::Null));
    match method {
        "CreateOrder" => {
            let body = order(anna, boris);
            Some(("POST", "/v1/orders".to_owned(), body))
        }
        "GetOrder" => get(format!("/v1/orders/{order_id}")),
        "ListOrders" => get(format!("/v1/orders?accountId={account}")),
        "SuspendOrder" => Some(("POST", format!("/v1/orders/{order_id}:suspend"), nothing)),
        "ResumeOrder" => Some(("POST", format!("/v1/orders/{order_id}:resume"), nothing)),
        "UpdateOrder" => {
            let body = serde_json::json!({"amount": "2.00", "updateMask": "amount"});
            Some(("PATCH", format!("/v1/orders/{order_id}"), body))
        }
        "SkipOrder" => {
            let body = serde_json::json!({"date": "2999-01-01"});
            Some(("POST", format!("/v1/orders/{order_id}:skip"), body))
        }
        "CancelOrder" => Some(("POST", format!("/v1/orders/{order_id}:cancel"), nothing)),
        _ => None,
    }
}

fn bulk_asked_for(method: &str, anna: &crate::world::Holder, bulk_id: &str) -> Asked {
    let (account, nothing) = (&anna.account, serde_json::json!({}));
    let get = |path: String| Some(("GET", path, serde_json::Value::Null));
    match method {
        "CreateBulk" => {
            Some(("POST", "/v1/bulks".to_owned(), crate::bulk::announced(anna, "other", b"{}")))
        }
        "AddBulkPart" => {
            let body = serde_json::json!({"data": "e30="});
            Some(("POST", format!("/v1/bulks/{bulk_id}/parts"), body))
        }
        "GetBulk" => get(format!("/v1/bulks/{bulk_id}")),
        "ListBulks" => get(format!("/v1/bulks?accountId={account}")),
        "ListBulkLines" => get(format!("/v1/bulks/{bulk_id}/lines")),
        "GetBulkReport" => get(format!("/v1/bulks/{bulk_id}/report")),
        "DownloadBulkReport" => get(format!("/v1/bulks/{bulk_id}/report:download")),
        "CancelBulk" => Some(("POST", format!("/v1/bulks/{bulk_id}:cancel"), nothing)),
        _ => None,
    }
}

fn loan_asked_for(method: &str, loan_id: &str) -> Asked {
    let path = |rest: &str| format!("/v1/loans/{loan_id}{rest}");
    let get = |rest: &str| Some(("GET", path(rest), serde_json::Value::Null));
    match method {
        "GetLoan" => get(""),
        "GetSchedule" => get("/schedule"),
        "GetLoanStanding" => get("/standing"),
        "QuotePayOff" => get("/payOff"),
        "RepayLoan" => Some(("POST", path("/repayments"), serde_json::json!({"amount": "1.00"}))),
        "ListLoanSteps" => get("/steps"),
        "AcceptLoan" => Some(("POST", path(":accept"), serde_json::json!({}))),
        "CancelLoan" => Some(("POST", path(":cancel"), serde_json::json!({"reason": "mine"}))),
        _ => None,
    }
}

/// A standing order of Anna's in favour of Boris.
fn order(anna: &crate::world::Holder, boris: &crate::world::Holder) -> serde_json::Value {
    serde_json::json!({
        "from": anna.account, "to": boris.account, "amount": "1.00", "currency": "EUR",
        "frequency": "ORDER_FREQUENCY_MONTHLY", "firstOn": "2999-01-01",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_another_is_not_found() -> Result<()> {
    let bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("5.00")).await?;
    let boris = holder(&bank, &staff, "Boris", None).await?;
    let stranger = holder(&bank, &staff, "Cyril", None).await?;
    let body = transfer(&anna.account, &boris.account, "1.00");
    let paid = anna.rest.post_and_wait("/v1/transfers", "paid", &body).await?;
    let id = expect(paid, 202)?.text("/transferId").to_owned();
    let ordered = anna.rest.post("/v1/orders", "order", &order(&anna, &boris)).await?;
    let order_id = expect(ordered, 201)?.text("/order/orderId").to_owned();
    // To another bank, and asked back from there.
    let body = transfer(&anna.account, "CZ6508000000192000145399", "1.00");
    let abroad = anna.rest.post_and_wait("/v1/transfers", "abroad", &body).await?;
    let abroad = expect(abroad, 202)?.text("/transferId").to_owned();
    let wish = serde_json::json!({"reason": "RECALL_REASON_CUSTOMER"});
    let path = format!("/v1/transfers/{abroad}:recall");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let mut attempt = 0;
    let recall_id = loop {
        // A refusal is kept under its key.
        attempt += 1;
        let recalled = anna.rest.post(&path, &format!("recall-{attempt}"), &wish).await?;
        if recalled.status == 202 {
            break recalled.text("/recall/recallId").to_owned();
        }
        anyhow::ensure!(std::time::Instant::now() < until, "{}", recalled.json);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let announced = crate::bulk::announced(&anna, "file", b"{}");
    let announced = anna.rest.post("/v1/bulks", "bulk", &announced).await?;
    let bulk_id = expect(announced, 201)?.text("/bulk/bulkId").to_owned();
    let loan_id = crate::loans::applied(&staff, &anna).await?;
    let ids =
        (id.as_str(), order_id.as_str(), recall_id.as_str(), bulk_id.as_str(), loan_id.as_str());
    // A stream has no REST; it asks as AddBulkPart does, and bulk_uploads of `payment` asks it.
    // A list of loans names no record: a customer gets its own (reading.rs of `loan`).
    let others = ["/UploadBulk", "/ListLoans"];
    let records = florin_proto::policy::POLICIES.iter().filter(|policy| {
        let is_other = others.iter().any(|other| policy.path.ends_with(other));
        policy.own == florin_proto::policy::Own::Record && !is_other
    });
    let mut asked = 0;
    for policy in records {
        let Some((method, path, body)) = asked_for(policy.path, &anna, &boris, ids) else {
            anyhow::bail!("{} has no case here", policy.path)
        };
        let headers = [("idempotency-key", policy.path), ("content-type", "application/json")];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = stranger.rest.send(method.parse()?, &path, &headers, bytes).await?;
        assert_eq!(answer.status, 404, "{}: {}", policy.path, answer.json);
        asked += 1;
    }
    assert!(asked >= 12, "{asked}");
    Ok(())
}
