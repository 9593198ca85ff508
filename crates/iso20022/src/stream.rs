//! pain.001 of any length: read element by element, never held as a whole.

use std::{
    io::{self, BufRead, Read},
    sync::Arc,
};

use florin_kernel::UnixMicros;
use quick_xml::NsReader;

use crate::{
    error::{ReadError, Rule},
    initiation::{InstructionHead, OrderedTransfer, Sum},
    message::{MessageKind, NAMESPACE, check_namespaces, shown},
    node::Node,
    parts::{PaymentNames, check_count},
    text::Id,
    xml::{Element, Growing, Taken},
};

/// The most that one element may take that is read at once: a transfer, the head of the message
/// or of an instruction, in bytes.
pub const MOST_PIECE_BYTES: usize = 64 * 1024;

const MESSAGE: MessageKind = MessageKind::Initiation;
const GROUP: &str = "CstmrCdtTrfInitn/GrpHdr";
const INSTRUCTION: &str = "CstmrCdtTrfInitn/PmtInf";
const TRANSFER: &str = "CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf";

/// What stands at the beginning of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitiationHead {
    /// Message id.
    pub id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
}

/// What the reader finds, in the order of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The head of the message: once, before all else.
    Head(InitiationHead),
    /// The head of an instruction: before its transfers, of which there is one at least.
    Instruction(Arc<InstructionHead>),
    /// A transfer of the last instruction, or why it is none; the next may be one.
    Transfer(Result<OrderedTransfer, UnreadTransfer>),
    /// A count or a control sum that is not that of the transfers.
    Total(ReadError),
}

/// A transfer that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadTransfer {
    /// Its names, as far as they are none of what is refused.
    pub names: PaymentNames,
    /// Why.
    pub error: ReadError,
}

/// Reads a pain.001 from a stream. What it holds at any time is the heads and one transfer.
pub struct InitiationReader<R> {
    reader: NsReader<Counted<R>>,
    buffer: Vec<u8>,
    growing: Growing,
    /// Where the message stands among the open elements, and whether it has ended.
    message: Option<usize>,
    /// That of the message, of which everything inside is.
    namespace: String,
    ended: bool,
    has_head: bool,
    instruction: Option<Arc<InstructionHead>>,
    /// Of the instruction, and of the message.
    totals: [Totals; 2],
    waiting: Option<Piece>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    count: usize,
    sum: Sum,
}

impl Totals {
    fn add(&mut self, transfer: &Result<OrderedTransfer, UnreadTransfer>) -> Result<(), Rule> {
        self.count = self.count.saturating_add(1);
        match transfer {
            Ok(transfer) => self.sum.add(transfer.amount).map_err(Rule::from),
            Err(_) => {
                self.sum = Sum::Nothing;
                Ok(())
            }
        }
    }

    fn check(self, group: &Node<'_>) -> Result<(), ReadError> {
        check_count(group, self.count)?;
        self.sum.check(group)
    }
}

impl<R: BufRead> InitiationReader<R> {
    /// Reads from a stream of bytes.
    pub fn new(stream: R) -> Self {
        Self {
            reader: NsReader::from_reader(Counted { inner: stream, taken: 0, first: true }),
            buffer: Vec::new(),
            growing: Growing::default(),
            message: None,
            namespace: String::new(),
            ended: false,
            has_head: false,
            instruction: None,
            totals: <[Totals; 2]>::default(),
            waiting: None,
        }
    }

