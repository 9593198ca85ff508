//! What a reference says of a command before and after the command is done.

use florin_account::{
    app::command::{Change, Command, Work},
    domain::{record::Record, refusal::Refusal},
    store::working::{Claim, Claimed, Working},
};
use florin_kernel::HoldId;

use crate::{
    bench_ledger::{acc, change, place, reverse, txn},
    working_set::{of_place, of_reverse, working},
};

fn claim(working: &mut Working, command: &Command, made: bool) {
    for reference in command.references() {
        let claim = Claim {
            fingerprint: reference.fingerprint,
            record: command.record(),
            made,
            new: true,
            rewritten: false,
        };
        working.claims.insert((reference.caller, reference.text), claim);
    }
}

#[test]
fn a_reference_is_free_until_settled_and_then_stands_for_its_record_and_content() {
    let mut working = working();
    let (first, other) = (place("h", acc("a"), 70), place("h", acc("a"), 71));
    assert_eq!(working.claimed(first.references()), Ok(Claimed::New), "never claimed");
    claim(&mut working, &first, false);
    assert_eq!(working.claimed(first.references()), Ok(Claimed::New), "claimed here, not made");
    working.settle(first.references(), first.record());
    let id = of_place(&first).id;
    assert_eq!(working.claimed(first.references()), Ok(Claimed::Replay(Record::Hold(id))));
    let reused = Refusal::ReferenceReused { reference: "h".into() };
    assert_eq!(working.claimed(other.references()), Err(reused));
    let settled = working.claims.values().next().unwrap();
    assert_eq!(
        (settled.record, settled.made, settled.rewritten),
        (Some(Record::Hold(id)), true, false)
    );
}

/// The row of a reference was inserted with the first command's record and content; where
/// another command made the record, the row is to be written again.
#[test]
fn a_claim_that_another_command_settles_is_rewritten() {
    let (inserted, other_content) = (place("h", acc("a"), 500), place("h", acc("a"), 70));
    let mut same_content = inserted.clone();
    if let Work::Place(place) = &mut same_content.work {
        place.id = HoldId::from_parts(1, [1; 10]);
    }
    let mut other_same_record = other_content.clone();
    if let Work::Place(place) = &mut other_same_record.work {
        place.id = of_place(&inserted).id;
    }
    for (by, rewritten) in [
        (&inserted, false),
        (&other_content, true),
        (&same_content, true),
        (&other_same_record, true),
    ] {
        let mut working = working();
        claim(&mut working, &inserted, false);
        working.settle(by.references(), by.record());
        let settled = working.claims.values().next().unwrap();
        assert_eq!((settled.made, settled.rewritten), (true, rewritten));
        assert_eq!(settled.record, by.record());
        assert_eq!(settled.fingerprint, of_place(by).reference.fingerprint);
    }
}

#[test]
fn a_transaction_is_reversed_once_whatever_the_reference() {
    let mut working = working();
    let (first, second) = (reverse("rev1", txn("1")), reverse("rev2", txn("1")));
    claim(&mut working, &first, false);
    working.settle(first.references(), first.record());
    assert_eq!(
        working.claimed(first.references()),
        Ok(Claimed::Replay(Record::Transaction(of_reverse(&first).id)))
    );
    let reversed = Refusal::AlreadyReversed { transaction: txn("1") };
    assert_eq!(working.claimed(second.references()), Err(reversed));
    let unrelated = change(acc("a"), Change::Freeze("x".into()));
    assert_eq!(
        working.claimed(unrelated.references()),
        Ok(Claimed::New),
        "a change has no reference"
    );
}
