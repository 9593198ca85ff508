//! Filters, words, pages, positions.

use florin_kernel::{AccountId, EventId};
use florin_proto::{
    common::v1::{Direction, Money},
    reporting::v1::SearchTransactionsRequest,
};

use crate::world::{
    Posting, World, new_id, of_account, of_customer, staff, token, versions, worlds,
};

fn money(amount: &str) -> Option<Money> {
    Some(Money { currency: "EUR".into(), amount: amount.into() })
}

/// Versions 2 to 7 of one account.
async fn with_history(world: &World) -> AccountId {
    let customer = world.customer().await;
    let account = world.account_of(customer).await;
    let posting = |version| Posting::new(account, version);
    let history = vec![
        Posting {
            amount: "100.00",
            credit: true,
            date: "2026-01-05",
            kind: "deposit",
            text: "Vklad hotovosti Brno",
            ..posting(2)
        },
        Posting {
            amount: "12.34",
            date: "2026-01-10",
            text: "Nájem leden 2026",
            counterparty: "Žižkov Reality, s.r.o.",
            ..posting(3)
        },
        Posting {
            amount: "5.00",
            date: "2026-01-10",
            kind: "fee",
            text: "Poplatek za vedení účtu",
            counterparty: "100% Banka_1",
            ..posting(4)
        },
        Posting {
            amount: "12.35",
            date: "2026-02-01",
            text: "NAJEM ÚNOR 2026",
            counterparty: "zizkov reality s.r.o.",
            ..posting(5)
        },
        Posting {
            amount: "700",
            currency: "JPY",
            credit: true,
            date: "2026-02-02",
            kind: "transfer",
            text: "náhrada",
            ..posting(6)
        },
        // Booked into the past, as an import does.
        Posting {
            amount: "1.00",
            date: "2025-12-31",
            text: "Úrok",
            kind: "interest",
            ..posting(7)
        },
    ];
    world.post(history).await;
    account
}

type Change = fn(&mut SearchTransactionsRequest);

#[tokio::test]
async fn every_filter_alone_and_several_together() {
    let table: &[(&str, Change, &[i64])] = &[
        ("none: newest booking date first", |_| {}, &[6, 5, 4, 3, 2, 7]),
        ("from_date is within", |ask| ask.from_date = "2026-01-10".into(), &[6, 5, 4, 3]),
        ("to_date is within", |ask| ask.to_date = "2026-01-10".into(), &[4, 3, 2, 7]),
        (
            "one day",
            |ask| {
                ask.from_date = "2026-01-10".into();
                ask.to_date = "2026-01-10".into();
            },
            &[4, 3],
        ),
        ("currency", |ask| ask.currency = "JPY".into(), &[6]),
        (
            "amount at least",
            |ask| {
                ask.currency = "EUR".into();
                ask.min_amount = "12.35".into();
            },
            &[5, 2],
        ),
        (
            "amount at most, not in another currency",
            |ask| {
                ask.currency = "EUR".into();
                ask.max_amount = "12.34".into();
            },
            &[4, 3, 7],
        ),
        ("kind", |ask| ask.kind = "fee".into(), &[4]),
        ("kind is whole", |ask| ask.kind = "fe".into(), &[]),
        ("debit", |ask| ask.direction = Direction::Debit.into(), &[5, 4, 3, 7]),
        ("credit", |ask| ask.direction = Direction::Credit.into(), &[6, 2]),
        ("counterparty folded", |ask| ask.counterparty = "ŽIŽKOV reality".into(), &[5, 3]),
        ("counterparty inside", |ask| ask.counterparty = "ality".into(), &[5, 3]),
        ("no wildcard %", |ask| ask.counterparty = "%".into(), &[4]),
        ("no wildcard _", |ask| ask.counterparty = "a_1".into(), &[4]),
        ("words by prefix", |ask| ask.text = "naj".into(), &[5, 3]),
        ("words in any order", |ask| ask.text = "2026 nájem".into(), &[5, 3]),
        ("all words", |ask| ask.text = "najem led".into(), &[3]),
        ("no infix of a word", |ask| ask.text = "ajem".into(), &[]),
        ("accents of the text", |ask| ask.text = "urok".into(), &[7]),
        (
            "together",
            |ask| {
                ask.text = "na".into();
                ask.direction = Direction::Debit.into();
                ask.from_date = "2026-01-01".into();
                ask.counterparty = "zizkov".into();
                ask.currency = "EUR".into();
                ask.min_amount = "12.00".into();
                ask.max_amount = "12.34".into();
            },
            &[3],
        ),
    ];
    for world in World::running().await {
        let account = with_history(&world).await;
        for (name, change, expected) in table {
            let mut ask = of_account(account);
            change(&mut ask);
            assert_eq!(versions(&world.found(ask).await), *expected, "{name}");
        }
    }
}

