//! Every example is run as its README says, and again with kill -9 in the middle, and must write what is expected.

use std::path::{Path, PathBuf};

use crate::support::{Place, Running, files, run};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Runs an example to its end, killed `kills` times before, and compares.
fn check(name: &str, kills: u32) {
    let place = Place::new();
    let example = || {
        let mut command = place.logd();
        command.current_dir(folder(name)).env("OUT", place.path("out"));
        command.arg("run").args(["--once", "-c", "pipeline.toml", "--log-level", "warn"]);
        command.arg("--data-dir").arg(place.path("data")).arg("--config").arg(place.path("logd.toml"));
        command
    };
    place.write("logd.toml", "checkpoint.interval = \"10ms\"\n");
    for kill in 1..=kills {
        let mut running = Running::start(&mut example());
        // Somewhere in the middle: each time a little later.
        std::thread::sleep(std::time::Duration::from_millis(u64::from(7 * kill)));
        let quick = !running.runs();
        if !quick {
            running.signal("KILL");
        }
        let (status, _, err) = running.end();
        assert!(!quick || status.success(), "{err}");
        // One that was through, or was killed when it had just forgotten its positions: the next one begins again.
        if !place.path("data/once/pipeline/checkpoints.redb").exists() {
            let _ = std::fs::remove_dir_all(place.path("out"));
        }
    }
    let said = run(&mut example());
    assert_eq!(said.code, Some(0), "{}", said.err);
    let (made, expected) = (files(&place.path("out")), files(&folder(name).join("expected")));
    if std::env::var_os("BLESS").is_some() && kills == 0 {
        for (path, text) in &made {
            let path = folder(name).join("expected").join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        return;
    }
    assert!(!expected.is_empty(), "{name} expects nothing");
    let names = |files: &[(PathBuf, String)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&made), names(&expected), "{}", said.err);
    for ((path, made), (_, expected)) in made.iter().zip(&expected) {
        assert!(made == expected, "{name}: {} differs:\n{made}", path.display());
    }
}

#[test]
fn apache_errors() {
    check("apache-errors", 0);
    check("apache-errors", 20);
}

#[test]
fn kafka_broker() {
    check("kafka-broker", 0);
    check("kafka-broker", 8);
}

#[test]
fn nginx_status() {
    check("nginx-status", 0);
    check("nginx-status", 8);
}

#[test]
fn cloud_cpu() {
    check("cloud-cpu", 0);
    check("cloud-cpu", 8);
}
