//! What removed components hold on disk: it is told of, it stays until somebody says that it may go, and it is there when
//! the component is back.

use std::fs::read_to_string;

use crate::support::{Place, Running, Said, ask, free_address, run};

/// A daemon whose `http` source `in` has taken an event that its sink `out`, whose service is away, has not.
struct Yard {
    place: Place,
    address: String,
}

impl Yard {
    fn new(buffer: &str) -> Self {
        let yard = Self { place: Place::new(), address: free_address() };
        yard.place.write("logd.toml", "checkpoint.interval = \"20ms\"\ntelemetry.address = \"127.0.0.1:0\"\n");
        let away = free_address();
        yard.write(
            "in",
            &format!("[sinks.out]\ntype = \"http\"\ninputs = [\"in\"]\nuri = \"http://{away}/\"\n{buffer}"),
        );
        let mut logd = yard.start();
        let more = "content-length: 7\r\n\r\n{\"n\":1}";
        logd.wait_for("answer", |_| ask(&yard.address, "POST /", more).starts_with("HTTP/1.1 200"));
        logd.wait_for("attempt", |logd| logd.err().contains("Events could not be delivered"));
        stop(logd);
        yard
    }

    /// Writes the pipeline: its source, by the name of `source`, and the rest.
    fn write(&self, source: &str, rest: &str) {
        let address = &self.address;
        self.place.write(
            "pipelines/p.toml",
            format!("[sources.{source}]\ntype = \"http\"\naddress = \"{address}\"\ndecoding.codec = \"json\"\n{rest}"),
        );
    }

    fn start(&self) -> Running {
        let mut logd = Running::start(self.place.logd().arg("run"));
        logd.wait_for("start", |logd| logd.err().contains("Started."));
        logd
    }

    fn buffer(&self, arguments: &[&str]) -> Said {
        run(self.place.logd().arg("buffer").args(arguments))
    }
}

fn stop(logd: Running) -> String {
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
    err
}

const BUFFER: &str = "buffer.type = \"disk\"\n";
const ELSEWHERE: &str = "[sinks.other]\ntype = \"blackhole\"\ninputs = [\"*\"]\n";
const TOLD: &str = "Removed components hold events that were not delivered";

#[test]
fn a_removed_sinks_buffer_stays_until_it_is_dropped() {
    let yard = Yard::new(BUFFER);
    yard.write("in", ELSEWHERE);
    let mut logd = yard.start();
    logd.wait_for("message", |logd| logd.err().contains(TOLD) && logd.err().contains("p/out"));
    let listed = yard.buffer(&["ls"]).out;
    let line = listed.lines().find(|line| line.starts_with("p/out  1 batch waits, ")).expect(&listed);
    assert!(line.ends_with(" bytes on disk, orphaned"), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("p/in  ") && !line.ends_with("orphaned")), "{listed}");

    let said = yard.buffer(&["drop", "p/in"]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.err.contains("`p/in` is there and goes on with what it holds"), "{}", said.err);
    let said = yard.buffer(&["drop", "p/nobody"]);
    assert!(said.code == Some(1) && said.err.contains("`p/nobody` holds nothing"), "{}", said.err);

    let said = yard.buffer(&["drop", "p/out"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("Dropped p/out  1 batch waits"), "{}", said.out);
    assert!(!yard.place.path("data/buffers").join("p").exists());
    assert!(!yard.buffer(&["ls"]).out.contains("p/out"));
    stop(logd);
}

#[test]
fn a_removed_sources_requests_stay_until_they_are_dropped() {
    let yard = Yard::new("");
    yard.write("renamed", ELSEWHERE);
    // While no daemon runs, the command looks by itself.
    let listed = yard.buffer(&["ls"]).out;
    assert!(listed.starts_with("p/in  1 request waits, ") && listed.ends_with(", orphaned\n"), "{listed}");
    yard.write("renamed", "a mistake");
    let listed = yard.buffer(&["ls"]).out;
    assert!(listed.ends_with(" bytes on disk\n"), "nobody knows what a broken file has in it: {listed}");
    yard.write("renamed", ELSEWHERE);
    assert!(stop(yard.start()).contains(TOLD));
    let said = yard.buffer(&["drop", "p/in"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(!yard.place.path("data/components/p/in").exists());
    assert!(!stop(yard.start()).contains(TOLD));
}

#[test]
fn what_is_held_is_delivered_when_the_component_is_back_and_goes_when_it_is_empty() {
    let yard = Yard::new(BUFFER);
    yard.write("in", ELSEWHERE);
    let mut logd = yard.start();
    yard.write("in", &format!("[sinks.out]\ntype = \"file\"\ninputs = [\"in\"]\npath = \"out/all.log\"\n{BUFFER}"));
    let written = || read_to_string(yard.place.path("out/all.log")).unwrap_or_default();
    logd.wait_for("event", |_| written() == "{\"n\":1}\n");
    let listed = || yard.buffer(&["ls"]).out;
    logd.wait_for("empty buffer", |_| listed().contains("p/out  0 batches wait, "));
    yard.write("in", ELSEWHERE);
    logd.wait_for("end of the buffer", |_| !yard.place.path("data/buffers/p").exists());
    assert_eq!(logd.err().matches(TOLD).count(), 1, "{}", logd.err());
    stop(logd);
}
