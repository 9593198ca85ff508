//! What a batch writes: one multi-row statement a table.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{AccountId, HoldId};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Cell, Column, Prepared, Row},
    sql,
};

use super::{accruals, set_aside, statements, working::Working};
use crate::domain::hold::Hold;

/// Writes everything but outbox, audit and answers.
///
/// # Errors
/// Those of the database.
pub async fn all(tx: &Tx, working: &mut Working) -> Result<(), StoreError> {
    events(tx, working).await?;
    accounts(tx, working).await?;
    journal(tx, working).await?;
    turnover(tx, working).await?;
    accruals::write(tx, working).await?;
    set_aside::write(tx, working).await?;
    statements::write(tx, working).await?;
    holds(tx, working).await?;
    holders(tx, working).await?;
    references(tx, working).await
}

async fn events(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let columns = [
        ("account_id", Column::Text),
        ("version", Column::Int),
        ("kind", Column::Text),
        ("transaction_id", Column::Text),
        ("leg", Column::Int),
        ("hold_id", Column::Text),
        ("delta", Column::Int),
        ("held_delta", Column::Int),
        ("posted_after", Column::Int),
        ("held_after", Column::Int),
        ("counterparty", Column::Text),
        ("detail", Column::Text),
        ("booking_date", Column::Text),
        ("value_date", Column::Text),
        ("recorded_at", Column::Int),
        ("hash", Column::Bytes),
    ];
    let rows = working.writes.events.iter().map(|(event, hash)| {
        row! {
            "account_id": event.account_id, "version": event.version, "kind": event.kind.as_str(),
            "transaction_id": event.transaction_id, "leg": event.leg,
            "hold_id": event.hold_id,
            "delta": event.delta, "held_delta": event.held_delta,
            "posted_after": event.posted_after, "held_after": event.held_after,
            "counterparty": event.counterparty.as_str(), "detail": event.detail.as_str(),
            "booking_date": event.booking_date,
            "value_date": event.value_date,
            "recorded_at": event.recorded_at.0, "hash": hash.clone(),
        }
    });
    Prepared::of(tx, &columns, rows)?.insert(tx, "account_events").await.map(|_| ())
}

async fn accounts(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let touched: BTreeSet<AccountId> =
        working.writes.events.iter().map(|(event, _)| event.account_id).collect();
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for id in touched {
        let found = working.accounts.get(&id).zip(working.hashes.get(&id));
        let (account, hash) =
            found.ok_or_else(|| StoreError::Corrupt(format!("{id} has events but no row")))?;
        let changing = row! {
            "id": id, "status": account.status.number(), "version": account.version,
            "posted": account.posted, "held": account.held, "last_hash": hash.clone(),
            "last_recorded_at": working.time_of(id).0,
        };
        if working.writes.opened.contains(&id) {
            new.push(changing.and(row! {
                "iban": account.iban.as_str(), "product": account.product.as_str(),
                "control_gl": account.control_gl.as_str(),
                "currency": Cell::Fixed(account.currency.code()),
                "overdraft_limit": account.overdraft_limit, "opened_on": account.opened_on,
                "reference": account.reference.as_str(),
            }));
        } else {
            changed.push(changing);
        }
    }
    let projection = [
        ("status", Column::Int),
        ("version", Column::Int),
        ("posted", Column::Int),
        ("held", Column::Int),
        ("last_hash", Column::Bytes),
        ("last_recorded_at", Column::Int),
    ];
    let fixed = [
        ("id", Column::Text),
        ("iban", Column::Text),
        ("product", Column::Text),
        ("control_gl", Column::Text),
        ("currency", Column::Text),
        ("overdraft_limit", Column::Int),
        ("opened_on", Column::Text),
        ("reference", Column::Text),
    ];
    let columns = [&fixed[..], &projection[..]].concat();
    Prepared::of(tx, &columns, new)?.insert(tx, "accounts").await?;
    let expected = changed.len();
    if expected == 0 {
        return Ok(());
    }
    let found =
        many::update_many(tx, "accounts", &[("id", Column::Text)], &projection, changed).await?;
    if usize::try_from(found) != Ok(expected) {
        return Err(StoreError::Corrupt(format!("{expected} accounts locked, {found} written")));
    }
    Ok(())
}

