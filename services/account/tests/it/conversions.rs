//! Journal transactions in several currencies.

use florin_kernel::AccountId;
use florin_proto::{
    account::v1::{
        Conversion, GetTransactionRequest, GetTrialBalanceRequest, JournalTransaction, Leg,
        PostTransactionsRequest, PostedTransaction, ReverseTransactionRequest, TransactionPosted,
        TransactionRequest, leg::Target, transaction_result::Outcome,
    },
    common::v1::{Direction, Money, Refusal},
};
use florin_store::sql;
use florin_testkit::place::with_key;
use prost::Message as _;

use crate::{
    bench_ledger::{Bench, each, money},
    desk::{desk, machine, payment},
};

fn wire(amount: &str, currency: &str) -> Option<Money> {
    Some(Money { currency: currency.into(), amount: amount.into() })
}

/// Positive credits, negative debits.
fn leg(target: Target, amount: &str, currency: &str) -> Leg {
    let (direction, amount) = match amount.strip_prefix('-') {
        Some(debit) => (Direction::Debit, debit),
        None => (Direction::Credit, amount),
    };
    Leg {
        target: Some(target),
        direction: direction.into(),
        amount: wire(amount, currency),
        counterparty: String::new(),
    }
}

fn account(id: AccountId) -> Target {
    Target::AccountId(id.to_string())
}

fn gl(code: &str) -> Target {
    Target::GlCode(code.into())
}

fn conversion(sold: (&str, &str), bought: (&str, &str), rate: &str) -> Conversion {
    Conversion { sold: wire(sold.0, sold.1), bought: wire(bought.0, bought.1), rate: rate.into() }
}

/// 100 euros of one account become 2,531.05 crowns of another; half a euro is the fee.
fn exchange(euros: AccountId, crowns: AccountId) -> TransactionRequest {
    TransactionRequest {
        reference: "fx/1".into(),
        kind: "exchange".into(),
        legs: vec![
            leg(account(euros), "-100.00", "EUR"),
            leg(account(euros), "-0.50", "EUR"),
            leg(gl("4010"), "0.50", "EUR"),
            leg(gl("9020"), "100.00", "EUR"),
            leg(gl("9020"), "-2531.05", "CZK"),
            leg(account(crowns), "2531.05", "CZK"),
        ],
        conversions: vec![conversion(("100.00", "EUR"), ("2531.05", "CZK"), "25.31050")],
        ..TransactionRequest::default()
    }
}

async fn posted(bench: &Bench, item: TransactionRequest) -> Result<PostedTransaction, Refusal> {
    let call = PostTransactionsRequest { transactions: vec![item] };
    let ctx = payment("PostTransactions");
    let answer = desk(bench).post_transactions(&ctx, call).await.unwrap().into_inner();
    match answer.results.into_iter().next().unwrap().outcome.unwrap() {
        Outcome::Posted(posted) => Ok(posted),
        Outcome::Refused(refusal) => Err(refusal),
    }
}

async fn found(bench: &Bench, id: &str) -> JournalTransaction {
    let request = GetTransactionRequest { transaction_id: id.into() };
    let answer = desk(bench).get_transaction(&machine("GetTransaction", &[]), request).await;
    answer.unwrap().into_inner().transaction.unwrap()
}

async fn opened(bench: &Bench) -> (AccountId, AccountId) {
    (bench.open(20_000).await, bench.open_account("current", money(0, "CZK")).await)
}

