//! Products that are mapped to another control account.

use florin_account::app::command::Outcome;
use florin_kernel::AccountId;
use florin_proto::account::v1::{
    CreateGlAccountRequest, GetTransactionRequest, GetTrialBalanceRequest, GlClass,
    ListControlMappingsRequest, Reclassification, RemapProductRequest, RemapProductResponse,
};
use florin_rpc::Error;
use futures_util::future::join_all;

use crate::{
    bench_ledger::{Bench, convert, each, money, place, post},
    desk::{desk, machine, teller},
};

async fn add(bench: &Bench, code: &str, class: GlClass, control: bool) {
    let request = CreateGlAccountRequest {
        code: code.into(),
        name: format!("Account {code}"),
        class: class.into(),
        control,
    };
    let added = desk(bench).create_gl_account(&teller("CreateGlAccount"), request).await.unwrap();
    assert_eq!(added.into_inner().gl_account.unwrap().control, control);
}

async fn remap(
    bench: &Bench,
    product: &str,
    currency: &str,
    code: &str,
) -> Result<RemapProductResponse, Error> {
    let request = RemapProductRequest {
        product: product.into(),
        currency: currency.into(),
        control_gl_code: code.into(),
    };
    match desk(bench).remap_product(&teller("RemapProduct"), request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(Error::from_status(&status)),
    }
}

/// Code, currency, net of each row.
async fn trial(bench: &Bench) -> Vec<(String, String, String)> {
    let ctx = machine("GetTrialBalance", &[]);
    let answer = desk(bench).get_trial_balance(&ctx, GetTrialBalanceRequest::default()).await;
    let answer = answer.unwrap().into_inner();
    assert!(answer.balanced);
    let rows = answer.rows.into_iter().map(|row| {
        let net = row.net.unwrap();
        (row.code, net.currency, net.amount)
    });
    rows.filter(|(.., net)| net != "0.00").collect()
}

fn row(code: &str, currency: &str, net: &str) -> (String, String, String) {
    (code.into(), currency.into(), net.into())
}

fn told(one: &Reclassification) -> (&str, &str, &str, &str) {
    let balance = one.balance.as_ref().unwrap();
    (&one.from_gl_code, &one.to_gl_code, &balance.currency, &balance.amount)
}

