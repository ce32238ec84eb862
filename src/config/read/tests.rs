//! Tables with one mistake and with many.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{ByteSize, Duration, FieldPath, Secret, Template};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::config::document::Document;
use crate::config::render;
use crate::config::source_file::SourceFile;

/// Settings as a component may have them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether they can be read counts")]
struct Settings {
    field: FieldPath,
    size: Duration,
    #[serde(default)]
    threshold: Option<f64>,
    #[serde(default)]
    workers: Option<NonZeroU32>,
    #[serde(default)]
    enabled: bool,
    mode: Mode,
    #[serde(default)]
    max_size: Option<ByteSize>,
    #[serde(default)]
    name: Option<Template>,
    #[serde(default)]
    password: Option<Secret>,
    #[serde(default)]
    baseline: Option<Baseline>,
    #[serde(default)]
    group_by: Vec<FieldPath>,
    #[serde(default)]
    pair: Option<(u8, u8)>,
    #[serde(default)]
    aggregates: BTreeMap<String, Aggregate>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Up,
    Down,
    Both,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it can be read counts")]
struct Baseline {
    samples: u16,
    min_samples: u16,
    mode: Mode,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether it can be read counts")]
struct Aggregate {
    r#fn: String,
    q: f64,
}

fn read_settings(text: &str) -> (Option<Settings>, Vec<Diagnostic>) {
    let (settings, diagnostics) = repaired_settings(text);
    (settings.and_then(super::Settings::sound), diagnostics)
}

fn repaired_settings(text: &str) -> (Option<super::Settings<Settings>>, Vec<Diagnostic>) {
    let environment = |name: &str| match name {
        "ON" => Some("true".to_owned()),
        "LIMIT" => Some("2.5".to_owned()),
        "WORD" => Some("canary".to_owned()),
        _ => None,
    };
    let mut diagnostics = Diagnostics::default();
    let document = Document::new(SourceFile::new("a.toml", text), &mut diagnostics);
    let (table, origin) = document.table(&environment, &mut diagnostics);
    let table = Spanned::new(0..0, table);
    let known = Known { also: &["type", "inputs"], example: EXAMPLE };
    let settings = read(&origin, table, known, deserialize::<Settings>, &mut diagnostics);
    (settings, diagnostics.sorted())
}

/// How the settings may be written.
const EXAMPLE: &str = "field = 'a'\nsize = '5s'\n\n[mode]\nup = true\n";

/// The messages with their places, as `line:column message (label)`.
fn messages(text: &str) -> Vec<String> {
    let (settings, diagnostics) = read_settings(text);
    assert_eq!(settings.is_none(), !diagnostics.is_empty(), "{text}: {diagnostics:?}");
    let show = |found: &Diagnostic| {
        let position = found.file.position(found.span.as_ref().unwrap().start);
        let label = found.label.as_ref().map_or(String::new(), |label| format!(" ({label})"));
        format!("{}:{} {}{label}", position.line, position.column, found.message)
    };
    diagnostics.iter().map(show).collect()
}

const GOOD: &str = "field = 'a.b'\nsize = '5s'\nmode = 'up'\n";

/// What is said of a line below good ones.
fn message(line: &str) -> String {
    let messages = messages(&format!("{GOOD}{line}\n"));
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages[0].clone()
}

fn help(line: &str) -> String {
    let (_, diagnostics) = read_settings(&format!("{GOOD}{line}\n"));
    diagnostics[0].help.clone().unwrap_or_default()
}

#[test]
fn good_settings_are_read() {
    assert_eq!(messages(GOOD), Vec::<String>::new());
}

#[test]
fn each_mistake_has_its_words() {
    for (line, expected) in [
        ("treshold = 3", "4:1 unknown key `treshold` (did you mean `threshold`?)"),
        ("imputs = ['a']", "4:1 unknown key `imputs` (did you mean `inputs`?)"),
        ("zzz = 3", "4:1 unknown key `zzz`"),
        ("threshold = 'high'", "4:13 `threshold` must be a number, not a string (expected a number)"),
        ("workers = 0", "4:11 `workers` must be a whole number, 1 or more, not 0 (expected a whole number, 1 or more)"),
        ("enabled = 1", "4:11 `enabled` must be true or false, not a whole number (expected true or false)"),
        ("max_size = 1048576", "4:12 `max_size`: the size 1048576 has no unit"),
        ("max_bytes = 1048576", "4:1 unknown key `max_bytes` (units stand in the value)"),
        ("password = 5", "4:12 `password` must be a string, not a whole number (expected a string)"),
        ("name = 'a {{ b c }}'", "4:15 `name`: `b c` is not a field path"),
        ("group_by = ['a', 'b c']", "4:20 `group_by[1]`: `b c` is not a field path"),
        ("baseline = 5", "4:12 `baseline` must be a table, not a whole number (expected a table)"),
        ("baseline = { samples = 1, mode = 'up' }", "4:12 `min_samples` is missing (in this table)"),
        ("pair = [1]", "4:8 `pair`: invalid length 1, expected a tuple of size 2"),
        (
            "aggregates.p99 = { fn = 'quantile', q = '0.9' }",
            "4:41 `q` must be a number, not a string (expected a number)",
        ),
    ] {
        assert_eq!(message(line), expected);
    }
    assert_eq!(help("max_size = 1048576"), "write \"1 MiB\"");
    assert_eq!(help("max_bytes = 1048576"), "write max_size = \"1 MiB\"");
    assert_eq!(
        help("baseline = { samples = 1, min_samples = 1, mode = 'left' }"),
        "it is one of `up`, `down` and `both`"
    );
    assert!(help("zzz = 3").starts_with("the keys here are `field`, `size`"));
}

#[test]
fn all_mistakes_are_found_at_once() {
    let text = "field = 5\nsiez = 'x'\nmode = 'upp'\nthreshold = '3'\nworkers = -1\n\
        baseline = { samples = 'a', nin_samples = 70000, extra = 1 }\ngroup_by = ['a b', 1, 'c', '']\n\
        [aggregates.p99]\nfn = 1\nz = 2\n[aggregates.p50]\nq = true\n";
    let expected = [
        "1:9 `field` must be a field path like \"http.status\", not a whole number (expected a field path like \"http.status\")",
        "2:1 unknown key `siez` (did you mean `size`?)",
        "2:8 `size`: `x` is not a duration: a number is missing at `x`",
        "3:8 `mode` can't be `upp` (did you mean `up`?)",
        "4:13 `threshold` must be a number, not a string (expected a number)",
        "5:11 `workers` must be a whole number, 1 or more, not -1 (expected a whole number, 1 or more)",
        "6:12 `mode` is missing (in this table)",
        "6:24 `samples` must be a whole number from 0 to 65535, not a string (expected a whole number from 0 to 65535)",
        "6:29 unknown key `nin_samples` (did you mean `min_samples`?)",
        "6:43 `min_samples` must be a whole number from 0 to 65535, not 70000 (expected a whole number from 0 to 65535)",
        "6:50 unknown key `extra`",
        "7:15 `group_by[0]`: `a b` is not a field path",
        "7:20 `group_by[1]` must be a field path like \"http.status\", not a whole number (expected a field path like \"http.status\")",
        "7:28 `group_by[3]`: `` is not a field path: it is empty",
        "8:1 `q` is missing (in this table)",
        "9:6 `fn` must be a string, not a whole number (expected a string)",
        "10:1 unknown key `z`",
        "11:1 `fn` is missing (in this table)",
        "12:5 `q` must be a number, not a boolean (expected a number)",
    ];
    assert_eq!(messages(text), expected);
}

#[test]
fn shows_how_it_is_written() {
    assert_eq!(help("group_by = 'a'"), "write ['a']");
    assert_eq!(help("threshold = '3'"), "write 3");
    assert_eq!(help("enabled = \"yes\""), "write true");
    assert_eq!(help("enabled = 'maybe'"), "");
    let (_, diagnostics) = read_settings("");
    let helps: Vec<_> = diagnostics.iter().map(|found| found.help.clone().unwrap_or_default()).collect();
    assert_eq!(helps, ["write field = 'a'", "write mode.up = true", "write size = '5s'"]);
}

#[test]
fn a_repair_explains_what_comes_of_it() {
    let repaired = |path: &[&str]| Repairs(vec![path.iter().map(|&key| key.into()).collect()]);
    let explains = |path: &[&str], key: &[&str]| {
        let mut report = Report::default();
        let key = KeyPath(key.iter().map(|&key| key.into()).collect());
        repaired(path).explain(report.error(key, ""))
    };
    assert!(explains(&["auth", "user"], &["auth"]));
    assert!(explains(&["auth", "user"], &[]));
    assert!(explains(&["auth"], &["auth", "user"]));
    assert!(!explains(&["auth", "user"], &["auth", "token"]));
    assert!(!explains(&[], &["auth"]), "an unknown key at the top explains no other");
    assert!(repaired(&["auth"]).explain(Report::default().warning("path", "")));
}

#[test]
fn what_is_found_beside_a_mistake_is_told_unless_it_may_come_of_it() {
    let text = "mode = 'up'\nfield = 'a'\nsize = 5\nworkers = 3\nthreshold = 7.0\n";
    let (settings, _) = repaired_settings(text);
    let mut settings = settings.expect("repaired");
    let found = settings.check(|settings, _, report| {
        report.error("threshold", "is 7 whatever `size` is");
        report.error("size", "is not what it was");
        report.error("workers", format!("are too many for {}", settings.size));
        report.warning("mode", "can wait");
        if settings.size.as_secs() < 60 {
            report.error("mode", "does not go with so small a size");
        }
    });
    assert_eq!(found.iter().map(|found| found.message.as_str()).collect::<Vec<_>>(), ["is 7 whatever `size` is"]);
    assert_eq!(settings.whatever(|settings, _| settings.workers), Some(NonZeroU32::new(3).unwrap()));
    assert_eq!(settings.whatever(|settings, _| Some(settings.size)), None);
    assert!(settings.sound().is_none());
}

#[test]
fn missing_keys_are_all_named() {
    assert_eq!(
        messages("enabled = 1"),
        [
            "1:1 `field` is missing (in this table)",
            "1:1 `mode` is missing (in this table)",
            "1:1 `size` is missing (in this table)",
            "1:11 `enabled` must be true or false, not a whole number (expected true or false)"
        ]
    );
}

#[test]
fn variables_become_what_the_field_wants() {
    let (settings, diagnostics) = read_settings(&format!(
        "{GOOD}enabled = '${{ON}}'\nthreshold = '${{LIMIT}}'\nworkers = '${{N:-4}}'\npassword = '${{LIMIT}}'\n"
    ));
    assert_eq!(diagnostics.len(), 0, "{diagnostics:?}");
    let settings = settings.unwrap();
    assert_eq!(
        (settings.threshold, settings.workers.map(NonZeroU32::get), settings.enabled),
        (Some(2.5), Some(4), true)
    );
    assert_eq!(settings.password.unwrap().expose(), "2.5");
}

#[test]
fn values_of_variables_are_not_shown() {
    let text = format!(
        "{GOOD}enabled = '${{WORD}}'\nbaseline.mode = '${{WORD}}'\nmax_size = '${{WORD}}'\nworkers = '${{LIMIT}}'"
    );
    let (_, diagnostics) = read_settings(&text);
    let shown = render::text(&diagnostics, false) + &render::json(&diagnostics);
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("`mode` can't be `${WORD}`"), "{shown}");
    assert!(shown.contains("what '${WORD}' stands for does not read as that"), "{shown}");
}

#[test]
fn a_missing_variable_is_said_once() {
    assert_eq!(message("threshold = '${NONE}'"), "4:14 the environment variable `NONE` is not set");
    assert_eq!(
        message("baseline = { samples = 1, min_samples = 1, mode = '${NONE}' }"),
        "4:52 the environment variable `NONE` is not set"
    );
}

#[test]
fn what_a_syntax_error_hides_is_not_missed() {
    assert_eq!(
        messages("field = a\nmode = 'up'\nthreshold = true"),
        [
            "1:9 `a` is not a value: text stands in quotes",
            "3:13 `threshold` must be a number, not a boolean (expected a number)"
        ]
    );
}

const KEYS: &str =
    "field|size|threshold|workers|mode|pair|baseline|baseline.mode|aggregates.a|aggregates|group_by|[a-z]{1,3}";
const VALUES: &[&str] = &[
    "1",
    "-1",
    "'5s'",
    "'${ON}'",
    "true",
    "[]",
    "[1, '', 2, []]",
    "{}",
    "{ a = 1, q = {} }",
    "{ samples = 1 }",
    "1979-05-27",
    "inf",
    "'ß",
];

proptest! {
    #[test]
    fn any_table_is_survived(lines in prop::collection::vec((KEYS, prop::sample::select(VALUES)), 0..12)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let (settings, diagnostics) = read_settings(&text);
        prop_assert_eq!(settings.is_none(), !diagnostics.is_empty());
        render::text(&diagnostics, true);
    }
}
