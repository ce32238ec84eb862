//! What was done to a service, for whoever judges what a detector said of it.

use std::collections::BTreeMap;

use logd_sdk::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Kind;
use super::change::Change;
use super::course::Course;

/// What happened to a service. As JSON its times are texts by RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The service's name.
    pub service: String,
    /// What happened.
    pub kind: Kind,
    /// The first moment within.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub start: Time,
    /// The first moment after.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub end: Time,
    /// Whether nothing was wrong, so that an alarm is a false one.
    pub benign: bool,
    /// How bad it was: `factor` and `share` where the [`Kind`] has them, `error_factor` of a deploy.
    pub params: BTreeMap<String, f64>,
    /// How clearly it could be told from what is normal, in nats: the mean logarithm of the ratio of likelihoods with
    /// and without it. 0 for what is benign.
    pub evidence: f64,
}

impl Label {
    /// The label of what happens to a service.
    pub(crate) fn new(course: &Course, change: &Change) -> Self {
        Self {
            service: course.service.name.clone(),
            kind: change.kind,
            start: Time::from_micros(course.time(change.start)),
            end: Time::from_micros(course.time(change.end)),
            benign: change.kind.is_benign(),
            params: change.params(),
            evidence: change.evidence,
        }
    }
}

fn write_time<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let text = String::deserialize(deserializer)?;
    Time::parse_rfc3339(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("a time by RFC 3339 is expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_of_json_and_reads_back() {
        let label = Label {
            service: "payment".to_owned(),
            kind: Kind::Outage,
            start: Time::from_micros(1_704_067_200_000_000),
            end: Time::from_micros(1_704_067_320_000_000),
            benign: false,
            params: BTreeMap::from([("factor".to_owned(), 4.0), ("share".to_owned(), 0.5)]),
            evidence: 120.5,
        };
        let text = serde_json::to_string(&label).unwrap();
        let expected = concat!(
            r#"{"service":"payment","kind":"outage","start":"2024-01-01T00:00:00.000Z","end":"2024-01-01T00:02:00.000Z","#,
            r#""benign":false,"params":{"factor":4.0,"share":0.5},"evidence":120.5}"#
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Label>(&text).unwrap(), label);
    }
}
