use logd_sdk::outputs::Discard;
use logd_sdk::{Component, Port, Settings, Time};

use super::*;
use crate::fixtures::{ARRIVAL, apply, build, check, columns, documents, json, lines, plan, sent, texts};

const COMPONENT: Component = Component::transform::<ParseSettings>();

/// What these settings make of lines, with `read` read downstream.
fn parse<T: AsRef<[u8]>>(settings: &str, read: &[&str], texts: &[T]) -> Outputs {
    apply(build(&COMPONENT, settings, read).as_ref(), lines(texts))
}

fn time(text: &str) -> Time {
    Time::parse_rfc3339(text.as_bytes()).expect("a time")
}

/// The one batch that left by the main output.
fn only(out: &Outputs) -> &Batch {
    assert_eq!(out.sent.len(), 1);
    &out.sent[0].1
}

#[test]
fn reads_its_example() {
    assert_eq!(check(&COMPONENT, ParseSettings::EXAMPLE), Vec::<String>::new());
    let read = plan(&COMPONENT, ParseSettings::EXAMPLE).expect("settings");
    assert_eq!(read.describe().ports(), ["dead"]);
    assert_eq!(plan(&COMPONENT, "format = 'clf'\non_error = 'drop'").expect("settings").describe().ports().len(), 0);
}

#[test]
fn rejects_what_does_not_fit() {
    for (settings, faults) in [
        (
            "format = 'json'\npattern = 'x'\ncolumns = ['a']\nheader = true\nnumbers = true\ndelimiter = ';'",
            vec![
                "pattern: `pattern` does not go with the format json",
                "columns: `columns` does not go with the format json",
                "delimiter: `delimiter` does not go with the format json",
                "header: `header` does not go with the format json",
                "numbers: `numbers` does not go with the format json",
            ],
        ),
        ("format = 'regex'", vec![": there is no `pattern`"]),
        ("format = 'regex'\npattern = '('", vec!["pattern: unclosed group"]),
        ("format = 'grok'\npattern = '%{NUMBER}'", vec!["pattern: the pattern captures nothing"]),
        ("format = 'csv'", vec![": the columns are not named"]),
        ("format = 'csv'\ncolumns = ['a', 'a']", vec!["columns[1]: the column `a` must have a name of its own"]),
        (
            "format = 'csv'\ncolumns = ['a']\ndelimiter = ', '",
            vec!["delimiter: the delimiter must be a single ASCII character"],
        ),
        (
            "format = 'csv'\ncolumns = ['a']\ntimestamp.field = 'b'",
            vec!["timestamp.field: `b` is none of the fields that are read"],
        ),
        (
            "format = 'clf'\ntimestamp.field = 'x'\ntimestamp.timezone = 'UTC'",
            vec![
                "timestamp.field: `timestamp.field` does not go with the format clf",
                "timestamp.timezone: `timestamp.timezone` does not go with the format clf",
            ],
        ),
        ("format = 'json'\ntimestamp.format = '%H'", vec!["timestamp.format: `%H` does not say a day and a time"]),
        ("format = 'json'\ntimestamp.timezone = 'Mars'", vec!["timestamp.timezone: `Mars` is not a time zone"]),
    ] {
        assert_eq!(check(&COMPONENT, settings), faults, "{settings}");
    }
    assert!(plan(&COMPONENT, "format = 'xml'").expect_err("unknown").contains("unknown variant `xml`"));
    assert!(plan(&COMPONENT, "format = 'json'\ntimestamp = 'x'").is_err());
}

