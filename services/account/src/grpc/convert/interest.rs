//! Conditions of interest.

use florin_kernel::{Currency, Violations, check_text, parse_date};
use florin_proto::{account::v1 as proto, money_of};
use florin_rpc::Error;

use super::{MOST_PAGE, page_size};
use crate::{
    domain::interest::{Capitalisation, MOST_TIERS, Terms, Tier, Tiering, Tiers},
    store::conditions::VersionId,
};

/// A version of conditions and its terms.
pub(crate) fn conditions(
    request: &proto::SetInterestConditionsRequest,
) -> Result<(VersionId, Terms), Error> {
    let mut violations = Violations::new();
    let empty = proto::InterestConditions::default();
    let told = request.conditions.as_ref().unwrap_or(&empty);
    let read = version(&mut violations, told);
    Ok(violations.finish(read)?)
}

fn version(
    violations: &mut Violations,
    told: &proto::InterestConditions,
) -> Option<(VersionId, Terms)> {
    let product = violations.check("conditions.product", check_text(&told.product, 1, 40));
    let currency: Option<Currency> = violations.check("conditions.currency", told.currency.parse());
    let valid_from = violations.check("conditions.valid_from", parse_date(&told.valid_from));
    let day_count = match told.day_count.as_str() {
        "" => {
            violations.add("conditions.day_count", "REQUIRED", "must not be empty");
            None
        }
        name => violations.check("conditions.day_count", name.parse()),
    };
    let tiering = Tiering::from_number(told.tiering.into());
    if tiering.is_none() {
        let text = "must be WHOLE_BALANCE or MARGINAL";
        violations.add("conditions.tiering", "UNKNOWN_VALUE", text);
    }
    let capitalisation = Capitalisation::from_number(told.capitalisation.into());
    if capitalisation.is_none() {
        let text = "must be MONTHLY, QUARTERLY or YEARLY";
        violations.add("conditions.capitalisation", "UNKNOWN_VALUE", text);
    }
    let credit = tiers(violations, "conditions.credit", &told.credit, currency);
    let overdraft = tiers(violations, "conditions.overdraft", &told.overdraft, currency);
    let terms = Terms {
        day_count: day_count?,
        tiering: tiering?,
        capitalisation: capitalisation?,
        credit: credit?,
        overdraft: overdraft?,
    };
    Some(((product?, currency?, valid_from?), terms))
}

fn tiers(
    violations: &mut Violations,
    field: &str,
    told: &[proto::InterestTier],
    currency: Option<Currency>,
) -> Option<Tiers> {
    if told.len() > MOST_TIERS {
        violations.add(field, "TOO_MANY", format!("must be at most {MOST_TIERS}"));
        return None;
    }
    let mut read = Vec::with_capacity(told.len());
    for (at, tier) in told.iter().enumerate() {
        let from_field = format!("{field}[{at}].from");
        let from = violations.check(from_field.clone(), money_of(tier.from.as_ref()));
        if from.zip(currency).is_some_and(|(from, currency)| from.currency() != currency) {
            let text = "must be in the currency of the conditions";
            violations.add(from_field, "CURRENCY_MISMATCH", text);
        }
        let rate_field = format!("{field}[{at}].rate_percent");
        let rate = match tier.rate_percent.as_str() {
            "" => {
                violations.add(rate_field, "REQUIRED", "must not be empty");
                None
            }
            percent => violations.check(rate_field, percent.parse()),
        };
        read.push(from.zip(rate).map(|(from, rate)| Tier { from: from.minor(), rate }));
    }
    let tiers = Tiers::new(read.into_iter().collect::<Option<Vec<_>>>()?);
    if tiers.is_none() {
        violations.add(field, "OUT_OF_RANGE", "the first must be from zero, and each must rise");
    }
    tiers
}

/// The size of a page of conditions.
pub(crate) fn conditions_page(
    request: &proto::ListInterestConditionsRequest,
) -> Result<i64, Error> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size, MOST_PAGE);
    Ok(violations.finish(Some(size))?)
}
