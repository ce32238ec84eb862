//! In what a metric is measured, as far as its name tells.

/// The unit of a metric: `ms`, `s`, `ratio`, `percent`, `per_second` or `bytes`; none of a bare number. What is counted
/// of every service, without a component that makes it, has units of its own.
pub(crate) fn unit_of(metric: &str, source: Option<&str>) -> Option<&'static str> {
    if source.is_none() {
        return match metric {
            "logs" => Some("per_second"),
            "error_rate" => Some("percent"),
            "avg_response_time" => Some("ms"),
            _ => by_name(metric),
        };
    }
    by_name(metric)
}

/// By the words of the name, those at its end first.
fn by_name(metric: &str) -> Option<&'static str> {
    // Labels of a window stand behind it, in braces.
    let name = metric.split('{').next().unwrap_or_default();
    name.rsplit(['_', '-', '.']).find_map(|word| match word {
        "ms" | "millis" | "milliseconds" | "latency" => Some("ms"),
        "s" | "sec" | "seconds" => Some("s"),
        "ratio" => Some("ratio"),
        "rate" if name.contains("error") => Some("ratio"),
        "percent" => Some("percent"),
        "bytes" => Some("bytes"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_units() {
        for (metric, source, unit) in [
            ("logs", None, Some("per_second")),
            ("error_rate", None, Some("percent")),
            ("error_rate", Some("demo/per_service"), Some("ratio")),
            ("latency_p99", Some("demo/per_service"), Some("ms")),
            ("response_time_ms", Some("x/y"), Some("ms")),
            ("body_bytes{endpoint=/a_ms}", Some("x/y"), Some("bytes")),
            ("count", Some("x/y"), None),
            ("rate", Some("x/y"), None),
        ] {
            assert_eq!(unit_of(metric, source), unit, "{metric}");
        }
    }
}
