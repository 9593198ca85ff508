//! Fee schedules on the wire.

use florin_kernel::Money;
use florin_proto::{account::v1 as proto, wire_money};

use crate::{domain::fee::FeeSchedule, store::fees::ScheduleId};

/// The wire form of a version of a schedule.
pub(crate) fn schedule(id: &ScheduleId, schedule: &FeeSchedule) -> proto::FeeSchedule {
    let (product, currency, event, valid_from) = id;
    let money = |minor| Some(wire_money(Money::new(minor, *currency)));
    let tiers = schedule.tiers().iter().map(|tier| proto::FeeTier {
        from: money(tier.from),
        flat: money(tier.flat),
        rate_percent: tier.rate.to_string(),
    });
    proto::FeeSchedule {
        product: product.clone(),
        currency: currency.code().to_owned(),
        event: event.number(),
        valid_from: valid_from.to_string(),
        tiers: tiers.collect(),
        minimum: money(schedule.minimum()),
        maximum: schedule.maximum().and_then(money),
    }
}
