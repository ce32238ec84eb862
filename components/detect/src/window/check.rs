//! What may be wrong with the settings of `window`.

use logd_sdk::Check;
use logd_sdk::report::KeyPath;
use logd_sdk::settings::Duration;
use vrl::path::OwnedSegment;

use super::settings::{ALLOWED_LATENESS, Aggregate, Function, WindowSettings};

/// The field of a result that holds the window's `start` and `end`.
pub(super) const WINDOW: &str = "window";

/// The most slides that a window may have: each is folded once more when a window closes.
const MAX_PANES: u128 = 10_000;

/// The most events that `samples` may keep.
const MAX_SAMPLES: usize = 1000;

/// So many windows may wait for late events at once before it is remarked upon.
const MAX_WAITING: u32 = 10;

/// Reports all that is wrong.
pub(super) fn check(settings: &WindowSettings, check: &mut Check<'_>) {
    check_time(settings, check);
    check_groups(settings, check);
    if settings.aggregates.is_empty() {
        check
            .report
            .error("aggregates", "a window needs at least one aggregate")
            .help(r#"write count = { fn = "count" }"#);
    }
    for (name, aggregate) in &settings.aggregates {
        check_name(name, settings, check);
        check_aggregate(name, aggregate, check);
    }
    if settings.max_keys == 0 {
        check.report.error("max_keys", "`max_keys` must be at least 1");
    }
}

fn check_time(settings: &WindowSettings, check: &mut Check<'_>) {
    let whole = |duration: Duration| !duration.is_zero() && duration.as_nanos().is_multiple_of(1000);
    let mut usable = true;
    for (key, duration) in [("size", Some(settings.size)), ("slide", settings.slide)] {
        if duration.is_some_and(|duration| !whole(duration)) {
            usable = false;
            check.report.error(key, format!("`{key}` must be some whole number of microseconds, at least 1"));
        }
    }
    let (size, slide) = (settings.size.as_micros(), settings.slide().as_micros());
    if usable && slide > size {
        check
            .report
            .error("slide", "`slide` must not be longer than `size`: events between two windows would be lost")
            .help(format!("write slide = \"{}\" or less", settings.size));
    } else if usable && !size.is_multiple_of(slide) {
        check
            .report
            .error("slide", format!("`size` must be a multiple of `slide`, and {} is none", settings.size))
            .help("for windows of 1m write 30s, 20s, 15s, 10s …");
    } else if usable && size / slide > MAX_PANES {
        check.report.error("slide", format!("a window may have {MAX_PANES} slides at most"));
    }
    // A window is kept for its size and the lateness. Where the lateness is by far the larger part, most of the state
    // is windows that wait for nothing, and every result is old news.
    let lateness = settings.allowed_lateness;
    if lateness > ALLOWED_LATENESS && *lateness > *settings.size * MAX_WAITING {
        check
            .report
            .warning(
                "allowed_lateness",
                format!("each window is kept {lateness} after its end, more than {MAX_WAITING} times its size"),
            )
            .help(format!("allow less lateness, or make windows longer than {}", settings.size));
    }
}

fn check_groups(settings: &WindowSettings, check: &mut Check<'_>) {
    for (index, field) in settings.group_by.iter().enumerate() {
        let key = KeyPath::from("group_by").index(index);
        if settings.group_by[..index].contains(field) {
            check.report.error(key, format!("`{field}` stands here twice"));
        } else if top(field.path().segments.first()) == Some(WINDOW) {
            check
                .report
                .error(key, "a result has a field `window` of its own: its start and end")
                .help("rename the field before, with a `remap` transform");
        }
    }
}

fn check_name(name: &str, settings: &WindowSettings, check: &mut Check<'_>) {
    let key = KeyPath::from(["aggregates", name]);
    let groups = |field: &&logd_sdk::settings::FieldPath| top(field.path().segments.first()) == Some(name);
    if name.is_empty() {
        check.report.error(key, "an aggregate needs a name");
    } else if name == WINDOW {
        check
            .report
            .error(key, "a result has a field `window` of its own: its start and end")
            .help("name it otherwise");
    } else if let Some(field) = settings.group_by.iter().find(groups) {
        check
            .report
            .error(key, format!("a result has the field `{name}` already, from `group_by` (`{field}`)"))
            .help("name it otherwise");
    }
}

fn check_aggregate(name: &str, aggregate: &Aggregate, check: &mut Check<'_>) {
    let function = aggregate.function.name();
    let at = |setting: &str| KeyPath::from(["aggregates", name, setting]);
    match &aggregate.field {
        None if aggregate.function.takes_field() => {
            check
                .report
                .error(["aggregates", name], format!("`{function}` needs a `field`"))
                .help(format!(r#"write {name} = {{ fn = "{function}", field = "…" }}"#));
        }
        Some(_) if !aggregate.function.takes_field() => {
            check.report.error(at("field"), format!("`{function}` is of whole events and takes no `field`"));
        }
        _ => {}
    }
    match &aggregate.r#where {
        Some(source) => drop(check.condition(at("where"), source)),
        None if aggregate.function == Function::Ratio => {
            check
                .report
                .error(["aggregates", name], "`ratio` needs `where`: the condition whose share is asked")
                .help(format!(r#"write {name} = {{ fn = "ratio", where = '.level == "ERROR"' }}"#));
        }
        None => {}
    }
    match aggregate.q {
        None if aggregate.function == Function::Quantile => {
            check.report.error(["aggregates", name], "`quantile` needs `q`").help("write q = 0.99");
        }
        Some(_) if aggregate.function != Function::Quantile => {
            check.report.error(at("q"), format!("`{function}` takes no `q`"));
        }
        Some(q) if !(0.0..=1.0).contains(&q) => {
            check.report.error(at("q"), "`q` must lie between 0 and 1").help("the 99th percentile is q = 0.99");
        }
        _ => {}
    }
    match aggregate.n {
        Some(_) if aggregate.function != Function::Samples => {
            check.report.error(at("n"), format!("`{function}` takes no `n`"));
        }
        Some(n) if !(1..=MAX_SAMPLES).contains(&n) => {
            check.report.error(at("n"), format!("`n` must lie between 1 and {MAX_SAMPLES}"));
        }
        _ => {}
    }
}

/// The name of a field at the top of an event.
fn top(segment: Option<&OwnedSegment>) -> Option<&str> {
    match segment {
        Some(OwnedSegment::Field(name)) => Some(name),
        _ => None,
    }
}
