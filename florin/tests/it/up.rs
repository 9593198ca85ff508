use crate::bank::{Folder, florin};

#[test]
fn a_second_telling_of_the_demo_moves_nothing_twice() {
    let folder = Folder::new();
    let (bank, first) = folder.up(&["--demo"]);
    for part in [
        "10000.00 CZK for Jana: COMPLETED",
        "by his IBAN: COMPLETED",
        "FAILED, INSUFFICIENT_FUNDS",
        "Jana has 7500.00 CZK",
        "Petr has 2500.00 CZK",
        "proof clean",
    ] {
        assert!(first.contains(part), "{part} is not in\n{first}");
    }
    assert!(!first.contains("Idempotent-Replayed"), "{first}");
    assert!(bank.stop().success());

    let (bank, second) = folder.up(&["--demo"]);
    for part in
        ["Idempotent-Replayed", "Jana has 7500.00 CZK", "Petr has 2500.00 CZK", "proof clean"]
    {
        assert!(second.contains(part), "{part} is not in\n{second}");
    }
    assert!(bank.stop().success());
}

#[test]
fn says_in_one_line_that_the_data_is_in_use() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let second = folder.florin(&["up"]);
    assert_eq!(second.code, Some(1));
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    assert!(second.stderr.contains("in use by another `florin up`"), "{}", second.stderr);
    assert!(bank.stop().success());
}

#[test]
fn two_banks_run_beside_each_other_and_know_their_own_addresses() {
    let (one, other) = (Folder::new(), Folder::new());
    let (first, _) = one.up(&[]);
    let (second, _) = other.up(&[]);
    for folder in [&one, &other] {
        let proof = folder.florin(&["prove"]);
        assert_eq!(proof.code, Some(0), "{proof:?}");
    }
    assert!(first.stop().success());
    assert!(second.stop().success());
}

#[test]
fn goes_on_after_kill_9() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&["--demo"]);
    bank.kill();
    let (bank, said) = folder.up(&["--demo"]);
    assert!(said.contains("Jana has 7500.00 CZK"), "{said}");
    assert!(bank.stop().success());
}

#[test]
fn a_token_is_all_that_token_prints() {
    let folder = Folder::new();
    let (bank, _) = folder.up(&[]);
    let token = folder.florin(&["token", "--scope", "accounts:read"]);
    assert_eq!(token.code, Some(0), "{token:?}");
    assert_eq!(token.stdout.trim().split('.').count(), 3, "{token:?}");
    let refused = folder.florin(&["token", "--secret", "wrong"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    assert!(bank.stop().success());
}

#[test]
fn says_how_to_start_a_bank_where_none_runs() {
    let folder = Folder::new();
    for words in [&["prove"][..], &["token"][..], &["ops", "dead-letters", "list"][..]] {
        let ended = folder.florin(words);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("florin up --data"), "{ended:?}");
    }
    assert!(!florin().arg("up").arg("--no-such").output().unwrap().status.success());
}
