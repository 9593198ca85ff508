//! Rates.

use std::time::Duration;

use florin_gateway::{Limit, Rate};

#[test]
fn a_used_up_rate_says_how_long_to_wait_and_leaves_others_alone() {
    let limit = Limit::new(Rate::of(1, 3));
    for _ in 0..3 {
        assert_eq!(limit.take("a"), Ok(()));
    }
    // A machine that stalls earns one more a second.
    let wait = (0..100).find_map(|_| limit.take("a").err()).unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    assert_eq!(limit.take("b"), Ok(()));
}
