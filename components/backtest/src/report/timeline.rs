//! The timeline: a row for each service, with what went wrong and what was said of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use logd_sdk::Time;

use super::escaped;
use crate::labels::Label;
use crate::outcome::Trial;
use crate::scoring::Verdict;

/// The width of the names, in the units of the drawing.
const NAMES: f64 = 140.0;
/// The width of the time.
const WIDTH: f64 = 860.0;
/// The height of a row.
const ROW: f64 = 26.0;
/// Rows beyond these are left out: the tables have all.
const MOST_ROWS: usize = 100;
/// Alarms beyond these are left out: nobody could tell them apart.
const MOST_ALARMS: usize = 5000;
/// What is shorter would not be seen.
const NARROWEST: f64 = 1.5;

/// The drawing as SVG, with a legend above.
pub(super) fn svg(trial: &Trial) -> String {
    let population = &trial.population;
    let Some(axis) = Axis::new(population.first, population.last) else {
        return "<p>There was no event.</p>\n".to_owned();
    };
    let alarms = &trial.scores.alarms;
    let named = population.services.keys().chain(alarms.iter().map(|judged| &judged.alarm.service));
    let services: BTreeSet<&String> = named.collect();
    let rows: Vec<&String> = services.into_iter().take(MOST_ROWS).collect();
    let height = ROW * (rows.len() as f64 + 1.0);
    let mut out = format!(
        "<p class=\"legend\"><span class=\"found\"></span>found <span class=\"missed\"></span>missed \
         <span class=\"false\"></span>false alarm <span class=\"right\"></span>other alarm</p>\n\
         <svg class=\"timeline\" role=\"img\" aria-label=\"Incidents and alarms over time\" \
         viewBox=\"0 0 {:.0} {height:.0}\">\n",
        NAMES + WIDTH,
    );
    for (row, service) in rows.iter().enumerate() {
        let (top, bottom, right) = (ROW * row as f64, ROW * (row as f64 + 1.0), NAMES + WIDTH);
        let name = escaped(if service.is_empty() { "(all)" } else { service });
        let _ = writeln!(out, "<text x=\"0\" y=\"{:.1}\">{name}</text>", top + ROW * 0.7);
        let _ = writeln!(out, "<line class=\"lane\" x1=\"{NAMES}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>");
    }
    let place = |service: &String| rows.iter().position(|row| *row == service).map(|row| ROW * row as f64);
    for found in &trial.scores.incidents {
        let Some(top) = place(&found.label.service) else { continue };
        let class = if found.at.is_some() { "found" } else { "missed" };
        bar(&mut out, &axis, &found.label, class, top);
    }
    for judged in alarms.iter().take(MOST_ALARMS) {
        let alarm = &judged.alarm;
        let Some(top) = place(&alarm.service) else { continue };
        let class = if judged.verdict == Verdict::False { "false" } else { "right" };
        let (x, y) = (axis.x(alarm.at), top + ROW * 0.8);
        let title = format!("{} {}: {}", alarm.at, alarm.signals.join(", "), alarm.explanation);
        let _ = writeln!(
            out,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"><title>{}</title></circle>",
            escaped(&title)
        );
    }
    for (x, anchor, time) in [(NAMES, "start", axis.first), (NAMES + WIDTH, "end", axis.last)] {
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{time}</text>", height - ROW * 0.3);
    }
    out + "</svg>\n"
}

fn bar(out: &mut String, axis: &Axis, label: &Label, class: &str, top: f64) {
    let (from, to) = (axis.x(label.start), axis.x(label.end));
    let title = format!("{}, {} to {}", label.kind, label.start, label.end);
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
        top + ROW * 0.2,
        (to - from).max(NARROWEST),
        ROW * 0.45,
        escaped(&title),
    );
}

/// From times to places.
struct Axis {
    first: Time,
    last: Time,
}

impl Axis {
    /// None where there is no time.
    fn new(first: Time, last: Time) -> Option<Self> {
        (first < last).then_some(Self { first, last })
    }

    fn x(&self, time: Time) -> f64 {
        let time = time.clamp(self.first, self.last);
        NAMES + WIDTH * time.since(self.first).as_secs_f64() / self.last.since(self.first).as_secs_f64()
    }
}