#[test]
fn json_is_the_event_as_it_is() {
    let texts_ = [
        r#"{"timestamp":"2015-05-17T10:05:03.250Z","level":"INFO","n":1}"#,
        r#"{"timestamp":1431857104,"level":null}"#,
    ];
    let out = parse(ParseSettings::EXAMPLE, &["level", "gone"], &texts_);
    let batch = only(&out);
    assert_eq!(sent(&out, Port::MAIN), texts_);
    assert!(batch.rows().iter().all(|row| matches!(row.body, Body::Json)));
    assert_eq!(texts(batch, "level"), ["INFO", ""]);
    assert_eq!(batch.rows()[0].time, time("2015-05-17T10:05:03.250Z"));
    assert_eq!(batch.blocks()[0].greatest, time("2015-05-17T10:05:04Z"));
    assert!(batch.columns().contains(&columns(&["level", "gone"])));
}

#[test]
fn a_real_nginx_document() {
    let document = include_str!("../../tests/data/nginxplus.json");
    let out = parse(
        "format = 'json'\ntimestamp.format = 'unix_ms'",
        &["connections.active", "server_zones.\"hg.nginx.org\".requests"],
        &[document],
    );
    let batch = only(&out);
    assert_eq!(batch.rows()[0].time, time("2015-10-30T23:58:19.322Z"));
    assert_eq!(texts(batch, "connections.active"), ["2"]);
    assert_eq!(texts(batch, "server_zones.\"hg.nginx.org\".requests"), ["205543"]);
}

#[test]
fn without_a_timestamp_the_time_is_left_alone() {
    let out = parse("format = 'json'", &[], &["{}", "{"]);
    assert_eq!((only(&out).rows()[0].time, only(&out).len()), (ARRIVAL, 1));
}

/// Three good events with bad ones around them.
const MIXED: [&str; 6] = [
    "no json",
    r#"{"timestamp":"2015-05-17T10:05:03Z"}"#,
    r#"{"timestamp":"2015-05-17T10:05:01Z"}"#,
    r#"{"timestamp":"when?"}"#,
    r#"{"timestamp":"2015-05-17T10:05:04Z"}"#,
    r#"{"level":"INFO"}"#,
];

