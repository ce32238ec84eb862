//! Edits of a pipeline, over and over and at random, while clients send all the time.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::daemon::Daemon;
use super::receiver::Receiver;
use super::{alone, soak};
use crate::support::free_address;
use crate::support::moments::Moments;
use crate::support::producers::{Load, Producers};

/// What memory may have grown by, in MiB, from a quarter of the edits to when all is at rest again, and what was let go is
/// given back: the allocator does that after ten seconds.
const GROWTH: f64 = 48.0;

/// What an edit may change.
#[derive(Clone, Debug, Default)]
struct Version {
    /// Of a detector.
    threshold: u32,
    /// Of a filter that lets all pass.
    condition: u32,
    /// The number in the name of the sink whose events are counted.
    name: u32,
    /// Whether the two sources have changed their addresses.
    swapped: bool,
    /// Whether there is a branch with a transform and a sink of its own.
    branch: bool,
    /// Whether there is a sink whose service is not there.
    dead: bool,
    /// Whether the file has a mistake.
    broken: bool,
}

impl Version {
    /// Another one.
    fn edit(&mut self, moments: &mut Moments) {
        self.broken = false;
        match moments.one_of(8) {
            0 => self.threshold += 1,
            1 => self.condition += 1,
            2 => self.name += 1,
            3 => self.swapped ^= true,
            4 => self.branch ^= true,
            5 => self.dead ^= true,
            6 => self.broken = true,
            _ => {
                self.name += 1;
                self.branch ^= true;
                self.threshold += 1;
            }
        }
    }

    fn text(&self, addresses: [&str; 2], receiver: &Receiver, nobody: &str) -> String {
        let Self { threshold, condition, name, swapped, branch, dead, broken } = self;
        let [a, b] = if *swapped { [addresses[1], addresses[0]] } else { addresses };
        let mut text = format!(
            "[sources.a]\ntype = \"http\"\naddress = \"{a}\"\n[sources.b]\ntype = \"http\"\naddress = \"{b}\"\n\
             [transforms.same]\ntype = \"filter\"\ninputs = [\"a\", \"b\"]\ncondition = '{condition} >= 0'\n\
             [transforms.counts]\ntype = \"window\"\ninputs = [\"same\"]\nsize = \"1s\"\n\
             aggregates.n = {{ fn = \"count\" }}\n\
             [transforms.rate]\ntype = \"zscore\"\ninputs = [\"counts\"]\nfield = \"n\"\nthreshold = {}.5\n\
             [sinks.alarms]\ntype = \"blackhole\"\ninputs = [\"rate.anomalies\"]\n\
             [sinks.out_{name}]\ninputs = [\"same\"]\n{}",
            threshold + 3,
            receiver.sink()
        );
        let mut add = |more: &str| text.write_str(more).expect("a string takes everything");
        if *branch {
            add("[transforms.more]\ntype = \"remap\"\ninputs = [\"same\"]\nsource = '.more = 1'\n");
            add("[sinks.branch]\ntype = \"blackhole\"\ninputs = [\"more\"]\n");
        }
        if *dead {
            add(&format!(
                "[sinks.dead]\ntype = \"elasticsearch\"\ninputs = [\"same\"]\nendpoints = [\"http://{nobody}\"]\n\
                 bulk.index = \"x\"\nbuffer = {{ type = \"disk\", max_size = \"64 MiB\", when_full = \"drop_newest\" }}\n"
            ));
        }
        if *broken {
            add("[sinks.bad]\ntype = \"no_such_sink\"\ninputs = [\"same\"]\n");
        }
        text
    }
}

