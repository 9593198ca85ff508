//! What is written is read again as it was.

use florin_iso20022::{
    Account, Agent, CreditTransfer, Message, Party, PaymentNames, PaymentReturn, Reason,
    StatusReport, Text,
};
use florin_kernel::{Bic, Currency, Date, Iban, Money, Uetr, UnixMicros};
use proptest::prelude::*;

use crate::examples;

#[test]
fn what_is_written_is_read_again_and_its_bytes_are_these() {
    for (name, message) in examples::all() {
        assert_eq!(message.kind().name(), name);
        let written = message.write();
        assert_eq!(Message::read(&written), Ok(message), "{name}");
        let golden = format!("{}/tests/golden/{name}.xml", env!("CARGO_MANIFEST_DIR"));
        let golden = std::fs::read_to_string(&golden).expect("golden");
        assert_eq!(String::from_utf8_lossy(&written), golden.trim_end(), "{name}");
    }
}

fn any_text<const MOST: usize>() -> impl Strategy<Value = Text<MOST>> {
    // Whatever XML can hold, its own characters among it.
    let character = prop_oneof![
        any::<char>(),
        prop::sample::select(vec!['<', '>', '&', '"', '\'', ']', ' ', 'a'])
    ];
    prop::collection::vec(character, 1..=MOST).prop_filter_map("a text", |characters| {
        characters.into_iter().collect::<String>().parse().ok()
    })
}

fn any_amount() -> impl Strategy<Value = Money> {
    let currency = prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF", "CZK"]);
    (1..=florin_kernel::LARGEST_MOVEMENT, currency)
        .prop_map(|(minor, code)| Money::new(minor, code.parse::<Currency>().expect("currency")))
}

fn any_instant() -> impl Strategy<Value = UnixMicros> {
    (-60_000_000_000_000_000_i64..250_000_000_000_000_000).prop_map(UnixMicros)
}

fn any_date() -> impl Strategy<Value = Date> {
    (0..=9999_i16, 1..=12_i8, 1..=28_i8)
        .prop_map(|(year, month, day)| Date::constant(year, month, day))
}

fn any_names() -> impl Strategy<Value = PaymentNames> {
    let text = || prop::option::of(any_text());
    (text(), any_text(), text(), prop::option::of(any::<[u8; 16]>())).prop_map(
        |(instruction, end_to_end, transaction, random)| PaymentNames {
            instruction,
            end_to_end: Some(end_to_end),
            transaction,
            uetr: random.map(Uetr::from_random),
        },
    )
}

fn any_party() -> impl Strategy<Value = Party> {
    let iban: Iban = "CZ6508000000192000145399".parse().expect("iban");
    let bic: Bic = "GIBACZPX".parse().expect("bic");
    let account = prop_oneof![Just(Account::Iban(iban)), any_text().prop_map(Account::Other)];
    let agent = prop_oneof![Just(Agent::Bic(bic)), any_text().prop_map(Agent::Member)];
    (prop::option::of(any_text()), prop::option::of(account), prop::option::of(agent))
        .prop_map(|(name, account, agent)| Party { name, account, agent })
}

fn any_reason() -> impl Strategy<Value = Reason> {
    (prop::option::of(any_text()), prop::option::of(any_text()))
        .prop_map(|(code, information)| Reason { code, information })
}

proptest! {
    #[test]
    fn any_credit_transfer_comes_back_as_it_was(
        (id, created_at, names, amount) in (any_text(), any_instant(), any_names(), any_amount()),
        settlement_date in prop::option::of(any_date()),
        (debtor, creditor) in (any_party(), any_party()),
        remittance in prop::option::of(any_text()),
    ) {
        let message = Message::CreditTransfer(CreditTransfer {
            id, created_at, names, amount, settlement_date, debtor, creditor, remittance,
        });
        prop_assert_eq!(Message::read(&message.write()), Ok(message));
    }

    #[test]
    fn any_answer_and_any_return_come_back_as_they_were(
        (id, created_at, names, amount) in (any_text(), any_instant(), any_names(), any_amount()),
        settlement_date in prop::option::of(any_date()),
        (status, reason) in (any_text(), prop::option::of(any_reason())),
    ) {
        let original = florin_iso20022::OriginalMessage {
            id: id.clone(),
            name: examples::text("pacs.008.001.08"),
            created_at: Some(created_at),
        };
        let report = Message::StatusReport(StatusReport {
            id: id.clone(),
            created_at,
            original: original.clone(),
            names: names.clone(),
            status,
            reason: reason.clone(),
            amount: Some(amount),
            settlement_date,
        });
        prop_assert_eq!(Message::read(&report.write()), Ok(report));
        let returned = Message::PaymentReturn(PaymentReturn {
            return_id: Some(id.clone()),
            id,
            created_at,
            original: Some(original),
            names,
            original_amount: None,
            amount,
            settlement_date,
            reason,
        });
        prop_assert_eq!(Message::read(&returned.write()), Ok(returned));
    }

    #[test]
    fn no_bytes_make_the_reader_fall(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Message::read(&bytes);
    }

    #[test]
    fn no_damage_to_a_message_makes_the_reader_fall(at in 0_usize..2_000, byte in any::<u8>()) {
        for (_, message) in examples::all() {
            let mut bytes = message.write();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Message::read(&bytes);
        }
    }
}
