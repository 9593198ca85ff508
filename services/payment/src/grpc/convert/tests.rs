//! Bad input gets every field and rule at once.

use super::*;

const FROM: &str = "acc_018bcfe5-6800-7707-8707-070707070707";
const TO: &str = "acc_018bcfe5-6800-7707-8707-070707070708";

fn request() -> CreateTransferRequest {
    CreateTransferRequest {
        from: FROM.into(),
        to: TO.into(),
        amount: "12.34".into(),
        currency: "EUR".into(),
        description: "rent".into(),
    }
}

fn broken(change: impl FnOnce(&mut CreateTransferRequest)) -> Vec<(String, &'static str)> {
    let mut request = request();
    change(&mut request);
    let violations = TransferDraft::try_from(&request).expect_err("violations").into_inner();
    violations.into_iter().map(|one| (one.field, one.rule)).collect()
}

#[test]
fn reads_a_transfer_to_an_id_and_to_an_iban() {
    let draft = TransferDraft::try_from(&request()).expect("draft");
    assert_eq!(draft.to, Payee::Account(TO.parse().expect("id")));
    let mut request = request();
    request.to = "CZ65 0800 0000 1920 0014 5399".into();
    let draft = TransferDraft::try_from(&request).expect("draft");
    assert_eq!(draft.to, Payee::Iban("CZ6508000000192000145399".parse().expect("iban")));
}

#[test]
fn names_every_broken_field_at_once() {
    let all = broken(|request| {
        request.from = "cus_1".into();
        request.to = "CZ00".into();
        request.amount = String::new();
        request.currency = "euro".into();
        request.description = "a\u{7}".into();
    });
    let expected = [
        ("from", "WRONG_ID_PREFIX"),
        ("to", "MALFORMED_IBAN"),
        ("currency", "UNKNOWN_CURRENCY"),
        ("amount", "REQUIRED"),
        ("description", "CONTROL_CHARACTER"),
    ];
    assert_eq!(all, expected.map(|(field, rule)| (field.to_owned(), rule)));
}

#[test]
fn refuses_each_sort_of_bad_input() {
    type Change = fn(&mut CreateTransferRequest);
    let cases: [(Change, &str, &str); 12] = [
        (|request| request.from = String::new(), "from", "REQUIRED"),
        (|request| request.from = "acc_1".into(), "from", "MALFORMED_ID"),
        (|request| request.to = String::new(), "to", "REQUIRED"),
        (|request| request.to = "cus_1".into(), "to", "WRONG_ID_PREFIX"),
        (|request| request.to = FROM.into(), "to", "SAME_ACCOUNT"),
        (|request| request.amount = "0".into(), "amount", "NOT_POSITIVE"),
        (|request| request.amount = "-1".into(), "amount", "NOT_POSITIVE"),
        (|request| request.amount = "1.234".into(), "amount", "TOO_MANY_DECIMALS"),
        (|request| request.amount = "1e2".into(), "amount", "MALFORMED_AMOUNT"),
        (|request| request.amount = "9".repeat(20), "amount", "AMOUNT_OUT_OF_RANGE"),
        (|request| request.amount = "10000000000000.01".into(), "amount", "AMOUNT_TOO_LARGE"),
        (|request| request.description = "x".repeat(141), "description", "TOO_LONG"),
    ];
    for (change, field, rule) in cases {
        assert_eq!(broken(change), [(field.to_owned(), rule)]);
    }
}

#[test]
fn pages_are_bounded_and_states_are_known() {
    let query = |page_size, status| {
        let request = ListTransfersRequest { page_size, status, ..ListTransfersRequest::default() };
        ListQuery::try_from(&request).map(|query| (query.page_size, query.status))
    };
    assert_eq!(query(0, 0), Ok((50, None)));
    assert_eq!(query(200, 4), Ok((200, Some(4))));
    for (page_size, status, field) in
        [(201, 0, "page_size"), (-1, 0, "page_size"), (1, 11, "status")]
    {
        let violations = query(page_size, status).expect_err("violation").into_inner();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].field, field);
    }
}
