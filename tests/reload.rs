//! Edits of a pipeline file while it runs.

use std::collections::BTreeSet;
use std::fs::{OpenOptions, rename};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::{Place, Running, free_address, get, run};

fn pipeline(rate: u32, codec: &str) -> String {
    format!(
        "[sources.x]\ntype = \"generator\"\nrate = {rate}\n\
         [sinks.y]\ntype = \"console\"\ninputs = [\"x\"]\nencoding.codec = \"{codec}\"\n"
    )
}

/// How many events of the generator were printed, and how many different ones.
fn events(out: &str) -> (usize, usize) {
    let ids: Vec<&str> = out.lines().filter_map(|line| line.split("\"request_id\":\"").nth(1)).collect();
    (ids.len(), ids.iter().collect::<BTreeSet<_>>().len())
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

    // Nothing changes by that either, but it is said.
    place.write("pipelines/p.toml", pipeline(100, "text"));
    logd.wait_for("relief", |logd| logd.err().contains("INFO Files have no mistakes any more. pipelines=\"p\""));
    assert!(!logd.err().contains("reloaded"), "{}", logd.err());

    place.write("pipelines/p.toml", pipeline(200, "text"));
    logd.wait_for("reload", |logd| logd.err().contains("reloaded"));
    let lines = logd.out().lines().count();
    logd.wait_for("further log line", |logd| logd.out().lines().count() > lines + 10);

    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(status.success(), "{err}");
    let (all, distinct) = events(&out);
    assert_eq!(distinct, all, "no event was printed twice");
}

