//! `Prefer: wait=N` (RFC 7240): how long a client is ready to wait for an end state.

use std::time::Duration;

/// The longest wait that a client is granted.
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The wait that the values of header or metadata `prefer` ask for. It is a wish: what is
/// malformed counts as no wish, what is longer than 10 s as 10 s, and the first of several
/// counts (RFC 7240, section 2).
pub fn wait<'v>(values: impl Iterator<Item = &'v str>) -> Duration {
    let preferences = values.flat_map(|value| value.split(','));
    let wishes = preferences.filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
    });
    let seconds = wishes.map(|seconds| seconds.parse().unwrap_or(0)).next();
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_client_may_write() {
        let cases: [(&[&str], u64); 10] = [
            (&["wait=5"], 5),
            (&["Wait = \"3\""], 3),
            (&["respond-async, wait=2"], 2),
            (&["respond-async", "wait=2"], 2),
            (&["wait=5; x=1"], 5),
            (&["wait=3600"], 10),
            (&["wait=4, wait=5"], 4),
            (&["wait=soon"], 0),
            (&["waits=5", "wait"], 0),
            (&[], 0),
        ];
        for (values, seconds) in cases {
            let asked = wait(values.iter().copied());
            assert_eq!(asked, Duration::from_secs(seconds), "{values:?}");
        }
    }
}
