//! What an edit changes: the same answer decides what is built anew, and is shown to whoever asks before.

use std::collections::BTreeSet;
use std::fmt;

use logd_sdk::component::Kind;
use logd_sdk::condition::Conditions;
use logd_sdk::{ComponentId, Plan};

use super::graph::{Graph, Node};

/// What becomes of each component when one graph takes the place of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    /// Go on as they are.
    pub(crate) kept: BTreeSet<ComponentId>,
    /// Are built anew, and go on where the old ones were.
    pub(crate) replaced: BTreeSet<ComponentId>,
    /// Were not there before.
    pub(crate) added: BTreeSet<ComponentId>,
    /// Are gone.
    pub(crate) removed: BTreeSet<ComponentId>,
}

impl Diff {
    /// From `old` to `new`.
    pub(crate) fn between(old: &Graph, new: &Graph, conditions: &dyn Conditions) -> Self {
        let mut diff = Self::default();
        for (place, node) in new.nodes.iter().enumerate() {
            let group = match old.place(&node.id) {
                None => &mut diff.added,
                // It is on its way out, and takes nothing more: another comes in its place.
                Some(before) if old.nodes[before].retired => &mut diff.added,
                Some(before) if same((old, before), (new, place), conditions) => &mut diff.kept,
                Some(_) => &mut diff.replaced,
            };
            group.insert(node.id.clone());
        }
        let gone = old.nodes.iter().filter(|node| !node.retired && new.place(&node.id).is_none());
        diff.removed.extend(gone.map(|node| node.id.clone()));
        diff
    }

    /// The sinks of `old` that others come in the place of.
    pub(crate) fn replaced_sinks(&self, old: &Graph) -> impl Iterator<Item = ComponentId> {
        let sinks = old.nodes.iter().filter(|node| node.kind() == Kind::Sink && self.replaced.contains(&node.id));
        sinks.map(|node| node.id.clone())
    }

    /// Whether a component has to be built.
    pub(crate) fn builds(&self, component: &ComponentId) -> bool {
        self.added.contains(component) || self.replaced.contains(component)
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, replaced, added, removed } = self;
        write!(f, "kept {}", kept.len())?;
        for (done, group) in [("replaced", replaced), ("added", added), ("removed", removed)] {
            if !group.is_empty() {
                write!(f, ", {done} {}", list(group))?;
            }
        }
        Ok(())
    }
}

/// The names of some components, in one line; of very many it says only how many more there are. What the daemon adds to
/// them is left out: no user's component has a dot in its name.
pub(crate) fn list(components: &BTreeSet<ComponentId>) -> String {
    const SHOWN: usize = 20;
    let names = components.iter().filter(|component| !component.id().contains('.')).map(ToString::to_string);
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        names.truncate(SHOWN);
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

/// Whether a component would be built as it was, whatever it reads from.
fn same((old, before): (&Graph, usize), (new, after): (&Graph, usize), conditions: &dyn Conditions) -> bool {
    let (left, right) = (&old.nodes[before], &new.nodes[after]);
    // What has no state takes out the fields that are read downstream; it is cheap to build it for others.
    let columns = |graph: &Graph, place: usize| graph.read_downstream(place, conditions);
    left.is_same(right) && (!matches!(right.plan, Plan::Transform(_)) || columns(old, before) == columns(new, after))
}

impl Node {
    /// Whether another is the same component with the same settings, whatever it reads from.
    fn is_same(&self, other: &Self) -> bool {
        self.has_same_account(other)
            && (self.written == other.written || other.renews() && self.written.has_same_settings(&other.written))
    }

    /// Whether it can go on with other contents of the files that its settings name.
    fn renews(&self) -> bool {
        matches!(&self.plan, Plan::Source(plan) if plan.renews())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_stays_one_line() {
        let named =
            |count: usize| list(&(10..10 + count).map(|number| ComponentId::new("p", &format!("c{number}"))).collect());
        assert_eq!(named(2), "p/c10, p/c11");
        assert!(named(20).ends_with(", p/c29"), "{}", named(20));
        assert!(named(25).ends_with(", p/c29, and 5 more"), "{}", named(25));
    }
}
