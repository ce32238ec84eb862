//! `route`: sends events to the ports whose conditions they meet.
//!
//! An event may take several routes. In the component's account it is received once and so sent once; each further
//! route gets a copy, which counts as made here. On every port events leave in the order in which they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use logd_sdk::component::{Makes, TransformSettings};
use logd_sdk::condition::{Condition, Conditions, Reads};
use logd_sdk::transform::Transform;
use logd_sdk::{Batch, Check, Context, Outputs, Port, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::build_condition;

/// The port of the events that met no condition.
const UNMATCHED: &str = "_unmatched";

/// Sends each event to every route whose condition it meets, and to `_unmatched` where it meets none.
///
/// Read a route as `inputs = ["NAME.ROUTE"]`. The component's own name carries no events. An event that meets several
/// conditions is sent once and counted as made for each further route.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteSettings {
    /// The routes: a name each, and a VRL expression that is true or false of an event. Where it fails the event does
    /// not take that route, and the failure is counted.
    route: BTreeMap<String, String>,
}

impl Settings for RouteSettings {
    const NAME: &'static str = "route";
    const SUMMARY: &'static str = "Sends events to the ports whose conditions they meet";
    const EXAMPLE: &'static str = r#"
        route.errors = '.status >= 500'
        route.slow = '.response_time_ms > 1000'
    "#;

    fn check(&self, check: &mut Check<'_>) {
        if self.route.is_empty() {
            check.report.error("route", "there is no route").help("write `route.NAME = 'CONDITION'`");
        }
        for (name, source) in &self.route {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if name.is_empty() || !name.bytes().all(plain) {
                let message = format!("`{name}` can't name a route");
                check.report.error(["route", name], message).help("use letters, digits, `_` and `-`");
            } else if ["dead", "late", UNMATCHED].contains(&name.as_str()) {
                check.report.error(["route", name], format!("`{name}` is the name of a port that logd makes"));
            }
            check.condition(["route", name], source);
        }
    }

    fn has_main(&self) -> bool {
        false
    }

    fn ports(&self) -> Vec<String> {
        self.route.keys().cloned().chain([UNMATCHED.to_owned()]).collect()
    }

    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        let conditions = self.route.values().filter_map(|source| conditions.compile(source).ok());
        conditions.fold(Reads::nothing(), |reads, condition| reads.and(condition.reads().clone()))
    }

    fn makes(&self, _: &str) -> Makes {
        Makes::Same
    }
}

impl TransformSettings for RouteSettings {
    type Transform = Route;

    fn build(&self, context: &Context) -> anyhow::Result<Route> {
        let conditions = self.route.values().map(|source| build_condition(context, source));
        Ok(Route { conditions: conditions.collect::<anyhow::Result<_>>()? })
    }
}

/// The running transform.
pub(crate) struct Route {
    /// In the order of the ports, which begin at 1.
    conditions: Vec<Arc<dyn Condition>>,
}

impl Transform for Route {
    fn apply(&self, batch: Batch, out: &mut Outputs) {
        let batch = Arc::new(batch);
        let mut matched = vec![false; batch.len()];
        let mut answers = Vec::with_capacity(batch.len());
        for (place, condition) in self.conditions.iter().enumerate() {
            answers.clear();
            out.error("condition_failed", condition.test(&batch, &mut answers));
            for (matched, &answer) in matched.iter_mut().zip(&answers) {
                out.made += u64::from(*matched && answer);
                *matched |= answer;
            }
            out.send(Port(place + 1), part(&batch, &answers));
        }
        matched.iter_mut().for_each(|matched| *matched = !*matched);
        out.send(Port(self.conditions.len() + 1), part(&batch, &matched));
        // Whoever reads the component's own name learns from it how far the partitions are.
        out.send(Port::MAIN, batch.select(&[]));
    }
}

/// The events of `batch` that are `wanted`, in order; the batch itself if that is all of them.
fn part(batch: &Arc<Batch>, wanted: &[bool]) -> Arc<Batch> {
    if wanted.iter().all(|&wanted| wanted) {
        return Arc::clone(batch);
    }
    let rows: Vec<u32> = (0..).zip(wanted).filter(|(_, wanted)| **wanted).map(|(row, _)| row).collect();
    Arc::new(batch.select(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{apply, build, check, columns, documents, plan, sent};
    use logd_sdk::Component;

    const COMPONENT: Component = Component::transform::<RouteSettings>();

    #[test]
    fn reads_its_example() {
        let plan = plan(&COMPONENT, RouteSettings::EXAMPLE).expect("settings");
        assert_eq!(plan.describe().ports(), ["errors", "slow", "_unmatched"]);
        let reads = plan.describe().reads(crate::conditions().as_ref());
        assert_eq!(reads, Reads::Fields(columns(&["status", "response_time_ms"]).paths().to_vec()));
    }

    #[test]
    fn rejects_bad_names_and_conditions() {
        let faults =
            check(&COMPONENT, "route.dead = 'true'\nroute._unmatched = 'true'\nroute.'a.b' = 'true'\nroute.x = '.a ='");
        assert_eq!(
            faults,
            [
                "route._unmatched: `_unmatched` is the name of a port that logd makes",
                "route.a.b: `a.b` can't name a route",
                "route.dead: `dead` is the name of a port that logd makes",
                "route.x: syntax error",
            ]
        );
        assert_eq!(check(&COMPONENT, "route = {}"), ["route: there is no route"]);
    }

    #[test]
    fn an_event_takes_every_route_that_it_may() {
        let route = build(&COMPONENT, "route.a = '.n > 1'\nroute.b = '.n < 4'", &[]);
        let mut batch = documents(&[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":5}"#, r#"{"n":"x"}"#, r#"{"n":3}"#]);
        batch.require(&columns(&["n"]));
        let out = apply(route.as_ref(), batch);
        assert_eq!(sent(&out, Port(1)), [r#"{"n":2}"#, r#"{"n":5}"#, r#"{"n":3}"#]);
        assert_eq!(sent(&out, Port(2)), [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
        assert_eq!(sent(&out, Port(3)), [r#"{"n":"x"}"#]);
        assert_eq!((out.made, out.errors.iter().map(|(_, errors)| errors).sum::<u64>()), (2, 2));
        assert_eq!(sent(&out, Port::MAIN), Vec::<String>::new());
    }

    #[test]
    fn every_port_learns_how_far_a_partition_is() {
        let route = build(&COMPONENT, "route.a = 'false'\nroute.b = 'true'", &[]);
        let out = apply(route.as_ref(), documents(&["{}"]));
        let ports: Vec<_> = out.sent.iter().map(|(port, batch)| (port.0, batch.blocks().len())).collect();
        assert_eq!(ports, [(1, 1), (2, 1), (3, 1), (0, 1)]);
    }
}
