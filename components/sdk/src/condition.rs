//! Conditions: VRL expressions that are true or false of an event.
//!
//! The daemon's `parse` family compiles them; all others are handed a [`Conditions`], so that nobody else has to build
//! VRL.

use std::sync::Arc;

use vrl::path::OwnedValuePath;

use crate::event::Batch;
use crate::settings::Fault;

/// Which fields of an event a component reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// These.
    Fields(Vec<OwnedValuePath>),
    /// The whole event, as a value.
    Whole,
}

impl Reads {
    /// None at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self::Fields(Vec::new())
    }

    /// Both what `self` and what `other` reads.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fields(mut mine), Self::Fields(others)) => {
                mine.extend(others);
                Self::Fields(mine)
            }
            _ => Self::Whole,
        }
    }
}

/// A compiled condition.
pub trait Condition: Send + Sync + 'static {
    /// What it reads: the batches that it is given should have these columns.
    fn reads(&self) -> &Reads;

    /// Asks it of every row: appends an answer for each to `answers`. Returns how many rows it failed on, whose answer
    /// is `false`.
    fn test(&self, batch: &Batch, answers: &mut Vec<bool>) -> u64;
}

/// Compiles conditions.
pub trait Conditions: Send + Sync {
    /// Compiles the VRL expression `source`.
    ///
    /// # Errors
    /// All that is wrong with it.
    fn compile(&self, source: &str) -> Result<Arc<dyn Condition>, Vec<Fault>>;
}
