//! Counting what `cargo test` did, from the lines that it prints.

/// Tests and checks by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Ended well.
    pub passed: u64,
    /// Ended badly.
    pub failed: u64,
    /// Did not run.
    pub skipped: u64,
    /// Of those that passed: failed at first, and passed twice alone.
    pub unsteady: u64,
}

impl Count {
    /// One that passed.
    pub const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0, unsteady: 0 };
    /// One that failed.
    pub const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0, unsteady: 0 };
    /// One that did not run.
    pub const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1, unsteady: 0 };

    /// Adds the other count to this one.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.unsteady += other.unsteady;
    }

    /// As many of those that passed did not run: they said so.
    pub fn skip(&mut self, tests: u64) {
        let skipped = tests.min(self.passed);
        self.passed -= skipped;
        self.skipped += skipped;
    }

    /// As many failures as given passed when they were tried again.
    pub fn steady(&mut self, tests: u64) {
        let passed = tests.min(self.failed);
        self.failed -= passed;
        self.passed += passed;
        self.unsteady += passed;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)?;
        if self.unsteady > 0 { write!(f, ", {} UNSTEADY", self.unsteady) } else { Ok(()) }
    }
}

/// What one line of `cargo test` says.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A test binary starts; its readable name.
    Starts(String),
    /// One test ended well or was not run.
    Quiet,
    /// One test failed; its name.
    Failed(&'a str),
    /// One test says that it does not run, although it ends well; its name.
    Skips(&'a str),
    /// A binary is through.
    Result(Count, &'a str),
    /// Anything else.
    Text,
}

/// Reads one line of `cargo test`.
pub fn read(line: &str) -> Line<'_> {
    let line = line.trim();
    if let Some(binary) = line.strip_prefix("Running ") {
        return Line::Starts(binary_name(binary));
    }
    if let Some(library) = line.strip_prefix("Doc-tests ") {
        return Line::Starts(format!("{library} (documentation)"));
    }
    if let Some(result) = line.strip_prefix("test result: ") {
        return result_line(result).unwrap_or(Line::Text);
    }
    if let Some((test, _)) = line.strip_prefix("skipped test ").and_then(|of| of.split_once(": ")) {
        return Line::Skips(test);
    }
    if let Some(test) = line.strip_prefix("test ") {
        if let Some(name) = test.strip_suffix(" ... FAILED") {
            return Line::Failed(name);
        }
        if test.ends_with(" ... ok") || test.contains(" ... ignored") {
            return Line::Quiet;
        }
    }
    if line.is_empty() || (line.starts_with("running ") && line.contains(" test")) {
        return Line::Quiet;
    }
    Line::Text
}

/// `unittests src/lib.rs (target/debug/deps/florin_kernel-0123)` is `florin_kernel src/lib.rs`.
fn binary_name(text: &str) -> String {
    let Some((source, file)) = text.split_once(" (") else { return text.to_owned() };
    let source = source.trim_start_matches("unittests ");
    let file = file.trim_end_matches(')').rsplit('/').next().unwrap_or_default();
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    format!("{name} {source}")
}

fn result_line(text: &str) -> Option<Line<'_>> {
    let (_, numbers) = text.split_once(". ")?;
    let mut count = Count::default();
    let mut took = "";
    for part in numbers.split("; ") {
        if let Some(time) = part.strip_prefix("finished in ") {
            took = time;
            continue;
        }
        let (number, what) = part.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match what {
            "passed" => count.passed = number,
            "failed" => count.failed = number,
            "ignored" => count.skipped = number,
            _ => {}
        }
    }
    Some(Line::Result(count, took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lines_of_cargo_test() {
        let result = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; \
                      3 filtered out; finished in 0.31s";
        let count = Count { passed: 12, failed: 2, skipped: 1, unsteady: 0 };
        assert_eq!(read(result), Line::Result(count, "0.31s"));
        assert_eq!(read("test money::adds ... ok"), Line::Quiet);
        assert_eq!(read("test money::adds ... ignored, slow"), Line::Quiet);
        assert_eq!(read("test money::adds ... FAILED"), Line::Failed("money::adds"));
        let skips = "skipped test day_counts::each_row: the folder shared/data/x is not there";
        assert_eq!(read(skips), Line::Skips("day_counts::each_row"));
        assert_eq!(read("running 3 tests"), Line::Quiet);
        assert_eq!(read("error: could not compile"), Line::Text);
        let starts = "     Running tests/it/main.rs (target/debug/deps/it-0f3c)";
        assert_eq!(read(starts), Line::Starts("it tests/it/main.rs".to_owned()));
        let unit = "     Running unittests src/lib.rs (target/debug/deps/florin_kernel-00ab)";
        assert_eq!(read(unit), Line::Starts("florin_kernel src/lib.rs".to_owned()));
    }

    #[test]
    fn adds_up_and_prints_one_line() {
        let mut total = Count::default();
        total.add(Count { passed: 3, failed: 0, skipped: 1, unsteady: 0 });
        total.add(Count::FAILED);
        assert_eq!(total.to_string(), "3 passed, 1 failed, 1 skipped");
        total.steady(1);
        assert_eq!(total.to_string(), "4 passed, 0 failed, 1 skipped, 1 UNSTEADY");
    }
}
