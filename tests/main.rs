//! The daemon from outside: the built binary, real files, real signals.

// A test stops where it can't go on, and prints what repeats it.
#![allow(clippy::expect_used, clippy::print_stdout)]

mod support;

mod alerts;
mod buffer;
mod classic;
mod commands;
mod contract;
mod crash;
mod daemon;
mod demo;
mod deploy;
mod docs;
mod durable;
mod examples;
mod faults;
mod http;
mod once;
mod reload;
mod telemetry;
mod validate;
