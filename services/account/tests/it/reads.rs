use florin_account::app::command::Outcome;
use florin_kernel::UnixMicros;
use florin_proto::account::v1::{
    BatchGetAccountsRequest, GetAccountRequest, GetBalanceRequest, GetTrialBalanceRequest,
    ListGlAccountsRequest, ListProductsRequest, get_balance_request::AsOf,
};
use florin_rpc::Error;
use sea_orm::ConnectionTrait;

use crate::{
    bench_ledger::{Bench, acc, each, place},
    desk::{desk, machine, payment, teller},
};

async fn execute(bench: &Bench, statement: &str) {
    let run = async |tx: florin_store::Tx| {
        tx.execute_unprepared(statement).await?;
        Ok::<_, florin_store::StoreError>(())
    };
    bench.db.write(run).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chart_and_the_products_come_by_pages() {
    for bench in each().await {
        let desk = desk(&bench);
        let (mut codes, mut page_token) = (Vec::new(), String::new());
        for _ in 0..6 {
            let message = ListGlAccountsRequest { page_size: 4, page_token };
            let page = desk.list_gl_accounts(&machine("ListGlAccounts", &[]), message).await;
            let page = page.unwrap().into_inner();
            codes.extend(page.gl_accounts.into_iter().map(|gl| gl.code));
            page_token = page.next_page_token;
        }
        let all = [
            "1010", "1200", "1300", "1400", "1910", "1920", "1930", "2010", "2020", "2400", "2910",
            "3010", "4010", "4020", "4030", "4040", "4050", "4060", "5010", "5030", "9010", "9020",
        ];
        assert_eq!((codes, page_token), (all.map(str::to_owned).to_vec(), String::new()));

        let first = ListProductsRequest { page_size: 1, page_token: String::new() };
        let first = desk.list_products(&machine("ListProducts", &[]), first).await.unwrap();
        let first = first.into_inner();
        let page_token = first.next_page_token;
        assert_eq!(first.products[0].code, "current");
        let second = ListProductsRequest { page_size: 1, page_token: page_token.clone() };
        let second = desk.list_products(&machine("ListProducts", &[]), second).await.unwrap();
        let second = second.into_inner();
        assert_eq!(
            (second.products[0].code.as_str(), second.next_page_token.as_str()),
            ("savings", "")
        );

        let foreign = ListGlAccountsRequest { page_size: 0, page_token };
        let error = desk.list_gl_accounts(&machine("ListGlAccounts", &[]), foreign).await;
        assert_eq!(Error::from_status(&error.unwrap_err()).reason(), "PAGE_TOKEN_INVALID");
        let large = ListGlAccountsRequest { page_size: 201, page_token: String::new() };
        let error = desk.list_gl_accounts(&machine("ListGlAccounts", &[]), large).await;
        assert_eq!(
            Error::from_status(&error.unwrap_err()).field_violations()[0].field,
            "page_size"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_as_of_a_day_tells_nothing_of_holds_and_of_what_can_be_spent() {
    for bench in each().await {
        let account = bench.open(100).await;
        let held = bench.run(place("h", account, 30)).await;
        assert!(matches!(held, Outcome::Held { .. }), "{held:?}");
        execute(&bench, "UPDATE accounts SET overdraft_limit = 500").await;
        let desk = desk(&bench);
        let asked = async |as_of: Option<AsOf>| {
            let message = GetBalanceRequest { account_id: account.to_string(), as_of };
            let answer = desk.get_balance(&machine("GetBalance", &[]), message).await.unwrap();
            let answer = answer.into_inner();
            let amount = |money: Option<florin_proto::common::v1::Money>| {
                money.map_or("absent".to_owned(), |money| money.amount)
            };
            [amount(answer.posted), amount(answer.held), amount(answer.available)]
        };
        let long_ago = florin_proto::timestamp(UnixMicros(0));
        let (before, today) = ("2026-11-20".to_owned(), "2026-11-21".to_owned());
        for (as_of, told) in [
            (None, ["1.00", "0.30", "5.70"]),
            (Some(AsOf::AsOfRecordedAt(long_ago)), ["0.00", "0.00", "0.00"]),
            (Some(AsOf::AsOfBookingDate(before.clone())), ["0.00", "absent", "absent"]),
            (Some(AsOf::AsOfBookingDate(today.clone())), ["1.00", "absent", "absent"]),
            (Some(AsOf::AsOfValueDate(before)), ["0.00", "absent", "absent"]),
            (Some(AsOf::AsOfValueDate(today)), ["1.00", "absent", "absent"]),
        ] {
            assert_eq!(asked(as_of.clone()).await, told, "{as_of:?}");
        }
        let message = GetBalanceRequest {
            account_id: account.to_string(),
            as_of: Some(AsOf::AsOfBookingDate("yesterday".into())),
        };
        let error = desk.get_balance(&machine("GetBalance", &[]), message).await.unwrap_err();
        let error = Error::from_status(&error);
        assert_eq!(error.field_violations()[0].field, "as_of_booking_date");
    }
}

/// The turnover of a GL account is gross and since the beginning: it leaves 64 bits in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_balance_outlives_64_bits_of_turnover() {
    for bench in each().await {
        let most = i64::MAX;
        for (at, gl, minor) in [
            (1, "1010", -most),
            (2, "3010", most),
            (3, "1010", -most),
            (4, "3010", most),
            (5, "1010", most),
            (6, "3010", -most),
            (7, "1010", -250),
            (8, "3010", 250),
        ] {
            let insert = format!(
                "INSERT INTO journal_legs (transaction_id, leg, gl_code, currency, amount, \
                 counterparty, booking_date) VALUES ('t{at}', 1, '{gl}', 'EUR', {minor}, '', \
                 '2026-11-21')"
            );
            execute(&bench, &insert).await;
        }
        let message = GetTrialBalanceRequest::default();
        let answer =
            desk(&bench).get_trial_balance(&machine("GetTrialBalance", &[]), message).await;
        let answer = answer.unwrap_err();
        assert_eq!(Error::from_status(&answer).reason(), "INTERNAL", "the net is beyond as well");
        execute(&bench, "DELETE FROM journal_legs WHERE transaction_id IN ('t1', 't2')").await;
        let message = GetTrialBalanceRequest::default();
        let answer =
            desk(&bench).get_trial_balance(&machine("GetTrialBalance", &[]), message).await;
        let answer = answer.unwrap().into_inner();
        assert!(answer.balanced);
        let told: Vec<_> = answer
            .rows
            .iter()
            .map(|row| {
                let amount = |money: &Option<florin_proto::common::v1::Money>| {
                    money.as_ref().map(|money| money.amount.clone())
                };
                (row.code.as_str(), amount(&row.debits), amount(&row.credits), amount(&row.net))
            })
            .collect();
        let (most, net) = (Some("92233720368547758.07".to_owned()), Some("2.50".to_owned()));
        let less = Some("-2.50".to_owned());
        assert_eq!(told, [("1010", None, most.clone(), less), ("3010", most, None, net)]);
        let (_, breaches) = bench.verify().await;
        assert!(
            breaches.iter().all(|breach| !breach.contains("the whole ledger")),
            "{breaches:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_accounts_are_read_at_once_and_one_that_is_not_there_is_left_out() {
    for bench in each().await {
        let desk = desk(&bench);
        let (one, other) = (bench.open(100).await, bench.open(200).await);
        let read = async |ids: Vec<String>| {
            let message = BatchGetAccountsRequest { account_ids: ids };
            desk.batch_get_accounts(&payment("BatchGetAccounts"), message).await
        };
        let ids = [one, acc("nobody"), other, one].map(|id| id.to_string());
        let mut found = read(ids.to_vec()).await.unwrap().into_inner().accounts;
        found.sort_by_key(|account| account.account_id.clone());
        let mut expected = vec![one.to_string(), other.to_string()];
        expected.sort();
        assert_eq!(
            found.iter().map(|account| account.account_id.clone()).collect::<Vec<_>>(),
            expected
        );
        for account in found {
            let message = GetAccountRequest { account_id: account.account_id.clone() };
            let alone = desk.get_account(&teller("GetAccount"), message).await.unwrap();
            assert_eq!(alone.into_inner().account, Some(account), "as it is read alone");
        }
        for (ids, field) in [
            (vec![], "account_ids"),
            (vec![one.to_string(); 501], "account_ids"),
            (vec![one.to_string(), "acc_x".into()], "account_ids[1]"),
        ] {
            let refused = Error::from_status(&read(ids).await.unwrap_err());
            assert_eq!(refused.field_violations()[0].field, field);
        }
    }
}
