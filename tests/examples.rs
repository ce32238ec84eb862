//! Every example is run as its README says, and again with kill -9 in the middle, and must write what is expected; and an
//! edit in the middle of its input changes nothing of what a daemon writes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::{Place, Running, files, free_address, get, has_positions, run, values};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// An example in a folder of its own, as its README runs it.
fn example(name: &str, place: &Place) -> Command {
    place.write("logd.toml", "checkpoint.interval = \"10ms\"\n");
    let mut command = place.logd();
    command.current_dir(folder(name)).env("OUT", place.path("out"));
    command.arg("run").args(["--once", "-c", "pipeline.toml"]);
    command.arg("--data-dir").arg(place.path("data")).arg("--config").arg(place.path("logd.toml"));
    command
}

/// Runs an example to its end, undisturbed and killed in its middle, and compares.
fn check(name: &str) {
    let place = Place::new();
    let start = Instant::now();
    let said = run(&mut example(name, &place));
    let took = start.elapsed();
    assert_eq!(said.code, Some(0), "{}", said.err);
    if std::env::var_os("BLESS").is_some() {
        return bless(name, &place);
    }
    compare(name, &place);
    assert_eq!(in_halves(name, true), in_halves(name, false), "{name} with a reload in its middle, and without");

    let killed = Place::new();
    let mut kills = 0_u32;
    loop {
        let running = Running::start(&mut example(name, &killed));
        // It may be over before its first epoch. So it is held for longer than an epoch takes to be due, now and then, and
        // killed after a number of slices of its time, both other ones each time (multiples of the golden ratio).
        let slice = took.mul_f64((f64::from(kills) * 0.618_034).fract() / 6.0);
        for _ in 0..kills % 12 {
            running.signal("STOP");
            std::thread::sleep(Duration::from_millis(12));
            running.signal("CONT");
            std::thread::sleep(slice);
        }
        kills += 1;
        running.signal("KILL");
        let (status, _, err) = running.end();
        // It goes on where it was killed, and so was killed in its middle.
        let landed = err.contains("An earlier run of this was interrupted");
        if landed && status.success() {
            break compare(name, &killed);
        }
        // One that was through, or was killed when it had just forgotten its positions: the next one begins again.
        if !has_positions(&killed) {
            let _ = fs::remove_dir_all(killed.path("out"));
        }
        assert!(kills < 500, "{name} can't be killed in its middle");
    }
}

/// What a daemon writes of an example whose input comes in two halves, with an edit between them or without.
fn in_halves(name: &str, edited: bool) -> Vec<(PathBuf, String)> {
    let (place, telemetry) = (Place::new(), free_address());
    let pipeline = fs::read_to_string(folder(name).join("pipeline.toml")).expect("a pipeline");
    let input = pipeline.split("include = [\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an input");
    let text = fs::read_to_string(folder(name).join(input)).expect("readable");
    // In the broker's log a stack trace belongs to the line before it.
    let begins = |line: &str| !name.starts_with("kafka") || line.starts_with("[20");
    let begins: Vec<usize> = text
        .lines()
        .scan(0, |place, line| {
            let from = *place;
            *place += line.len() + 1;
            Some((from, begins(line)))
        })
        .filter_map(|(from, begins)| begins.then_some(from))
        .collect();
    let half = begins.len() / 2;
    let (first, second) = text.split_at(begins[half]);
    place.write(input, first);
    place.write("pipelines/pipeline.toml", &pipeline);
    let mut command = place.logd();
    let mut logd =
        Running::start(command.env("OUT", place.path("out")).args(["run", "--telemetry-address", &telemetry]));
    let read = |logd: &mut Running, events: usize| {
        logd.wait_for("all that is written", |_| {
            let metrics = get(&telemetry, "/metrics");
            let of_source =
                |line: &&str| line.starts_with("logd_component_sent_events_total{") && line.contains("\"source\"");
            let sent: Vec<&str> = metrics.lines().filter(of_source).collect();
            let sent = values(&sent.join("\n"), "");
            let under_way = values(&metrics, "logd_component_in_flight_events{");
            sent.iter().sum::<f64>() >= events as f64 && under_way.iter().all(|&events| events == 0.0)
        });
    };
    read(&mut logd, half);
    if edited {
        let branch = "[sinks.branch]\ntype = \"blackhole\"\ninputs = [\"parsed\"]\n";
        place.write("pipelines/pipeline.toml", format!("{pipeline}\n{branch}"));
        logd.wait_for("reload", |logd| logd.err().contains("Pipelines reloaded."));
    }
    let mut log = fs::OpenOptions::new().append(true).open(place.path(input)).expect("the log");
    log.write_all(second.as_bytes()).expect("written");
    read(&mut logd, begins.len());
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
    let made = files(&place.path("out"));
    assert!(!made.is_empty(), "{name}: {err}");
    made
}

fn bless(name: &str, place: &Place) {
    for (path, text) in files(&place.path("out")) {
        let path = folder(name).join("expected").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
}

fn compare(name: &str, place: &Place) {
    let (made, expected) = (files(&place.path("out")), files(&folder(name).join("expected")));
    assert!(!expected.is_empty(), "{name} expects nothing");
    let names = |files: &[(PathBuf, String)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&made), names(&expected));
    for ((path, made), (_, expected)) in made.iter().zip(&expected) {
        assert!(made == expected, "{name}: {} differs:\n{made}", path.display());
    }
}

#[test]
fn apache_errors() {
    check("apache-errors");
}

#[test]
fn kafka_broker() {
    check("kafka-broker");
}

#[test]
fn kafka_patterns() {
    check("kafka-patterns");
}

#[test]
fn nginx_status() {
    check("nginx-status");
}

#[test]
fn cloud_cpu() {
    check("cloud-cpu");
}
