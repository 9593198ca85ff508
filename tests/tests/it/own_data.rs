//! What a customer's token opens, however many scopes it has: the contract's `own`, method
//! by method. `access.rs` does the same for the records that use cases load.

use anyhow::{Context as _, Result, bail};
use florin_kernel::Role;
use florin_proto::policy::{MethodPolicy, Own, POLICIES};
use florin_testkit::Bank;
use tonic::{Code, Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use crate::world::{expect, holder};

/// Calls a method with an empty message, as the client `demo` in somebody's name.
async fn call(bank: &Bank, policy: &MethodPolicy, token: &str) -> Result<Status> {
    let package = policy.path.split('.').nth(1).context("a package")?;
    let role: Role = package.parse()?;
    let mut client = Grpc::new(bank.channel(role, "client-demo")?);
    client.ready().await?;
    let mut request = Request::new(());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    request.metadata_mut().insert("idempotency-key", "k-1".parse()?);
    let answer = client.unary(request, policy.path.parse()?, ProstCodec::<(), ()>::default()).await;
    match answer {
        Ok(_) => bail!("{} was answered", policy.path),
        Err(status) => Ok(status),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_scope_lets_a_customer_do_the_work_of_staff() -> Result<()> {
    let bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", None).await?;
    let token = bank.rest()?.token("demo", Some(&anna.customer)).await?;
    let mut asked = 0;
    let clients = POLICIES.iter().filter(|policy| policy.callers.contains(&"client"));
    for policy in clients.filter(|policy| policy.own == Own::NoCustomers) {
        let refused = call(&bank, policy, &token).await?;
        assert_eq!(refused.code(), Code::PermissionDenied, "{}: {refused:?}", policy.path);
        asked += 1;
    }
    assert!(asked >= 20, "{asked}");
    // The door that mattered most: to become an owner of somebody's account.
    let boris = holder(&bank, &staff, "Boris", Some("9.00")).await?;
    let path = format!("/v1/accounts/{}/holders", boris.account);
    let body = serde_json::json!({"customerId": anna.customer, "role": "HOLDER_ROLE_OWNER"});
    let refused = expect(anna.rest.post(&path, "take", &body).await?, 403)?;
    assert_eq!(refused.text("/reason"), "ROLE_MISSING", "{}", refused.json);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_names_nobody_opens_nothing() -> Result<()> {
    let bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("5.00")).await?;
    // The app's user who has signed up, but is no customer of the bank yet.
    let rest = bank.rest()?;
    let token = rest.token("app", None).await?;
    let nobody = rest.with_bearer(&token);
    let body = crate::world::transfer(&anna.account, &anna.iban, "1.00");
    let refused = expect(nobody.post("/v1/transfers", "steal", &body).await?, 401)?;
    assert_eq!(refused.text("/reason"), "UNAUTHENTICATED", "{}", refused.json);
    expect(nobody.get(&format!("/v1/accounts/{}", anna.account)).await?, 401)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_names_no_other_customer() -> Result<()> {
    let bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", None).await?;
    let boris = holder(&bank, &staff, "Boris", None).await?;
    for policy in POLICIES.iter().filter(|policy| matches!(policy.own, Own::Field(_))) {
        let theirs = &boris.customer;
        let refused = match policy.path.rsplit('/').next().unwrap_or_default() {
            "OpenAccount" => {
                let body = serde_json::json!({
                    "customerId": theirs, "product": "current", "currency": "EUR",
                });
                anna.rest.post("/v1/accounts", "open", &body).await?
            }
            "ListAccounts" => anna.rest.get(&format!("/v1/accounts?customerId={theirs}")).await?,
            "AddBeneficiary" => {
                let path = format!("/v1/customers/{theirs}/beneficiaries");
                let body = serde_json::json!({"iban": anna.iban});
                anna.rest.post(&path, "add", &body).await?
            }
            "RemoveBeneficiary" => {
                let kept = "ben_01890a5d-ac96-774b-bcce-b302099a8057";
                let path = format!("/v1/customers/{theirs}/beneficiaries/{kept}");
                let headers = [("idempotency-key", "remove")];
                anna.rest.send("DELETE".parse()?, &path, &headers, Vec::new()).await?
            }
            "GetBeneficiary" => {
                let kept = "ben_01890a5d-ac96-774b-bcce-b302099a8057";
                let path = format!("/v1/customers/{theirs}/beneficiaries/{kept}");
                anna.rest.get(&path).await?
            }
            "RenameBeneficiary" => {
                let kept = "ben_01890a5d-ac96-774b-bcce-b302099a8057";
                let path = format!("/v1/customers/{theirs}/beneficiaries/{kept}");
                let headers = [("idempotency-key", "rename"), ("content-type", "application/json")];
                let body = serde_json::json!({"label": "x"}).to_string().into_bytes();
                anna.rest.send("PATCH".parse()?, &path, &headers, body).await?
            }
            "ListBeneficiaries" => {
                anna.rest.get(&format!("/v1/customers/{theirs}/beneficiaries")).await?
            }
            "ApplyForLoan" => {
                let body = crate::loans::application(&boris, "personal");
                anna.rest.post("/v1/loans", "apply", &body).await?
            }
            other => bail!("{other} has no case here"),
        };
        let refused = expect(refused, 403)?;
        assert_eq!(refused.text("/reason"), "NOT_OWN_CUSTOMER", "{}", refused.json);
    }
    Ok(())
}
