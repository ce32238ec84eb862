//! "Did you mean": the known name that is closest to what was written, and our spelling of Vector's units.
//!
//! Closeness is the Damerau–Levenshtein distance (letters added, lost, changed, or two swapped), which is what typing
//! errors are made of. Vector puts units into names (`timeout_secs = 5`, `max_bytes = 1048576`) and we into values
//! (`timeout = "5s"`, `max_size = "1 MiB"`): whoever comes from there is shown the line to write, as for settings that
//! are solved otherwise here.

use logd_sdk::settings::ByteSize;
use toml::de::DeValue;

/// The known name that `given` was probably meant to be: at most a third of the letters differ, so that a name of one
/// or two letters is never guessed. Case, and `-` for `_`, do not count.
pub(super) fn closest<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let given = plain(given);
    let distance = |name: &&str| strsim::damerau_levenshtein(&given, &plain(name));
    let near = |name: &&str| distance(name) * 3 <= name.len().max(given.len());
    known.into_iter().filter(near).min_by_key(distance)
}

/// `` `a`, `b` and `c` ``.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        _ => names.concat(),
    }
}

/// `names` behind `many`, or the only one behind `one`.
pub(super) fn listed<'n>(one: &str, many: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    format!("{} {}", if names.len() == 1 { one } else { many }, list(names))
}

/// Suffixes of a key that are units, and the unit to write in the value; the empty one is bytes.
const SUFFIXES: [(&str, &str); 9] = [
    ("_secs", "s"),
    ("_sec", "s"),
    ("_seconds", "s"),
    ("_ms", "ms"),
    ("_millis", "ms"),
    ("_milliseconds", "ms"),
    ("_minutes", "m"),
    ("_hours", "h"),
    ("_bytes", ""),
];

/// Settings of Vector that have another name here, or need none, and what to do about them.
const VECTOR: [(&str, &str); 10] = [
    ("acknowledgements", "nothing needs to be set: a position is kept once all that was read before it is delivered"),
    ("condition_pattern", "`start_pattern` alone decides: a line that matches it begins an event"),
    ("data_dir", "positions are kept in the daemon's `data_dir`, which is set in logd.toml"),
    ("except_fields", "remove them with `del(.field)` in a `remap` before this"),
    ("glob_minimum_cooldown_ms", "write glob_interval = \"1s\""),
    ("ignore_checkpoints", "start with another `data_dir` in logd.toml, or run with --once"),
    ("only_fields", "keep them alone with `. = { \"field\": .field }` in a `remap` before this"),
    ("reroute_unmatched", "nothing needs to be set: what meets no condition leaves by `_unmatched`"),
    ("start_at_beginning", "write read_from = \"beginning\""),
    ("timestamp_format", "write times with `format_timestamp` in a `remap` before this"),
];

/// What to do instead of setting `key`, if that is a setting of Vector that is not like one of ours.
pub(super) fn instead_of_vectors(key: &str) -> Option<&'static str> {
    VECTOR.iter().find(|(theirs, _)| *theirs == key).map(|(_, instead)| *instead)
}

/// Whether a key has its unit in its name, as in Vector.
pub(super) fn has_unit(key: &str) -> bool {
    SUFFIXES.iter().any(|(suffix, _)| key.ends_with(suffix))
}

/// For a key that [has its unit](has_unit) in its name: our name for it, and how to write key and value.
///
/// Our name is the key without its unit; for sizes also with `_size` behind it, or `max_size`; or else what is close to
/// that, or has a word more, as `poll_interval` has. `None` if `known` has nothing of the kind.
pub(super) fn unit_in_value(key: &str, value: &DeValue<'_>, known: &[String]) -> Option<(String, String)> {
    let (stem, unit) = SUFFIXES.iter().find_map(|(suffix, unit)| Some((key.strip_suffix(suffix)?, *unit)))?;
    let known = || known.iter().map(String::as_str);
    let sizes = [format!("{stem}_size"), "max_size".to_owned()];
    let is_longer = |name: &&str| {
        let rest = name.strip_prefix(stem).map(|rest| rest.starts_with('_'));
        let more = rest.or_else(|| name.strip_suffix(stem).map(|rest| rest.ends_with('_')));
        more == Some(true) && name.ends_with("_size") == unit.is_empty()
    };
    let ours = known()
        .find(|name| *name == stem)
        .or_else(|| sizes.iter().filter(|_| unit.is_empty()).find_map(|size| known().find(|name| name == size)))
        .or_else(|| closest(stem, known()))
        .or_else(|| known().find(is_longer))?;
    let number = match value {
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    };
    let written = match (unit, number) {
        ("", number) => {
            let bytes = number.and_then(|number| number.parse().ok()).unwrap_or(1 << 20);
            ByteSize::new(bytes).to_string()
        }
        (unit, number) => number.unwrap_or_else(|| "5".to_owned()) + unit,
    };
    Some((ours.to_owned(), format!("{ours} = \"{written}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_closest_name() {
        let known = ["threshold", "field", "group_by", "inputs"];
        for (given, meant) in [
            ("treshold", Some("threshold")),
            ("groupby", Some("group_by")),
            ("group-by", Some("group_by")),
            ("Fields", Some("field")),
            ("input", Some("inputs")),
            ("x", None),
            ("window", None),
        ] {
            assert_eq!(closest(given, known), meant, "{given}");
        }
    }

    #[test]
    fn lists_names() {
        assert_eq!(list([]), "");
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }

    #[test]
    fn knows_vectors_units() {
        let hint = |key, value, known: &[&str]| {
            let known: Vec<_> = known.iter().map(|&name| name.to_owned()).collect();
            let value = DeValue::parse(value).unwrap().into_inner();
            unit_in_value(key, &value, &known).map(|(_, hint)| hint)
        };
        assert_eq!(hint("timeout_secs", "5", &["timeout"]).unwrap(), r#"timeout = "5s""#);
        assert_eq!(hint("timeout_ms", "2.5", &["timeout"]).unwrap(), r#"timeout = "2.5ms""#);
        assert_eq!(hint("max_bytes", "1048576", &["max_events", "max_size"]).unwrap(), r#"max_size = "1 MiB""#);
        assert_eq!(hint("idle_secs", "'${X}'", &["idle"]).unwrap(), r#"idle = "5s""#);
        assert_eq!(hint("poll_secs", "5", &["path", "poll_interval"]).unwrap(), r#"poll_interval = "5s""#);
        assert_eq!(hint("interval_ms", "5", &["glob_interval"]).unwrap(), r#"glob_interval = "5ms""#);
        assert_eq!(
            hint("body_bytes", "1024", &["body_timeout", "body_max_size"]).unwrap(),
            r#"body_max_size = "1 KiB""#
        );
        assert_eq!(hint("timeout_secs", "5", &["other"]), None);
        assert_eq!(hint("timeout", "5", &["timeout"]), None);
    }
}
