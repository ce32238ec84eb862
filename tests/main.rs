//! The daemon from outside: the built binary, real files, real signals.

// A test stops where it can't go on.
#![allow(clippy::expect_used)]

mod support;

mod buffer;
mod contract;
mod crash;
mod demo;
mod durable;
mod examples;
mod once;
mod reload;
mod telemetry;
mod validate;
