//! What another ledger's tests say of transfers in two phases, in our terms: a pending transfer
//! is a hold of the debtor's money, posting it is a capture, voiding it a release. Its rows are
//! read from shared/data/holds (SOURCE.md says where they are from); each row runs, or is named
//! among those that do not apply, with the reason.
//!
//! Sections that do not apply at all: balancing transfers (`BDR`, `BCR`: amounts that fit
//! themselves to a balance), linked chains (`LNK`: a journal transaction has its legs instead),
//! closing transfers (`CDR`, `CCR`: an account is closed by a command, and not while it has
//! holds), and imported pending transfers (history is booked as it happened: captures with a
//! booking date are refused, see `capture_requests`). `two_phase_replays` has three sections more,
//! and names the one of which no row applies.

use std::{collections::BTreeMap, fs};

use florin_account::{
    app::command::{Command, Outcome, Work},
    domain::{
        posting::{Leg, Legs, Target},
        refusal::Refusal,
    },
    store::verify,
};
use florin_kernel::{AccountId, LARGEST_MOVEMENT};
use florin_testkit::{place::number, shared_data};

use crate::{
    bench_ledger::{
        Bench, FAR, capture, each, eur, place, place_for, reference, release, release_part,
    },
    desk::desk,
};

const SECOND: i64 = 1_000_000;

/// A pending transfer that was asked for: who pays whom, and how much.
type Pending = (String, String, i64);

struct Section {
    bench: Bench,
    name: String,
    /// Whether the sweeper runs with each tick; else the time of recording alone decides.
    swept: bool,
    accounts: BTreeMap<String, AccountId>,
    pending: BTreeMap<String, Pending>,
    ticked: i64,
    ran: usize,
    left_out: Vec<(&'static str, String)>,
}

/// The rows of a section, without remarks.
pub fn rows(file: &str, section: &str) -> Vec<Vec<String>> {
    let title = format!("### test: {section}   (");
    let body =
        file.split("### test: ").find(|part| format!("### test: {part}").starts_with(&title));
    let lines = body.unwrap().lines().skip(1).map(|line| line.split("//").next().unwrap());
    let lines = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// `_` is none; `-k` counts down from the largest amount there is.
pub fn amount(text: &str) -> i64 {
    match text.strip_prefix('-') {
        Some(below) => LARGEST_MOVEMENT - below.parse::<i64>().unwrap(),
        None => text.parse().unwrap_or(0),
    }
}

/// Why a row says nothing of a ledger like ours; None where it does.
fn not_ours(row: &[String]) -> Option<&'static str> {
    let (result, flags) = (row.last().unwrap().as_str(), &row[11..]);
    let has = |flag: &str| flags.iter().any(|one| one == flag);
    if has("CDR") || has("CCR") || ["T16", "T17"].contains(&row[1].as_str()) {
        return Some("closing transfers are that engine's own");
    }
    match result {
        "timestamp_must_be_zero"
        | "id_must_not_be_zero"
        | "id_must_not_be_int_max"
        | "pending_id_must_not_be_zero"
        | "pending_id_must_not_be_int_max" => Some("references are texts, and required"),
        "flags_are_mutually_exclusive"
        | "pending_id_must_be_different"
        | "timeout_reserved_for_pending_transfer" => {
            Some("a hold, a capture and a release are messages of their own")
        }
        "id_already_failed" => Some("a refused reference made nothing and may be used again"),
        "pending_transfer_has_different_debit_account_id"
        | "pending_transfer_has_different_credit_account_id"
        | "pending_transfer_has_different_ledger"
        | "pending_transfer_has_different_code" => {
            Some("a release names its hold and how much, and nothing else")
        }
        "pending_transfer_has_different_amount" => Some("a release may be of a part"),
        _ => None,
    }
}

impl Section {
    fn reference(&self, id: &str) -> String {
        format!("{}/{id}", self.name)
    }

    fn account(&self, name: &str) -> AccountId {
        self.accounts[name]
    }

    async fn open(&mut self, name: &str) {
        // Accounts without limits in the file: these have more than is ever spent.
        let account = self.bench.open_with_limit(4 * LARGEST_MOVEMENT).await;
        self.bench.tick(account, FAR).await;
        self.accounts.insert(name.to_owned(), account);
    }

