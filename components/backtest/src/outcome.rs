//! The outcome of a backtest: what is printed, in whatever form.

use logd_sdk::Time;
use serde::Serialize;

use crate::compare::Difference;
use crate::gates::Failure;
use crate::labels::rfc3339;
use crate::population::Population;
use crate::scoring::{Figures, Scores};

/// What came of a backtest. As JSON it is the same, byte for byte, whenever the same input is run through the same files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The pipeline as it is.
    pub trial: Trial,
    /// Another one, if there is one to compare with.
    pub compared: Option<Compared>,
    /// The pipeline with other values of a setting, if that was asked for.
    pub sweep: Option<Swept>,
    /// The gates that the pipeline, as it is, has not passed.
    pub failures: Vec<Failure>,
}

/// One run over the whole input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The files.
    pub pipeline: String,
    /// Whose events there were.
    pub population: Population,
    /// From when on it counts.
    #[serde(serialize_with = "rfc3339")]
    pub from: Time,
    /// How many events did not come through, by component; only where there are any.
    pub left_out: Vec<LeftOut>,
    /// How good its alarms were.
    pub scores: Scores,
}

/// Events that did not come through a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The component.
    pub component: String,
    /// Events that came too late for their windows.
    pub late: u64,
    /// Events that could not be handled.
    pub dead: u64,
}

/// Another pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Its run.
    pub trial: Trial,
    /// What changes.
    pub difference: Difference,
}

/// The same pipeline with other values of a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Swept {
    /// The setting.
    pub setting: String,
    /// One run for each value.
    pub rows: Vec<SweptRow>,
}

/// What came of one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweptRow {
    /// The value.
    pub value: f64,
    /// How good the alarms were.
    pub figures: Figures,
    /// The gates that it does not pass.
    pub failures: Vec<Failure>,
}
