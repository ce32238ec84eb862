//! Where a partition is begun: Kafka's word against ours.
//!
//! With each offset the group keeps whose it is: the daemon's lineage, the component, and a number. If what is committed
//! is ours, our own position decides: it belongs to the state of the components behind the source, and the commit may be
//! an older one. If it is not, somebody else has read on or reset the group, and that decides.

use logd_sdk::Context;

/// Names a source of one daemon's state in what it commits.
#[derive(Clone, Debug)]
pub(crate) struct Owner(String);

impl Owner {
    /// The source that is built in this context.
    pub(crate) fn new(context: &Context) -> Self {
        Self(format!("logd {} {}", context.lineage, context.id))
    }

    /// What is committed with an offset of the position `number`.
    pub(crate) fn metadata(&self, number: u64) -> String {
        format!("{} {number}", self.0)
    }

    /// Whether this was committed by the same source.
    fn wrote(&self, metadata: &str) -> bool {
        metadata.rsplit_once(' ').is_some_and(|(owner, _)| owner == self.0)
    }
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Here.
    At(i64),
    /// Where the group says, although we were elsewhere.
    Overruled {
        /// Where the group says.
        group: i64,
        /// Where we were.
        ours: i64,
    },
    /// Nobody has read it yet.
    Anew,
}

/// Decides by what is committed, offset and metadata, and by our own position.
pub(crate) fn begin(owner: &Owner, committed: Option<(i64, &str)>, ours: Option<i64>) -> Begin {
    match (committed, ours) {
        (Some((_, metadata)), Some(ours)) if owner.wrote(metadata) => Begin::At(ours),
        (Some((group, _)), Some(ours)) if group != ours => Begin::Overruled { group, ours },
        (Some((group, _)), _) => Begin::At(group),
        (None, Some(ours)) => Begin::At(ours),
        (None, None) => Begin::Anew,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_ours_to_say() {
        let owner = Owner("logd 5ca1ab1e shop/orders".to_owned());
        let ours = owner.metadata(7);
        assert_eq!(ours, "logd 5ca1ab1e shop/orders 7");
        assert_eq!(begin(&owner, Some((90, &ours)), Some(100)), Begin::At(100));
        assert_eq!(begin(&owner, Some((90, &ours)), None), Begin::At(90));
        for other in ["", "logd 0ddba11 shop/orders 7", "logd 5ca1ab1e shop/others 7", "nonsense"] {
            assert_eq!(begin(&owner, Some((50, other)), Some(100)), Begin::Overruled { group: 50, ours: 100 });
            assert_eq!(begin(&owner, Some((100, other)), Some(100)), Begin::At(100));
            assert_eq!(begin(&owner, Some((50, other)), None), Begin::At(50));
        }
        assert_eq!(begin(&owner, None, Some(100)), Begin::At(100));
        assert_eq!(begin(&owner, None, None), Begin::Anew);
    }
}
