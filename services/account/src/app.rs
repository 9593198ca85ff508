//! The use cases, one file each, named by the bank's verb. Whatever changes an account goes
//! through [`ledger::Ledger`], which decides many commands in one transaction.

pub mod add_holder;
pub mod advance_business_date;
pub mod answer;
pub mod batch;
pub mod close_account;
pub mod command;
pub mod create_gl_account;
pub mod export_references;
pub mod freeze_account;
pub mod get_account;
pub mod get_balance;
pub mod get_trial_balance;
pub mod import_accounts;
pub mod ledger;
pub mod list_accounts;
pub mod list_chart;
pub mod list_entries;
pub mod open_account;
pub mod place_hold;
pub mod post_transactions;
pub mod release_hold;
pub mod remove_holder;
pub mod reverse_transaction;
pub mod standing;
pub mod unfreeze_account;
pub mod verify_ledger;
pub mod watch_business_date;
