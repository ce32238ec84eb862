//! Two components of one's own, a transform and a sink, as they would stand in a family's crate; and a batch that goes
//! through both. `docs/architecture.md` explains them.

#![allow(clippy::print_stdout, reason = "an example shows its result")]

use anyhow::Context as _;
use bytes::Bytes;
use logd_sdk::component::{Makes, SinkSettings, TransformSettings};
#[cfg(test)]
use logd_sdk::contract::Bench;
use logd_sdk::contract::{self, NoConditions};
use logd_sdk::event::write_json;
use logd_sdk::outputs::Discard;
use logd_sdk::report::Report;
use logd_sdk::settings::Address;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, Block, Check, Component, Context, Outputs, Partition, Plan, Port, Row, Settings, Time};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::net::UdpSocket;
use toml::de::DeTable;

/// The family's list: one line makes a component known to loader, schema, `logd list` and `logd validate`.
static COMPONENTS: &[Component] = &[Component::transform::<SampleSettings>(), Component::sink::<UdpSettings>()];

/// Keeps one event in `n`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SampleSettings {
    /// One event in so many is kept, on average; 1 or more.
    n: u32,
}

impl Settings for SampleSettings {
    const NAME: &'static str = "sample";
    const SUMMARY: &'static str = "Keeps one event in n";
    const EXAMPLE: &'static str = "n = 10";

    fn check(&self, check: &mut Check<'_>) {
        if self.n == 0 {
            check.report.error("n", "`n` must be 1 or more").help("write n = 10");
        }
    }

    fn makes(&self, _: &str) -> Makes {
        Makes::Same
    }
}

impl TransformSettings for SampleSettings {
    type Transform = Sample;

    fn build(&self, _: &Context) -> anyhow::Result<Sample> {
        Ok(Sample { n: u128::from(self.n) })
    }
}

/// A running `sample`.
struct Sample {
    n: u128,
}

impl Transform for Sample {
    fn apply(&self, mut batch: Batch, out: &mut Outputs) {
        // The event's id decides, not a counter: a transform has no state, and a replay must keep the same events.
        let keep: Vec<bool> = (0..batch.len()).map(|row| batch.id(row).0.is_multiple_of(self.n)).collect();
        let received = batch.len();
        batch.retain(|row| keep[row]);
        out.discard(Discard::Intended, "sampled", (received - batch.len()) as u64);
        out.send(Port::MAIN, batch);
    }
}

/// Sends each event as a UDP datagram of JSON.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UdpSettings {
    /// Where to.
    address: Address,
}

impl Settings for UdpSettings {
    const NAME: &'static str = "udp";
    const SUMMARY: &'static str = "Sends each event as a UDP datagram";
    const EXAMPLE: &'static str = r#"address = "127.0.0.1:5140""#;
}

impl SinkSettings for UdpSettings {
    type Sink = Udp;

    async fn build(&self, _: &Context) -> anyhow::Result<Udp> {
        let address = self.address.socket();
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await.with_context(|| format!("{address} can't be reached"))?;
        Ok(Udp { socket })
    }
}

/// A running `udp`.
struct Udp {
    socket: UdpSocket,
}

/// What fits into one datagram over IPv4 (RFC 791, RFC 768).
const LARGEST: usize = 65_507;

impl Sink for Udp {
    /// One attempt. To try again, to back off, and to count is the driver's business.
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let mut attempt = Attempt::delivered();
        let mut datagram = Vec::new();
        for (row, number) in (0..batch.len()).zip(0_u32..) {
            datagram.clear();
            write_json(batch, row, &mut datagram);
            if datagram.len() > LARGEST {
                attempt.reject.push((number, format!("{} bytes are too long for a datagram", datagram.len())));
            } else if let Err(error) = self.socket.send(&datagram).await {
                attempt.retry.push(number);
                attempt.error = Some(error.to_string());
            }
        }
        attempt
    }
}

/// What the daemon does with a component: parse, check, build; then batches.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let receiver = UdpSocket::bind("127.0.0.1:0").await?;
    let batch = lines(1000);

    let (Plan::Transform(sample), context) = plan("sample", "n = 10")? else { anyhow::bail!("no transform") };
    let mut outputs = Outputs::default();
    sample.build(&context)?.apply(batch, &mut outputs);
    let (_, kept) = outputs.sent.pop().context("the transform sends what it keeps")?;
    let dropped: u64 = outputs.discarded.iter().map(|(_, _, events)| events).sum();
    println!("sample: {} events kept, {dropped} discarded", kept.len());

    let settings = format!("address = \"{}\"", receiver.local_addr()?);
    let (Plan::Sink(udp), context) = plan("udp", &settings)? else { anyhow::bail!("no sink") };
    let attempt = udp.build(&context).await?.deliver(&kept).await;
    println!("udp: {} to retry, {} rejected", attempt.retry.len(), attempt.reject.len());

    let mut datagram = vec![0; LARGEST];
    let length = receiver.recv(&mut datagram).await?;
    println!("received first: {}", String::from_utf8_lossy(&datagram[..length]));
    Ok(())
}

/// Parses and checks settings, as the loader does (it also knows file, line and column of each mistake), and makes what
/// the component is built with. Neither of the two asks for a condition; the daemon hands out those of the `parse` family.
fn plan(name: &str, settings: &str) -> anyhow::Result<(Plan, Context)> {
    let component = COMPONENTS.iter().find(|component| component.name == name).context("no such component")?;
    let plan = (component.parse)(DeTable::parse(settings)?)?;
    let mut report = Report::default();
    plan.describe().check(&mut Check { report: &mut report, conditions: &NoConditions });
    if let Some(problem) = report.problems().first() {
        anyhow::bail!("{}: {}", problem.key, problem.message);
    }
    let context = Context {
        data_dir: "data".into(),
        once: true,
        ..contract::context("example", name, component.kind.name(), component.name)
    };
    Ok((plan, context))
}

/// A batch as a source makes it: one block of bytes, and rows that point into it.
fn lines(count: u32) -> Batch {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for number in 0..count {
        let start = text.len();
        text += &format!("line {number}");
        let range = (u32::try_from(start).unwrap_or(0), u32::try_from(text.len()).unwrap_or(0));
        rows.push(Row::line(range.0, range.1, u64::from(number), Time::EPOCH));
    }
    let mut batch = Batch::new(Block::new(Bytes::from(text), Partition::new("example/lines", "")), rows);
    batch.note_times();
    batch
}

/// `cargo test` runs the example too, so that what the documentation shows never rots.
#[test]
fn runs() {
    main().expect("the example runs");
}

/// What every component must do, these do.
#[test]
fn keep_the_contract() {
    for component in COMPONENTS {
        let folder = tempfile::tempdir().expect("a folder");
        let metrics = std::collections::BTreeSet::new();
        let bench = Bench { conditions: std::sync::Arc::new(NoConditions), folder: folder.path(), metrics: &metrics };
        assert_eq!(contract::check(component, &bench), Vec::<String>::new(), "{}", component.name);
    }
}
