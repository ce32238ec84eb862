//! Pipelines: what runs, how it is, and following edits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use logd_sdk::control::{self, ComponentState, LastReload, Overview};
use logd_sdk::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::server::{Admin, Outcome, Peer, Problem, Viewer};
use crate::state::Api;

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pipelines {
    /// The number of the version of the pipeline files that is in use.
    generation: u64,
    /// The last reload.
    #[schema(required = true)]
    last_reload: Option<Reload>,
    /// The pipelines, by name.
    pipelines: Vec<Pipeline>,
}

/// A reload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reload {
    /// When it was over.
    #[schema(format = "date-time")]
    at: String,
    /// Whether all that the files say runs since.
    ok: bool,
    /// What came of it.
    said: String,
}

/// A pipeline: a file.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Pipeline {
    /// The file's name without `.toml`.
    id: String,
    /// `ok`; `broken` if the file has mistakes, and its last good version runs if there was one; `failed` if it can't run.
    state: &'static str,
    /// Since when it is broken.
    #[schema(format = "date-time", required = true)]
    since: Option<String>,
    /// What is wrong, with file and line.
    mistakes: Vec<String>,
    /// Its components.
    components: Vec<Component>,
    /// Who reads from whom. Names of other pipelines' components have the pipeline before them: `demo/parsed`.
    edges: Vec<Edge>,
}

/// A component.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Component {
    /// Its name in the pipeline.
    name: String,
    /// `source`, `transform` or `sink`.
    kind: String,
    /// Its type, such as `window`.
    r#type: String,
    /// Events that it received, or as a source made.
    received: u64,
    /// Events that left it.
    sent: u64,
    /// Events that it received in a second.
    received_rate: f64,
    /// Events that left it in a second.
    sent_rate: f64,
    /// Events that it could not handle.
    dead: u64,
    /// Events that came too late.
    late: u64,
    /// Events that ended in it.
    discarded: u64,
    /// Events that it is busy with.
    in_flight: i64,
    /// How far event time is behind the clock, in seconds.
    #[schema(required = true)]
    lag: Option<f64>,
    /// Why it can't do its work.
    #[schema(required = true)]
    trouble: Option<String>,
}

/// One component reads from another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Edge {
    /// Who makes the events.
    from: String,
    /// By which of its outputs, if not by the main one.
    #[schema(required = true)]
    port: Option<String>,
    /// Who reads them.
    to: String,
    /// Events that go by it in a second.
    rate: f64,
}

/// What came of a reload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdict {
    /// Whether all that the files say runs now.
    ok: bool,
    /// What came of it, for people.
    said: String,
}

/// The pipelines, their components and their rates.
#[utoipa::path(get, path = "/pipelines", tag = "pipelines", responses((status = 200, body = Pipelines)))]
pub(crate) async fn pipelines(State(api): State<Arc<Api>>, Viewer(viewer): Viewer) -> Outcome<Json<Pipelines>> {
    let overview = api.control.overview().await?;
    let allowed = |id: &str| viewer.pipelines.as_ref().is_none_or(|pipelines| pipelines.contains(id));
    let mut pipelines: BTreeMap<String, Pipeline> = BTreeMap::new();
    let mut of = |id: &str, change: &mut dyn FnMut(&mut Pipeline)| {
        if allowed(id) {
            let new = || Pipeline { id: id.to_owned(), state: "ok", ..Pipeline::default() };
            change(pipelines.entry(id.to_owned()).or_insert_with(new));
        }
    };
    for component in &overview.components {
        let (pipeline, name) = parts(&component.name);
        let (received_rate, sent_rate) = api.rates.of(&component.name);
        of(pipeline, &mut |pipeline| pipeline.components.push(shown(name, component, received_rate, sent_rate)));
    }
    for edge in &overview.edges {
        let pipeline = parts(&edge.to).0;
        let short = |name: &str| match parts(name) {
            (other, name) if other == pipeline => name.to_owned(),
            _ => name.to_owned(),
        };
        let rate = api.rates.of_edge(edge);
        let shown = || Edge { from: short(&edge.from), port: edge.port.clone(), to: short(&edge.to), rate };
        of(pipeline, &mut |pipeline| pipeline.edges.push(shown()));
    }
    for (names, why) in &overview.failures {
        for name in names.split(", ") {
            of(name, &mut |pipeline| {
                pipeline.state = "failed";
                pipeline.mistakes.push(why.clone());
            });
        }
    }
    for broken in &overview.broken {
        of(&broken.pipeline, &mut |pipeline| {
            pipeline.state = "broken";
            pipeline.since = Some(broken.since.clone());
            pipeline.mistakes.extend(broken.mistakes.iter().cloned());
        });
    }
    // Its line names files and components of all pipelines.
    let last_reload = overview.last_reload.filter(|_| viewer.pipelines.is_none());
    let last_reload = last_reload.map(|LastReload { at, ok, said }| Reload { at, ok, said });
    Ok(Json(Pipelines { generation: overview.generation, last_reload, pipelines: pipelines.into_values().collect() }))
}

