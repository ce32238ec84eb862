//! Too few file descriptors, too little memory, too little of the processor: logd goes on as far as it can, does not
//! spin, does not exit, and loses nothing.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::time::Duration;

use tokio::time::Instant;

use super::alone;
use super::daemon::Daemon;
use super::receiver::{Mood, Receiver};
use crate::support::free_address;
use crate::support::producers::{Client, Load, Producers};

const LOAD: Load = Load { clients: 2, rate: Some(25), ..Load::FULL };

/// What all tests here have.
struct Scene {
    daemon: Daemon,
    address: SocketAddr,
    receiver: Receiver,
}

impl Scene {
    fn new(limits: &'static str) -> Self {
        let receiver = Receiver::start();
        let address = free_address().parse().expect("an address");
        let daemon = Daemon::within(
            limits,
            &format!(
                "[sources.web]\ntype = \"http\"\naddress = \"{address}\"\n\
                 [sinks.out]\ninputs = [\"web\"]\nbuffer.type = \"disk\"\n{}",
                receiver.sink()
            ),
        );
        Self { daemon, address, receiver }
    }

    /// Waits for events that were not there when this was called.
    fn flows(&mut self) {
        let before = self.receiver.events();
        self.daemon.wait_for("the flow", |_| self.receiver.events() > before);
    }

    fn loses_nothing(mut self, producers: Producers) {
        let acknowledged = producers.stop();
        assert!(!acknowledged.is_empty());
        self.daemon.wait_for("all events", |_| self.receiver.has_all(&acknowledged));
        self.daemon.settles();
        self.daemon.end("TERM");
        let verdict = self.receiver.compare(&acknowledged);
        assert_eq!((verdict.lost, verdict.doubled), (0, 0), "{verdict:?}");
    }
}

#[test]
fn without_file_descriptors_it_waits_for_some() {
    let _alone = alone();
    let mut scene = Scene::new("ulimit -n 64");
    scene.daemon.start();
    let producers = Producers::start(scene.address, LOAD);
    scene.flows();
    // The kernel completes connections that nobody has accepted.
    let guests: Vec<_> = (0..100).map(|_| TcpStream::connect(scene.address).expect("the kernel connects")).collect();
    scene.daemon.wait_for("the lack", |daemon| daemon.open_files() >= 64);
    let (since, begun) = (Instant::now(), scene.daemon.processor_time());
    scene.daemon.watch(Duration::from_secs(3), |_| {});
    let share = (scene.daemon.processor_time() - begun).as_secs_f64() / since.elapsed().as_secs_f64();
    println!("without file descriptors: {share:.2} of a processor");
    assert!(share < 0.5, "{share} of a processor for nothing");
    drop(guests);
    scene.daemon.wait_for("an answer", |_| Client::new(scene.address).post("", b"guest\n") == Some(200));
    scene.flows();
    scene.loses_nothing(producers);
}

#[test]
fn with_little_memory_it_takes_little() {
    let _alone = alone();
    // Addresses, of which a process takes more than it uses: stacks of threads, and what the allocator sets aside.
    let mut scene = Scene::new("ulimit -v 800000");
    scene.daemon.place.write("logd.toml", "limits.memory = \"1 MiB\"\n");
    scene.daemon.start();
    let producers = Producers::start(scene.address, Load { size: 2000, ..LOAD });
    scene.flows();
    scene.receiver.set(Mood::Silent);
    scene.daemon.watch(Duration::from_secs(5), |_| {});
    scene.receiver.set(Mood::Quick);
    scene.flows();
    println!("memory: {:.1} MiB", scene.daemon.memory());
    scene.loses_nothing(producers);
}

/// Processes that want all of every processor, and end with this.
struct Greed(Vec<Child>);

impl Greed {
    fn start() -> Self {
        let greedy = || Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("sh runs");
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self((0..2 * processors).map(|_| greedy()).collect())
    }
}

impl Drop for Greed {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_starved_one_is_slow_and_not_wrong() {
    let _alone = alone();
    let mut scene = Scene::new("renice -n 19 $$ >/dev/null");
    scene.daemon.start();
    let producers = Producers::start(scene.address, LOAD);
    scene.flows();
    let greed = Greed::start();
    scene.daemon.watch(Duration::from_secs(5), |_| {});
    scene.flows();
    drop(greed);
    scene.loses_nothing(producers);
}
