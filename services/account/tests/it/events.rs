//! The bytes of the events, for ever: a reader of a later version decodes these.

use florin_kernel::{AccountId, CustomerId, HoldId, Money, TransactionId, UnixMicros};
use florin_proto::{
    account::v1::{
        Account, AccountChange, AccountChanged, AccountOpened, AccountStatus, BusinessDayClosed,
        Hold, HoldChanged, HoldStatus, Holder, HolderRole, PostedLeg, TransactionPosted,
    },
    common::v1::Direction,
    timestamp, wire_money,
};
use prost::Message;

fn eur(minor: i64) -> Option<florin_proto::common::v1::Money> {
    Some(wire_money(Money::new(minor, "EUR".parse().unwrap())))
}

fn account() -> Account {
    Account {
        account_id: AccountId::from_parts(1, [1; 10]).to_string(),
        iban: "CZ9488990000000000000019".into(),
        product: "current".into(),
        currency: "EUR".into(),
        status: AccountStatus::Open.into(),
        holders: vec![Holder {
            customer_id: CustomerId::from_parts(2, [2; 10]).to_string(),
            role: HolderRole::Owner.into(),
        }],
        overdraft_limit: eur(0),
        opened_on: "2026-11-21".into(),
        version: 1,
        reference: "import/7".into(),
        fee_events: Vec::new(),
    }
}

fn posted() -> TransactionPosted {
    let leg = |direction: Direction, account: &str, gl: &str| PostedLeg {
        account_id: account.into(),
        gl_code: gl.into(),
        direction: direction.into(),
        amount: eur(1_234),
        account_version: i64::from(!account.is_empty()) * 2,
        posted_after: eur(1_234).filter(|_| !account.is_empty()),
        available_after: eur(1_234).filter(|_| !account.is_empty()),
        counterparty: "cash".into(),
    };
    TransactionPosted {
        transaction_id: TransactionId::from_parts(3, [3; 10]).to_string(),
        caller: "payment".into(),
        reference: "trf_1/post".into(),
        kind: "cash_deposit".into(),
        legs: vec![
            leg(Direction::Debit, "", "1010"),
            leg(Direction::Credit, &account().account_id, "2010"),
        ],
        description: "at the till".into(),
        booking_date: "2026-11-21".into(),
        value_date: "2026-11-20".into(),
        recorded_at: Some(timestamp(UnixMicros(1_700_000_000_000_001))),
        ..TransactionPosted::default()
    }
}

#[test]
fn the_events_have_their_golden_bytes() {
    let at = Some(timestamp(UnixMicros(1_700_000_000_000_001)));
    let hold = Hold {
        hold_id: HoldId::from_parts(4, [4; 10]).to_string(),
        account_id: account().account_id,
        amount: eur(500),
        status: HoldStatus::Open.into(),
        reference: "trf_1/hold".into(),
        ..Hold::default()
    };
    let opened = AccountOpened { account: Some(account()), at };
    let changed =
        AccountChanged { account: Some(account()), change: AccountChange::Frozen.into(), at };
    let held = HoldChanged { hold: Some(hold), account_version: 3, at };
    let closed = BusinessDayClosed { closed: "2026-11-21".into(), opened: "2026-11-23".into(), at };
    let events = [
        ("account_opened", opened.encode_to_vec()),
        ("account_changed", changed.encode_to_vec()),
        ("transaction_posted", posted().encode_to_vec()),
        ("hold_changed", held.encode_to_vec()),
        ("business_day_closed", closed.encode_to_vec()),
    ];
    let lines: String = events
        .iter()
        .map(|(kind, bytes)| format!("{kind} {}\n", florin_store::rows::hex(bytes)))
        .collect();
    assert_eq!(lines, include_str!("../golden/events.txt"));
}
