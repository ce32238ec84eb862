//! What the settings of this crate's components share.

use std::sync::Arc;

use anyhow::anyhow;
use chrono_tz::Tz;
use logd_sdk::Context;
use logd_sdk::condition::Condition;
use logd_sdk::settings::Fault;

/// Compiles a condition for a component that is being built; its `check` has shown its faults already.
pub(crate) fn build_condition(context: &Context, source: &str) -> anyhow::Result<Arc<dyn Condition>> {
    context.conditions.compile(source).map_err(|faults| anyhow!(list(&faults)))
}

/// Faults in one line, where there is no room for a caret.
pub(crate) fn list(faults: &[Fault]) -> String {
    faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// The time zone `name`, as the IANA database has it; UTC where none is given.
pub(crate) fn timezone(name: Option<&str>) -> Result<Tz, Fault> {
    let Some(name) = name else { return Ok(Tz::UTC) };
    name.parse().map_err(|_| {
        let fault = Fault::new(format!("`{name}` is not a time zone"));
        fault.help("write one of the IANA database's names, like \"UTC\" or \"Europe/Berlin\"")
    })
}
