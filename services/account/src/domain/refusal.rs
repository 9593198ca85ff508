//! Why the domain refuses: each variant is a fact with its data.

use florin_kernel::{AccountId, Currency, CustomerId, Date, HoldId, Money, TransactionId};

use super::posting::MOST_VALUE_DAYS;

/// A refusal decided under the locks of the accounts concerned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such account.
    #[error("account {account} does not exist")]
    AccountNotFound {
        /// The id asked for.
        account: AccountId,
    },
    /// Available balance does not cover the amount.
    #[error("account {account} has {available} available, {needed} is needed")]
    InsufficientFunds {
        /// The account.
        account: AccountId,
        /// Posted less held plus overdraft limit.
        available: Money,
        /// The amount asked for.
        needed: Money,
    },
    /// The account is frozen.
    #[error("account {account} is frozen")]
    Frozen {
        /// The account.
        account: AccountId,
    },
    /// The account is closed.
    #[error("account {account} is closed")]
    Closed {
        /// The account.
        account: AccountId,
    },
    /// The amount is in another currency than the account.
    #[error("account {account} is in {expected}, the amount is in {given}")]
    CurrencyMismatch {
        /// The account.
        account: AccountId,
        /// Its currency.
        expected: Currency,
        /// The amount's.
        given: Currency,
    },
    /// The reference made a record with other content.
    #[error("reference {reference} was used with other content")]
    ReferenceReused {
        /// The reference.
        reference: String,
    },
    /// The reference was voided: nothing is ever posted under it.
    #[error("reference {reference} was voided for {cause}")]
    ReferenceVoided {
        /// The reference.
        reference: String,
        /// Why it was voided: a reason without prefix.
        cause: String,
    },
    /// The account still has a balance.
    #[error("account {account} still has a balance of {posted}")]
    NotEmpty {
        /// The account.
        account: AccountId,
        /// Its posted balance.
        posted: Money,
    },
    /// The account still has open holds.
    #[error("account {account} still has {held} on hold")]
    HasHolds {
        /// The account.
        account: AccountId,
        /// The sum of its holds.
        held: Money,
    },
    /// No such GL account.
    #[error("GL account {code} does not exist")]
    GlNotFound {
        /// The code.
        code: String,
    },
    /// A control account takes no entries.
    #[error("GL account {code} is a control account and takes no entries")]
    GlIsControl {
        /// The code.
        code: String,
    },
    /// A date lies in a closed period.
    #[error("{date} lies in the period closed through {closed_through}")]
    PeriodClosed {
        /// The booking or value date.
        date: Date,
        /// The last day of the closed period.
        closed_through: Date,
    },
    /// A booking date that is yet to come.
    #[error("booking_date {booking} is after the business date {business_date}")]
    BookedAhead {
        /// The booking date.
        booking: Date,
        /// The open business date.
        business_date: Date,
    },
    /// A value date far from its booking date.
    #[error(
        "value_date {value} is more than {MOST_VALUE_DAYS} days from the booking date {booking}"
    )]
    ValuedTooFar {
        /// The value date.
        value: Date,
        /// The booking date.
        booking: Date,
    },
    /// No such journal transaction.
    #[error("journal transaction {transaction} does not exist")]
    TransactionNotFound {
        /// The id.
        transaction: TransactionId,
    },
    /// A reversal is not reversed.
    #[error("journal transaction {transaction} is a reversal itself")]
    IsReversal {
        /// The id.
        transaction: TransactionId,
    },
    /// What `payment` posted, `payment` alone reverses.
    #[error("journal transaction {transaction} was posted by payment, which alone reverses it")]
    OfPayment {
        /// The id.
        transaction: TransactionId,
    },
    /// No account number is left.
    #[error("the bank has no account number left to issue")]
    IbansUsedUp,
    /// Reversed before, under another reference.
    #[error("journal transaction {transaction} was reversed before")]
    AlreadyReversed {
        /// The id.
        transaction: TransactionId,
    },
    /// No such hold.
    #[error("no hold was placed under reference {reference}")]
    HoldNotFound {
        /// The reference of the hold.
        reference: String,
    },
    /// The hold is spent.
    #[error("hold {hold} is not open any more")]
    HoldNotOpen {
        /// The hold.
        hold: HoldId,
    },
    /// The hold's time is over.
    #[error("hold {hold} has expired")]
    HoldExpired {
        /// The hold.
        hold: HoldId,
    },
    /// More was to be captured than remains.
    #[error("hold {hold} has {remaining} left, {given} was to be captured")]
    CaptureExceedsHold {
        /// The hold.
        hold: HoldId,
        /// What is still set aside.
        remaining: Money,
        /// What was to be captured.
        given: Money,
    },
    /// More was to be captured than the transaction spends.
    #[error("account {account} is debited with {debit}, less than is captured of its holds")]
    CaptureExceedsDebit {
        /// The account.
        account: AccountId,
        /// Net debit of the account in the transaction.
        debit: Money,
    },
    /// The end of a business date is under way.
    #[error("the end of the business date {day} is not done")]
    EndOfDayOpen {
        /// The date.
        day: Date,
    },
    /// A balance would leave the range of 64 bits.
    #[error("a balance of account {account} would leave the range of 64 bits of minor units")]
    OutOfRange {
        /// The account.
        account: AccountId,
    },
    /// The customer is a holder already.
    #[error("customer {customer} is a holder of account {account} already")]
    HolderExists {
        /// The account.
        account: AccountId,
        /// The customer.
        customer: CustomerId,
    },
    /// The customer is no holder.
    #[error("customer {customer} is no holder of account {account}")]
    HolderNotFound {
        /// The account.
        account: AccountId,
        /// The customer.
        customer: CustomerId,
    },
    /// The last owner stays.
    #[error("customer {customer} is the last owner of account {account}")]
    LastOwner {
        /// The account.
        account: AccountId,
        /// The customer.
        customer: CustomerId,
    },
}
