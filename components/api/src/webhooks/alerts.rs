//! What happens, and who is told of it.
//!
//! A change of an incident becomes a call in the queue of each webhook that wants it. That is durable before
//! [`Alerts::take`] returns, so whoever tells of a change may forget it then; one that is told again, after a crash, is
//! known by its id and makes no second call.

use bytes::Bytes;
use logd_archive::{Incident, WholeAnomaly};
use logd_sdk::{ComponentId, Time};
use xxhash_rust::xxh3::xxh3_128;

use super::error::Error;
use super::facts::Facts;
use super::meters;
use super::model::{Event, Heard, Held, Record, Stage, Subject, Webhook};
use super::payload::Part;
use super::rates::{Counts, Crossing};
use super::registry::Registry;
use super::state::{Draft, Entry};
use super::store::Write;

/// Tells webhooks what happens.
#[derive(Debug)]
pub(crate) struct Alerts {
    registry: Registry,
}

/// A change of an incident.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Names it: the same whenever it is told.
    id: String,
    what: logd_archive::Change,
    /// Whether a person did it, so that the detector may still have a word.
    by_person: bool,
    part: Part,
    subject: Subject,
    incident: String,
}

impl Change {
    /// What a detector told.
    pub(crate) fn told(whole: &WholeAnomaly) -> Self {
        let facts = Facts::of_anomaly(whole);
        Self::new(whole.anomaly.id.clone(), whole.anomaly.state, false, facts, Some(whole.event.as_ref()))
    }

    /// A person has resolved an incident.
    pub(crate) fn resolved(incident: &Incident) -> Self {
        let at = incident.resolved_at.unwrap_or(incident.updated_at).as_micros();
        let id = format!("{}/resolved/{at}", incident.id);
        Self::new(id, logd_archive::Change::Resolved, true, Facts::of_incident(incident), None)
    }

    fn new(
        id: String,
        what: logd_archive::Change,
        by_person: bool,
        facts: Facts,
        event: Option<&serde_json::Value>,
    ) -> Self {
        let subject = Subject {
            service: facts.service.clone(),
            pipeline: facts.pipeline.clone(),
            kind: facts.kind.clone(),
            severity: facts.severity,
        };
        Self { id, what, by_person, subject, incident: facts.id.clone(), part: Part::incident(facts, event) }
    }
}

impl Alerts {
    /// Tells those who are registered there.
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry }
    }

    /// Takes changes of incidents, in their order. When this returns, the calls that they make are durable.
    ///
    /// # Errors
    /// The store failed: the changes are to be told again.
    pub(crate) async fn take(&self, changes: Vec<Change>) -> anyhow::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let taken = self.registry.edit(move |draft| {
            for change in &changes {
                take(draft, change)?;
            }
            Ok(())
        });
        Ok(taken.await?)
    }

    /// Takes counts of logs, as windows have them. When this returns, the calls that they make are durable.
    ///
    /// # Errors
    /// The store failed. The next counts will tell.
    pub(crate) async fn count(&self, source: &ComponentId, counts: &[Counts<'_>]) -> anyhow::Result<()> {
        let bound = self.registry.setup().high_error_rate;
        let crossings: Vec<Crossing> = {
            let mut rates = self.registry.rates();
            let state = self.registry.state();
            let is_high = |pipeline: &str, service: &str| {
                state.high_rates.contains_key(&(pipeline.to_owned(), service.to_owned()))
            };
            let crossing = |counts| rates.take(source.pipeline(), counts, bound, is_high);
            counts.iter().filter_map(crossing).collect()
        };
        if crossings.is_empty() {
            return Ok(());
        }
        let told = self.registry.edit(move |draft| {
            for crossing in crossings {
                cross(draft, crossing)?;
            }
            Ok(())
        });
        Ok(told.await?)
    }
}

/// Puts a change into the queues of those who want it.
fn take(draft: &mut Draft<'_>, change: &Change) -> Result<(), Error> {
    let severity = change.subject.severity;
    let before = draft.state.incidents.get(&change.incident).copied();
    let worst = before.map_or(severity, |heard| heard.severity.max(severity));
    let resolved = change.what == logd_archive::Change::Resolved;
    let heard = Heard { severity: worst, at: draft.now, is_over: resolved };
    draft.hear(&change.incident, (!resolved || change.by_person).then_some(heard));
    if resolved && before.is_some_and(|heard| heard.is_over) {
        // A person has said so before, and that was told.
        return Ok(());
    }
    let body = Bytes::from(serde_json::to_vec(&change.part).map_err(anyhow::Error::from)?);
    for webhook in draft.state.webhooks.keys().cloned().collect::<Vec<_>>() {
        let Some(entry) = draft.state.webhooks.get(&webhook) else { continue };
        if !wants(&entry.webhook, &change.subject) || entry.knows(&change.id) {
            continue;
        }
        // For somebody who was not told of it, for it was not bad enough, it begins now.
        let risen = before.is_some_and(|heard| Some(heard.severity) < entry.webhook.min_severity);
        let what = match change.what {
            logd_archive::Change::Update if risen => logd_archive::Change::Open,
            what => what,
        };
        if what != logd_archive::Change::Resolved {
            forget_end(draft, &webhook, &change.incident);
        }
        let Some(entry) = draft.state.webhooks.get(&webhook) else { continue };
        if what == logd_archive::Change::Update
            && let Some(number) = untold(entry, &change.incident)
        {
            amend(draft, &webhook, number, change, body.clone());
            continue;
        }
        let Some(event) = event(&entry.webhook, what) else { continue };
        let incidents = vec![change.incident.clone()];
        let record = record(&entry.webhook, event, &change.id, incidents, change.subject.clone(), draft.now);
        draft.add(&webhook, record, body.clone());
    }
    Ok(())
}

