//! Where events are counted, and whose they are there.

use std::collections::BTreeSet;

use logd_sdk::Plan;
use logd_sdk::settings::FieldPath;

use super::wiring::upstream;
use crate::topology::{Graph, Input, Node};

/// Where events are counted, with the fields that name their services: before the first components that keep a state for
/// each key. What one such point counts is counted at no other behind it.
pub(super) fn census_points(graph: &Graph, needed: &BTreeSet<usize>) -> (Vec<Input>, Vec<Vec<FieldPath>>) {
    let is_keyed = |place: usize| matches!(graph.nodes[place].plan, Plan::Keyed(_));
    let is_first = |place: usize| {
        is_keyed(place)
            && upstream(graph, graph.nodes[place].inputs.iter().map(|input| input.node))
                .into_iter()
                .all(|place| !is_keyed(place))
    };
    let mut points: Vec<(Input, Vec<FieldPath>)> = Vec::new();
    for &place in needed.iter().filter(|&&place| is_first(place)) {
        let node = &graph.nodes[place];
        for input in &node.inputs {
            let point = Input { way: 0, ..input.clone() };
            if points.iter().all(|(other, _)| *other != point) {
                points.push((point, service_fields(node)));
            }
        }
    }
    let nodes: BTreeSet<usize> = points.iter().map(|(point, _)| point.node).collect();
    let is_behind = |place: usize| {
        let before = upstream(graph, graph.nodes[place].inputs.iter().map(|input| input.node));
        nodes.iter().any(|other| before.contains(other))
    };
    points.into_iter().filter(|(point, _)| !is_behind(point.node)).unzip()
}

/// The fields that name a service in the keys of a component: `service`, or all that it groups by, in the order of their
/// names.
pub(super) fn service_fields(node: &Node) -> Vec<FieldPath> {
    #[derive(serde::Deserialize)]
    struct GroupBy {
        group_by: Vec<FieldPath>,
    }
    let written = node.written.shown("group_by").map(|shown| format!("group_by = {shown}"));
    let fields = written.and_then(|text| toml::from_str(&text).ok()).map(|GroupBy { group_by }| group_by);
    let mut fields = fields.unwrap_or_default();
    fields.sort_by(|one, other| name(one).cmp(name(other)));
    match fields.iter().position(|field| name(field) == "service") {
        Some(place) => vec![fields.swap_remove(place)],
        None => fields,
    }
}

pub(super) fn name(field: &FieldPath) -> &str {
    field.as_str().trim_start_matches('.')
}
