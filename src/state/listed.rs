//! The list of components that keep something by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logd_sdk::component::KeyedPlan;
use logd_sdk::{ComponentId, Plan};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Store;
use crate::topology::{Graph, Node, key_of};

/// How much a component keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// `PIPELINE/NAME`.
    pub(crate) component: String,
    /// Its type; none of one that is in no pipeline.
    pub(crate) r#type: Option<String>,
    /// How many keys it knows.
    pub(crate) keys: u64,
    /// How large keys and states are together.
    pub(crate) bytes: u64,
    /// When its last epoch became durable, as RFC 3339 has it.
    pub(crate) at: Option<String>,
}

/// Components of pipelines that keep something by key.
pub(crate) type Plans = BTreeMap<ComponentId, Arc<dyn KeyedPlan>>;

/// All of them.
pub(crate) fn plans<'g>(graphs: impl Iterator<Item = &'g Graph>) -> Plans {
    let plan = |node: &Node| match &node.plan {
        Plan::Keyed(plan) => Some((node.id.clone(), Arc::clone(plan))),
        _ => None,
    };
    graphs.flat_map(|graph| &graph.nodes).filter_map(plan).collect()
}

/// All of which there is something in the store, by name; of a component that is not in `plans`, each state counts as a key.
///
/// # Errors
/// The store can't be read.
pub(crate) fn list(store: &Store, plans: &Plans) -> anyhow::Result<Vec<Listed>> {
    let sizes = store.sizes(|component, kept_under| {
        let saved = key_of(kept_under)?;
        Some(plans.get(component).map_or(saved, |plan| plan.owner(saved)))
    })?;
    let listed = sizes.into_iter().map(|size| Listed {
        r#type: plans.get(&size.component).map(|plan| plan.name().to_owned()),
        component: size.component.to_string(),
        keys: size.keys,
        bytes: size.bytes,
        at: size.at.map(|at| at.to_string()),
    });
    Ok(listed.collect())
}

/// The one of these names, each `PIPELINE/NAME`, that is meant by `name`, or by its part behind the slash.
///
/// # Errors
/// None or several are meant.
pub(super) fn one<'n>(name: &str, names: &'n BTreeSet<String>) -> anyhow::Result<&'n String> {
    let means = |full: &&String| *full == name || full.split_once('/').is_some_and(|(_, own)| own == name);
    let found: Vec<&String> = names.iter().filter(means).collect();
    match found[..] {
        [only] => Ok(only),
        [] => anyhow::bail!("there is no component `{name}` that keeps a state; `logd state ls` shows those that do"),
        _ => {
            let names: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
            anyhow::bail!("`{name}` may be {}: write it in full", names.join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_means_one_component_or_none() {
        let names = BTreeSet::from(["a/slow", "b/slow", "b/errors"].map(str::to_owned));
        assert_eq!(one("errors", &names).expect("one"), "b/errors");
        assert_eq!(one("a/slow", &names).expect("one"), "a/slow");
        let error = |name| one(name, &names).expect_err("not one").to_string();
        assert_eq!(error("slow"), "`slow` may be `a/slow` or `b/slow`: write it in full");
        assert!(error("fast").contains("no component `fast`"), "{}", error("fast"));
    }
}
