//! What a simulation as a whole must be: its figures those of the table, its incidents apart and to be seen, its chance
//! that of each service alone.

use logd_sdk::settings::Duration;
use proptest::prelude::*;

use super::{Kind, Label, Planned, Request, Scenario, Service, Simulation};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A service without seasons or noise but that of its failures.
fn plain(name: &str, rate: f64) -> Service {
    Service {
        name: name.to_owned(),
        rate,
        diurnal: 0.0,
        weekend: 1.0,
        median_ms: 100.0,
        sigma: 0.5,
        error_rate: 0.02,
        latency_noise: 0.0,
        rate_noise: 0.0,
        cron: false,
        blips_per_day: 0.0,
        coupling: 0.0,
    }
}

/// Days of services to which nothing happens.
fn quiet(days: u32, services: Vec<Service>) -> Scenario {
    Scenario {
        days,
        warm_up_days: 0,
        services,
        incidents_per_day: 0.0,
        deploys_per_day: 0.0,
        big_deploy: false,
        ..Scenario::incidents()
    }
}

/// The requests of the first service.
fn requests(scenario: &Scenario, seed: u64) -> Vec<Request> {
    of(scenario, seed, &scenario.services[0].name)
}

/// The requests of the service of a name.
fn of(scenario: &Scenario, seed: u64, name: &str) -> Vec<Request> {
    let simulation = Simulation::new(scenario, seed);
    simulation.services().find(|(service, _)| service.name == name).unwrap().1.collect()
}

/// How long after the scenario's start a request was, in microseconds.
fn since(request: &Request) -> i64 {
    request.at.as_micros() - Scenario::incidents().start.as_micros()
}

/// Those of the requests between two times after the start, in microseconds.
fn within(requests: &[Request], from: i64, to: i64) -> &[Request] {
    let place = |time: i64| requests.partition_point(|request| since(request) < time);
    &requests[place(from)..place(to)]
}

fn quantile(requests: &[Request], share: f64) -> f64 {
    let mut times: Vec<f64> = requests.iter().map(|request| request.latency_ms).collect();
    times.sort_by(f64::total_cmp);
    times[(share * times.len() as f64) as usize]
}

fn failures(requests: &[Request]) -> f64 {
    requests.iter().filter(|request| request.error).count() as f64 / requests.len() as f64
}

fn assert_near(found: f64, expected: f64, slack: f64, what: &str) {
    assert!((found - expected).abs() < slack, "{what}: {found} instead of {expected} ± {slack}");
}

#[test]
fn moments_are_those_of_the_figures() {
    let requests = requests(&quiet(1, vec![plain("even", 5.0)]), 1);
    let expected = 5.0 * 86_400.0;
    assert_near(requests.len() as f64, expected, 4.0 * f64::sqrt(expected), "requests");
    // The median's standard error is 1.25 σ / √n; failures and stragglers move it by less than a percent.
    assert_near(quantile(&requests, 0.5), 100.0, 1.5, "median");
    assert_near((quantile(&requests, 0.841) / quantile(&requests, 0.5)).ln(), 0.5, 0.02, "sigma");
    assert_near(failures(&requests), 0.02, 0.002, "failures");
    let (failed, fine): (Vec<Request>, Vec<Request>) = requests.iter().partition(|request| request.error);
    assert_near(quantile(&failed, 0.5) / quantile(&fine, 0.5), 2.0, 0.1, "what fails takes twice as long");
    // Of a log-normal distribution one in 30 million is further out than this.
    let stragglers = fine.iter().filter(|request| request.latency_ms > 100.0 * f64::exp(5.4 * 0.5)).count();
    let expected = fine.len() as f64 / 500.0;
    assert!((stragglers as f64) < expected && stragglers as f64 > expected / 100.0, "{stragglers}");
}

