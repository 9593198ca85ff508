//! The states of a transfer as they are kept: a JSON array of [status, at, reason].

use florin_kernel::UnixMicros;
use serde_json::Value;

use crate::domain::{Status, Step};

/// Written by hand: most reasons are empty, and a tree of JSON values is a dozen allocations.
pub(super) fn steps_to_text(steps: &[Step]) -> String {
    let mut text = String::with_capacity(steps.len().saturating_mul(32));
    for (number, step) in steps.iter().enumerate() {
        text.push_str(if number == 0 { "[[" } else { ",[" });
        text.push_str(&step.status.code().to_string());
        text.push(',');
        text.push_str(&step.at.0.to_string());
        text.push(',');
        text.push_str(&Value::from(step.reason.as_str()).to_string());
        text.push(']');
    }
    text.push_str(if steps.is_empty() { "[]" } else { "]" });
    text
}

pub(super) fn steps_of_text(text: &str) -> Option<Vec<Step>> {
    let steps: Vec<(i64, i64, String)> = serde_json::from_str(text).ok()?;
    steps
        .into_iter()
        .map(|(status, at, reason)| {
            Some(Step { status: Status::from_code(status).ok()?, at: UnixMicros(at), reason })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_of_steps_is_this_for_ever() {
        let steps = [
            Step { status: Status::Processing, at: UnixMicros(1), reason: String::new() },
            Step { status: Status::Posting, at: UnixMicros(2), reason: "NOT_SCREENED".into() },
        ];
        let text = steps_to_text(&steps);
        assert_eq!(text, r#"[[1,1,""],[3,2,"NOT_SCREENED"]]"#);
        assert_eq!(steps_of_text(&text).as_deref(), Some(steps.as_slice()));
        assert_eq!(steps_of_text("[[2,1,\"\"]]"), None);
        let quoted = [Step { status: Status::Failed, at: UnixMicros(3), reason: "\"\\\n".into() }];
        assert_eq!(steps_of_text(&steps_to_text(&quoted)).as_deref(), Some(quoted.as_slice()));
        assert_eq!(steps_of_text(&steps_to_text(&[])).as_deref(), Some([].as_slice()));
    }
}
