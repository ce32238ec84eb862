//! The settings of `pattern`.

use logd_sdk::component::{KeyedSettings, Makes};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::KeyPath;
use logd_sdk::settings::{Duration, FieldPath};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::operator::Patterns;
use super::own_masks::MaskSettings;
use crate::transform::key;
use crate::transform::settings::anomaly_fields;
use crate::window;

/// The most templates that a key may have.
const MOST_TEMPLATES: usize = 100_000;

/// Finds the templates of log lines, and which of them are new, missing, or far more or less frequent than usual.
///
/// Every event leaves with two more fields: the template of its line, such as `Connection from <*> closed after <*> ms`,
/// and the template's id, 16 hexadecimal digits. Words that differ in later lines become `<*>` too, but the id stays: it
/// is the hash of the template as it first was. So a `window` can count `group_by = ["service", "template_id"]`. An event
/// without a text in `field` leaves as it came, and is counted as an error `missing`.
///
/// Incidents leave by the output `anomalies`, one event for each change: opened, become markedly worse, resolved. They are
/// of one template, or where more than five change alike within five minutes, of all of them:
///
/// - *new*: a template that was never seen, after the key was learned for `learn` and 200 events;
/// - *vanished*: one that used to come, and whose silence has a chance of less than one in a million;
/// - *more*, *fewer*: over ten seconds (twice in a row), a minute or five, at least three times as many events as usual,
///   or a third, in which chance and the template's own restlessness are allowed for. What is usual has a half-life of
///   two hours.
///
/// An incident is over after five minutes without a sign of it; what lasts for two hours is the new normal.
///
/// Which template a line gets depends on the lines of its key before it, in the order in which they come. Times only
/// matter for anomalies: events that are late have templates, and count for nothing else.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternSettings {
    /// The field with the line. Of a line 2 KiB and 128 words are read.
    #[serde(default = "message")]
    field: FieldPath,
    /// The fields that make a key: each key has templates and incidents of its own. Without any, there is one key.
    /// A text of more than 1 KiB is cut to that, and ends with `…` and a hash of all of it.
    #[serde(default)]
    group_by: Vec<FieldPath>,
    /// The field, at the top of an event, that the template goes to.
    #[serde(default = "template")]
    template_field: FieldPath,
    /// The field, at the top of an event, that the template's id goes to.
    #[serde(default = "template_id")]
    template_id_field: FieldPath,
    /// Whether numbers, IP addresses, hexadecimal digits, UUIDs and paths become `<*>` before lines are compared.
    #[serde(default = "default_masks")]
    default_masks: bool,
    /// Masks of one's own, applied before those: `{ name = "user", pattern = 'user=\w+' }` makes `<user>` of them.
    #[serde(default)]
    masks: Vec<MaskSettings>,
    /// For how long a key is learned before a template can be new, and again after templates had to be forgotten. In
    /// event time.
    #[serde(default = "learn")]
    learn: Duration,
    /// How many templates of a key are remembered. Each takes about 1.5 KiB, and with long lines up to 12 KiB; and
    /// where it comes in a bucket of ten seconds that is not closed yet, 700 bytes for each of those. Beyond the limit the
    /// template that was not seen for the longest is forgotten, and counted as an error `template_evicted`.
    #[serde(default = "max_templates")]
    max_templates: usize,
    /// How many keys are remembered. Each takes about 500 bytes and its templates. Beyond the limit those whose last event
    /// is the oldest are forgotten, a sixteenth of them at once, and counted as errors `key_evicted`; that it has begun is
    /// logged once.
    #[serde(default = "max_keys")]
    max_keys: usize,
    /// How far behind the greatest time of its partition an event may be and still count; anomalies come that much
    /// later.
    #[serde(default = "window::allowed_lateness")]
    allowed_lateness: Duration,
    /// After this long without an event a partition (a file, a Kafka partition) no longer holds anomalies up.
    #[serde(default = "window::idle_timeout")]
    idle_timeout: Duration,
    /// How far ahead an event's time may be, of the clock or of its partition. What is further ahead counts as late.
    #[serde(default = "window::max_ahead")]
    max_ahead: Duration,
}

fn message() -> FieldPath {
    FieldPath::top("message")
}

fn template() -> FieldPath {
    FieldPath::top("template")
}

fn template_id() -> FieldPath {
    FieldPath::top("template_id")
}

fn default_masks() -> bool {
    true
}

fn learn() -> Duration {
    Duration::from_secs(3600)
}

fn max_templates() -> usize {
    500
}

fn max_keys() -> usize {
    1000
}

