//! The generator: logs of services, made at will, with the incidents that somebody wants found.
//!
//! There are two scenarios. [`scenario`] simulates services with seasons, noise and labelled incidents, to judge
//! detectors by. The other is the classic five services: a pure function from a [`Plan`] to log lines. Line by line it
//! follows this way:
//!
//! ```text
//! slot ──► time (schedule) ──► what incidents do at that time (incident)
//!   └────► sixteen random words (draw) ──► service, level, figures ──► JSON text (log)
//! ```
//!
//! A *slot* is a place on the time axis, `1 / rate` seconds wide. Without incidents it holds one line; where the
//! traffic of a service is multiplied it holds as many as the factor says, where a service is silent none. All that
//! a slot holds follows from the plan and the slot's number, so a stream can be taken up again at any [`Position`].
//!
//! Around both lie the source that stands in a pipeline ([`GeneratorSettings`] makes a plan, [`GeneratorSource`] asks
//! for lines when they are due), and [`write_lines`] and [`write_scenario`], which do the same for a file or a terminal.

mod draw;
mod generator;
mod incident;
mod level;
mod log;
mod message;
mod offset;
mod pace;
pub mod scenario;
mod schedule;
mod service;
mod settings;
mod source;
mod speed;
mod timestamp;
mod write;

#[cfg(test)]
mod tests;

use logd_sdk::Component;

pub use generator::{Generator, Line, Plan, Position};
pub use incident::{Incident, Kind};
pub use level::Level;
pub use schedule::{NOMINAL_RATE, Schedule};
pub use service::Service;
pub use settings::GeneratorSettings;
pub use source::GeneratorSource;
pub use write::{write_lines, write_scenario};

/// What this family has for pipelines.
pub static COMPONENTS: &[Component] = &[Component::source::<GeneratorSettings>()];
