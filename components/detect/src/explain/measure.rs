//! What a field measures: the words and the unit that its values are told with.

/// How a field's values are written in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// What stands before the value, such as `mean` or `error rate`.
    pub label: String,
    /// What stands after it, such as `ms` or `%`; may be empty.
    pub unit: String,
    /// The value is multiplied by this before it is written: 100 for a share that is told in percent.
    pub scale: f64,
}

impl Measure {
    /// Reads the words of a field's name, which `_`, `.`, `-` and spaces part, as far as names tell.
    ///
    /// | the name                                                    | unit | times |
    /// |-------------------------------------------------------------|------|-------|
    /// | ends in `us`, `micros`; `ms`, `millis`; `s`, `secs`, `seconds` | µs; ms; s | 1 |
    /// | ends in `bytes`                                             | B    | 1     |
    /// | ends in `percent`, `pct`                                    | %    | 1     |
    /// | ends in `ratio`, `share`, `fraction`                        | %    | 100   |
    /// | ends in `error_rate`, `errors_rate`, `failure_rate`, `success_rate`, `hit_rate`, `miss_rate` | % | 100 |
    /// | has the word `latency`, or `response_time`                  | ms   | 1     |
    /// | anything else                                               | none | 1     |
    ///
    /// The label is made of the same words without the unit's, and without those that the detector's own id says
    /// already: in a detector `latency`, the field `latency_mean` is the `mean`.
    #[must_use]
    pub fn of_field(field: &str, detector: &str) -> Self {
        let words = words_of(field);
        let (unit, scale, named) = unit_of(&words);
        let words = &words[..words.len() - usize::from(named && words.len() > 1)];
        let said = words_of(detector);
        let new: Vec<&str> = words.iter().filter(|word| !said.contains(word)).copied().collect();
        let label = if new.is_empty() { words.join(" ") } else { new.join(" ") };
        Self { label, unit: unit.to_owned(), scale }
    }
}

fn words_of(name: &str) -> Vec<&str> {
    name.split(['_', '.', '-', ' ']).filter(|word| !word.is_empty()).collect()
}

/// Unit, scale, and whether the last word is the unit's name and no more.
fn unit_of(words: &[&str]) -> (&'static str, f64, bool) {
    match words {
        [.., "us" | "micros"] => ("µs", 1.0, true),
        [.., "ms" | "millis"] => ("ms", 1.0, true),
        [.., "s" | "secs" | "seconds"] => ("s", 1.0, true),
        [.., "bytes"] => ("B", 1.0, true),
        [.., "percent" | "pct"] => ("%", 1.0, true),
        [.., "ratio" | "share" | "fraction"] => ("%", 100.0, false),
        [.., "error" | "errors" | "failure" | "success" | "hit" | "miss", "rate"] => ("%", 100.0, false),
        _ if words.contains(&"latency") || words.windows(2).any(|pair| pair == ["response", "time"]) => {
            ("ms", 1.0, false)
        }
        _ => ("", 1.0, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_label_and_unit() {
        let cases = [
            ("latency_mean", "latency", "mean", "ms", 1.0),
            ("latency_p99", "tail", "latency p99", "ms", 1.0),
            ("latency", "latency", "latency", "ms", 1.0),
            ("response_time_ms", "slow", "response time", "ms", 1.0),
            ("response_time.max", "slow", "response time max", "ms", 1.0),
            ("error_rate", "errors", "error rate", "%", 100.0),
            ("hit-ratio", "cache", "hit ratio", "%", 100.0),
            ("request_rate", "traffic", "request rate", "", 1.0),
            ("cpu.percent", "hosts", "cpu", "%", 1.0),
            ("body_bytes", "size", "body", "B", 1.0),
            ("seconds", "jobs", "seconds", "s", 1.0),
            ("", "jobs", "", "", 1.0),
        ];
        for (field, detector, label, unit, scale) in cases {
            let expected = Measure { label: label.to_owned(), unit: unit.to_owned(), scale };
            assert_eq!(Measure::of_field(field, detector), expected, "{field}");
        }
    }
}
