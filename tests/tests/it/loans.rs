//! A loan from the application to the customer's money, on the whole bank.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use florin_testkit::{Answer, Bank, Rest};
use serde_json::{Value, json};

use crate::world::{Holder, expect, holder, posted};

/// Ordinary loans with a fee of 2 percent, from the business date on.
async fn product(staff: &Rest, code: &str) -> Result<()> {
    let today = expect(staff.get("/v1/ledger/businessDate").await?, 200)?;
    let today = today.text("/businessDate").to_owned();
    let product = json!({
        "code": code, "name": "Personal loan", "validFrom": today, "currency": "EUR",
        "leastPrincipal": "100", "mostPrincipal": "50000", "leastRate": "0", "mostRate": "25",
        "leastInstalments": 1, "mostInstalments": 120, "dayCount": "30/360", "every": 1,
        "unit": "SPACING_UNIT_MONTHS", "method": "REPAYMENT_METHOD_EQUAL_INSTALMENTS",
        "tranches": 2, "fees": {"upfront": {"percent": "2"}},
    });
    let made = staff
        .post("/v1/loanProducts", &format!("product-{code}"), &json!({"product": product}))
        .await?;
    expect(made, 201)?;
    Ok(())
}

/// What a customer applies with.
pub fn application(anna: &Holder, product: &str) -> Value {
    json!({
        "customerId": anna.customer, "accountId": anna.account, "product": product,
        "principal": "1000.00", "rate": "12", "instalments": 6,
        "monthlyIncome": "3000.00", "monthlyDebts": "0",
    })
}

/// A loan that a customer has applied for.
pub async fn applied(staff: &Rest, anna: &Holder) -> Result<String> {
    product(staff, "personal").await?;
    let made = anna.rest.post("/v1/loans", "apply", &application(anna, "personal")).await?;
    Ok(expect(made, 201)?.text("/loan/loanId").to_owned())
}

/// The loan once its last movement has ended.
async fn ended(rest: &Rest, id: &str) -> Result<Answer> {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let loan = expect(rest.get(&format!("/v1/loans/{id}")).await?, 200)?;
        let status = loan.text("/loan/movements/0/status");
        if !["MOVEMENT_STATUS_PENDING", "MOVEMENT_STATUS_UNDOING"].contains(&status) {
            return Ok(loan);
        }
        ensure!(Instant::now() < until, "{}", loan.json);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loan_is_applied_for_approved_accepted_and_paid_out_and_the_books_prove_it() -> Result<()>
{
    for bank in Bank::each().await? {
        let staff = bank.rest_as(None).await?;
        let anna = holder(&bank, &staff, "Anna", None).await?;
        let id = applied(&staff, &anna).await?;
        let ask = json!({
            "product": "personal", "principal": "1000.00", "rate": "12", "instalments": 6,
        });
        let quote = expect(anna.rest.post("/v1/loans:quote", "quote", &ask).await?, 200)?;
        ensure!(quote.text("/cost/received/amount") == "980.00", "{}", quote.json);
        let path = |verb: &str| format!("/v1/loans/{id}:{verb}");
        let nothing = json!({});
        let early = staff.post(&path("disburse"), "early", &nothing).await?;
        ensure!(expect(early, 409)?.text("/reason") == "LOAN_STATE");
        expect(staff.post(&path("approve"), "approve", &nothing).await?, 200)?;
        expect(anna.rest.post(&path("accept"), "accept", &nothing).await?, 200)?;
        // A customer does not pay itself out.
        expect(anna.rest.post(&path("disburse"), "own", &nothing).await?, 403)?;
        let above = json!({"amount": "1000.01"});
        let above = staff.post(&path("disburse"), "above", &above).await?;
        ensure!(expect(above, 409)?.text("/reason") == "AMOUNT_ABOVE_APPROVAL");
        let begun = staff.post(&path("disburse"), "pay", &json!({"amount": "600.00"})).await?;
        expect(begun, 202)?;
        let loan = ended(&anna.rest, &id).await?;
        ensure!(loan.text("/loan/status") == "LOAN_STATUS_ACTIVE", "{}", loan.json);
        ensure!(loan.text("/loan/outstanding/amount") == "600.00", "{}", loan.json);
        // The fee of 2 percent is kept back.
        ensure!(posted(&anna.rest, &anna.account).await? == "588.00");
        let replay = staff.post(&path("disburse"), "pay", &json!({"amount": "600.00"})).await?;
        ensure!(replay.replayed() && replay.status == 202, "{}", replay.json);
        refused_by_the_ledger(&staff, &anna, &id).await?;
        let steps = expect(anna.rest.get(&format!("/v1/loans/{id}/steps")).await?, 200)?;
        ensure!(steps.json["steps"].as_array().map(Vec::len) == Some(5), "{}", steps.json);
        bank.prove().await?;
    }
    Ok(())
}

/// A second tranche meets a frozen account, and is paid once that is thawed.
async fn refused_by_the_ledger(staff: &Rest, anna: &Holder, id: &str) -> Result<()> {
    let account = |verb: &str| format!("/v1/accounts/{}:{verb}", anna.account);
    let path = format!("/v1/loans/{id}:disburse");
    let why = json!({"reason": "court order"});
    expect(staff.post(&account("freeze"), "freeze", &why).await?, 200)?;
    expect(staff.post(&path, "frozen", &json!({})).await?, 202)?;
    let loan = ended(&anna.rest, id).await?;
    let failed = loan.text("/loan/movements/0/failure/reason");
    ensure!(failed == "ACCOUNT_FROZEN", "{}", loan.json);
    ensure!(loan.text("/loan/outstanding/amount") == "600.00", "{}", loan.json);
    expect(staff.post(&account("unfreeze"), "unfreeze", &why).await?, 200)?;
    expect(staff.post(&path, "thawed", &json!({})).await?, 202)?;
    let loan = ended(&anna.rest, id).await?;
    ensure!(loan.text("/loan/outstanding/amount") == "1000.00", "{}", loan.json);
    Ok(())
}
