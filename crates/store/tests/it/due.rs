//! Rows that are due, claimed by one of several workers.

use std::time::Duration;

use florin_kernel::UnixMicros;
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Due, Row},
};

use crate::{engines::places, rows::thing};

const DUE: Due<'_> = Due {
    table: "things",
    id_column: "id",
    columns: "id, number, content, flag, note, due, lease_until, lease_token",
    due_column: "due",
    lease_until_column: "lease_until",
    lease_token_column: "lease_token",
    taken_over_column: Some("number"),
};

/// A claim of ten rows, each for 100 microseconds; none is put off for longer than 1 ms.
const fn claiming(now: i64) -> Claiming {
    Claiming {
        now: UnixMicros(now),
        lease_until: UnixMicros(now + 100),
        longest_wait: Duration::from_millis(1),
        limit: 10,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_row_goes_to_one_of_several_claimers() {
    for place in places() {
        let db = place.open().await;
        db.write(async |tx: Tx| {
            let rows = (0..100).map(|n| row! {"id": format!("{n:03}"), "due": n}).collect();
            rows::insert_many(&tx, "things", &[("id", Column::Text), ("due", Column::Int)], rows)
                .await
        })
        .await
        .unwrap();
        let claimers: Vec<_> = (0..4)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(async |tx: Tx| {
                        let claiming = Claiming { limit: 25, ..claiming(200) };
                        let claimed = rows::claim_due(&tx, &DUE, &claiming).await?;
                        // Long enough for the others to meet these rows locked.
                        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                        Ok::<_, StoreError>(claimed)
                    })
                    .await
                    .unwrap()
                })
            })
            .collect();
        let (mut all, mut tokens) = (Vec::new(), Vec::new());
        for claimer in claimers {
            let claimed = claimer.await.unwrap();
            let ids: Vec<_> = claimed.rows.iter().map(|row| thing(row).0).collect();
            assert!(ids.is_sorted(), "those due first in front: {ids:?}");
            for row in &claimed.rows {
                assert_eq!(row.try_get::<String>("", "lease_token").unwrap(), claimed.token);
            }
            all.extend(ids);
            tokens.push(claimed.token);
        }
        all.sort();
        all.dedup();
        tokens.sort();
        tokens.dedup();
        assert_eq!((all.len(), tokens.len()), (100, 4));
    }
}

#[tokio::test]
async fn a_claimed_row_is_claimed_again_only_when_its_lease_has_ended() {
    for place in places() {
        let db = place.open().await;
        let columns = [("id", Column::Text), ("due", Column::Int)];
        let rows = vec![
            row! {"id": "due", "due": 10},
            row! {"id": "later", "due": 1_000},
            row! {"id": "never"},
        ];
        db.write(async |tx: Tx| rows::insert_many(&tx, "things", &columns, rows.clone()).await)
            .await
            .unwrap();
        let claim = async |now: i64| {
            db.write(async |tx: Tx| rows::claim_due(&tx, &DUE, &claiming(now)).await)
                .await
                .unwrap()
                .rows
                .iter()
                .map(|row| thing(row).0)
                .collect::<Vec<_>>()
        };
        assert_eq!(claim(9).await, [""; 0]);
        assert_eq!(claim(10).await, ["due"]);
        assert_eq!(claim(109).await, [""; 0]);
        assert_eq!(claim(110).await, ["due"]);
    }
}

/// The rows that are claimed at 10,000, as id and mark of a take-over.
async fn claimed(rows: &[Row]) -> Vec<Vec<(String, Option<i64>)>> {
    let columns = [
        ("id", Column::Text),
        ("due", Column::Int),
        ("lease_until", Column::Int),
        ("lease_token", Column::Text),
        ("number", Column::Int),
    ];
    let mut of_places = Vec::new();
    for place in places() {
        let db = place.open().await;
        let insert = async |tx: Tx| {
            rows::insert_many(&tx, "things", &columns, rows.to_vec()).await?;
            rows::claim_due(&tx, &DUE, &claiming(10_000)).await
        };
        let claimed = db.write(insert).await.unwrap();
        of_places.push(claimed.rows.iter().map(|row| (thing(row).0, thing(row).1)).collect());
    }
    of_places
}

#[tokio::test]
async fn a_row_that_was_not_given_back_is_marked_when_it_is_taken_over() {
    let rows = [
        row! {"id": "new", "due": 1},
        row! {"id": "returned", "due": 2, "number": 7},
        row! {"id": "taken", "due": 3, "lease_until": 10_000, "lease_token": "x", "number": 7},
        row! {"id": "held", "due": 4, "lease_until": 10_001, "lease_token": "x"},
    ];
    for found in claimed(&rows).await {
        let expected = [("new", None), ("returned", Some(7)), ("taken", Some(10_000))];
        assert_eq!(found, expected.map(|(id, mark)| (id.to_owned(), mark)));
    }
}

#[tokio::test]
async fn what_a_clock_ahead_has_put_off_is_claimed_and_what_waits_is_not() {
    // 2 ms after now are twice the longest wait; 200 after now twice a lease.
    let rows = [
        row! {"id": "waits", "due": 12_000},
        row! {"id": "ahead", "due": 12_001},
        row! {"id": "leased", "due": 1, "lease_until": 10_200, "lease_token": "x"},
        row! {"id": "leased ahead", "due": 1, "lease_until": 10_201, "lease_token": "x"},
        row! {"id": "both", "due": 99_999, "lease_until": 99_999, "lease_token": "x"},
    ];
    for found in claimed(&rows).await {
        let expected = [("leased ahead", Some(10_000)), ("ahead", None), ("both", Some(10_000))];
        assert_eq!(found, expected.map(|(id, mark)| (id.to_owned(), mark)));
    }
    let many: Vec<_> = (0..20)
        .map(|n| row! {"id": format!("{n:02}"), "due": if n < 4 { 99_999 } else { n }})
        .collect();
    for found in claimed(&many).await {
        let expected: Vec<_> = (4..14).map(|n| (format!("{n:02}"), None)).collect();
        assert_eq!(found, expected, "what is due comes first, and no more than the limit");
    }
}
