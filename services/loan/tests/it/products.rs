//! Products and their versions.

use florin_proto::loan::v1::{
    GetProductRequest, ListProductsRequest, LoanFees, LoanGlCodes, Price,
};
use florin_testkit::place::{number, reason, violations};

use crate::bank::{Bank, person, places, product};

fn pairs(told: &[(String, String)]) -> Vec<(&str, &str)> {
    told.iter().map(|(field, rule)| (field.as_str(), rule.as_str())).collect()
}

#[tokio::test]
async fn a_version_is_told_as_it_was_made_with_its_defaults() {
    for place in places() {
        let bank = Bank::open(place).await;
        let request = GetProductRequest { code: "personal".into(), version: 0 };
        let told = bank.lending.get_product(&person("GetProduct", "clerk"), request).await;
        let version = told.unwrap().into_inner().version.unwrap();
        assert_eq!(version.version, 1);
        let told = version.product.unwrap();
        assert_eq!(told.multiple, "0.01");
        assert_eq!((told.non_accrual_days, told.allocation.len()), (90, 4));
        assert_eq!(told.underwriting.unwrap().most_debt_percent, "40");
        assert_eq!(told.gl.unwrap().principal, "1300");
        let audited = "SELECT COUNT(*) FROM audit WHERE reference = 'personal/1'";
        assert_eq!(number(&bank.db, audited).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn versions_follow_each_other_and_never_change() {
    for place in places() {
        let bank = Bank::open(place).await;
        let next = florin_proto::loan::v1::LoanProduct {
            valid_from: "2026-03-10".into(),
            most_rate: "20".into(),
            ..product()
        };
        let made = bank.create(next.clone()).await.unwrap().into_inner().version.unwrap();
        assert_eq!(made.version, 2);
        // The same day again, and another currency.
        let same = florin_proto::loan::v1::LoanProduct {
            currency: "CZK".into(),
            multiple: String::new(),
            ..next
        };
        let told = violations(bank.create(same).await);
        let expected =
            [("product.currency", "CURRENCY_MISMATCH"), ("product.valid_from", "NOT_LATER")];
        assert_eq!(pairs(&told), expected);
        // A refused version has used no number.
        let stored = "SELECT versions FROM products WHERE code = 'personal'";
        assert_eq!(number(&bank.db, stored).await.unwrap(), 2);
        // The first holds until the second's day.
        let ask = async |version| {
            let request = GetProductRequest { code: "personal".into(), version };
            let told = bank.lending.get_product(&person("GetProduct", "clerk"), request).await;
            told.unwrap().into_inner().version.unwrap().version
        };
        assert_eq!(ask(0).await, 1);
        assert_eq!(ask(2).await, 2);
        bank.ledger.set_business_date("2026-03-10");
        bank.lending.hear_of_the_date().await.unwrap();
        assert_eq!(ask(0).await, 2);
        let request = GetProductRequest { code: "personal".into(), version: 3 };
        let told = bank.lending.get_product(&person("GetProduct", "clerk"), request).await;
        assert_eq!(reason(told), "PRODUCT_NOT_FOUND");
        let list = async |code: &str, size| {
            let request = ListProductsRequest {
                code: code.into(),
                page_size: size,
                ..ListProductsRequest::default()
            };
            let ctx = person("ListProducts", "clerk");
            bank.lending.list_products(&ctx, request).await.unwrap().into_inner()
        };
        let newest = list("", 0).await;
        let versions: Vec<_> = newest.versions.iter().map(|one| one.version).collect();
        assert_eq!((versions, newest.next_page_token.as_str()), (vec![2], ""));
        let first = list("personal", 1).await;
        assert_eq!(first.versions.first().unwrap().version, 1);
        let request = ListProductsRequest {
            code: "personal".into(),
            page_size: 1,
            page_token: first.next_page_token,
        };
        let ctx = person("ListProducts", "clerk");
        let second = bank.lending.list_products(&ctx, request).await.unwrap().into_inner();
        assert_eq!(second.versions.first().unwrap().version, 2);
        assert_eq!(second.next_page_token, "");
    }
}

#[tokio::test]
async fn every_field_that_breaks_a_rule_is_told_at_once() {
    let bank = Bank::open(places().remove(0)).await;
    let wrong = florin_proto::loan::v1::LoanProduct {
        most_rate: "1000".into(),
        least_instalments: 2,
        most_instalments: 10_000,
        valid_from: "2026-02-30".into(),
        every: 13,
        fees: Some(LoanFees {
            upfront: Some(Price { amount: "1.00".into(), percent: "1".into() }),
            late: Some(Price { amount: "-1.00".into(), ..Price::default() }),
            ..LoanFees::default()
        }),
        remind_days: 61,
        gl: Some(LoanGlCodes { principal: "13 00".into(), ..LoanGlCodes::default() }),
        ..product()
    };
    let told = violations(bank.create(wrong).await);
    let expected = [
        ("product.remind_days", "OUT_OF_RANGE"),
        ("product.gl.principal", "MALFORMED_GL_CODE"),
        ("product.fees.upfront.percent", "ONE_OF"),
        ("product.valid_from", "MALFORMED_DATE"),
        ("product.most_rate", "OUT_OF_RANGE"),
        ("product.most_instalments", "OUT_OF_RANGE"),
        ("product.every", "OUT_OF_RANGE"),
    ];
    assert_eq!(pairs(&told), expected);
    let past = florin_proto::loan::v1::LoanProduct {
        code: "other".into(),
        valid_from: "2026-03-01".into(),
        ..product()
    };
    let told = violations(bank.create(past).await);
    assert_eq!(pairs(&told), [("product.valid_from", "NOT_LATER")]);
}

#[tokio::test]
async fn money_is_booked_to_posting_accounts_of_the_chart() {
    let bank = Bank::open(places().remove(0)).await;
    for (code, expected) in [("1301", "GL_ACCOUNT_NOT_FOUND"), ("2010", "GL_ACCOUNT_IS_CONTROL")] {
        let gl = LoanGlCodes { principal: code.into(), ..LoanGlCodes::default() };
        let other =
            florin_proto::loan::v1::LoanProduct { code: "other".into(), gl: Some(gl), ..product() };
        assert_eq!(reason(bank.create(other).await), expected);
    }
}
