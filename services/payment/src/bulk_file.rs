//! Reads the lines of a file from a stream, one at a time: what is held never grows with the
//! file.

mod json_lines;
mod pain;

use std::{io::BufRead, ops::ControlFlow};

use florin_kernel::{FieldViolation, UnixMicros, Violations};

use crate::domain::{Announced, BatchHead, BulkFormat, Line};

/// What is found in a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// When the file says that it was made.
    MadeAt(UnixMicros),
    /// A batch begins: the lines that follow are in it.
    Batch(BatchHead),
    /// A line.
    Line(Line),
    /// Something that is wrong with the file as a whole.
    Problem(FieldViolation),
}

/// Reads a file to its end, to where it is no file of its format, or to where `each` breaks off.
pub fn read(
    announced: &Announced,
    stream: impl BufRead,
    each: &mut impl FnMut(Found) -> ControlFlow<()>,
) {
    // Whoever breaks off knows why.
    let _ = match announced.format {
        BulkFormat::Pain001 => pain::read(announced, stream, each),
        BulkFormat::JsonLines => json_lines::read(announced, stream, each),
    };
}

/// One violation.
fn violation(
    field: &str,
    rule: &'static str,
    description: impl Into<String>,
) -> Vec<FieldViolation> {
    let mut violations = Violations::new();
    violations.add(field, rule, description);
    violations.into_inner()
}
