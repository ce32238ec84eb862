//! The life of a daemon: signals, deadlines, its log, and what it says when it can't start.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Place, Running, free_address, get, run, values};

/// Logs without end, to stdout.
fn endless(rate: u32) -> String {
    format!(
        "[sources.in]\ntype = \"generator\"\nrate = {rate}\n\
         [sinks.out]\ntype = \"console\"\ninputs = [\"in\"]\nencoding.codec = \"text\"\n"
    )
}

#[test]
fn sigint_stops_it_and_nothing_is_lost() {
    let place = Place::new();
    place.write("pipelines/p.toml", endless(500));
    let start = || Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..2 {
        let mut logd = start();
        logd.wait_for("some logs", |logd| logd.out().lines().count() > 100);
        logd.signal("INT");
        let (status, out, err) = logd.end();
        assert_eq!(status.code(), Some(0), "{err}");
        assert!(err.contains("everything that was read is delivered and kept"), "{err}");
        let logs = out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        ids.extend(logs.map(|log| log["request_id"].to_string()));
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "the second run goes on where the first has stopped");
}

/// Whether the sink has received something, and nothing more between two looks, a tenth of a second apart.
fn full(address: &str) -> impl FnMut(&Running) -> bool {
    let (address, mut before) = (address.to_owned(), 0.0);
    move |_| {
        std::thread::sleep(Duration::from_millis(100));
        let metrics = get(&address, "/metrics");
        let of_sinks = |line: &&str| {
            line.starts_with("logd_component_received_events_total{") && line.contains("component_kind=\"sink\"")
        };
        let values = metrics.lines().filter(of_sinks).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        let now: f64 = values.sum();
        now > 0.0 && now == std::mem::replace(&mut before, now)
    }
}

#[test]
fn a_stop_that_can_not_drain_ends_at_its_deadline() {
    let place = Place::new();
    place.write("pipelines/p.toml", endless(0));
    place.write("logd.toml", "limits.shutdown_timeout = \"1s\"\n");
    let address = free_address();
    let (mut logd, _unread) = Running::unread(place.logd().args(["run", "--telemetry-address", &address]));
    logd.wait_for("the pipe to be full", full(&address));
    logd.signal("TERM");
    logd.wait_for("the stop", |logd| logd.err().contains("Stopping"));
    let start = Instant::now();
    let (status, _, err) = logd.end();
    assert_eq!(status.code(), Some(0), "what is not delivered can be brought again: {err}");
    assert!(err.contains("is sent at the next start"), "{err}");
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
}

#[test]
fn a_second_signal_cuts_the_drain_short() {
    let place = Place::new();
    place.write("pipelines/p.toml", endless(0));
    place.write("logd.toml", "limits.shutdown_timeout = \"10m\"\n");
    let address = free_address();
    let (mut logd, _unread) = Running::unread(place.logd().args(["run", "--telemetry-address", &address]));
    logd.wait_for("the pipe to be full", full(&address));
    logd.signal("TERM");
    logd.wait_for("the stop", |logd| logd.err().contains("Stopping"));
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert_eq!(status.code(), Some(1), "{err}");
}

/// Where files can't be watched, as behind this link, the signal is the way to reload.
#[test]
fn sighup_reloads() {
    let place = Place::new();
    let real = place.write("elsewhere/p.toml", endless(100));
    std::fs::create_dir(place.path("pipelines")).expect("made");
    std::os::unix::fs::symlink(&real, place.path("pipelines/p.toml")).expect("linked");
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("some logs", |logd| logd.out().lines().count() > 10);

    place.write("elsewhere/p.toml", "[sources.in]\ntype = \"genrator\"\n");
    logd.signal("HUP");
    logd.wait_for("the mistake", |logd| logd.err().contains("p.toml:2:8"));
    let lines = logd.out().lines().count();
    logd.wait_for("further logs", |logd| logd.out().lines().count() > lines + 10);

    place.write("elsewhere/p.toml", endless(200));
    logd.signal("HUP");
    logd.wait_for("the reload", |logd| logd.err().contains("reloaded"));
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
}

