use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, Keyed},
};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::engines::{number, places};

const COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Text),
    ("number", Column::Int),
    ("content", Column::Bytes),
    ("flag", Column::Bool),
    ("note", Column::Text),
];

const THINGS: Keyed<'static> =
    Keyed { table: "things", id_column: "id", columns: "id, number, content, flag, note" };

type Thing = (String, Option<i64>, Option<Vec<u8>>, Option<bool>, Option<String>);

pub fn thing(row: &QueryResult) -> Thing {
    (
        row.try_get("", "id").unwrap(),
        row.try_get("", "number").unwrap(),
        row.try_get("", "content").unwrap(),
        row.try_get("", "flag").unwrap(),
        row.try_get("", "note").unwrap(),
    )
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn columns_that_are_null_in_some_or_all_rows_stay_null_in_those() {
    for place in places() {
        let db = place.open().await;
        let rows = vec![
            row! {"id": "a"},
            row! {"id": "b", "content": vec![1_u8, 2]},
            row! {"id": "c", "content": Vec::<u8>::new()},
            row! {"id": "d", "content": vec![3_u8]},
        ];
        let found = db
            .write(async |tx: Tx| {
                rows::insert_many(&tx, "things", COLUMNS, rows.clone()).await?;
                let set = [("number", Column::Int), ("content", Column::Bytes)];
                let key = [("id", Column::Text)];
                let nothing = vec![row! {"id": "d"}];
                rows::update_many(&tx, "things", &key, &set, nothing).await?;
                rows::lock_by_id(&tx, THINGS, &ids(&["a", "b", "c", "d"])).await
            })
            .await
            .unwrap();
        let contents: Vec<_> = found.iter().map(thing).map(|thing| thing.2).collect();
        assert_eq!(contents, [None, Some(vec![1, 2]), Some(Vec::new()), None]);
        let others = found.iter().map(thing);
        assert!(others.into_iter().all(|one| (one.1, one.3, one.4) == (None, None, None)));
    }
}

#[tokio::test]
async fn rows_come_back_as_they_went_in() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let text = "O'Brien; \"quoted\" \\ \n\t $1 'é' 漢 🏦 {\"a\": null}";
    for place in places() {
        let db = place.open().await;
        let rows = vec![
            row! {"id": "z", "number": 999_999_999_999_999_999_i64, "content": every_byte.clone(),
            "flag": true, "note": text},
            row! {"id": "a", "number": i64::MIN, "content": Vec::<u8>::new(), "flag": false, "note": ""},
            row! {"id": "null"},
        ];
        let (inserted, found) = db
            .write(async |tx: Tx| {
                let inserted = rows::insert_many(&tx, "things", COLUMNS, rows.clone()).await?;
                let wanted = ids(&["a", "absent", "null", "z"]);
                let found = rows::lock_by_id(&tx, THINGS, &wanted).await?;
                Ok::<_, StoreError>((inserted, found))
            })
            .await
            .unwrap();
        assert_eq!(inserted, 3);
        let found: Vec<_> = found.iter().map(thing).collect();
        let expected: Vec<Thing> = vec![
            ("a".into(), Some(i64::MIN), Some(vec![]), Some(false), Some(String::new())),
            ("null".into(), None, None, None, None),
            (
                "z".into(),
                Some(999_999_999_999_999_999),
                Some(every_byte.clone()),
                Some(true),
                Some(text.into()),
            ),
        ];
        assert_eq!(found, expected);
        let read = rows::read_by_id(db.read(), THINGS, &ids(&["z"])).await.unwrap();
        assert_eq!(thing(&read[0]).4.as_deref(), Some(text));
    }
}

