//! A trial: contenders watch the same simulated services, and their alarms are scored against the same labels.
//!
//! ```text
//! scenario × seeds ──► services ──► windows of ten seconds ─┬► contender ──► alarms ──► scores
//!                         │                                 ├► contender ──► alarms ──► scores
//!                         └► labels, population ────────────┴────────────────────────────┘
//! ```
//!
//! Services share nothing, so that each is simulated by whichever thread is free; what comes of it does not depend on
//! that. Services of several seeds are scored together, as if they were different ones.

mod classic;
mod contender;
mod control;
mod detect;
pub(crate) mod parallel;
mod stream;
mod watched;

use std::time::Duration;

use logd_backtest::alarms::{self, Alarm};
use logd_backtest::labels::{self, Label};
use logd_backtest::population::{Population, RateClass};
use logd_backtest::scoring::{Figures, Question, Scores, score};
use logd_generator::scenario::{Requests, Scenario, Simulation};
use logd_sdk::Time;

pub(crate) use self::contender::Contender;
pub(crate) use self::stream::Stream;
use self::watched::Watched;

/// Seconds in a day.
const DAY: u64 = 86_400;

/// The workload made small, to see that all of it runs: two busy services, a noisy one and a sparse one over eight days,
/// with a fifth of their requests.
pub(crate) fn small() -> Scenario {
    let mut scenario = Scenario { days: 8, rate_factor: 0.2, ..Scenario::incidents() };
    scenario.services.retain(|service| ["web-api", "payment", "ml-infer", "reports"].contains(&&*service.name));
    scenario
}

/// What all contenders have said of a scenario under some seeds.
pub(crate) struct Trial {
    labels: Vec<Label>,
    /// Whose requests there were, and how many.
    pub(crate) population: Population,
    from: Time,
    /// Of each contender, in the order of [`alarms::sort`].
    alarms: Vec<Vec<Alarm>>,
}

/// A service of a seed.
struct Job {
    name: String,
    requests: Requests,
}

impl Trial {
    /// Lets all contenders watch the scenario under each of the seeds.
    pub(crate) fn run(scenario: &Scenario, seeds: &[u64], contenders: &[Contender]) -> Self {
        let (mut jobs, mut labels) = (Vec::new(), Vec::new());
        for &seed in seeds {
            let simulation = Simulation::new(scenario, seed);
            let name = |service: &str| format!("{seed}/{service}");
            let of_seed = simulation.services();
            jobs.extend(of_seed.map(|(service, requests)| Job { name: name(&service.name), requests }));
            let text = simulation.labels_as_json_lines().expect("labels can be written");
            let of_seed = labels::read(&text).expect("what is written can be read");
            labels.extend(of_seed.into_iter().map(|label| Label { service: name(&label.service), ..label }));
        }
        let end = scenario.start.after(days(scenario.days));
        let watched = parallel::map(&jobs, |job| {
            let mut watched = Watched::new(&job.name, contenders);
            job.requests.clone().for_each(|request| watched.add(request.at, request.latency_ms, request.error));
            watched.finish(end)
        });

        let mut population = Population::default();
        let mut alarms: Vec<Vec<Alarm>> = contenders.iter().map(|_| Vec::new()).collect();
        for seen in watched {
            population.add(&seen.name, seen.events, seen.first, seen.last);
            alarms.iter_mut().zip(seen.alarms).for_each(|(all, of_service)| all.extend(of_service));
        }
        alarms.iter_mut().for_each(|alarms| alarms::sort(alarms));
        Self { labels, population, from: scenario.start.after(days(scenario.warm_up_days)), alarms }
    }

    /// How good the alarms of a contender are, which is told by its place.
    pub(crate) fn scores(&self, contender: usize) -> Scores {
        self.scored(contender, &self.labels)
    }

    /// The same for incidents of these kinds with busy services alone. What it says of false alarms means nothing.
    pub(crate) fn busy(&self, contender: usize, kinds: &[&str]) -> Figures {
        let is_asked = |label: &&Label| {
            kinds.contains(&label.kind.as_str()) && self.population.class(&label.service) == RateClass::Busy
        };
        let labels: Vec<Label> = self.labels.iter().filter(is_asked).cloned().collect();
        self.scored(contender, &labels).total
    }

    fn scored(&self, contender: usize, labels: &[Label]) -> Scores {
        let Self { population, from, alarms, .. } = self;
        score(Question { labels, alarms: &alarms[contender], population, from: *from })
    }

    /// How many alarms a contender has told for each service and day, right ones and wrong ones, after the warm-up.
    pub(crate) fn alarms_per_service_day(&self, contender: usize) -> f64 {
        let days = self.population.span(self.from) as f64 / (DAY as f64 * 1e6) * self.population.services.len() as f64;
        self.alarms[contender].iter().filter(|alarm| alarm.at >= self.from).count() as f64 / days
    }
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * DAY)
}
