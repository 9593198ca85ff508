//! When the certificates of a role end: measured, told in time, and the end of readiness.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use florin_rpc::{
    Metrics,
    metrics::{Gauge, MetricFamily},
    tls::Expiry,
};

/// From so long before its end on, a certificate is told of.
const TELL_SECONDS: i64 = 14 * 86_400;
/// How often.
const TELL_EVERY: Duration = Duration::from_secs(86_400);

/// The certificates of one role.
pub(crate) struct Certificates {
    role: &'static str,
    left: MetricFamily<[(&'static str, &'static str); 2], Gauge>,
    told: BTreeMap<&'static str, Instant>,
}

impl Certificates {
    pub(crate) fn new(role: &'static str, metrics: &Metrics) -> Self {
        let help = "Seconds until a certificate expires; negative after its end";
        let left = metrics.gauges("florin_certificate_expires_seconds", help);
        Self { role, left, told: BTreeMap::new() }
    }

    /// Looks at all of them; `now` is Unix time.
    ///
    /// # Errors
    /// The one that has expired, in words.
    pub(crate) fn check(&mut self, expiries: &[Expiry], now: i64) -> Result<(), String> {
        let mut expired = None;
        for Expiry { file, not_after } in expiries {
            let left = not_after.saturating_sub(now);
            self.left.get_or_create(&[("role", self.role), ("file", file)]).set(left);
            if left < TELL_SECONDS {
                self.tell(file, left);
            }
            if left < 0 {
                expired.get_or_insert_with(|| match *file {
                    "certificate" => "its certificate has expired".to_owned(),
                    other => format!("its {other} certificate has expired"),
                });
            }
        }
        expired.map_or(Ok(()), Err)
    }

    fn tell(&mut self, file: &'static str, left: i64) {
        let now = Instant::now();
        let told = self.told.get(file);
        if told.is_some_and(|told| now.saturating_duration_since(*told) < TELL_EVERY) {
            return;
        }
        self.told.insert(file, now);
        let (role, days) = (self.role, left.div_euclid(86_400));
        tracing::warn!(role, file, days_left = days, "a certificate expires soon: renew it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_tells_once_a_day_and_fails_after_the_end() {
        let metrics = Metrics::new();
        let mut certificates = Certificates::new("cif", &metrics);
        let ends = |not_after| [Expiry { file: "certificate", not_after }];
        assert_eq!(certificates.check(&ends(TELL_SECONDS + 100), 100), Ok(()));
        assert!(certificates.told.is_empty());
        assert_eq!(certificates.check(&ends(TELL_SECONDS + 99), 100), Ok(()));
        let told = certificates.told.clone();
        assert_eq!(told.len(), 1);
        let expired = certificates.check(&ends(40), 100);
        assert_eq!(expired, Err("its certificate has expired".to_owned()));
        assert_eq!(certificates.told, told, "a second line within the day");
        let text = metrics.encode();
        let gauge = "florin_certificate_expires_seconds{role=\"cif\",file=\"certificate\"} -60";
        assert!(text.contains(gauge), "{text}");
    }
}
