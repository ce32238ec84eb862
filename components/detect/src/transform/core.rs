//! What a detector has to be to stand in a pipeline: values of a key in, scores and changes of its incident out.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::detector::{Detector, KeyState, Observation, Unusable};
use crate::incident::{Anomaly, Key};
use crate::novelty::{Novelty, NoveltyState};
use crate::time::{Interval, Micros};

/// A detector: what all keys share.
pub(crate) trait Core: Send + Sync + 'static {
    /// What it knows of one key, and all that a snapshot needs.
    type State: Serialize + DeserializeOwned + Send + 'static;

    /// What it knows of a key before its first value.
    fn begin(&self) -> Self::State;

    /// What anomalies and scores name as the field.
    fn field(&self) -> &str;

    /// Judges a key's next values, one for each field, by those before, and then learns from them. `key` is asked only
    /// where there is something to tell; `events` is of how many the value is a share, where that is known.
    fn observe(
        &self,
        state: &mut Self::State,
        key: impl Fn() -> Key + Copy,
        window: Interval,
        values: &[f64],
        events: Option<f64>,
    ) -> Result<Observation, Unusable>;

    /// Lets event time pass: nothing will come from before `watermark`.
    fn advance(&self, state: &mut Self::State, key: impl Fn() -> Key, watermark: Micros) -> Option<Anomaly>;

    /// Ends the key's incident, because its state is about to be let go.
    fn forget(&self, state: &mut Self::State, key: impl Fn() -> Key) -> Option<Anomaly>;

    /// Says what is known of a key, in words and in figures.
    fn describe(&self, state: &Self::State) -> (String, Value);

    /// Whether an incident is open.
    fn is_open(state: &Self::State) -> bool;

    /// The key's latest event time; none before its first usable value.
    fn last_seen(state: &Self::State) -> Option<Micros>;
}

impl Core for Detector {
    type State = KeyState;

    fn begin(&self) -> KeyState {
        self.begin()
    }

    fn field(&self) -> &str {
        self.field()
    }

    fn observe(
        &self,
        state: &mut KeyState,
        key: impl Fn() -> Key + Copy,
        window: Interval,
        values: &[f64],
        events: Option<f64>,
    ) -> Result<Observation, Unusable> {
        self.observe(state, key, window, values.first().copied(), events)
    }

    fn advance(&self, state: &mut KeyState, key: impl Fn() -> Key, watermark: Micros) -> Option<Anomaly> {
        self.advance(state, key, watermark)
    }

    fn forget(&self, state: &mut KeyState, key: impl Fn() -> Key) -> Option<Anomaly> {
        self.forget(state, key)
    }

    fn describe(&self, state: &KeyState) -> (String, Value) {
        self.describe(state)
    }

    fn is_open(state: &KeyState) -> bool {
        state.is_open()
    }

    fn last_seen(state: &KeyState) -> Option<Micros> {
        state.last_seen()
    }
}

impl Core for Novelty {
    type State = NoveltyState;

    fn begin(&self) -> NoveltyState {
        NoveltyState::default()
    }

    fn field(&self) -> &str {
        self.field()
    }

    fn observe(
        &self,
        state: &mut NoveltyState,
        key: impl Fn() -> Key + Copy,
        window: Interval,
        values: &[f64],
        _: Option<f64>,
    ) -> Result<Observation, Unusable> {
        self.observe(state, key, window, values)
    }

    fn advance(&self, state: &mut NoveltyState, key: impl Fn() -> Key, watermark: Micros) -> Option<Anomaly> {
        self.advance(state, key, watermark)
    }

    fn forget(&self, state: &mut NoveltyState, key: impl Fn() -> Key) -> Option<Anomaly> {
        self.forget(state, key)
    }

    fn describe(&self, state: &NoveltyState) -> (String, Value) {
        self.describe(state)
    }

    fn is_open(state: &NoveltyState) -> bool {
        state.is_open()
    }

    fn last_seen(state: &NoveltyState) -> Option<Micros> {
        state.last_seen()
    }
}
