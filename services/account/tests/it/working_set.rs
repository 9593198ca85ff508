//! A working set as a batch has it before its first decision, without a database.

use std::collections::{BTreeMap, VecDeque};

use florin_account::{
    app::command::{Command, Place, Release, Reverse, Work},
    domain::{
        account::{Account, Holder, HolderRole, Status},
        gl::Controls,
        posting::{Books, GlAccount},
    },
    store::{
        accruals::Interest,
        working::{Actor, Working, Writes},
    },
};
use florin_kernel::{Date, UnixMicros};

use crate::bench_ledger::{acc, cus};

/// The open business date.
pub const TODAY: Date = Date::constant(2026, 11, 21);

pub fn actor() -> Actor {
    Actor {
        principal: "teller".into(),
        method: "/florin.account.v1/X",
        request: "req_1".into(),
        traceparent: Some("00-trace".into()),
    }
}

pub fn account(id: &str, posted: i64) -> Account {
    Account {
        id: acc(id),
        iban: format!("IBAN of {id}"),
        product: "current".into(),
        control_gl: "2010".into(),
        currency: "EUR".parse().unwrap(),
        status: Status::Open,
        overdraft_limit: 0,
        opened_on: TODAY,
        reference: String::new(),
        version: 3,
        posted,
        held: 0,
    }
}

pub fn holder(customer: &str, role: HolderRole) -> Holder {
    Holder { customer: cus(customer), role }
}

/// Account "a" with 100 and owner "x", account "b" with nothing, cash under 1010.
pub fn working() -> Working {
    let accounts = [account("a", 100), account("b", 0)];
    let cash = GlAccount { code: "1010".into(), name: "Cash".into(), class: 1, control: false };
    Working {
        unended: BTreeMap::new(),
        books: Books { business_date: TODAY, closed_through: None },
        chart: [("1010".to_owned(), cash)].into(),
        accounts: accounts.map(|account| (account.id, account)).into(),
        controls: Controls::default(),
        hashes: BTreeMap::new(),
        holders: [(acc("a"), vec![holder("x", HolderRole::Owner)])].into(),
        holds: BTreeMap::new(),
        originals: BTreeMap::new(),
        claims: BTreeMap::new(),
        posted_before: BTreeMap::new(),
        events_before: BTreeMap::new(),
        interest: Interest::default(),
        ibans: VecDeque::from(["CZ1".to_owned()]),
        now: UnixMicros(1_000_000),
        clocks: BTreeMap::new(),
        writes: Writes::default(),
    }
}

pub fn of_place(command: &Command) -> &Place {
    let Work::Place(place) = &command.work else { panic!("no hold") };
    place
}

pub fn of_release(command: &Command) -> &Release {
    let Work::Release(release) = &command.work else { panic!("no release") };
    release
}

pub fn of_reverse(command: &Command) -> &Reverse {
    let Work::Reverse(reverse) = &command.work else { panic!("no reversal") };
    reverse
}
