//! What a file of transfers has come to, in the words of ISO 20022 (external lists of the status
//! of a transaction and of a group of them).

use std::{fmt, str::FromStr};

use super::{BulkStatus, Status};

/// A status, of a line, of a batch or of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// Received, and not checked to its end.
    Received,
    /// Accepted; nothing has begun.
    Accepted,
    /// Under way.
    InProcess,
    /// The account that pays is debited for good.
    Settled,
    /// Some are rejected or cancelled, others not.
    Partial,
    /// It does not take place.
    Rejected,
    /// Cancelled before it began; of lines alone.
    Cancelled,
}

impl Reported {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Received,
        Self::Accepted,
        Self::InProcess,
        Self::Settled,
        Self::Partial,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The code of ISO 20022.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Received => "RCVD",
            Self::Accepted => "ACCP",
            Self::InProcess => "ACSP",
            Self::Settled => "ACSC",
            Self::Partial => "PART",
            Self::Rejected => "RJCT",
            Self::Cancelled => "CANC",
        }
    }

    /// Of a line that has become a transfer.
    #[must_use]
    pub const fn of_transfer(status: Status) -> Self {
        match status {
            Status::Completed => Self::Settled,
            Status::Failed => Self::Rejected,
            Status::Cancelled => Self::Cancelled,
            Status::Processing
            | Status::Holding
            | Status::Submitting
            | Status::Settling
            // Rejected by the network, and the money not given back yet.
            | Status::Releasing
            | Status::Posting => Self::InProcess,
        }
    }

    /// Of a right line of which nothing has become yet.
    #[must_use]
    pub const fn of_waiting(bulk: BulkStatus) -> Self {
        match bulk {
            BulkStatus::Receiving | BulkStatus::Checking => Self::Received,
            BulkStatus::Accepted | BulkStatus::Done => Self::Accepted,
            BulkStatus::Rejected => Self::Rejected,
            BulkStatus::Cancelled => Self::Cancelled,
        }
    }

    /// Of all the lines that were counted.
    #[must_use]
    pub fn of_all(bulk: BulkStatus, counts: &Counts) -> Self {
        let of = |one: Self| counts.of(one).0;
        match bulk {
            BulkStatus::Receiving | BulkStatus::Checking => return Self::Received,
            BulkStatus::Rejected => return Self::Rejected,
            BulkStatus::Accepted | BulkStatus::Done | BulkStatus::Cancelled => {}
        }
        let all = counts.lines();
        let ended = of(Self::Rejected).saturating_add(of(Self::Cancelled));
        if ended == all {
            // Of nothing too: that was cancelled before it was read.
            return Self::Rejected;
        }
        if ended > 0 {
            return Self::Partial;
        }
        if of(Self::Settled) == all {
            return Self::Settled;
        }
        let begun = of(Self::Settled) > 0 || of(Self::InProcess) > 0;
        if begun { Self::InProcess } else { Self::Accepted }
    }
}

/// How many lines have which status, and what they come to in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([(i64, i64); Reported::ALL.len()]);

impl Counts {
    /// Adds lines.
    pub fn add(&mut self, status: Reported, lines: i64, minor: i64) {
        for (one, (count, sum)) in Reported::ALL.iter().zip(&mut self.0) {
            if *one == status {
                *count = count.saturating_add(lines);
                *sum = sum.saturating_add(minor);
            }
        }
    }

    /// Lines of a status, and their sum.
    #[must_use]
    pub fn of(&self, status: Reported) -> (i64, i64) {
        self.iter().find(|(one, ..)| *one == status).map_or((0, 0), |(_, lines, sum)| (lines, sum))
    }

    /// Each status with its lines and their sum.
    pub fn iter(&self) -> impl Iterator<Item = (Reported, i64, i64)> {
        Reported::ALL.iter().zip(&self.0).map(|(one, (lines, sum))| (*one, *lines, *sum))
    }

    /// Each status that lines have.
    pub fn seen(&self) -> impl Iterator<Item = (Reported, i64, i64)> {
        self.iter().filter(|(_, lines, _)| *lines > 0)
    }

    /// All lines.
    #[must_use]
    pub fn lines(&self) -> i64 {
        self.0.iter().fold(0, |all, (lines, _)| all.saturating_add(*lines))
    }
}

/// As page tokens carry it.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |(lines, sum): &(i64, i64)| format!("{lines}:{sum}");
        f.write_str(&self.0.iter().map(one).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Counts {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut counts = Self::default();
        let mut pairs = text.split(',');
        for to in &mut counts.0 {
            let (lines, sum) = pairs.next().and_then(|pair| pair.split_once(':')).ok_or(())?;
            *to = (lines.parse().map_err(|_| ())?, sum.parse().map_err(|_| ())?);
        }
        pairs.next().map_or(Ok(counts), |_| Err(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bulk: BulkStatus, counts: &[(Reported, i64)]) -> Reported {
        let mut sum = Counts::default();
        for (status, lines) in counts {
            sum.add(*status, *lines, 10);
        }
        Reported::of_all(bulk, &sum)
    }

    #[test]
    fn a_whole_is_what_its_parts_are_and_partial_where_they_differ_in_the_end() {
        use Reported::{Accepted, Cancelled, InProcess, Partial, Received, Rejected, Settled};
        let accepted = |counts: &[(Reported, i64)]| all(BulkStatus::Accepted, counts);
        assert_eq!(accepted(&[(Accepted, 3)]), Accepted);
        assert_eq!(accepted(&[(Accepted, 2), (InProcess, 1)]), InProcess);
        assert_eq!(accepted(&[(Accepted, 2), (Settled, 1)]), InProcess);
        assert_eq!(accepted(&[(Settled, 3)]), Settled);
        assert_eq!(accepted(&[(Settled, 2), (Rejected, 1)]), Partial);
        assert_eq!(accepted(&[(Accepted, 2), (Rejected, 1)]), Partial);
        assert_eq!(accepted(&[(Rejected, 2)]), Rejected);
        assert_eq!(all(BulkStatus::Cancelled, &[(Settled, 1), (Cancelled, 1)]), Partial);
        assert_eq!(all(BulkStatus::Cancelled, &[(Cancelled, 2)]), Rejected);
        assert_eq!(all(BulkStatus::Checking, &[(Accepted, 2)]), Received);
        assert_eq!(all(BulkStatus::Rejected, &[(Rejected, 2)]), Rejected);
    }

    #[test]
    fn counts_are_read_back_as_they_are_told() {
        let mut counts = Counts::default();
        counts.add(Reported::Settled, 7, i64::MAX);
        assert_eq!(counts.to_string().parse(), Ok(counts));
        for bad in ["", "1:2", "x", "0:0,0:0,0:0,0:0,0:0,0:0,0:0,0:0"] {
            assert_eq!(bad.parse::<Counts>(), Err(()), "{bad}");
        }
    }
}
