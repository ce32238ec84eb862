//! Makes the calls that are due.
//!
//! Calls of different webhooks are made at once, eight at most; those of one webhook one after the other, and what tells
//! of one incident in its order: the end of it never overtakes its beginning. A call that fails waits, and lets those of
//! other incidents go first. What becomes of a call is in the store before the next one of its webhook is made, so a crash
//! may double a call and loses none; its `webhook-id` is the same then.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use logd_sdk::Time;
use logd_sdk::sender::{Answer, Call, Outcome};
use logd_sdk::settings::Secret;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::gather::gather;
use super::meters;
use super::model::{Event, Stage};
use super::registry::{PER_MINUTE, Registry};
use super::secrets;
use super::settle::settle;
use super::state::Entry;

/// How long a call may take.
pub(super) const WITHIN: Duration = Duration::from_secs(10);
/// The clock on the wall is looked at so often at least, for it may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long to wait when the store has failed.
const REST: Duration = Duration::from_secs(5);
/// How often what is old is forgotten.
const TEND: Duration = Duration::from_secs(60 * 60);
/// How long a webhook rests whose call can't be noted: it would be made again and again.
const UNNOTED: Duration = Duration::from_secs(60);

/// Makes the calls that are due, until it is told to stop.
#[derive(Debug)]
pub(crate) struct Courier {
    registry: Registry,
    calls: JoinSet<()>,
}

/// A call that may be made.
#[derive(Debug)]
struct Due {
    at: Time,
    webhook: String,
    number: u64,
}

impl Courier {
    /// Makes the calls of these webhooks.
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry, calls: JoinSet::new() }
    }

    /// Makes calls until `stop` ends, and waits for those that are under way then.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut tended: Option<Instant> = None;
        loop {
            if tended.is_none_or(|at| at.elapsed() >= TEND) {
                tended = Some(Instant::now());
                if let Err(error) = self.registry.forget_silences().await {
                    tracing::error!(error = format!("{error:#}"), "Old silences can't be forgotten.");
                }
            }
            let rest = self.step().await;
            tokio::select! {
                () = &mut stop => break,
                () = self.registry.wake().notified() => {}
                Some(_) = self.calls.join_next() => {}
                () = sleep(rest) => {}
            }
        }
        while self.calls.join_next().await.is_some() {}
    }

    /// Does what is due. Returns for how long there is nothing to do.
    async fn step(&mut self) -> Duration {
        let gathers = |entry: &Entry| entry.queue.values().any(|record| record.stage == Stage::Gathering);
        let mut next = None;
        if self.registry.state().webhooks.values().any(gathers) {
            let base = self.registry.setup().base;
            match self.registry.edit(move |draft| gather(draft, &base)).await {
                Ok(due) => next = due,
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "The calls of webhooks can't be put together.");
                    return REST;
                }
            }
        }
        let now = self.registry.now();
        let (due, later) = due(&self.registry, now);
        for Due { webhook, number, .. } in due {
            // When there is no room, the next call that ends makes some.
            let Ok(permit) = self.registry.calls().clone().try_acquire_owned() else { break };
            let busy = Busy::new(&self.registry, &webhook);
            let registry = self.registry.clone();
            self.calls.spawn(async move {
                let (_permit, _busy) = (permit, busy);
                call(&registry, &webhook, number).await;
            });
        }
        let next = [next, later].into_iter().flatten().min();
        next.map_or(LONGEST_SLEEP, |next| next.since(now).min(LONGEST_SLEEP))
    }
}

/// The calls that may be made now, one of each webhook, the longest due first; and when the next may be.
fn due(registry: &Registry, now: Time) -> (Vec<Due>, Option<Time>) {
    let (state, busy, paces) = (registry.state(), registry.busy(), registry.paces());
    let (mut due, mut later) = (Vec::new(), None::<Time>);
    let (mut waiting, mut disabled) = (0, 0);
    for (id, entry) in &state.webhooks {
        waiting += entry.queue.len();
        disabled += usize::from(entry.webhook.disabled_reason.is_some());
        if !entry.webhook.enabled || busy.contains(id) {
            continue;
        }
        let ready = paces.get(id).map_or(Time::MIN, |pace| pace.ready(now, PER_MINUTE));
        match first(entry, ready, now) {
            (Some((at, number)), _) => due.push(Due { at, webhook: id.clone(), number }),
            (None, next) => later = [later, next].into_iter().flatten().min(),
        }
    }
    meters::queued(waiting);
    meters::disabled(disabled);
    due.sort_by_key(|due| due.at);
    (due, later)
}

