//! The ledger's rows, looked at beside the running bank: how far the end of a day is, and all
//! that it leaves.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use florin_kernel::Role;
use florin_testkit::Bank;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement,
};

use super::twin::Day;

/// A step of the end of day, as its table has it.
pub struct Step {
    /// Its number there.
    number: i32,
    /// Its word in references.
    pub name: &'static str,
    /// Whether it has work at the end of a month alone.
    pub monthly: bool,
    /// Counts the accounts that have it; CLOSED and THROUGH are the day's.
    done: &'static str,
}

/// The steps in their order.
pub static STEPS: [Step; 5] = [
    Step {
        number: 1,
        name: "accrual",
        monthly: false,
        done: "SELECT COUNT(*) FROM accruals WHERE accrued_through = 'THROUGH'",
    },
    Step {
        number: 2,
        name: "capitalisation",
        monthly: true,
        done: "SELECT COUNT(*) FROM journal WHERE reference LIKE '%/capitalisation/CLOSED'",
    },
    Step {
        number: 3,
        name: "fee",
        monthly: true,
        done: "SELECT COUNT(*) FROM journal WHERE reference LIKE '%/fee/CLOSED'",
    },
    Step {
        number: 5,
        name: "statement",
        monthly: true,
        done: "SELECT COUNT(*) FROM statements WHERE through = 'THROUGH'",
    },
    Step {
        number: 4,
        name: "seal",
        monthly: false,
        done: "SELECT COUNT(*) FROM seal_entries WHERE closed = 'CLOSED'",
    },
];

/// How far a step is.
pub struct State {
    /// It has begun.
    pub begun: bool,
    /// It is done.
    pub finished: bool,
    /// So many accounts have it.
    pub done: i64,
}

/// The ledger's database.
#[derive(Clone)]
pub struct Books(DatabaseConnection);

impl Books {
    pub async fn of(bank: &Bank) -> Result<Self> {
        let (url, schema) = bank.database(Role::Account);
        let mut options = ConnectOptions::new(url);
        options.max_connections(1);
        if let Some(schema) = schema {
            options.set_schema_search_path(schema);
        }
        Ok(Self(Database::connect(options).await?))
    }

    async fn rows(&self, query: &str) -> Result<Vec<QueryResult>> {
        let statement = Statement::from_string(self.0.get_database_backend(), query);
        Ok(self.0.query_all_raw(statement).await?)
    }

    async fn number(&self, query: &str) -> Result<i64> {
        let rows = self.rows(query).await?;
        Ok(rows.first().context("a row")?.try_get_by_index(0)?)
    }

    /// How far a step of a day is.
    pub async fn state(&self, day: &Day, step: &Step) -> Result<State> {
        let of = format!("WHERE closed = '{}' AND step = {}", day.closed, step.number);
        let query = format!(
            "SELECT COUNT(*), COUNT(finished_at), ({}) FROM end_of_day_steps {of}",
            step.done
                .replace("CLOSED", &day.closed.to_string())
                .replace("THROUGH", &day.through.to_string()),
        );
        let rows = self.rows(&query).await?;
        let row = rows.first().context("a row")?;
        let at = |index| row.try_get_by_index::<i64>(index);
        Ok(State { begun: at(0)? > 0, finished: at(1)? > 0, done: at(2)? })
    }

    /// The step that has begun and is not done, and how many accounts have it.
    pub async fn left(&self, day: &Day) -> Result<Option<(&'static str, i64)>> {
        for step in &STEPS {
            let state = self.state(day, step).await?;
            if state.begun && !state.finished {
                return Ok(Some((step.name, state.done)));
            }
        }
        Ok(None)
    }

    /// Lets the time of the killed worker's lease go by, which is half a minute.
    pub async fn pass_lease(&self) -> Result<()> {
        let pass = "UPDATE leases SET until = 0 WHERE name = 'end_of_day'";
        self.0.execute_unprepared(pass).await?;
        Ok(())
    }

