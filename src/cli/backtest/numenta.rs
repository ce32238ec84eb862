//! `--nab FOLDER`: the pipeline's alarms by the rules of the Numenta Anomaly Benchmark.
//!
//! Each of its series is the recorded input of a run of its own, for a detector must not learn of one what it judges
//! another by. What may be chosen is chosen on other series, and then left as it is.

use std::path::Path;

use logd_backtest::nab::{Corpus, Outcome, Run as Judged, best_values};
use logd_backtest::sweep::Sweep;
use logd_file::RecordedFile;
use tokio::time::Instant;

use super::trials::finish;
use super::{Failed, Files, progress};
use crate::backtest::{Recorded, Wanted};
use crate::config::daemon::DaemonSettings;
use crate::topology::Workers;

/// What is scored.
pub(super) struct Benchmark<'b> {
    /// The series.
    pub(super) folder: &'b Path,
    /// Other series, and the setting whose best value is taken from them.
    pub(super) training: Option<(&'b Path, &'b Sweep)>,
    /// The outputs whose events are alarms.
    pub(super) alarms: &'b [String],
    pub(super) settings: &'b DaemonSettings,
    pub(super) workers: Workers,
}

impl Benchmark<'_> {
    /// Runs all of it.
    pub(super) async fn outcome(&self, files: &Files) -> Result<Outcome, Failed> {
        let corpus = read(self.folder)?;
        let Some((folder, sweep)) = self.training else {
            let judged = self.judge(files, &corpus).await?;
            return Ok(Outcome::new(files.name(), &corpus, None, [(None, &judged); 3]));
        };
        let training = read(folder)?;
        let Some(series) = training.series.first() else { return Err(no_windows(folder)) };
        let target = files.target(&sweep.setting, &self.wanted(training.data.join(&series.name).into()))?;
        let mut trained = Vec::new();
        for &value in &sweep.values {
            trained.push((value, self.judge(&files.with(&target, value, self.settings)?, &training).await?));
        }
        let best = best_values(&trained).ok_or_else(|| no_windows(folder))?;
        let mut runs = Vec::new();
        for value in best {
            runs.push(self.judge(&files.with(&target, value, self.settings)?, &corpus).await?);
        }
        let chosen = std::array::from_fn(|profile| (Some(best[profile]), &runs[profile]));
        Ok(Outcome::new(files.name(), &corpus, Some(sweep.setting.clone()), chosen))
    }

    /// The alarms of these files, over each series by itself.
    async fn judge(&self, files: &Files, corpus: &Corpus) -> Result<Judged, Failed> {
        let (mut judged, started) = (Judged::default(), Instant::now());
        for (series, number) in corpus.series.iter().zip(1..) {
            let wired = files.wire(&self.wanted(corpus.data.join(&series.name).into()))?;
            let shown = progress::show(wired.run.clone(), number, corpus.series.len(), started);
            let told = finish(wired, shown, self.settings, self.workers).await?;
            judged.add(series, told.alarms.iter().map(|alarm| alarm.at.as_micros()));
        }
        Ok(judged)
    }

    fn wanted(&self, file: RecordedFile) -> Wanted {
        let recorded = vec![Recorded { source: None, files: vec![file] }];
        Wanted { recorded, alarms: self.alarms.to_vec(), keep_events: false }
    }
}

fn read(folder: &Path) -> Result<Corpus, Failed> {
    Corpus::read(folder).map_err(|error| Failed::Unavailable(format!("{error:#}")))
}

fn no_windows(folder: &Path) -> Failed {
    Failed::Unavailable(format!("{} has no windows to choose by", folder.display()))
}
