//! The settings of `remap`.

use anyhow::{anyhow, bail};
use logd_sdk::component::TransformSettings;
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::report::{KeyPath, Problem, Report, Severity};
use logd_sdk::settings::{Fault, TextFile};
use logd_sdk::{Check, Context, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Fate, Remap};
use crate::program::{BATCH, Program, Purpose};
use crate::settings::{list, timezone};

/// Changes events by a program in VRL (vrl.dev).
///
/// The result is what the program leaves in `.`: an object is the event, an array makes an event of each of its
/// elements (the first one keeps the event's identity), anything else becomes the field `message`. Beside its fields
/// an event has `%id`, `%partition`, `%position`, and `%time`, the event time that windows go by: only what is
/// assigned to `%time` changes it, a new `.timestamp` is a field like any other.
///
/// What takes too long (the programs of one batch have a second together) leaves by the port `dead`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemapSettings {
    /// The program.
    source: Option<String>,
    /// A file that holds the program, in place of `source`: a path, relative to the folder in which logd is started.
    /// An edit of it is taken over as one of the pipeline is.
    file: Option<TextFile>,
    /// Whether an event at which the program fails is dropped; else it goes on unchanged.
    #[serde(default)]
    drop_on_error: bool,
    /// Whether an event for which the program calls `abort` is dropped; else it goes on unchanged.
    #[serde(default = "yes")]
    drop_on_abort: bool,
    /// Whether dropped events leave by the port `dead`, with the error's or the abort's message; else they end here.
    #[serde(default)]
    reroute_dropped: bool,
    /// The time zone of times that name none, as the IANA database has it: `Europe/Berlin`. UTC by default.
    timezone: Option<String>,
}

fn yes() -> bool {
    true
}

impl RemapSettings {
    /// The program's text, from where it is.
    fn program(&self) -> Option<&str> {
        self.source.as_deref().or_else(|| self.file.as_ref()?.text())
    }

    /// Reports a fault of the program, where it is written.
    fn tell<'r>(&self, report: &'r mut Report, fault: Fault) -> &'r mut Problem {
        match (&self.source, &self.file) {
            (None, Some(file)) => report.fault("file", fault).in_file(file),
            _ => report.fault("source", fault),
        }
    }
}

impl Settings for RemapSettings {
    const NAME: &'static str = "remap";
    const SUMMARY: &'static str = "Changes events by a program in VRL";
    const EXAMPLE: &'static str = r#"
        source = '''
            .level = upcase(string!(.level))
            del(.password)
        '''
        drop_on_error = true
        reroute_dropped = true
    "#;

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        self.file.iter_mut().map(|file| ("file".into(), file)).collect()
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.source.is_none() && self.file.is_none() {
            check.report.error((), "there is no program").help("write it into `source`, or name its `file`");
        }
        if self.source.is_some() && self.file.is_some() {
            check.report.error("file", "`source` and `file` exclude each other");
        }
        let zone = timezone(self.timezone.as_deref());
        let tz = zone.as_ref().copied().unwrap_or_default();
        if let Err(fault) = zone {
            check.report.fault("timezone", fault);
        }
        let Some(source) = self.program() else { return };
        match Program::compile(source, Purpose::Change, tz) {
            Ok(program) => {
                for warning in program.warnings {
                    self.tell(check.report, warning).severity = Severity::Warning;
                }
            }
            Err(faults) => {
                for fault in faults {
                    self.tell(check.report, fault);
                }
            }
        }
    }

    fn ports(&self) -> Vec<String> {
        vec!["dead".to_owned()]
    }

    fn reads(&self, _: &dyn Conditions) -> Reads {
        Reads::Whole
    }
}

impl TransformSettings for RemapSettings {
    type Transform = Remap;

    fn build(&self, context: &Context) -> anyhow::Result<Remap> {
        let Some(source) = self.program() else { bail!("there is no program") };
        let Ok(zone) = timezone(self.timezone.as_deref()) else { bail!("there is no such time zone") };
        let program = Program::compile(source, Purpose::Change, zone).map_err(|faults| anyhow!(list(&faults)))?;
        let dropped = |drop, unless_rerouted| match (drop, self.reroute_dropped) {
            (false, _) => Fate::Keep,
            (true, true) => Fate::Bury,
            (true, false) => unless_rerouted,
        };
        Ok(Remap {
            program,
            on_error: dropped(self.drop_on_error, Fate::Lose),
            on_abort: dropped(self.drop_on_abort, Fate::End),
            columns: context.columns.clone(),
            share: BATCH,
        })
    }
}
