//! The rules by which a card payment is scored.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{Currency, Money};

/// What the rules go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// What is authorised together with this.
    pub amount: Money,
    /// Merchant category code.
    pub mcc: String,
    /// Authorisations that were asked for on the account in the window, this one not counted.
    pub lately: i64,
}

/// The rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// The most that one authorisation may be, by currency.
    pub most: BTreeMap<Currency, Money>,
    /// Merchant category codes that are declined.
    pub blocked: BTreeSet<String>,
    /// Authorisations of an account in the window; None for any number.
    pub velocity: Option<i64>,
}

impl Rules {
    /// The rules that it meets; by none of them it passes.
    #[must_use]
    pub fn met(&self, one: &Scored) -> Vec<&'static str> {
        let most = self.most.get(&one.amount.currency());
        let amount = most.is_some_and(|most| one.amount.minor() > most.minor());
        let velocity = self.velocity.is_some_and(|most| one.lately >= most);
        let rules = [
            ("AMOUNT", amount),
            ("MCC_BLOCKED", self.blocked.contains(&one.mcc)),
            ("VELOCITY", velocity),
        ];
        rules.into_iter().filter(|(_, met)| *met).map(|(rule, _)| rule).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_met_by_itself_and_at_its_bound() {
        let eur = |amount| Money::parse("EUR", amount).expect("amount");
        let rules = Rules {
            most: [(eur("1").currency(), eur("100"))].into(),
            blocked: ["7995".to_owned()].into(),
            velocity: Some(3),
        };
        let met = |amount, mcc: &str, lately| {
            rules.met(&Scored { amount: eur(amount), mcc: mcc.into(), lately })
        };
        assert!(met("100", "5411", 2).is_empty());
        assert_eq!(met("100.01", "5411", 2), ["AMOUNT"]);
        assert_eq!(met("100", "7995", 2), ["MCC_BLOCKED"]);
        assert_eq!(met("100", "5411", 3), ["VELOCITY"]);
        assert_eq!(met("200", "7995", 9), ["AMOUNT", "MCC_BLOCKED", "VELOCITY"]);
        let none = Scored { amount: eur("200"), mcc: "7995".into(), lately: 9 };
        assert!(Rules::default().met(&none).is_empty());
    }
}