/// Says what a reload would change.
#[utoipa::path(post, path = "/plan", tag = "pipelines", responses((status = 200, body = Object)))]
pub(crate) async fn plan(State(api): State<Arc<Api>>, Admin(_admin): Admin) -> Outcome<Json<Value>> {
    Ok(Json(api.control.plan().await?))
}

/// Brings what runs in line with the files.
#[utoipa::path(post, path = "/reload", tag = "pipelines", responses((status = 200, body = Verdict),
    (status = 409, description = "Something could not be brought in line.", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn reload(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Peer(peer): Peer,
) -> Outcome<Json<Verdict>> {
    let reloaded = api.control.reload().await?;
    let outcome = if reloaded.ok { "done" } else { "not done" };
    api.audit.add(&admin.username, "reload", "", outcome, peer.ip());
    if !reloaded.ok {
        return Err(Problem::new(StatusCode::CONFLICT, reloaded.said));
    }
    Ok(Json(Verdict { ok: reloaded.ok, said: reloaded.said }))
}

/// Pipeline and name.
fn parts(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

fn shown(name: &str, component: &ComponentState, received_rate: f64, sent_rate: f64) -> Component {
    let component = component.clone();
    Component {
        name: name.to_owned(),
        kind: component.kind,
        r#type: component.r#type,
        received: component.received,
        sent: component.sent,
        received_rate,
        sent_rate,
        dead: component.dead,
        late: component.late,
        discarded: component.discarded,
        in_flight: component.in_flight,
        lag: component.lag,
        trouble: component.trouble,
    }
}

/// How many events components receive and send in a second.
#[derive(Default)]
pub(crate) struct Rates(Mutex<Measured>);

#[derive(Default)]
struct Measured {
    last: Option<(Instant, Counts)>,
    rates: BTreeMap<String, (f64, f64)>,
}

/// Events received and sent, by component; of an output, sent and sent.
type Counts = BTreeMap<String, (u64, u64)>;

/// An output, as no component is named.
fn output(edge: &control::Edge) -> String {
    format!("{}.{}", edge.from, edge.port.as_deref().unwrap_or_default())
}

impl Rates {
    /// Takes what was counted by now.
    pub(crate) fn take(&self, overview: &Overview) {
        let now = Instant::now();
        let counts = overview.components.iter().map(|one| (one.name.clone(), (one.received, one.sent)));
        let outputs = overview.edges.iter().map(|edge| (output(edge), (edge.sent, edge.sent)));
        let counts: Counts = counts.chain(outputs).collect();
        let mut measured = self.measured();
        if let Some((since, before)) = &measured.last {
            let span = now.duration_since(*since).as_secs_f64().max(1e-3);
            // Counts begin anew with a component; what has come since is its count.
            let rate = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now) as f64 / span;
            let rates = counts.iter().map(|(name, &(received, sent))| {
                let &(received_before, sent_before) = before.get(name).unwrap_or(&(received, sent));
                (name.clone(), (rate(received, received_before), rate(sent, sent_before)))
            });
            measured.rates = rates.collect();
        }
        measured.last = Some((now, counts));
    }

    fn of(&self, component: &str) -> (f64, f64) {
        self.measured().rates.get(component).copied().unwrap_or_default()
    }

    fn of_edge(&self, edge: &control::Edge) -> f64 {
        self.of(&output(edge)).1
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
