//! Every example is run as its README says, and again with kill -9 in the middle, and must write what is expected.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::{Place, Running, files, has_positions, run};

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
fn nginx_status() {
    check("nginx-status");
}

#[test]
fn cloud_cpu() {
    check("cloud-cpu");
}
