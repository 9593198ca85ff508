use std::time::{Duration, Instant};

use florin_kernel::UnixMicros;
use florin_store::{
    Database, StoreError, Tx,
    idempotency::{self, Answer, Key, Lookup},
};

use crate::engines::{is_postgres, number, places};

fn key(name: &str, payload: u8) -> Key {
    Key {
        scope: "issuer|client|subject".into(),
        method: "/florin.payment.v1.PaymentService/CreateTransfer".into(),
        key: name.into(),
        fingerprint: [payload; 32],
    }
}

fn answer(body: &str) -> Answer {
    Answer { code: 9, body: body.as_bytes().to_vec() }
}

/// Claims, and answers if the key was new.
async fn run(db: &Database, key: &Key, body: &str) -> Result<Lookup, StoreError> {
    db.write(async |tx: Tx| {
        let found = idempotency::claim(&tx, key).await?;
        if found == Lookup::New {
            idempotency::store(&tx, key, &answer(body)).await?;
        }
        Ok(found)
    })
    .await
}

#[tokio::test]
async fn a_key_replays_its_answer_and_refuses_another_payload() {
    for place in places() {
        let db = place.open().await;
        let first = key("k", 1);
        assert_eq!(idempotency::look_up(db.read(), &first).await.unwrap(), Lookup::New);
        assert_eq!(run(&db, &first, "first").await.unwrap(), Lookup::New);
        let replay = Lookup::Replay(answer("first"));
        assert_eq!(run(&db, &first, "second").await.unwrap(), replay);
        assert_eq!(idempotency::look_up(db.read(), &first).await.unwrap(), replay);
        let other = key("k", 2);
        assert_eq!(run(&db, &other, "third").await.unwrap(), Lookup::OtherPayload);
        assert_eq!(idempotency::look_up(db.read(), &other).await.unwrap(), Lookup::OtherPayload);
        for (scope, method) in [("somebody else", ""), ("", "another method")] {
            let mut elsewhere = first.clone();
            elsewhere.scope.push_str(scope);
            elsewhere.method.push_str(method);
            assert_eq!(run(&db, &elsewhere, "own").await.unwrap(), Lookup::New);
        }
    }
}

#[tokio::test]
async fn a_key_whose_effect_rolled_back_is_new_again() {
    for place in places() {
        let db = place.open().await;
        let key = key("k", 1);
        let failed: Result<(), StoreError> = db
            .write(async |tx: Tx| {
                idempotency::claim(&tx, &key).await?;
                Err(StoreError::Corrupt("on purpose".into()))
            })
            .await;
        failed.unwrap_err();
        assert_eq!(run(&db, &key, "first").await.unwrap(), Lookup::New);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_at_once_one_executes_and_the_rest_replay() {
    for place in places() {
        let db = place.open().await;
        let calls: Vec<_> = (0..100)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move {
                    let mut asked = 0;
                    loop {
                        asked += 1;
                        // A claim waits a second for the one before it; on a machine that
                        // stalls it asks again.
                        match run(&db, &key("k", 1), &format!("run {n}")).await {
                            Err(StoreError::Locked | StoreError::KeyInUse) if asked < 60 => {}
                            done => return done,
                        }
                    }
                })
            })
            .collect();
        let (mut new, mut bodies) = (0, Vec::new());
        for call in calls {
            match call.await.unwrap().unwrap() {
                Lookup::New => new += 1,
                Lookup::Replay(answer) => bodies.push(answer.body),
                Lookup::OtherPayload => panic!("the payload was the same"),
            }
        }
        bodies.dedup();
        assert_eq!((new, bodies.len()), (1, 1));
    }
}

/// On SQLite the second waits for the only writer, which is the pool's limit, not the key's.
#[tokio::test(flavor = "multi_thread")]
async fn the_wait_for_a_key_in_use_ends_after_a_second() {
    for place in places() {
        let db = place.open().await;
        if !is_postgres(&db) {
            continue;
        }
        let (claimed, is_claimed) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = tokio::sync::oneshot::channel();
        let first = {
            let db = db.clone();
            let mut once = Some((claimed, may_finish));
            tokio::spawn(async move {
                db.write(|tx: Tx| {
                    let once = once.take();
                    async move {
                        let (claimed, may_finish) = once.unwrap();
                        idempotency::claim(&tx, &key("k", 1)).await?;
                        claimed.send(()).unwrap();
                        may_finish.await.unwrap();
                        idempotency::store(&tx, &key("k", 1), &answer("late")).await
                    }
                })
                .await
            })
        };
        is_claimed.await.unwrap();
        let started = Instant::now();
        let busy = run(&db, &key("k", 1), "second").await;
        assert!(matches!(busy, Err(StoreError::KeyInUse)), "{busy:?}");
        let waited = started.elapsed();
        assert!(waited > Duration::from_millis(900) && waited < Duration::from_secs(60));
        finish.send(()).unwrap();
        first.await.unwrap().unwrap();
        let replay = run(&db, &key("k", 1), "third").await.unwrap();
        assert_eq!(replay, Lookup::Replay(answer("late")));
    }
}

