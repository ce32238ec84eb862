//! Signals: what is wrong with a service, by the events that it sends.
//!
//! For each key, events are counted in [buckets](Bucket) of ten seconds. Each bucket that is closed is looked at over
//! six lengths of time, from ten seconds to two hours, for slower answers, more slow answers, more errors, more or
//! fewer events than at this time of day, and for silence. Each test is a score in standard deviations, by what windows
//! of its length have shown lately, and an effect that is large enough to be of interest; both have to be exceeded.
//!
//! - [`Bucket`]: what happened, in exact integers, to be merged in any order;
//! - [`Monitor`]: what all keys share, and the step from bucket to bucket; [`KeyState`]: what is known of a key;
//! - [`Outcome`]: alarms that open and close; [`Figures`]: all that a verdict rests on, to be judged again;
//! - [`Watch`]: from alarms to incidents, and their events; [`Recent`]: the last buckets before a change;
//! - `latency`, `tail`, `errors`, `traffic`, `silence`: one signal each: its figures, its test, and what it learns;
//! - `scale`, `ring`, `season`, `dispersion`, `deviance`: time, sums, the time of day, scatter, chance.
//!
//! All of this is pure: no clock, no batch, and no state but [`KeyState`].

mod alarm;
mod bounds;
mod bucket;
mod describe;
mod deviance;
mod dispersion;
mod errors;
mod explain;
mod incident;
mod judge;
mod latency;
mod latency_figures;
mod monitor;
mod now;
mod offsets;
mod outcome;
mod recent;
mod ring;
mod scale;
mod season;
mod settings;
mod silence;
mod state;
mod tail;
mod traffic;
mod watch;

pub use self::bounds::Bounds;
pub use self::bucket::Bucket;
pub use self::errors::ErrorFigures;
pub use self::latency_figures::{Confirmed, LatencyFigures};
pub use self::monitor::Monitor;
pub use self::outcome::{Change, Figures, Outcome, Signal};
pub use self::recent::Recent;
pub use self::settings::{ErrorSettings, Limit, Settings, SignalSettings};
pub use self::silence::SilenceFigures;
pub use self::state::KeyState;
pub use self::tail::TailFigures;
pub use self::traffic::TrafficFigures;
pub(crate) use self::watch::{Span, field};
pub use self::watch::{Watch, Watched};
