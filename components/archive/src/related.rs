//! Incidents of other keys that an incident is told together with: what depends on one another goes wrong together, and
//! the first of them is where to look.
//!
//! They stand in the anomaly's event, with whose they are. Who may not see a service does not learn there that it has an
//! incident.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use logd_sdk::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{WholeAnomaly, read_key, service_of};
use crate::incident::WholeIncident;
use crate::scope::Scope;

/// Where they stand in an event.
const MEMBER: &str = "related";

/// An incident of another key that was open at the time, or had opened shortly before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// Names it.
    pub incident_id: String,
    /// The service of its key, as [`crate::Anomaly::service`].
    pub service: String,
    /// Whose it is: field → value.
    pub key: BTreeMap<String, String>,
    /// When it opened.
    pub opened_at: Time,
}

impl Related {
    /// Reads one; `None` of what is none, for a detector of somebody else's may mean something else by the name.
    fn read(member: &Value) -> Option<Self> {
        let key = read_key(member).ok()?;
        Some(Self {
            incident_id: member["incident_id"].as_str()?.to_owned(),
            service: service_of(&key),
            key,
            opened_at: Time::parse_rfc3339(member["opened"].as_str()?.as_bytes())?,
        })
    }
}

impl WholeAnomaly {
    /// The incidents that it is told together with, the earliest first.
    #[must_use]
    pub fn related(&self) -> Vec<Related> {
        self.event[MEMBER].as_array().into_iter().flatten().filter_map(Related::read).collect()
    }

    /// The same without those that `scope` does not allow to be seen.
    pub(crate) fn seen_by(mut self, scope: &Scope) -> Self {
        let pipeline = self.anomaly.pipeline.as_str();
        let is_seen =
            |member: &Value| Related::read(member).is_some_and(|related| scope.allows(pipeline, &related.service));
        let all = self.event[MEMBER].as_array();
        if *scope != Scope::all() && all.is_some_and(|all| !all.iter().all(is_seen)) {
            let seen = all.into_iter().flatten().filter(|member| is_seen(member)).cloned().collect();
            Arc::make_mut(&mut self.event)[MEMBER] = seen;
        }
        self
    }
}

impl WholeIncident {
    /// The incidents that any of its anomalies is told together with, the earliest first; ties by id.
    #[must_use]
    pub fn related(&self) -> Vec<Related> {
        let mut all = BTreeMap::new();
        for related in self.anomalies.iter().flat_map(WholeAnomaly::related) {
            if let btree_map::Entry::Vacant(place) = all.entry((related.opened_at, related.incident_id.clone())) {
                place.insert(related);
            }
        }
        all.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use logd_sdk::ComponentId;
    use serde_json::json;

    use super::*;
    use crate::events::Change;
    use crate::tests::event;

    fn whole(related: Value) -> WholeAnomaly {
        let mut event = event("a", "i", "web", Change::Open, 60);
        event[MEMBER] = related;
        WholeAnomaly::read(&ComponentId::new("p", "health"), event).unwrap()
    }

    fn both() -> Value {
        json!([
            { "incident_id": "db-1", "key": { "service": "db" }, "opened": "2026-11-23T10:00:00Z" },
            { "incident_id": "api-1", "key": { "service": "api" }, "opened": "2026-11-23T10:00:10Z" },
        ])
    }

    fn ids(related: &[Related]) -> Vec<&str> {
        related.iter().map(|related| related.incident_id.as_str()).collect()
    }

    #[test]
    fn they_are_read_in_their_order_and_nothing_else_is() {
        let related = whole(both()).related();
        assert_eq!(ids(&related), ["db-1", "api-1"]);
        assert_eq!((related[0].service.as_str(), related[0].key["service"].as_str()), ("db", "db"));
        for none in [Value::Null, json!("db"), json!([1, {}, { "incident_id": "x", "key": {}, "opened": "then" }])] {
            assert_eq!(whole(none.clone()).related(), [], "{none}");
        }
    }

    #[test]
    fn who_may_not_see_a_service_does_not_see_that_it_is_related() {
        let only = |name: &str| Some(BTreeSet::from([name.to_owned()]));
        let seen = |scope: &Scope| whole(both()).seen_by(scope);
        assert_eq!(seen(&Scope::all()), whole(both()));
        let bound = seen(&Scope { services: only("api"), pipelines: None });
        assert_eq!(ids(&bound.related()), ["api-1"]);
        assert!(!bound.event.to_string().contains("db"), "{}", bound.event);
        assert_eq!(seen(&Scope { services: None, pipelines: only("p") }).related().len(), 2);
    }

    #[test]
    fn an_incident_has_those_of_all_its_changes_once() {
        let later = json!([
            { "incident_id": "api-1", "key": { "service": "api" }, "opened": "2026-11-23T10:00:10Z" },
            { "incident_id": "auth-1", "key": { "service": "auth" }, "opened": "2026-11-23T09:59:00Z" },
        ]);
        let anomalies = vec![whole(both()), whole(later)];
        let record = crate::incident::Record::after(None, &anomalies[0].anomaly).unwrap();
        let incident = record.with(&crate::incident::Actions::default());
        assert_eq!(ids(&WholeIncident { incident, anomalies }.related()), ["auth-1", "db-1", "api-1"]);
    }
}
