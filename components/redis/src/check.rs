//! What may be wrong with the settings of the `redis` sink.

use logd_sdk::Check;
use logd_sdk::report::KeyPath;

use crate::counters::MARK;
use crate::settings::{CounterSettings, DataType, Function, HashSettings, RedisSettings};

/// Reports all that is wrong.
pub(crate) fn check(settings: &RedisSettings, check: &mut Check<'_>) {
    settings.target().check(check.report);
    check_types(settings, check);
    match &settings.hash {
        Some(hash) if !(hash.set.is_empty() && hash.add.is_empty()) => check_hash(hash, check),
        _ if settings.data_type == DataType::Hash => {
            check
                .report
                .error("data_type", "a hash needs fields: some that are set, or some that are added to")
                .help(r#"write hash.add.total_logs = { fn = "count" }"#);
        }
        _ => {}
    }
    if let Some(ttl) = settings.ttl {
        if settings.data_type == DataType::Channel {
            check.report.error("ttl", "a channel keeps nothing, and has no `ttl`");
        } else if ttl.as_millis() == 0 {
            check.report.error("ttl", "`ttl` must be a millisecond or more");
        }
    }
    settings.batch.check("batch", check.report);
    settings.request.check("request", check.report);
}

/// A table of one type at the side of another type is a mistake.
fn check_types(settings: &RedisSettings, check: &mut Check<'_>) {
    for (table, given, data_type) in [
        ("list", settings.list.is_some(), DataType::List),
        ("hash", settings.hash.is_some(), DataType::Hash),
        ("stream", settings.stream.is_some(), DataType::Stream),
        ("sorted_set", settings.sorted_set.is_some(), DataType::SortedSet),
    ] {
        if given && settings.data_type != data_type {
            check
                .report
                .error(table, format!("`{table}` is for another `data_type`"))
                .help(format!("write data_type = \"{table}\""));
        }
    }
}

fn check_hash(hash: &HashSettings, check: &mut Check<'_>) {
    for name in hash.set.keys() {
        check_name(&["hash", "set", name], check);
        if hash.add.contains_key(name) {
            check.report.error(["hash", "set", name], format!("`{name}` can be set or added to, and not both"));
        }
    }
    for (name, counter) in &hash.add {
        check_name(&["hash", "add", name], check);
        check_counter(name, counter, check);
    }
}

fn check_name(key: &[&str; 3], check: &mut Check<'_>) {
    match key[2] {
        "" => {
            check.report.error(*key, "a field needs a name");
        }
        name if name.starts_with(MARK) => {
            check
                .report
                .error(*key, format!("fields that begin with `{MARK}` are logd's own"))
                .help("name it otherwise");
        }
        _ => {}
    }
}

fn check_counter(name: &str, counter: &CounterSettings, check: &mut Check<'_>) {
    let at = |setting: &str| KeyPath::from(["hash", "add", name, setting]);
    match (counter.function, &counter.field) {
        (Function::Sum, None) => {
            check
                .report
                .error(["hash", "add", name], "`sum` needs a `field`")
                .help(format!(r#"write {name} = {{ fn = "sum", field = "…" }}"#));
        }
        (Function::Count, Some(_)) => {
            check.report.error(at("field"), "`count` is of whole events and takes no `field`");
        }
        _ => {}
    }
    if let Some(source) = &counter.r#where {
        check.condition(at("where"), source);
    }
}
