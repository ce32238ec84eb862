//! How good detectors are, measured on labelled data.
//!
//! [`nab`] judges by the rules of the Numenta Anomaly Benchmark.

pub mod nab;
