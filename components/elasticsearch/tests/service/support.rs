//! A service that is started and stopped, a sink as the daemon would build it, and events to deliver.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::transport::Transport;
use logd_elasticsearch::COMPONENTS;
use logd_sdk::condition::Reads;
use logd_sdk::contract::{self, NoConditions};
use logd_sdk::erased::AnySink;
use logd_sdk::report::Report;
use logd_sdk::{Batch, Block, Body, Check, Clock, Columns, Context, Partition, Plan, Row, Time};
use serde_json::Value;
use tempfile::TempDir;

/// The recipe that brings services up.
const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/services/services.sh");
/// The clock of all tests: 2026-11-23T14:03:10Z.
pub(crate) const NOW: Time = Time::from_micros(1_795_442_590_000_000);
/// How large a request the service takes: little, so that it is easy to try what happens then.
pub(crate) const LARGEST_REQUEST: usize = 1 << 20;

/// A running Elasticsearch, which ends with this.
pub(crate) struct Service {
    major: u32,
    ports: [u16; 2],
    folder: TempDir,
    client: Transport,
}

impl Service {
    /// Starts one of this version on ports of its own.
    pub(crate) fn start(major: u32) -> Self {
        let listeners = [0, 0].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port());
        let client = Transport::single_node(&format!("http://127.0.0.1:{}", ports[0])).unwrap();
        let service = Self { major, ports, folder: tempfile::tempdir().unwrap(), client };
        assert!(service.recipe("start"), "Elasticsearch {major} can't be started");
        service
    }

    /// Kills it, as by `kill -9`.
    pub(crate) fn kill(&self) {
        assert!(self.recipe("kill"));
    }

    /// Starts it again after a kill, with the data that it has on disk.
    pub(crate) fn restart(&self) {
        assert!(self.recipe("start"));
    }

    fn recipe(&self, command: &str) -> bool {
        let status = Command::new("bash")
            .args([RECIPE, command, "elasticsearch"])
            .env("ES_MAJOR", self.major.to_string())
            .env("ES_PORT", self.ports[0].to_string())
            .env("ES_TRANSPORT_PORT", self.ports[1].to_string())
            .env("ES_EXTRA_CONFIG", format!("http.max_content_length: {LARGEST_REQUEST}b"))
            .env("SERVICES_RUN", self.folder.path())
            .status();
        status.is_ok_and(|status| status.success())
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// A sink for it, with these settings beside its endpoint.
    pub(crate) async fn sink(&self, more: &str) -> Store {
        let text = format!("endpoints = ['{}']\n{more}", self.endpoint());
        Store::build(&text).await
    }

    /// What it answers to a request.
    pub(crate) async fn ask(&self, method: Method, path: &str) -> Value {
        self.ask_about(method, path, None::<&str>).await
    }

    /// What it answers to a request with this body.
    pub(crate) async fn ask_with(&self, method: Method, path: &str, body: &str) -> Value {
        self.ask_about(method, path, Some(body)).await
    }

    async fn ask_about(&self, method: Method, path: &str, body: Option<&str>) -> Value {
        let answer = self.client.send(method, path, HeaderMap::new(), None::<&()>, body, None).await.unwrap();
        answer.json().await.unwrap()
    }

    /// What it answers to a `GET`.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask(Method::Get, path).await
    }

    /// How many documents an index or data stream has.
    pub(crate) async fn count(&self, index: &str) -> u64 {
        self.ask(Method::Post, &format!("{index}/_refresh")).await;
        let answer = self.get(&format!("{index}/_count")).await;
        answer["count"].as_u64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// The names of the indices that match a pattern, in order.
    pub(crate) async fn indices(&self, pattern: &str) -> Vec<String> {
        let answer = self.get(&format!("_resolve/index/{pattern}?filter_path=indices.name")).await;
        let names = answer["indices"].as_array().cloned().unwrap_or_default();
        names.iter().map(|index| index["name"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.recipe("wipe");
    }
}

/// A sink, and what it reads.
#[derive(Clone)]
pub(crate) struct Store {
    sink: Arc<dyn AnySink>,
    reads: Arc<Columns>,
}

impl Store {
    async fn build(text: &str) -> Self {
        let plan = (COMPONENTS[0].parse)(toml::de::DeTable::parse(text).unwrap()).unwrap();
        let mut report = Report::default();
        plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
        assert_eq!(report.problems(), []);
        let Reads::Fields(reads) = plan.describe().reads(&NoConditions) else { panic!("a sink that reads all") };
        let context =
            Context { clock: Clock::fixed(NOW), ..contract::context("test", "store", "sink", "elasticsearch") };
        let Plan::Sink(plan) = plan else { panic!("no sink") };
        Self { sink: plan.build(&context).await.unwrap(), reads: Columns::new(reads) }
    }

    /// Delivers as the daemon does: what is to be tried again is, after a pause. Returns what was rejected, and how many
    /// attempts it took.
    pub(crate) async fn deliver(&self, batch: &Batch) -> (Vec<(u32, String)>, u32) {
        let (mut batch, mut rejected) = (batch.clone(), Vec::new());
        batch.require(&self.reads);
        for attempts in 1..1000 {
            let attempt = tokio::time::timeout(Duration::from_secs(60), self.sink.deliver(&batch)).await;
            let Ok(attempt) = attempt else { continue };
            rejected.extend(attempt.reject);
            if attempt.retry.is_empty() {
                return (rejected, attempts);
            }
            batch = batch.select(&attempt.retry);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not delivered");
    }

    /// Whether the service answers.
    pub(crate) async fn probe(&self) -> bool {
        self.sink.probe().await.is_ok()
    }

    /// An epoch ends.
    pub(crate) async fn sync(&self) {
        assert_eq!(self.sink.sync().await.unwrap(), None);
    }
}

/// Events of a partition of this name, which happened at `time`.
pub(crate) fn events(partition: &str, time: Time, events: impl IntoIterator<Item = String>) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for event in events {
        let start = text.len() as u32;
        text += &event;
        rows.push(Row { body: Body::Json, ..Row::line(start, text.len() as u32, start.into(), time) });
    }
    Batch::new(Block::new(Bytes::from(text), Partition::new(partition, "")), rows)
}

/// A log with the classic fields.
pub(crate) fn log(number: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-11-23T14:03:10.{:03}Z","service":"auth-service","level":"INFO","message":"request {number} served","user_id":"user_{}","request_id":"req-{number}","endpoint":"/api/v1/login","ip_address":"10.0.0.{}","response_time_ms":{},"is_anomaly":false}}"#,
        number % 1000,
        number % 50,
        number % 256,
        number % 700
    )
}
