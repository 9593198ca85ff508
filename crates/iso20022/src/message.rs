//! A message of any sort: finding it in a document, and writing it.

use crate::{
    CreditTransfer, CustomerReport, Initiation, PaymentReturn, Recall, RecallAnswer, Statement,
    StatusReport, StatusRequest,
    error::{ReadError, Rule},
    node::Node,
    out::Out,
    xml::{self, Element},
};

/// Where the namespaces of all messages begin.
pub(crate) const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:";
/// Elements whose content is of whoever put it there.
const FOREIGN: &str = "SplmtryData";

/// A message of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// pacs.008.001.08.
    CreditTransfer(CreditTransfer),
    /// pacs.002.001.10.
    StatusReport(StatusReport),
    /// pacs.028.001.03.
    StatusRequest(StatusRequest),
    /// pacs.004.001.09.
    PaymentReturn(PaymentReturn),
    /// camt.056.001.08.
    Recall(Recall),
    /// camt.029.001.09.
    RecallAnswer(RecallAnswer),
    /// camt.053.001.08; version 02 is read too.
    Statement(Statement),
    /// pain.001.001.09.
    Initiation(Initiation),
    /// pain.002.001.10.
    CustomerReport(CustomerReport),
}

/// What sort of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// pacs.008.
    CreditTransfer,
    /// pacs.002.
    StatusReport,
    /// pacs.028.
    StatusRequest,
    /// pacs.004.
    PaymentReturn,
    /// camt.056.
    Recall,
    /// camt.029.
    RecallAnswer,
    /// camt.053.
    Statement,
    /// pain.001.
    Initiation,
    /// pain.002.
    CustomerReport,
}

impl MessageKind {
    /// Every sort.
    pub const ALL: &'static [Self] = &[
        Self::CreditTransfer,
        Self::StatusReport,
        Self::StatusRequest,
        Self::PaymentReturn,
        Self::Recall,
        Self::RecallAnswer,
        Self::Statement,
        Self::Initiation,
        Self::CustomerReport,
    ];

    /// The name with the version that is written, as `OrgnlMsgNmId` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreditTransfer => "pacs.008.001.08",
            Self::StatusReport => "pacs.002.001.10",
            Self::StatusRequest => "pacs.028.001.03",
            Self::PaymentReturn => "pacs.004.001.09",
            Self::Recall => "camt.056.001.08",
            Self::RecallAnswer => "camt.029.001.09",
            Self::Statement => "camt.053.001.08",
            Self::Initiation => "pain.001.001.09",
            Self::CustomerReport => "pain.002.001.10",
        }
    }

    /// The names with the versions that are read.
    pub(crate) const fn read(self) -> &'static [&'static str] {
        match self {
            Self::CreditTransfer => &["pacs.008.001.08"],
            Self::StatusReport => &["pacs.002.001.10"],
            Self::StatusRequest => &["pacs.028.001.03"],
            Self::PaymentReturn => &["pacs.004.001.09"],
            Self::Recall => &["camt.056.001.08"],
            Self::RecallAnswer => &["camt.029.001.09"],
            Self::Statement => &["camt.053.001.08", "camt.053.001.02"],
            Self::Initiation => &["pain.001.001.09"],
            Self::CustomerReport => &["pain.002.001.10"],
        }
    }

    pub(crate) const fn root(self) -> &'static str {
        match self {
            Self::CreditTransfer => "FIToFICstmrCdtTrf",
            Self::StatusReport => "FIToFIPmtStsRpt",
            Self::StatusRequest => "FIToFIPmtStsReq",
            Self::PaymentReturn => "PmtRtr",
            Self::Recall => "FIToFIPmtCxlReq",
            Self::RecallAnswer => "RsltnOfInvstgtn",
            Self::Statement => "BkToCstmrStmt",
            Self::Initiation => "CstmrCdtTrfInitn",
            Self::CustomerReport => "CstmrPmtStsRpt",
        }
    }
}

