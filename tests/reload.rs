//! Edits of a pipeline file while it runs.

use crate::support::{Place, Running};

fn pipeline(rate: u32, codec: &str) -> String {
    format!(
        "[sources.x]\ntype = \"generator\"\nrate = {rate}\n\
         [sinks.y]\ntype = \"console\"\ninputs = [\"x\"]\nencoding.codec = \"{codec}\"\n"
    )
}

#[test]
fn a_broken_file_changes_nothing_and_a_good_one_is_taken_over() {
    let place = Place::new();
    place.write("pipelines/p.toml", pipeline(100, "text"));
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("log line", |logd| logd.out().lines().count() > 10);

    place.write("pipelines/p.toml", pipeline(100, "tex"));
    logd.wait_for("message", |logd| logd.err().contains("p.toml:7:"));
    let lines = logd.out().lines().count();
    logd.wait_for("further log line", |logd| logd.out().lines().count() > lines + 10);

    place.write("pipelines/p.toml", pipeline(200, "text"));
    logd.wait_for("reload", |logd| logd.err().contains("reloaded"));
    let lines = logd.out().lines().count();
    logd.wait_for("further log line", |logd| logd.out().lines().count() > lines + 10);

    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(status.success(), "{err}");
    let mut ids: Vec<&str> = out.lines().filter_map(|line| line.split("\"request_id\":\"").nth(1)).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "no event was printed twice");
}

/// A window of another size can't go on with what the old one has added up.
#[test]
fn state_that_does_not_fit_any_more_starts_anew() {
    let place = Place::new();
    let windows = |size: &str| {
        format!(
            "[sources.x]\ntype = \"generator\"\nrate = 200\nbackfill = \"1m\"\n\
             [transforms.w]\ntype = \"window\"\ninputs = [\"x\"]\nsize = \"{size}\"\nallowed_lateness = \"0s\"\n\
             aggregates.n = {{ fn = \"count\" }}\n\
             [sinks.y]\ntype = \"console\"\ninputs = [\"w\"]\nencoding.codec = \"json\"\n"
        )
    };
    place.write("logd.toml", "checkpoint.interval = \"50ms\"\n");
    place.write("pipelines/p.toml", windows("1s"));
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("window", |logd| logd.out().lines().count() > 50);
    place.write("pipelines/p.toml", windows("500ms"));
    logd.wait_for("reload", |logd| logd.err().contains("reloaded"));
    logd.wait_for("half a second", |logd| logd.out().contains(".500Z\",\"start"));
    assert!(logd.err().contains("starting anew"), "{}", logd.err());
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
}