/// Two accounts in euros, one in crowns and one of another product.
async fn filled(bench: &Bench) -> [AccountId; 4] {
    let accounts = [
        bench.open(10_000).await,
        bench.open(500).await,
        bench.open_account("current", money(0, "CZK")).await,
        bench.open_account("savings", money(0, "EUR")).await,
    ];
    bench.run(convert("fx", accounts[0], accounts[2], 1_000)).await;
    bench.run(post("save", &[(accounts[0], -300), (accounts[3], 300)])).await;
    accounts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_takes_its_balance_along_and_later_entries_are_stamped_anew() {
    for bench in each().await {
        let accounts = filled(&bench).await;
        let before = trial(&bench).await;
        assert!(before.contains(&row("2010", "EUR", "92.00")), "{before:?}");
        add(&bench, "2012", GlClass::Liability, true).await;
        let done = remap(&bench, "current", "", "2012").await.unwrap();
        let moved: Vec<_> = done.reclassifications.iter().map(told).collect();
        let expected = [("2010", "2012", "CZK", "250.00"), ("2010", "2012", "EUR", "92.00")];
        assert_eq!(moved, expected);
        let after: Vec<_> = before
            .into_iter()
            .map(|(code, currency, net)| {
                (if code == "2010" { "2012".into() } else { code }, currency, net)
            })
            .collect();
        assert_eq!(trial(&bench).await, after, "the same in sum");
        bench.assert_clean().await;
        let booked = bench.run(post("later", &[(accounts[0], -100), (accounts[1], 100)])).await;
        let Outcome::Posted { transaction, .. } = booked else { panic!("{booked:?}") };
        let query = format!(
            "SELECT COUNT(*) FROM journal_legs WHERE transaction_id = '{transaction}' \
             AND gl_code = '2012'"
        );
        assert_eq!(florin_testkit::place::number(&bench.db, &query).await.unwrap(), 2);
        // An account that is opened now goes by the new mapping too.
        bench.open(100).await;
        assert!(trial(&bench).await.contains(&row("2012", "EUR", "93.00")));
        bench.assert_clean().await;
        // The same again books nothing; and there is a way back.
        let again = remap(&bench, "current", "", "2012").await.unwrap();
        assert!(again.reclassifications.is_empty());
        let back = remap(&bench, "current", "", "2010").await.unwrap();
        assert_eq!(back.reclassifications.len(), 2);
        assert!(trial(&bench).await.iter().all(|(code, ..)| code != "2012"));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_currency_is_mapped_by_itself_and_then_stays_where_it_is() {
    for bench in each().await {
        let accounts = filled(&bench).await;
        add(&bench, "2011", GlClass::Liability, true).await;
        add(&bench, "2012", GlClass::Liability, true).await;
        let crowns = remap(&bench, "current", "CZK", "2011").await.unwrap();
        let moved: Vec<_> = crowns.reclassifications.iter().map(told).collect();
        assert_eq!(moved, [("2010", "2011", "CZK", "250.00")]);
        let rest = remap(&bench, "current", "", "2012").await.unwrap();
        let moved: Vec<_> = rest.reclassifications.iter().map(told).collect();
        assert_eq!(moved, [("2010", "2012", "EUR", "92.00")]);
        bench.run(convert("fx2", accounts[0], accounts[2], 100)).await;
        let rows = trial(&bench).await;
        for expected in [row("2011", "CZK", "275.00"), row("2012", "EUR", "91.00")] {
            assert!(rows.contains(&expected), "{rows:?}");
        }
        let ctx = machine("ListControlMappings", &[]);
        let list = desk(&bench).list_control_mappings(&ctx, ListControlMappingsRequest {}).await;
        let list: Vec<_> = list
            .unwrap()
            .into_inner()
            .mappings
            .into_iter()
            .map(|one| (one.product, one.currency, one.control_gl_code))
            .collect();
        let expected =
            [row("current", "", "2012"), row("current", "CZK", "2011"), row("savings", "", "2020")];
        assert_eq!(list, expected);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_mapped_to_a_control_account_of_its_class_only() {
    for bench in each().await {
        filled(&bench).await;
        add(&bench, "1100", GlClass::Asset, true).await;
        let before = trial(&bench).await;
        for (product, currency, code, reason) in [
            ("current", "", "7777", "GL_ACCOUNT_NOT_FOUND"),
            ("current", "", "9010", "GL_ACCOUNT_IS_POSTING"),
            ("current", "", "1100", "GL_CLASS_DIFFERS"),
            ("nothing", "", "2010", "PRODUCT_NOT_FOUND"),
        ] {
            let refused = remap(&bench, product, currency, code).await.unwrap_err();
            assert_eq!(refused.reason(), reason, "{product} {currency} {code}");
        }
        let malformed = remap(&bench, "current", "euro", "20 10").await.unwrap_err();
        let fields: Vec<_> = malformed.field_violations().iter().map(|one| &*one.field).collect();
        assert_eq!(fields, ["currency", "control_gl_code"]);
        assert_eq!(trial(&bench).await, before);
        bench.assert_clean().await;
    }
}

/// Each posting is stamped with one of them: what came before is taken along, what comes later
/// goes by the new one.
#[tokio::test(flavor = "multi_thread")]
async fn postings_beside_a_remapping_leave_no_entry_behind() {
    for bench in each().await {
        let accounts = filled(&bench).await;
        add(&bench, "2012", GlClass::Liability, true).await;
        let posts = (0..60).map(|at| {
            let (bench, from, to) = (&bench, accounts[0], accounts[3]);
            async move { bench.run(post(&format!("p{at}"), &[(from, -10), (to, 10)])).await }
        });
        let turns = async {
            for code in ["2012", "2010", "2012"] {
                remap(&bench, "current", "", code).await.unwrap();
            }
        };
        let (booked, ()) = tokio::join!(join_all(posts), turns);
        assert!(booked.iter().all(|one| matches!(one, Outcome::Posted { .. })), "{booked:?}");
        bench.assert_clean().await;
        let rows = trial(&bench).await;
        assert!(rows.iter().all(|(code, ..)| code != "2010"), "{rows:?}");
        assert!(rows.contains(&row("2012", "EUR", "86.00")), "{rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reclassification_is_a_journal_transaction_that_nobody_reverses() {
    for bench in each().await {
        let accounts = filled(&bench).await;
        add(&bench, "2012", GlClass::Liability, true).await;
        bench.run(place("h", accounts[0], 100)).await;
        let done = remap(&bench, "current", "EUR", "2012").await.unwrap();
        let id = done.reclassifications[0].transaction_id.clone();
        let request = GetTransactionRequest { transaction_id: id.clone() };
        let found = desk(&bench).get_transaction(&machine("GetTransaction", &[]), request).await;
        let found = found.unwrap().into_inner().transaction.unwrap();
        assert_eq!((found.kind.as_str(), found.legs.len()), ("reclassification", 2));
        let reversed = bench.run(crate::bench_ledger::reverse("r", id.parse().unwrap())).await;
        assert!(matches!(
            reversed,
            Outcome::Refused(florin_account::domain::refusal::Refusal::GlIsControl { .. })
        ));
        // The answer of a key is that of the first time.
        let ctx = teller("RemapProduct");
        let request = RemapProductRequest {
            product: "current".into(),
            currency: "EUR".into(),
            control_gl_code: "2010".into(),
        };
        let desk = desk(&bench);
        let first = desk.remap_product(&ctx, request.clone()).await.unwrap().into_inner();
        let again = desk.remap_product(&ctx, request).await.unwrap().into_inner();
        assert_eq!((first.reclassifications.len(), &again), (1, &first));
        bench.assert_clean().await;
    }
}
