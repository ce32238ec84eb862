//! Gates: how good is good enough, for whoever lets a change of a pipeline through or not.

use std::fmt;

use serde::Serialize;

use crate::scoring::Figures;

/// What has to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Gates {
    /// At least this share of the incidents is found.
    pub min_recall: Option<f64>,
    /// At most so many false alarms come for each service and day.
    pub max_false_per_day: Option<f64>,
}

/// A gate that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "gate", rename_all = "snake_case")]
pub enum Failure {
    /// Too few incidents were found, or there was none to find.
    MinRecall {
        /// What had to be reached.
        limit: f64,
        /// What was reached.
        recall: Option<f64>,
    },
    /// There were too many false alarms, or nobody was watched.
    MaxFalsePerDay {
        /// What had to be kept to.
        limit: f64,
        /// What there was, for each service and day.
        false_per_service_day: Option<f64>,
    },
}

impl Gates {
    /// Those that do not hold.
    #[must_use]
    pub fn failures(&self, figures: &Figures) -> Vec<Failure> {
        let Figures { recall, false_per_service_day, .. } = *figures;
        let too_few = self.min_recall.filter(|limit| recall.is_none_or(|recall| recall < *limit));
        let too_many = |limit: &f64| false_per_service_day.is_none_or(|rate| rate > *limit);
        let too_few = too_few.map(|limit| Failure::MinRecall { limit, recall });
        let too_many = self.max_false_per_day.filter(too_many);
        let too_many = too_many.map(|limit| Failure::MaxFalsePerDay { limit, false_per_service_day });
        too_few.into_iter().chain(too_many).collect()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinRecall { limit, recall: Some(recall) } => {
                write!(f, "the recall is {recall:.4}, and must be {limit} or more")
            }
            Self::MinRecall { limit, recall: None } => {
                write!(f, "there was no incident to find, and the recall must be {limit} or more")
            }
            Self::MaxFalsePerDay { limit, false_per_service_day: Some(rate) } => {
                write!(f, "there are {rate:.4} false alarms a service and day, and may be {limit} at most")
            }
            Self::MaxFalsePerDay { limit, false_per_service_day: None } => {
                write!(f, "no time was watched, and false alarms may be {limit} a service and day at most")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use logd_sdk::Time;

    use super::*;
    use crate::population::Population;
    use crate::scoring::{Question, score};

    #[test]
    fn a_limit_that_is_reached_holds() {
        let nothing = Question { labels: &[], alarms: &[], population: &Population::default(), from: Time::MIN };
        let figures = |recall, rate| Figures { recall, false_per_service_day: rate, ..score(nothing).total };
        let gates = Gates { min_recall: Some(0.9), max_false_per_day: Some(0.1) };
        assert_eq!(gates.failures(&figures(Some(0.9), Some(0.1))), []);
        let failures = gates.failures(&figures(Some(0.8999), Some(0.2)));
        assert_eq!(
            failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "the recall is 0.8999, and must be 0.9 or more",
                "there are 0.2000 false alarms a service and day, and may be 0.1 at most"
            ]
        );
        assert_eq!(gates.failures(&figures(None, None)).len(), 2, "nothing is not good enough");
        assert_eq!(Gates::default().failures(&figures(None, None)), []);
    }
}