/// Code, currency and net of each row.
async fn trial(bench: &Bench) -> Vec<(String, String, String)> {
    let request = GetTrialBalanceRequest::default();
    let answer = desk(bench).get_trial_balance(&machine("GetTrialBalance", &[]), request).await;
    let answer = answer.unwrap().into_inner();
    assert!(answer.balanced);
    let rows = answer.rows.into_iter().map(|row| {
        let net = row.net.unwrap();
        (row.code, net.currency, net.amount)
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_goes_through_the_position_of_each_currency_and_keeps_its_rate() {
    for bench in each().await {
        let (euros, crowns) = opened(&bench).await;
        let item = exchange(euros, crowns);
        let first = posted(&bench, item.clone()).await.unwrap();
        assert_eq!(bench.balance(euros).await, (9_950, 0));
        assert_eq!(bench.balance(crowns).await, (253_105, 0));
        let kept = found(&bench, &first.transaction_id).await;
        assert_eq!(kept.conversions, item.conversions, "as it was given, trailing zero and all");
        let row = |code: &str, currency: &str, net: &str| {
            (code.to_owned(), currency.to_owned(), net.to_owned())
        };
        let after = [
            row("1010", "EUR", "-200.00"),
            row("2010", "CZK", "2531.05"),
            row("2010", "EUR", "99.50"),
            row("4010", "EUR", "0.50"),
            row("9020", "CZK", "-2531.05"),
            row("9020", "EUR", "100.00"),
        ];
        assert_eq!(trial(&bench).await, after, "zero in each currency");
        let query = "SELECT payload FROM outbox WHERE kind = 'transaction_posted' \
                     ORDER BY position DESC LIMIT 1";
        let told = sql::query_one(bench.db.read(), query, []).await.unwrap().unwrap();
        let told: Vec<u8> = told.try_get("", "payload").unwrap();
        let told = TransactionPosted::decode(told.as_slice()).unwrap();
        assert_eq!(told.conversions, item.conversions);
        // The same again is the first; another rate is other content.
        let again = posted(&bench, item.clone()).await.unwrap();
        assert_eq!((again.transaction_id, again.replayed), (first.transaction_id.clone(), true));
        let mut other = item;
        other.conversions[0].rate = "25.3105".into();
        assert_eq!(posted(&bench, other).await.unwrap_err().reason, "REFERENCE_REUSED");
        bench.assert_clean().await;
        // Its reversal takes all of it back, the position too.
        let request = ReverseTransactionRequest {
            transaction_id: first.transaction_id.clone(),
            reference: "fx/1/back".into(),
            ..ReverseTransactionRequest::default()
        };
        let ctx = with_key(payment("ReverseTransaction"), "back");
        let back = desk(&bench).reverse_transaction(&ctx, request).await.unwrap().into_inner();
        let back = found(&bench, &back.reversal.unwrap().transaction_id).await;
        assert_eq!((back.reverses, back.conversions), (first.transaction_id, vec![]));
        assert_eq!(bench.balance(crowns).await, (0, 0));
        let position = trial(&bench).await.into_iter().filter(|(code, ..)| code == "9020");
        assert!(position.into_iter().all(|(.., net)| net == "0.00"));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_conversion_is_named_by_its_field() {
    for bench in each().await {
        let (euros, crowns) = opened(&bench).await;
        let (eur, czk) = (("100.00", "EUR"), ("2531.05", "CZK"));
        let rules: [(Vec<Conversion>, &str, &str); 11] = [
            (vec![], "conversions", "REQUIRED"),
            (vec![conversion(eur, czk, "25.3107")], "conversions[0].rate", "RATE_MISMATCH"),
            (vec![conversion(czk, eur, "25.3105")], "conversions[0].rate", "RATE_MISMATCH"),
            (vec![conversion(czk, eur, "0.0395093")], "conversions", "UNBALANCED"),
            (vec![conversion(eur, czk, "25,31")], "conversions[0].rate", "MALFORMED_RATE"),
            (vec![conversion(eur, czk, "-25.31")], "conversions[0].rate", "MALFORMED_RATE"),
            (vec![conversion(eur, czk, "0")], "conversions[0].rate", "NOT_POSITIVE"),
            (vec![conversion(eur, czk, "")], "conversions[0].rate", "REQUIRED"),
            (
                vec![conversion(("0.00", "EUR"), czk, "25.3105")],
                "conversions[0].sold.amount",
                "NOT_POSITIVE",
            ),
            (
                vec![conversion(eur, ("100.00", "EUR"), "1")],
                "conversions[0].bought.currency",
                "CURRENCY_MISMATCH",
            ),
            (vec![conversion(eur, czk, "25.3105"); 9], "conversions", "TOO_MANY"),
        ];
        for (conversions, field, rule) in rules {
            let item = TransactionRequest { conversions, ..exchange(euros, crowns) };
            let refused = posted(&bench, item).await.unwrap_err();
            let told: Vec<_> =
                refused.violations.iter().map(|one| (&*one.field, &*one.rule)).collect();
            assert_eq!((refused.reason.as_str(), told), ("INVALID_REQUEST", vec![(field, rule)]));
        }
        // A leg that does not balance in one of the currencies.
        let mut item = exchange(euros, crowns);
        item.legs[5] = leg(account(crowns), "2531.06", "CZK");
        let refused = posted(&bench, item).await.unwrap_err();
        assert_eq!(
            (&*refused.violations[0].field, &*refused.violations[0].rule),
            ("legs", "UNBALANCED")
        );
        // Both sides in one currency, on the account of another.
        let mut item = exchange(euros, euros);
        item.reference = "fx/2".into();
        assert_eq!(posted(&bench, item).await.unwrap_err().reason, "CURRENCY_MISMATCH");
        assert_eq!(bench.balance(euros).await, (20_000, 0));
        bench.assert_clean().await;
    }
}

/// Within one minor unit of what is bought: a bank may round as it does, not otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn an_amount_one_minor_unit_beside_its_rate_is_taken_and_two_are_not() {
    for bench in each().await {
        let (euros, crowns) = opened(&bench).await;
        for (at, bought, taken) in
            [("2531.03", false), ("2531.04", true), ("2531.06", true), ("2531.07", false)]
                .into_iter()
                .enumerate()
                .map(|(at, (bought, taken))| (at, bought, taken))
        {
            let mut item = exchange(euros, crowns);
            item.reference = format!("fx/{at}");
            item.legs.drain(1..3);
            item.legs[0] = leg(account(euros), "-100.00", "EUR");
            item.legs[2] = leg(gl("9020"), &format!("-{bought}"), "CZK");
            item.legs[3] = leg(account(crowns), bought, "CZK");
            item.conversions = vec![conversion(("100.00", "EUR"), (bought, "CZK"), "25.3105")];
            // One of them is all that there is.
            let told = posted(&bench, item).await;
            let reason = told.as_ref().err().map(|refusal| refusal.reason.clone());
            assert_eq!(told.is_ok(), taken, "{bought}: {reason:?}");
        }
        assert_eq!(bench.balance(crowns).await, (253_104 + 253_106, 0));
        bench.assert_clean().await;
    }
}

/// Half a minor unit's worth and less buys nothing: one unit of it would be any rate at all.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_worth_nothing_at_the_rate_buys_nothing() {
    for bench in each().await {
        let (euros, crowns) = opened(&bench).await;
        let mut item = exchange(euros, crowns);
        item.legs.drain(1..3);
        item.legs[0] = leg(account(euros), "-0.01", "EUR");
        item.legs[1] = leg(gl("9020"), "0.01", "EUR");
        item.legs[2] = leg(gl("9020"), "-0.01", "CZK");
        item.legs[3] = leg(account(crowns), "0.01", "CZK");
        item.conversions = vec![conversion(("0.01", "EUR"), ("0.01", "CZK"), "0.04")];
        let refused = posted(&bench, item).await.unwrap_err();
        assert_eq!(refused.reason, "INVALID_REQUEST");
        assert_eq!(bench.balance(crowns).await, (0, 0));
    }
}

/// Two currencies that nobody converts, in one transaction: each sums to zero by itself.
#[tokio::test(flavor = "multi_thread")]
async fn legs_of_several_currencies_need_no_rate_where_nothing_is_converted() {
    for bench in each().await {
        let (euros, crowns) = opened(&bench).await;
        let item = TransactionRequest {
            conversions: vec![],
            legs: vec![
                leg(account(euros), "-1.00", "EUR"),
                leg(gl("1010"), "1.00", "EUR"),
                leg(account(crowns), "7.00", "CZK"),
                leg(gl("1010"), "-7.00", "CZK"),
            ],
            ..exchange(euros, crowns)
        };
        posted(&bench, item).await.unwrap();
        assert_eq!(bench.balance(crowns).await, (700, 0));
        // A result of the position is realised in one currency.
        let item = TransactionRequest {
            reference: "result".into(),
            kind: "fx_result".into(),
            legs: vec![leg(gl("9020"), "-1.00", "EUR"), leg(gl("4010"), "1.00", "EUR")],
            ..TransactionRequest::default()
        };
        posted(&bench, item).await.unwrap();
        bench.assert_clean().await;
    }
}
