//! What a story needs: customers with accounts and money, made through the gateway.

use anyhow::{Result, ensure};
use florin_testkit::{Answer, Bank, Rest};
use serde_json::{Value, json};

/// A verified customer with an account.
pub struct Holder {
    /// cus_ and a UUIDv7.
    pub customer: String,
    /// acc_ and a UUIDv7.
    pub account: String,
    /// IBAN of the account.
    pub iban: String,
    /// REST as this customer.
    pub rest: Rest,
}

/// Asserts the status and shows the body where it is another.
pub fn expect(answer: Answer, status: u16) -> Result<Answer> {
    ensure!(answer.status == status, "{} instead of {status}: {}", answer.status, answer.json);
    Ok(answer)
}

/// A person to register.
pub fn person(name: &str) -> Value {
    json!({
        "person": {
            "givenName": name, "familyName": "Nováková", "dateOfBirth": "1980-02-29",
        },
        "contact": {"email": format!("{}@example.com", name.to_lowercase())},
    })
}

/// Registers and verifies a customer, opens a current account in EUR, pays money in.
pub async fn holder(bank: &Bank, staff: &Rest, name: &str, cash: Option<&str>) -> Result<Holder> {
    let key = |what: &str| format!("{name}-{what}");
    let answer = staff.post("/v1/customers", &key("register"), &person(name)).await?;
    let customer = expect(answer, 201)?.text("/customer/customerId").to_owned();
    let path = format!("/v1/customers/{customer}:decideKyc");
    let verified = json!({"status": "KYC_STATUS_VERIFIED"});
    expect(staff.post(&path, &key("verify"), &verified).await?, 200)?;
    let open = json!({"customerId": customer, "product": "current", "currency": "EUR"});
    let answer = expect(staff.post("/v1/accounts", &key("open"), &open).await?, 201)?;
    let account = answer.text("/account/accountId").to_owned();
    let iban = answer.text("/account/iban").to_owned();
    if let Some(amount) = cash {
        let deposit = json!({"to": account, "amount": amount, "currency": "EUR"});
        let answer = staff.post_and_wait("/v1/deposits", &key("deposit"), &deposit).await?;
        let status = expect(answer, 202)?;
        ensure!(status.text("/status") == "TRANSFER_STATUS_COMPLETED", "{}", status.json);
    }
    let rest = bank.rest_as(Some(&customer)).await?;
    Ok(Holder { customer, account, iban, rest })
}

/// The body of a transfer.
pub fn transfer(from: &str, to: &str, amount: &str) -> Value {
    json!({"from": from, "to": to, "amount": amount, "currency": "EUR", "description": "rent"})
}

/// The posted balance as a decimal string.
pub async fn posted(rest: &Rest, account: &str) -> Result<String> {
    let answer = expect(rest.get(&format!("/v1/accounts/{account}/balance")).await?, 200)?;
    Ok(answer.text("/posted/amount").to_owned())
}
