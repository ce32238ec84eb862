//! What a batch's events come to, by key.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::anyhow;
use indexmap::IndexMap;
use logd_sdk::condition::Condition;
use logd_sdk::settings::{FieldPath, Template};
use logd_sdk::{Batch, Context, Field};

use super::epoch::Change;
use super::number::Number;
use crate::rows::Texts;
use crate::settings::{CounterSettings, HashSettings};

/// What is reckoned of events, and under which names.
pub(crate) struct Recipe {
    /// Fields that are set.
    set: IndexMap<String, Template>,
    /// Fields that are added to.
    add: Vec<Counter>,
}

/// A field that is added to.
struct Counter {
    name: String,
    /// The field whose sum is asked; without it, events are counted.
    field: Option<FieldPath>,
    condition: Option<Arc<dyn Condition>>,
}

/// What some events come to; sums and texts in the order of the recipe.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    set: Vec<Option<String>>,
    add: Vec<Number>,
}

/// A batch whose conditions have been asked.
pub(crate) struct Asked<'b> {
    recipe: &'b Recipe,
    batch: &'b Batch,
    texts: Vec<Texts<'b>>,
    /// For each counter the place of its field, and which rows meet its condition.
    counters: Vec<(Option<usize>, Option<Vec<bool>>)>,
    /// On how many rows conditions have failed, which these rows do not meet then.
    pub(crate) failures: u64,
}

impl Recipe {
    /// Compiles the settings.
    ///
    /// # Errors
    /// A condition does not compile.
    pub(crate) fn new(settings: &HashSettings, context: &Context) -> anyhow::Result<Self> {
        let compile = |source: &String| {
            context.conditions.compile(source).map_err(|faults| {
                let messages: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
                anyhow!("the condition `{source}` does not compile: {}", messages.join("; "))
            })
        };
        let counter = |(name, CounterSettings { field, r#where, .. }): (&String, &CounterSettings)| {
            let condition = r#where.as_ref().map(compile).transpose()?;
            anyhow::Ok(Counter { name: name.clone(), field: field.clone(), condition })
        };
        Ok(Self { set: settings.set.clone(), add: settings.add.iter().map(counter).collect::<Result<_, _>>()? })
    }

    /// The names of the fields that are added to.
    pub(crate) fn counters(&self) -> impl Iterator<Item = &str> {
        self.add.iter().map(|counter| counter.name.as_str())
    }

    /// Asks the conditions of all rows.
    pub(crate) fn ask<'b>(&'b self, batch: &'b Batch) -> Asked<'b> {
        let mut failures = 0;
        let counters = self.add.iter().map(|counter| {
            let answers = counter.condition.as_ref().map(|condition| {
                let mut answers = Vec::with_capacity(batch.len());
                failures += condition.test(batch, &mut answers);
                answers
            });
            let column = counter.field.as_ref().and_then(|field| batch.columns().find(field.path()));
            (column, answers)
        });
        let counters = counters.collect();
        let texts = self.set.values().map(|template| Texts::new(template, batch)).collect();
        Asked { recipe: self, batch, texts, counters, failures }
    }

    /// What a tally changes in a hash.
    pub(crate) fn change(&self, tally: Tally) -> Change {
        let set = self.set.keys().zip(tally.set).filter_map(|(name, text)| Some((name.clone(), text?)));
        let add = self.counters().zip(tally.add).map(|(name, amount)| (name.to_owned(), amount));
        Change { set: set.collect(), add: add.collect() }
    }
}

impl Asked<'_> {
    /// What these rows come to.
    pub(crate) fn tally(&self, rows: &[u32]) -> Tally {
        let newest =
            |texts: &Texts<'_>| rows.iter().rev().find_map(|&row| texts.of(row as usize).ok()).map(Cow::into_owned);
        let sum = |(counter, (column, answers)): (&Counter, &(Option<usize>, Option<Vec<bool>>))| {
            let meets = |row: &usize| answers.as_ref().is_none_or(|answers| answers.get(*row) == Some(&true));
            let met = rows.iter().map(|&row| row as usize).filter(meets);
            let amounts =
                met.map(|row| if counter.field.is_some() { self.number(row, *column) } else { Number::Integer(1) });
            amounts.fold(Number::ZERO, Number::plus)
        };
        Tally {
            set: self.texts.iter().map(newest).collect(),
            add: self.recipe.add.iter().zip(&self.counters).map(sum).collect(),
        }
    }

    /// A field's number; what is none adds nothing.
    fn number(&self, row: usize, column: Option<usize>) -> Number {
        match self.batch.field_if(row, column) {
            Field::Integer(number) => Number::Integer(number),
            Field::Float(number) if number.is_finite() => Number::Float(number),
            _ => Number::ZERO,
        }
    }
}

impl Tally {
    /// Adds what newer events come to.
    pub(crate) fn add(&mut self, newer: Self) {
        if self.add.is_empty() {
            *self = newer;
            return;
        }
        for (sum, amount) in self.add.iter_mut().zip(newer.add) {
            *sum = sum.plus(amount);
        }
        for (text, newer) in self.set.iter_mut().zip(newer.set).filter(|(_, newer)| newer.is_some()) {
            *text = newer;
        }
    }
}
