//! The generator: the classic five services, made at will.
//!
//! This crate's core is a pure function from a [`Plan`] to log lines. Line by line it follows this way:
//!
//! ```text
//! slot ──► time (schedule) ──► what incidents do at that time (incident)
//!   └────► sixteen random words (draw) ──► service, level, figures ──► JSON text (log)
//! ```
//!
//! A *slot* is a place on the time axis, `1 / rate` seconds wide. Without incidents it holds one line; where the
//! traffic of a service is multiplied it holds as many as the factor says, where a service is silent none. All that
//! a slot holds follows from the plan and the slot's number, so a stream can be taken up again at any [`Position`].

mod draw;
mod generator;
mod incident;
mod level;
mod log;
mod message;
mod schedule;
mod service;
mod timestamp;

#[cfg(test)]
mod tests;

pub use generator::{Generator, Line, Plan, Position};
pub use incident::{Incident, Kind};
pub use level::Level;
pub use schedule::{NOMINAL_RATE, Schedule};
pub use service::Service;
