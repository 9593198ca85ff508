use std::time::Duration;

use florin_store::lease;

use crate::engines::places;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder() {
    for place in places() {
        let db = place.open().await;
        let asking: Vec<_> = (0..8)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move {
                    lease::acquire(&db, "relay/0", &format!("holder {n}"), LONG).await.unwrap()
                })
            })
            .collect();
        let mut granted = Vec::new();
        for answer in asking {
            granted.extend(answer.await.unwrap());
        }
        let [held] = granted.as_slice() else { panic!("{granted:?}") };
        assert!(lease::acquire(&db, "relay/0", &held.holder, LONG).await.unwrap().is_none());
        assert!(lease::acquire(&db, "relay/1", "another", LONG).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_lease_that_ended_goes_to_the_next_holder_with_a_greater_token() {
    for place in places() {
        let db = place.open().await;
        let first = lease::acquire(&db, "l", "first", Duration::ZERO).await.unwrap().unwrap();
        let second = lease::acquire(&db, "l", "second", LONG).await.unwrap().unwrap();
        assert!(second.token > first.token && second.until > first.until);
        assert_eq!(lease::renew(&db, &first, LONG).await.unwrap(), None);
        lease::release(&db, &first).await.unwrap();
        assert_eq!(lease::acquire(&db, "l", "third", LONG).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_lease_can_be_renewed_and_given_back() {
    for place in places() {
        let db = place.open().await;
        let held = lease::acquire(&db, "l", "first", Duration::ZERO).await.unwrap().unwrap();
        let renewed = lease::renew(&db, &held, LONG).await.unwrap().unwrap();
        assert!(renewed.until > held.until);
        assert_eq!(renewed.token, held.token);
        assert_eq!(lease::acquire(&db, "l", "second", LONG).await.unwrap(), None);
        lease::release(&db, &renewed).await.unwrap();
        assert!(lease::acquire(&db, "l", "second", LONG).await.unwrap().is_some());
        assert_eq!(lease::renew(&db, &renewed, LONG).await.unwrap(), None);
    }
}

#[tokio::test]
async fn many_leases_are_taken_and_renewed_in_one_transaction() {
    for place in places() {
        let db = place.open().await;
        lease::acquire(&db, "p/1", "another", LONG).await.unwrap().unwrap();
        let names = ["p/2", "p/0", "p/1", "p/0"];
        let mut taken = lease::acquire_many(&db, &names, "me", LONG).await.unwrap();
        taken.sort_by(|left, right| left.name.cmp(&right.name));
        let held: Vec<_> = taken.iter().map(|lease| lease.name.as_str()).collect();
        assert_eq!(held, ["p/0", "p/2"]);
        lease::release(&db, &taken[0]).await.unwrap();
        lease::acquire(&db, "p/0", "another", LONG).await.unwrap().unwrap();
        let renewed = lease::renew_many(&db, &taken, LONG).await.unwrap();
        let held: Vec<_> = renewed.iter().map(|lease| lease.name.as_str()).collect();
        assert_eq!(held, ["p/2"]);
    }
}

#[tokio::test]
async fn a_lease_from_the_future_is_taken_and_one_that_runs_is_not() {
    for place in places() {
        let db = place.open().await;
        // Taken while the clock was an hour ahead.
        lease::acquire(&db, "l", "first", Duration::from_secs(3_600)).await.unwrap().unwrap();
        let second = lease::acquire(&db, "l", "second", LONG).await.unwrap();
        assert_eq!(second.unwrap().holder, "second");
        assert_eq!(lease::acquire(&db, "l", "third", LONG).await.unwrap(), None);
    }
}
