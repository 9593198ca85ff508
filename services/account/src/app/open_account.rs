//! Opens an account for customers who were verified before the command was queued.

use florin_events::NewEvent;
use florin_kernel::{AccountId, CustomerId, Date, Money};
use florin_proto::{
    account::v1::{
        AccountChange, AccountChanged, AccountOpened, OpenAccountRequest, OpenAccountResponse,
        Reason,
    },
    timestamp,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Open, Outcome, Reference, Work},
    ledger::{self, Ledger},
    standing,
};
use crate::{
    domain::{
        account::{Account, Holder, HolderRole, Rules, Status as State},
        event::EventKind,
        refusal::Refusal,
    },
    grpc::convert,
    store::{
        chain,
        chart::{self, Product},
        working::{Facts, Working},
    },
    wire,
};

/// What an opening asks for.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The owner.
    pub customer: CustomerId,
    /// Code of the product.
    pub product: String,
    /// Limit in the account's currency.
    pub overdraft_limit: Money,
    /// The caller's reference, or empty.
    pub reference: String,
}

impl Ledger {
    /// Opens an account for a customer that `cif` has verified, under the client's key.
    ///
    /// # Errors
    /// `NOT_OWN_CUSTOMER`, `CUSTOMER_NOT_FOUND`, `CUSTOMER_NOT_VERIFIED`, `PRODUCT_NOT_FOUND`,
    /// `OVERDRAFT_NOT_ALLOWED`, and the refusals of [`decide`].
    pub async fn open_account(
        &self,
        ctx: &CallContext,
        request: OpenAccountRequest,
    ) -> Result<Response<OpenAccountResponse>, Status> {
        ctx.own_field(&request.customer_id)?;
        let opening = convert::opening(&request, ctx.principal.is_customer())?;
        if let Some(before) = self.replay(ctx, &request).await? {
            return Ok(before);
        }
        standing::verified(self, ctx, opening.customer).await?;
        let owner = Holder { customer: opening.customer, role: HolderRole::Owner };
        let products = chart::products(self.db.read()).await.map_err(internal)?;
        let open = open_of(&products, ctx, opening, vec![owner], None)?;
        self.answer(ctx, &request, Work::Open(open), answer::opened).await
    }
}

/// The command of an opening, by the rules of its product.
///
/// # Errors
/// `PRODUCT_NOT_FOUND`, `OVERDRAFT_NOT_ALLOWED`.
pub(super) fn open_of(
    products: &[Product],
    ctx: &CallContext,
    opening: Opening,
    holders: Vec<Holder>,
    opened_on: Option<Date>,
) -> Result<Open, Error> {
    let found = products.iter().find(|product| product.code == opening.product);
    let product = found.ok_or_else(|| {
        let text = format!("product {} does not exist", opening.product);
        Error::new(Reason::ProductNotFound, text).with("product", opening.product.clone())
    })?;
    let maximum = product.overdraft_maximum(opening.overdraft_limit.currency());
    if opening.overdraft_limit.minor() > maximum.minor() {
        let text = format!("product {} allows an overdraft of at most {maximum}", product.code);
        return Err(Error::new(Reason::OverdraftNotAllowed, text)
            .with("product", product.code.clone())
            .with("currency", maximum.currency().code())
            .with("maximum", maximum.amount()));
    }
    let (millis, random) = florin_store::id_parts();
    let reference = (!opening.reference.is_empty()).then(|| Reference {
        caller: ledger::caller(ctx),
        text: opening.reference.clone(),
        fingerprint: chain::fingerprint(&[
            "open",
            &opening.customer.to_string(),
            &opening.product,
            &opening.overdraft_limit.to_string(),
            &opened_on.map(|date| date.to_string()).unwrap_or_default(),
            &parts_of(&holders),
        ]),
    });
    Ok(Open {
        reference,
        id: AccountId::from_parts(millis, random),
        product: product.code.clone(),
        control_gl: product.control_gl.clone(),
        overdraft_limit: opening.overdraft_limit,
        holders,
        historical: opened_on.is_some(),
        opened_on,
    })
}

/// The holders in an order of their own, for the fingerprint.
fn parts_of(holders: &[Holder]) -> String {
    let mut parts: Vec<String> =
        holders.iter().map(|holder| format!("{} {}", holder.customer, holder.role)).collect();
    parts.sort();
    parts.join(",")
}