/// It goes on: that it was over need not be told, if it has not been.
fn forget_end(draft: &mut Draft<'_>, webhook: &str, incident: &str) {
    let is_it = |record: &Record| {
        record.stage == Stage::Gathering
            && record.event == Some(Event::IncidentResolved)
            && record.incidents.iter().any(|one| one == incident)
    };
    let Some(entry) = draft.state.webhooks.get(webhook) else { return };
    let ends: Vec<u64> = entry.queue.iter().filter(|(_, record)| is_it(record)).map(|(number, _)| *number).collect();
    for number in ends {
        draft.forget(webhook, number);
    }
}

/// The call that will tell of an incident and has not yet been put together.
fn untold(entry: &Entry, incident: &str) -> Option<u64> {
    let is_it = |record: &Record| {
        record.stage == Stage::Gathering
            && record.event != Some(Event::IncidentResolved)
            && record.incidents.iter().any(|one| one == incident)
    };
    entry.queue.iter().find(|(_, record)| is_it(record)).map(|(number, _)| *number)
}

/// Tells of an incident as it has become meanwhile.
fn amend(draft: &mut Draft<'_>, webhook: &str, number: u64, change: &Change, body: Bytes) {
    let Some(record) = draft.state.webhooks.get(webhook).and_then(|entry| entry.queue.get(&number)) else { return };
    let mut record = Box::new(record.clone());
    record.changes.push(change.id.clone());
    record.subject.severity = record.subject.severity.max(change.subject.severity);
    draft.put(Write::Call { webhook: webhook.to_owned(), number, record, body: Some(body) });
}

/// Tells that a rate of errors has become high, or is not any longer.
fn cross(draft: &mut Draft<'_>, crossing: Crossing) -> Result<(), Error> {
    let (pipeline, service) = (crossing.pipeline().to_owned(), crossing.service().to_owned());
    let was_high = draft.state.high_rates.contains_key(&(pipeline.clone(), service.clone()));
    let rate = match crossing {
        Crossing::Up(rate) if !was_high => rate,
        Crossing::Down { .. } if was_high => {
            forget_silenced(draft, &pipeline, &service);
            draft.put(Write::NoHighRate { pipeline, service });
            return Ok(());
        }
        // The counts before these have taken it there.
        _ => return Ok(()),
    };
    let id = format!("{pipeline}/{service}/{}", rate.to.as_micros());
    let subject = Subject {
        service: service.clone(),
        pipeline: pipeline.clone(),
        kind: Event::HighErrorRate.name().to_owned(),
        severity: rate.severity,
    };
    draft.put(Write::HighRate { pipeline, service, since: rate.to });
    let body = Bytes::from(serde_json::to_vec(&Part::Rate(rate)).map_err(anyhow::Error::from)?);
    let wanting = |entry: &&Entry| {
        let webhook = &entry.webhook;
        webhook.events.contains(&Event::HighErrorRate) && wants(webhook, &subject) && !entry.knows(&id)
    };
    let wanting: Vec<Webhook> =
        draft.state.webhooks.values().filter(wanting).map(|entry| entry.webhook.clone()).collect();
    for webhook in wanting {
        let record = record(&webhook, Event::HighErrorRate, &id, Vec::new(), subject.clone(), draft.now);
        draft.add(&webhook.id, record, body.clone());
    }
    Ok(())
}

/// A rate that was high within a silence is not told when that ends.
fn forget_silenced(draft: &mut Draft<'_>, pipeline: &str, service: &str) {
    let is_it = |record: &Record| {
        let Subject { service: of, pipeline: by, .. } = &record.subject;
        record.stage == Stage::Gathering
            && record.held == Some(Held::Silenced)
            && record.event == Some(Event::HighErrorRate)
            && (of.as_str(), by.as_str()) == (service, pipeline)
    };
    let found = draft.state.webhooks.values().flat_map(|entry| {
        let numbers = entry.queue.iter().filter(|(_, record)| is_it(record)).map(|(number, _)| *number);
        numbers.map(|number| (entry.webhook.id.clone(), number))
    });
    for (webhook, number) in found.collect::<Vec<_>>() {
        meters::dropped(meters::SILENCED, 1);
        draft.forget(&webhook, number);
    }
}

/// Whether a webhook is to be told of this, whatever happened to it.
fn wants(webhook: &Webhook, subject: &Subject) -> bool {
    let Subject { service, pipeline, severity, .. } = subject;
    webhook.enabled
        && webhook.limits.allow(pipeline, service)
        && webhook.services.as_ref().is_none_or(|services| services.contains(service))
        && Some(*severity) >= webhook.min_severity
}

/// By which name a webhook is told of a change, if it is.
fn event(webhook: &Webhook, what: logd_archive::Change) -> Option<Event> {
    let names: &[Event] = match what {
        logd_archive::Change::Open => &[Event::IncidentOpened, Event::AnomalyDetected],
        logd_archive::Change::Update => &[Event::IncidentUpdated],
        logd_archive::Change::Resolved => &[Event::IncidentResolved],
    };
    names.iter().copied().find(|name| webhook.events.contains(name))
}

fn record(
    webhook: &Webhook,
    event: Event,
    change: &str,
    incidents: Vec<String>,
    subject: Subject,
    now: Time,
) -> Record {
    Record {
        // The same when the change is told again, so that its receiver knows it.
        id: format!("msg_{:032x}", xxh3_128(format!("{}\n{change}", webhook.id).as_bytes())),
        event: Some(event),
        changes: vec![change.to_owned()],
        incidents,
        subject,
        at: now,
        since: now,
        stage: Stage::Gathering,
        due: now.after(webhook.group_wait),
        held: None,
        attempts: 0,
        status: None,
        error: None,
        took: None,
    }
}
