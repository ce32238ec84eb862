//! From bytes to fields: parse, remap, filter and route, on VRL.
//!
//! - [`parse`]: reads events in one of the known formats, and finds their time;
//! - [`remap`]: changes events by a program;
//! - [`filter`], [`route`]: send events on by conditions;
//! - [`condition`]: the conditions of all components, here and in the other families;
//! - [`program`]: VRL itself: compiling, faults, and the budget of time under which programs run.

mod condition;
mod filter;
#[cfg(test)]
mod fixtures;
mod parse;
mod program;
mod remap;
mod route;
mod settings;

use std::sync::Arc;

use logd_sdk::Component;
use logd_sdk::condition::Conditions;

/// The components of this family.
pub static COMPONENTS: &[Component] = &[
    Component::transform::<filter::FilterSettings>(),
    Component::transform::<parse::ParseSettings>(),
    Component::transform::<remap::RemapSettings>(),
    Component::transform::<route::RouteSettings>(),
];

/// Compiles conditions for every component that asks for one.
#[must_use]
pub fn conditions() -> Arc<dyn Conditions> {
    Arc::new(condition::VrlConditions)
}
