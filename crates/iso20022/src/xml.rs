//! A bounded tree of a document. What a document of ISO 20022 never has is refused before it can
//! cost anything: document types, entities, depth, size.

use std::sync::Arc;

use quick_xml::{
    NsReader,
    events::{BytesDecl, BytesRef, BytesStart, Event},
    name::ResolveResult,
};

use crate::error::{ReadError, Rule};

/// The largest document that is read, in bytes.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The most elements of one document.
pub const MOST_ELEMENTS: usize = 200_000;
/// The deepest nesting; the deepest path of the profile has 13 elements, in an envelope of 2.
pub const MOST_DEPTH: usize = 32;

/// The attribute with the currency of an amount, the only one that is read.
const CURRENCY: &str = "Ccy";

/// An element with what is inside.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// None where it is in no namespace.
    pub(crate) namespace: Option<Arc<str>>,
    /// The attribute `Ccy`.
    pub(crate) currency: Option<String>,
    pub(crate) children: Vec<Self>,
    pub(crate) text: String,
}

/// Reads a document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, ReadError> {
    if bytes.len() > MOST_BYTES {
        return Err(ReadError::of_document(Rule::TooLarge { limit: MOST_BYTES }));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ReadError::of_document(Rule::Encoding))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut growing = Growing::default();
    let mut reader = NsReader::from_str(text);
    loop {
        let (namespace, event) = match reader.read_resolved_event() {
            Ok((namespace, event)) => (namespace, event),
            Err(error) => return Err(growing.refuse(Rule::Malformed(error.to_string()))),
        };
        if growing.take(&event, &namespace)? == Taken::End {
            return growing.finish();
        }
    }
}

fn check_encoding(declared: &BytesDecl<'_>) -> Result<(), ReadError> {
    match declared.encoding() {
        None => Ok(()),
        Some(Ok(name)) if name.eq_ignore_ascii_case("UTF-8") => Ok(()),
        Some(Ok(_) | Err(_)) => Err(ReadError::of_document(Rule::Encoding)),
    }
}

/// What a part of the document did to the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// An element has begun.
    Opened,
    /// One has ended: it stands with its parent, or is the root.
    Closed,
    /// Neither.
    Other,
    /// The document has ended.
    End,
}

/// The tree while it is read.
#[derive(Default)]
pub(crate) struct Growing {
    pub(crate) open: Vec<Element>,
    pub(crate) root: Option<Element>,
    /// Those that the tree has grown by; who takes parts out of it counts anew.
    pub(crate) elements: usize,
    /// The namespace of the last element: most have the same.
    last: Option<Arc<str>>,
}

impl Growing {
    /// Takes the next part of the document. One that begins and ends an element at once is
    /// [`Taken::Closed`].
    pub(crate) fn take(
        &mut self,
        event: &Event<'_>,
        namespace: &ResolveResult<'_>,
    ) -> Result<Taken, ReadError> {
        match event {
            Event::Start(start) => {
                self.open(start, namespace)?;
                return Ok(Taken::Opened);
            }
            Event::Empty(start) => {
                self.open(start, namespace)?;
                self.close()?;
                return Ok(Taken::Closed);
            }
            Event::End(_) => {
                self.close()?;
                return Ok(Taken::Closed);
            }
            Event::Text(text) => self.add(&text.xml10_content())?,
            Event::CData(text) => self.add(&text.xml10_content())?,
            Event::GeneralRef(entity) => self.refer(entity)?,
            Event::Decl(declared) => check_encoding(declared)?,
            Event::DocType(_) => return Err(self.refuse(Rule::Doctype)),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return Ok(Taken::End),
        }
        Ok(Taken::Other)
    }

    fn open(&mut self, start: &BytesStart<'_>, found: &ResolveResult<'_>) -> Result<(), ReadError> {
        if self.root.is_some() {
            return Err(self.refuse(Rule::Malformed("a second outermost element".to_owned())));
        }
        if self.open.len() >= MOST_DEPTH {
            return Err(self.refuse(Rule::TooDeep { limit: MOST_DEPTH }));
        }
        self.elements = self.elements.saturating_add(1);
        if self.elements > MOST_ELEMENTS {
            return Err(self.refuse(Rule::TooManyElements { limit: MOST_ELEMENTS }));
        }
        let name = start.local_name().as_ref().to_owned();
        let namespace = match found {
            ResolveResult::Bound(namespace) => Some(self.shared(namespace.as_ref())),
            ResolveResult::Unbound => None,
            ResolveResult::Unknown(prefix) => {
                let text = format!("the prefix {prefix:?} of {name} is not declared");
                return Err(self.refuse(Rule::Malformed(text)));
            }
        };
        let mut currency = None;
        for attribute in start.attributes() {
            let attribute =
                attribute.map_err(|error| self.refuse(Rule::Malformed(error.to_string())))?;
            if attribute.key.as_ref() == CURRENCY {
                currency = Some(attribute.value.as_ref().to_owned());
            }
        }
        let (children, text) = (Vec::new(), String::new());
        self.open.push(Element { name, namespace, currency, children, text });
        Ok(())
    }

    fn shared(&mut self, namespace: &str) -> Arc<str> {
        match &self.last {
            Some(last) if **last == *namespace => Arc::clone(last),
            Some(_) | None => {
                let shared: Arc<str> = namespace.into();
                self.last = Some(Arc::clone(&shared));
                shared
            }
        }
    }

    fn close(&mut self) -> Result<(), ReadError> {
        let Some(element) = self.open.pop() else { return Ok(()) };
        if !element.children.is_empty() && !element.text.trim().is_empty() {
            let text = format!("text between the elements of {}", element.name);
            return Err(self.refuse(Rule::Malformed(text)));
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), ReadError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => {
                return Err(self.refuse(Rule::Malformed("text outside of elements".to_owned())));
            }
        }
        Ok(())
    }

    fn refer(&mut self, entity: &BytesRef<'_>) -> Result<(), ReadError> {
        let character = match entity.resolve_char_ref() {
            Ok(Some(character)) => character,
            Ok(None) => match entity.xml10_content().as_ref() {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "quot" => '"',
                "apos" => '\'',
                other => return Err(self.refuse(Rule::Entity(other.to_owned()))),
            },
            Err(error) => return Err(self.refuse(Rule::Malformed(error.to_string()))),
        };
        self.add(character.encode_utf8(&mut [0; 4]))
    }

    pub(crate) fn finish(mut self) -> Result<Element, ReadError> {
        match (self.root.take(), self.open.is_empty()) {
            (Some(root), true) => Ok(root),
            _ => Err(self.refuse(Rule::Malformed("it ends inside of an element".to_owned()))),
        }
    }

    /// The refusal, at the element that is being read.
    pub(crate) fn refuse(&self, rule: Rule) -> ReadError {
        let names: Vec<_> = self.open.iter().map(|element| element.name.as_str()).collect();
        ReadError { path: format!("/{}", names.join("/")), rule }
    }
}
