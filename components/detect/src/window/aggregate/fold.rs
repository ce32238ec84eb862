//! Folding a batch: for one aggregate after the other, one pass over one column.

use logd_sdk::{Batch, Field};
use xxhash_rust::xxh3::xxh3_64;

use super::super::settings::Function;
use super::super::tuple;
use super::{Aggregate, Distinct, Number, Sketch, Spread, State, Total};

/// The rows of a batch, and which of its cells (a key and its windows) each of them goes into.
#[derive(Debug)]
pub(in super::super) struct Rows<'b> {
    /// The batch.
    pub(in super::super) batch: &'b Batch,
    /// The cell of each row; a number that is no cell's for rows that are not taken in.
    pub(in super::super) cell_of: &'b [u32],
    /// How many cells there are.
    pub(in super::super) cells: usize,
}

impl Rows<'_> {
    /// One tally for each cell, of the rows for which `counts` holds.
    fn tally<T: Default + Clone>(&self, counts: impl Fn(usize) -> bool, mut add: impl FnMut(&mut T, usize)) -> Vec<T> {
        let mut tallies = vec![T::default(); self.cells];
        for (row, &cell) in self.cell_of.iter().enumerate() {
            if let Some(tally) = tallies.get_mut(cell as usize)
                && counts(row)
            {
                add(tally, row);
            }
        }
        tallies
    }
}

impl Aggregate {
    /// The state of each cell. Adds to `failures` how often the condition failed.
    pub(in super::super) fn fold(&self, rows: &Rows<'_>, failures: &mut u64) -> Vec<State> {
        let batch = rows.batch;
        let mut answers = Vec::new();
        if let Some(condition) = &self.condition {
            *failures += condition.test(batch, &mut answers);
        }
        let meets = |row: usize| answers.get(row).copied().unwrap_or(true);
        let column = self.field.as_ref().and_then(|field| batch.columns().find(field));
        let field = |row| batch.field_if(row, column);
        let number = |row| Number::of(field(row));
        let is_there = |row| !matches!(field(row), Field::Missing | Field::Null);
        match self.function {
            Function::Count | Function::Rate => {
                let counts = rows.tally(meets, |count: &mut u64, _| *count += 1);
                counts.into_iter().map(State::Count).collect()
            }
            Function::Ratio => {
                let shares = rows.tally(
                    |_| true,
                    |(met, of): &mut (u64, u64), row| {
                        *met += u64::from(meets(row));
                        *of += 1;
                    },
                );
                shares.into_iter().map(|(met, of)| State::Share(met, of)).collect()
            }
            Function::Sum | Function::Mean => {
                let totals = rows.tally(meets, |total: &mut Total, row| {
                    if let Some(number) = number(row) {
                        total.add(number);
                    }
                });
                totals.into_iter().map(|total| State::Total(Box::new(total))).collect()
            }
            Function::Stddev => {
                let spreads = rows.tally(meets, |spread: &mut Spread, row| {
                    if let Some(number) = number(row) {
                        spread.add(number);
                    }
                });
                spreads.into_iter().map(|spread| State::Spread(Box::new(spread))).collect()
            }
            Function::Min | Function::Max => {
                let extremes = rows.tally(meets, |extreme: &mut Option<Number>, row| {
                    if let Some(number) = number(row) {
                        self.extend(extreme, number);
                    }
                });
                extremes.into_iter().map(State::Extreme).collect()
            }
            Function::Quantile => {
                let sketches = rows.tally(meets, |sketch: &mut Sketch, row| {
                    if let Some(number) = number(row) {
                        sketch.add(number.to_f64());
                    }
                });
                sketches.into_iter().map(State::Sketch).collect()
            }
            Function::Distinct => {
                let mut bytes = Vec::new();
                let distincts = rows.tally(meets, |distinct: &mut Distinct, row| {
                    if is_there(row) {
                        bytes.clear();
                        tuple::write(field(row), &mut bytes);
                        distinct.insert(xxh3_64(&bytes));
                    }
                });
                distincts.into_iter().map(|distinct| State::Distinct(Box::new(distinct))).collect()
            }
            Function::Samples | Function::First | Function::Last => {
                let wanted = |row| meets(row) && (self.field.is_none() || is_there(row));
                let kept = rows.tally(wanted, |kept, row| self.offer(batch, kept, row));
                kept.into_iter().map(|kept| State::Picks(self.keep(batch, kept, column))).collect()
            }
        }
    }
}
