//! Tests of pipelines, which stand in their files as `[[tests]]`: events that go in, and what must come of them.
//!
//! A test runs the graph of the files as a [backtest](crate::backtest) does: sources give nothing, sinks are off, and time
//! is told by events alone. [`settings`] is what is written; the loader finds what its names mean and makes a
//! [`PipelineTest`] of it; [`timeline`] puts the events in the order of their times; [`wiring`] makes a graph with
//! [players](player) of them and a [collector] behind what is looked at; [`run`] runs it, and [`verdict`] judges.

mod collector;
mod condition;
mod placeholder;
mod player;
mod run;
mod settings;
mod timeline;
mod verdict;
mod wiring;

use std::sync::Arc;

use logd_sdk::ComponentId;
use logd_sdk::condition::Condition;

use crate::config::SourceFile;

pub(crate) use run::run;
pub(crate) use settings::TestSettings;
pub(crate) use verdict::{Failure, Verdict};

/// A test that can be run: its names mean something, and its conditions compile.
pub(crate) struct PipelineTest {
    /// The pipeline in whose file it stands.
    pub(crate) pipeline: String,
    /// That file.
    pub(crate) file: Arc<SourceFile>,
    /// As it is written.
    pub(crate) settings: TestSettings,
    /// Where events enter, for each of the inputs.
    pub(crate) inserts: Vec<ComponentId>,
    /// What must come of it.
    pub(crate) expectations: Vec<Expectation>,
}

/// What must leave by one output.
pub(crate) struct Expectation {
    /// Whose output it is.
    pub(crate) component: ComponentId,
    /// Which output; the main one is empty.
    pub(crate) port: String,
    /// In which line of the file this stands, from 1.
    pub(crate) line: usize,
    /// What an event must meet, all of it, to count; with how it is written.
    pub(crate) conditions: Vec<(String, Arc<dyn Condition>)>,
    /// How many events must count.
    pub(crate) wanted: Wanted,
}

/// How many events are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// So many, no more and no less.
    Exactly(u64),
    /// So many or more.
    AtLeast(u64),
}