/// What the settings mean.
pub(super) struct Plan<'s> {
    pub(super) field: &'s FieldPath,
    pub(super) group_by: &'s [FieldPath],
    /// The names of the two fields that are added.
    pub(super) fields: [&'s str; 2],
    pub(super) default_masks: bool,
    pub(super) masks: &'s [MaskSettings],
    pub(super) learn: std::time::Duration,
    pub(super) max_templates: usize,
    pub(super) max_keys: usize,
    pub(super) allowed_lateness: std::time::Duration,
    pub(super) idle_timeout: std::time::Duration,
    pub(super) max_ahead: std::time::Duration,
    /// What its states are of: with other settings of these they can't be gone on with.
    pub(super) fingerprint: u64,
}

impl PatternSettings {
    pub(super) fn plan(&self) -> Plan<'_> {
        let paths = std::iter::once(&self.field).chain(&self.group_by).map(|field| format!("\n{}", field.path()));
        let masks = self.masks.iter().map(|mask| format!("\n{}\n{}", mask.name, mask.pattern));
        let all = format!("pattern {}{}", self.default_masks, paths.chain(masks).collect::<String>());
        Plan {
            field: &self.field,
            group_by: &self.group_by,
            fields: [name(&self.template_field), name(&self.template_id_field)],
            default_masks: self.default_masks,
            masks: &self.masks,
            learn: self.learn.into(),
            max_templates: self.max_templates,
            max_keys: self.max_keys,
            allowed_lateness: self.allowed_lateness.into(),
            idle_timeout: self.idle_timeout.into(),
            max_ahead: self.max_ahead.into(),
            fingerprint: xxh3_64(all.as_bytes()),
        }
    }

    fn check_fields(&self, check: &mut Check<'_>) {
        for (setting, field) in
            [("template_field", &self.template_field), ("template_id_field", &self.template_id_field)]
        {
            if field.top_level().is_none() {
                check.report.error(setting, format!("`{field}` is no field at the top of an event"));
            } else if field == &self.field || self.group_by.contains(field) {
                check.report.error(setting, format!("`{field}` is read here, and would be written over"));
            }
        }
        if self.template_field == self.template_id_field {
            check.report.error("template_id_field", "the template and its id go to the same field");
        }
        for (index, field) in self.group_by.iter().enumerate() {
            let key = KeyPath::from("group_by").index(index);
            if self.group_by[..index].contains(field) {
                check.report.error(key, format!("`{field}` stands here twice"));
            } else if field == &self.field {
                let message = format!("`{field}` is the line that is read: each of its values is a key of its own");
                check.report.warning(key, message).help("name the fields that say whose lines they are");
            }
        }
    }
}

/// The name of a field at the top of an event; that it is one is checked.
fn name(field: &FieldPath) -> &str {
    field.top_level().unwrap_or(field.as_str())
}

impl Settings for PatternSettings {
    const NAME: &'static str = "pattern";
    const SUMMARY: &'static str = "Finds the templates of log lines, and new, missing, and suddenly frequent ones";
    const EXAMPLE: &'static str = r#"
field = "message"
group_by = ["service"]
learn = "1h"
masks = [{ name = "user", pattern = 'user=\w+' }]
"#;

    fn check(&self, check: &mut Check<'_>) {
        self.check_fields(check);
        for (index, mask) in self.masks.iter().enumerate() {
            let at = |key: &str| KeyPath::from("masks").index(index).key(key);
            if !mask.has_name() {
                check
                    .report
                    .error(at("name"), "a mask's name is made of letters and `_`")
                    .help(r#"write name = "user""#);
            }
            if let Err(error) = mask.compile() {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                check.report.error(at("pattern"), format!("this is no regular expression: {reason}"));
            }
        }
        if self.max_templates == 0 || self.max_templates > MOST_TEMPLATES {
            let message = format!("`max_templates` must lie between 1 and {MOST_TEMPLATES}");
            check.report.error("max_templates", message);
        }
        if self.max_keys == 0 {
            check.report.error("max_keys", "`max_keys` must be at least 1");
        }
    }

    fn ports(&self) -> Vec<String> {
        vec!["anomalies".to_owned()]
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        let fields = std::iter::once(&self.field).chain(&self.group_by);
        Reads::Fields(fields.map(|field| field.path().clone()).collect())
    }

    fn makes(&self, port: &str) -> Makes {
        if port != "anomalies" {
            return Makes::Anything;
        }
        Makes::Fields(anomaly_fields(self.group_by.iter().map(key::name).chain([name(&self.template_id_field)])))
    }
}

impl KeyedSettings for PatternSettings {
    type Keyed = Patterns;

    fn build(&self, context: &Context) -> anyhow::Result<Patterns> {
        Patterns::new(&self.plan(), context)
    }
}
