//! The Numenta Anomaly Benchmark, by its own rules, with `novelty` as it is by default: its threshold is not fitted to
//! what it is scored on.

use std::path::Path;

use logd_backtest::nab::{Corpus, Profile, Series, Tally, Worth};
use logd_detect::explain::Measure;
use logd_detect::incident::{Identity, Key, State};
use logd_detect::novelty::{Novelty, NoveltyState, Settings};
use logd_detect::time::{Interval, Micros};

use crate::table::{Figure, Goal, Table, shown};
use crate::trial::parallel;

/// How many points the control's alarms are apart: an alarm clock with this gets more than some published detectors.
const CONTROL: usize = 600;

/// Scores the corpus in a folder, and prints what comes of it.
pub(crate) fn run(folder: Option<&Path>, table: &mut Table) {
    let Some(folder) = folder else {
        table.begin("Numenta Anomaly Benchmark");
        table.known("novelty", "no corpus: --nab FOLDER or LOGD_NAB names one");
        return;
    };
    let corpus = Corpus::read(folder).expect("the corpus can be read");
    let alarms = parallel::map(&corpus.series, alarms);
    let windows: usize = corpus.series.iter().map(|series| series.windows.len()).sum();
    table.begin(&format!("Numenta Anomaly Benchmark: {} series, {windows} windows", corpus.series.len()));
    for profile in Profile::ALL {
        let (mut novelty, mut control) = (Tally::new(profile), Tally::new(profile));
        for (series, alarms) in corpus.series.iter().zip(&alarms) {
            let worth = Worth::new(series.values.len(), &series.windows);
            novelty.add(&worth, alarms.iter().copied());
            control.add(&worth, (0..series.values.len()).step_by(CONTROL));
        }
        let score = novelty.score().map(Figure::Score);
        let name = format!("novelty, {}", profile.name);
        if profile == Profile::STANDARD {
            table.row(&name, score, Goal::AtLeast { must: Figure::Score(64.0), wanted: Figure::Score(73.0) });
        } else {
            table.known(&name, shown(score));
        }
        table.known(&format!("every {CONTROL} points, {}", profile.name), shown(control.score().map(Figure::Score)));
    }
}

/// The points at which an incident opens.
fn alarms(series: &Series) -> Vec<usize> {
    let name = || "novelty".to_owned();
    let identity = Identity { pipeline: name(), component: name(), field: "value".to_owned() };
    let novelty = Novelty::new(Settings::knn(), identity, vec![Measure::of_field("value", "novelty")]);
    let mut state = NoveltyState::default();
    let points = series.times.iter().zip(&series.values).enumerate();
    let opens = points.filter(|(_, (time, value))| {
        let window = Interval::moment(Micros(time.and_utc().timestamp_micros()));
        let observed = novelty.observe(&mut state, Key::new, window, &[**value]);
        // What can't be used is no alarm.
        observed.is_ok_and(|observed| observed.anomalies.iter().any(|anomaly| anomaly.state == State::Open))
    });
    opens.map(|(place, _)| place).collect()
}
