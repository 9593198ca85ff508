//! The use cases, one file each, named by the bank's verb. Whatever changes an account goes
//! through [`ledger::Ledger`], which decides many commands in one transaction.

pub mod accrue_interest;
pub mod add_holder;
pub mod add_holiday;
pub mod advance_business_date;
pub mod answer;
pub mod batch;
mod batch_get_accounts;
pub mod capitalise_interest;
pub mod charge_fees;
pub mod close_account;
pub mod close_period;
pub mod command;
pub mod create_gl_account;
pub mod decide_reopening;
pub mod end_of_day;
pub mod expire_holds;
pub mod export_references;
pub mod export_seals;
pub mod freeze_account;
pub mod get_account;
pub mod get_accrued_interest;
pub mod get_balance;
pub mod get_balance_sheet;
pub mod get_business_date;
pub mod get_profit_and_loss;
pub mod get_transaction;
pub mod get_trial_balance;
pub mod import_accounts;
pub mod ledger;
pub mod list_accounts;
pub mod list_accounts_set_aside;
pub mod list_business_days;
pub mod list_control_mappings;
pub mod list_entries;
pub mod list_fee_schedules;
pub mod list_gl_accounts;
pub mod list_holidays;
pub mod list_interest_conditions;
pub mod list_products;
pub mod list_reopenings;
pub mod open_account;
pub mod place_hold;
pub mod post_transactions;
pub mod preview_reversal;
pub mod preview_transactions;
pub mod propose_reopening;
pub mod quote_fee;
pub mod rehearse;
pub mod release_hold;
pub mod remap_product;
pub mod remove_holder;
pub mod remove_holiday;
pub mod resolve_iban;
pub mod reverse_transaction;
pub mod set_fee_schedule;
pub mod set_interest_conditions;
pub mod standing;
pub mod unfreeze_account;
pub mod verify_ledger;
pub mod void_references;
pub mod watch_business_date;

use florin_rpc::{CallContext, page};

/// Messages of a stream on their way to a reader that has not taken them.
const STREAM_BUFFER: usize = 256;

/// A page of at most `size` of the rows that were read, which are one more where another page
/// follows, and the token of that page, or empty: made of `filter`, which selects the rows, and
/// the `cursor` of the last row of this page.
fn cut<T>(
    ctx: &CallContext,
    filter: &str,
    mut rows: Vec<T>,
    size: i64,
    cursor: impl Fn(&T) -> String,
) -> (Vec<T>, String) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| page::encode(ctx.method, filter.as_bytes(), &cursor(row)));
    (rows, next.unwrap_or_default())
}
