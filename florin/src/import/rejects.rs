//! The file of what could not be imported: file, line, reference, field, rule, reason.

use std::{fs::File, io::BufWriter, path::Path};

use anyhow::{Context as _, Result};
use florin_proto::common::v1::Refusal;

/// One line that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line in its file, from 1; the header is line 1.
    pub line: u64,
    /// What the line calls itself, where that can be read.
    pub reference: String,
    /// The column, or empty where the whole line is concerned.
    pub field: String,
    /// The rule that it breaks, or the reason of a service's refusal.
    pub rule: String,
    /// In words.
    pub reason: String,
}

/// The first field at fault of what a service refused; empty where none is.
#[must_use]
pub fn refused_field(refusal: &Refusal) -> String {
    refusal.violations.first().map(|one| one.field.clone()).unwrap_or_default()
}

/// Why a service refused it, every field at fault named.
#[must_use]
pub fn refused_reason(refusal: &Refusal) -> String {
    let broken = refusal.violations.iter();
    let broken = broken.map(|one| format!("; {}: {} ({})", one.field, one.description, one.rule));
    format!("{}{}", refusal.message, broken.collect::<String>())
}

/// Writes the rejects as they are met.
#[derive(Debug)]
pub struct Rejects {
    writer: csv::Writer<BufWriter<File>>,
    count: u64,
}

impl Rejects {
    /// Starts the file anew: what an earlier run listed is no longer true.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path);
        let file = file.with_context(|| format!("cannot write rejects to {}", path.display()))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        writer.write_record(["file", "line", "reference", "field", "rule", "reason"])?;
        Ok(Self { writer, count: 0 })
    }

    /// Lists one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, file: &str, reject: &Reject) -> Result<()> {
        self.count = self.count.saturating_add(1);
        let line = reject.line.to_string();
        let Reject { reference, field, rule, reason, .. } = reject;
        self.writer
            .write_record([file, &line, reference, field, rule, reason])
            .context("cannot write the rejects")
    }

    /// Completes the file and tells how many there are.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        self.writer.flush().context("cannot write the rejects")?;
        Ok(self.count)
    }
}
