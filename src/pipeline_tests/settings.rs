//! `[[tests]]` as they are written. Names are Vector's where it has them; event time (`now`, `at`, `every`, `advance`) is
//! ours.

use std::ops::Range;

use logd_sdk::Time;
use logd_sdk::report::{KeyPath, Report, Segment};
use logd_sdk::settings::{Duration, Fault, Moment};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Wanted;
use super::condition::ConditionSetting;
use super::placeholder::Timed;

/// 2024-01-01T00:00:00Z, a Monday: a test that does not say when it is begins a day and a week.
const BEGINNING: Time = Time::from_micros(1_704_067_200_000_000);
/// How often an input may be repeated: what goes in and comes out is held in memory.
const MOST_REPEATS: u32 = 1_000_000;

/// A test of what pipelines make of events; run by `logd test`, and by nothing else.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSettings {
    /// What holds, as a sentence; it is shown, and `--filter` looks for a part of it.
    pub(crate) name: String,
    /// When the test begins, in event time; without it 2024-01-01T00:00:00Z, a Monday.
    now: Option<Moment>,
    /// What goes in. Events enter in the order of their times; of one time in the order in which they stand here.
    pub(crate) inputs: Vec<InputSettings>,
    /// How far time goes on behind the last event, before the input ends: what waits for time finds that it has come.
    #[serde(default)]
    pub(crate) advance: Duration,
    /// What must come out.
    #[serde(default)]
    pub(crate) outputs: Vec<OutputSettings>,
    /// Outputs that must give nothing, as `NAME` or `NAME.port`.
    #[serde(default)]
    pub(crate) no_outputs_from: Vec<String>,
}

/// Events that go into a component.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputSettings {
    /// A transform that receives the events as if they came from its inputs, or a source that gives them.
    pub(crate) insert_at: String,
    /// What the events are.
    #[serde(rename = "type", default)]
    kind: InputType,
    /// The text of the event, or several lines, each an event of its own; for `raw`. In it `{{ timestamp }}` stands for
    /// the event's time by RFC 3339, and `{{ timestamp %d/%b/%Y:%H:%M:%S %z }}` for the same in another form.
    value: Option<String>,
    /// The fields of the event; for `log`. Texts may have times in them, as in `value`.
    #[schemars(with = "Option<Map<String, Value>>")]
    log_fields: Option<toml::Table>,
    /// When the first of them happens, counted from `now`; without it when the input before this one is over.
    pub(crate) at: Option<Duration>,
    /// How often it is repeated, 1 to 1000000.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) repeat: u32,
    /// How much time each takes, until the next.
    #[serde(default)]
    pub(crate) every: Duration,
}

/// What an event is when it goes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum InputType {
    /// Text, as a source reads it: `value`.
    #[default]
    Raw,
    /// An event with fields, as `parse` makes it: `log_fields`.
    Log,
}

/// What must leave by an output.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputSettings {
    /// The output, as `NAME` or `NAME.port`: `latency.anomalies`, `per_service.late`, `parsed.dead`.
    pub(crate) extract_from: String,
    /// What an event must meet to count, all of it: VRL expressions. Without any, every event counts.
    #[serde(default)]
    pub(crate) conditions: Vec<ConditionSetting>,
    /// How many events must count, no more and no less.
    pub(crate) count: Option<u64>,
    /// How many events must count at least; without this and `count` it is one.
    pub(crate) at_least: Option<u64>,
}

/// What an input is made of.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Lines, each with places for times.
    Lines(Vec<Timed>),
    /// An object whose texts have places for times.
    Fields(Value),
}

fn once() -> u32 {
    1
}

impl TestSettings {
    /// When it begins.
    pub(super) fn now(&self) -> Time {
        self.now.map_or(BEGINNING, Moment::time)
    }

    /// Says what is wrong with it, but for its names and conditions, which the loader looks at.
    pub(crate) fn check(&self, report: &mut Report) {
        if self.inputs.is_empty() {
            report.error("inputs", "there is no input").help("write [[tests.inputs]]");
        }
        if self.outputs.is_empty() && self.no_outputs_from.is_empty() {
            report
                .error((), "the test expects nothing")
                .help("write [[tests.outputs]] or no_outputs_from = [\"NAME\"]");
        }
        for (place, input) in self.inputs.iter().enumerate() {
            input.check(&KeyPath::from("inputs").index(place), report);
        }
        for (place, output) in self.outputs.iter().enumerate() {
            output.check(&KeyPath::from("outputs").index(place), report);
        }
    }
}

impl InputSettings {
    fn check(&self, key: &KeyPath, report: &mut Report) {
        if let Err((own, fault)) = self.content() {
            report.fault(key.clone().join(own), fault);
        }
        if !(1..=MOST_REPEATS).contains(&self.repeat) {
            report.error(key.clone().key("repeat"), format!("`repeat` must be from 1 to {MOST_REPEATS}"));
        }
    }

    /// The events, or what is wrong at which setting.
    pub(super) fn content(&self) -> Result<Content, (KeyPath, Fault)> {
        let (message, key, help) = match (self.kind, &self.value, &self.log_fields) {
            (InputType::Raw, Some(value), None) => return lines(value).map_err(|fault| ("value".into(), fault)),
            (InputType::Log, None, Some(fields)) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), json(value))).collect();
                check_texts(&fields, KeyPath::from("log_fields"))?;
                return Ok(Content::Fields(fields));
            }
            (InputType::Raw, None, None) => ("`value` is missing", KeyPath::default(), "write value = '…'"),
            (InputType::Raw, _, Some(_)) => {
                ("only an input of type `log` has fields", "log_fields".into(), "write type = \"log\"")
            }
            (InputType::Log, _, None) => {
                ("`log_fields` is missing", KeyPath::default(), "write log_fields = { message = \"…\" }")
            }
            (InputType::Log, Some(_), Some(_)) => {
                ("an input of type `log` has no `value`", "value".into(), "take it out")
            }
        };
        Err((key, Fault::new(message).help(help)))
    }
}

