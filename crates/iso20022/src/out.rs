//! Writing a document: the caller names the elements in the order of the schema.

use std::fmt::{Display, Write as _};

use florin_kernel::{Money, UnixMicros};
use quick_xml::escape::partial_escape;

use crate::node::wire_instant;

/// A document while it is written.
#[derive(Debug)]
pub(crate) struct Out(String);

impl Out {
    /// The bytes of a document in that namespace.
    pub(crate) fn document(namespace: &str, root: &str, inner: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut out = Self(String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#));
        // Writing into a String never fails.
        let _ = write!(out.0, r#"<Document xmlns="{namespace}">"#);
        out.open(root, inner);
        out.0.push_str("</Document>");
        out.0.into_bytes()
    }

    /// An element with elements inside.
    pub(crate) fn open(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        let _ = write!(self.0, "<{name}>");
        inner(self);
        let _ = write!(self.0, "</{name}>");
    }

    /// An element with text.
    pub(crate) fn leaf(&mut self, name: &str, text: impl Display) {
        let text = text.to_string();
        let _ = write!(self.0, "<{name}>{}</{name}>", partial_escape(text.as_str()));
    }

    /// An element with text, where there is one.
    pub(crate) fn leaf_if(&mut self, name: &str, text: Option<impl Display>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// An instant.
    pub(crate) fn instant(&mut self, name: &str, at: UnixMicros) {
        self.leaf(name, wire_instant(at));
    }

    /// An amount without its sign.
    pub(crate) fn amount(&mut self, name: &str, amount: Money) {
        let digits = amount.amount();
        let digits = digits.trim_start_matches('-');
        let _ = write!(self.0, r#"<{name} Ccy="{}">{digits}</{name}>"#, amount.currency().code());
    }

    /// An amount, where there is one.
    pub(crate) fn amount_if(&mut self, name: &str, amount: Option<Money>) {
        if let Some(amount) = amount {
            self.amount(name, amount);
        }
    }
}
