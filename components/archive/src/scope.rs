//! What a user may see.

use std::collections::BTreeSet;

/// What a user may see: of which services and of which pipelines. Every query takes one, and what it does not allow is,
/// for that query, not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The services; `None` for all.
    pub services: Option<BTreeSet<String>>,
    /// The pipelines; `None` for all.
    pub pipelines: Option<BTreeSet<String>>,
}

impl Scope {
    /// All there is.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether what a pipeline knows of a service may be seen.
    #[must_use]
    pub fn allows(&self, pipeline: &str, service: &str) -> bool {
        self.allows_service(service) && self.pipelines.as_ref().is_none_or(|allowed| allowed.contains(pipeline))
    }

    /// Whether a service may be seen at all.
    #[must_use]
    pub fn allows_service(&self, service: &str) -> bool {
        self.services.as_ref().is_none_or(|allowed| allowed.contains(service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_must_be_allowed() {
        let only = |name: &str| Some(BTreeSet::from([name.to_owned()]));
        let scope = Scope { services: only("a"), pipelines: only("p") };
        assert!(scope.allows("p", "a"));
        assert!(!scope.allows("q", "a") && !scope.allows("p", "b") && !scope.allows("a", "p"));
        assert!(Scope::all().allows("", ""));
        let nothing = Scope { services: Some(BTreeSet::new()), pipelines: None };
        assert!(!nothing.allows("p", "a") && !nothing.allows_service(""));
    }
}
