//! The `redis` sink and the reader of figures against a real Redis.

#![allow(clippy::expect_used, reason = "helpers of tests are tests, too")]

mod exact;
mod faults;
mod figures;
mod secrets;
mod support;
mod tls;
mod types;
