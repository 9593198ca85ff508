//! What we write follows the schema: order, occurrence and type of every element.
//!
//! `tests/schema.txt` says for each element that we write what the schema of its message has
//! inside, in order. It was taken from the classes of the Python package pyiso20022 1.6.2 (MIT),
//! which xsdata has generated from the schemas of iso20022.org: the schemas themselves may not be
//! handed on. A line is the message, the path, and the children in order, `!` after a required
//! one, with the type of those that hold text; `choice` before them says that one of them stands.

use std::collections::BTreeMap;

use crate::examples;

const TABLE: &str = include_str!("../schema.txt");

/// What the schema has inside of an element.
struct Content {
    choice: bool,
    children: Vec<Child>,
}

/// A child as the schema has it.
struct Child {
    name: String,
    required: bool,
    kind: Option<String>,
}

fn table() -> BTreeMap<(String, String), Content> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split(' ').peekable();
            let (message, path) = (words.next().expect("message"), words.next().expect("path"));
            let choice = words.next_if_eq(&"choice").is_some();
            let children = words.map(|word| {
                let (name, kind) = match word.split_once(':') {
                    Some((name, kind)) => (name, Some(kind.to_owned())),
                    None => (word, None),
                };
                let required = name.ends_with('!');
                Child { name: name.trim_end_matches('!').to_owned(), required, kind }
            });
            let content = Content { choice, children: children.collect() };
            ((message.to_owned(), path.to_owned()), content)
        })
        .collect()
}

/// A document as elements with their paths; enough for what we write ourselves.
#[derive(Debug)]
struct Seen {
    path: String,
    children: Vec<(String, String)>,
}

/// Reads our own form: no blanks, no comments, no self-closing elements.
fn elements(document: &str) -> Vec<Seen> {
    let body = document.split_once("?>").expect("declaration").1;
    let (mut open, mut done): (Vec<Seen>, Vec<Seen>) = (Vec::new(), Vec::new());
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("tag");
        if tag.starts_with('/') {
            let closed = open.pop().expect("open");
            done.push(closed);
            continue;
        }
        let name = tag.split(' ').next().expect("name");
        let path = match open.last() {
            Some(parent) => format!("{}/{name}", parent.path),
            None => name.to_owned(),
        };
        if let Some(parent) = open.last_mut() {
            parent.children.push((name.to_owned(), text.to_owned()));
        }
        open.push(Seen { path, children: Vec::new() });
    }
    done
}

fn fits(kind: &str, text: &str) -> bool {
    let characters = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let length = characters.chars().count();
    let (kind, rest) = kind.split_once('(').unwrap_or((kind, ""));
    let rest = rest.trim_end_matches(')');
    match kind {
        "text" => {
            let (least, most) = rest.split_once(',').expect("bounds");
            let bound = |text: &str| text.parse::<usize>().expect("bound");
            (bound(least)..=bound(most)).contains(&length)
        }
        "code" => rest.split('|').any(|code| code == text),
        "date" => florin_kernel::parse_date(text).is_ok(),
        "instant" => text.len() >= 20 && text.ends_with('Z') && text.contains('T'),
        "bool" => matches!(text, "true" | "false"),
        "decimal" => text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'),
        "bic" => text.parse::<florin_kernel::Bic>().is_ok(),
        "iban" => text.parse::<florin_kernel::Iban>().is_ok(),
        "uetr" => text.parse::<florin_kernel::Uetr>().is_ok(),
        "count" => (1..=15).contains(&length) && text.bytes().all(|byte| byte.is_ascii_digit()),
        other => panic!("the table has the kind {other}"),
    }
}

#[test]
fn what_we_write_is_in_the_order_and_of_the_types_of_the_schema() {
    let table = table();
    let mut checked = 0;
    for (message, example) in examples::all() {
        let document = String::from_utf8(example.write()).expect("text");
        for seen in elements(&document) {
            if seen.children.is_empty() {
                continue;
            }
            let key = (message.to_owned(), seen.path.clone());
            let schema = table.get(&key).unwrap_or_else(|| panic!("no line for {key:?}"));
            let place = |name: &str| {
                schema
                    .children
                    .iter()
                    .position(|child| child.name == name)
                    .unwrap_or_else(|| panic!("{name} is not in {key:?}"))
            };
            let places: Vec<_> = seen.children.iter().map(|(name, _)| place(name)).collect();
            assert!(places.is_sorted(), "{key:?}: {:?}", seen.children);
            assert!(!schema.choice || places.len() == 1, "{key:?}: {:?}", seen.children);
            for (at, child) in schema.children.iter().enumerate() {
                assert!(!child.required || places.contains(&at), "{key:?} lacks {}", child.name);
            }
            for ((name, text), at) in seen.children.iter().zip(&places) {
                if let Some(kind) = &schema.children[*at].kind {
                    assert!(fits(kind, text), "{key:?}/{name}: {text:?} is no {kind}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "{checked} texts were checked");
}
