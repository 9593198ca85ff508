//! Anything malformed gets a clear error with the field and the rule, and changes nothing.

use anyhow::Result;
use florin_testkit::{Bank, Rest};
use http::Method;
use serde_json::{Value, json};

use crate::world::{expect, holder, posted, transfer};

fn violations(answer: &florin_testkit::Answer) -> Vec<(String, String)> {
    let list = answer.json["errors"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            (text("field"), text("rule"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_name_field_and_rule_and_change_nothing() -> Result<()> {
    let bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("10.00")).await?;
    let boris = holder(&bank, &staff, "Boris", None).await?;
    amounts(&anna.rest, &anna.account, &boris.account).await?;
    ids(&anna.rest, &anna.account).await?;
    bodies(&anna.rest, &transfer(&anna.account, &boris.account, "1.00")).await?;
    paths(&anna.rest, &anna.account).await?;
    tokens(&bank, &anna.account).await?;
    assert_eq!(posted(&anna.rest, &anna.account).await?, "10.00");
    bank.prove().await
}

async fn amounts(rest: &Rest, from: &str, to: &str) -> Result<()> {
    for (amount, currency, field, rule) in [
        ("1.234", "EUR", "amount", "TOO_MANY_DECIMALS"),
        ("-1.00", "EUR", "amount", "NOT_POSITIVE"),
        ("0", "EUR", "amount", "NOT_POSITIVE"),
        ("99999999999999999999", "EUR", "amount", "AMOUNT_OUT_OF_RANGE"),
        ("1e3", "EUR", "amount", "MALFORMED_AMOUNT"),
        ("", "EUR", "amount", "REQUIRED"),
        ("1.00", "EUX", "currency", "UNKNOWN_CURRENCY"),
        ("1.00", "", "currency", "REQUIRED"),
    ] {
        let body = json!({"from": from, "to": to, "amount": amount, "currency": currency});
        let answer = expect(rest.post("/v1/transfers", "bad", &body).await?, 400)?;
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(violations(&answer), [(field.to_owned(), rule.to_owned())], "{}", answer.json);
    }
    let body = json!({"from": from, "to": to, "amount": "1.00", "currency": "USD"});
    let answer = rest.post("/v1/transfers", "dollar", &body).await?;
    assert_eq!(expect(answer, 409)?.text("/reason"), "CURRENCY_MISMATCH");
    Ok(())
}

async fn ids(rest: &Rest, account: &str) -> Result<()> {
    // Every broken field at once.
    let body = json!({
        "from": account.replace("acc_", "cus_"), "to": "nobody", "amount": "x",
        "currency": "EUR", "description": "a\u{1}b",
    });
    let answer = expect(rest.post("/v1/transfers", "all", &body).await?, 400)?;
    let fields: Vec<String> = violations(&answer).into_iter().map(|(field, _)| field).collect();
    for field in ["from", "to", "amount", "description"] {
        assert!(fields.iter().any(|found| found == field), "{field}: {}", answer.json);
    }
    for path in ["/v1/accounts/acc_1", "/v1/accounts/cus_01890a5d-ac96-774b-bcce-b302099a8057"] {
        let answer = expect(rest.get(path).await?, 400)?;
        assert_eq!(violations(&answer)[0].0, "accountId", "{}", answer.json);
    }
    // A page token from elsewhere.
    let entries = rest.get(&format!("/v1/accounts/{account}/entries?pageToken=Zm9v")).await?;
    assert_eq!(expect(entries, 400)?.text("/reason"), "PAGE_TOKEN_INVALID");
    let size = rest.get(&format!("/v1/accounts/{account}/entries?pageSize=501")).await?;
    assert_eq!(violations(&expect(size, 400)?)[0].0, "pageSize");
    Ok(())
}

async fn bodies(rest: &Rest, good: &Value) -> Result<()> {
    let send = async |key: &str, kind: &str, body: Vec<u8>| {
        let headers = [("idempotency-key", key), ("content-type", kind)];
        rest.send(Method::POST, "/v1/transfers", &headers, body).await
    };
    let text = good.to_string();
    let twice = text.replacen('{', "{\"amount\":\"1.00\",", 1);
    let both = text.replacen('{', "{\"idempotency\":1,", 1);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [twice, both, deep, "{".to_owned(), "[]".to_owned(), "\"x\"".to_owned()] {
        let answer = send("body", "application/json", body.clone().into_bytes()).await?;
        assert_eq!(answer.status, 400, "{:.80}: {}", body, answer.json);
    }
    let large = send("large", "application/json", vec![b' '; 2_000_000]).await?;
    assert_eq!(large.status, 413);
    let form = send("form", "text/plain", text.into_bytes()).await?;
    assert_eq!(form.status, 415);
    Ok(())
}

async fn paths(rest: &Rest, account: &str) -> Result<()> {
    expect(rest.get("/v1/nothing").await?, 404)?;
    let wrong = rest.send(Method::DELETE, "/v1/transfers", &[], Vec::new()).await?;
    assert_eq!(wrong.status, 405);
    let allow = wrong.headers["allow"].to_str()?.to_owned();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let unknown = rest.get(&format!("/v1/accounts/{account}?colour=red")).await?;
    let unknown = expect(unknown, 400)?;
    assert_eq!(violations(&unknown)[0].0, "colour", "{}", unknown.json);
    Ok(())
}

async fn tokens(bank: &Bank, account: &str) -> Result<()> {
    let rest = bank.rest()?;
    let path = format!("/v1/accounts/{account}");
    let none = expect(rest.get(&path).await?, 401)?;
    assert!(none.headers.contains_key("www-authenticate"));
    let good = rest.token("demo", None).await?;
    let (head, signature) = good.rsplit_once('.').unwrap_or_default();
    let cut = format!("{head}.");
    let flipped = format!("{head}.{}", signature.chars().rev().collect::<String>());
    // {"alg":"none","typ":"at+jwt"} over the same claims.
    let claims = head.split('.').nth(1).unwrap_or_default();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{claims}.");
    for token in [cut.as_str(), &flipped, &unsigned, "x.y.z", "garbage"] {
        let answer = expect(rest.with_bearer(token).get(&path).await?, 401)?;
        assert_eq!(answer.text("/reason"), "UNAUTHENTICATED");
    }
    // Another bank's issuer signs with another key.
    let other = Bank::embedded().await?;
    let foreign = other.rest()?.token("demo", None).await?;
    expect(rest.with_bearer(&foreign).get(&path).await?, 401)?;
    Ok(())
}
