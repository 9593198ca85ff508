use florin_kernel::Date;

use crate::bank::Folder;

#[test]
fn operators_ask_rebuild_and_replay_on_a_running_bank() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&["--demo"]);
    let day = folder.florin(&["ops", "business-date"]);
    assert_eq!(day.code, Some(0), "{day:?}");
    assert_eq!(day.stdout.trim().len(), "2026-11-21".len(), "{day:?}");

    let none = folder.florin(&["ops", "rebuild", "--status"]);
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("REBUILD_NOT_FOUND"), "{none:?}");
    let built = folder.florin(&["ops", "rebuild"]);
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.stdout.contains("are built anew of"), "{built:?}");
    let done = folder.florin(&["ops", "rebuild", "--status"]);
    assert_eq!((done.code, done.stdout), (Some(0), built.stdout));
    let cif = folder.florin(&["ops", "rebuild", "cif"]);
    assert!(cif.stderr.contains("no read model"), "{cif:?}");

    let future = folder.florin(&["ops", "replay", "account", "--since", "2999-01-01T00:00:00Z"]);
    assert!(future.stdout.starts_with("0 events"), "{future:?}");
    let all = folder.florin(&["ops", "replay", "account"]);
    assert!(all.code == Some(0) && !all.stdout.starts_with("0 events"), "{all:?}");
    let letters = folder.florin(&["ops", "dead-letters", "list"]);
    assert_eq!(letters.stdout.lines().count(), 5, "{letters:?}");
    assert!(bank.stop().success());
}

#[test]
fn a_repeated_advance_closes_no_second_day_and_no_refusal_outlives_its_cause() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let open = || {
        let day = folder.florin(&["ops", "business-date"]);
        florin_kernel::parse_date(day.stdout.trim()).unwrap()
    };
    let first = open();
    let advance = |closing: Date| {
        folder.florin(&["ops", "business-date", "advance", "--closing", &closing.to_string()])
    };
    let unnamed = folder.florin(&["ops", "business-date", "advance"]);
    assert_eq!(unnamed.code, Some(2), "{unnamed:?}");
    assert!(unnamed.stderr.contains("--closing"), "{unnamed:?}");
    assert_eq!(open(), first);

    // Ten days without business, of which one is taken back: the same line finds it.
    let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).skip(1).take(10);
    let days: Vec<String> = days.map(|day| day.to_string()).collect();
    for day in &days {
        let added = folder.florin(&["ops", "business-date", "add-holiday", day, "rest"]);
        assert_eq!(added.code, Some(0), "{added:?}");
    }
    let none = advance(first);
    assert!(none.code == Some(2) && none.stderr.contains("NO_BUSINESS_DAY"), "{none:?}");
    let weekday = |day: &&String| {
        let day = florin_kernel::parse_date(day).unwrap();
        day.weekday().to_monday_one_offset() <= 5
    };
    let free = days.iter().find(weekday).unwrap();
    let removed = folder.florin(&["ops", "business-date", "remove-holiday", free]);
    assert_eq!(removed.code, Some(0), "{removed:?}");

    let told = format!("{first} is closed, {free} was opened\n");
    for _ in 0..2 {
        let done = advance(first);
        assert_eq!((done.code, &done.stdout), (Some(0), &told), "{done:?}");
        assert_eq!(open().to_string(), *free);
    }
    assert!(bank.stop().success());
}

#[test]
fn the_letters_of_the_others_are_listed_though_a_role_is_away() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let mesh = folder.path().join("data/mesh.json");
    let mut addresses: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&mesh).unwrap()).unwrap();
    addresses["services"]["cif"] = "127.0.0.1:1".into();
    std::fs::write(&mesh, addresses.to_string()).unwrap();
    let listed = folder.florin(&["ops", "dead-letters", "list"]);
    assert_eq!(listed.code, Some(2), "{listed:?}");
    assert!(listed.stdout.contains("cif: not asked"), "{listed:?}");
    assert!(listed.stdout.contains("reporting: 0 dead letters"), "{listed:?}");
    assert!(bank.stop().success());
}

#[test]
fn the_probe_finds_a_bank_by_its_folder() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let ready = folder.florin(&["probe"]);
    assert_eq!((ready.code, ready.stdout.trim()), (Some(0), "200 ready"), "{ready:?}");
    assert!(bank.stop().success());
}
