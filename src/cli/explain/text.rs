//! An explanation as text, for whoever was just woken.

use std::fmt::Write as _;

use logd_detect::explain::Step;
use logd_detect::incident::Anomaly;
use serde::Serialize;

use super::{Explained, Later};

/// Longer samples are cut, in characters.
const SAMPLE_WIDTH: usize = 200;

/// The explanation.
pub(super) fn text(anomaly: &Anomaly, explained: &Explained) -> String {
    let key: Vec<String> = anomaly.key.iter().map(|(field, value)| format!("{field} {value}")).collect();
    let key = if key.is_empty() { "all events".to_owned() } else { key.join(", ") };
    let mut text = format!(
        "{key}: {}, {}, {} at {}\n{}\n\n",
        name(&anomaly.r#type),
        name(&anomaly.severity),
        name(&anomaly.state),
        anomaly.timestamp,
        anomaly.explanation
    );
    let baseline = &anomaly.baseline;
    let mut line = |what: &str, said: String| {
        let _ = writeln!(text, "{what:<16}  {said}");
    };
    line("detector", format!("{} on `{}`", anomaly.detector, anomaly.field));
    line("rule", explained.account.rule.clone());
    line("value", format!("{} from {} to {}", anomaly.value, anomaly.window.start, anomaly.window.end));
    line("usual", format!("{} ± {} over {} values", baseline.mean, baseline.std, baseline.n));
    line("score", format!("{}, with a threshold of {}", anomaly.score, anomaly.threshold));
    line("since", anomaly.since.to_string());
    line("worst", format!("{} (score {}) at {}", anomaly.peak.value, anomaly.peak.score, anomaly.peak.timestamp));
    for quiet in &explained.account.quiet {
        line("quiet would be", quiet.clone());
    }
    if let Some(generation) = explained.event.get("generation") {
        line("configuration", format!("generation {generation}"));
    }
    if let Some(reason) = &anomaly.reason {
        line("over because", name(reason));
    }
    if !explained.account.steps.is_empty() {
        text += "\nlast values\n";
    }
    for Step { window, value, expected, score, exceeds } in &explained.account.steps {
        let figure = |figure: &Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.4}"));
        let mark = if exceeds.is_some() { "  exceeds" } else { "" };
        let _ =
            writeln!(text, "  {}  {value:.4}  usual {}  score {}{mark}", window.end, figure(expected), figure(score));
    }
    for (field, values) in &explained.contributors {
        let values: Vec<String> = values.iter().map(|(value, count)| format!("{value} ({count})")).collect();
        let _ = writeln!(text, "\n{field} of the samples: {}", values.join(", "));
    }
    if !anomaly.samples.is_empty() {
        text += "\nsamples\n";
    }
    for sample in &anomaly.samples {
        let _ = writeln!(text, "  {}", sample.to_string().chars().take(SAMPLE_WIDTH).collect::<String>());
    }
    if !explained.later.is_empty() {
        text += "\nthen\n";
    }
    for Later { id, timestamp, state, explanation } in &explained.later {
        let _ = writeln!(text, "  {timestamp}  {}  {explanation}  {id}", name(state));
    }
    if let Some(true) = explained.verified {
        text += "\nThe verdict was computed again from the evidence, and is the same.\n";
    }
    text
}

/// A name as it stands in events.
fn name(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