#[tokio::test]
async fn an_entry_is_told_whole() {
    for world in World::running().await {
        let account = with_history(&world).await;
        let entries = world.found(of_account(account)).await;
        let rent = entries.iter().find(|entry| entry.account_version == 3).unwrap();
        assert_eq!(rent.account_id, account.to_string());
        assert!(rent.transaction_id.starts_with("txn_"));
        assert_eq!((rent.direction(), rent.kind.as_str()), (Direction::Debit, "transfer"));
        assert_eq!((&rent.amount, &rent.posted_after), (&money("12.34"), &money("-7.25")));
        assert_eq!(rent.description, "Nájem leden 2026");
        assert_eq!(rent.counterparty, "Žižkov Reality, s.r.o.");
        assert_eq!(
            (rent.booking_date.as_str(), rent.value_date.as_str()),
            ("2026-01-10", "2026-01-10")
        );
        assert_eq!(rent.recorded_at.as_ref().unwrap().nanos, 3_000);
    }
}

#[tokio::test]
async fn pages_give_every_entry_once_while_new_ones_arrive() {
    for world in World::running().await {
        let customer = world.customer().await;
        let mut all = Vec::new();
        let mut accounts = Vec::new();
        for _ in 0..3 {
            let account = world.account_of(customer).await;
            accounts.push(account);
            // Equal dates and equal recording times in all accounts.
            let days = ["2026-01-01", "2026-01-02", "2026-01-03"];
            let postings = (2..40).map(|version| Posting {
                date: days[usize::try_from(version).unwrap() % 3],
                ..Posting::new(account, version)
            });
            world.post(postings.collect()).await;
            all.extend((2..40).map(|version| (account.to_string(), version)));
        }
        let mut seen = Vec::new();
        let mut ask = SearchTransactionsRequest { page_size: 7, ..of_customer(customer) };
        let mut last_date = "9999".to_owned();
        loop {
            let page = world.search(&staff(), ask.clone()).await.unwrap();
            assert!(page.entries.len() <= 7 && !page.entries.is_empty());
            for entry in page.entries {
                assert!(entry.booking_date <= last_date);
                last_date = entry.booking_date;
                seen.push((entry.account_id, entry.account_version));
            }
            // Newer than where the reader is: not seen, and nothing is shifted.
            let newer = 100 + i64::try_from(seen.len()).unwrap();
            let newer = Posting { date: "2026-02-01", ..Posting::new(accounts[0], newer) };
            world.post(vec![newer]).await;
            if page.next_page_token.is_empty() {
                break;
            }
            ask.page_token = page.next_page_token;
            // The size of a page and the position may differ from page to page.
            ask.page_size = if ask.page_size == 7 { 5 } else { 7 };
        }
        let mut sorted = seen.clone();
        sorted.sort();
        all.sort();
        assert_eq!(sorted, all);
    }
}

#[tokio::test]
async fn a_page_token_of_another_search_is_refused() {
    for world in World::running().await {
        let account = with_history(&world).await;
        let ask = SearchTransactionsRequest { page_size: 1, ..of_account(account) };
        let token = world.search(&staff(), ask.clone()).await.unwrap().next_page_token;
        let same = SearchTransactionsRequest { page_token: token.clone(), ..ask.clone() };
        assert_eq!(versions(&world.found(same).await), [5]);
        let mut broken = token.clone();
        broken.truncate(10);
        for ask in [
            SearchTransactionsRequest { page_token: broken, ..ask.clone() },
            SearchTransactionsRequest { page_token: "%".into(), ..ask.clone() },
            SearchTransactionsRequest {
                page_token: token.clone(),
                kind: "fee".into(),
                ..ask.clone()
            },
            SearchTransactionsRequest {
                page_token: token,
                ..of_account(new_id(AccountId::from_parts))
            },
        ] {
            let error = world.search(&staff(), ask).await.unwrap_err();
            assert_eq!(error.reason(), "PAGE_TOKEN_INVALID");
            assert_eq!(error.field_violations()[0].field, "page_token");
        }
    }
}

