//! The journal transaction that an order becomes.

use florin_kernel::{AccountId, Iban, Money, TransferId};

use super::{Order, Route};

/// What a statement shows as the other side of cash.
const CASH: &str = "Cash";

/// Which account a leg is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A customer's account.
    Account(AccountId),
    /// A posting account of the general ledger.
    Gl(String),
}

/// Which side of an account a leg is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Lowers a customer's balance.
    Debit,
    /// Raises a customer's balance.
    Credit,
}

/// One leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Which account.
    pub target: Target,
    /// Which side.
    pub side: Side,
    /// Positive.
    pub amount: Money,
    /// The other side, for the statement.
    pub counterparty: String,
}

/// A journal transaction to post: two legs of one amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// `transfer`, `refund`, `cash_deposit`, `cash_withdrawal`, or one of those between banks.
    pub kind: &'static str,
    /// The debit, then the credit.
    pub legs: [Leg; 2],
}

/// The natural reference of a transfer's posting. A transfer has this one and no other, for
/// ever, so a repeat after any failure meets its own work in the ledger.
#[must_use]
pub fn posting_reference(id: TransferId) -> String {
    format!("{id}/post")
}

impl Posting {
    /// The posting of an order. It is a function of the order alone: a repeat has the same
    /// content.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        let between = if order.link().is_some() { "refund" } else { "transfer" };
        match order.route() {
            Route::Transfer { from, from_iban, to, to_iban } => Self::between(
                between,
                order.amount(),
                (Target::Account(*from), shown(to_iban.as_ref(), *to)),
                (Target::Account(*to), shown(from_iban.as_ref(), *from)),
            ),
            Route::CrossBank { from, from_iban: _, to_iban, to_bank: _, nostro_gl_code } => {
                Self::between(
                    "transfer_out",
                    order.amount(),
                    (Target::Account(*from), to_iban.electronic().to_owned()),
                    (Target::Gl(nostro_gl_code.clone()), shown(order.route().debtor_iban(), *from)),
                )
            }
            Route::CashDeposit { to, to_iban, cash_gl_code } => Self::between(
                "cash_deposit",
                order.amount(),
                (Target::Gl(cash_gl_code.clone()), shown(to_iban.as_ref(), *to)),
                (Target::Account(*to), CASH.to_owned()),
            ),
            Route::CashWithdrawal { from, from_iban, cash_gl_code } => Self::between(
                "cash_withdrawal",
                order.amount(),
                (Target::Account(*from), CASH.to_owned()),
                (Target::Gl(cash_gl_code.clone()), shown(from_iban.as_ref(), *from)),
            ),
        }
    }

    pub(super) fn between(
        kind: &'static str,
        amount: Money,
        debit: (Target, String),
        credit: (Target, String),
    ) -> Self {
        let leg = |(target, counterparty), side| Leg { target, side, amount, counterparty };
        Self { kind, legs: [leg(debit, Side::Debit), leg(credit, Side::Credit)] }
    }
}

/// The other side as the client knows it: the IBAN, or the id where the client named that.
fn shown(iban: Option<&Iban>, account: AccountId) -> String {
    iban.map_or_else(|| account.to_string(), |iban| iban.electronic().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u8) -> AccountId {
        AccountId::from_parts(u64::from(number), [number; 10])
    }

    fn posting(route: Route) -> Posting {
        let amount = Money::parse("EUR", "12.34").expect("amount");
        Posting::of(&Order::new(route, amount, "rent".into()).expect("order"))
    }

    fn sides(posting: &Posting) -> [(&Target, Side, &str); 2] {
        posting.legs.each_ref().map(|leg| (&leg.target, leg.side, leg.counterparty.as_str()))
    }

    #[test]
    fn a_transfer_debits_who_pays_and_shows_each_side_the_other() {
        let iban: Iban = "CZ6508000000192000145399".parse().expect("iban");
        let route = Route::Transfer {
            from: account(1),
            from_iban: Some(iban),
            to: account(2),
            to_iban: None,
        };
        let posting = posting(route);
        assert_eq!(posting.kind, "transfer");
        let amount = Money::parse("EUR", "12.34").expect("amount");
        assert_eq!(posting.legs.each_ref().map(|leg| leg.amount), [amount; 2]);
        let (from, to) = (Target::Account(account(1)), Target::Account(account(2)));
        assert_eq!(
            sides(&posting),
            [
                (&from, Side::Debit, account(2).to_string().as_str()),
                (&to, Side::Credit, "CZ6508000000192000145399"),
            ]
        );
    }

    #[test]
    fn cash_moves_against_the_cash_account() {
        let iban: Iban = "CZ6508000000192000145399".parse().expect("iban");
        let deposit = posting(Route::CashDeposit {
            to: account(1),
            to_iban: Some(iban),
            cash_gl_code: "1010".into(),
        });
        // As it was accepted before cash kept the IBAN: a repeat has the same content.
        let withdrawal = posting(Route::CashWithdrawal {
            from: account(1),
            from_iban: None,
            cash_gl_code: "1010".into(),
        });
        let (cash, customer) = (Target::Gl("1010".into()), Target::Account(account(1)));
        let (id, iban) = (account(1).to_string(), "CZ6508000000192000145399");
        assert_eq!(deposit.kind, "cash_deposit");
        assert_eq!(
            sides(&deposit),
            [(&cash, Side::Debit, iban), (&customer, Side::Credit, "Cash")]
        );
        assert_eq!(withdrawal.kind, "cash_withdrawal");
        assert_eq!(
            sides(&withdrawal),
            [(&customer, Side::Debit, "Cash"), (&cash, Side::Credit, id.as_str())]
        );
    }

    #[test]
    fn the_reference_is_made_of_the_transfer_and_the_step_alone() {
        let id = TransferId::from_parts(1_700_000_000_000, [7; 10]);
        assert_eq!(posting_reference(id), format!("{id}/post"));
    }
}