/// PostgreSQL gets the texts of a column as one text where no text has the characters that it is
/// taken apart by, and as an array where one has.
#[tokio::test]
async fn texts_stay_apart_whatever_is_in_them() {
    let columns = [("id", Column::Text), ("note", Column::Text)];
    let texts = |notes: &[Option<&str>]| {
        let pairs = notes.iter().enumerate();
        pairs.map(|(at, note)| (format!("n{at}"), note.map(str::to_owned))).collect::<Vec<_>>()
    };
    for place in places() {
        let db = place.open().await;
        let cases: [&[Option<&str>]; 11] = [
            &[Some("")],
            &[None],
            &[None, None],
            &[Some(""), Some("")],
            &[Some(""), None, Some("a"), Some("")],
            &[Some("a\u{1f}b"), Some("c")],
            &[Some("\u{1e}"), Some("c")],
            &[Some("\u{1f}"), None, Some("")],
            &[Some(""), None, Some("x"), Some("a\u{1f}b"), None, Some("\u{1e}"), Some("")],
            &[None, Some("\u{1e}\u{1f}")],
            &[Some("{a,\"b\"}"), Some("NULL"), Some("null"), Some("\\x1f"), Some("$1 ' --")],
        ];
        for notes in cases {
            let wanted = texts(notes);
            let rows =
                wanted.iter().map(|(id, note)| row! {"id": id.as_str(), "note": note.clone()});
            let rows: Vec<_> = rows.collect();
            let found = db
                .write(async |tx: Tx| {
                    rows::insert_many(&tx, "things", &columns, rows.clone()).await?;
                    let ids: Vec<_> = wanted.iter().map(|(id, _)| id.clone()).collect();
                    let found = rows::lock_by_id(&tx, THINGS, &ids).await?;
                    florin_store::sql::execute(&tx, "DELETE FROM things", []).await?;
                    Ok::<_, StoreError>(found)
                })
                .await
                .unwrap();
            let found: Vec<_> = found.iter().map(|row| (thing(row).0, thing(row).4)).collect();
            assert_eq!(found, wanted);
        }
    }
}

#[tokio::test]
async fn ids_and_dates_are_written_as_they_are_shown() {
    let account = florin_kernel::AccountId::from_parts(1_700_000_000_000, [7; 10]);
    let date = florin_kernel::Date::constant(2026, 11, 21);
    let columns = [("id", Column::Text), ("note", Column::Text)];
    for place in places() {
        let db = place.open().await;
        let found = db
            .write(async |tx: Tx| {
                let rows = vec![row! {"id": account, "note": date}, row! {"id": "b", "note": "x"}];
                rows::insert_many(&tx, "things", &columns, rows).await?;
                rows::lock_by_id(&tx, THINGS, &[account.to_string()]).await
            })
            .await
            .unwrap();
        assert_eq!(thing(&found[0]).0, account.to_string());
        assert_eq!(thing(&found[0]).4, Some("2026-11-21".to_owned()));
    }
}

#[tokio::test]
async fn ids_sort_bytewise_whatever_the_locale() {
    for place in places() {
        let db = place.open().await;
        let names = ["b", "B", "a_", "aZ", "é", "A"];
        let found = db
            .write(async |tx: Tx| {
                let rows = names.iter().map(|id| row! {"id": *id}).collect();
                rows::insert_many(&tx, "things", &COLUMNS[..1], rows).await?;
                rows::lock_by_id(&tx, THINGS, &ids(&names)).await
            })
            .await
            .unwrap();
        let found: Vec<_> = found.iter().map(|row| thing(row).0).collect();
        assert_eq!(found, ["A", "B", "aZ", "a_", "b", "é"]);
    }
}

