//! `logd test`: the tests in pipeline files, what they show, and who else reads them.

use std::fs;
use std::path::Path;

use crate::support::{Place, Said, files, provide, run};

/// Two ways into one window, and tests of what comes of it.
const PIPELINE: &str = r#"
[sources.lines]
type = "stdin"

[sources.others]
type = "stdin"

[transforms.parsed]
type = "parse"
inputs = ["lines"]
format = "json"
timestamp.field = "at"

[transforms.kept]
type = "filter"
inputs = ["others"]
condition = "true"

[transforms.counts]
type = "window"
inputs = ["parsed", "kept"]
size = "10s"
allowed_lateness = "0s"
aggregates.count = { fn = "count" }

[sinks.out]
type = "file"
inputs = ["counts"]
path = "out.jsonl"
encoding.codec = "json"
"#;

/// Runs the tests of a pipeline with the outputs of the shared one.
fn test(tests: &str, arguments: &[&str]) -> (Place, Said) {
    let place = Place::new();
    place.write("shop.toml", format!("{PIPELINE}{tests}"));
    let said = run(place.logd().args(["test", "shop.toml"]).args(arguments));
    (place, said)
}

/// A test with these inputs and expectations.
fn one(name: &str, inputs: &str, expected: &str) -> String {
    format!("\n[[tests]]\nname = \"{name}\"\nnow = \"2026-11-26T10:00:00Z\"\ninputs = [{inputs}]\n{expected}\n")
}

const LINE: &str = r#"insert_at = "parsed", value = '{"at":"{{ timestamp }}","n":1}'"#;

fn assert_passes(tests: &str) {
    let (place, said) = test(tests, &[]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let left: Vec<_> = files(&place.path("")).into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, [Path::new("shop.toml")], "nothing is delivered or kept");
}

#[test]
fn all_tests_that_are_shipped_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for folder in ["pipelines", "examples", "deploy"] {
        for (path, text) in files(&root.join(folder)) {
            if path.extension().is_none_or(|extension| extension != "toml") || !text.contains("[[tests]]") {
                continue;
            }
            let path = root.join(folder).join(path);
            let place = Place::new();
            let mut command = place.logd();
            provide(&mut command, &text, "text");
            let said = run(command.arg("test").arg(&path));
            assert_eq!(said.code, Some(0), "{}:\n{}{}", path.display(), said.out, said.err);
            found += said.out.lines().filter(|line| line.starts_with("ok ")).count();
        }
    }
    assert!(found >= 4, "only {found} tests were found");
}

#[test]
fn events_enter_in_the_order_of_their_times_wherever_that_is() {
    let ways = format!(
        "{{ {LINE}, repeat = 30, every = \"1s\" }}, \
         {{ insert_at = \"kept\", type = \"log\", log_fields = {{ x = 1 }}, at = \"500ms\", repeat = 30, every = \"1s\" }}"
    );
    // With no lateness allowed, one that enters too late is late, and one that waits for the other is missing.
    let expected = "no_outputs_from = [\"counts.late\", \"parsed.dead\"]\n\
                    outputs = [{ extract_from = \"counts\", conditions = [\".count == 20\"], count = 3 }]";
    assert_passes(&one("both ways", &ways, expected));
}

#[test]
fn sources_may_be_played_and_ports_looked_at() {
    let lines = r#"
        { insert_at = "lines", value = '{"at":"2026-11-26T10:00:30Z"}' },
        { insert_at = "lines", value = """{"at":"2026-11-26T10:00:10Z"}
rubbish
""" },
    "#;
    // The other source gives nothing.
    let expected = r#"
no_outputs_from = ["others"]
[[tests.outputs]]
extract_from = "counts.late"
conditions = ['.at == "2026-11-26T10:00:10Z"']
count = 1
[[tests.outputs]]
extract_from = "parsed.dead"
conditions = [{ type = "vrl", source = '.message == "rubbish"' }]
count = 1
[[tests.outputs]]
extract_from = "counts"
count = 1
"#;
    assert_passes(&one("late and dead", lines, expected));
}

#[test]
fn time_goes_on_behind_the_last_event() {
    let detect = "\n[transforms.health]\ntype = \"detect\"\ninputs = [\"parsed\"]\ngroup_by = [\"service\"]\n\
                  [sinks.told]\ntype = \"blackhole\"\ninputs = [\"health.anomalies\"]\n";
    // For more than a day, after which silence is judged.
    let lines =
        r#"{ insert_at = "parsed", value = '{"at":"{{ timestamp }}","service":"a"}', repeat = 9000, every = "10s" }"#;
    let silent = one("silence is told of", lines, "advance = \"1h\"").replace(
        "advance",
        "outputs = [{ extract_from = \"health.anomalies\", conditions = ['.type == \"silence\"'] }]\nadvance",
    );
    let over = one("the end of the input is no silence", lines, "no_outputs_from = [\"health.anomalies\"]");
    assert_passes(&[detect, &silent, &over].concat());
}