#[tokio::test]
async fn a_batch_claims_and_answers_many_keys() {
    for place in places() {
        let db = place.open().await;
        run(&db, &key("b", 1), "old b").await.unwrap();
        run(&db, &key("c", 9), "old c").await.unwrap();
        let keys = [key("d", 1), key("c", 1), key("b", 1), key("a", 1)];
        let claimed = db
            .write(async |tx: Tx| {
                let claimed = idempotency::claim_many(&tx, &keys).await?;
                let answers: Vec<_> =
                    [&keys[0], &keys[3]].map(|key| (key.clone(), answer(&key.key))).to_vec();
                idempotency::store_many(&tx, &answers).await?;
                Ok::<_, StoreError>(claimed)
            })
            .await
            .unwrap();
        let old_b = Lookup::Replay(answer("old b"));
        assert_eq!(claimed, [Lookup::New, Lookup::OtherPayload, old_b, Lookup::New]);
        let found = idempotency::look_up_many(db.read(), &keys).await.unwrap();
        assert_eq!(found[0], Lookup::Replay(answer("d")));
        assert_eq!(found[3], Lookup::Replay(answer("a")));
    }
}

#[tokio::test]
async fn misuse_fails_the_transaction() {
    for place in places() {
        let db = place.open().await;
        let unclaimed = db
            .write(async |tx: Tx| idempotency::store(&tx, &key("k", 1), &answer("x")).await)
            .await;
        assert!(matches!(unclaimed, Err(StoreError::Corrupt(_))), "{unclaimed:?}");
        let twice = [key("k", 1), key("k", 2)];
        let twice = db.write(async |tx: Tx| idempotency::claim_many(&tx, &twice).await).await;
        assert!(matches!(twice, Err(StoreError::Corrupt(_))), "{twice:?}");
    }
}

#[tokio::test]
async fn old_keys_are_pruned_and_new_ones_kept() {
    for place in places() {
        let db = place.open().await;
        run(&db, &key("old", 1), "old").await.unwrap();
        let between = db.write(async |tx: Tx| tx.now().await).await.unwrap();
        let between = UnixMicros(between.0 + 1);
        while db.write(async |tx: Tx| tx.now().await).await.unwrap() < between {
            tokio::task::yield_now().await;
        }
        run(&db, &key("new", 1), "new").await.unwrap();
        assert_eq!(idempotency::prune(&db, between).await.unwrap(), 1);
        assert_eq!(idempotency::prune(&db, between).await.unwrap(), 0);
        assert_eq!(number(&db, "SELECT count(*) FROM idempotency_keys").await, 1);
        assert_eq!(run(&db, &key("old", 2), "again").await.unwrap(), Lookup::New);
    }
}

#[tokio::test]
async fn a_claim_given_back_is_as_new_and_nothing_else_is_given_back() {
    for place in places() {
        let db = place.open().await;
        let (given, kept) = (key("given", 1), key("kept", 1));
        run(&db, &kept, "kept").await.unwrap();
        db.write(async |tx: Tx| {
            idempotency::claim(&tx, &given).await?;
            idempotency::give_back_many(&tx, &[&given]).await
        })
        .await
        .unwrap();
        assert_eq!(run(&db, &key("given", 2), "second").await.unwrap(), Lookup::New);
        for not_claimed in [&kept, &key("unknown", 1)] {
            let outcome = db
                .write(async |tx: Tx| idempotency::give_back_many(&tx, &[not_claimed]).await)
                .await;
            assert!(matches!(outcome, Err(StoreError::Corrupt(_))), "{outcome:?}");
        }
        let replay = Lookup::Replay(answer("kept"));
        assert_eq!(idempotency::look_up(db.read(), &kept).await.unwrap(), replay);
    }
}

#[tokio::test]
async fn answers_are_stored_with_their_keys_and_what_was_answered_before_is_told() {
    for place in places() {
        let db = place.open().await;
        let all = |numbers: &[u8]| -> Vec<_> {
            let mut all: Vec<_> = numbers
                .iter()
                .map(|number| (key(&format!("k{number}"), *number), answer(&number.to_string())))
                .collect();
            all.reverse();
            all
        };
        let store = async |answers: Vec<(Key, Answer)>| {
            db.write(async |tx: Tx| idempotency::answer_many(&tx, &answers).await).await
        };
        assert_eq!(store(all(&[1, 2])).await.unwrap(), [Lookup::New, Lookup::New]);
        let (two, three) = (Lookup::Replay(answer("2")), Lookup::New);
        assert_eq!(store(all(&[2, 3])).await.unwrap(), [three, two]);
        let other = vec![(key("k3", 9), answer("9"))];
        assert_eq!(store(other).await.unwrap(), [Lookup::OtherPayload]);
        for (key, answer) in all(&[1, 2, 3]) {
            let found = idempotency::look_up(db.read(), &key).await.unwrap();
            assert_eq!(found, Lookup::Replay(answer));
        }
        let twice = vec![(key("k4", 4), answer("4")), (key("k4", 5), answer("5"))];
        assert!(matches!(store(twice).await, Err(StoreError::Corrupt(_))));
        assert!(store(Vec::new()).await.unwrap().is_empty());
    }
}
