//! How fast the sink is, as a share of a bare loop of bulk requests with the same documents to the same service:
//!
//! ```text
//! ES_JVM_ARGS=-XX:TieredStopAtLevel=4 tests/services/services.sh start elasticsearch
//! cargo run --release -p logd-elasticsearch --example bulk -- http://127.0.0.1:19200
//! ```
//!
//! Both send requests of 5000 classic logs, four at once, to an index that was just made by the same template. The bare
//! loop does what can't be left out: it puts a line with an id before each document, sends, and looks whether the answer
//! speaks of errors. Rounds alternate, and the median of their ratios counts.

// A benchmark prints its table.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::transport::Transport;
use logd_elasticsearch::COMPONENTS;
use logd_sdk::condition::{Condition, Conditions};
use logd_sdk::erased::AnySink;
use logd_sdk::meters::Meters;
use logd_sdk::settings::Fault;
use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, Block, Body, Clock, ComponentId, Context, Epochs, Health, Partition, Plan, Row, Time};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Documents in a request.
const DOCUMENTS: usize = 5000;
/// Requests in a round.
const REQUESTS: usize = 20;
/// Requests at once.
const LANES: usize = 4;
/// Rounds of each.
const ROUNDS: usize = 5;

struct NoConditions;

impl Conditions for NoConditions {
    fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        Err(Vec::new())
    }
}

/// The sink, as the daemon would build it.
async fn sink(endpoint: &str) -> anyhow::Result<Arc<dyn AnySink>> {
    let text = format!("endpoints = ['{endpoint}']\nbulk.index = 'bench-%Y.%m.%d'\ntemplate.name = 'bench'");
    let Plan::Sink(plan) = (COMPONENTS[0].parse)(toml::de::DeTable::parse(&text)?)? else {
        anyhow::bail!("the sink is none");
    };
    let id = ComponentId::new("bench", "store");
    let context = Context {
        meters: Meters::new(&id, "sink", "elasticsearch"),
        id,
        clock: Clock::system(),
        columns: Arc::default(),
        conditions: Arc::new(NoConditions),
        data_dir: Path::new("unused").to_owned(),
        once: false,
        dry_run: false,
        lineage: "bench".into(),
        health: Health::default(),
        epochs: Epochs::default(),
    };
    plan.build(&context).await
}

/// A classic log.
fn log(number: usize) -> String {
    let (millis, user, request) = (number % 1000, number % 500, number.wrapping_mul(2_654_435_761) % 0xffff_ffff);
    let (address, took) = (number % 256, number % 700);
    format!(
        r#"{{"timestamp":"2026-11-23T14:03:10.{millis:03}Z","service":"auth-service","level":"INFO","message":"request {request:x} was served in {took} ms","user_id":"user_{user}","request_id":"req-{request:x}","endpoint":"/api/v1/login","ip_address":"10.0.0.{address}","response_time_ms":{took},"is_anomaly":false}}"#
    )
}

/// The documents of a request.
fn batch(request: usize) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for number in request * DOCUMENTS..(request + 1) * DOCUMENTS {
        let start = text.len() as u32;
        text += &log(number);
        rows.push(Row { body: Body::Json, ..Row::line(start, text.len() as u32, number as u64, Time::EPOCH) });
    }
    Batch::new(Block::new(Bytes::from(text), Partition::new("bench/in", "")), rows)
}

/// Sends a batch as simply as it can be.
async fn send(client: &Transport, request: usize, batch: &Batch) -> anyhow::Result<()> {
    let mut body = Vec::with_capacity(batch.event_bytes() + batch.len() * 64);
    for row in 0..batch.len() {
        let id = format!("{{\"index\":{{\"_id\":\"{:032x}\"}}}}\n", request * DOCUMENTS + row);
        body.extend_from_slice(id.as_bytes());
        body.extend_from_slice(batch.raw(row));
        body.push(b'\n');
    }
    let (path, body) = ("bench-bare/_bulk?filter_path=errors", Some(Bytes::from(body)));
    let answer = client.send(Method::Post, path, HeaderMap::new(), None::<&()>, body, None).await?.text().await?;
    ensure!(answer == r#"{"errors":false}"#, "{answer}");
    Ok(())
}

/// Sends all batches by `send`, several at once. Returns documents a second.
async fn round<F>(batches: &[Batch], send: impl Fn(usize, Batch) -> F) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let start = Instant::now();
    let mut lanes = JoinSet::new();
    for (number, batch) in batches.iter().enumerate() {
        if lanes.len() == LANES {
            lanes.join_next().await.context("no lane")???;
        }
        lanes.spawn(send(number, batch.clone()));
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    Ok((REQUESTS * DOCUMENTS) as f64 / start.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let endpoint = std::env::args().nth(1).context("the service's URL is missing")?;
    let client = Transport::single_node(&endpoint)?;
    let batches: Vec<Batch> = (0..REQUESTS).map(batch).collect();
    let ask = async |method, path| client.send(method, path, HeaderMap::new(), None::<&()>, None::<()>, None).await;
    let mut ratios = Vec::new();
    println!("bare documents/s   sink documents/s   ratio");
    for number in 0..ROUNDS {
        let sink = sink(&endpoint).await?;
        // The template is put by an attempt without events, before the clock runs.
        sink.deliver(&Batch::default()).await;
        for index in ["bench-bare", "bench-1970.01.01"] {
            ask(Method::Delete, index).await?;
            ask(Method::Put, index).await?;
        }
        let bare = async || {
            round(&batches, |number, batch| {
                let client = client.clone();
                async move { send(&client, number, &batch).await }
            })
            .await
        };
        let own = async || {
            round(&batches, |_, batch| {
                let sink = Arc::clone(&sink);
                async move {
                    let attempt = sink.deliver(&batch).await;
                    ensure!(attempt == Attempt::delivered(), "{attempt:?}");
                    Ok(())
                }
            })
            .await
        };
        // Who is first changes: the second finds a service with more to do.
        let (bare, own) = match number % 2 {
            0 => (bare().await?, own().await?),
            _ => {
                let own = own().await?;
                (bare().await?, own)
            }
        };
        ratios.push(own / bare);
        println!("{bare:>16.0}   {own:>16.0}   {:>5.2}", own / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[ROUNDS / 2]);
    for index in ["bench-bare", "bench-1970.01.01", "_index_template/bench"] {
        ask(Method::Delete, index).await?;
    }
    Ok(())
}