/// The longest time in which nothing arrives, until it is told to stop.
fn gaps(receiver: &Receiver, stop: &AtomicBool) -> Duration {
    let (mut events, mut since, mut longest) = (receiver.events(), Instant::now(), Duration::ZERO);
    while !stop.load(Relaxed) {
        let now = receiver.events();
        if now != events {
            longest = longest.max(since.elapsed());
            (events, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    longest
}

/// The figures of how long reloads took, from what the daemon has said: shortest first.
fn times(said: &str) -> Vec<Duration> {
    let took = said.lines().filter(|line| line.contains("Pipelines reloaded.")).filter_map(|line| {
        let took = line.split("took=").nth(1)?.split_whitespace().next()?;
        let digits = took.trim_end_matches(|c: char| c.is_alphabetic() || c == 'µ');
        let unit = match &took[digits.len()..] {
            "s" => 1.0,
            "ms" => 1e-3,
            _ => 1e-6,
        };
        Some(Duration::from_secs_f64(digits.parse::<f64>().ok()? * unit))
    });
    let mut times: Vec<Duration> = took.collect();
    times.sort();
    times
}

#[test]
fn reloads_under_load_lose_double_and_refuse_nothing() {
    let _alone = alone();
    let reloads = if soak().is_some() { 2000 } else { 200 };
    let (receiver, mut moments, mut version) = (Receiver::start(), Moments::new(), Version::default());
    let (first, second, nobody) = (free_address(), free_address(), free_address());
    let addresses = [first.as_str(), second.as_str()];
    let mut daemon = Daemon::new(&version.text(addresses, &receiver, &nobody));
    daemon.place.write("logd.toml", "limits.reload_timeout = \"2s\"\n");
    daemon.start();
    let load = Load { clients: 2, ..Load::FULL };
    let clients = addresses.map(|address| {
        let first = if address == addresses[0] { 0 } else { 1 << 30 };
        Producers::start(address.parse().expect("an address"), Load { first, ..load })
    });
    daemon.wait_for("the flow", |_| receiver.events() > 1000);

    let stop = Arc::new(AtomicBool::new(false));
    let (mut warm, mut taken) = (None, 0);
    let longest = std::thread::scope(|scope| {
        let (receiver, stopped) = (&receiver, Arc::clone(&stop));
        let watch = scope.spawn(move || gaps(receiver, &stopped));
        for turn in 0..reloads {
            version.edit(&mut moments);
            daemon.place.write("pipelines/pipeline.toml", version.text(addresses, receiver, &nobody));
            let took = daemon.reload();
            assert_eq!(took, !version.broken, "{version:?}\n{}", daemon.said());
            taken += u32::from(took);
            let events = receiver.events();
            daemon.wait_for("the flow", |_| receiver.events() > events);
            if turn == reloads / 4 {
                warm = Some((daemon.memory(), daemon.open_files(), daemon.sum("logd_tasks", &[])));
            }
        }
        stop.store(true, Relaxed);
        watch.join().expect("nothing panics")
    });
    version = Version { dead: false, broken: false, ..version };
    daemon.place.write("pipelines/pipeline.toml", version.text(addresses, &receiver, &nobody));
    assert!(daemon.reload());
    let (files, tasks) = (daemon.open_files(), daemon.sum("logd_tasks", &[]));
    let refused: usize = clients.iter().map(Producers::refused).sum();
    let unavailable: usize = clients.iter().map(Producers::unavailable).sum();
    let acknowledged = clients.into_iter().flat_map(Producers::stop).collect();
    daemon.wait_for("all events", |_| receiver.has_all(&acknowledged));
    daemon.settles();
    let (memory_before, files_before, tasks_before) = warm.expect("enough turns");
    let mut memory = 0.0;
    daemon.wait_for("memory that is given back", |daemon| {
        memory = daemon.memory();
        memory < memory_before + GROWTH
    });
    let times = times(&daemon.said());
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let verdict = receiver.compare(&acknowledged);
    println!(
        "{taken} of {reloads} reloads taken, p50 {:?}, p99 {:?}; longest gap {longest:?}; {verdict:?}, {refused} refused, \
         {unavailable} answered 503; \
         memory {memory_before:.1} to {memory:.1} MiB, {files_before} to {files} files, {tasks_before} to {tasks} tasks",
        at(50),
        at(99)
    );
    daemon.end("TERM");
    assert_eq!((verdict.lost, verdict.doubled, refused, unavailable), (0, 0, 0, 0), "{verdict:?}");
    assert!(files <= files_before + 16, "{files_before} to {files} files are open");
    assert!(tasks <= tasks_before + 32.0, "{tasks_before} to {tasks} tasks are alive");
}

#[test]
fn what_waits_for_a_sink_that_comes_and_goes_arrives_once() {
    let _alone = alone();
    let mut receiver = Receiver::start();
    receiver.leave();
    let address = free_address();
    let text = |turn: u32, receiver: &Receiver| {
        let sink = format!(
            "[sinks.out]\ninputs = [\"same\"]\n{}buffer = {{ type = \"disk\", max_size = \"256 MiB\" }}\n",
            receiver.sink()
        );
        format!(
            "[sources.in]\ntype = \"http\"\naddress = \"{address}\"\n\
             [transforms.same]\ntype = \"filter\"\ninputs = [\"in\"]\ncondition = '{turn} >= 0'\n\
             [sinks.all]\ntype = \"blackhole\"\ninputs = [\"same\"]\n{}",
            if turn.is_multiple_of(4) { &*sink } else { "" }
        )
    };
    let mut daemon = Daemon::new(&text(0, &receiver));
    daemon.start();
    let clients = Producers::start(address.parse().expect("an address"), Load::FULL);
    // More than the sink and the edge before it hold: the rest stays in the buffer.
    daemon.wait_for("what waits", |_| clients.events() > 200_000);
    let acknowledged = clients.stop();
    // Each time it is away for two versions: with the second, nobody is left who has read from its buffer.
    for turn in 1..=12 {
        daemon.place.write("pipelines/pipeline.toml", text(turn, &receiver));
        assert!(daemon.reload());
    }
    receiver.come_back();
    daemon.wait_for("all events", |_| receiver.has_all(&acknowledged));
    daemon.settles();
    let verdict = receiver.compare(&acknowledged);
    let dead = daemon.sum("logd_component_dead_events_total{", &[]);
    let read = daemon.sum("logd_component_received_events_total{", &["component_id=\"out.buffered\""]);
    daemon.end("TERM");
    println!("{verdict:?}, {dead} dead, {read} read from the buffer");
    assert_eq!((verdict.lost, verdict.doubled), (0, 0), "{verdict:?}");
    assert!(dead == 0.0, "{dead} events were given up");
    assert!(read as usize == acknowledged.len(), "{read} events were read, some of them again");
}
