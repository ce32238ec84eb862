//! From Kafka to Redis with the keys of `examples/classic`, and how long others wait for what they read meanwhile.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use redis::{Client, Cmd, Value, cmd};

use crate::bench::Bench;
use crate::kafka;
use crate::rounds::{compare, of_speed};
use crate::services::{RUNS, Service};
use crate::support::measure::{measure, now};
use crate::table::Row;

/// What the classic system claims, in logs a second.
const CLASSIC_RATE: u64 = 150_000;
/// A client reads this often.
const PACE: Duration = Duration::from_millis(1);
/// How long it reads while nobody writes.
const IDLE: Duration = Duration::from_secs(3);
/// How long 99 of its reads in a hundred may take.
const READ: Duration = Duration::from_millis(1);

/// Prints the rows.
pub(crate) fn run(bench: &Bench) {
    let [service, other] = RUNS.map(|run| Service::start("redis", bench.folder().join(run)));
    let example = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/classic/pipeline.toml"));
    let example = fs::read_to_string(example).expect("the example");
    let (_, pipeline) = example.split_once("[transforms.parsed]").expect("what the example does with its logs");
    let pipeline = format!("[transforms.parsed]{pipeline}").replace("\"services\"", "\"logs\"");
    let once = |source: &str, service: &Service| {
        let mut command = bench.once(&[source, &*pipeline].concat());
        let (host, port) = service.address.split_once(':').expect("host and port");
        command.env("REDIS_HOST", host).env("REDIS_PORT", port);
        command
    };
    // Both have the same keys; from now on logd writes to one of them only.
    // Each time as another group, which begins anew.
    let topic = || bench.source(bench.topic());
    measure(&mut once(&topic(), &other));
    let own = || while_reading([&service, &other], || measure(&mut once(&topic(), &service)));
    let round = compare(|| kafka::bare(bench), own, |bare, (own, _)| of_speed(bare, own));
    let (own, [waits, meanwhile]) = round.own;
    Row::new("bare Kafka consumer").events(bench.logs, round.bare).print();
    Row::new("Kafka → parse → Redis, the classic keys").events(bench.logs, own).share(round.share).print();
    let ((), [idle, _]) = while_reading([&service, &other], || thread::sleep(IDLE));
    Row::new("reads of the classic keys, on an idle machine").waits(&idle).print();
    // Who reads waits for a core as well: on two, logd leaves one to them and to Redis.
    let paced = |threads: &str| {
        let mut paced = once(&generator(), &service);
        paced.args(["--threads", threads]);
        while_reading([&service, &other], || measure(&mut paced)).1
    };
    let [one, beside_one] = paced("1");
    let [two, beside_two] = paced("2");
    Row::new("the same while logd writes 150,000 logs/s there, on one core").within(&one, READ).print();
    Row::new("the same to another Redis").waits(&beside_one).print();
    Row::new("the same while logd writes 150,000 logs/s there, on two cores").waits(&two).print();
    Row::new("the same to another Redis").waits(&beside_two).print();
    Row::new("the same at full speed, there, on two cores").waits(&waits).print();
    Row::new("the same to another Redis").waits(&meanwhile).print();
}

/// As many logs a second as the classic system claims, for ten seconds.
fn generator() -> String {
    let count = CLASSIC_RATE * 10;
    format!("[sources.logs]\ntype = \"generator\"\nrate = {CLASSIC_RATE}\ncount = {count}\n")
}

/// Reads the classic keys of both again and again while something is done. Returns how long each read has taken.
fn while_reading<D>(services: [&Service; 2], something: impl FnOnce() -> D) -> (D, [Vec<Duration>; 2]) {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = services.map(|service| scope.spawn(|| reads(service, &is_done)));
        let done = something();
        is_done.store(true, Ordering::Release);
        (done, readers.map(|reader| reader.join().expect("read")))
    })
}

/// How long each read takes, until it is done.
fn reads(service: &Service, is_done: &AtomicBool) -> Vec<Duration> {
    let client = Client::open(format!("redis://{}", service.address)).expect("an address");
    let mut connection = client.get_connection().expect("connected");
    let commands = commands();
    let mut waits = Vec::new();
    for command in commands.iter().cycle().take_while(|_| !is_done.load(Ordering::Acquire)) {
        let start = now();
        command.query::<Value>(&mut connection).expect("read");
        waits.push(start.elapsed());
        thread::sleep(PACE);
    }
    waits
}

/// What a dashboard reads.
fn commands() -> [Cmd; 5] {
    [
        cmd("HGET").arg("metrics").arg("total_logs").take(),
        cmd("HGETALL").arg("metrics").take(),
        cmd("HGETALL").arg("service:payment-service").take(),
        cmd("LRANGE").arg("anomalies").arg(0).arg(9).take(),
        cmd("LRANGE").arg("recent_logs").arg(0).arg(9).take(),
    ]
}
