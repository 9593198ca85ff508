//! The thread that reads a file: parts in, chunks of lines out.

use std::{
    io::{self, BufRead, Read},
    ops::ControlFlow,
};

use florin_kernel::{FieldViolation, UnixMicros, Violations};
use tokio::sync::mpsc;

use crate::{
    bulk_file::{self, Found},
    domain::{Announced, BatchHead, Line, MOST_LINES},
};

/// Lines of one transaction.
const CHUNK: usize = 500;

/// What a reader's thread sends.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) made_at: Option<UnixMicros>,
    /// The batches that begin in it: each before its lines, which say what they are in.
    pub(super) batches: Vec<BatchHead>,
    pub(super) lines: Vec<Line>,
    pub(super) problems: Vec<FieldViolation>,
}

impl Chunk {
    fn is_full(&self) -> bool {
        let Self { batches, lines, problems, .. } = self;
        [batches.len(), lines.len(), problems.len()].iter().sum::<usize>() >= CHUNK
    }
}

/// The reader's thread.
pub(super) fn read(
    announced: &Announced,
    parts: mpsc::Receiver<Vec<u8>>,
    to_us: &mpsc::Sender<Chunk>,
) {
    let stream = Parts { parts, part: Vec::new(), at: 0 };
    let mut chunk = Chunk::default();
    let mut lines = 0_i64;
    bulk_file::read(announced, stream, &mut |found| {
        match found {
            Found::MadeAt(at) => chunk.made_at = Some(at),
            Found::Batch(batch) => chunk.batches.push(batch),
            Found::Line(line) => {
                lines = lines.saturating_add(1);
                if lines > MOST_LINES {
                    let mut violations = Violations::new();
                    let text = format!("must have at most {MOST_LINES} lines");
                    violations.add("lines", "TOO_MANY", text);
                    chunk.problems.extend(violations.into_inner());
                    return ControlFlow::Break(());
                }
                chunk.lines.push(line);
            }
            Found::Problem(problem) => chunk.problems.push(problem),
        }
        if chunk.is_full() && to_us.blocking_send(std::mem::take(&mut chunk)).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    // Whoever has gone has a reason.
    let _ = to_us.blocking_send(chunk);
}

/// The parts of a file as one stream.
struct Parts {
    parts: mpsc::Receiver<Vec<u8>>,
    part: Vec<u8>,
    at: usize,
}

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Parts {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.part.len() {
            let Some(next) = self.parts.blocking_recv() else { return Ok(&[]) };
            (self.part, self.at) = (next, 0);
        }
        Ok(self.part.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, read: usize) {
        self.at = self.at.saturating_add(read);
    }
}