async fn journal(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::Text),
        ("caller", Column::Text),
        ("reference", Column::Text),
        ("kind", Column::Text),
        ("description", Column::Text),
        ("booking_date", Column::Text),
        ("value_date", Column::Text),
        ("recorded_at", Column::Int),
        ("reverses", Column::Text),
        ("correlation", Column::Text),
        ("initiator", Column::Text),
    ];
    let rows = working.writes.journal.iter().map(|row| {
        row! {
            "id": row.id, "caller": row.caller.as_str(), "reference": row.reference.as_str(), "kind": row.kind.as_str(),
            "description": row.description.as_str(), "booking_date": row.booking_date,
            "value_date": row.value_date, "recorded_at": working.recorded_at(&row.entries).0,
            "reverses": row.reverses, "correlation": row.correlation.as_str(),
            "initiator": row.initiator.as_str(),
        }
    });
    Prepared::of(tx, &columns, rows)?.insert(tx, "journal").await?;
    let columns = [
        ("transaction_id", Column::Text),
        ("leg", Column::Int),
        ("account_id", Column::Text),
        ("gl_code", Column::Text),
        ("currency", Column::Text),
        ("amount", Column::Int),
        ("counterparty", Column::Text),
        ("booking_date", Column::Text),
    ];
    let legs = working.writes.journal.iter().flat_map(|row| {
        (1_i64..).zip(&row.entries).map(move |(leg, entry)| {
            row! {
                "transaction_id": row.id, "leg": leg,
                "account_id": entry.account,
                "gl_code": entry.gl_code.as_str(), "currency": Cell::Fixed(entry.amount.currency().code()),
                "amount": entry.amount.minor(), "counterparty": entry.counterparty.as_str(),
                "booking_date": row.booking_date,
            }
        })
    });
    Prepared::of(tx, &columns, legs)?.insert(tx, "journal_legs").await?;
    conversions(tx, working).await
}

async fn conversions(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let columns = [
        ("transaction_id", Column::Text),
        ("number", Column::Int),
        ("sold_currency", Column::Text),
        ("sold_amount", Column::Int),
        ("bought_currency", Column::Text),
        ("bought_amount", Column::Int),
        ("rate", Column::Text),
    ];
    let rows = working.writes.journal.iter().flat_map(|row| {
        (1_i64..).zip(&row.conversions).map(move |(number, one)| {
            row! {
                "transaction_id": row.id, "number": number,
                "sold_currency": one.sold().currency().code(), "sold_amount": one.sold().minor(),
                "bought_currency": one.bought().currency().code(),
                "bought_amount": one.bought().minor(), "rate": one.rate().to_string(),
            }
        })
    });
    Prepared::of(tx, &columns, rows)?.insert(tx, "journal_conversions").await.map(|_| ())
}

