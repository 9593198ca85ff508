//! The databases are broken by hand in each way, and the proof names it.

use anyhow::{Result, ensure};
use florin_testkit::Bank;
use sea_orm::{ConnectionTrait, Database};

use crate::world::{expect, holder, transfer};

/// What is broken: the database, the statements, and a word of the finding.
const BREAKS: [(&str, &[&str], &str); 22] = [
    (
        "account",
        &[
            "UPDATE account_events SET delta = delta + 1 WHERE version = 2 AND account_id = (SELECT MIN(id) FROM accounts)",
        ],
        "hash",
    ),
    (
        "account",
        &[
            "DELETE FROM account_events WHERE version = 2 AND account_id = (SELECT MIN(id) FROM accounts)",
        ],
        "version",
    ),
    (
        "account",
        &[
            "INSERT INTO account_events SELECT account_id, version + 100, kind, transaction_id, leg, hold_id, delta, held_delta, posted_after, held_after, counterparty, detail, booking_date, value_date, recorded_at, hash FROM account_events WHERE version = 2 AND account_id = (SELECT MIN(id) FROM accounts)",
        ],
        "version",
    ),
    (
        "account",
        &["UPDATE accounts SET posted = posted + 100 WHERE id = (SELECT MIN(id) FROM accounts)"],
        "projection",
    ),
    (
        "account",
        &[
            "INSERT INTO holds (id, account_id, caller, reference, amount, remaining, currency, status, placed_at, expires_at, correlation, initiator) SELECT 'hld_01890a5d-ac96-774b-bcce-b302099a8057', MIN(id), 'payment', 'trf_01890a5d-ac96-774b-bcce-b302099a8057/hold', 5, 5, 'EUR', 1, 0, NULL, '', '{}' FROM accounts",
        ],
        "hold",
    ),
    (
        "account",
        &[
            "UPDATE account_events SET version = version + 1 WHERE version = (SELECT MAX(version) FROM account_events AS e WHERE e.account_id = account_events.account_id) AND account_id = (SELECT MIN(id) FROM accounts)",
        ],
        "version",
    ),
    (
        "account",
        &[
            "INSERT INTO journal SELECT 'txn_01890a5d-ac96-774b-bcce-b302099a8057', caller, reference || '/again', kind, description, booking_date, value_date, recorded_at, reverses, correlation, initiator FROM journal WHERE kind = 'transfer' LIMIT 1",
            "INSERT INTO journal_legs SELECT 'txn_01890a5d-ac96-774b-bcce-b302099a8057', leg, account_id, gl_code, currency, amount, counterparty, booking_date FROM journal_legs WHERE transaction_id = (SELECT MIN(id) FROM journal WHERE kind = 'transfer')",
        ],
        "/again",
    ),
    (
        "payment",
        &[
            "INSERT INTO transfers (id, kind, status, debtor_account, debtor_iban, creditor_account, creditor_iban, cash_gl_code, currency, amount, description, screening, failure_reason, failure_message, transaction_id, steps, position, initiator, idempotency_key, traceparent, created_at, changed_at, due_at, lease_until, lease_token, attempts, unanswered_at) SELECT 'trf_01890a5d-ac96-774b-bcce-b302099a8057', kind, status, debtor_account, debtor_iban, creditor_account, creditor_iban, cash_gl_code, currency, amount, description, screening, failure_reason, failure_message, transaction_id, steps, position, initiator, idempotency_key, traceparent, created_at, changed_at, due_at, lease_until, lease_token, attempts, unanswered_at FROM transfers WHERE kind = 1 AND status = 4 LIMIT 1",
        ],
        "trf_01890a5d-ac96-774b-bcce-b302099a8057 is COMPLETED",
    ),
    (
        "payment",
        &[
            "UPDATE transfers SET status = 5, failure_reason = 'X', failure_message = 'X', steps = REPLACE(steps, '[4,', '[5,'), transaction_id = NULL WHERE id = (SELECT MIN(id) FROM transfers WHERE kind = 1)",
        ],
        "ended unpaid",
    ),
    (
        "payment",
        &[
            "UPDATE transfers SET amount = amount + 1 WHERE id = (SELECT MIN(id) FROM transfers WHERE kind = 1)",
        ],
        "1.01",
    ),
    (
        "payment",
        &["DELETE FROM transfers WHERE id = (SELECT MIN(id) FROM transfers WHERE kind = 1)"],
        "trf_",
    ),
    (
        "account",
        &["DELETE FROM ledger_references WHERE record = 'void'"],
        "its reference is not void in the ledger",
    ),
    (
        "account",
        &[
            "UPDATE ledger_references SET record = 'void' WHERE reference = (SELECT MIN(reference) FROM journal WHERE kind = 'transfer')",
        ],
        "and its reference was voided for",
    ),
    (
        "account",
        &[
            "INSERT INTO ledger_references (caller, reference, fingerprint, record) SELECT caller, 'trf_01890a5d-ac96-774b-bcce-b302099a8057/post', fingerprint, record FROM ledger_references WHERE record = 'void'",
        ],
        "trf_01890a5d-ac96-774b-bcce-b302099a8057/post was voided for INSUFFICIENT_FUNDS and has no transfer",
    ),
    (
        "payment",
        &[
            "UPDATE transfers SET relation = 1, original = (SELECT original FROM transfers WHERE relation = 1), original_transaction = (SELECT original_transaction FROM transfers WHERE relation = 1) WHERE idempotency_key = 'b'",
        ],
        "is refunded, which is of",
    ),
    (
        "payment",
        &[
            "UPDATE transfers SET relation = 2, original = (SELECT original FROM transfers WHERE relation = 1), original_transaction = (SELECT original_transaction FROM transfers WHERE relation = 1) WHERE idempotency_key = 'b'",
        ],
        "is refunded and reversed, by",
    ),
    (
        "account",
        &["UPDATE journal SET reverses = NULL WHERE reverses IS NOT NULL"],
        "reverses nothing",
    ),
    (
        "payment",
        &[
            "UPDATE transfers SET idempotency_scope = 'order sto_01890a5d-ac96-774b-bcce-b302099a8057', idempotency_key = '2027-01-31/' || CASE idempotency_key WHEN 'a' THEN '1' ELSE '2' END WHERE idempotency_key IN ('a', 'b')",
        ],
        "for 2027-01-31, which was paid before",
    ),
    (
        "payment",
        &["UPDATE limit_usage SET used = used + 1 WHERE id LIKE 'account/%'"],
        "is used of account/",
    ),
    (
        "payment",
        &["DELETE FROM reservations WHERE id = (SELECT MIN(id) FROM transfers WHERE kind = 1)"],
        "is used of account/",
    ),
    (
        "payment",
        &[
            "UPDATE reservations SET amount = amount + 1 WHERE id = (SELECT MIN(id) FROM transfers WHERE kind = 1)",
        ],
        "counts 1.01 EUR against limits",
    ),
    (
        "reporting",
        &["DELETE FROM inbox WHERE event_id = (SELECT MIN(event_id) FROM inbox)"],
        "reporting lacks evt_",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_names_each_way_of_breaking_the_bank() -> Result<()> {
    let mut bank = Bank::embedded().await?;
    let staff = bank.rest_as(None).await?;
    let anna = holder(&bank, &staff, "Anna", Some("10.00")).await?;
    let boris = holder(&bank, &staff, "Boris", None).await?;
    let body = transfer(&anna.account, &boris.account, "1.00");
    let mut paths = Vec::new();
    for key in ["a", "b", "refunded", "reversed"] {
        let paid = anna.rest.post_and_wait("/v1/transfers", key, &body).await?;
        assert_eq!(paid.text("/status"), "TRANSFER_STATUS_COMPLETED");
        paths.push(format!("/v1/transfers/{}", paid.text("/transferId")));
        if key == "a" {
            let limit = serde_json::json!({
                "scope": "LIMIT_SCOPE_ACCOUNT", "subject": anna.account,
                "period": "LIMIT_PERIOD_DAY", "amount": "1000.00", "currency": "EUR",
            });
            expect(staff.post("/v1/limits:set", "limit", &limit).await?, 200)?;
        }
    }
    let refund = serde_json::json!({"amount": "0.40", "currency": "EUR"});
    let path = format!("{}:refund", paths[2]);
    let back = boris.rest.post_and_wait(&path, "refund", &refund).await?;
    assert_eq!(back.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", back.json);
    let path = format!("{}:reverse", paths[3]);
    let back = staff.post_and_wait(&path, "reverse", &serde_json::json!({})).await?;
    assert_eq!(back.text("/status"), "TRANSFER_STATUS_COMPLETED", "{}", back.json);
    let body = transfer(&anna.account, &boris.account, "100.00");
    let unpaid = anna.rest.post_and_wait("/v1/transfers", "c", &body).await?;
    assert_eq!(unpaid.text("/status"), "TRANSFER_STATUS_FAILED");
    bank.prove().await?;
    // What is younger than 10 s is listed as in flight, not as a breach.
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    bank.stop("up").await?;
    let whole = bank.data().with_extension("whole");
    copy(&bank.data(), &whole)?;
    for (database, statements, word) in BREAKS {
        let file = bank.data().join(format!("{database}.db"));
        let connection = Database::connect(format!("sqlite:{}", file.display())).await?;
        for statement in statements {
            connection.execute_unprepared(statement).await?;
        }
        connection.close().await?;
        bank.start("up").await?;
        let (clean, report) = bank.run(&["prove"]).await?;
        ensure!(!clean, "unnoticed: {statements:?}\n{report}");
        ensure!(report.contains(word), "{statements:?} is not named by {word}:\n{report}");
        bank.stop("up").await?;
        std::fs::remove_dir_all(bank.data())?;
        copy(&whole, &bank.data())?;
    }
    bank.start("up").await?;
    bank.prove().await
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
