//! A posting as it goes by each of the two doors.

use florin_proto::{
    account::v1::{Capture, Conversion, Leg, TransactionRequest, leg::Target},
    common::v1::{Direction, Money},
};
use serde_json::{Value, json};

/// What a leg is on.
#[derive(Debug, Clone, Copy)]
pub enum Side<'a> {
    /// The account of a customer.
    Account(&'a str),
    /// A GL account.
    Gl(&'a str),
}

/// A posting: minor units, credits positive.
#[derive(Debug, Clone, Default)]
pub struct Posting<'a> {
    pub reference: String,
    pub legs: Vec<(&'static str, Side<'a>, i64)>,
    pub value_date: String,
    /// Euros sold, crowns bought, rate.
    pub conversions: Vec<(i64, i64, &'static str)>,
    /// Reference of a hold, and how much of it.
    pub captures: Vec<(String, Option<i64>)>,
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

pub fn money(currency: &str, minor: i64) -> Money {
    Money { currency: currency.to_owned(), amount: decimal(minor) }
}

impl<'a> Posting<'a> {
    /// A posting in euros.
    pub fn new(reference: &str, legs: &[(Side<'a>, i64)]) -> Self {
        let legs = legs.iter().map(|(side, minor)| ("EUR", *side, *minor)).collect();
        Self { reference: reference.to_owned(), legs, ..Self::default() }
    }

    pub fn json(&self) -> Value {
        let money = |currency: &str, minor| json!({"currency": currency, "amount": decimal(minor)});
        let leg = |(currency, side, minor): &(&str, Side<'_>, i64)| {
            let direction = if *minor < 0 { "DIRECTION_DEBIT" } else { "DIRECTION_CREDIT" };
            let (key, of) = match side {
                Side::Account(id) => ("accountId", id),
                Side::Gl(code) => ("glCode", code),
            };
            json!({key: of, "direction": direction, "amount": money(currency, minor.abs())})
        };
        let conversion = |(sold, bought, rate): &(i64, i64, &str)| json!({"sold": money("EUR", *sold), "bought": money("CZK", *bought), "rate": rate});
        let capture = |(hold, minor): &(String, Option<i64>)| json!({"holdReference": hold, "amount": minor.map(|minor| money("EUR", minor))});
        json!({
            "reference": self.reference, "kind": "desk", "valueDate": self.value_date,
            "legs": self.legs.iter().map(leg).collect::<Vec<_>>(),
            "conversions": self.conversions.iter().map(conversion).collect::<Vec<_>>(),
            "captures": self.captures.iter().map(capture).collect::<Vec<_>>(),
        })
    }

    pub fn wire(&self) -> TransactionRequest {
        let leg = |(currency, side, minor): &(&str, Side<'_>, i64)| {
            let direction = if *minor < 0 { Direction::Debit } else { Direction::Credit };
            let target = match side {
                Side::Account(id) => Target::AccountId((*id).to_owned()),
                Side::Gl(code) => Target::GlCode((*code).to_owned()),
            };
            Leg {
                target: Some(target),
                direction: direction.into(),
                amount: Some(money(currency, minor.abs())),
                counterparty: String::new(),
            }
        };
        let conversion = |(sold, bought, rate): &(i64, i64, &str)| Conversion {
            sold: Some(money("EUR", *sold)),
            bought: Some(money("CZK", *bought)),
            rate: (*rate).to_owned(),
        };
        let capture = |(hold, minor): &(String, Option<i64>)| Capture {
            hold_reference: hold.clone(),
            amount: minor.map(|minor| money("EUR", minor)),
            keep_rest: true,
        };
        TransactionRequest {
            reference: self.reference.clone(),
            kind: "desk".to_owned(),
            legs: self.legs.iter().map(leg).collect(),
            value_date: self.value_date.clone(),
            conversions: self.conversions.iter().map(conversion).collect(),
            captures: self.captures.iter().map(capture).collect(),
            ..TransactionRequest::default()
        }
    }
}