async fn turnover(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    if working.writes.turnover.is_empty() {
        return Ok(());
    }
    let columns = [
        ("account_id", Column::Text),
        ("value_date", Column::Text),
        ("booking_date", Column::Text),
        ("net", Column::Int),
    ];
    let rows: Vec<Row> = working
        .writes
        .turnover
        .iter()
        .map(|((account, dates), net)| {
            let net = i64::try_from(*net)
                .map_err(|_| StoreError::Corrupt("a batch turns over more than 64 bits".into()))?;
            Ok(row! {
                "account_id": *account, "value_date": dates.valued,
                "booking_date": dates.booked, "net": net,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    let upsert = |rows: &str| {
        format!(
            "INSERT INTO turnover (account_id, value_date, booking_date, net) {rows} WHERE true \
             ON CONFLICT (account_id, value_date, booking_date) \
             DO UPDATE SET net = turnover.net + excluded.net"
        )
    };
    many::execute(tx, &columns, rows, upsert).await.map(|_| ())
}

async fn holds(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::Text),
        ("account_id", Column::Text),
        ("caller", Column::Text),
        ("reference", Column::Text),
        ("amount", Column::Int),
        ("remaining", Column::Int),
        ("captured", Column::Int),
        ("currency", Column::Text),
        ("status", Column::Int),
        ("placed_at", Column::Int),
        ("expires_at", Column::Int),
        ("correlation", Column::Text),
        ("initiator", Column::Text),
    ];
    let rows = working.writes.placed.iter().map(|(hold, initiator)| {
        row! {
            "id": hold.id, "account_id": hold.account,
            "caller": hold.caller.as_str(), "reference": hold.reference.as_str(),
            "amount": hold.amount.minor(), "remaining": hold.remaining,
            "captured": hold.captured, "currency": Cell::Fixed(hold.amount.currency().code()),
            "status": hold.status.number(), "placed_at": working.time_of(hold.account).0,
            "expires_at": hold.expires_at.map(|at| at.0),
            "correlation": hold.correlation.as_str(), "initiator": initiator.as_str(),
        }
    });
    Prepared::of(tx, &columns, rows)?.insert(tx, "holds").await?;
    // One row a hold: what a batch made of it in the end.
    let last: BTreeMap<HoldId, &Hold> =
        working.writes.changed_holds.iter().map(|hold| (hold.id, hold)).collect();
    let changed: Vec<Row> = last
        .into_values()
        .map(|hold| {
            row! {
                "id": hold.id, "remaining": hold.remaining,
                "captured": hold.captured, "status": hold.status.number(),
            }
        })
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let set = [("remaining", Column::Int), ("captured", Column::Int), ("status", Column::Int)];
    many::update_many(tx, "holds", &[("id", Column::Text)], &set, changed).await.map(|_| ())
}

async fn holders(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    for (account, customer) in &working.writes.holders_removed {
        let delete = "DELETE FROM holders WHERE account_id = $1 AND customer_id = $2";
        let values = [account.to_string().into(), customer.to_string().into()];
        sql::execute(tx, delete, values).await?;
    }
    let columns =
        [("account_id", Column::Text), ("customer_id", Column::Text), ("role", Column::Int)];
    let rows = working.writes.holders_added.iter().filter(|(account, holder)| {
        let removed = &working.writes.holders_removed;
        let still = working.holders.get(account).is_some_and(|all| all.contains(holder));
        still || !removed.iter().any(|(from, who)| from == account && *who == holder.customer)
    });
    let rows = rows.map(|(account, holder)| {
        row! {
            "account_id": *account, "customer_id": holder.customer,
            "role": holder.role.number(),
        }
    });
    Prepared::of(tx, &columns, rows)?.insert(tx, "holders").await.map(|_| ())
}

/// Gives back the references of refused commands and corrects those that another command of
/// the batch than the first one turned into a record.
async fn references(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let new = working.claims.iter().filter(|(_, claim)| claim.new);
    let (made, unmade): (Vec<_>, Vec<_>) = new.partition(|(_, claim)| claim.made);
    let key = [("caller", Column::Text), ("reference", Column::Text)];
    if !unmade.is_empty() {
        let rows: Vec<Row> = unmade
            .iter()
            .map(|((caller, reference), _)| row! {"caller": caller.as_str(), "reference": reference.as_str()})
            .collect();
        let delete = |rows: &str| {
            format!("DELETE FROM ledger_references WHERE (caller, reference) IN ({rows})")
        };
        many::execute(tx, &key, rows, delete).await?;
    }
    let rows: Vec<Row> = made
        .iter()
        .filter(|(_, claim)| claim.rewritten)
        .map(|((caller, reference), claim)| {
            row! {
                "caller": caller.as_str(), "reference": reference.as_str(),
                "fingerprint": claim.fingerprint.clone(),
                "record": claim.record,
            }
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let set = [("fingerprint", Column::Bytes), ("record", Column::Text)];
    many::update_many(tx, "ledger_references", &key, &set, rows).await.map(|_| ())
}
