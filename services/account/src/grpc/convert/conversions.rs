//! Conversions of currency.

use florin_kernel::Violations;
use florin_proto::account::v1 as proto;

use super::journal::positive;
use crate::domain::{
    conversion::{self, Conversion, ConversionError, MOST_CONVERSIONS, Rate},
    posting::Legs,
};

/// The conversions of a transaction, which agree with their rates and with the legs.
pub(super) fn conversions(
    violations: &mut Violations,
    path: &str,
    wire: &[proto::Conversion],
    legs: Option<&Legs>,
) -> Option<Vec<Conversion>> {
    let field = format!("{path}conversions");
    if wire.len() > MOST_CONVERSIONS {
        let text = format!("must be at most {MOST_CONVERSIONS}");
        violations.add(field, "TOO_MANY", text);
        return None;
    }
    let read = wire
        .iter()
        .enumerate()
        .map(|(number, one)| conversion(violations, &format!("{field}[{number}]."), one));
    let read: Vec<Option<Conversion>> = read.collect();
    let conversions = read.into_iter().collect::<Option<Vec<_>>>()?;
    if let Err(mismatch) = conversion::agree(legs?, &conversions) {
        let rule = if conversions.is_empty() { "REQUIRED" } else { "UNBALANCED" };
        violations.add(field, rule, mismatch.to_string());
        return None;
    }
    Some(conversions)
}

fn conversion(
    violations: &mut Violations,
    path: &str,
    wire: &proto::Conversion,
) -> Option<Conversion> {
    let sold = positive(violations, &format!("{path}sold"), wire.sold.as_ref());
    let bought = positive(violations, &format!("{path}bought"), wire.bought.as_ref());
    let rate = violations.check(format!("{path}rate"), Rate::parse(&wire.rate));
    match Conversion::new(sold?, bought?, rate?) {
        Ok(conversion) => Some(conversion),
        Err(error) => {
            let (below, rule) = match error {
                ConversionError::OneCurrency(_) => ("bought.currency", "CURRENCY_MISMATCH"),
                ConversionError::Rate { .. } | ConversionError::OutOfRange => {
                    ("rate", "RATE_MISMATCH")
                }
            };
            violations.add(format!("{path}{below}"), rule, error.to_string());
            None
        }
    }
}
