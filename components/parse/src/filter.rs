//! `filter`: lets through the events that meet a condition.
//!
//! The others are discarded on purpose, and counted so. What they have said of time stays: a window downstream closes
//! by the times of all events, not of those alone that it sees.

use std::sync::Arc;

use logd_sdk::component::{Makes, TransformSettings};
use logd_sdk::condition::{Condition, Conditions, Reads};
use logd_sdk::outputs::Discard;
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, Check, Context, Outputs, Port, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::build_condition;

/// Lets through the events that meet a condition; the others end here.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterSettings {
    /// A VRL expression that is true or false of an event. Where it fails, as `.status >= 500` does if the status is
    /// no number, the event does not meet it, and the failure is counted.
    condition: String,
}

impl Settings for FilterSettings {
    const NAME: &'static str = "filter";
    const SUMMARY: &'static str = "Lets through the events that meet a condition";
    const EXAMPLE: &'static str = "condition = '.status >= 500'";

    fn check(&self, check: &mut Check<'_>) {
        check.condition("condition", &self.condition);
    }

    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        conditions.compile(&self.condition).map_or(Reads::nothing(), |condition| condition.reads().clone())
    }

    fn makes(&self, _: &str) -> Makes {
        Makes::Same
    }
}

impl TransformSettings for FilterSettings {
    type Transform = Filter;

    fn build(&self, context: &Context) -> anyhow::Result<Filter> {
        Ok(Filter { condition: build_condition(context, &self.condition)? })
    }
}

/// The running transform.
pub(crate) struct Filter {
    condition: Arc<dyn Condition>,
}

impl Transform for Filter {
    fn apply(&self, mut batch: Batch, out: &mut Outputs) {
        let mut answers = Vec::with_capacity(batch.len());
        out.error("condition_failed", self.condition.test(&batch, &mut answers));
        let kept = answers.iter().filter(|&&answer| answer).count();
        out.discard(Discard::Intended, "filtered", (batch.len() - kept) as u64);
        if kept < batch.len() {
            batch.retain(|row| answers[row]);
        }
        out.send(Port::MAIN, batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{apply, build, check, columns, documents, plan, sent};
    use logd_sdk::Component;

    const COMPONENT: Component = Component::transform::<FilterSettings>();

    #[test]
    fn reads_its_example() {
        let plan = plan(&COMPONENT, FilterSettings::EXAMPLE).expect("settings");
        let reads = plan.describe().reads(crate::conditions().as_ref());
        assert_eq!(reads, Reads::Fields(columns(&["status"]).paths().to_vec()));
    }

    #[test]
    fn rejects_what_is_no_condition() {
        assert_eq!(
            check(&COMPONENT, "condition = '.a'"),
            ["condition: a condition must be true or false, and this is any"]
        );
        assert!(plan(&COMPONENT, "").expect_err("no condition").contains("missing field `condition`"));
    }

    #[test]
    fn lets_through_what_meets_the_condition() {
        let filter = build(&COMPONENT, FilterSettings::EXAMPLE, &[]);
        let mut batch = documents(&[r#"{"status":500}"#, r#"{"status":200}"#, "{}", r#"{"status":503}"#]);
        batch.require(&columns(&["status"]));
        let out = apply(filter.as_ref(), batch);
        assert_eq!(sent(&out, Port::MAIN), [r#"{"status":500}"#, r#"{"status":503}"#]);
        assert_eq!(out.discarded, [(Discard::Intended, "filtered", 2)]);
        assert_eq!(out.errors, [("condition_failed", 1)]);
    }

    #[test]
    fn says_how_far_a_partition_is_when_nothing_is_left_of_it() {
        let filter = build(&COMPONENT, "condition = 'false'", &[]);
        let out = apply(filter.as_ref(), documents(&["{}"]));
        assert_eq!(out.sent[0].1.blocks()[0].greatest, crate::fixtures::ARRIVAL);
    }
}
