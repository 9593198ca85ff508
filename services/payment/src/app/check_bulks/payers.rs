//! Who pays for the lines of a file.

use florin_kernel::{AccountId, CustomerId, Iban, Role};
use florin_proto::common::v1::{Initiator, PrincipalKind};
use florin_rpc::{Error, PartyRole, worker_context};
use prost::Message;

use super::keeping::{Keeping, NotPaying};
use crate::{
    app::{Payment, accounts::parties},
    domain::{MOST_PAYERS, Payer, Paying},
    store::bulks::Bulk,
};

impl Payment {
    /// The account that pays for a batch, where whoever has announced the file may pay from it.
    ///
    /// # Errors
    /// `account` cannot be asked.
    pub(super) async fn payer(
        &self,
        bulk: &Bulk,
        paying: &Paying,
        kept: &mut Keeping,
    ) -> Result<Result<AccountId, NotPaying>, Error> {
        let announced = &bulk.announced;
        let iban = match paying {
            Paying::Iban(iban) if announced.from_iban.as_ref() != Some(iban) => iban,
            Paying::Announced | Paying::Iban(_) => {
                if kept.announced_pays() {
                    kept.new_payers.push(Payer {
                        account: announced.from,
                        iban: announced.from_iban.clone(),
                        customer: bulk.customer,
                    });
                }
                return Ok(Ok(announced.from));
            }
            Paying::Nobody => {
                return Ok(Err(not_paying("REQUIRED", "must name the account by its IBAN")));
            }
        };
        if let Some(known) = kept.payers.get(iban) {
            return Ok(known.clone());
        }
        if kept.payers.len() >= MOST_PAYERS {
            let text = format!("is one of more than {MOST_PAYERS} accounts that pay");
            return Ok(Err(NotPaying { rule: "TOO_MANY", text }));
        }
        let found = self.other_payer(bulk, iban).await?;
        let told = found.as_ref().map(|payer| payer.account).map_err(Clone::clone);
        // Two IBANs may lead to one account.
        let is_new = |id: AccountId| {
            id != announced.from && !kept.payers.values().any(|one| one.as_ref() == Ok(&id))
        };
        if let Ok(payer) = found
            && is_new(payer.account)
        {
            kept.new_payers.push(payer);
        }
        kept.payers.insert(iban.clone(), told.clone());
        Ok(told)
    }

    async fn other_payer(
        &self,
        bulk: &Bulk,
        iban: &Iban,
    ) -> Result<Result<Payer, NotPaying>, Error> {
        // Who may not pay from it is told what a stranger is told of an account that is not.
        let stranger = || {
            let text = "must be an account that whoever sent the file may pay from";
            Ok(Err(not_paying("DEBTOR_ACCOUNT_NOT_FOUND", text)))
        };
        if !self.bank.issued(iban) {
            return stranger();
        }
        let ctx = worker_context(Role::Payment);
        let Some((id, currency)) = self.resolve(&ctx, iban).await? else { return stranger() };
        let Some(account) = self.account_of_bank(&ctx, id).await? else { return stranger() };
        let initiator = Initiator::decode(bulk.initiator.as_slice());
        let initiator =
            initiator.map_err(|error| Error::internal(format!("initiator of a bulk: {error}")))?;
        let parties = parties(&account);
        if !may_pay(&initiator, &parties) {
            return stranger();
        }
        if currency != bulk.announced.currency.code() {
            let text = format!("must be in {}, as the others", bulk.announced.currency);
            return Ok(Err(NotPaying { rule: "CURRENCY_MISMATCH", text }));
        }
        let customer = match initiator.kind() {
            PrincipalKind::Customer => bulk.customer,
            PrincipalKind::Staff
            | PrincipalKind::Client
            | PrincipalKind::Service
            | PrincipalKind::Unspecified => {
                let is_owner = |(_, role): &&(CustomerId, PartyRole)| *role == PartyRole::Owner;
                parties.iter().find(is_owner).map(|(customer, _)| *customer)
            }
        };
        Ok(Ok(Payer { account: id, iban: Some(iban.clone()), customer }))
    }
}

/// As [`florin_rpc::Principal::may`] of who has announced the file: a customer as one of the
/// holders, of everybody else scopes and roles had decided.
fn may_pay(initiator: &Initiator, parties: &[(CustomerId, PartyRole)]) -> bool {
    match initiator.kind() {
        PrincipalKind::Customer => {
            let own = initiator.customer_id.parse().ok();
            parties
                .iter()
                .any(|(customer, role)| Some(*customer) == own && *role != PartyRole::Viewer)
        }
        PrincipalKind::Staff | PrincipalKind::Client | PrincipalKind::Service => true,
        PrincipalKind::Unspecified => false,
    }
}

fn not_paying(rule: &'static str, text: &str) -> NotPaying {
    NotPaying { rule, text: text.to_owned() }
}
