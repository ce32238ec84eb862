//! The list of components that keep something by key.

use std::collections::{BTreeMap, BTreeSet};

use logd_sdk::Plan;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Store;
use crate::topology::{Graph, key_of};

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

/// The types of all components that keep something by key, by their names.
pub(crate) fn types<'g>(graphs: impl Iterator<Item = &'g Graph>) -> BTreeMap<String, String> {
    let nodes = graphs.flat_map(|graph| &graph.nodes).filter(|node| matches!(node.plan, Plan::Keyed(_)));
    nodes.map(|node| (node.id.to_string(), node.plan.describe().name().to_owned())).collect()
}

/// All of which there is something in the store, by name; `types` are those of the components in pipelines.
///
/// # Errors
/// The store can't be read.
pub(crate) fn list(store: &Store, types: &BTreeMap<String, String>) -> anyhow::Result<Vec<Listed>> {
    let listed = store.sizes(|key| key_of(key).is_some())?.into_iter().map(|size| {
        let component = size.component.to_string();
        Listed {
            r#type: types.get(&component).cloned(),
            component,
            keys: size.keys,
            bytes: size.bytes,
            at: size.at.map(|at| at.to_string()),
        }
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
