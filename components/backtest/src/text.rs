//! The outcome as text: tables for a terminal.

use std::fmt::Write as _;

use crate::compare::{Difference, Only};
use crate::outcome::{Outcome, Swept, Trial};
use crate::population::RateClass;
use crate::scoring::{Figures, Judged, KindFigures, Verdict};

/// At most so many alarms or incidents of a sort are listed; the others are counted.
const LISTED: usize = 20;

/// A table: the first column on the left, the others on the right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these names of columns.
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        Self { rows: vec![names.iter().map(|name| (*name).to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// The rows, the names of the columns first.
    #[must_use]
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 {
                    let _ = write!(line, "{cell:<width$}");
                } else {
                    let _ = write!(line, "  {cell:>width$}");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The whole outcome, but for the gates: whoever asked for them is told apart.
#[must_use]
pub fn text(outcome: &Outcome) -> String {
    let Outcome { trial, compared, sweep, failures: _ } = outcome;
    let mut text = head(trial);
    match compared {
        None => {
            let _ = write!(text, "\n{}", totals(&[("", trial)]));
            if !trial.scores.kinds.is_empty() {
                let _ = write!(text, "\n{}", kinds(&[trial]));
            }
            text += &false_alarms(trial);
        }
        Some(compared) => {
            let both = [("A: ", trial), ("B: ", &compared.trial)];
            let _ = write!(text, "A: {}\nB: {}\n", trial.pipeline, compared.trial.pipeline);
            let _ = write!(text, "\n{}", totals(&both));
            let _ = write!(text, "\n{}", kinds(&[trial, &compared.trial]));
            text += &differences(&compared.difference);
        }
    }
    if let Some(sweep) = sweep {
        let _ = write!(text, "\n{}", swept(sweep));
    }
    text
}

fn head(trial: &Trial) -> String {
    let population = &trial.population;
    let mut text = format!(
        "{} events of {} services from {} to {}; {} service-days count\n",
        population.events(),
        population.services.len(),
        population.first,
        population.last,
        number(Some(trial.scores.total.service_days), 2),
    );
    for left_out in &trial.left_out {
        let _ = writeln!(
            text,
            "left out by {}: {} late, {} that could not be handled",
            left_out.component, left_out.late, left_out.dead
        );
    }
    text
}

/// The figures of some trials, over all and by how many events services have; the prefixes stand before the names.
#[must_use]
pub fn totals(trials: &[(&str, &Trial)]) -> Table {
    let mut table = Table::new(&FIGURES);
    for (prefix, trial) in trials {
        table.add(figures(format!("{prefix}all"), &trial.scores.total));
        for class in RateClass::ALL {
            if let Some(of_class) = trial.scores.classes.get(&class) {
                table.add(figures(format!("{prefix}services {}", class.name()), of_class));
            }
        }
    }
    table
}

const FIGURES: [&str; 11] = [
    "",
    "incidents",
    "found",
    "recall",
    "precision",
    "F1",
    "false",
    "false/day",
    "delay median",
    "delay p90",
    "kind right",
];

fn figures(name: String, figures: &Figures) -> Vec<String> {
    vec![
        name,
        figures.incidents.to_string(),
        figures.found.to_string(),
        number(figures.recall, 3),
        number(figures.precision, 3),
        number(figures.f1, 3),
        figures.false_alarms.to_string(),
        number(figures.false_per_service_day, 3),
        span(figures.delay_median),
        span(figures.delay_p90),
        number(figures.kind_accuracy, 3),
    ]
}

/// The incidents by kind, of one trial; or of two next to each other, with less of each.
#[must_use]
pub fn kinds(trials: &[&Trial]) -> Table {
    const COLUMNS: [&str; 5] = ["found", "recall", "delay median", "delay p90", "kind right"];
    let most = if trials.len() > 1 { 3 } else { COLUMNS.len() };
    let mut names = vec!["kind".to_owned(), "incidents".to_owned()];
    let prefixes = if trials.len() > 1 { &["A: ", "B: "][..] } else { &[""] };
    names.extend(
        prefixes.iter().flat_map(|prefix| COLUMNS.iter().take(most).map(move |name| format!("{prefix}{name}"))),
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut table = Table::new(&names);
    // The labels are the same, and so are the kinds.
    for (kind, first) in trials.first().into_iter().flat_map(|trial| &trial.scores.kinds) {
        let mut row = vec![kind.clone(), first.incidents.to_string()];
        row.extend(
            trials
                .iter()
                .filter_map(|trial| trial.scores.kinds.get(kind))
                .flat_map(|figures| of_kind(figures).into_iter().take(most)),
        );
        table.add(row);
    }
    table
}

fn of_kind(figures: &KindFigures) -> [String; 5] {
    [
        figures.found.to_string(),
        number(figures.recall, 3),
        span(figures.delay_median),
        span(figures.delay_p90),
        number(figures.kind_accuracy, 3),
    ]
}

fn false_alarms(trial: &Trial) -> String {
    let wrong: Vec<&Judged> = trial.scores.alarms.iter().filter(|judged| judged.verdict == Verdict::False).collect();
    let mut text = list("false alarms", &wrong.iter().map(|judged| line(judged)).collect::<Vec<_>>());
    for (kind, count) in &trial.scores.false_in_benign {
        let _ = writeln!(text, "  {count} of them during `{kind}`, which is benign");
    }
    text
}

fn differences(difference: &Difference) -> String {
    let mut text = String::new();
    for (name, Only { incidents, alarms }) in [("A", &difference.first), ("B", &difference.second)] {
        let incidents: Vec<String> = incidents
            .iter()
            .map(|label| format!("{}  {}  {}", label.start, or_all(&label.service), label.kind))
            .collect();
        text += &list(&format!("incidents that only {name} finds"), &incidents);
        text += &list(&format!("alarms that only {name} gives"), &alarms.iter().map(line).collect::<Vec<_>>());
    }
    if text.is_empty() { "\nBoth give the same alarms.\n".to_owned() } else { text }
}

fn list(what: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{what}: {}\n", lines.len());
    for line in lines.iter().take(LISTED) {
        let _ = writeln!(text, "  {line}");
    }
    if lines.len() > LISTED {
        let _ = writeln!(text, "  … and {} more", lines.len() - LISTED);
    }
    text
}

/// An alarm on one line.
fn line(Judged { alarm, verdict }: &Judged) -> String {
    let verdict = match verdict {
        Verdict::Found => "right",
        Verdict::Duplicate => "duplicate",
        Verdict::Neutral => "neutral",
        Verdict::False | Verdict::FalseAgain => "false",
        Verdict::WarmUp => "too early",
    };
    format!("{}  {verdict}  {}  {}  {}", alarm.at, or_all(&alarm.service), alarm.signals.join("+"), alarm.explanation)
}

/// A service, or what stands for it where all events are of one.
fn or_all(service: &str) -> &str {
    if service.is_empty() { "(all)" } else { service }
}

/// The rows of a sweep.
#[must_use]
pub fn swept(sweep: &Swept) -> Table {
    let mut names = FIGURES.to_vec();
    names[0] = &sweep.setting;
    names.push("gates");
    let mut table = Table::new(&names);
    for row in &sweep.rows {
        let mut cells = figures(row.value.to_string(), &row.figures);
        cells.push(if row.failures.is_empty() { "passed" } else { "failed" }.to_owned());
        table.add(cells);
    }
    table
}

/// A number, or a dash where there is none.
fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

/// Seconds as a span of time: `20 s`, `16 min 25 s`, `2 h 5 min`.
fn span(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "–".to_owned() };
    // Less than a second is shown to the tenth.
    if seconds < 10.0 && seconds.fract() > 0.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_people_say_them() {
        let said = [0.5, 10.4, 59.9, 90.0, 985.0, 7500.0, 7200.0].map(|seconds| span(Some(seconds)));
        assert_eq!(said, ["0.5 s", "10 s", "1 min", "1 min 30 s", "16 min 25 s", "2 h 5 min", "2 h"]);
        assert_eq!(span(None), "–");
    }

    #[test]
    fn a_table_has_straight_columns() {
        let mut table = Table::new(&["kind", "found"]);
        table.add(vec!["outage".to_owned(), "–".to_owned()]);
        table.add(vec!["x".to_owned(), "1000000".to_owned()]);
        assert_eq!(table.to_string(), "kind      found\noutage        –\nx       1000000\n");
    }
}