#[test]
fn what_does_not_hold_is_shown_with_its_line_and_what_came() {
    let lines = format!("{{ {LINE}, repeat = 3, every = \"10s\" }}");
    let expected = "no_outputs_from = [\"counts\"]\n\
                    outputs = [{ extract_from = \"counts\", conditions = [\".count == 1\", \".count == 2\"] }]";
    let tests =
        one("holds", &lines, "outputs = [{ extract_from = \"counts\", count = 3 }]") + &one("fails", &lines, expected);
    let (place, said) = test(&tests, &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let text = fs::read_to_string(place.path("shop.toml")).expect("there");
    let line_of = |part: &str| text.lines().position(|line| line.starts_with(part)).map_or(0, |line| line + 1);
    for part in [
        "ok      shop: holds\n",
        "FAILED  shop: fails\n",
        &format!(
            "        shop.toml:{}: an event from `counts` should have met the conditions, and 0 of 3 did so\n",
            line_of("outputs = [{ extract_from = \"counts\", conditions")
        ),
        "          3 of 3  .count == 1\n          0 of 3  .count == 2\n        what came:\n          {\"count\":1",
        &format!(
            "        shop.toml:{}: no event should have come from `counts`, and 3 came\n",
            line_of("no_outputs_from")
        ),
        "\n2 tests: 1 passed, 1 failed.\n",
    ] {
        assert!(said.out.contains(part), "{part} is missing:\n{}", said.out);
    }

    // The same bytes with any number of threads, and of tests.
    for threads in [1, 3] {
        place.write("logd.toml", format!("limits.threads = {threads}\n"));
        assert_eq!(run(place.logd().args(["test", "shop.toml"])).out, said.out);
    }
    let chosen = run(place.logd().args(["test", "shop.toml", "--filter", "hold"]));
    assert_eq!((chosen.code, chosen.out.as_str()), (Some(0), "ok      shop: holds\n\n1 test: 1 passed, 0 failed.\n"));
    assert_eq!(run(place.logd().args(["test", "shop.toml", "--filter", "none"])).code, Some(64));

    let junit = run(place.logd().args(["test", "shop.toml", "--format", "junit", "--output", "junit.xml"]));
    assert_eq!((junit.code, junit.out.as_str()), (Some(1), ""));
    let xml = fs::read_to_string(place.path("junit.xml")).expect("written");
    assert!(xml.contains(r#"<testcase name="fails" classname="shop">"#) && xml.contains("<failure message="), "{xml}");
}

#[test]
fn tests_may_stand_in_a_file_of_their_own() {
    let place = Place::new();
    place.write("pipelines/shop.toml", PIPELINE);
    let tests = one("counted", &format!("{{ {LINE} }}"), "outputs = [{ extract_from = \"counts\" }]");
    place.write(
        "pipelines/tests.toml",
        tests.replace("\"parsed\"", "\"shop/parsed\"").replace("\"counts\"", "\"shop/counts\""),
    );
    let said = run(place.logd().arg("test"));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.starts_with("ok      tests: counted\n"), "{}", said.out);
}

#[test]
fn a_broken_test_is_for_those_who_test() {
    let broken = one("wrong", &format!("{{ {LINE} }}"), "outputs = [{ extract_from = \"count\" }]");
    let (place, said) = test(&broken, &[]);
    assert_eq!(said.code, Some(78), "{}", said.err);
    assert!(
        said.err.contains("there is no component `count`") && said.err.contains("did you mean `counts`?"),
        "{}",
        said.err
    );
    assert_eq!(
        run(place.logd().args(["validate", "-c", "shop.toml"])).err.replace("1 file: 1 error, 0 warnings.\n", ""),
        said.err
    );
    let ran = run(place.logd().args(["run", "--once", "-c", "shop.toml"]));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn what_goes_by_the_clock_can_not_be_tested() {
    let clock = PIPELINE.replace("allowed_lateness", "clock = \"processing\"\nallowed_lateness");
    let place = Place::new();
    place.write(
        "shop.toml",
        clock + &one("counted", &format!("{{ {LINE} }}"), "outputs = [{ extract_from = \"counts\" }]"),
    );
    let said = run(place.logd().args(["test", "shop.toml"]));
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.contains("it could not be run: `shop/counts` goes by the clock"), "{}", said.out);
}

#[test]
fn files_without_tests_have_nothing_that_fails() {
    let (_, said) = test("", &[]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "There is no test in these files.\n"));
}
