//! SQL names the columns that it reads: a connection that has prepared `SELECT *` fails from
//! the moment at which another replica's migration adds a column.

use super::{Finding, source::Source};

const STARS: [&str; 3] = ["SELECT *", "RETURNING *", ".* FROM "];

/// Checks one file's string literals; tests may write what they like.
pub fn check(source: &Source) -> Vec<Finding> {
    let is_ours = ["crates/", "services/", "florin/", "gateway/", "simulator/"];
    let file = source.file.as_str();
    if !is_ours.iter().any(|folder| file.starts_with(folder)) || file.contains("/tests/") {
        return Vec::new();
    }
    let starred = source.literals.iter().filter(|(text, _)| has_star(text));
    starred
        .map(|(_, line)| Finding {
            file: source.file.clone(),
            line: *line,
            rule: "no-star",
            what: "SQL that reads every column".to_owned(),
            mend: "name the columns: a prepared * breaks when a migration adds one",
        })
        .collect()
}

fn has_star(text: &str) -> bool {
    STARS.iter().any(|star| text.contains(star))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str) -> usize {
        check(&Source::parse(file, text).unwrap()).len()
    }

    #[test]
    fn a_star_is_found_and_a_count_is_none() {
        let star = "fn f() { g(\"SELECT * FROM a\", format!(\"SELECT a.* FROM a\")); }";
        assert_eq!(found("crates/store/src/a.rs", star), 2);
        assert_eq!(found("crates/store/tests/it/a.rs", star), 0);
        assert_eq!(found("crates/store/src/a.rs", "fn f() { g(\"SELECT count(*) FROM a\"); }"), 0);
    }
}