/// As editors save, and as Kubernetes does it: the folder of a ConfigMap is a link that is turned to another.
#[test]
fn every_way_of_saving_is_followed() {
    let place = Place::new();
    let turn_to = |version: &str| {
        symlink(version, place.path("pipelines/..new")).expect("linked");
        rename(place.path("pipelines/..new"), place.path("pipelines/..data")).expect("turned");
    };
    let map = |rate: u32| pipeline(rate, "text").replace("[sources.x]", "[sources.m]").replace("[\"x\"]", "[\"m\"]");
    place.write("pipelines/..1/map.toml", map(100));
    turn_to("..1");
    symlink("..data/map.toml", place.path("pipelines/map.toml")).expect("linked");
    let path = place.write("pipelines/p.toml", pipeline(100, "text"));
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("log line", |logd| logd.out().lines().count() > 10);
    let taken = |logd: &mut Running, what: &str| {
        logd.wait_for(what, |_| command(&place, &["plan"]).0 == Some(0));
        let lines = logd.out().lines().count();
        logd.wait_for("further log line", |logd| logd.out().lines().count() > lines + 10);
    };

    let whole = pipeline(110, "text");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    logd.wait_for("message", |logd| logd.err().contains("p.toml:"));
    std::fs::write(&path, whole).expect("written");
    taken(&mut logd, "the second half");

    std::fs::write(place.path("pipelines/.p.toml.swp"), pipeline(120, "text")).expect("written");
    rename(place.path("pipelines/.p.toml.swp"), &path).expect("renamed");
    taken(&mut logd, "what was renamed");

    rename(&path, place.path("pipelines/p.toml~")).expect("renamed");
    std::fs::write(&path, pipeline(130, "text")).expect("written");
    taken(&mut logd, "what was made anew");

    for turn in 1..=30 {
        std::fs::write(&path, pipeline(200 + turn, "text")).expect("written");
        std::thread::sleep(Duration::from_millis(200));
    }
    taken(&mut logd, "the last of thirty");

    place.write("pipelines/..2/map.toml", map(150));
    turn_to("..2");
    taken(&mut logd, "the other version");
    let (_, status) = command(&place, &["status"]);
    assert!(status.contains("replaced map/m"), "{status}");

    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(status.success(), "{err}");
    let (all, distinct) = events(&out);
    assert!(distinct == all && all > 100, "{all} events, {distinct} of them once");
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

/// A detector of another field has no use for what the old one has learnt, but it can learn from what came before.
#[test]
fn a_state_is_made_of_the_events_that_came_before() {
    for (migrate, finds) in [("warm", true), ("fresh", false)] {
        let place = Place::new();
        let detector = |field: &str| {
            format!(
                "[sources.x]\ntype = \"file\"\ninclude = [\"x.log\"]\n\
                 [transforms.p]\ntype = \"parse\"\ninputs = [\"x\"]\nformat = \"json\"\n\
                 [transforms.z]\ntype = \"zscore\"\ninputs = [\"p\"]\nfield = \"{field}\"\nmigrate = \"{migrate}\"\n\
                 baseline.min_samples = 50\n\
                 [sinks.anomalies]\ntype = \"console\"\ninputs = [\"z.anomalies\"]\nencoding.codec = \"json\"\n\
                 [sinks.all]\ntype = \"file\"\ninputs = [\"p\"]\npath = \"all.log\"\n"
            )
        };
        let usual: String = (0..100).map(|n| format!("{{\"a\":{},\"b\":{}}}\n", 10 + n % 3, 50 + n % 5)).collect();
        place.write("logd.toml", "checkpoint.interval = \"10ms\"\n");
        place.write("x.log", &usual);
        place.write("pipelines/p.toml", detector("a"));
        let address = free_address();
        let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", &address]));
        let read = |place: &Place| std::fs::read_to_string(place.path("all.log")).map_or(0, |all| all.lines().count());
        logd.wait_for("the usual", |_| read(&place) == 100);
        // What is planned is judged by the last checkpoint.
        let checkpoints = || -> u64 {
            let metrics = get(&address, "/metrics");
            let of =
                |line: &str| line.strip_prefix("logd_checkpoint_completed_total{")?.split(' ').nth(1)?.parse().ok();
            metrics.lines().find_map(of).unwrap_or(0)
        };
        let before = checkpoints();
        logd.wait_for("a checkpoint", |_| checkpoints() > before + 1);
        place.write("pipelines/p.toml", detector("b"));
        let (code, planned) = command(&place, &["plan"]);
        // Unless the watch was first.
        if code == Some(2) {
            assert!(planned.contains("starts anew"), "{planned}");
            assert_eq!(planned.contains("with the events that were kept"), finds, "{planned}");
        }
        logd.wait_for("reload", |logd| logd.err().contains("reloaded"));
        assert!(logd.err().contains("anew=\"p/z\""), "{}", logd.err());
        // 400 is usual in neither.
        let mut log = OpenOptions::new().append(true).open(place.path("x.log")).expect("the log");
        log.write_all(b"{\"a\":11,\"b\":400}\n").expect("written");
        logd.wait_for("the unusual", |_| read(&place) == 101);
        logd.signal("TERM");
        let (status, out, err) = logd.end();
        assert!(status.success(), "{err}");
        assert_eq!(out.contains("\"value\":400"), finds, "{migrate}: {out}");
    }
}

#[test]
fn a_hundred_components_are_reloaded_within_a_second() {
    let place = Place::new();
    let pipeline = |threshold: u32| {
        let mut text = "[sources.x]\ntype = \"generator\"\nrate = 1000\n\
                        [sinks.y]\ntype = \"blackhole\"\ninputs = [\"*.anomalies\"]\n"
            .to_owned();
        for n in 0..33 {
            text += &format!(
                "[transforms.p{n}]\ntype = \"parse\"\ninputs = [\"x\"]\nformat = \"json\"\n\
                 [transforms.w{n}]\ntype = \"window\"\ninputs = [\"p{n}\"]\nsize = \"1s\"\n\
                 aggregates.mean = {{ fn = \"mean\", field = \"response_time_ms\" }}\n\
                 [transforms.z{n}]\ntype = \"zscore\"\ninputs = [\"w{n}\"]\nfield = \"mean\"\n\
                 threshold = {threshold}\n"
            );
        }
        text
    };
    place.write("pipelines/p.toml", pipeline(3));
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("start", |logd| logd.err().contains("Started."));
    place.write("pipelines/p.toml", pipeline(4));
    let start = Instant::now();
    let (code, said) = command(&place, &["reload"]);
    let took = start.elapsed();
    println!("{took:?}: {said}");
    assert!(code == Some(0) && took < Duration::from_secs(1), "{took:?}: {said}");
    logd.signal("TERM");
    assert!(logd.end().0.success());
}

/// What a command says, and how it ends.
fn command(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let said = run(place.logd().args(arguments));
    (said.code, said.out + &said.err)
}

#[test]
fn commands_say_what_an_edit_does_and_undo_it() {
    let place = Place::new();
    place.write("pipelines/p.toml", pipeline(100, "text"));
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("start", |logd| logd.err().contains("Started."));
    assert_eq!(command(&place, &["plan"]).0, Some(0));
    place.write("pipelines/p.toml", pipeline(200, "json") + "[sinks.z]\ntype = \"blackhole\"\ninputs = [\"x\"]\n");
    // Whoever is first, the watch or the command.
    let (code, said) = command(&place, &["reload"]);
    assert_eq!(code, Some(0), "{said}");
    logd.wait_for("reload", |logd| logd.err().contains("reloaded"));
    assert!(command(&place, &["status"]).1.contains("generation 2"));

    let (code, said) = command(&place, &["rollback"]);
    assert!(code == Some(0) && said.contains("replaced p/x, p/y, removed p/z"), "{said}");
    // The file is as it was: what it would change is what was undone.
    let (code, planned) = command(&place, &["plan"]);
    assert_eq!(code, Some(2), "{planned}");
    for line in ["~ p/x (source generator)", "    rate: 100 → 200", "    encoding.codec: \"text\" → \"json\"", "+ p/z"]
    {
        assert!(planned.contains(line), "{line}: {planned}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&command(&place, &["plan", "--format", "json"]).1).expect("JSON");
    assert_eq!(json["changes"]["p/z"]["action"], "add");
    let (code, said) = command(&place, &["reload"]);
    assert!(code == Some(0) && said.contains("replaced p/x, p/y, added p/z"), "{said}");
    assert_eq!(
        command(&place, &["plan"]),
        (Some(0), "0 to change, 0 to add, 0 to remove; 3 go on as they are.\n".into())
    );

    let filter = "contains(string!(.message), \"INFO\")";
    let tapped = command(&place, &["tap", "x", "--limit", "3", "--filter", filter]);
    assert_eq!(tapped.1.lines().filter(|line| line.contains("INFO")).count(), 3, "{}", tapped.1);
    let (code, said) = command(&place, &["tap", "nobody"]);
    assert!(code == Some(69) && said.contains("there is no component or output `nobody`"), "{said}");
    assert!(command(&place, &["top", "--count", "1"]).1.contains("p/x"));
    logd.signal("TERM");
    assert!(logd.end().0.success());
    let (code, said) = command(&place, &["status"]);
    assert!(code == Some(69) && said.contains("no logd runs with the data folder data;"), "{said}");
    let (code, said) = command(&place, &["plan"]);
    assert!(code == Some(2) && said.contains("no logd runs") && said.contains("0 go on as they are"), "{said}");
}

/// Its file is followed too, as far as that can be done.
#[test]
fn the_daemons_own_settings_follow_their_file() {
    let place = Place::new();
    let [first, second] = [free_address(), free_address()];
    let own = |address: &str, level: &str, more: &str| {
        format!("telemetry.address = \"{address}\"\ntelemetry.log_level = \"{level}\"\n{more}\n")
    };
    place.write("pipelines/p.toml", pipeline(100, "text"));
    place.write("logd.toml", own(&first, "error", ""));
    let mut logd = Running::start(place.logd().arg("run"));
    logd.wait_for("log line", |logd| logd.out().lines().count() > 10);
    assert!(get(&first, "/ready").contains("\"ready\":true"));
    assert_eq!(logd.err(), "");

    place.write("logd.toml", own(&second, "info", "checkpoint.interval = \"200ms\""));
    logd.wait_for("reload", |logd| logd.err().contains("settings are reloaded"));
    let lines = logd.out().lines().count();
    logd.wait_for("further log line", |logd| logd.out().lines().count() > lines + 10);
    assert!(get(&second, "/ready").contains("\"ready\":true"));
    assert!(TcpStream::connect(&first).is_err());

    // Whoever is first, the watch or the command: what can't be had is said either way.
    place.write("logd.toml", own(&second, "info", "data_dir = \"elsewhere\"\nlimits.memory = \"32 MiB\""));
    let (code, said) = command(&place, &["reload", "--data-dir", "data"]);
    assert!(code == Some(1) && said.contains("`data_dir` can't change while logd runs"), "{said}");
    let (code, said) = command(&place, &["plan", "--data-dir", "data"]);
    assert!(code == Some(2) && said.contains("~ logd.toml (settings of the daemon)"), "{said}");
    assert!(said.contains("    `data_dir` can't change while logd runs: the state"), "{said}");
    assert!(!said.contains("limits.memory"), "{said}");

    place.write("logd.toml", own(&second, "inof", ""));
    let (code, said) = command(&place, &["reload", "--data-dir", "data"]);
    assert!(code == Some(78) && said.contains("logd.toml:2:"), "{said}");
    logd.wait_for("message", |logd| logd.err().contains("logd.toml:2:"));
    assert!(logd.err().contains("; the settings stay as they are"), "{}", logd.err());

    place.write("logd.toml", own(&second, "info", ""));
    logd.wait_for("relief", |logd| logd.err().contains("logd.toml has no mistakes any more"));
    logd.signal("TERM");
    assert!(logd.end().0.success());
}

/// It need not be there at the start.
#[test]
fn settings_that_are_written_later_are_followed() {
    let place = Place::new();
    place.write("pipelines/p.toml", pipeline(100, "text"));
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("start", |logd| logd.err().contains("Started."));
    place.write("logd.toml", "checkpoint.interval = \"200ms\"\n");
    logd.wait_for("reload", |logd| logd.err().contains("changed=\"checkpoint.interval: "));
    place.write("logd.toml", "checkpoint.interval = \"300ms\"\n");
    logd.wait_for("the next", |_| command(&place, &["plan"]).0 == Some(0));
    logd.signal("TERM");
    assert!(logd.end().0.success());
}

/// What a component of one type has left is of no use to one of another that has its name now.
#[test]
fn a_component_may_become_one_of_another_type() {
    let place = Place::new();
    place.write("logd.toml", "limits = { shutdown_timeout = \"1s\", reload_timeout = \"1s\" }\n");
    place.write("in.log", (0..1000).map(|number| format!("line {number}\n")).collect::<String>());
    let (generator, file) = ("type = \"generator\"\nrate = 100\n", "type = \"file\"\ninclude = [\"in.log\"]\n");
    let http = format!("type = \"http\"\naddress = \"{}\"\n", free_address());
    let nobody = free_address();
    let sinks = [
        "type = \"console\"\n".to_owned(),
        "type = \"file\"\npath = \"out.log\"\n".to_owned(),
        format!(
            "type = \"redis\"\nendpoint = \"redis://{nobody}\"\ndata_type = \"hash\"\nkey = \"totals\"\n\
             hash.add.logs = {{ fn = \"count\" }}\n"
        ),
        format!("type = \"http\"\nuri = \"http://{nobody}/\"\nbuffer.type = \"disk\"\n"),
        "type = \"blackhole\"\n".to_owned(),
    ];
    let text = |source: &str, sink: &str| format!("[sources.x]\n{source}[sinks.y]\ninputs = [\"x\"]\n{sink}");
    let daemon = || {
        let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
        logd.wait_for("start", |logd| logd.err().contains("Started."));
        logd
    };
    let moves = |place: &Place| {
        let tapped = command(place, &["tap", "x", "--limit", "3"]);
        assert!(tapped.0 == Some(0) && tapped.1.lines().count() >= 3, "{}", tapped.1);
    };
    place.write("pipelines/p.toml", text(generator, &sinks[0]));
    let logd = daemon();
    moves(&place);
    for sink in sinks.iter().cycle().skip(1).take(2 * sinks.len()) {
        place.write("pipelines/p.toml", text(generator, sink));
        assert_eq!(command(&place, &["reload"]).0, Some(0), "{}", logd.err());
        moves(&place);
    }
    for source in [file, &http, file, generator] {
        place.write("pipelines/p.toml", text(source, &sinks[0]));
        let planned = command(&place, &["plan"]).1;
        assert!(
            planned.is_empty() || planned.contains("begins anew") || planned.starts_with("0 to change"),
            "{planned}"
        );
        assert_eq!(command(&place, &["reload"]).0, Some(0), "{}", logd.err());
    }
    moves(&place);
    logd.signal("TERM");
    assert!(logd.end().0.success());
    for (source, sink) in [(file, &sinks[2]), (&*http, &sinks[0]), (generator, &sinks[3]), (file, &sinks[4])] {
        place.write("pipelines/p.toml", text(source, sink));
        let logd = daemon();
        logd.signal("TERM");
        assert!(logd.end().0.success());
    }
}

#[test]
fn the_last_good_version_runs_on_after_a_restart() {
    let place = Place::new();
    let run = |more: &[&str]| {
        let mut command = place.logd();
        command.args(["run", "--telemetry-address", "127.0.0.1:0"]).args(more);
        command
    };
    place.write("pipelines/p.toml", pipeline(100, "text"));
    let mut logd = Running::start(&mut run(&[]));
    logd.wait_for("log line", |logd| logd.out().lines().count() > 10);
    logd.signal("TERM");
    logd.end();
    place.write("pipelines/p.toml", pipeline(100, "tex"));
    assert_eq!(crate::support::run(&mut run(&["--strict"])).code, Some(78));
    let mut logd = Running::start(&mut run(&[]));
    logd.wait_for("log line", |logd| logd.out().lines().count() > 10);
    assert!(logd.err().contains("p.toml:7:") && logd.err().contains("the last good version runs on"), "{}", logd.err());
    let (code, said) = command(&place, &["reload"]);
    assert!(code == Some(78) && said.contains("p.toml:7:"), "{said}");
    assert!(command(&place, &["status"]).1.contains("broken since"));
    let err = logd.err();
    let address = err.split("metrics=\"http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let ready = get(address, "/ready");
    assert!(ready.contains("\"ready\":true") && ready.contains("p.toml:7:"), "{ready}");
    logd.signal("TERM");
    assert!(logd.end().0.success());
}

#[test]
fn two_folders_can_be_compared() {
    let place = Place::new();
    place.write("pipelines/p.toml", pipeline(100, "text"));
    place.write("old/p.toml", pipeline(100, "json"));
    let (code, said) = command(&place, &["plan", "--from", "old"]);
    assert!(code == Some(2) && said.contains("encoding.codec: \"json\" → \"text\""), "{said}");
    place.write("pipelines/p.toml", pipeline(100, "tex"));
    assert_eq!(command(&place, &["plan", "--from", "old"]).0, Some(78));
}
