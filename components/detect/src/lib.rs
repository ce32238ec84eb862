//! Windows and detectors.
//!
//! A detector is built in layers, each of which can be read and tested alone:
//!
//! - [`baseline`]: what is usual, in figures made of a key's values by one of several methods;
//! - [`season`]: what the time of day or week adds to it;
//! - [`rule`]: is one value out of the usual? the classic `zscore` and `spike`, with their settings;
//! - [`incident`]: from anomalous points to incidents that open, get worse and are resolved, and their events;
//! - [`explain`]: the sentence of such an event;
//! - [`detector`]: all of it for one field, key by key;
//! - [`novelty`]: a detector that needs no rule: is this like anything that was there before?
//! - [`pattern`]: templates of log lines, and what is odd about them;
//! - [`signals`]: several signals of a key at once, by the time of day: latency, errors, traffic, silence;
//! - [`time`]: event time.
//!
//! All of this is pure: no clock, no task, no batch. The transforms `zscore`, `spike` and `novelty` carry it into a
//! pipeline, and `pattern` is one itself.

pub mod baseline;
pub mod detector;
pub mod explain;
pub mod incident;
mod max_keys;
pub mod novelty;
pub mod pattern;
pub mod rule;
pub mod season;
mod short;
pub mod signals;
pub mod time;
mod transform;
pub mod window;

use logd_sdk::Component;

/// What this family has for pipelines.
pub static COMPONENTS: &[Component] = &[
    Component::keyed::<transform::DetectSettings>(),
    Component::keyed::<transform::NoveltySettings>(),
    Component::keyed::<pattern::PatternSettings>(),
    Component::keyed::<transform::SpikeSettings>(),
    Component::keyed::<window::WindowSettings>(),
    Component::keyed::<transform::ZscoreSettings>(),
];