#[tokio::test]
async fn tells_all_that_is_wrong_at_once() {
    let world = &worlds().await[0];
    let wrong = SearchTransactionsRequest {
        account_id: "cus_x".into(),
        customer_id: "nobody".into(),
        from_date: "2026-02-30".into(),
        to_date: "tomorrow".into(),
        min_amount: "1.234".into(),
        max_amount: "-1".into(),
        currency: "EUR".into(),
        kind: "k\u{7}".into(),
        counterparty: "x".repeat(201),
        text: "--".into(),
        direction: 7,
        page_size: 201,
        page_token: "foreign".into(),
        positions: vec![String::new(), "?".into()],
    };
    let error = world.search(&staff(), wrong).await.unwrap_err();
    assert_eq!((error.reason(), error.http_status()), ("INVALID_REQUEST", 400));
    let mut fields: Vec<_> =
        error.field_violations().iter().map(|violation| violation.field.as_str()).collect();
    fields.sort_unstable();
    let expected = [
        "account_id",
        "counterparty",
        "customer_id",
        "direction",
        "from_date",
        "kind",
        "max_amount",
        "min_amount",
        "page_size",
        "page_token",
        "positions[1]",
        "text",
        "to_date",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn refuses_what_cannot_hold_together() {
    let world = &worlds().await[0];
    let account = of_account(new_id(AccountId::from_parts));
    let table: &[(SearchTransactionsRequest, &str, &str)] = &[
        (SearchTransactionsRequest::default(), "account_id", "REQUIRED"),
        (
            SearchTransactionsRequest { min_amount: "1.00".into(), ..account.clone() },
            "currency",
            "REQUIRED",
        ),
        (
            SearchTransactionsRequest { currency: "eur".into(), ..account.clone() },
            "currency",
            "UNKNOWN_CURRENCY",
        ),
        (
            SearchTransactionsRequest {
                from_date: "2026-01-02".into(),
                to_date: "2026-01-01".into(),
                ..account.clone()
            },
            "to_date",
            "EMPTY_RANGE",
        ),
        (
            SearchTransactionsRequest {
                currency: "EUR".into(),
                min_amount: "2.00".into(),
                max_amount: "1.99".into(),
                ..account.clone()
            },
            "max_amount",
            "EMPTY_RANGE",
        ),
        (
            SearchTransactionsRequest { page_size: -1, ..account.clone() },
            "page_size",
            "OUT_OF_RANGE",
        ),
        (
            SearchTransactionsRequest { text: "1 2 3 4 5 6 7 8 9 10 11".into(), ..account },
            "text",
            "TOO_MANY",
        ),
    ];
    for (ask, field, rule) in table {
        let error = world.search(&staff(), ask.clone()).await.unwrap_err();
        let violations = error.field_violations();
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!((violations[0].field.as_str(), violations[0].rule.as_str()), (*field, *rule));
    }
}

#[tokio::test]
async fn a_read_waits_for_its_position_and_no_longer_than_it_may() {
    for world in worlds().await {
        // The relays do not run yet: the read side is behind.
        let account = new_id(AccountId::from_parts);
        let customer = new_id(florin_kernel::CustomerId::from_parts);
        world.directory.put_account(account, &[]);
        let opened = crate::world::opened(
            account,
            &[(customer, florin_proto::account::v1::HolderRole::Owner)],
        );
        let ids = world.account.append(vec![opened, Posting::new(account, 2).event()]).await;
        let ask = SearchTransactionsRequest {
            positions: vec![token(&ids[..1]), token(&ids[1..])],
            ..of_account(account)
        };
        let behind = world.search(&staff(), ask.clone()).await.unwrap_err();
        assert_eq!((behind.reason(), behind.http_status()), ("READ_SIDE_BEHIND", 503));
        assert!(behind.retry_delay().is_some());
        let ctx = staff();
        let (answer, ()) = tokio::join!(world.search(&ctx, ask.clone()), async {
            world.run();
        });
        let entries = match answer {
            Ok(page) => page.entries,
            // Slow machines: the next attempt has it.
            Err(_) => {
                world.settled(&ids).await;
                world.found(ask).await
            }
        };
        assert_eq!(versions(&entries), [2]);
        let unknown: EventId = new_id(EventId::from_parts);
        let ask =
            SearchTransactionsRequest { positions: vec![token(&[unknown])], ..of_account(account) };
        assert_eq!(world.search(&staff(), ask).await.unwrap_err().reason(), "READ_SIDE_BEHIND");
    }
}