#[test]
fn what_cannot_be_read_is_dead() {
    let out = parse(ParseSettings::EXAMPLE, &[], &MIXED);
    assert_eq!(only(&out).len(), 3);
    assert_eq!(only(&out).blocks()[0].greatest, time("2015-05-17T10:05:04Z"), "not when the bad ones came in");
    let (dead, reasons) = &out.dead[0];
    assert_eq!((dead.raw(0), dead.raw(2)), (MIXED[0].as_bytes(), MIXED[5].as_bytes()));
    assert_eq!(json(dead, 0), r#"{"message":"no json"}"#);
    assert!(reasons[0].starts_with("invalid JSON at byte"), "{reasons:?}");
    assert_eq!(reasons[1..], ["`when?` is not a known form of time", "the event has no `timestamp`"]);
    assert_eq!(out.errors, [("invalid_json", 1), ("invalid_timestamp", 1), ("no_timestamp", 1)]);
}

#[test]
fn or_it_is_dropped() {
    let out = parse("format = 'json'\ntimestamp = {}\non_error = 'drop'", &[], &MIXED);
    assert_eq!((only(&out).len(), out.dead.len(), out.discarded.len()), (3, 0, 3));
    assert!(out.discarded.contains(&(Discard::Lost, "invalid_json", 1)));
}

#[test]
fn or_it_is_kept_with_the_greatest_time_so_far() {
    let out = parse("format = 'json'\ntimestamp = {}\non_error = 'keep'", &["message", "level"], &MIXED);
    let batch = only(&out);
    let times: Vec<_> = batch.rows().iter().map(|row| row.time.to_string()[17..19].to_owned()).collect();
    assert_eq!(times, ["03", "03", "01", "03", "04", "04"]);
    assert_eq!(texts(batch, "message"), ["no json", "", "", "", "", ""]);
    assert_eq!(texts(batch, "level"), ["", "", "", "", "", "INFO"]);
    assert_eq!(json(batch, 0), r#"{"message":"no json"}"#);
    assert_eq!(out.errors.len(), 3);
    let none = parse("format = 'json'\ntimestamp = {}\non_error = 'keep'", &[], &["x"]);
    assert_eq!(only(&none).rows()[0].time, Time::MIN, "a time that nobody knows moves no watermark");
}

#[test]
fn a_real_access_log() {
    let log: Vec<_> = include_str!("../../tests/data/apache_access.log").lines().collect();
    let out = parse("format = 'combined'", &["status", "path", "url"], &log);
    let batch = only(&out);
    assert_eq!(texts(batch, "status"), ["200", "200", "200", "206", "200", "404", "500", "200"]);
    assert_eq!(texts(batch, "path")[1], "/reset.css");
    assert_eq!(texts(batch, "message")[1], "GET /reset.css HTTP/1.1");
    assert_eq!(batch.rows()[0].time, time("2015-05-17T10:05:03Z"));
    assert_eq!(
        json(batch, 2),
        r#"{"agent":"Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)","host":"218.30.103.62","message":"GET /robots.txt HTTP/1.1","method":"GET","path":"/robots.txt","protocol":"HTTP/1.1","status":200,"timestamp":"2015-05-17T11:05:11Z"}"#
    );
    assert!(texts(batch, "referrer")[4].contains(r"\xe4\xe5"));
    let (dead, reasons) = &out.dead[0];
    assert_eq!(dead.raw(0), log[5].as_bytes());
    assert_eq!(reasons, &["failed parsing combined log line"]);
}

#[test]
fn a_real_brokers_log() {
    let log: Vec<_> = include_str!("../../tests/data/kafka_server.log").lines().collect();
    let out = parse("format = 'log4j'\ntimestamp.timezone = 'Europe/Berlin'", &["level", "class"], &log);
    assert_eq!(texts(only(&out), "class")[1], "kafka.coordinator.GroupMetadataManager");
    assert_eq!(only(&out).rows()[0].time, time("2016-12-19T18:01:37.536Z"));
}

#[test]
fn csv_with_its_header() {
    let settings = "format = 'csv'\ncolumns = ['timestamp', 'value']\ntimestamp = {}";
    let log: Vec<_> = include_str!("../../tests/data/cpu.csv").lines().collect();
    let out = parse(settings, &["value"], &[log.as_slice(), &["a,b,c"]].concat());
    assert_eq!(texts(only(&out), "value"), ["0.132", "0.134", "0.134"]);
    assert_eq!(
        json(only(&out), 0),
        r#"{"message":"2014-02-14 14:30:00,0.132","timestamp":"2014-02-14 14:30:00","value":0.132}"#
    );
    assert_eq!(only(&out).rows()[1].time, time("2014-02-14T14:35:00Z"));
    assert_eq!(out.discarded, [(Discard::Intended, "header", 1)]);
    assert_eq!(out.dead[0].1, ["3 cells where there are 2 columns"]);
}

#[test]
fn logfmt_and_syslog() {
    let out =
        parse("format = 'logfmt'\ntimestamp.field = 'ts'", &["ms"], &[r#"ts=1431857103 msg="a b" ms=3.5 id=007 ok"#]);
    assert_eq!(texts(only(&out), "ms"), ["3.5"]);
    assert_eq!(only(&out).rows()[0].time, time("2015-05-17T10:05:03Z"));
    assert_eq!(
        sent(&out, Port::MAIN),
        [
            r#"{"id":"007","message":"ts=1431857103 msg=\"a b\" ms=3.5 id=007 ok","ms":3.5,"msg":"a b","ok":true,"ts":1431857103}"#
        ]
    );
    let line = r#"<165>1 2003-10-11T22:14:15.003Z host.example app 111 ID47 [x@1 k="v"] An event"#;
    let out = parse("format = 'syslog'", &["severity", "message"], &[line, "nonsense"]);
    assert_eq!(
        (texts(only(&out), "severity"), texts(only(&out), "message")),
        (vec!["notice".to_owned()], vec!["An event".to_owned()])
    );
    assert_eq!(only(&out).rows()[0].time, time("2003-10-11T22:14:15.003Z"));
    assert_eq!(out.dead[0].0.len(), 1);
}

#[test]
fn regex_and_grok_keep_the_line() {
    for settings in [
        r"format = 'regex'
          pattern = '^(?P<verb>\w+) took (?P<ms>\d+)'",
        "format = 'grok'\npattern = '^%{WORD:verb} took %{INT:ms}'",
    ] {
        let out = parse(settings, &["ms"], &["get took 5 ms"]);
        assert_eq!(sent(&out, Port::MAIN), [r#"{"message":"get took 5 ms","ms":5,"verb":"get"}"#], "{settings}");
    }
}

#[test]
fn lines_that_are_not_utf8() {
    let out = parse("format = 'regex'\npattern = '^(?P<all>.+)$'", &["all"], &[b"a\xffb".as_slice(), b"c"]);
    assert_eq!(texts(only(&out), "all"), ["a\u{fffd}b", "c"]);
    assert_eq!(json(only(&out), 0), "{\"all\":\"a\u{fffd}b\",\"message\":\"a\u{fffd}b\"}");
    let out = parse("format = 'json'", &[], &[b"{\"a\":\"\xff\"}".as_slice()]);
    assert_eq!(out.errors, [("invalid_json", 1)]);
}

#[test]
fn a_text_in_a_field_leaves_the_other_fields() {
    let transform = build(&COMPONENT, "format = 'json'\nfield = 'log.text'\ntimestamp = {}", &["a"]);
    let inner = r#"{"log":{"text":"{\"timestamp\":5,\"a\":1}"},"host":"h"}"#;
    let out = apply(transform.as_ref(), documents(&[inner, r#"{"log":5}"#]));
    assert_eq!(sent(&out, Port::MAIN), [r#"{"a":1,"host":"h","timestamp":5}"#]);
    assert_eq!(
        (texts(only(&out), "a"), only(&out).rows()[0].time),
        (vec!["1".to_owned()], Time::from_micros(5_000_000))
    );
    assert_eq!(out.dead[0].1, ["the event has no text in `log.text`"]);

    let transform = build(&COMPONENT, "format = 'clf'", &[]);
    let access =
        r#"{"message":"::1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 5","host":"web-1","dc":"x"}"#;
    let out = apply(transform.as_ref(), documents(&[access]));
    let text = r#"{"dc":"x","host":"::1","message":"GET / HTTP/1.1","method":"GET","path":"/","protocol":"HTTP/1.1","size":5,"status":200,"timestamp":"2015-05-17T10:05:03Z"}"#;
    assert_eq!(sent(&out, Port::MAIN), [text]);
}

#[test]
fn documents_need_not_be_lines() {
    let out =
        apply(build(&COMPONENT, ParseSettings::EXAMPLE, &["a"]).as_ref(), documents(&[r#"{"timestamp":5,"a":1}"#]));
    assert_eq!(texts(only(&out), "a"), ["1"]);
}

#[test]
fn hostile_lines_are_bounded() {
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(10_000_000));
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let out = parse("format = 'json'", &["a"], &[&long, &deep]);
    assert_eq!(
        (only(&out).len(), out.dead[0].1.as_slice()),
        (1, ["JSON nested deeper than 128 levels".to_owned()].as_slice())
    );
    let pattern = "format = 'grok'\npattern = '(?<a>(x+x+)+)y'";
    for settings in ["format = 'combined'", "format = 'logfmt'", "format = 'syslog'", "format = 'log4j'", pattern] {
        let out = parse(
            settings,
            &[],
            &[long.as_str(), "y", &"x ".repeat(7000), &"\"\\\"=".repeat(5000), &"[".repeat(16000)],
        );
        assert!(!out.dead.is_empty(), "{settings}");
    }
}
