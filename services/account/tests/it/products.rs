use florin_account::store::chart;
use florin_kernel::Money;

use crate::bench_ledger::each;

#[tokio::test(flavor = "multi_thread")]
async fn the_products_of_the_first_start_have_a_maximum_overdraft_a_currency() {
    for bench in each().await {
        let products = chart::products(bench.db.read()).await.unwrap();
        let [current, savings] = products.as_slice() else { panic!("{products:?}") };
        assert_eq!((current.code.as_str(), savings.code.as_str()), ("current", "savings"));
        let maximum = |code: &str| current.overdraft_maximum(code.parse().unwrap());
        assert_eq!(maximum("EUR"), Money::parse("EUR", "5000.00").unwrap());
        assert_eq!(maximum("BHD"), Money::parse("BHD", "0").unwrap());
        assert!(savings.overdraft_maxima.is_empty());
    }
}
