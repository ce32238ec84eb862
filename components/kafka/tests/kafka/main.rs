//! The source and the sink against a real Kafka, which the first test starts and the end of the process stops.
//!
//! A test that can't have Kafka fails. Those that kill the broker have it for themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "helpers of tests are tests, too")]

mod broker;
mod faults;
mod group;
mod member;
mod once;
mod recorded;
mod security;
mod sink;
mod source;
mod topics;
