//! The report: one HTML file that needs nothing but a browser, with no host beside it.
//!
//! Tables and the timeline are written here; the charts are drawn in the page, by the same library that the dashboard
//! has. The page forbids itself to load anything (its `Content-Security-Policy`).

mod charts;
mod timeline;

use std::fmt::Write as _;

use crate::outcome::{Outcome, Trial};
use crate::scoring::{Found, Judged, Verdict};
use crate::text::{Table, kinds, swept, totals};

/// What is drawn with: the dashboard's.
const UPLOT: &str = include_str!("../../../api/dashboard/vendor/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../../../api/dashboard/vendor/uPlot.min.css");
/// The dashboard's colours, for light and dark.
const THEME: &str = include_str!("../../../api/dashboard/css/theme.css");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The outcome as an HTML document.
#[must_use]
pub fn html(outcome: &Outcome) -> String {
    let Outcome { trial, compared, sweep, failures } = outcome;
    let title = format!("Backtest of {}", trial.pipeline);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{THEME}\n{UPLOT_STYLE}\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        title = escaped(&title),
    );
    page += &paragraph(&about(trial));
    for failure in failures {
        let _ = writeln!(page, "<p class=\"failed\">Failed: {}.</p>", escaped(&failure.to_string()));
    }
    let both: Vec<(&str, &Trial)> = match compared {
        None => vec![("", trial)],
        Some(compared) => {
            page += &paragraph(&format!("A is {}, and B is {}.", trial.pipeline, compared.trial.pipeline));
            vec![("A: ", trial), ("B: ", &compared.trial)]
        }
    };
    let trials: Vec<&Trial> = both.iter().map(|(_, trial)| *trial).collect();
    page += &section("How good the alarms are", &table(&totals(&both)));
    if let Some(sweep) = sweep {
        let chart = "<div class=\"chart\" id=\"sweep\"></div>";
        page += &section(&format!("By {}", sweep.setting), &format!("{chart}{}", table(&swept(sweep))));
    }
    if !trial.scores.kinds.is_empty() {
        let delays = "<h3>Found within</h3><div class=\"chart\" id=\"delays\"></div>";
        page += &section("By kind", &format!("{}{delays}", table(&kinds(&trials))));
    }
    for (prefix, trial) in &both {
        page += &section(&format!("{prefix}When"), &timeline::svg(trial));
    }
    page += &section("Day by day", "<div class=\"chart\" id=\"days\"></div>");
    if let Some(compared) = compared {
        for (name, only) in [("A", &compared.difference.first), ("B", &compared.difference.second)] {
            let alarms = alarms(only.alarms.iter());
            page += &section(&format!("Alarms that only {name} gives"), &table(&alarms));
        }
    }
    page += &section("Incidents", &table(&incidents(&trial.scores.incidents)));
    let wrong = trial.scores.alarms.iter().filter(|judged| judged.verdict == Verdict::False);
    page += &section("False alarms", &table(&alarms(wrong)));
    let _ = write!(
        page,
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{UPLOT}</script>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        in_script(&charts::data(outcome)),
    );
    page
}

fn about(trial: &Trial) -> String {
    let population = &trial.population;
    let mut text = format!(
        "{} events of {} services, from {} to {}.",
        population.events(),
        population.services.len(),
        population.first,
        population.last
    );
    if trial.from > population.first {
        let _ = write!(text, " What is before {} does not count.", trial.from);
    }
    for left_out in &trial.left_out {
        let _ = write!(
            text,
            " {} left out {} that were late, and {} that could not be handled.",
            left_out.component, left_out.late, left_out.dead
        );
    }
    text
}

fn incidents(incidents: &[Found]) -> Table {
    let mut table = Table::new(&["service", "kind", "start", "end", "found after", "kind right"]);
    for found in incidents {
        let label = &found.label;
        let kind = found.kind_is_right.map_or("–", |right| if right { "yes" } else { "no" });
        let after = found.delay().map_or_else(|| "missed".to_owned(), |delay| format!("{} s", delay as f64 / 1e6));
        let (start, end) = (label.start.to_string(), label.end.to_string());
        table.add(vec![label.service.clone(), label.kind.clone(), start, end, after, kind.to_owned()]);
    }
    table
}

fn alarms<'j>(alarms: impl Iterator<Item = &'j Judged>) -> Table {
    let mut table = Table::new(&["service", "at", "signals", "severity", "detector", "explanation"]);
    for Judged { alarm, .. } in alarms {
        table.add(vec![
            alarm.service.clone(),
            alarm.at.to_string(),
            alarm.signals.join(", "),
            alarm.severity.clone(),
            alarm.detector.clone(),
            alarm.explanation.clone(),
        ]);
    }
    table
}

fn table(table: &Table) -> String {
    let Some((names, rows)) = table.rows().split_first().filter(|(_, rows)| !rows.is_empty()) else {
        return paragraph("None.");
    };
    let cells = |row: &[String], tag: &str| {
        row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect::<String>()
    };
    let rows: String = rows.iter().map(|row| format!("<tr>{}</tr>\n", cells(row, "td"))).collect();
    format!(
        "<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n",
        cells(names, "th")
    )
}

fn section(title: &str, inside: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{inside}</section>\n", escaped(title))
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escaped(text))
}

/// Text that is text in HTML too, also within quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// JSON that nothing can end but its own element.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests;
