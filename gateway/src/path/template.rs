//! Parser of path templates, by the grammar in `google/api/http.proto`.

/// One segment of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Literal text.
    Literal(String),
    /// `*`: exactly one segment.
    Single,
    /// `**`: zero or more segments.
    Multi,
}

/// Where a variable ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Before the segment of this index.
    At(usize),
    /// So many segments before the end of the path: the variable holds `**`.
    FromEnd(usize),
}

/// A variable and the segments that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Names of the field path.
    pub field: Vec<String>,
    /// Index of its first segment.
    pub start: usize,
    /// Where it ends.
    pub end: End,
}

impl Variable {
    /// Whether it takes exactly one segment, which is then decoded whole.
    #[must_use]
    pub fn is_single(&self) -> bool {
        match self.end {
            End::At(end) => end == self.start + 1,
            End::FromEnd(_) => false,
        }
    }
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its segments, those inside variables included.
    pub segments: Vec<Segment>,
    /// The verb after the last colon.
    pub verb: Option<String>,
    /// Its variables, in order.
    pub variables: Vec<Variable>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path template {template:?} is invalid at byte {at}: {problem}")]
pub struct TemplateError {
    template: String,
    at: usize,
    problem: &'static str,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The place and the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parser = Parser { text, at: 0, segments: Vec::new(), variables: Vec::new() };
        let verb = parser.template().map_err(|problem| TemplateError {
            template: text.to_owned(),
            at: parser.at,
            problem,
        })?;
        let Parser { segments, mut variables, .. } = parser;
        let count = segments.len();
        for variable in &mut variables {
            if let End::At(end) = variable.end {
                let inside = segments.get(variable.start..end).unwrap_or_default();
                if inside.contains(&Segment::Multi) {
                    variable.end = End::FromEnd(count - end);
                }
            }
        }
        Ok(Self { segments, verb, variables })
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Parser<'_> {
    fn template(&mut self) -> Result<Option<String>, &'static str> {
        self.expect('/', "a template starts with a slash")?;
        if self.peek().is_none() {
            return Ok(None);
        }
        self.segments(true)?;
        if !self.take(':') {
            return match self.peek() {
                None => Ok(None),
                Some(_) => Err("a slash, a colon or the end is expected here"),
            };
        }
        let verb = self.literal()?;
        match self.peek() {
            None => Ok(Some(verb)),
            Some(_) => Err("a verb is the last part"),
        }
    }

    fn segments(&mut self, variables: bool) -> Result<(), &'static str> {
        loop {
            self.segment(variables)?;
            if !self.take('/') {
                return Ok(());
            }
        }
    }

    fn segment(&mut self, variables: bool) -> Result<(), &'static str> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                let segment = if self.take('*') { Segment::Multi } else { Segment::Single };
                if self.segments.contains(&Segment::Multi) {
                    return Err("after ** only literals may stand");
                }
                self.segments.push(segment);
                Ok(())
            }
            Some('{') if variables => self.variable(),
            Some('{') => Err("a variable must not hold another"),
            Some(_) | None => {
                let literal = self.literal()?;
                self.segments.push(Segment::Literal(literal));
                Ok(())
            }
        }
    }

    fn variable(&mut self) -> Result<(), &'static str> {
        self.expect('{', "a brace is expected here")?;
        let start = self.segments.len();
        let mut field = vec![self.identifier()?];
        while self.take('.') {
            field.push(self.identifier()?);
        }
        if self.take('=') {
            self.segments(false)?;
        } else if self.segments.contains(&Segment::Multi) {
            return Err("after ** only literals may stand");
        } else {
            self.segments.push(Segment::Single);
        }
        self.expect('}', "a variable ends with a brace")?;
        self.variables.push(Variable { field, start, end: End::At(self.segments.len()) });
        Ok(())
    }

    fn identifier(&mut self) -> Result<String, &'static str> {
        let name = self.while_(|character| character.is_ascii_alphanumeric() || character == '_');
        match name.chars().next() {
            Some(first) if !first.is_ascii_digit() => Ok(name),
            Some(_) | None => Err("the name of a field is expected here"),
        }
    }

    fn literal(&mut self) -> Result<String, &'static str> {
        let text = self.while_(|character| !"/:{}=*?#".contains(character));
        if text.is_empty() { Err("a segment must not be empty") } else { Ok(text) }
    }

    fn while_(&mut self, accepts: impl Fn(char) -> bool) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let taken: String = rest.chars().take_while(|character| accepts(*character)).collect();
        self.at += taken.len();
        taken
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char, problem: &'static str) -> Result<(), &'static str> {
        if self.take(wanted) { Ok(()) } else { Err(problem) }
    }
}