/// The first call of a webhook that may be made now; if there is none, when the next may be.
fn first(entry: &Entry, ready: Time, now: Time) -> (Option<(Time, u64)>, Option<Time>) {
    let mut earlier: BTreeSet<&str> = BTreeSet::new();
    let mut next: Option<Time> = None;
    for (number, record) in entry.queue.iter().filter(|(_, record)| record.stage == Stage::Waiting) {
        if !record.incidents.iter().any(|incident| earlier.contains(incident.as_str())) {
            let at = record.due.max(ready);
            if at <= now {
                return (Some((record.due, *number)), None);
            }
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        earlier.extend(record.incidents.iter().map(String::as_str));
    }
    (None, next)
}

/// A webhook that is being called, for as long as this lives.
struct Busy {
    registry: Registry,
    webhook: String,
}

impl Busy {
    fn new(registry: &Registry, webhook: &str) -> Self {
        registry.busy().insert(webhook.to_owned());
        Self { registry: registry.clone(), webhook: webhook.to_owned() }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.registry.busy().remove(&self.webhook);
    }
}

/// What is needed for a call.
pub(super) struct Job {
    pub(super) url: Secret,
    pub(super) secrets: Vec<Secret>,
    pub(super) id: String,
    pub(super) event: Option<Event>,
    pub(super) body: Bytes,
}

impl Job {
    /// Makes the call.
    pub(super) async fn make(self, registry: &Registry) -> Outcome {
        let Self { url, secrets, id, event, body } = self;
        let headers = [("logd-event", event.map_or("test", Event::name))];
        let call = Call { url: &url, secrets: &secrets, id: &id, body, headers: &headers, within: WITHIN };
        let sender = registry.setup().sender;
        sender.send(call).await
    }
}

/// Makes a call and notes what became of it.
async fn call(registry: &Registry, webhook: &str, number: u64) {
    let now = registry.now();
    let found = registry.state().webhooks.get(webhook).and_then(|entry| {
        let record = entry.queue.get(&number)?;
        let secrets = secrets::current(&entry.webhook.secrets, now);
        Some((entry.webhook.url.clone(), secrets, record.id.clone(), record.event))
    });
    let Some((url, secrets, id, event)) = found else { return };
    let outcome = match registry.body(webhook, number).await {
        Ok(Some(body)) => {
            registry.paces().entry(webhook.to_owned()).or_default().call(now, PER_MINUTE);
            Some(Job { url, secrets, id, event, body }.make(registry).await)
        }
        Ok(None) => None,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), webhook, "A call can't be read from the store.");
            registry.paces().entry(webhook.to_owned()).or_default().rest(now, UNNOTED);
            return;
        }
    };
    let revived = outcome.as_ref().is_some_and(|outcome| note_pace(registry, webhook, outcome));
    let noted = {
        let webhook = webhook.to_owned();
        registry.edit(move |draft| {
            settle(draft, &webhook, number, outcome.as_ref(), revived);
            Ok(())
        })
    };
    if let Err(error) = noted.await {
        tracing::error!(error = format!("{error:#}"), webhook, "What became of a call can't be noted.");
        registry.paces().entry(webhook.to_owned()).or_default().rest(registry.now(), UNNOTED);
    }
}

/// Takes what became of a call into account for the next ones. Returns whether the receiver had been left alone and is
/// well now.
pub(super) fn note_pace(registry: &Registry, webhook: &str, outcome: &Outcome) -> bool {
    let (now, mut paces) = (registry.now(), registry.paces());
    // It may have been taken away meanwhile.
    let Some(pace) = paces.get_mut(webhook) else { return false };
    match &outcome.answer {
        Answer::Delivered { .. } => return pace.well(),
        Answer::Again { after, .. } => pace.ill(now, *after),
        Answer::Refused { .. } => pace.ill(now, None),
        Answer::Gone => {}
    }
    false
}
