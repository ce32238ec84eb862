//! How the daemon is, for `logd status`, `logd top` and the API.

use std::sync::Arc;

use logd_sdk::control::{ComponentState, Edge, Overview};

use super::reload::Fleet;
use crate::telemetry::Account;
use crate::topology::{Graph, Node, Status};

/// How what runs now is.
pub(super) fn overview(fleet: &Fleet, generation: u64) -> Overview {
    let (statuses, names) = (fleet.statuses(), fleet.components());
    // What is removed is shown for as long as it has something to hand on.
    let shown = |account: &Account| names.contains(account.component()) || account.tally().in_flight > 0;
    let failed = |status: &Status| Some((status.pipelines().to_owned(), status.failure()?));
    let accounts: Vec<_> = statuses.iter().flat_map(Status::accounts).collect();
    Overview {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        generation,
        last_reload: fleet.last_reload().cloned(),
        broken: fleet.broken(),
        failures: statuses.iter().filter_map(failed).collect(),
        components: accounts.iter().filter(|account| shown(account)).map(|account| component(account)).collect(),
        edges: fleet.graphs().flat_map(|graph| edges(graph, &accounts)).collect(),
    }
}

fn component(account: &Account) -> ComponentState {
    let tally = account.tally();
    ComponentState {
        name: account.component().to_string(),
        kind: account.kind().name().to_owned(),
        r#type: account.component_type().to_owned(),
        received: tally.received,
        sent: tally.forwarded,
        dead: tally.dead,
        late: tally.late,
        discarded: tally.discarded,
        in_flight: tally.in_flight,
        lag: account.lag().map(|lag| lag.as_secs_f64()),
        trouble: account.health().reason(),
    }
}

fn edges(graph: &Graph, accounts: &[Arc<Account>]) -> Vec<Edge> {
    let edge = |to: &str, from: usize, place: usize| {
        let node = &graph.nodes[from];
        let port = node.ports().swap_remove(place);
        let account = accounts.iter().find(|account| *account.component() == node.id);
        let sent = account.map_or(0, |account| account.sent_by(place));
        Edge { from: node.id.to_string(), port: (!port.is_empty()).then_some(port), to: to.to_owned(), sent }
    };
    let of = |node: &Node| {
        let to = node.id.to_string();
        node.inputs.iter().map(|input| edge(&to, input.node, input.port)).collect::<Vec<_>>()
    };
    graph.nodes.iter().flat_map(of).collect()
}
