//! Closed business dates on the wire.

use florin_proto::{account::v1 as proto, timestamp};
use florin_store::rows::hex;

use crate::store::{
    end_of_day::{DayRow, StepRow},
    seals::Seal,
    set_aside::SetAside,
};

/// The wire form of a closed business date.
pub(crate) fn business_day(row: &DayRow) -> proto::BusinessDay {
    proto::BusinessDay {
        closed: row.closed.to_string(),
        opened: row.opened.to_string(),
        closed_at: Some(timestamp(row.closed_at)),
        ended_at: row.ended_at.map(timestamp),
        steps: row.steps.iter().map(progress).collect(),
    }
}

/// The wire form of a seal.
pub(crate) fn seal(seal: &Seal) -> proto::Seal {
    proto::Seal {
        business_date: seal.closed.to_string(),
        hash: hex(&seal.hash),
        previous_hash: hex(&seal.previous),
        accounts: seal.accounts,
        sealed_at: Some(timestamp(seal.sealed_at)),
    }
}

/// The wire form of an account that stands aside.
pub(crate) fn set_aside(row: &SetAside) -> proto::AccountSetAside {
    proto::AccountSetAside {
        account_id: row.account.to_string(),
        business_date: row.closed.to_string(),
        step: row.step.number(),
        cause: row.cause.clone(),
        since: Some(timestamp(row.since)),
    }
}

fn progress(row: &StepRow) -> proto::EndOfDayProgress {
    proto::EndOfDayProgress {
        step: row.step.number(),
        begun_at: Some(timestamp(row.begun_at)),
        finished_at: row.finished_at.map(timestamp),
        accounts: row.tally.accounts,
        refused: row.tally.refused,
        cause: row.tally.cause.clone(),
        set_aside: row.tally.set_aside,
    }
}