impl Message {
    /// Reads the one message of a document, which may stand inside of a network's envelope or
    /// behind a business application header.
    ///
    /// # Errors
    /// Path and rule of the first thing that is refused.
    pub fn read(document: &[u8]) -> Result<Self, ReadError> {
        let root = xml::parse(document)?;
        let mut found = Vec::new();
        collect(&root, &mut found);
        let (kind, element) = match found.as_slice() {
            [one] => *one,
            [] => return Err(ReadError::of_document(Rule::NoMessage(shown(&root)))),
            _ => return Err(ReadError::of_document(Rule::SeveralMessages)),
        };
        let namespace = element.namespace.as_deref().unwrap_or_default();
        let name = namespace.strip_prefix(NAMESPACE).unwrap_or(namespace);
        let node = Node::root(element);
        if !kind.read().contains(&name) {
            return Err(node.refuse(Rule::Version(name.to_owned())));
        }
        check_namespaces(element, namespace, &mut vec![&element.name])?;
        match kind {
            MessageKind::CreditTransfer => CreditTransfer::read(&node).map(Self::CreditTransfer),
            MessageKind::StatusReport => StatusReport::read(&node).map(Self::StatusReport),
            MessageKind::StatusRequest => StatusRequest::read(&node).map(Self::StatusRequest),
            MessageKind::PaymentReturn => PaymentReturn::read(&node).map(Self::PaymentReturn),
            MessageKind::Recall => Recall::read(&node).map(Self::Recall),
            MessageKind::RecallAnswer => RecallAnswer::read(&node).map(Self::RecallAnswer),
            MessageKind::Statement => Statement::read(&node).map(Self::Statement),
            MessageKind::Initiation => Initiation::read(&node).map(Self::Initiation),
            MessageKind::CustomerReport => CustomerReport::read(&node).map(Self::CustomerReport),
        }
    }

    /// The message as a document: UTF-8, in the order of the schema, without blanks between the
    /// elements. The same message gives the same bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let kind = self.kind();
        let namespace = format!("{NAMESPACE}{}", kind.name());
        Out::document(&namespace, kind.root(), |out| match self {
            Self::CreditTransfer(message) => message.write(out),
            Self::StatusReport(message) => message.write(out),
            Self::StatusRequest(message) => message.write(out),
            Self::PaymentReturn(message) => message.write(out),
            Self::Recall(message) => message.write(out),
            Self::RecallAnswer(message) => message.write(out),
            Self::Statement(message) => message.write(out),
            Self::Initiation(message) => message.write(out),
            Self::CustomerReport(message) => message.write(out),
        })
    }

    /// What sort it is.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::CreditTransfer(_) => MessageKind::CreditTransfer,
            Self::StatusReport(_) => MessageKind::StatusReport,
            Self::StatusRequest(_) => MessageKind::StatusRequest,
            Self::PaymentReturn(_) => MessageKind::PaymentReturn,
            Self::Recall(_) => MessageKind::Recall,
            Self::RecallAnswer(_) => MessageKind::RecallAnswer,
            Self::Statement(_) => MessageKind::Statement,
            Self::Initiation(_) => MessageKind::Initiation,
            Self::CustomerReport(_) => MessageKind::CustomerReport,
        }
    }
}

pub(crate) fn shown(element: &Element) -> String {
    let namespace = element.namespace.as_deref().unwrap_or_default();
    format!("{} of {namespace:?}", element.name)
}

/// The outermost elements that are messages by name and by the beginning of their namespace:
/// `pacs.008.` of any version, so that another version is told as such.
fn collect<'a>(element: &'a Element, found: &mut Vec<(MessageKind, &'a Element)>) {
    let name = element.namespace.as_deref().and_then(|one| one.strip_prefix(NAMESPACE));
    let is_of = |kind: &&MessageKind| {
        let sort = kind.name().get(..9).unwrap_or_default();
        kind.root() == element.name && name.is_some_and(|name| name.starts_with(sort))
    };
    match MessageKind::ALL.iter().find(is_of) {
        Some(kind) => found.push((*kind, element)),
        // The tree is no deeper than `MOST_DEPTH`.
        None => element.children.iter().for_each(|child| collect(child, found)),
    }
}

/// Everything inside of a message is of its namespace, but what somebody added in its place.
pub(crate) fn check_namespaces<'a>(
    element: &'a Element,
    namespace: &str,
    path: &mut Vec<&'a str>,
) -> Result<(), ReadError> {
    for child in element.children.iter().filter(|child| child.name != FOREIGN) {
        path.push(&child.name);
        if child.namespace.as_deref() != Some(namespace) {
            let found = child.namespace.as_deref().unwrap_or_default().to_owned();
            return Err(ReadError { path: path.join("/"), rule: Rule::Namespace(found) });
        }
        check_namespaces(child, namespace, path)?;
        path.pop();
    }
    Ok(())
}
