//! The demo that `logd run` starts with: finds what is in it, and nothing else.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crate::support::{DEADLINE, Place, Running, free_address, get, run, values};

/// The demo, with its generator's settings replaced so that it ends, and its incidents planned or left out.
fn demo(settings: &str, incidents: bool) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/demo.toml");
    let text = fs::read_to_string(path).expect("the demo");
    let (source, rest) = text.split_once("[transforms.parsed]").expect("a transform behind the source");
    let planned = source.find("[[sources.services.incidents]]").map_or("", |start| &source[start..]);
    let planned = if incidents { planned } else { "" };
    format!(
        "[sources.services]\ntype = \"generator\"\nstart = 2026-01-05T10:00:00Z\nrate = 100\n{settings}\n{planned}\n\
         [transforms.parsed]{rest}"
    )
}

/// What the demo prints.
fn printed(pipeline: &str) -> Vec<String> {
    let place = Place::new();
    place.write("pipelines/demo.toml", pipeline);
    let said = run(place.logd().args(["run", "--once", "--log-level", "warn"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.err, "", "the demo has nothing to complain of");
    said.out.lines().map(str::to_owned).collect()
}

/// Both incidents are opened and resolved in the past that the demo begins with.
#[test]
fn finds_its_incidents() {
    let lines = printed(&demo("backfill = \"2h\"\ncount = 720000\nseed = 3", true));
    let is_end = |line: &&String| !line.contains(" UPDATE ");
    let ends: Vec<&String> = lines.iter().filter(is_end).collect();
    assert_eq!(ends.len(), 4, "{lines:#?}");
    for (line, (state, says)) in ends.iter().zip([
        ("OPEN payment-service health", "response time"),
        ("RESOLVED payment-service health", "back to normal"),
        ("OPEN auth-service health", "error rate"),
        ("RESOLVED auth-service health", "back to normal"),
    ]) {
        assert!(line.contains(&format!("{state}: {says}")), "{line} is not {state}: {says}");
    }
}

/// What a user sees who starts the daemon: both incidents, within a minute of the start. What has to be computed until then
/// must fit into that, on one core. (On a machine with other work the clock of the wall would judge that work.)
#[test]
fn shows_its_incidents_within_a_minute() {
    let (place, address) = (Place::new(), free_address());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/demo.toml");
    let mut logd = Running::start(
        place
            .logd()
            .args(["run", "--telemetry-address", &address, "--api-address", "127.0.0.1:0"])
            .arg("-c")
            .arg(file)
            .env("LOG_RATE", if cfg!(debug_assertions) { "250" } else { "1000" }),
    );
    let seen = |logd: &Running, state: &str| logd.out().lines().filter(|line| line.contains(state)).count();
    // A debug build takes some minutes of CPU for what an optimized one does in seconds: two hours, and their index.
    let limit = if cfg!(debug_assertions) { 4 * DEADLINE } else { DEADLINE };
    logd.wait_within(limit, "both incidents", |logd| seen(logd, " OPEN ") == 2 && seen(logd, " RESOLVED ") == 2);
    let worked = values(&get(&address, "/metrics"), "process_cpu_seconds_total")[0];
    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(status.success(), "{err}");
    let is_of_them = |line: &str| line.contains("payment-service health") || line.contains("auth-service health");
    assert!(out.lines().all(is_of_them), "and nothing else:\n{out}");
    println!("{worked} CPU seconds");
    assert!(worked < limit.as_secs_f64(), "it worked for {worked} s");
}

/// Apart from its incidents the demo is silent, whatever its seed.
#[test]
fn is_silent_otherwise() {
    const SEEDS: u32 = 20;
    let next = Mutex::new(0..SEEDS);
    let work = || {
        loop {
            let Some(seed) = next.lock().expect("no seed panics").next() else { return };
            // Services are judged from their second hour on.
            let settings = format!("backfill = \"80m\"\ncount = 480000\nseed = {seed}");
            assert_eq!(printed(&demo(&settings, false)), Vec::<String>::new(), "seed {seed}");
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().for_each(|thread| thread.join().expect("silent"));
    });
}
