//! Conversions between the wire's shared messages and the kernel's types.

use florin_kernel::{Money, MoneyError, UnixMicros};

use crate::common::v1::Money as WireMoney;

/// The wire form of an amount.
#[must_use]
pub fn wire_money(money: Money) -> WireMoney {
    WireMoney { currency: money.currency().code().to_owned(), amount: money.amount() }
}

/// Reads an amount; a missing message counts as a missing amount.
///
/// # Errors
/// The rule that currency or amount break.
pub fn money_of(wire: Option<&WireMoney>) -> Result<Money, MoneyError> {
    let wire = wire.ok_or(MoneyError::MissingAmount)?;
    Money::parse(&wire.currency, &wire.amount)
}

/// The wire form of an instant.
#[must_use]
pub fn timestamp(at: UnixMicros) -> prost_types::Timestamp {
    let (seconds, nanos) = at.seconds_and_nanos();
    prost_types::Timestamp { seconds, nanos }
}

/// Reads an instant; None where it is outside the range of 64-bit microseconds.
#[must_use]
pub fn instant_of(wire: &prost_types::Timestamp) -> Option<UnixMicros> {
    UnixMicros::from_seconds_and_nanos(wire.seconds, wire.nanos)
}
