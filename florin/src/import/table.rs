//! CSV with a header, read line by line.

use std::{collections::HashMap, fs::File, path::Path};

use anyhow::{Context as _, Result, bail};
use csv::StringRecord;
use florin_kernel::Broken;

use crate::import::rejects::Reject;

/// A CSV file.
#[derive(Debug)]
pub struct Table {
    reader: csv::Reader<File>,
    columns: HashMap<String, usize>,
    record: StringRecord,
}

/// One line of it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'t> {
    /// Line in the file, from 1.
    pub number: u64,
    record: &'t StringRecord,
    columns: &'t HashMap<String, usize>,
}

impl Table {
    /// Opens a file that has at least these columns.
    ///
    /// # Errors
    /// No such file, no header, or columns that it lacks.
    pub fn open(path: &Path, required: &[&str]) -> Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
        let mut reader = csv::ReaderBuilder::new().from_reader(file);
        let header = reader.headers().with_context(|| format!("{shown} has no header"))?;
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(at, name)| (name.trim().to_owned(), at)).collect();
        let lacks: Vec<&str> =
            required.iter().copied().filter(|name| !columns.contains_key(*name)).collect();
        if !lacks.is_empty() {
            bail!("{shown} lacks the columns {}; docs/import.md describes it", lacks.join(", "));
        }
        Ok(Self { reader, columns, record: StringRecord::new() })
    }

    /// The next line; a line that cannot be read is a reject and the file goes on.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn next(&mut self) -> Result<Option<Result<Line<'_>, Reject>>> {
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let number = self.record.position().map_or(0, csv::Position::line);
                let (record, columns) = (&self.record, &self.columns);
                Ok(Some(Ok(Line { number, record, columns })))
            }
            Err(error) if error.is_io_error() => Err(error).context("cannot read the file"),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                let (reference, field) = (String::new(), String::new());
                let (rule, reason) = ("MALFORMED_LINE".to_owned(), error.to_string());
                Ok(Some(Err(Reject { line, reference, field, rule, reason })))
            }
        }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

impl Line<'_> {
    /// The value of a column without blanks at its ends; empty where there is no such column.
    #[must_use]
    pub fn get(&self, column: &str) -> &str {
        let value = self.columns.get(column).and_then(|at| self.record.get(*at));
        value.unwrap_or_default().trim()
    }

    /// Says that a column of this line breaks a rule.
    #[must_use]
    pub fn reject(&self, reference: &str, field: &str, rule: &str, reason: &str) -> Reject {
        Reject {
            line: self.number,
            reference: reference.to_owned(),
            field: field.to_owned(),
            rule: rule.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// Takes a value, or says which rule the column breaks.
    ///
    /// # Errors
    /// The reject.
    pub fn check<T, E: Broken>(
        &self,
        reference: &str,
        field: &str,
        value: Result<T, E>,
    ) -> Result<T, Reject> {
        value.map_err(|error| self.reject(reference, field, error.rule(), &error.to_string()))
    }
}
