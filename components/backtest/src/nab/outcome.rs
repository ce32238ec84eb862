//! What a pipeline gets by the rules of the benchmark: what is printed, in whatever form.

use std::fmt;

use serde::Serialize;

use super::{Corpus, Profile, Series, Tally, Worth};
use crate::text::Table;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The pipeline's files.
    pub pipeline: String,
    /// How many series there were.
    pub series: usize,
    /// How many windows of them count.
    pub windows: usize,
    /// The setting that was chosen on other series, if one was.
    pub setting: Option<String>,
    /// For each profile, in the order of [`Profile::ALL`].
    pub profiles: Vec<Scored>,
}

/// What one profile makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// The profile.
    pub profile: &'static str,
    /// The value of the setting.
    pub value: Option<f64>,
    /// From 0, never to alarm, to 100, which is perfect; none where no window counts.
    pub score: Option<f64>,
    /// How many windows were found.
    pub found: usize,
    /// How many alarms were false.
    pub false_alarms: usize,
}

/// The alarms of one run over all series, by all profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    tallies: [Tally; 3],
}

impl Default for Run {
    fn default() -> Self {
        Self { tallies: Profile::ALL.map(Tally::new) }
    }
}

impl Run {
    /// Adds a series, and the times of its alarms, in microseconds since 1970 in the series' own zone. An alarm is at the
    /// first point that is not before it: a window's end is known when what comes behind it is.
    pub fn add(&mut self, series: &Series, alarms: impl IntoIterator<Item = i64>) {
        let worth = Worth::new(series.values.len(), &series.windows);
        let micros: Vec<i64> = series.times.iter().map(|time| time.and_utc().timestamp_micros()).collect();
        let place = |at: i64| micros.iter().position(|&time| time >= at).or(micros.len().checked_sub(1));
        let places: Vec<usize> = alarms.into_iter().filter_map(place).collect();
        self.tallies.iter_mut().for_each(|tally| tally.add(&worth, places.iter().copied()));
    }
}

/// The value with the best score for each profile, in the order of [`Profile::ALL`]; of equal ones the first. None
/// without any window.
#[must_use]
pub fn best_values(runs: &[(f64, Run)]) -> Option<[f64; 3]> {
    let mut best: [Option<(f64, f64)>; 3] = [None; 3];
    for (value, run) in runs {
        for (best, tally) in best.iter_mut().zip(&run.tallies) {
            if let Some(score) = tally.score()
                && best.is_none_or(|(_, least)| score > least)
            {
                *best = Some((*value, score));
            }
        }
    }
    let [standard, low_fp, low_fn] = best.map(|best| best.map(|(value, _)| value));
    Some([standard?, low_fp?, low_fn?])
}

impl Outcome {
    /// Of one run over the corpus for each profile, each with the value of the setting, if there is one.
    #[must_use]
    pub fn new(pipeline: String, corpus: &Corpus, setting: Option<String>, runs: [(Option<f64>, &Run); 3]) -> Self {
        let windows = runs[0].1.tallies[0].windows();
        let scored = |((value, run), (tally, profile)): ((Option<f64>, &Run), (usize, Profile))| {
            let tally = &run.tallies[tally];
            let (score, found, false_alarms) = (tally.score(), tally.found(), tally.false_alarms());
            Scored { profile: profile.name, value, score, found, false_alarms }
        };
        let profiles = runs.into_iter().zip(Profile::ALL.into_iter().enumerate()).map(scored).collect();
        Self { pipeline, series: corpus.series.len(), windows, setting, profiles }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} series, {} windows\n", self.pipeline, self.series, self.windows)?;
        let mut names = vec!["profile", "score", "found", "false"];
        names.extend(self.setting.as_deref());
        let mut table = Table::new(&names);
        for Scored { profile, value, score, found, false_alarms } in &self.profiles {
            let score = score.map_or("-".to_owned(), |score| format!("{score:.1}"));
            let mut row = vec![(*profile).to_owned(), score, found.to_string(), false_alarms.to_string()];
            row.extend(value.map(|value| value.to_string()));
            table.add(row);
        }
        write!(f, "{table}")
    }
}
