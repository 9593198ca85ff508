//! Measures how old the open business date is: nobody else tells that nobody moved it.

use std::time::Duration;

use florin_kernel::{Date, UnixMicros};
use florin_rpc::metrics::Gauge;
use florin_runtime::{Runtime, clock};
use florin_store::{Database, StoreError};

use crate::store::{chart, set_aside};

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Days from the open business date to the day of an instant, in UTC; negative where the books
/// are ahead of the clock.
#[must_use]
pub fn age_days(open: Date, now: UnixMicros) -> i64 {
    i64::from(clock::date_of(now).since(open).map_or(0, |span| span.get_days()))
}

/// Looks every so often until the shutdown, and tells each change in the log.
pub async fn watch_business_date(db: Database, runtime: Runtime) {
    let role = runtime.role.name();
    let help = "Days from the open business date to today";
    let gauges = runtime.metrics.gauges("florin_business_date_age_days", help);
    let age: Gauge = gauges.get_or_create_owned(&[("role", role)]);
    let help = "Accounts that the end of a business date went on without";
    let gauges = runtime.metrics.gauges("florin_account_set_aside", help);
    let aside: Gauge = gauges.get_or_create_owned(&[("role", role)]);
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let mut last = None;
    while runtime.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        match look(&db, &age, clock::now()).await {
            Ok(open) => {
                if last.is_some_and(|last| last != open) {
                    tracing::info!(role, business_date = %open, "the business date has changed");
                }
                last = Some(open);
            }
            Err(error) => tracing::debug!(role, %error, "the business date was not read"),
        }
        match set_aside::count(db.read()).await {
            Ok(count) => {
                aside.set(count);
            }
            Err(error) => tracing::debug!(role, %error, "accounts set aside were not counted"),
        }
    }
}

/// Measures once; the open business date.
///
/// # Errors
/// Those of the database.
pub async fn look(db: &Database, age: &Gauge, now: UnixMicros) -> Result<Date, StoreError> {
    let open = chart::books(db.read()).await?.business_date;
    age.set(age_days(open, now));
    Ok(open)
}