    /// The command of a transfer.
    fn command(&mut self, row: &[String]) -> Command {
        let [id, debit, credit, minor, pending] = [1, 2, 3, 4, 5].map(|at| row[at].as_str());
        let text = self.reference(id);
        let has = |flag: &str| row[11..].iter().any(|one| one == flag);
        let user_data = row[6..9].join(" ");
        if has("PEN") {
            let seconds: i64 = row[9].parse().unwrap_or(0);
            self.pending.insert(id.into(), (debit.into(), credit.into(), amount(minor)));
            let account = self.account(debit);
            return match seconds {
                0 => place(&text, account, amount(minor)),
                _ => place_for(&text, account, amount(minor), seconds * SECOND),
            };
        }
        let hold = self.reference(pending);
        let known = self.pending.get(pending).cloned();
        if has("VOI") && amount(minor) > 0 {
            return release_part(&text, &hold, amount(minor));
        }
        // A capture of nothing is a release.
        if has("VOI") || (has("POS") && amount(minor) == 0) {
            return release(&text, &hold);
        }
        let (from, to, minor) = match known.filter(|_| has("POS")) {
            // The greatest number there stands for all of it.
            Some((from, to, whole)) if minor == "-0" => (from, to, whole),
            Some((from, to, _)) => (from, to, amount(minor)),
            None => (debit.to_owned(), credit.to_owned(), amount(minor)),
        };
        let captures = [(hold.as_str(), Some(minor), false)];
        let captures = if has("POS") { &captures[..] } else { &[] };
        let mut command = capture(&text, self.account(&from), minor, captures);
        let Work::Post(post) = &mut command.work else { unreachable!() };
        let leg = |name: &str, minor| {
            let target = Target::Account(self.account(name));
            Leg { target, amount: eur(minor), counterparty: String::new() }
        };
        post.legs = Legs::new(vec![leg(&from, -minor), leg(&to, minor)]).unwrap();
        post.reference = reference(&text, &[pending, &minor.to_string(), &user_data]);
        command
    }

    async fn transfer(&mut self, row: &[String]) {
        if let Some(why) = not_ours(row) {
            self.left_out.push((why, row.join(" ")));
            return;
        }
        let outcome = {
            let command = self.command(row);
            self.bench.run(command).await
        };
        let expected = row.last().unwrap().as_str();
        let as_expected = match (expected, &outcome) {
            ("created", Outcome::Posted { replayed, .. } | Outcome::Held { replayed, .. }) => {
                !replayed
            }
            ("exists", Outcome::Posted { replayed, .. } | Outcome::Held { replayed, .. }) => {
                *replayed
            }
            (
                "pending_transfer_not_found" | "pending_transfer_not_pending",
                Outcome::Refused(Refusal::HoldNotFound { .. }),
            )
            | (
                "exceeds_pending_transfer_amount",
                Outcome::Refused(
                    Refusal::CaptureExceedsHold { .. } | Refusal::ReleaseExceedsHold { .. },
                ),
            )
            | (
                "pending_transfer_already_posted" | "pending_transfer_already_voided",
                Outcome::Refused(Refusal::HoldNotOpen { .. }),
            ) => true,
            ("pending_transfer_expired", Outcome::Refused(Refusal::HoldNotOpen { .. })) => {
                self.swept
            }
            ("pending_transfer_expired", Outcome::Refused(Refusal::HoldExpired { .. })) => {
                !self.swept
            }
            (other, Outcome::Refused(Refusal::ReferenceReused { .. })) => {
                other.starts_with("exists_with_different_")
            }
            _ => false,
        };
        assert!(as_expected, "{}: {} became {outcome:?}", self.name, row.join(" "));
        self.ran += 1;
    }

    /// Moves the clock of every account, and has the sweeper look where it does.
    async fn tick(&mut self, seconds: i64) {
        self.ticked += seconds * SECOND;
        for account in self.accounts.values() {
            self.bench.tick(*account, FAR + self.ticked).await;
        }
        if self.swept {
            self.sweep().await;
        }
    }

    async fn sweep(&self) {
        let now = florin_kernel::UnixMicros(FAR + self.ticked);
        let look = desk(&self.bench).expire_due(now).await.unwrap();
        assert_eq!(look.due, look.expired);
    }

    /// Credits to come are no holds of ours: what is pending there is seen on the debtor alone.
    async fn look_up_account(&mut self, row: &[String]) {
        let [held, debits, _, credits] = [2, 3, 4, 5].map(|at| amount(&row[at]));
        let (posted, on_hold) = self.bench.balance(self.account(&row[1])).await;
        let line = row.join(" ");
        assert_eq!(posted, credits - debits, "{}: {line}", self.name);
        assert!(on_hold == held || !self.swept, "{}: {line}: {on_hold}", self.name);
        self.ran += 1;
    }

    /// Whether there is such a record, or of how much.
    async fn look_up_transfer(&mut self, row: &[String]) {
        let text = self.reference(&row[1]);
        let found = match row[2].as_str() {
            "exists" => {
                format!("SELECT COUNT(*) FROM ledger_references WHERE reference = '{text}'")
            }
            "amount" => format!(
                "SELECT CAST((SELECT COALESCE(SUM(l.amount), 0) FROM journal AS j \
                 JOIN journal_legs AS l ON l.transaction_id = j.id \
                 WHERE j.reference = '{text}' AND l.amount > 0) + (SELECT COALESCE(SUM(amount), 0) \
                 FROM holds WHERE reference = '{text}') AS BIGINT)"
            ),
            other => panic!("{other}"),
        };
        let expected = match row[3].as_str() {
            "true" => 1,
            "false" => 0,
            minor => amount(minor),
        };
        let found = number(&self.bench.db, &found).await.unwrap();
        assert_eq!(found, expected, "{}: {}", self.name, row.join(" "));
        self.ran += 1;
    }

