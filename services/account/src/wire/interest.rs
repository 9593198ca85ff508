//! Interest on the wire.

use florin_kernel::{Accrued, Currency, Money};
use florin_proto::{account::v1 as proto, wire_money};

use crate::{
    domain::{
        account::Account,
        interest::{Sides, Terms, Tiers},
    },
    store::{accruals::Accrual, conditions::VersionId},
};

/// The wire form of a version of conditions.
pub(crate) fn conditions(id: &VersionId, terms: &Terms) -> proto::InterestConditions {
    let (product, currency, valid_from) = id;
    proto::InterestConditions {
        product: product.clone(),
        currency: currency.code().to_owned(),
        valid_from: valid_from.to_string(),
        day_count: terms.day_count.name().to_owned(),
        tiering: terms.tiering.number(),
        capitalisation: terms.capitalisation.number(),
        credit: tiers(&terms.credit, *currency),
        overdraft: tiers(&terms.overdraft, *currency),
    }
}

fn tiers(tiers: &Tiers, currency: Currency) -> Vec<proto::InterestTier> {
    let tiers = tiers.as_slice().iter();
    let tiers = tiers.map(|tier| proto::InterestTier {
        from: Some(wire_money(Money::new(tier.from, currency))),
        rate_percent: tier.rate.to_string(),
    });
    tiers.collect()
}

/// The wire form of an account's interest; all is zero where nothing has accrued.
pub(crate) fn accrued(
    account: &Account,
    accrual: Option<Accrual>,
) -> proto::GetAccruedInterestResponse {
    let at = accrual.and_then(|accrual| accrual.at);
    let exact = at.map(|at| at.accrued).unwrap_or_default();
    let (booked, paid) =
        accrual.map(|accrual| (accrual.booked, accrual.capitalised)).unwrap_or_default();
    let side = |exact: Accrued, of: fn(Sides<i64>) -> i64| {
        Some(proto::InterestSide {
            accrued: exact.to_string(),
            booked: Some(wire_money(account.money(of(booked)))),
            capitalised: Some(wire_money(account.money(of(paid)))),
        })
    };
    proto::GetAccruedInterestResponse {
        account_id: account.id.to_string(),
        accrued_through: at.map(|at| at.through.to_string()).unwrap_or_default(),
        credit: side(exact.credit, |sides| sides.credit),
        overdraft: side(exact.overdraft, |sides| sides.overdraft),
    }
}
