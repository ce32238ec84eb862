use super::*;
use crate::fixtures::{ARRIVAL, apply, build, check, context, documents, lines, plan, sent, texts};
use logd_sdk::{Component, Plan, Settings, Time};

const COMPONENT: Component = Component::transform::<RemapSettings>();

/// What a program makes of these documents.
fn remap(settings: &str, documents_: &[&str]) -> Outputs {
    apply(build(&COMPONENT, settings, &[]).as_ref(), documents(documents_))
}

fn program(source: &str) -> String {
    format!("source = '''{source}'''\n")
}

#[test]
fn reads_its_example() {
    assert_eq!(check(&COMPONENT, RemapSettings::EXAMPLE), Vec::<String>::new());
    let plan = plan(&COMPONENT, RemapSettings::EXAMPLE).expect("settings");
    assert_eq!(plan.describe().ports(), ["dead"]);
}

#[test]
fn rejects_what_it_must() {
    assert_eq!(check(&COMPONENT, ""), [": there is no program"]);
    assert_eq!(check(&COMPONENT, "source = ''\nfile = 'x.vrl'"), ["file: `source` and `file` exclude each other"]);
    assert_eq!(check(&COMPONENT, "source = '.a = to_int(.b)'"), ["source: unhandled fallible assignment"]);
    assert_eq!(check(&COMPONENT, "source = '.a = 1'\ntimezone = 'Mars'"), ["timezone: `Mars` is not a time zone"]);
    assert_eq!(check(&COMPONENT, "source = '''\n5\n.a = 1'''"), ["source: unused literal `5`"]);
    assert!(plan(&COMPONENT, "sauce = ''").expect_err("unknown").contains("unknown field `sauce`"));
}