/// Decides one opening over the working set.
///
/// # Errors
/// [`Refusal::PeriodClosed`] where an import opens inside a closed period,
/// [`Refusal::BookedAhead`] where it opens on a day that is yet to come;
/// [`Refusal::IbansUsedUp`] where the bank's account numbers are used up.
pub fn decide(working: &mut Working, open: &Open, actor: &Actor) -> Result<Outcome, Refusal> {
    let (opened_on, _) = working.books.dates(open.opened_on, None, Rules::Import)?;
    let iban = working.ibans.pop_front();
    let account = Account {
        id: open.id,
        iban: iban.ok_or(Refusal::IbansUsedUp)?,
        product: open.product.clone(),
        // What the product was mapped to when it was read may be over.
        control_gl: working
            .controls
            .of(&open.product, open.overdraft_limit.currency())
            .map_or_else(|| open.control_gl.clone(), str::to_owned),
        currency: open.overdraft_limit.currency(),
        status: State::Open,
        overdraft_limit: open.overdraft_limit.minor(),
        opened_on,
        reference: open.reference.as_ref().map(|claim| claim.text.clone()).unwrap_or_default(),
        version: 1,
        posted: 0,
        held: 0,
    };
    let facts = Facts {
        detail: format!("{} {} {}", account.iban, account.product, account.overdraft_limit),
        dates: Some((opened_on, opened_on)),
        ..Facts::default()
    };
    working.append(&account, EventKind::Opened, facts);
    let added = open.holders.iter().map(|holder| (account.id, holder.clone()));
    working.writes.holders_added.extend(added);
    working.writes.opened.push(account.id);
    working.writes.audit.push((actor.clone(), account.id.to_string()));
    working.holders.insert(account.id, open.holders.clone());
    working.accounts.insert(account.id, account.clone());
    let event = AccountOpened {
        account: Some(wire::account(&account, &open.holders)),
        at: Some(timestamp(working.time_of(account.id))),
    };
    let told = NewEvent::of(&event, &account.id, account.version, actor.cause());
    working.writes.outbox.push(NewEvent { historical: open.historical, ..told });
    let holders = open.holders.clone();
    Ok(Outcome::Account { account, holders, replayed: false, events: Vec::new() })
}

/// Records a change of state or holders: history, audit and the event that tells of it.
pub(super) fn record_change(
    working: &mut Working,
    account: Account,
    (kind, change): (EventKind, AccountChange),
    detail: &str,
    actor: &Actor,
) -> Outcome {
    let facts = Facts { detail: detail.to_owned(), ..Facts::default() };
    working.append(&account, kind, facts);
    working.writes.audit.push((actor.clone(), account.id.to_string()));
    let holders: Vec<Holder> = working.holders.get(&account.id).cloned().unwrap_or_default();
    let event = AccountChanged {
        account: Some(wire::account(&account, &holders)),
        change: change.into(),
        at: Some(timestamp(working.time_of(account.id))),
    };
    let told = NewEvent::of(&event, &account.id, account.version, actor.cause());
    working.writes.outbox.push(told);
    Outcome::Account { account, holders, replayed: false, events: Vec::new() }
}

#[cfg(test)]
mod tests {
    use florin_kernel::Role;

    use super::*;

    fn open(product: &str, currency: &str, limit: i64) -> Result<Open, Error> {
        let eur = "EUR".parse().expect("euro");
        let products = [Product {
            code: "current".into(),
            name: "Current".into(),
            control_gl: "2010".into(),
            overdraft_maxima: vec![Money::new(500, eur)],
        }];
        let opening = Opening {
            customer: CustomerId::from_parts(1, [1; 10]),
            product: product.into(),
            overdraft_limit: Money::new(limit, currency.parse().expect(currency)),
            reference: String::new(),
        };
        let context = florin_rpc::worker_context(Role::Account);
        open_of(&products, &context, opening, Vec::new(), None)
    }

    #[test]
    fn an_overdraft_is_at_most_the_products_in_its_currency() {
        assert_eq!(open("current", "EUR", 500).expect("allowed").overdraft_limit.minor(), 500);
        assert!(open("current", "USD", 0).is_ok());
        for (currency, limit, maximum) in [("EUR", 501, "5.00"), ("USD", 1, "0.00")] {
            let error = open("current", currency, limit).expect_err("above");
            assert_eq!(error.reason(), "OVERDRAFT_NOT_ALLOWED");
            assert_eq!(error.metadata().get("maximum").map(String::as_str), Some(maximum));
            assert_eq!(error.metadata().get("currency").map(String::as_str), Some(currency));
        }
        assert_eq!(open("gold", "EUR", 0).expect_err("none").reason(), "PRODUCT_NOT_FOUND");
    }
}