#[tokio::test]
async fn insert_new_tells_which_were_new_and_leaves_the_others_alone() {
    for place in places() {
        let db = place.open().await;
        let columns = [("id", Column::Text), ("number", Column::Int)];
        let insert = async |pairs: &[(&str, i64)]| {
            let rows: Vec<_> =
                pairs.iter().map(|(id, number)| row! {"id": *id, "number": *number}).collect();
            let new = db.write(async |tx: Tx| {
                rows::insert_new(&tx, "things", &columns, &["id"], rows.clone(), "id").await
            });
            let mut new = new.await.unwrap();
            new.sort();
            new
        };
        assert_eq!(insert(&[("a", 1), ("b", 2)]).await, ["a", "b"]);
        assert_eq!(insert(&[("a", 7), ("b", 7), ("c", 3), ("c", 4)]).await, ["c"]);
        assert_eq!(insert(&[("a", 7)]).await, [""; 0]);
        assert_eq!(insert(&[]).await, [""; 0]);
        assert_eq!(number(&db, "SELECT CAST(sum(number) AS BIGINT) FROM things").await, 6);
    }
}

#[tokio::test]
async fn update_many_changes_the_named_columns_of_the_rows_found() {
    for place in places() {
        let db = place.open().await;
        let key = [("id", Column::Text)];
        let set = [("number", Column::Int), ("content", Column::Bytes), ("flag", Column::Bool)];
        let (changed, found) = db
            .write(async |tx: Tx| {
                let before = ["a", "b", "c"].map(|id| row! {"id": id, "note": "kept"}).to_vec();
                rows::insert_many(&tx, "things", COLUMNS, before).await?;
                let after = vec![
                    row! {"id": "a", "number": 1, "content": vec![0_u8, 255], "flag": true},
                    row! {"id": "absent", "number": 2},
                    row! {"id": "c", "number": 3},
                ];
                let changed = rows::update_many(&tx, "things", &key, &set, after).await?;
                let all = rows::lock_by_id(&tx, THINGS, &ids(&["a", "b", "c"])).await?;
                Ok::<_, StoreError>((changed, all))
            })
            .await
            .unwrap();
        assert_eq!(changed, 2);
        let found: Vec<_> = found.iter().map(thing).collect();
        let kept = Some("kept".to_owned());
        assert_eq!(found[0], ("a".into(), Some(1), Some(vec![0, 255]), Some(true), kept.clone()));
        assert_eq!(found[1], ("b".into(), None, None, None, kept.clone()));
        assert_eq!(found[2], ("c".into(), Some(3), None, None, kept));
    }
}

#[tokio::test]
async fn ten_thousand_rows_are_one_statement() {
    for place in places() {
        let db = place.open().await;
        let rows: Vec<_> =
            (0..10_000).map(|n| row! {"id": format!("{n:05}"), "number": n}).collect();
        let changed = db
            .write(async |tx: Tx| {
                rows::insert_many(&tx, "things", COLUMNS, rows.clone()).await?;
                let (key, set) = ([("id", Column::Text)], [("number", Column::Int)]);
                rows::update_many(&tx, "things", &key, &set, rows.clone()).await
            })
            .await
            .unwrap();
        assert_eq!(changed, 10_000);
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 10_000);
    }
}

#[tokio::test]
async fn one_refused_row_refuses_all() {
    for place in places() {
        let db = place.open().await;
        let rows = vec![row! {"id": "a"}, row! {"id": "b", "number": i64::MAX}];
        let refused = db
            .write(async |tx: Tx| rows::insert_many(&tx, "things", COLUMNS, rows.clone()).await)
            .await;
        assert!(
            matches!(&refused, Err(StoreError::Conflict { constraint }) if constraint == "small"),
            "{refused:?}"
        );
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 0);
    }
}

#[tokio::test]
async fn portable_sql_takes_lists_of_any_length() {
    for place in places() {
        let db = place.open().await;
        let query = format!(
            "SELECT count(*) FROM things WHERE id {} AND number = $2",
            rows::among(db.engine(), 1)
        );
        let many: Vec<_> = (0..50_000).map(|n| n.to_string()).collect();
        let query = db.engine().statement(query, [rows::texts(db.engine(), &many), 1_i64.into()]);
        let row = db.read().query_one_raw(query).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0);
    }
}
