//! The table, in Markdown: figures with what they must be, row by row as they come.

use std::fmt;

/// A figure in its unit.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    /// From 0 to 1.
    Share(f64),
    /// A time.
    Seconds(f64),
    /// So many for each service and day.
    PerServiceDay(f64),
    /// A number of things.
    Count(u64),
    /// By a benchmark's rules, up to 100.
    Score(f64),
    /// Of memory.
    Bytes(u64),
    /// In a second.
    PerSecond(f64),
}

/// What a figure must be, and what it would be at best.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// This or more.
    AtLeast { must: Figure, wanted: Figure },
    /// This or less.
    AtMost { must: Figure, wanted: Figure },
}

/// Prints rows, and counts those in which a must is missed.
#[derive(Default)]
pub(crate) struct Table {
    /// How many musts are missed.
    pub(crate) missed: usize,
}

impl Table {
    /// Begins one on this subject.
    pub(crate) fn begin(&mut self, subject: &str) {
        println!("\n| {subject} | figure | must | wanted | |");
        println!("|---|---:|---:|---:|---|");
    }

    /// A row with a goal. A figure that there is not misses it.
    pub(crate) fn row(&mut self, name: &str, figure: Option<Figure>, goal: Goal) {
        let (bound, must, wanted) = match goal {
            Goal::AtLeast { must, wanted } => ("≥", must, wanted),
            Goal::AtMost { must, wanted } => ("≤", must, wanted),
        };
        let reaches = |aim: Figure| {
            figure.is_some_and(|figure| match goal {
                Goal::AtLeast { .. } => figure.value() >= aim.value(),
                Goal::AtMost { .. } => figure.value() <= aim.value(),
            })
        };
        let verdict = match (reaches(must), reaches(wanted)) {
            (true, true) => "",
            (true, false) => "below what is wanted",
            (false, _) => "**missed**",
        };
        self.missed += usize::from(!reaches(must));
        println!("| {name} | {} | {bound} {must} | {bound} {wanted} | {verdict} |", shown(figure));
    }

    /// A row that is only to be known.
    pub(crate) fn known(&mut self, name: &str, figure: impl fmt::Display) {
        println!("| {name} | {figure} | | | |");
    }
}

/// A figure, if there is one.
pub(crate) fn shown(figure: Option<Figure>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| figure.to_string())
}

impl Figure {
    fn value(self) -> f64 {
        match self {
            Self::Share(value)
            | Self::Seconds(value)
            | Self::PerServiceDay(value)
            | Self::Score(value)
            | Self::PerSecond(value) => value,
            Self::Count(value) | Self::Bytes(value) => value as f64,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Share(share) => write!(formatter, "{share:.3}"),
            Self::Seconds(seconds) if seconds < 120.0 => write!(formatter, "{seconds:.0} s"),
            Self::Seconds(seconds) => write!(formatter, "{:.0} min", seconds / 60.0),
            Self::PerServiceDay(rate) if rate < 10.0 => write!(formatter, "{rate:.3}"),
            Self::PerServiceDay(rate) => write!(formatter, "{rate:.0}"),
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Score(score) => write!(formatter, "{score:.1}"),
            Self::Bytes(bytes) => write!(formatter, "{:.1} kB", bytes as f64 / 1e3),
            Self::PerSecond(rate) => write!(formatter, "{:.2} M/s", rate / 1e6),
        }
    }
}