    /// All rows that the end of day writes or leaves, sorted. Accounts stand under the names that
    /// are given, and what the clock or chance decide (ids, instants, hashes) is left out.
    pub async fn dump(&self, names: &BTreeMap<String, String>) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for query in QUERIES {
            for row in self.rows(query).await? {
                let text: String = row.try_get_by_index(0)?;
                let word = |word: &str| match names.get(word) {
                    Some(name) => name.clone(),
                    None if word.starts_with("trf_") => "transfer".to_owned(),
                    None => word.to_owned(),
                };
                let line = |part: &str| part.split('/').map(word).collect::<Vec<_>>().join("/");
                let parts: Vec<String> = text.split(' ').map(line).collect();
                all.push(parts.join(" "));
            }
        }
        // When the seals took up who paid meanwhile is chance; the others they took up in order.
        all.retain(|row| !row.starts_with("sealed ") || row.starts_with("sealed quiet"));
        all.sort();
        Ok(all)
    }

    /// The IBAN of each account.
    pub async fn ibans(&self) -> Result<BTreeMap<String, String>> {
        let rows = self.rows("SELECT id, iban FROM accounts").await?;
        rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "iban")?))).collect()
    }

    /// How many accounts have changed since they were last sealed.
    pub async fn unsealed(&self) -> Result<i64> {
        let query = "SELECT COUNT(*) FROM accounts AS a WHERE NOT EXISTS (SELECT 1 FROM \
                     seal_entries AS e WHERE e.account_id = a.id AND e.version = a.version)";
        self.number(query).await
    }
}

const QUERIES: [&str; 11] = [
    "SELECT 'statement ' || account_id || ' ' || CAST(number AS TEXT) || ' ' || from_date || ' ' || \
     through || ' ' || CAST(opening AS TEXT) || ' ' || CAST(closing AS TEXT) || ' ' || \
     CAST(credits AS TEXT) || ' ' || CAST(debits AS TEXT) || ' ' || CAST(entries AS TEXT) \
     FROM statements",
    "SELECT reference || ' ' || kind || ' ' || booking_date || ' ' || value_date || ' ' || \
     description || ' ' || caller FROM journal",
    "SELECT j.reference || ' ' || COALESCE(l.account_id, '') || ' ' || l.gl_code || ' ' || \
     CAST(l.amount AS TEXT) || ' ' || l.counterparty \
     FROM journal_legs AS l JOIN journal AS j ON j.id = l.transaction_id",
    "SELECT 'accrual ' || account_id || ' ' || accrues_from || ' ' || accrued_through || ' ' || \
     CAST(balance AS TEXT) || ' ' || credit || ' ' || overdraft || ' ' || \
     CAST(booked_credit AS TEXT) || ' ' || CAST(booked_overdraft AS TEXT) || ' ' || \
     CAST(capitalised_credit AS TEXT) || ' ' || CAST(capitalised_overdraft AS TEXT) || ' ' || \
     capitalised_through FROM accruals",
    "SELECT 'point ' || account_id || ' ' || through || ' ' || CAST(balance AS TEXT) || ' ' || \
     credit || ' ' || overdraft FROM accrual_points",
    "SELECT 'late ' || account_id || ' ' || booking_date || ' ' || value_date FROM backdated",
    "SELECT 'turnover ' || account_id || ' ' || value_date || ' ' || booking_date || ' ' || \
     CAST(net AS TEXT) FROM turnover",
    "SELECT 'account ' || id || ' ' || CAST(posted AS TEXT) || ' ' || CAST(held AS TEXT) || ' ' || \
     CAST(version AS TEXT) FROM accounts",
    "SELECT 'sealed ' || account_id || ' ' || closed || ' ' || CAST(version AS TEXT) \
     FROM seal_entries",
    "SELECT 'seal ' || closed || CASE WHEN sealed_at > 0 THEN ' made' ELSE ' open' END FROM seals",
    "SELECT 'day ' || closed || ' ' || opened || CASE WHEN ended_at IS NULL THEN ' open' \
     ELSE ' ended' END FROM business_days",
];
