//! The readable report of a proof.

/// Lines shown of each sort before the rest is only counted.
const MOST_SHOWN: u64 = 50;

/// Where the lines go.
#[derive(Debug, Default, Clone, Copy)]
enum Lines {
    #[default]
    Output,
    /// Where the output belongs to a caller of the proof.
    Errors,
}

/// Breaches and notes, printed as they are found.
#[derive(Debug, Default)]
pub struct Report {
    lines: Lines,
    breaches: u64,
    in_flight: u64,
    stuck: u64,
}

impl Report {
    /// A report beside the output: on the standard error.
    pub fn beside() -> Self {
        Self { lines: Lines::Errors, ..Self::default() }
    }

    /// A part begins.
    pub fn part(&self, text: &str) {
        self.lines.print(text);
    }

    /// A step that was gone through.
    pub fn step(&self, text: &str) {
        self.lines.print(&format!("  {text}"));
    }

    /// Something that must not be.
    pub fn breach(&mut self, check: &str, text: &str) {
        self.breaches = self.breaches.saturating_add(1);
        self.lines.shown(self.breaches, &format!("  BREACH     {check:<12} {text}"));
    }

    /// Breaches that were counted and not described.
    pub fn more_breaches(&mut self, count: u64) {
        self.breaches = self.breaches.saturating_add(count);
    }

    /// Something between two steps, too young to judge.
    pub fn in_flight(&mut self, text: &str) {
        self.in_flight = self.in_flight.saturating_add(1);
        self.lines.shown(self.in_flight, &format!("  in flight  {text}"));
    }

    /// A transfer that waits for longer than a step takes: no breach, and someone should look.
    pub fn unfinished(&mut self, text: &str) {
        self.stuck = self.stuck.saturating_add(1);
        self.lines.shown(self.stuck, &format!("  unfinished {text}"));
    }

    /// How many breaches were found.
    pub const fn breaches(&self) -> u64 {
        self.breaches
    }

    /// How many changes were too young to judge.
    pub const fn younger(&self) -> u64 {
        self.in_flight
    }

    /// How many transfers wait for longer than a step takes.
    pub const fn stuck(&self) -> u64 {
        self.stuck
    }

    /// The last line.
    pub fn print_end(&self) {
        let verdict = if self.breaches == 0 { "clean" } else { "NOT CLEAN" };
        self.lines.print(&format!(
            "proof {verdict}: {} breaches, {} in flight, {} unfinished",
            self.breaches, self.in_flight, self.stuck
        ));
    }
}

impl Lines {
    fn print(self, line: &str) {
        match self {
            Self::Output => println!("{line}"),
            Self::Errors => eprintln!("{line}"),
        }
    }

    fn shown(self, count: u64, line: &str) {
        if count <= MOST_SHOWN {
            self.print(line);
        } else if count == MOST_SHOWN + 1 {
            self.print("             more of this sort are counted only");
        }
    }
}
