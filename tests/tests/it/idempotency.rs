//! The table of DESIGN section 3, on REST and on gRPC.

use std::collections::BTreeSet;

use anyhow::Result;
use florin_kernel::Role;
use florin_proto::payment::v1::{
    CreateTransferRequest, payment_service_client::PaymentServiceClient,
};
use florin_testkit::{Bank, Rest};
use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use tonic::{Code, Request};

use crate::world::{expect, holder, posted, transfer};

async fn syntax(rest: &Rest, body: &serde_json::Value) -> Result<()> {
    let send = async |headers: &[(&str, &str)]| {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        rest.send(Method::POST, "/v1/transfers", &all, body.to_string().into_bytes()).await
    };
    let missing = expect(send(&[]).await?, 400)?;
    assert_eq!(missing.text("/reason"), "IDEMPOTENCY_KEY_MISSING");
    let long = "k".repeat(256);
    for key in ["", "\"\"", "a b\u{e9}", long.as_str()] {
        let answer = expect(send(&[("idempotency-key", key)]).await?, 400)?;
        let reason = answer.text("/reason");
        assert!(reason.starts_with("IDEMPOTENCY_KEY_M"), "{key:?}: {reason}");
    }
    Ok(())
}

async fn table(bank: &Bank) -> Result<()> {
    let staff = bank.rest_as(None).await?;
    let anna = holder(bank, &staff, "Anna", Some("100.00")).await?;
    let boris = holder(bank, &staff, "Boris", None).await?;
    let body = transfer(&anna.account, &boris.account, "1.00");
    syntax(&anna.rest, &body).await?;

    let first = expect(anna.rest.post("/v1/transfers", "k1", &body).await?, 202)?;
    assert!(!first.replayed());
    // Quoted and bare are the same key, and the answer is the same to the byte.
    for key in ["k1", "\"k1\""] {
        let replay = expect(anna.rest.post("/v1/transfers", key, &body).await?, 202)?;
        assert!(replay.replayed());
        assert_eq!(replay.bytes, first.bytes);
    }
    // The same key with another amount is refused, and another customer's same key is not.
    let other = transfer(&anna.account, &boris.account, "2.00");
    let reused = expect(anna.rest.post("/v1/transfers", "k1", &other).await?, 422)?;
    assert_eq!(reused.text("/reason"), "IDEMPOTENCY_KEY_REUSED");
    let theirs = transfer(&boris.account, &anna.account, "0.01");
    assert!(!expect(boris.rest.post("/v1/transfers", "k1", &theirs).await?, 202)?.replayed());

    // A refusal that the domain decided is stored: the same answer although it would succeed now.
    let close = format!("/v1/accounts/{}:close", anna.account);
    let why = json!({"reason": "moving"});
    let refused = expect(staff.post(&close, "close", &why).await?, 409)?;
    let again = expect(staff.post(&close, "close", &why).await?, 409)?;
    assert!(again.replayed());
    assert_eq!(again.text("/reason"), refused.text("/reason"));

    hundred_at_once(&anna.rest, &body).await?;
    grpc(bank, &anna.account, &boris.account).await?;
    bank.prove().await
}

async fn hundred_at_once(rest: &Rest, body: &serde_json::Value) -> Result<()> {
    let call = async || {
        let mut late = 0;
        loop {
            let answer = rest.post("/v1/transfers", "hundred", body).await?;
            // A machine that stalls may not answer all of them in time: they ask again.
            if !matches!(answer.status, 503 | 504) || late == 30 {
                return anyhow::Ok((answer, late));
            }
            late += 1;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    let mut ids = BTreeSet::new();
    let (mut fresh, mut late) = (0, 0);
    for answer in join_all((0..100).map(|_| call())).await {
        let (answer, asked_again) = answer?;
        late += asked_again;
        match answer.status {
            202 => {
                ids.insert(answer.text("/transferId").to_owned());
                fresh += u32::from(!answer.replayed());
            }
            409 => assert_eq!(answer.text("/reason"), "IDEMPOTENCY_KEY_IN_USE"),
            other => panic!("{other}: {}", answer.json),
        }
    }
    // The first answer is lost where the one that executed had to ask again.
    assert!(ids.len() == 1 && fresh <= 1 && fresh + late >= 1, "{ids:?} {fresh} {late}");
    Ok(())
}

async fn grpc(bank: &Bank, from: &str, to: &str) -> Result<()> {
    let token = bank.rest()?.token("demo", None).await?;
    let mut client = PaymentServiceClient::new(bank.channel(Role::Payment, "client-demo")?);
    let message = |amount: &str| CreateTransferRequest {
        from: from.to_owned(),
        to: to.to_owned(),
        amount: amount.to_owned(),
        currency: "EUR".to_owned(),
        description: String::new(),
    };
    let request = |amount: &str, key: Option<&str>| -> Result<Request<CreateTransferRequest>> {
        let mut request = Request::new(message(amount));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
        if let Some(key) = key {
            request.metadata_mut().insert("idempotency-key", key.parse()?);
        }
        Ok(request)
    };
    let missing = client.create_transfer(request("1.00", None)?).await.unwrap_err();
    assert_eq!(missing.code(), Code::InvalidArgument);
    let first = client.create_transfer(request("1.00", Some("g1"))?).await?;
    assert!(first.metadata().get("idempotent-replayed").is_none());
    let again = client.create_transfer(request("1.00", Some("g1"))?).await?;
    assert_eq!(
        again.metadata().get("idempotent-replayed").map(|value| value.to_str().ok()),
        Some(Some("true"))
    );
    assert_eq!(again.get_ref().transfer_id, first.get_ref().transfer_id);
    let reused = client.create_transfer(request("9.00", Some("g1"))?).await.unwrap_err();
    assert_eq!(reused.code(), Code::FailedPrecondition, "{reused:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_answers_the_same_for_ever_embedded() -> Result<()> {
    table(&Bank::embedded().await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_answers_the_same_for_ever_distributed() -> Result<()> {
    match Bank::distributed().await? {
        Some(bank) => table(&bank).await,
        None => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_same_key_meets_its_commit() -> Result<()> {
    let mut bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("10.00")).await?;
    let boris = holder(&bank, &staff, "Boris", None).await?;
    let body = transfer(&anna.account, &boris.account, "4.00");
    let first = expect(anna.rest.post("/v1/transfers", "crash", &body).await?, 202)?;
    bank.kill("up")?;
    bank.start("up").await?;
    let rest = bank.rest_as(Some(&anna.customer)).await?;
    let again = expect(rest.post("/v1/transfers", "crash", &body).await?, 202)?;
    assert!(again.replayed());
    assert_eq!(again.bytes, first.bytes);
    let path = format!("/v1/transfers/{}", first.text("/transferId"));
    crate::crash::ended(&rest, &path).await?;
    assert_eq!(posted(&rest, &anna.account).await?, "6.00");
    bank.prove().await
}
