//! What `detect` costs: memory for each key, and events a second on one core.

use std::time::Instant;

use logd_detect::signals::{Bucket, KeyState, Monitor, Settings};
use logd_detect::time::Micros;
use logd_generator::scenario::{Request, Scenario, Simulation};
use logd_sdk::snapshot;

use crate::table::{Figure, Goal, Table};

/// The seed of the events.
const SEED: u64 = 31;
/// After so many days of its life a key's state has its full size.
const DAYS: u32 = 8;
/// So many keys are held in memory at once.
const KEYS: usize = 64;
/// The bytes of a page of memory.
const PAGE: u64 = 4096;
/// How often the speed is measured; the median counts.
const ROUNDS: usize = 5;

/// Measures and prints. To be called first: memory that others have given back would be used again.
pub(crate) fn run(table: &mut Table) {
    let monitor = Monitor::new(&Settings::default());
    let scenario = Scenario { days: DAYS, rate_factor: 0.05, ..Scenario::incidents() };
    let history = buckets(&monitor, &requests(&scenario, "gateway"));
    let before = resident();
    let mut states: Vec<KeyState> = vec![KeyState::default(); KEYS];
    for state in &mut states {
        history.iter().for_each(|(start, bucket)| drop(monitor.close(state, *start, Some(bucket))));
    }
    let resident = (resident() - before) / KEYS as u64;
    let serialized = snapshot::encode(1, &states[0]).expect("a state can be saved").len() as u64;
    drop(states);

    let events = requests(&Scenario { days: 1, warm_up_days: 1, ..Scenario::incidents() }, "gateway");
    let mut speeds: Vec<f64> = (0..ROUNDS).map(|_| speed(&monitor, &events)).collect();
    speeds.sort_by(f64::total_cmp);

    table.begin("cost of `detect`");
    let most = Figure::Bytes(65_536);
    table.row(
        "a key's state after 8 days, saved",
        Some(Figure::Bytes(serialized)),
        Goal::AtMost { must: most, wanted: most },
    );
    table.known("the same, resident", Figure::Bytes(resident));
    let least = Figure::PerSecond(1e6);
    let median = Some(Figure::PerSecond(speeds[ROUNDS / 2]));
    table.row("events on one core", median, Goal::AtLeast { must: least, wanted: least });
}

fn requests(scenario: &Scenario, service: &str) -> Vec<Request> {
    let simulation = Simulation::new(scenario, SEED);
    let mut services = simulation.services();
    let (_, requests) = services.find(|(found, _)| found.name == service).expect("the service is in the scenario");
    requests.collect()
}

/// Requests by their buckets.
fn buckets(monitor: &Monitor, requests: &[Request]) -> Vec<(Micros, Bucket)> {
    let start = |request: &Request| monitor.bucket_of(Micros(request.at.as_micros()));
    let bucket = |requests: &[Request]| {
        let mut bucket = Bucket::default();
        requests.iter().for_each(|request| bucket.add(Some(request.latency_ms), request.error));
        (start(&requests[0]), bucket)
    };
    requests.chunk_by(|one, other| start(one) == start(other)).map(bucket).collect()
}

/// Events a second, from the event to the verdict.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures the real clock")]
fn speed(monitor: &Monitor, events: &[Request]) -> f64 {
    let begin = Instant::now();
    let mut state = KeyState::default();
    let mut alarms = 0;
    for (start, bucket) in buckets(monitor, events) {
        alarms += monitor.close(&mut state, start, Some(&bucket)).changes.len();
    }
    std::hint::black_box(alarms);
    events.len() as f64 / begin.elapsed().as_secs_f64()
}

/// The memory of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux says how much it is");
    let pages = pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("its second figure is resident pages") * PAGE
}