impl OutputSettings {
    fn check(&self, key: &KeyPath, report: &mut Report) {
        if self.count.is_some() && self.at_least.is_some() {
            report
                .error(key.clone().key("at_least"), "with `count` there is no `at_least`")
                .help("take one of them out");
        }
        if self.at_least == Some(0) {
            let problem = report.error(key.clone().key("at_least"), "`at_least` must be 1 or more");
            problem.help("for none at all, write count = 0");
        }
    }

    /// How many events must count.
    pub(crate) fn wanted(&self) -> Wanted {
        match (self.count, self.at_least) {
            (Some(count), _) => Wanted::Exactly(count),
            (None, at_least) => Wanted::AtLeast(at_least.unwrap_or(1)),
        }
    }
}

/// The lines of a text; what is wrong with one is at its place in the text.
fn lines(text: &str) -> Result<Content, Fault> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.trim_end_matches('\n').split('\n') {
        let moved = |within: Range<usize>| within.start + start..within.end + start;
        let parsed = Timed::parse(line).map_err(|fault| Fault { within: fault.within.clone().map(moved), ..fault });
        lines.push(parsed?);
        start += line.len() + 1;
    }
    Ok(Content::Lines(lines))
}

/// The same in JSON: a date-time becomes its text, and a number that JSON has not (`nan`, `inf`) null.
fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(value) => (*value).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(elements) => elements.iter().map(json).collect(),
        toml::Value::Table(table) => table.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
    }
}

/// Whether the texts have places for times and nothing that is nearly one.
fn check_texts(value: &Value, key: KeyPath) -> Result<(), (KeyPath, Fault)> {
    let join = |segment: Segment| key.clone().join(KeyPath(vec![segment]));
    match value {
        Value::String(text) => Timed::parse(text).map(drop).map_err(|fault| (key, fault)),
        Value::Array(elements) => {
            elements.iter().enumerate().try_for_each(|(place, value)| check_texts(value, join(place.into())))
        }
        Value::Object(fields) => {
            fields.iter().try_for_each(|(name, value)| check_texts(value, join(name.as_str().into())))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a test, by key.
    fn mistakes(text: &str) -> Vec<String> {
        let settings: TestSettings = toml::from_str(&format!("name = 'x'\n{text}")).expect("settings");
        let mut report = Report::default();
        settings.check(&mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
    }

    #[test]
    fn says_what_is_wrong() {
        let expects = "outputs = [{ extract_from = 'a' }]\n";
        for (text, expected) in [
            ("inputs = [{ insert_at = 'a', value = 'x' }]", ": the test expects nothing"),
            ("inputs = []\nno_outputs_from = ['a']", "inputs: there is no input"),
            ("inputs = [{ insert_at = 'a' }]", "inputs[0]: `value` is missing"),
            ("inputs = [{ insert_at = 'a', type = 'log' }]", "inputs[0]: `log_fields` is missing"),
            (
                "inputs = [{ insert_at = 'a', value = 'x', log_fields = {} }]",
                "inputs[0].log_fields: only an input of type `log` has fields",
            ),
            (
                "inputs = [{ insert_at = 'a', type = 'log', value = 'x', log_fields = {} }]",
                "inputs[0].value: an input of type `log` has no `value`",
            ),
            (
                "inputs = [{ insert_at = 'a', value = 'x', repeat = 0 }]",
                "inputs[0].repeat: `repeat` must be from 1 to 1000000",
            ),
            (
                "inputs = [{ insert_at = 'a', type = 'log', log_fields.a.b = ['{{ timestamp %Q }}'] }]",
                "inputs[0].log_fields.a.b[0]: `%Q` is no form of a time",
            ),
        ] {
            let whole = if expected.contains("expects") || text.contains("no_outputs") {
                text.to_owned()
            } else {
                expects.to_owned() + text
            };
            assert_eq!(mistakes(&whole), [expected], "{text}");
        }
        let input = "inputs = [{ insert_at = 'a', value = 'x' }]\n";
        for (output, expected) in [
            ("count = 1, at_least = 1", "outputs[0].at_least: with `count` there is no `at_least`"),
            ("at_least = 0", "outputs[0].at_least: `at_least` must be 1 or more"),
        ] {
            assert_eq!(mistakes(&format!("{input}outputs = [{{ extract_from = 'a', {output} }}]")), [expected]);
        }
    }

    #[test]
    fn a_mistake_in_a_line_has_its_place_in_the_text() {
        let fault = lines("one\ntwo {{ timestamp %Q }}\n").unwrap_err();
        assert_eq!(fault.within, Some(8..26));
    }

    #[test]
    fn fields_are_those_of_json() {
        let table: toml::Table = toml::from_str("a = 2026-11-26T10:00:00Z\nb = [1, 2.5, nan]\nc.d = true").unwrap();
        assert_eq!(
            json(&toml::Value::Table(table)).to_string(),
            r#"{"a":"2026-11-26T10:00:00Z","b":[1,2.5,null],"c":{"d":true}}"#
        );
    }
}
