//! What happens to a service, drawn by chance: nightly jobs, blips, new versions, and incidents that keep apart.

use rand_distr::{Distribution, StandardNormal};

use super::chance::{Purpose, below, between, count, share};
use super::change::Change;
use super::course::Course;
use super::incident::{Calm, duration, evidence, figures};
use super::{BUCKET, DAY, HOUR, Kind, Planned, Scenario, buckets};

/// Between two incidents of a service lies at least so much.
const APART: u64 = 3 * HOUR;

/// No incident comes so soon before a big deploy, or so soon after it.
const AROUND_BIG_DEPLOY: (u64, u64) = (buckets(5400), 4 * HOUR);

/// Less evidence than this, in nats, nobody has to find.
const LEAST_EVIDENCE: f64 = 25.0;

/// How often an incident is drawn anew that has no place or too little evidence, before it is left out.
const ATTEMPTS: u64 = 200;

/// The last incident is over so long before the end, so that it can be seen to be.
const RECOVERY: u64 = buckets(600);

/// Seconds in a day.
const DAY_SECONDS: u64 = 86_400;

impl Course {
    /// Adds all that happens to the service, in the order of time.
    pub(crate) fn fill(&mut self, scenario: &Scenario) {
        self.add_cron(scenario);
        self.add_blips(scenario);
        self.add_deploys(scenario);
        self.add_planned(scenario);
        self.add_incidents(scenario);
        self.changes.sort_by_key(|change| (change.start, change.kind));
    }

    /// The bucket that begins so many seconds after a midnight (UTC), that of the `day`th day; none if that is not
    /// within the scenario.
    fn on_day(&self, scenario: &Scenario, day: u64, seconds: u64) -> Option<u64> {
        let midnight = self.time(0) - self.time(0).rem_euclid(DAY as i64 * BUCKET);
        let time = midnight.checked_add_unsigned((day * DAY_SECONDS + seconds) * 1_000_000)?;
        let bucket = u64::try_from(time - self.time(0)).ok()?.div_ceil(BUCKET as u64);
        (bucket < scenario.buckets()).then_some(bucket)
    }

    /// The nightly job.
    fn add_cron(&mut self, scenario: &Scenario) {
        if self.service.cron {
            // One day more, for a scenario need not begin at midnight.
            let nights = (0..=scenario.days.into()).filter_map(|day| self.on_day(scenario, day, 3 * 3600));
            let jobs: Vec<Change> = nights.map(Change::cron).collect();
            self.changes.extend(jobs);
        }
    }

    fn add_blips(&mut self, scenario: &Scenario) {
        let mut stream = self.chance.stream(Purpose::Blips, 0);
        let blips = count(&mut stream, self.service.blips_per_day * f64::from(scenario.days));
        self.changes.extend((0..blips).map(|_| Change::blip(below(&mut stream, scenario.buckets()))));
    }

    /// New versions come in office hours. The big one comes in the part that counts.
    fn add_deploys(&mut self, scenario: &Scenario) {
        let mut stream = self.chance.stream(Purpose::Deploys, 0);
        let office_hour = |stream: &mut _| (between(stream, 9.0, 17.0) * 3600.0) as u64;
        let deploys = count(&mut stream, scenario.deploys_per_day * f64::from(scenario.days));
        for _ in 0..deploys {
            let place = (below(&mut stream, scenario.days.into()), office_hour(&mut stream));
            let (latency, errors): (f64, f64) =
                (StandardNormal.sample(&mut stream), StandardNormal.sample(&mut stream));
            let bucket = self.on_day(scenario, place.0, place.1);
            self.changes
                .extend(bucket.map(|bucket| Change::deploy(bucket, (0.08 * latency).exp(), (0.15 * errors).exp())));
        }
        if scenario.big_deploy && scenario.scored_days() > 0 {
            let day = u64::from(scenario.warm_up_days) + below(&mut stream, scenario.scored_days().into());
            let bucket = self.on_day(scenario, day, office_hour(&mut stream));
            let factor = between(&mut stream, 1.3, 1.6);
            let factor = if share(&mut stream) < 0.7 { factor } else { 1.0 / factor };
            self.changes.extend(bucket.map(|bucket| Change::big_deploy(bucket, factor)));
        }
    }

    /// Adds what the scenario says goes wrong with this service.
    fn add_planned(&mut self, scenario: &Scenario) {
        for planned in &scenario.incidents {
            let Planned { kind, service, at, duration, factor, share } = planned;
            let start = buckets(at.as_secs());
            let end = (start + buckets(duration.as_secs()).max(1)).min(scenario.buckets());
            if *service == self.service.name && start < end {
                self.add_incident(*kind, start, end, (factor.unwrap_or(1.0), share.unwrap_or(0.0)));
            }
        }
    }

    /// Adds incidents drawn by chance, each clear enough to be found and apart from the others.
    fn add_incidents(&mut self, scenario: &Scenario) {
        if scenario.kinds.is_empty() {
            return;
        }
        let mut stream = self.chance.stream(Purpose::Incidents, 0);
        let incidents = count(&mut stream, scenario.incidents_per_day * f64::from(scenario.scored_days()));
        let first = u64::from(scenario.warm_up_days) * DAY;
        for _ in 0..incidents {
            for _ in 0..ATTEMPTS {
                let kind = scenario.kinds[below(&mut stream, scenario.kinds.len() as u64) as usize];
                let length = duration(kind, &mut stream);
                let Some(room) = scenario.buckets().checked_sub(first + length + RECOVERY) else { continue };
                let start = first + below(&mut stream, room + 1);
                let figures = figures(kind, self.errors(start), &mut stream);
                if self.has_place(start, start + length)
                    && self.evidence(kind, start, start + length, figures) >= LEAST_EVIDENCE
                {
                    self.add_incident(kind, start, start + length, figures);
                    break;
                }
            }
        }
    }

    fn add_incident(&mut self, kind: Kind, start: u64, end: u64, figures: (f64, f64)) {
        let evidence = self.evidence(kind, start, end, figures);
        self.changes.push(Change { kind, start, end, factor: figures.0, share: figures.1, evidence });
    }

    /// The evidence for an incident against what would otherwise be, in nats.
    fn evidence(&self, kind: Kind, start: u64, end: u64, (factor, share): (f64, f64)) -> f64 {
        let calm = Calm {
            count: (start..end).map(|bucket| self.seasonal(bucket).count).sum(),
            errors: self.errors(start),
            sigma: self.service.sigma,
        };
        evidence(&Change { kind, start, end, factor, share, evidence: 0.0 }, calm)
    }

    /// Whether an incident in these buckets is far enough from all that would blur it.
    fn has_place(&self, start: u64, end: u64) -> bool {
        self.changes.iter().all(|change| {
            let (before, after) = match change.kind {
                Kind::Blip | Kind::Deploy => return true,
                Kind::Cron => (change.start, change.end),
                Kind::BigDeploy => {
                    (change.start.saturating_sub(AROUND_BIG_DEPLOY.0), change.start + AROUND_BIG_DEPLOY.1)
                }
                _ => (change.start.saturating_sub(APART), change.end + APART),
            };
            end <= before || start >= after
        })
    }
}
