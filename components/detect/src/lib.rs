//! Windows and detectors.
//!
//! A detector is built in layers, each of which can be read and tested alone:
//!
//! - [`baseline`]: what is usual: the last values of a key, their mean and standard deviation;
//! - [`rule`]: is one value out of the usual? the classic `zscore` and `spike`, with their settings;
//! - [`incident`]: from anomalous points to incidents that open, get worse and are resolved, and their events;
//! - [`explain`]: the sentence of such an event;
//! - [`detector`]: all of it for one field, key by key;
//! - [`time`]: event time.
//!
//! All of it is pure: no clock, no task, no batch.

pub mod baseline;
pub mod detector;
pub mod explain;
pub mod incident;
pub mod rule;
pub mod time;
pub mod window;
