//! Whether `cif` stands by customers who are to get a part in an account.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::CustomerId;
use florin_proto::{
    ErrorReason as _,
    account::v1::Reason,
    cif::v1::{
        GetStandingsRequest, KycStatus, Reason as CifReason, cif_service_client::CifServiceClient,
    },
};
use florin_rpc::{CallContext, Error, Retry};

use super::ledger::Ledger;

const GET_STANDINGS: &str = "/florin.cif.v1.CifService/GetStandings";
/// Most customers of one call (contract of `cif`).
const MOST_CUSTOMERS: usize = 500;

/// What speaks against each of the customers; nothing against those that are verified.
///
/// # Errors
/// Those of the call.
pub async fn objections(
    ledger: &Ledger,
    context: &CallContext,
    customers: BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, Error>, Error> {
    let customers: Vec<CustomerId> = customers.into_iter().collect();
    let mut objections = BTreeMap::new();
    for page in customers.chunks(MOST_CUSTOMERS) {
        let customer_ids = page.iter().map(CustomerId::to_string).collect();
        let message = GetStandingsRequest { customer_ids };
        let found = ledger
            .cif
            .call(context, GET_STANDINGS, Retry::Read, message, async |channel, request| {
                CifServiceClient::new(channel).get_standings(request).await
            })
            .await?;
        for customer in page {
            let id = customer.to_string();
            let standing = found.standings.iter().find(|one| one.customer_id == id);
            let status = standing.map(|standing| standing.kyc_status());
            if let Some(objection) = objection(*customer, status) {
                objections.insert(*customer, objection);
            }
        }
    }
    Ok(objections)
}

fn objection(customer: CustomerId, status: Option<KycStatus>) -> Option<Error> {
    let (reason, text) = match status {
        Some(KycStatus::Verified) => return None,
        Some(KycStatus::Pending | KycStatus::Rejected | KycStatus::Unspecified) => {
            (Reason::CustomerNotVerified.known(), format!("customer {customer} is not verified"))
        }
        None => {
            let text = format!("customer {customer} does not exist");
            (CifReason::CustomerNotFound.known(), text)
        }
    };
    Some(Error::new(reason, text).with("customer_id", customer.to_string()))
}

/// Refuses a customer that `cif` does not know or has not verified.
///
/// # Errors
/// `CUSTOMER_NOT_FOUND`, `CUSTOMER_NOT_VERIFIED`, and those of the call.
pub async fn verified(
    ledger: &Ledger,
    context: &CallContext,
    customer: CustomerId,
) -> Result<(), Error> {
    let mut found = objections(ledger, context, [customer].into()).await?;
    found.remove(&customer).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verified_customer_is_not_objected_to() {
        let reason = |status| {
            objection(CustomerId::from_parts(1, [1; 10]), status)
                .map(|error| error.reason().to_owned())
        };
        assert_eq!(reason(Some(KycStatus::Verified)), None);
        for status in [KycStatus::Unspecified, KycStatus::Pending, KycStatus::Rejected] {
            assert_eq!(reason(Some(status)).as_deref(), Some("CUSTOMER_NOT_VERIFIED"));
        }
        let unknown = objection(CustomerId::from_parts(1, [1; 10]), None).expect("objected to");
        assert_eq!((unknown.domain(), unknown.reason()), ("cif.florin.bank", "CUSTOMER_NOT_FOUND"));
    }
}