#[test]
fn a_program_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("p.vrl");
    let settings = format!("file = '{}'", file.display());
    assert_eq!(check(&COMPONENT, &settings), Vec::<String>::new(), "that it can't be read is for the loader to say");
    let Plan::Transform(unread) = plan(&COMPONENT, &settings).expect("settings") else { unreachable!() };
    assert!(unread.build(&context(&[])).is_err());
    std::fs::write(&file, ".a = 1\n.b = nope()\n").expect("written");
    assert_eq!(check(&COMPONENT, &settings), ["file, p.vrl at 12..16: call to undefined function"]);
    std::fs::write(&file, "5\n.a = 1").expect("written");
    assert_eq!(check(&COMPONENT, &settings), ["file, p.vrl at 0..1: unused literal `5`"]);
    std::fs::write(&file, ".a = 1").expect("written");
    assert_eq!(sent(&remap(&settings, &["{}"]), Port::MAIN), [r#"{"a":1}"#]);
}

#[test]
fn changes_events() {
    let out = remap(&program(".n = int!(.n) + 1\ndel(.password)"), &[r#"{"n":1,"password":"x"}"#, r#"{"n":2}"#]);
    assert_eq!(sent(&out, Port::MAIN), [r#"{"n":2}"#, r#"{"n":3}"#]);
    let transform = build(&COMPONENT, &program(".upper = upcase(string!(.message))"), &["upper", "message"]);
    let out = apply(transform.as_ref(), lines(&["one", "two"]));
    assert_eq!(texts(&out.sent[0].1, "upper"), ["ONE", "TWO"]);
    assert_eq!(texts(&out.sent[0].1, "message"), ["one", "two"]);
}

#[test]
fn failures_go_on_unchanged_unless_they_are_dropped() {
    let failing = program(".gone = del(.n)\n.n = int!(.gone)");
    let documents = [r#"{"n":1}"#, r#"{"n":"x"}"#];
    let out = remap(&failing, &documents);
    assert_eq!(sent(&out, Port::MAIN), [r#"{"gone":1,"n":1}"#, r#"{"n":"x"}"#]);
    assert_eq!(out.errors, [("program_failed", 1)]);

    let out = remap(&format!("{failing}drop_on_error = true"), &documents);
    assert_eq!(sent(&out, Port::MAIN), [r#"{"gone":1,"n":1}"#]);
    assert_eq!(out.discarded, [(Discard::Lost, "program_failed", 1)]);

    let out = remap(&format!("{failing}drop_on_error = true\nreroute_dropped = true"), &documents);
    let (dead, reasons) = &out.dead[0];
    assert_eq!(dead.raw(0), br#"{"n":"x"}"#);
    assert!(reasons[0].contains("expected integer, got string"), "{reasons:?}");
}

#[test]
fn aborts_are_dropped_unless_they_are_kept() {
    let aborting = program("if .n == 1 { abort \"one is \" + to_string(.n) ?? \"\" }");
    let documents = [r#"{"n":1}"#, r#"{"n":2}"#];
    let out = remap(&aborting, &documents);
    assert_eq!(sent(&out, Port::MAIN), [r#"{"n":2}"#]);
    assert_eq!((out.discarded, out.errors), (vec![(Discard::Intended, "aborted", 1)], vec![]));
    assert_eq!(sent(&remap(&format!("{aborting}drop_on_abort = false"), &documents), Port::MAIN), documents);
    let out = remap(&format!("{aborting}reroute_dropped = true"), &documents);
    assert_eq!(out.dead[0].1, ["one is 1"]);
}

#[test]
fn an_array_makes_several_events() {
    let splitting = program("if exists(.keep) { abort }\n. = .list");
    let documents = [
        r#"{"keep":1}"#,
        r#"{"list":[{"a":1},{"a":2},"three"]}"#,
        r#"{"list":[]}"#,
        r#"{"list":[{"a":4}]}"#,
        r#"{"list":"text"}"#,
        r#"{"list":[{"a":5},{"a":6}]}"#,
    ];
    let out = remap(&splitting, &documents);
    let events = [
        r#"{"a":1}"#,
        r#"{"a":2}"#,
        r#"{"message":"three"}"#,
        r#"{"a":4}"#,
        r#"{"message":"text"}"#,
        r#"{"a":5}"#,
        r#"{"a":6}"#,
    ];
    assert_eq!(sent(&out, Port::MAIN), events);
    assert_eq!(out.made, 3);
    assert_eq!(out.discarded, [(Discard::Intended, "aborted", 1), (Discard::Intended, "emptied", 1)]);
    let batch = &out.sent[0].1;
    let ids: Vec<_> = (0..batch.len()).map(|row| batch.id(row)).collect();
    assert!(ids.iter().enumerate().all(|(place, id)| !ids[..place].contains(id)), "{ids:?}");
    assert_eq!(ids[0], documents_id(&documents, 1), "the first keeps the event's identity");
    let again = remap(&splitting, &documents);
    assert_eq!(again.sent[0].1.id(2), ids[2], "and the others have theirs in every run");
}

fn documents_id(texts: &[&str], row: usize) -> logd_sdk::EventId {
    documents(texts).id(row)
}

#[test]
fn the_events_time_is_metadata() {
    let document = r#"{"timestamp":"2015-05-17T10:05:03Z"}"#;
    let out = remap(&program(".timestamp = \"2000-01-01T00:00:00Z\""), &[document]);
    assert_eq!(out.sent[0].1.rows()[0].time, ARRIVAL);
    let out = remap(&program("%time = parse_timestamp!(.timestamp, \"%+\")"), &[document]);
    let batch = &out.sent[0].1;
    let time = Time::parse_rfc3339(b"2015-05-17T10:05:03Z").expect("a time");
    assert_eq!((batch.rows()[0].time, batch.blocks()[0].greatest), (time, time));
}

#[test]
fn times_without_a_zone_are_in_the_one_that_is_set() {
    let source = program(".t = to_unix_timestamp(parse_timestamp!(\"2015-05-17 10:05:03\", \"%F %T\"))");
    assert_eq!(sent(&remap(&source, &["{}"]), Port::MAIN), [r#"{"t":1431857103}"#]);
    let out = remap(&format!("{source}timezone = \"Europe/Berlin\""), &["{}"]);
    assert_eq!(sent(&out, Port::MAIN), [r#"{"t":1431849903}"#]);
}

#[test]
fn what_takes_too_long_is_dead_and_the_rest_goes_on() {
    let source = program(
        "items = array!(split(\"a,\" * int!(.n), \",\"))\nfor_each(items) -> |_i, _v| { for_each(items) -> |_j, _w| { .n = 1 } }",
    );
    let Plan::Transform(plan) = plan(&COMPONENT, &source).expect("settings") else { unreachable!() };
    drop(plan);
    let settings: RemapSettings = toml::from_str(&source).expect("settings");
    let mut remap = logd_sdk::component::TransformSettings::build(&settings, &context(&[])).expect("builds");
    remap.share = Duration::from_millis(50);
    let out = apply(&remap, documents(&[r#"{"n":1}"#, r#"{"n":100000}"#, r#"{"n":1}"#]));
    assert_eq!(out.sent[0].1.len(), 2);
    assert_eq!(out.dead[0].0.raw(0), br#"{"n":100000}"#);
    assert!(out.dead[0].1[0].contains("took too long"), "{:?}", out.dead[0].1);
    assert_eq!(out.errors, [("timed_out", 1)]);
}

#[test]
fn hostile_input_is_bounded() {
    let nesting = program("for_each(array!(.a)) -> |_i, _v| { .n = { \"n\": .n } }");
    let levels = |levels: usize| format!(r#"{{"a":[{}1]}}"#, "1,".repeat(levels - 1));
    let out = remap(&format!("{nesting}drop_on_error = true"), &[&levels(100), &levels(200)]);
    assert_eq!((out.sent[0].1.len(), out.errors), (1, vec![("program_failed", 1)]));
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(10_000_000));
    let deep = format!(r#"{{"a":"{}{}"}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let settings = format!(
        "{}drop_on_error = true\nreroute_dropped = true",
        program("if match(string!(.a), r'^(x+x+)+$') { .a = \"large\" } else { .a = parse_json!(.a) }",)
    );
    let out = remap(&settings, &[&large, &deep]);
    assert_eq!(sent(&out, Port::MAIN), [r#"{"a":"large"}"#]);
    assert!(out.dead[0].1[0].contains("unable to parse json"), "{:?}", out.dead[0].1);
}