    /// The history of the debtor, in the words of the file's change events.
    async fn look_up_events(&self, expected: &[Vec<String>]) {
        let account = self.account("A1");
        let (mut told, mut after) = (Vec::new(), 0);
        loop {
            let at = account.to_string();
            let page = verify::events_after(self.bench.db.read(), (&at, after), 100).await.unwrap();
            let own = page.into_iter().filter(|row| row.account == at);
            let own: Vec<_> = own.map(|row| row.event.unwrap().0).collect();
            let Some(last) = own.last() else { break };
            after = last.version;
            told.extend(own.into_iter().map(|event| (event.kind, event.delta + event.held_delta)));
        }
        let words = |row: &Vec<String>| -> Vec<(String, i64)> {
            let minor = amount(&row[3]);
            let one = |kind: &str, minor| vec![(kind.to_owned(), minor)];
            match row[1].as_str() {
                "PEN" => one("hold_placed", minor),
                "EXP" => one("hold_expired", -minor),
                "VOI" => one("hold_released", -minor),
                "POS" => [one("hold_captured", -minor), one("debited", -minor)].concat(),
                _ => one("debited", -minor),
            }
        };
        let expected = expected.iter().flat_map(words);
        let expected: Vec<_> = [("opened".to_owned(), 0)].into_iter().chain(expected).collect();
        assert_eq!(told, expected);
    }
}

/// Runs a section on each database; the rows that ran and those left out, of one of them.
async fn run(name: &str, swept: bool) -> Option<(usize, Vec<(&'static str, String)>)> {
    let folder = shared_data("holds")?;
    let file = fs::read_to_string(folder.join("state_machine_tables.txt")).unwrap();
    let rows = rows(&file, name);
    let mut counted = None;
    for bench in each().await {
        let mut section = Section {
            bench,
            name: name.split_whitespace().collect::<Vec<_>>().join("_"),
            swept,
            accounts: BTreeMap::new(),
            pending: BTreeMap::new(),
            ticked: 0,
            ran: 0,
            left_out: Vec::new(),
        };
        let mut events = Vec::new();
        for row in &rows {
            match row[0].as_str() {
                "account" => section.open(&row[1]).await,
                "transfer" => section.transfer(row).await,
                "tick" => {
                    assert_eq!(row[2], "seconds");
                    section.tick(row[1].parse().unwrap()).await;
                }
                "lookup_account" => section.look_up_account(row).await,
                "lookup_transfer" => section.look_up_transfer(row).await,
                "get_change_events_result" => {
                    let closing =
                        row.iter().any(|word| ["T6", "T7", "T16", "T17"].contains(&&**word));
                    if !closing {
                        events.push(row.clone());
                    }
                }
                "commit" | "get_change_events" => {}
                other => panic!("{other}"),
            }
        }
        if !events.is_empty() {
            section.look_up_events(&events).await;
        }
        section.sweep().await;
        section.bench.assert_clean().await;
        counted = Some((section.ran, section.left_out));
    }
    counted
}

/// What was left out, by reason.
fn reasons(left_out: &[(&'static str, String)]) -> BTreeMap<&'static str, usize> {
    let mut reasons = BTreeMap::new();
    for (why, _) in left_out {
        *reasons.entry(*why).or_default() += 1;
    }
    reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transfers_are_posted_voided_and_told_apart_as_the_table_says() {
    for swept in [true, false] {
        let Some((ran, left_out)) = run("create/lookup 2-phase transfers", swept).await else {
            return;
        };
        let reasons = reasons(&left_out);
        let expected = BTreeMap::from([
            ("references are texts, and required", 5),
            ("a hold, a capture and a release are messages of their own", 13),
            ("a refused reference made nothing and may be used again", 1),
            ("a release names its hold and how much, and nothing else", 4),
            ("a release may be of a part", 1),
        ]);
        assert_eq!((ran, &reasons), (51, &expected), "{left_out:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_amount_is_held_and_captured_whole() {
    let name = "create/lookup 2-phase transfers (amount=maxInt)";
    let Some((ran, left_out)) = run(name, true).await else { return };
    assert_eq!((ran, left_out), (7, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transfers_expire_after_their_time_and_not_before() {
    for swept in [true, false] {
        let Some((ran, left_out)) = run("create/lookup expired transfers", swept).await else {
            return;
        };
        assert_eq!((ran, left_out), (22, vec![]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_an_account_tells_each_phase() {
    let Some((ran, left_out)) = run("get_change_events", true).await else { return };
    let expected = BTreeMap::from([("closing transfers are that engine's own", 4)]);
    assert_eq!((ran, reasons(&left_out)), (7, expected));
}
