//! The tests that `docs/testing.md` names against the defects of others are there.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};

use super::{Finding, source::Source};

const PAGE: &str = "docs/testing.md";
const SECTION: &str = "## Defects of others";

/// Checks the page against all sources.
pub fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let text = fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let known = sources.iter().flat_map(|source| source.identifiers.iter().map(String::as_str));
    Ok(missing(&text, &known.collect()))
}

fn missing(page: &str, known: &BTreeSet<&str>) -> Vec<Finding> {
    let named = named(page);
    if named.is_empty() {
        return vec![finding(1, format!("no section \"{SECTION}\" with tests in it"))];
    }
    let unknown = named.into_iter().filter(|(name, _)| !known.contains(name));
    unknown.map(|(name, line)| finding(line, format!("no test is called {name}"))).collect()
}

/// The names in the last column of the section's table, with their lines.
fn named(page: &str) -> Vec<(&str, usize)> {
    let lines = (1..).zip(page.lines()).skip_while(|(_, line)| *line != SECTION).skip(1);
    let lines = lines.take_while(|(_, line)| !line.starts_with("## "));
    let rows = lines.filter_map(|(number, line)| {
        let cells = line.trim_end().strip_suffix('|')?;
        Some((cells.rsplit('|').next()?, number))
    });
    // Between the first and the second backtick, the third and the fourth, and so on.
    rows.flat_map(|(cell, line)| cell.split('`').skip(1).step_by(2).map(move |name| (name, line)))
        .collect()
}

fn finding(line: usize, what: String) -> Finding {
    Finding {
        file: PAGE.to_owned(),
        line,
        rule: "defects-of-others",
        what,
        mend: "name the test that fails where we have the defect too",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_test_has_is_found_in_its_line() {
        let page =
            "# Testing\n## Defects of others\n\n| a `b` | c | `holds`, `gone` |\n## More\n| `x` |";
        let found = missing(page, &BTreeSet::from(["holds"]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].what.as_str()), (4, "no test is called gone"));
        assert_eq!(missing("# Testing", &BTreeSet::new()).len(), 1);
    }
}
