//! Which incidents of other keys were open when one changed: services that depend on one another go wrong together, and
//! the first of them is where to look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::key::GroupBy;
use super::shard::Told;
use crate::incident::{Related, hex};
use crate::time::Micros;

/// An incident that is over is related for so long after it opened.
pub(super) const NEAR: Duration = Duration::from_secs(300);

/// So many are told at most.
const MOST: usize = 20;

/// Incidents by when they opened and whose they are: how they are named, and when they were resolved, if they were.
pub(super) type Incidents = BTreeMap<(Micros, Arc<[u8]>), (u128, Option<Micros>)>;

/// Tells each change which incidents of other keys are related, of all that there are.
pub(super) fn relate(told: &mut [Told], incidents: &Incidents, group_by: &GroupBy) {
    for Told { name, anomaly } in told {
        let at = anomaly.timestamp;
        let opened_by_then = incidents.iter().take_while(|((opened, _), _)| *opened <= at);
        let others = opened_by_then.filter(|((opened, other), (_, resolved))| {
            let is_near = at.since(*opened) <= NEAR || resolved.is_none_or(|resolved| resolved > at);
            other != name && is_near
        });
        let related = others.take(MOST).map(|((opened, other), (id, _))| {
            let key = group_by.key(other);
            Related { incident_id: hex(*id), key, opened: *opened }
        });
        anomaly.related = related.collect();
    }
}
