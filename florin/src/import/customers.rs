//! The customers of the file, verified as the other bank had verified them.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use florin_kernel::{Role, check_text, parse_date};
use florin_proto::cif::v1::{
    ImportCustomer, ImportCustomersRequest, Person, RegisterCustomerRequest,
    cif_service_client::CifServiceClient, register_customer_request::Party,
};

use crate::import::{
    Import,
    progress::Progress,
    rejects::{Reject, Rejects, refused_field, refused_reason},
    table::{Line, Table},
};

/// Given name of a person whose file carries no names; the family name is the number.
const PLACEHOLDER_GIVEN_NAME: &str = "Customer";
/// Most items of a request, from the contract.
const BATCH: usize = 500;
/// Longest number of a customer.
const MOST_NUMBER: usize = 60;

/// The ids of customers by their numbers at the other bank.
pub type CustomerIds = HashMap<String, String>;

/// One line of the file, read.
struct Item {
    line: u64,
    number: String,
    request: ImportCustomer,
}

/// Imports the file and tells under which ids the customers are now.
pub async fn import(import: &Import, rejects: &mut Rejects) -> Result<CustomerIds> {
    let path = &import.args.customers;
    let mut table = Table::open(path, &["customer", "date_of_birth"])?;
    let bar = Progress::of_file("customers", path)?;
    let (mut ids, mut batch, mut rows) = (CustomerIds::new(), Vec::new(), 0_u64);
    while let Some(line) = table.next()? {
        rows = rows.saturating_add(1);
        match line.and_then(|line| read(import, &line)) {
            Ok(item) => batch.push(item),
            Err(reject) => rejects.add("customers", &reject)?,
        }
        if batch.len() == BATCH {
            send(import, std::mem::take(&mut batch), &mut ids, rejects).await?;
            bar.at(table.bytes_read(), rows);
        }
    }
    send(import, batch, &mut ids, rejects).await?;
    bar.at(table.bytes_read(), rows);
    bar.finish();
    Ok(ids)
}

fn read(import: &Import, line: &Line<'_>) -> Result<Item, Reject> {
    let number = line.get("customer");
    let number = line.check(number, "customer", check_text(number, 1, MOST_NUMBER))?;
    let born = line.get("date_of_birth");
    line.check(&number, "date_of_birth", parse_date(born))?;
    let or = |column: &str, placeholder: &str| {
        let given = line.get(column);
        (if given.is_empty() { placeholder } else { given }).to_owned()
    };
    let person = Person {
        given_name: or("given_name", PLACEHOLDER_GIVEN_NAME),
        family_name: or("family_name", &number),
        date_of_birth: born.to_owned(),
        ..Person::default()
    };
    let customer = RegisterCustomerRequest {
        party: Some(Party::Person(person)),
        contact: None,
        reference: import.reference("customer/", &number),
    };
    let request = ImportCustomer { customer: Some(customer), verified: true };
    Ok(Item { line: line.number, number, request })
}

async fn send(
    import: &Import,
    batch: Vec<Item>,
    ids: &mut CustomerIds,
    rejects: &mut Rejects,
) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let items = batch.iter().map(|item| item.request.clone()).collect();
    let response = import
        .caller
        .call(Role::Cif, ImportCustomersRequest { items }, |channel, request| async move {
            CifServiceClient::new(channel).import_customers(request).await
        })
        .await
        .context("importing customers")?;
    anyhow::ensure!(response.results.len() == batch.len(), "cif answered for another batch");
    for (item, result) in batch.into_iter().zip(response.results) {
        let Some(refused) = result.refused else {
            ids.insert(item.number, result.customer_id);
            continue;
        };
        let reject = Reject {
            line: item.line,
            reference: item.number,
            field: refused_field(&refused),
            reason: refused_reason(&refused),
            rule: refused.reason,
        };
        rejects.add("customers", &reject)?;
    }
    Ok(())
}
