//! JSON read strictly: bounded depth, and no key twice in an object, since readers differ
//! in which of the two they take.

use std::{cell::RefCell, fmt};

use florin_kernel::Violations;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Objects and arrays may lie in each other so deep.
pub const DEPTH_LIMIT: usize = 64;
/// So many violations are listed; what a client would do with more nobody knows.
pub const VIOLATIONS_LIMIT: usize = 100;
/// So many characters of a name from outside are repeated to it.
const NAME_LIMIT: usize = 100;

/// Where in a document something lies, without a copy a level.
#[derive(Clone, Copy)]
pub enum Place<'p> {
    /// The whole document.
    Root,
    /// A key of an object.
    Key(&'p Place<'p>, &'p str),
    /// An element of an array.
    Index(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Place::Root, name) => out.write_str(&clip(name)),
            Self::Key(parent, name) => write!(out, "{parent}.{}", clip(name)),
            Self::Index(parent, index) => write!(out, "{parent}[{index}]"),
        }
    }
}

/// The first characters of a name from outside.
#[must_use]
pub fn clip(name: &str) -> String {
    name.chars().take(NAME_LIMIT).collect()
}

/// Notes a violation, up to the limit.
pub fn note(found: &mut Violations, place: &Place<'_>, rule: &'static str, words: String) {
    if found.as_slice().len() < VIOLATIONS_LIMIT {
        found.add(place.to_string(), rule, words);
    }
}

/// Parses a body.
///
/// # Errors
/// What is wrong, with the place.
pub fn parse(body: &[u8]) -> Result<Value, Violations> {
    let mut violations = Violations::new();
    if too_deep(body) {
        let words = format!("objects and arrays may be nested at most {DEPTH_LIMIT} deep");
        violations.add("", "JSON_TOO_DEEP", words);
        return Err(violations);
    }
    let found = RefCell::new(violations);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Strict { place: Place::Root, found: &found }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    let mut found = found.into_inner();
    match value {
        Ok(value) if found.is_empty() => Ok(value),
        Ok(_) => Err(found),
        Err(error) => {
            found.add("", "JSON_SYNTAX", format!("the body is no valid JSON: {error}"));
            Err(found)
        }
    }
}

/// Counts brackets outside strings: cheaper than finding out by recursion.
fn too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_LIMIT {
            return true;
        }
    }
    false
}

struct Strict<'p, 'f> {
    place: Place<'p>,
    found: &'f RefCell<Violations>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no such number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = Place::Index(&self.place, list.len());
            match items.next_element_seed(Strict { place, found: self.found })? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let place = Place::Key(&self.place, &key);
            let value = entries.next_value_seed(Strict { place, found: self.found })?;
            if object.contains_key(&key) {
                let words = "the key stands twice in its object".to_owned();
                let mut found =
                    self.found.try_borrow_mut().map_err(|_| A::Error::custom("defect"))?;
                note(&mut found, &place, "JSON_DUPLICATE_KEY", words);
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