#[test]
fn counts_are_poisson_and_times_uniform() {
    let requests = requests(&quiet(1, vec![plain("even", 2.0)]), 2);
    let mut counts = vec![0.0_f64; 8640];
    let mut tenths = [0.0_f64; 10];
    for request in &requests {
        counts[(since(request) / (10 * SECOND)) as usize] += 1.0;
        tenths[(since(request) % (10 * SECOND) / SECOND) as usize] += 1.0;
    }
    let mean = requests.len() as f64 / 8640.0;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 8640.0;
    assert_near(variance / mean, 1.0, 0.06, "variance by mean");
    let even = requests.len() as f64 / 10.0;
    let deviation: f64 = tenths.iter().map(|count| (count - even).powi(2) / even).sum();
    assert!(deviation < 33.7, "χ² with nine degrees of freedom, one in ten thousand: {deviation}");
    assert!(requests.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

#[test]
fn days_and_weeks_have_their_seasons() {
    let service = Service { diurnal: 0.6, weekend: 0.7, coupling: 0.3, ..plain("seasonal", 1.0) };
    let requests = requests(&quiet(7, vec![service]), 3);
    let on =
        |day: i64, from: i64, hours: i64| within(&requests, day * DAY + from * HOUR, day * DAY + (from + hours) * HOUR);
    let weekdays: usize = (1..4).map(|day| on(day, 0, 24).len()).sum();
    let weekend = on(5, 4, 20).len() + on(6, 0, 20).len();
    assert_near(weekdays as f64 / (3.0 * 86_400.0), 1.0, 0.01, "weekdays");
    let same_hours = on(3, 4, 20).len() + on(2, 0, 20).len();
    assert_near(weekend as f64 / same_hours as f64, 0.7, 0.01, "weekend");
    // The peak lies within 14 ± 3 h, and the bottom twelve hours from it.
    let hourly = |hour: i64| (1..4).map(|day| on(day, hour, 1).len()).sum::<usize>();
    let peak = (0..24).max_by_key(|hour| hourly(*hour)).unwrap();
    assert!((11..=17).contains(&peak), "{peak}");
    let ratio = hourly(peak) as f64 / hourly((peak + 12) % 24) as f64;
    assert_near(ratio, 1.78 / 0.58, 0.25, "day by night");
    let median = |hour: i64| quantile(&(1..4).flat_map(|day| on(day, hour, 1)).copied().collect::<Vec<_>>(), 0.5);
    assert_near(median(peak), 100.0 * (1.0 + 0.3 * 0.78), 3.0, "slower under load");
}

#[test]
fn noise_moves_rate_and_response_times_slowly() {
    let service = Service { latency_noise: 0.2, rate_noise: 0.2, ..plain("restless", 5.0) };
    let requests = requests(&quiet(1, vec![service]), 4);
    let minutes: Vec<&[Request]> =
        (0..1440).map(|minute| within(&requests, minute * 60 * SECOND, (minute + 1) * 60 * SECOND)).collect();
    let deviation = |figures: Vec<f64>| {
        let mean = figures.iter().sum::<f64>() / figures.len() as f64;
        (figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>() / figures.len() as f64).sqrt()
    };
    assert_near(deviation(minutes.iter().map(|minute| (minute.len() as f64).ln()).collect()), 0.2, 0.04, "rate");
    assert_near(deviation(minutes.iter().map(|minute| quantile(minute, 0.5).ln()).collect()), 0.2, 0.05, "latency");
    assert_near(requests.len() as f64 / (5.0 * 86_400.0), 1.0, 0.05, "on average the rate stays");
}

/// A plain service with which something goes wrong from one to two o'clock.
fn troubled(kind: Kind, factor: Option<f64>, share: Option<f64>) -> Scenario {
    let incident = Planned {
        kind,
        service: "even".to_owned(),
        at: Duration::from_secs(3600),
        duration: Duration::from_secs(3600),
        factor,
        share,
    };
    Scenario { incidents: vec![incident], ..quiet(1, vec![plain("even", 5.0)]) }
}

/// The requests of the first service in the first three hours.
fn three_hours(scenario: &Scenario) -> Vec<Request> {
    let (_, requests) = Simulation::new(scenario, 5).services().next().unwrap();
    requests.take_while(|request| since(request) < 3 * HOUR).collect()
}

#[test]
fn every_kind_does_what_it_says_and_nothing_else() {
    let calm = three_hours(&quiet(1, vec![plain("even", 5.0)]));
    let calm_hour = within(&calm, HOUR, 2 * HOUR);
    for (kind, factor, share, (rate, median, slowest, errors)) in [
        (Kind::LatencyShift, Some(2.0), None, (1.0, 2.0, 2.0, 0.02)),
        (Kind::LatencySpike, Some(5.0), None, (1.0, 5.0, 5.0, 0.02)),
        (Kind::TailLatency, Some(20.0), Some(0.1), (1.0, 1.1, 8.5, 0.02)),
        (Kind::SlowRamp, Some(4.0), None, (1.0, 2.25, 2.85, 0.02)),
        (Kind::ErrorBurst, None, Some(0.4), (1.0, 1.3, 1.53, 0.4)),
        (Kind::ErrorSlowBurn, None, Some(0.1), (1.0, 1.05, 1.13, 0.1)),
        (Kind::TrafficDrop, Some(0.3), None, (0.3, 1.0, 1.0, 0.02)),
        (Kind::TrafficSurge, Some(4.0), None, (4.0, 1.0, 1.0, 0.02)),
        (Kind::Outage, Some(3.0), Some(0.6), (1.0, 4.6, 5.1, 0.6)),
    ] {
        let troubled = three_hours(&troubled(kind, factor, share));
        let hour = within(&troubled, HOUR, 2 * HOUR);
        let name = kind.name();
        assert_near(hour.len() as f64 / calm_hour.len() as f64 / rate, 1.0, 0.06, name);
        assert_near(quantile(hour, 0.5) / quantile(calm_hour, 0.5) / median, 1.0, 0.06, name);
        assert_near(quantile(hour, 0.95) / quantile(calm_hour, 0.95) / slowest, 1.0, 0.1, name);
        assert_near(failures(hour), errors, 0.01, name);
        assert!(within(&troubled, 0, HOUR) == within(&calm, 0, HOUR), "{name}: before");
        assert!(within(&troubled, 2 * HOUR, 3 * HOUR) == within(&calm, 2 * HOUR, 3 * HOUR), "{name}: after");
    }
    let silent = three_hours(&troubled(Kind::Silence, None, None));
    assert!(within(&silent, HOUR, 2 * HOUR).is_empty());
    assert!(within(&silent, 2 * HOUR, 3 * HOUR) == within(&calm, 2 * HOUR, 3 * HOUR));
}

#[test]
fn what_is_benign_does_what_it_says() {
    let nightly = Service { cron: true, ..plain("even", 5.0) };
    let nightly = requests(&quiet(1, vec![nightly]), 6);
    let (night, before) = (within(&nightly, 3 * HOUR, 3 * HOUR + 900 * SECOND), within(&nightly, HOUR, 3 * HOUR));
    assert_near(night.len() as f64 / 900.0, 20.0, 1.0, "a job's rate");
    assert_near(quantile(night, 0.5) / quantile(before, 0.5), 1.3, 0.05, "a job's latency");

    let lasting = Scenario { big_deploy: true, ..quiet(2, vec![plain("even", 5.0)]) };
    let label = Simulation::new(&lasting, 7).labels()[0].clone();
    assert_eq!((label.kind, label.benign), (Kind::BigDeploy, true));
    let at = label.start.as_micros() - lasting.start.as_micros();
    assert_eq!(label.end.since(label.start).as_secs(), 3600);
    let all = requests(&lasting, 7);
    let ratio = quantile(within(&all, at, 2 * DAY), 0.5) / quantile(within(&all, 0, at), 0.5);
    assert_near(ratio, label.params["factor"], 0.03, "a new version stays");
    assert!((1.3..1.6).contains(&ratio.max(1.0 / ratio)), "{ratio}");
}

/// Which labels are of incidents.
fn incidents(labels: &[Label]) -> Vec<&Label> {
    labels.iter().filter(|label| !label.benign).collect()
}

#[test]
fn incidents_are_as_many_as_told_clear_and_apart() {
    let scenario = Scenario::incidents();
    let warm = scenario.start.as_micros() + 4 * DAY;
    let end = scenario.start.as_micros() + 14 * DAY;
    let (mut total, mut kinds) = (0, std::collections::BTreeSet::new());
    for seed in 0..5 {
        let simulation = Simulation::new(&scenario, seed);
        for (service, _) in simulation.services() {
            let own: Vec<Label> =
                simulation.labels().iter().filter(|label| label.service == service.name).cloned().collect();
            let big: Vec<&Label> = own.iter().filter(|label| label.kind == Kind::BigDeploy).collect();
            assert_eq!(big.len(), 1);
            let deploy = big[0].start.as_micros();
            assert!((9 * HOUR..17 * HOUR).contains(&(deploy % DAY)) && deploy >= warm);
            assert_eq!(own.iter().filter(|label| label.kind == Kind::Cron).count(), if service.cron { 14 } else { 0 });
            for incident in incidents(&own) {
                let (from, to) = (incident.start.as_micros(), incident.end.as_micros());
                assert!(from >= warm && to <= end - 600 * SECOND && incident.evidence >= 25.0, "{incident:?}");
                assert!(to <= deploy - 3 * HOUR / 2 || from >= deploy + 4 * HOUR, "{incident:?}");
                let nightly = |time: i64| (time - 3 * HOUR).rem_euclid(DAY);
                let clear = nightly(from) >= 900 * SECOND && nightly(from) + (to - from) <= DAY;
                assert!(!service.cron || clear, "{incident:?}");
            }
            let apart = |pair: &[&Label]| pair[1].start.as_micros() - pair[0].end.as_micros() >= 3 * HOUR;
            assert!(incidents(&own).windows(2).all(apart), "{}", service.name);
            kinds.extend(incidents(&own).iter().map(|label| label.kind));
            total += incidents(&own).len();
        }
        assert!(simulation.labels().is_sorted_by_key(|label| label.start));
    }
    assert_near(total as f64, 360.0, 4.0 * f64::sqrt(360.0), "incidents");
    assert_eq!(kinds.len(), Kind::INCIDENTS.len());
}

#[test]
fn no_service_depends_on_another() {
    let small = Scenario { days: 5, rate_factor: 0.01, ..Scenario::incidents() };
    let mut other = small.clone();
    other.services.reverse();
    other.services.retain(|service| service.name != "cache");
    other.services.insert(2, plain("new", 1.0));
    let (one, two) = (Simulation::new(&small, 9), Simulation::new(&other, 9));
    let mut compared = 0;
    for (service, requests) in one.services() {
        if let Some((_, same)) = two.services().find(|(other, _)| other.name == service.name) {
            assert!(requests.eq(same), "{}", service.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 11);
    let shared = |labels: &[Label]| {
        labels.iter().filter(|label| !["cache", "new"].contains(&label.service.as_str())).cloned().collect::<Vec<_>>()
    };
    assert!(shared(one.labels()) == shared(two.labels()));
}

#[test]
fn without_incidents_all_else_stays() {
    let small = Scenario { days: 5, rate_factor: 0.05, ..Scenario::incidents() };
    let (with, without) = (Simulation::new(&small, 3), Simulation::new(&small.clone().without_incidents(), 3));
    assert!(!incidents(with.labels()).is_empty() && incidents(without.labels()).is_empty());
    let benign: Vec<&Label> = with.labels().iter().filter(|label| label.benign).collect();
    assert!(benign == without.labels().iter().collect::<Vec<_>>());
}

#[test]
fn a_seed_means_the_same_for_ever() {
    let scenario = Scenario { days: 1, warm_up_days: 0, rate_factor: 0.1, ..Scenario::incidents() };
    let told = |request: &Request| format!("{} {:.3} {}", since(request), request.latency_ms, request.error);
    let first: Vec<String> = requests(&scenario, 1).iter().take(3).map(told).collect();
    assert_eq!(first, ["1198833 32.745 false", "1254612 29.226 false", "2902328 75.579 false"]);
    assert!(requests(&scenario, 2)[0] != requests(&scenario, 1)[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn skipping_gives_what_reading_on_gives(seed: u64, bucket in 0..8640_u64) {
        let scenario = Scenario { days: 1, warm_up_days: 0, rate_factor: 0.2, ..Scenario::incidents() };
        let (_, mut requests) = Simulation::new(&scenario, seed).services().nth(3).unwrap();
        let whole: Vec<Request> = requests.clone().filter(|request| since(request) >= bucket as i64 * 10 * SECOND).collect();
        requests.skip_to(bucket);
        prop_assert!(requests.collect::<Vec<_>>() == whole);
    }
}
