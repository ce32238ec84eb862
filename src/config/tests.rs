//! Whole files: whatever is in them, loading ends with diagnostics that can be shown.

use proptest::prelude::*;
use serde::Deserialize;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::Document;
use super::pipeline::Pipeline;
use super::read::deserialize;
use super::render;
use super::resolve::{Outputs, resolve};
use super::source_file::SourceFile;
use crate::catalogue::All;

/// The settings of every component here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether they can be read counts")]
struct Settings {
    rate: u32,
    #[serde(default)]
    timeout: Option<logd_sdk::settings::Duration>,
}

/// Goes all the way with one file.
fn load(text: &str) -> Vec<Diagnostic> {
    let mut diagnostics = Diagnostics::default();
    let documents = [Document::new(SourceFile::new("p.toml", text), &mut diagnostics)];
    let environment = |name: &str| (name.len() == 1).then(|| "7".to_owned());
    let pipelines = [Pipeline::new(&documents[0], &environment, &All, &mut diagnostics)];
    for component in pipelines[0].components.values() {
        pipelines[0].read(component, "", deserialize::<Settings>, &mut diagnostics);
    }
    resolve(&pipelines, |_, _| Some(Outputs { main: true, ports: Vec::new() }), &mut diagnostics);
    diagnostics.sorted()
}

/// Each of the seven mistakes is of another kind, and none hides another.
#[test]
fn one_run_finds_every_mistake() {
    let text = "\
[sources.in]
type = \"generator\"
rate = \"fast\"
timeout_secs = 5

[transforms.parsed]
type = \"parse\"
inputs = [\"im\"]
rate = 5s

[sinks.out]
inputs = [\"parsed\", \"nowhere\"]
rate = ${RATE}
timeout = \"5 parsecs\"
";
    let expected = "\
error: `rate` must be a whole number from 0 to 4294967295, not a string
 --> p.toml:3:8
  |
3 | rate = \"fast\"
  |        ^^^^^^ expected a whole number from 0 to 4294967295

error: unknown key `timeout_secs`
 --> p.toml:4:1
  |
4 | timeout_secs = 5
  | ^^^^^^^^^^^^ units stand in the value
  |
  = help: write timeout = \"5s\"

error: there is no component `im`
 --> p.toml:8:11
  |
8 | inputs = [\"im\"]
  |           ^^^^
  |
  = help: what can be read here is `in` and `parsed`

error: `5s` is not a value: text stands in quotes
 --> p.toml:9:8
  |
9 | rate = 5s
  |        ^^
  |
  = help: write \"5s\"

error: there is no component `nowhere`
  --> p.toml:12:21
   |
12 | inputs = [\"parsed\", \"nowhere\"]
   |                     ^^^^^^^^^
   |
   = help: what can be read here is `in` and `parsed`

error: `${RATE}` is not a value: text stands in quotes
  --> p.toml:13:8
   |
13 | rate = ${RATE}
   |        ^^^^^^^
   |
   = help: write \"${RATE}\"

error: `timeout`: `5 parsecs` is not a duration: unknown unit at `5 parsecs`
  --> p.toml:14:11
   |
14 | timeout = \"5 parsecs\"
   |           ^^^^^^^^^^^
   |
   = help: the units are ns, us, ms, s, m, h, d and w, the larger first, as in \"1m30s\"

";
    assert_eq!(render::text(&load(text), false), expected);
}

proptest! {
    /// Text of any characters, and text of those that mean something to TOML.
    #[test]
    fn any_text_is_loaded(text in "\\PC{0,200}|[\\[\\]a-e.=\"'{}$:,\\\\#\n\t \u{1b}ß0-9_-]{0,120}") {
        let diagnostics = load(&text);
        render::text(&diagnostics, true);
        render::json(&diagnostics);
    }

    /// Lines that make tables, in any order: further into the loader than random text gets.
    #[test]
    fn any_lines_are_loaded(lines in prop::collection::vec(prop::sample::select(LINES), 0..25)) {
        let diagnostics = load(&lines.join("\n"));
        render::text(&diagnostics, false);
    }
}

/// Lines that are right, wrong, or parts of something.
const LINES: &[&str] = &[
    "[sources.a]",
    "[sources.b]",
    "[transforms.a]",
    "[transforms.c]",
    "[sinks.d]",
    "[sinks",
    "[[sinks.e]]",
    "[sinks.d.type]",
    "type = 't'",
    "type = ['t']",
    "inputs = ['a', 'c', '*']",
    "inputs = ['a', 'c.x', 'p/b',",
    "'d' ]",
    "inputs = '${A}'",
    "inputs.x = 1",
    "rate = 5",
    "rate = '${A}'",
    "rate = '${AB}'",
    "rat = 5s",
    "rate = \"\\q\"",
    "timeout = 5",
    "timeout = '''",
    "'''",
    "timeout = \"\\u0035s\"",
    "timeout_ms = 0x10",
    "x = { y = 1",
    "sources = 1",
    "= 1",
    "'a.b'.c = 1979-05-27",
    "a.b.c = inf",
    "\u{0}",
    "\u{feff}",
    "\r",
];