    /// The next piece; None at the end of a document that was read to its end.
    ///
    /// # Errors
    /// What makes the document none, with its path: nothing that follows is read.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, ReadError> {
        if let Some(piece) = self.waiting.take() {
            return Ok(Some(piece));
        }
        loop {
            self.buffer.clear();
            let read = self.reader.read_resolved_event_into(&mut self.buffer);
            let taken = match read {
                Ok((namespace, event)) => self.growing.take(&event, &namespace)?,
                Err(error) => {
                    let is_large = matches!(
                        &error, quick_xml::Error::Io(error) if error.kind() == TOO_LARGE
                    );
                    let rule = if is_large {
                        Rule::TooLarge { limit: MOST_PIECE_BYTES }
                    } else {
                        Rule::Malformed(error.to_string())
                    };
                    return Err(self.growing.refuse(rule));
                }
            };
            match taken {
                Taken::Opened => self.opened()?,
                Taken::Closed => {
                    if let Some(piece) = self.closed()? {
                        return Ok(Some(piece));
                    }
                }
                Taken::Other => {}
                Taken::End => return self.at_end(),
            }
        }
    }

    fn at_end(&mut self) -> Result<Option<Piece>, ReadError> {
        let root = std::mem::take(&mut self.growing).finish()?;
        if self.ended {
            return Ok(None);
        }
        Err(ReadError::of_document(Rule::NoMessage(shown(&root))))
    }

    /// Whether the message begins.
    fn opened(&mut self) -> Result<(), ReadError> {
        let Some(element) = self.growing.open.last() else { return Ok(()) };
        if self.message.is_some() && !self.ended || element.name != MESSAGE.root() {
            return Ok(());
        }
        let namespace = element.namespace.as_deref().unwrap_or_default();
        let Some(name) = namespace.strip_prefix(NAMESPACE) else { return Ok(()) };
        if !name.starts_with("pain.001.") {
            return Ok(());
        }
        if !MESSAGE.read().contains(&name) {
            return Err(Node::root(element).refuse(Rule::Version(name.to_owned())));
        }
        if self.ended {
            return Err(ReadError::of_document(Rule::SeveralMessages));
        }
        namespace.clone_into(&mut self.namespace);
        self.message = self.growing.open.len().checked_sub(1);
        Ok(())
    }

    /// What the element that has just ended was.
    fn closed(&mut self) -> Result<Option<Piece>, ReadError> {
        let open = self.growing.open.len();
        let Some(message) = self.message.filter(|_| !self.ended) else {
            self.drop_last();
            return Ok(None);
        };
        match open.checked_sub(message) {
            // The message itself: its parent has it now.
            None | Some(0) => {
                self.ended = true;
                let ended = self.take_last();
                ended.map_or(Ok(None), |ended| self.end_message(&ended))
            }
            Some(1) => self.closed_in_message(),
            Some(2) if self.growing.open.last().is_some_and(|one| one.name == "PmtInf") => {
                self.closed_in_instruction()
            }
            Some(_) => Ok(None),
        }
    }

    fn closed_in_message(&mut self) -> Result<Option<Piece>, ReadError> {
        let Some(message) = self.growing.open.last() else { return Ok(None) };
        let Some(child) = message.children.last() else { return Ok(None) };
        if child.name == "GrpHdr" {
            if self.has_head {
                return Err(Node::taken(child, GROUP).refuse(Rule::Repeated));
            }
            check(child, &self.namespace, GROUP)?;
            let group = Node::taken(child, GROUP);
            let head = InitiationHead {
                id: group.get("MsgId")?,
                created_at: group.need_instant("CreDtTm")?,
            };
            group.need("InitgPty")?;
            self.has_head = true;
            // It stays in the tree: its count and sum are compared at the end.
            self.begin_piece();
            return Ok(Some(Piece::Head(head)));
        }
        let Some(child) = self.take_last() else { return Ok(None) };
        if child.name != "PmtInf" {
            return Ok(None);
        }
        let node = Node::taken(&child, INSTRUCTION);
        if self.instruction.take().is_none() {
            InstructionHead::read(&node)?;
            node.need("CdtTrfTxInf")?;
        }
        let [totals, _] = &mut self.totals;
        let totals = std::mem::take(totals);
        let counted = match node.at("NbOfTxs")? {
            Some(_) => totals.check(&node),
            None => totals.sum.check(&node),
        };
        Ok(counted.err().map(Piece::Total))
    }

    fn closed_in_instruction(&mut self) -> Result<Option<Piece>, ReadError> {
        let Some(instruction) = self.growing.open.last() else { return Ok(None) };
        let Some(child) = instruction.children.last() else { return Ok(None) };
        if child.name != "CdtTrfTxInf" {
            if self.instruction.is_some() {
                let text = format!("{} stands behind the transfers", child.name);
                return Err(self.growing.refuse(Rule::Malformed(text)));
            }
            return Ok(None);
        }
        if !self.has_head {
            let path = GROUP.to_owned();
            return Err(ReadError { path, rule: Rule::Missing });
        }
        // Out of the tree first: what is wrong with it is told of it, and not of the head.
        let Some(child) = self.take_last() else { return Ok(None) };
        let begun = match (&self.instruction, self.growing.open.last()) {
            (None, Some(instruction)) => {
                check(instruction, &self.namespace, INSTRUCTION)?;
                let head = InstructionHead::read(&Node::taken(instruction, INSTRUCTION))?;
                let head = Arc::new(head);
                self.instruction = Some(Arc::clone(&head));
                Some(head)
            }
            (Some(_), _) | (None, None) => None,
        };
        let node = Node::taken(&child, TRANSFER);
        let read = check(&child, &self.namespace, TRANSFER)
            .and_then(|()| OrderedTransfer::read(&node))
            .map_err(|error| UnreadTransfer { names: OrderedTransfer::names(&node), error });
        for totals in &mut self.totals {
            totals.add(&read).map_err(|rule| self.growing.refuse(rule))?;
        }
        let transfer = Piece::Transfer(read);
        Ok(Some(match begun {
            Some(head) => {
                self.waiting = Some(transfer);
                Piece::Instruction(head)
            }
            None => transfer,
        }))
    }

    fn end_message(&mut self, message: &Element) -> Result<Option<Piece>, ReadError> {
        let node = Node::root(message);
        let group = node.need("GrpHdr")?;
        let [_, totals] = self.totals;
        if totals.count == 0 {
            node.need("PmtInf")?;
        }
        Ok(totals.check(&group).err().map(Piece::Total))
    }

    /// Takes the element that has just ended out of the tree.
    fn take_last(&mut self) -> Option<Element> {
        self.begin_piece();
        match self.growing.open.last_mut() {
            Some(parent) => parent.children.pop(),
            None => self.growing.root.as_mut().map(|root| Element {
                name: root.name.clone(),
                namespace: root.namespace.clone(),
                currency: None,
                children: std::mem::take(&mut root.children),
                text: String::new(),
            }),
        }
    }

    fn drop_last(&mut self) {
        if !self.growing.open.is_empty() {
            self.take_last();
        }
    }

    /// What was taken out counts no more, and the blanks between elements are not kept.
    fn begin_piece(&mut self) {
        self.reader.get_mut().taken = 0;
        self.growing.elements = 0;
        for element in &mut self.growing.open {
            if element.text.trim().is_empty() {
                element.text.clear();
            }
        }
    }
}

