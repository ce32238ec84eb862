//! The fields of one event, as templates ask for them.

use logd_sdk::settings::FieldPath;
use logd_sdk::{Batch, Field, Time};

/// One event of a batch that has the columns which the templates read.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'b> {
    batch: &'b Batch,
    row: usize,
}

impl<'b> Fields<'b> {
    /// Those of this row.
    pub(crate) fn of(batch: &'b Batch, row: usize) -> Self {
        Self { batch, row }
    }

    /// When the event happened.
    pub(crate) fn time(self) -> Time {
        self.batch.rows()[self.row].time
    }

    /// A field.
    pub(crate) fn get(self, path: &FieldPath) -> Field<'b> {
        self.batch.field_if(self.row, self.batch.columns().find(path.path()))
    }

    /// A field as text; `None` where there is nothing.
    pub(crate) fn text(self, path: &FieldPath) -> Option<String> {
        self.get(path).display().map(std::borrow::Cow::into_owned)
    }
}