#[test]
fn log_lines_are_json_where_that_is_asked_for() {
    let place = Place::new();
    place.write("pipelines/p.toml", endless(100));
    let args = ["run", "--log-format", "json", "--log-level", "debug", "--telemetry-address", "127.0.0.1:0"];
    let mut logd = Running::start(place.logd().args(args));
    logd.wait_for("some logs", |logd| logd.out().lines().count() > 10);
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
    let mut stopping = false;
    for line in err.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
        stopping |= line.to_string().contains("Stopping: sources first");
    }
    assert!(stopping, "{err}");
}

#[test]
fn an_address_in_use_names_the_setting_and_the_flag() {
    let place = Place::new();
    place.write("pipelines/p.toml", endless(100));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let said = run(place.logd().args(["run", "--telemetry-address", &address]));
    assert_eq!(said.code, Some(69), "{}", said.err);
    for part in [address.as_str(), "[telemetry]", "--telemetry-address"] {
        assert!(said.err.contains(part), "no {part} in: {}", said.err);
    }
}

#[test]
fn a_file_reads_from_another() {
    let place = Place::new();
    place.write("pipelines/reader.toml", "[sources.lines]\ntype = \"file\"\ninclude = [\"input\"]\n");
    place.write(
        "pipelines/writer.toml",
        "[transforms.some]\ntype = \"filter\"\ninputs = [\"reader/lines\"]\ncondition = 'contains(string!(.message), \"2\")'\n\
         [sinks.out]\ntype = \"console\"\ninputs = [\"*/some\"]\nencoding.codec = \"text\"\n",
    );
    place.write("input", "line 1\nline 2\nline 3\nline 12\n");
    let said = run(place.logd().args(["run", "--once"]));
    assert_eq!((said.code, said.out.as_str()), (Some(0), "line 2\nline 12\n"), "{}", said.err);
}

/// When all input has been read and has gone its way, nothing is in flight, and nothing unaccounted for.
#[test]
fn after_a_drain_every_event_is_accounted_for() {
    const LOGS: f64 = 5000.0;
    let place = Place::new();
    place.write(
        "pipelines/p.toml",
        format!(
            "[sources.in]\ntype = \"generator\"\nrate = 0\ncount = {LOGS}\n\
             [transforms.parsed]\ntype = \"parse\"\ninputs = [\"in\"]\nformat = \"json\"\ntimestamp.field = \"timestamp\"\n\
             [transforms.windows]\ntype = \"window\"\ninputs = [\"parsed\"]\nsize = \"1s\"\naggregates.n = {{ fn = \"count\" }}\n\
             [transforms.routed]\ntype = \"route\"\ninputs = [\"parsed\"]\nroute.errors = '.level == \"ERROR\"'\n\
             route.slow = '.response_time_ms > 500'\n\
             [transforms.odd]\ntype = \"remap\"\ninputs = [\"routed.errors\"]\nsource = '.n = to_int!(.message)'\n\
             drop_on_error = true\nreroute_dropped = true\n\
             [sinks.out]\ntype = \"blackhole\"\ninputs = [\"windows\", \"routed.*\", \"odd\"]\n"
        ),
    );
    let address = free_address();
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", &address]));
    let of = |name: &str, component: &str| {
        let metrics = get(&address, "/metrics");
        let line = metrics.lines().find(|line| {
            line.starts_with(&format!("{name}{{")) && line.contains(&format!("component_id=\"{component}\""))
        });
        line.map_or(-1.0, |line| values(line, name)[0])
    };
    logd.wait_for("the last window", |_| {
        of("logd_component_received_events_total", "parsed") >= LOGS
            && values(&get(&address, "/metrics"), "logd_component_in_flight_events").iter().all(|&events| events == 0.0)
    });
    let metrics = get(&address, "/metrics");
    let unaccounted = values(&metrics, "logd_unaccounted_events");
    assert_eq!(unaccounted, vec![0.0; 6], "{metrics}");
    assert!(of("logd_component_dead_events_total", "odd") > 100.0, "errors have no number for a message:\n{metrics}");
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success() && !err.contains("unaccounted"), "{err}");
}
