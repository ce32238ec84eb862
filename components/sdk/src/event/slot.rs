//! One field of one event: how a column stores it ([`Slot`]) and how it is read ([`Field`]).

use std::borrow::Cow;
use std::sync::Arc;

use vrl::value::Value;

use crate::time::Time;

/// A typed field, 16 bytes wide. Text is a range of the row's block or of the batch's own text.
#[derive(Clone, Debug, Default)]
pub enum Slot {
    /// The event has no such field.
    #[default]
    Missing,
    /// The field is there, and null.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A moment in time.
    Time(Time),
    /// UTF-8 text at this range of the row's block, inside the row's own range.
    Block {
        /// The first byte.
        start: u32,
        /// The byte after the last.
        end: u32,
    },
    /// Text at this range of the batch's text.
    Text {
        /// The first byte.
        start: u32,
        /// The byte after the last.
        end: u32,
    },
    /// An array, an object, or anything else that has no narrower form.
    Value(Arc<Value>),
}

/// A field as a component reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    /// The event has no such field.
    Missing,
    /// The field is there, and null.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A moment in time.
    Time(Time),
    /// Text.
    Text(&'a str),
    /// An array, an object, or anything else that has no narrower form.
    Value(&'a Value),
}

impl<'a> Field<'a> {
    /// The number that it is. Text is not read as a number: what a detector judges must be one.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }

    /// As a person reads it, in a key or a template; `None` where there is nothing.
    #[must_use]
    pub fn display(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Self::Missing | Self::Null => return None,
            Self::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::Float(value) => Cow::Owned(value.to_string()),
            Self::Time(value) => Cow::Owned(value.to_string()),
            Self::Text(value) => Cow::Borrowed(value),
            Self::Value(value) => Cow::Owned(value.to_string()),
        })
    }

    /// Whether the event has no such field.
    #[must_use]
    pub fn is_missing(self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl From<Field<'_>> for Value {
    /// A missing field becomes null.
    fn from(field: Field<'_>) -> Self {
        match field {
            Field::Missing | Field::Null => Self::Null,
            Field::Boolean(value) => Self::Boolean(value),
            Field::Integer(value) => Self::Integer(value),
            Field::Float(value) => Self::from_f64_or_zero(value),
            Field::Time(value) => match value.to_chrono() {
                Some(time) => Self::Timestamp(time),
                None => Self::Integer(value.as_micros()),
            },
            Field::Text(value) => Self::from(value),
            Field::Value(value) => value.clone(),
        }
    }
}
