//! The classic generator's stream: five services of which nothing goes wrong, whatever its logs are marked with. Who
//! alarms here alarms by chance.

use std::collections::BTreeMap;

use logd_generator::{Generator, Line, Plan, Position};
use logd_sdk::Time;
use serde::Deserialize;

use super::contender::Contender;
use super::watched::Watched;

/// The seed of the stream.
const SEED: u64 = 21;
/// When it begins: on Monday, 2024-01-01.
const START: i64 = 1_704_067_200_000_000;
/// How many lines are made at once.
const CHUNK: usize = 4096;

/// What is needed of a log.
#[derive(Deserialize)]
struct Log<'a> {
    service: &'a str,
    level: &'a str,
    response_time_ms: f64,
}

/// What contenders have said of the stream.
pub(crate) struct Stream {
    /// Days, over all services.
    pub(crate) service_days: f64,
    /// How many logs there were.
    pub(crate) logs: u64,
    /// How many alarms each contender told.
    pub(crate) alarms: Vec<u64>,
}

impl Stream {
    /// Lets contenders watch so many hours of it, with so many logs a second over all services.
    pub(crate) fn run(hours: u32, rate: u32, contenders: &[Contender]) -> Self {
        let seconds = u64::from(hours) * 3600;
        let logs = seconds * u64::from(rate);
        let plan = Plan { seed: SEED, start: START, live: START, rate, count: Some(logs), incidents: Vec::new() };
        let mut generator = Generator::new(&plan, Position::default());
        let mut services: BTreeMap<String, Watched> = BTreeMap::new();
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        while generator.next_time().is_some() {
            bytes.clear();
            lines.clear();
            generator.append(CHUNK, i64::MAX, &mut bytes, &mut lines);
            for &Line { start, end, time } in &lines {
                let Log { service, level, response_time_ms } =
                    serde_json::from_slice(&bytes[start..end]).expect("a log is JSON");
                if !services.contains_key(service) {
                    services.insert(service.to_owned(), Watched::new(service, contenders));
                }
                let watched = services.get_mut(service).expect("it is there by now");
                let failed = level == "ERROR" || level == "CRITICAL";
                watched.add(Time::from_micros(time), response_time_ms, failed);
            }
        }
        let service_days = f64::from(hours) / 24.0 * services.len() as f64;
        let end = Time::from_micros(START + i64::try_from(seconds).expect("less than an age") * 1_000_000);
        let mut alarms = vec![0; contenders.len()];
        for seen in services.into_values().map(|watched| watched.finish(end)) {
            alarms.iter_mut().zip(&seen.alarms).for_each(|(sum, told)| *sum += told.len() as u64);
        }
        Self { service_days, logs, alarms }
    }
}
