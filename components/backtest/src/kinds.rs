//! Kinds: which anomalies are the right answer to what went wrong.
//!
//! | what went wrong                            | right                                       |
//! |--------------------------------------------|---------------------------------------------|
//! | `latency_shift`, `latency`                 | `latency`, `tail_latency`, `degradation`    |
//! | `latency_spike`                            | `latency`, `tail_latency`                   |
//! | `tail_latency`                             | `tail_latency`, `latency`                   |
//! | `slow_ramp`                                | `degradation`, `latency`                    |
//! | `error_burst`, `error_slow_burn`, `error_rate` | `error_rate`                            |
//! | `outage`                                   | `error_rate`, `latency`, `tail_latency`     |
//! | `traffic_drop`                             | `traffic_drop`, `silence`                   |
//! | `traffic_surge`                            | `traffic_surge`                             |
//! | `traffic`                                  | `traffic_drop`, `traffic_surge`, `silence`  |
//! | `silence`                                  | `silence`, `traffic_drop`                   |
//!
//! The classic rules have names of their own: `high_latency` counts as `latency`, `error_spike` as `error_rate`. Of other
//! kinds nothing is known, and nothing is judged.

/// The types of anomalies that are the right answer to a kind; `None` where that is not known.
#[must_use]
pub fn right(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "latency_shift" | "latency" => &["latency", "tail_latency", "degradation"],
        "latency_spike" | "tail_latency" => &["latency", "tail_latency"],
        "slow_ramp" => &["degradation", "latency"],
        "error_burst" | "error_slow_burn" | "error_rate" => &["error_rate"],
        "outage" => &["error_rate", "latency", "tail_latency"],
        "traffic_drop" | "silence" => &["traffic_drop", "silence"],
        "traffic_surge" => &["traffic_surge"],
        "traffic" => &["traffic_drop", "traffic_surge", "silence"],
        _ => return None,
    })
}

/// A type of anomaly, under the name that it has here.
#[must_use]
pub fn signal(name: &str) -> &str {
    match name {
        "high_latency" => "latency",
        "error_spike" => "error_rate",
        other => other,
    }
}

/// The benign change after whose start, for an hour, alarms are neither right nor wrong: things really are different.
pub const BIG_DEPLOY: &str = "big_deploy";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faster_answers_are_no_right_answer_to_slower_ones() {
        assert!(right("latency_shift").unwrap().contains(&signal("high_latency")));
        assert!(!right("latency_shift").unwrap().contains(&signal("low_latency")));
        assert_eq!(right("eclipse"), None);
    }
}
