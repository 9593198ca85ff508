//! The events of an account: what is appended, with the balances after.

use florin_kernel::{AccountId, Date, HoldId, TransactionId, UnixMicros};

/// What happened to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Opened; version 1.
    Opened,
    /// An entry that lowers the balance.
    Debited,
    /// An entry that raises the balance.
    Credited,
    /// Money set aside.
    HoldPlaced,
    /// A hold turned into an entry.
    HoldCaptured,
    /// A hold given back.
    HoldReleased,
    /// A hold given back by time.
    HoldExpired,
    /// Frozen.
    Frozen,
    /// Unfrozen.
    Unfrozen,
    /// Closed.
    Closed,
    /// A customer got a part.
    HolderAdded,
    /// A customer lost the part.
    HolderRemoved,
}

impl EventKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Opened,
        Self::Debited,
        Self::Credited,
        Self::HoldPlaced,
        Self::HoldCaptured,
        Self::HoldReleased,
        Self::HoldExpired,
        Self::Frozen,
        Self::Unfrozen,
        Self::Closed,
        Self::HolderAdded,
        Self::HolderRemoved,
    ];

    /// The name in the table and in the hash.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Debited => "debited",
            Self::Credited => "credited",
            Self::HoldPlaced => "hold_placed",
            Self::HoldCaptured => "hold_captured",
            Self::HoldReleased => "hold_released",
            Self::HoldExpired => "hold_expired",
            Self::Frozen => "frozen",
            Self::Unfrozen => "unfrozen",
            Self::Closed => "closed",
            Self::HolderAdded => "holder_added",
            Self::HolderRemoved => "holder_removed",
        }
    }
}

/// One row of an account's history. Amounts are minor units of the account's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// The account.
    pub account_id: AccountId,
    /// 1, 2, 3 ... without gaps.
    pub version: i64,
    /// Name of the [`EventKind`].
    pub kind: String,
    /// Journal transaction of an entry.
    pub transaction_id: Option<TransactionId>,
    /// Number of the leg, 0 where there is none.
    pub leg: i64,
    /// The hold concerned.
    pub hold_id: Option<HoldId>,
    /// By how much posted changed: credit positive.
    pub delta: i64,
    /// By how much held changed.
    pub held_delta: i64,
    /// Posted balance after it.
    pub posted_after: i64,
    /// Sum of the holds after it.
    pub held_after: i64,
    /// The other side of an entry.
    pub counterparty: String,
    /// A reason, a customer: what the kind needs.
    pub detail: String,
    /// Business date under which it is booked.
    pub booking_date: Date,
    /// Date from which interest counts it.
    pub value_date: Date,
    /// Database clock.
    pub recorded_at: UnixMicros,
}

impl AccountEvent {
    /// The bytes that are hashed after the previous event's hash: every field, each with
    /// its length before it, so that no two events share their bytes.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let transaction = self.transaction_id.map(|id| id.to_string());
        let hold = self.hold_id.map(|id| id.to_string());
        let fields = [
            self.account_id.to_string(),
            self.version.to_string(),
            self.kind.clone(),
            transaction.unwrap_or_default(),
            self.leg.to_string(),
            hold.unwrap_or_default(),
            self.delta.to_string(),
            self.held_delta.to_string(),
            self.posted_after.to_string(),
            self.held_after.to_string(),
            self.counterparty.clone(),
            self.detail.clone(),
            self.booking_date.to_string(),
            self.value_date.to_string(),
            self.recorded_at.0.to_string(),
        ];
        let mut bytes = Vec::with_capacity(256);
        for field in fields {
            bytes.extend_from_slice(field.len().to_string().as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(field.as_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> AccountEvent {
        AccountEvent {
            account_id: AccountId::from_parts(1, [1; 10]),
            version: 2,
            kind: "credited".into(),
            transaction_id: Some(TransactionId::from_parts(2, [2; 10])),
            leg: 1,
            hold_id: None,
            delta: 100,
            held_delta: 0,
            posted_after: 100,
            held_after: 0,
            counterparty: String::new(),
            detail: String::new(),
            booking_date: Date::constant(2026, 11, 21),
            value_date: Date::constant(2026, 11, 20),
            recorded_at: UnixMicros(1_000_000),
        }
    }

    #[test]
    fn the_kinds_are_hashed_under_these_names_for_ever() {
        let names: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
        let expected = "opened debited credited hold_placed hold_captured hold_released \
                        hold_expired frozen unfrozen closed holder_added holder_removed";
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn the_hashed_bytes_are_these_for_ever() {
        let text = String::from_utf8(event().canonical()).expect("utf-8");
        assert_eq!(
            text,
            "40:acc_00000000-0001-7101-8101-0101010101011:28:credited\
             40:txn_00000000-0002-7202-8202-0202020202021:10:3:1001:03:1001:00:0:\
             10:2026-11-2110:2026-11-207:1000000"
        );
    }

    #[test]
    fn text_moved_between_neighbouring_fields_changes_the_bytes() {
        let (mut left, mut right) = (event(), event());
        left.counterparty = "ab".into();
        right.counterparty = "a".into();
        right.detail = "b".into();
        assert_ne!(left.canonical(), right.canonical());
    }
}
