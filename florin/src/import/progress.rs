//! How far an import is: a bar on a terminal, a plain line every two seconds elsewhere.

use std::{
    cell::Cell,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line is printed.
const EVERY: Duration = Duration::from_secs(2);

/// A bar over the bytes of one file.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    name: &'static str,
    bytes: u64,
    plain: bool,
    printed: Cell<Instant>,
    rows: Cell<u64>,
}

impl Progress {
    /// A bar for a file.
    ///
    /// # Errors
    /// The file's length cannot be read.
    pub fn of_file(name: &'static str, path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).with_context(|| path.display().to_string())?.len();
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(5));
        let style = "{prefix:<10} [{bar:40}] {percent:>3} %  {msg}  {elapsed}, {eta} to go";
        bar.set_style(ProgressStyle::with_template(style)?.progress_chars("=> "));
        bar.set_prefix(name);
        let plain = bar.is_hidden();
        let (printed, rows) = (Cell::new(Instant::now()), Cell::new(0));
        Ok(Self { bar, name, bytes, plain, printed, rows })
    }

    /// Notes how far it is.
    pub fn at(&self, bytes: u64, rows: u64) {
        self.rows.set(rows);
        self.bar.set_position(bytes);
        self.bar.set_message(format!("{rows} rows"));
        if self.plain && self.printed.get().elapsed() >= EVERY {
            self.printed.set(Instant::now());
            let percent = bytes.saturating_mul(100).checked_div(self.bytes).unwrap_or(100);
            eprintln!("{:<10} {percent:>3} %  {rows} rows", self.name);
        }
    }

    /// Ends the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
        eprintln!("{:<10} read: {} rows", self.name, self.rows.get());
    }
}
