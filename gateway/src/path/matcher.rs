//! Finds the route of a path: a trie a verb, literals before `*` before `**`.

use std::collections::{BTreeSet, HashMap};

use super::{
    decode::{Keep, NotText, decode},
    template::{End, Segment, Template, Variable},
};

/// How paths are read; the default is what `google.api.http` says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// What stays encoded in variables of several segments.
    pub keep: Keep,
    /// Whether text after the last colon is a verb even where no template has that verb.
    pub unknown_verbs: bool,
}

/// The same method and template stand twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{method} has two routes of the same path")]
pub struct DuplicateRoute {
    /// The HTTP method.
    pub method: String,
}

/// A route that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Index given at the insertion.
    pub route: usize,
    /// What the variables take, in the order of the template.
    pub bindings: Vec<(Vec<String>, Result<String, NotText>)>,
}

/// The routes, by verb and path.
#[derive(Debug, Default)]
pub struct Matcher {
    reading: Reading,
    tries: HashMap<Option<String>, Node>,
    variables: HashMap<usize, Vec<Variable>>,
    methods: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    single: Option<Box<Node>>,
    multi: Option<Box<Node>>,
    ends: HashMap<String, Slot>,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Route(usize),
    Ambiguous,
}

impl Matcher {
    /// A matcher without routes.
    #[must_use]
    pub fn new(reading: Reading) -> Self {
        Self { reading, ..Self::default() }
    }

    /// Adds a route; `method` is upper case, `*` stands for any.
    ///
    /// # Errors
    /// Where the method has this path already; neither is found from then on.
    pub fn insert(
        &mut self,
        method: &str,
        template: &Template,
        route: usize,
    ) -> Result<(), DuplicateRoute> {
        let mut node = self.tries.entry(template.verb.clone()).or_default();
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Single => node.single.get_or_insert_default(),
                Segment::Multi => node.multi.get_or_insert_default(),
            };
        }
        self.methods.insert(method.to_owned());
        self.variables.insert(route, template.variables.clone());
        if node.ends.contains_key(method) {
            node.ends.insert(method.to_owned(), Slot::Ambiguous);
            return Err(DuplicateRoute { method: method.to_owned() });
        }
        node.ends.insert(method.to_owned(), Slot::Route(route));
        Ok(())
    }

    /// Finds the route of a method and a path (a query is ignored).
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<Found> {
        let (verb, parts) = self.split(path)?;
        let node = self.tries.get(&verb)?;
        match node.find(&parts, method)? {
            Slot::Route(route) => Some(Found { route, bindings: self.bind(route, &parts) }),
            Slot::Ambiguous => None,
        }
    }

    /// The methods that the path has; empty where the path is unknown.
    #[must_use]
    pub fn methods_of(&self, path: &str) -> Vec<String> {
        self.methods.iter().filter(|method| self.find(method, path).is_some()).cloned().collect()
    }

    fn split<'p>(&self, path: &'p str) -> Option<(Option<String>, Vec<&'p str>)> {
        let path = path.split('?').next().unwrap_or_default();
        let mut rest = path.strip_prefix('/')?;
        let last = rest.rsplit('/').next().unwrap_or_default();
        let mut verb = None;
        if let Some((_, candidate)) = last.rsplit_once(':') {
            let candidate = Some(candidate.to_owned());
            if self.reading.unknown_verbs || self.tries.contains_key(&candidate) {
                rest = rest.rsplit_once(':').map_or(rest, |(before, _)| before);
                verb = candidate;
            }
        }
        let parts = if rest.is_empty() { Vec::new() } else { rest.split('/').collect() };
        Some((verb, parts))
    }

    fn bind(&self, route: usize, parts: &[&str]) -> Vec<(Vec<String>, Result<String, NotText>)> {
        let variables = self.variables.get(&route).map(Vec::as_slice).unwrap_or_default();
        variables
            .iter()
            .map(|variable| {
                let end = match variable.end {
                    End::At(end) => end,
                    End::FromEnd(count) => parts.len().saturating_sub(count),
                };
                let taken = parts.get(variable.start..end).unwrap_or_default().join("/");
                let keep = if variable.is_single() { Keep::Nothing } else { self.reading.keep };
                (variable.field.clone(), decode(&taken, keep))
            })
            .collect()
    }
}

impl Node {
    /// Depth is bounded by the longest template; what `**` takes is a loop, not a recursion.
    fn find(&self, parts: &[&str], method: &str) -> Option<Slot> {
        let Some((first, rest)) = parts.split_first() else {
            let multi = || self.multi.as_ref().and_then(|node| node.end(method));
            return self.end(method).or_else(multi);
        };
        if let Some(found) = self.literals.get(*first).and_then(|node| node.find(rest, method)) {
            return Some(found);
        }
        if let Some(single) = self.single.as_ref().filter(|_| !first.is_empty())
            && let Some(found) = single.find(rest, method)
        {
            return Some(found);
        }
        let multi = self.multi.as_ref()?;
        (0..=parts.len()).find_map(|from| multi.literal_end(parts.get(from..)?, method))
    }

    fn literal_end(&self, parts: &[&str], method: &str) -> Option<Slot> {
        let mut node = self;
        for part in parts {
            node = node.literals.get(*part)?;
        }
        node.end(method)
    }

    fn end(&self, method: &str) -> Option<Slot> {
        self.ends.get(method).or_else(|| self.ends.get("*")).copied()
    }
}