/// Whether an element and all inside of it are of the message's namespace.
fn check(element: &Element, namespace: &str, path: &str) -> Result<(), ReadError> {
    let found = element.namespace.as_deref().unwrap_or_default();
    if found != namespace {
        let rule = Rule::Namespace(found.to_owned());
        return Err(ReadError { path: path.to_owned(), rule });
    }
    check_namespaces(element, namespace, &mut vec![path])
}

/// What the stream answers when one element takes too much.
const TOO_LARGE: io::ErrorKind = io::ErrorKind::FileTooLarge;

/// A stream that gives no more than one piece may have.
struct Counted<R> {
    inner: R,
    /// Bytes since the last piece.
    taken: usize,
    /// Whether nothing was given yet: a mark of the byte order may stand here.
    first: bool,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.first {
            self.first = false;
            if self.inner.fill_buf()?.starts_with(b"\xEF\xBB\xBF") {
                self.inner.consume(3);
            }
        }
        let left = MOST_PIECE_BYTES.saturating_sub(self.taken);
        let available = self.inner.fill_buf()?;
        if left == 0 && !available.is_empty() {
            return Err(TOO_LARGE.into());
        }
        Ok(available.get(..left).unwrap_or(available))
    }

    fn consume(&mut self, read: usize) {
        self.taken = self.taken.saturating_add(read);
        self.inner.consume(read);
    }
}
