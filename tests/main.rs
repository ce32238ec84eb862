//! The daemon from outside: the built binary, real files, real signals.

// A test stops where it can't go on, and prints what repeats it.
#![allow(clippy::expect_used, clippy::print_stdout)]

mod support;

mod alerts;
mod api;
mod archive;
mod backtest;
mod buffer;
mod certificates;
mod classic;
mod commands;
mod contract;
mod crash;
mod daemon;
mod dashboard;
mod demo;
mod deploy;
mod docs;
mod durable;
mod examples;
mod explain;
mod faults;
mod http;
mod once;
mod orphans;
mod pipeline_tests;
mod reload;
mod silence;
mod state;
mod telemetry;
mod validate;
