//! The whole of it against a receiver that answers what it is told, and a clock that stands until it is moved.

mod delivery;
mod holding;
mod keeping;
mod telling;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use logd_archive::{Anomaly, Scope, WholeAnomaly};
use logd_sdk::sender::{Answer, Call, Outcome, Sender};
use logd_sdk::settings::{Fault, Secret};
use logd_sdk::{Clock, Time};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::registry::Asker;
use super::requests::NewWebhook;
use super::views::{Delivery, DeliveryState, NewlyRegistered};
use super::*;

/// Nothing here takes this long unless it hangs.
const HANG: Duration = Duration::from_secs(30);

const DELIVERED: Answer = Answer::Delivered { status: 200 };

/// When tests begin: a Monday afternoon.
fn start() -> Time {
    at("2026-11-23T14:00:00Z")
}

fn at(text: &str) -> Time {
    Time::parse_rfc3339(text.as_bytes()).unwrap()
}

fn again(status: u16, after: Option<u64>) -> Answer {
    Answer::Again { status: Some(status), after: after.map(Duration::from_secs), reason: format!("{status} Whatever") }
}

fn refused(status: u16) -> Answer {
    Answer::Refused { status: Some(status), reason: format!("{status} No") }
}

/// A call that was made.
#[derive(Clone, Debug)]
struct Made {
    url: String,
    id: String,
    secrets: usize,
    event: String,
    body: Value,
}

/// Answers what it is told, one answer after the other, and that it has taken what comes from then on.
#[derive(Debug)]
struct Receiver {
    answers: Mutex<VecDeque<Answer>>,
    calls: watch::Sender<Vec<Made>>,
    /// Nothing is answered while this is true.
    hangs: watch::Sender<bool>,
}

impl Default for Receiver {
    fn default() -> Self {
        let (calls, hangs) = (watch::channel(Vec::new()).0, watch::channel(false).0);
        Self { answers: Mutex::default(), calls, hangs }
    }
}

impl Receiver {
    /// Answers these next.
    fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn made(&self) -> Vec<Made> {
        self.calls.borrow().clone()
    }

    /// The calls, when there are so many.
    async fn calls(&self, number: usize) -> Vec<Made> {
        let mut calls = self.calls.subscribe();
        let enough = timeout(HANG, calls.wait_for(|calls| calls.len() >= number)).await;
        match enough {
            Ok(made) => made.unwrap().clone(),
            Err(_) => panic!("there are no {number} calls, but {:?}", self.made()),
        }
    }
}

impl Sender for Receiver {
    fn send<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        let made = Made {
            url: call.url.expose().to_owned(),
            id: call.id.to_owned(),
            secrets: call.secrets.len(),
            event: call.headers[0].1.to_owned(),
            body: serde_json::from_slice(&call.body).unwrap(),
        };
        Box::pin(async move {
            self.calls.send_modify(|calls| calls.push(made));
            let _ = self.hangs.subscribe().wait_for(|hangs| !hangs).await;
            let answer = self.answers.lock().unwrap().pop_front().unwrap_or(DELIVERED);
            Outcome { answer, took: Duration::from_millis(7) }
        })
    }

    fn judge<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async {
            match url.expose().contains("//10.") {
                true => Err(Fault::new("`10.0.0.1` is no address of the internet, and not in `[api.webhooks] allow`")),
                false => Ok(()),
            }
        })
    }
}

/// A registry with a receiver, and perhaps a courier.
struct World {
    folder: TempDir,
    clock: Clock,
    receiver: Arc<Receiver>,
    registry: Registry,
    alerts: Alerts,
    courier: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    scope: Scope,
}

impl World {
    async fn new() -> Self {
        Self::at(TempDir::new().unwrap(), Clock::fixed(start())).await
    }

    async fn at(folder: TempDir, clock: Clock) -> Self {
        let receiver = Arc::new(Receiver::default());
        let sender: Arc<dyn Sender> = Arc::clone(&receiver) as _;
        let setup = Setup { sender, base: "https://logd.example".to_owned(), high_error_rate: 0.1 };
        let registry = Registry::open(folder.path(), setup, clock.clone()).await.unwrap();
        let alerts = Alerts::new(registry.clone());
        Self { folder, clock, receiver, registry, alerts, courier: None, scope: Scope::all() }
    }

    /// With a courier that makes calls.
    async fn running() -> Self {
        let mut world = Self::new().await;
        world.run();
        world
    }

