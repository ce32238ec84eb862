//! Every component that can stand in a pipeline: one line for each family.

use logd_sdk::Component;
use logd_sdk::component::Kind;

use crate::config::pipeline::Catalogue;

/// The families, by name.
static FAMILIES: &[(&str, &[Component])] = &[
    ("api", logd_api::COMPONENTS),
    ("detect", logd_detect::COMPONENTS),
    ("elasticsearch", logd_elasticsearch::COMPONENTS),
    ("file", logd_file::COMPONENTS),
    ("generator", logd_generator::COMPONENTS),
    ("http", logd_http::COMPONENTS),
    ("kafka", logd_kafka::COMPONENTS),
    ("parse", logd_parse::COMPONENTS),
    ("prometheus", logd_prometheus::COMPONENTS),
    ("redis", logd_redis::COMPONENTS),
];

/// All components with the names of their families, by kind and name.
pub fn components() -> Vec<(&'static str, &'static Component)> {
    let mut all: Vec<_> = FAMILIES
        .iter()
        .flat_map(|(family, components)| components.iter().map(move |component| (*family, component)))
        .collect();
    all.sort_by_key(|(_, component)| (component.kind, component.name));
    all
}

/// The component of this kind and name, or alias.
pub fn find(kind: Kind, name: &str) -> Option<&'static Component> {
    let mut all = FAMILIES.iter().flat_map(|(_, components)| components.iter());
    all.find(|component| component.kind == kind && (component.name == name || component.aliases.contains(&name)))
}

/// All of them, as the loader asks for them.
pub(crate) struct All;

impl Catalogue for All {
    fn names(&self, kind: Kind) -> Vec<&str> {
        let all =
            FAMILIES.iter().flat_map(|(_, components)| components.iter()).filter(|component| component.kind == kind);
        all.flat_map(|component| std::iter::once(component.name).chain(component.aliases.iter().copied())).collect()
    }

    fn inputs(&self, kind: Kind, name: &str) -> &'static [&'static str] {
        find(kind, name).map_or(&[], |component| component.inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for kind in [Kind::Source, Kind::Transform, Kind::Sink] {
            let mut names = All.names(kind);
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "two {}s have one name", kind.name());
        }
    }
}
