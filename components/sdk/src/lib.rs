//! The contract between logd and its components.
//!
//! A component is one file in a family's crate: its settings, what it checks, and what it does. This crate holds
//! all that such a file names, and nothing of the graph that runs it:
//!
//! - [`event`]: the [`Batch`] of events that travels through the graph, and how its fields are read and written,
//! - [`source`], [`transform`], [`keyed`], [`sink`]: what each kind of component must do,
//! - [`component`]: the line by which a family lists a component, and its settings' four phases,
//! - [`settings`]: the types that settings are made of,
//! - [`report`]: how a component says what is wrong with its settings,
//! - [`contract`]: the tests that every component passes,
//! - [`condition`], [`clock`], [`control`], [`meters`], [`health`], [`epochs`], [`http`], [`sender`], [`shared_stores`]:
//!   what the daemon and this crate hand to components.

pub mod clock;
pub mod component;
pub mod condition;
pub mod context;
pub mod contract;
pub mod control;
pub mod epochs;
pub mod erased;
pub mod event;
pub mod health;
pub mod http;
pub mod keyed;
pub mod meters;
pub mod outputs;
pub mod report;
pub mod sender;
pub mod settings;
pub mod shared_stores;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod time;
pub mod transform;

pub use clock::Clock;
pub use component::{Check, Component, Plan, Settings};
pub use context::{ComponentId, Context};
pub use epochs::Epochs;
pub use event::{Batch, Block, Body, Columns, EventId, Field, Partition, Row, Slot};
pub use health::Health;
pub use outputs::{Outputs, Port};
pub use time::Time;