    fn run(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let courier = Courier::new(self.registry.clone());
        let run = tokio::spawn(courier.run(async { stopped.await.unwrap_or_default() }));
        self.courier = Some((stop, run));
    }

    /// What there would be after a kill at this moment: another process, with the file as it is.
    async fn after_a_kill(&self) -> Self {
        // What is under way becomes durable before; memory is a moment ahead of that.
        self.registry.edit(|_| Ok(())).await.unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::copy(self.file(), folder.path().join("webhooks.redb")).unwrap();
        Self::at(folder, Clock::fixed(self.clock.now())).await
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("webhooks.redb")
    }

    fn admin(&self) -> Asker<'_> {
        Asker { user: "admin", scope: &self.scope }
    }

    /// Registers a webhook that is told of incidents.
    async fn webhook(&self, more: Value) -> NewlyRegistered {
        let events = ["incident_opened", "incident_updated", "incident_resolved"];
        let mut new = json!({ "url": "https://hooks.example/a", "events": events });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let new: NewWebhook = serde_json::from_value(new).unwrap();
        self.registry.register(self.admin(), new).await.unwrap()
    }

    async fn tell(&self, changes: &[WholeAnomaly]) {
        self.alerts.take(changes.iter().map(Change::told).collect()).await.unwrap();
    }

    /// Moves the clock, and lets the courier look at it.
    fn wait(&self, seconds: u64) {
        self.clock.set(self.clock.now().after(Duration::from_secs(seconds)));
        self.registry.wake().notify_one();
    }

    fn set(&self, time: &str) {
        self.clock.set(at(time));
        self.registry.wake().notify_one();
    }

    fn deliveries(&self, webhook: &str) -> Vec<Delivery> {
        self.registry.deliveries(self.admin(), webhook, 10_000, None).unwrap().0
    }

    /// The calls of a webhook, when there is what is waited for.
    async fn deliveries_when(&self, webhook: &str, holds: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let found = timeout(HANG, async {
            loop {
                let deliveries = self.deliveries(webhook);
                if holds(&deliveries) {
                    return deliveries;
                }
                tokio::task::yield_now().await;
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("that does not hold of {:?}", self.deliveries(webhook)),
        }
    }

    /// The calls of a webhook, when so many of them have come to this.
    async fn settled(&self, webhook: &str, number: usize, state: DeliveryState) -> Vec<Delivery> {
        let holds = |all: &[Delivery]| all.iter().filter(|one| one.state == state).count() >= number;
        self.deliveries_when(webhook, holds).await
    }

    /// Waits until the courier has nothing more to do at this moment: what it would do has been done.
    async fn rests(&self) {
        let quiet = timeout(HANG, async {
            // Each edit passes the same lock, so when one that changes nothing has passed, those before it have.
            for _ in 0..20 {
                self.registry.wake().notify_one();
                self.registry.edit(|_| Ok(())).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        quiet.await.expect("it rests");
    }
}

/// What a detector tells of an incident of a service.
fn anomaly(incident: &str, change: &str, severity: &str, service: &str) -> WholeAnomaly {
    let state = logd_archive::Change::from_name(change).unwrap();
    let anomaly = Anomaly {
        id: format!("{incident}-{change}-{severity}"),
        incident_id: incident.to_owned(),
        time: at("2026-11-23T14:00:05Z"),
        since: at("2026-11-23T13:59:00Z"),
        state,
        reason: None,
        key: BTreeMap::from([("service".to_owned(), service.to_owned())]),
        service: service.to_owned(),
        r#type: "high_latency".to_owned(),
        severity: logd_archive::Severity::from_name(severity).unwrap(),
        pipeline: "demo".to_owned(),
        detector: "latency".to_owned(),
        field: Some("latency_mean".to_owned()),
        value: 1180.0,
        expected: Some(295.0),
        score: 23.0,
        threshold: 3.0,
        explanation: "mean 1,180 ms, usually 295 ± 38 ms (z 23, threshold 3)".to_owned(),
    };
    let event =
        json!({ "id": anomaly.id, "incident_id": incident, "state": change, "samples": [{ "message": "slow" }] });
    WholeAnomaly { anomaly, event: Arc::new(event) }
}

fn open(incident: &str) -> WholeAnomaly {
    anomaly(incident, "open", "warning", "payment")
}

fn resolved(incident: &str) -> WholeAnomaly {
    anomaly(incident, "resolved", "warning", "payment")
}

/// The types of calls, in the order in which they were made.
fn types(calls: &[Made]) -> Vec<&str> {
    calls.iter().map(|call| call.body["type"].as_str().unwrap()).collect()
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
