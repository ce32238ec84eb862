//! From the names of fields to names that Prometheus takes.
//!
//! The rules are those of Prometheus' data model; the endings are those that `promtool check metrics` refuses in a gauge.

use std::borrow::Cow;

use vrl::path::{OwnedSegment, OwnedValuePath};

/// Endings that belong to counters and histograms.
const RESERVED_ENDINGS: [&str; 4] = ["_total", "_count", "_sum", "_bucket"];

/// Beginnings that belong to the daemon's own metrics.
const RESERVED_BEGINNINGS: [&str; 2] = ["logd_", "process_"];

/// Whether Prometheus takes it as the name of a metric. A colon is left to recording rules.
pub(crate) fn is_valid(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(allowed) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// The ending by which this can't be a gauge.
pub(crate) fn reserved_ending(name: &str) -> Option<&'static str> {
    RESERVED_ENDINGS.into_iter().find(|ending| name.ends_with(ending))
}

/// Whether the name is one of the daemon's own.
pub(crate) fn is_own(name: &str) -> bool {
    RESERVED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// The path with its parts joined by `_`, for [`name`] and [`label`] to make a name of.
pub(crate) fn joined(path: &OwnedValuePath) -> String {
    let parts: Vec<Cow<'_, str>> = path
        .segments
        .iter()
        .map(|segment| match segment {
            OwnedSegment::Field(name) => Cow::Borrowed(name.as_str()),
            OwnedSegment::Index(index) => Cow::Owned(index.to_string()),
        })
        .collect();
    parts.join("_")
}

/// The name of a gauge for the field `field`. `_value` is put behind what would end like a counter or a histogram.
pub(crate) fn name(namespace: &str, field: &str) -> String {
    let name = if namespace.is_empty() { field.to_owned() } else { format!("{namespace}_{field}") };
    let name = plain(&name);
    if reserved_ending(&name).is_some() { name + "_value" } else { name }
}

/// The name of a label for the field `field`. Two underscores in front are Prometheus' own.
pub(crate) fn label(field: &str) -> String {
    let label = plain(field);
    let rest = label.trim_start_matches('_');
    if rest.len() + 1 < label.len() { plain(rest) } else { label }
}

/// Puts `_` in the place of each character that no name may have, and in front of a digit.
fn plain(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if plain.bytes().next().is_none_or(|first| first.is_ascii_digit()) { format!("_{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use logd_sdk::settings::FieldPath;

    use super::*;

    #[test]
    fn every_name_is_one_that_prometheus_takes() {
        for (namespace, field, expected) in [
            ("web", "error_rate", "web_error_rate"),
            ("", "error-rate %", "error_rate__"),
            ("my-pipeline", "count", "my_pipeline_count_value"),
            ("", "5xx", "_5xx"),
            ("", "größe", "gr__e"),
            ("", "", "_"),
        ] {
            assert_eq!(name(namespace, field), expected);
            assert!(is_valid(expected));
        }
        for (field, expected) in
            [("service", "service"), ("__name__", "name__"), ("_id", "_id"), ("日本", "_"), ("__5", "_5")]
        {
            assert_eq!(label(field), expected);
        }
        for wrong in ["", "5xx", "a-b", "a:b", "é"] {
            assert!(!is_valid(wrong), "{wrong}");
        }
    }

    #[test]
    fn paths_are_joined() {
        let path: FieldPath = r#".http."status code"[0]"#.parse().expect("a path");
        assert_eq!(label(&joined(path.path())), "http_status_code_0");
    }
}
