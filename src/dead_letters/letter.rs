//! A letter as it is kept, and the letters of a log that nobody has dealt with yet.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use logd_disklog::inspect;
use logd_sdk::event::stored;
use logd_sdk::{Batch, ComponentId, Time, snapshot};
use serde::{Deserialize, Serialize};

/// The version of records.
const VERSION: u8 = 1;

/// A record of the log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// An event that was given up.
    Letter(Letter),
    /// Letters that somebody has dealt with.
    Settled(Vec<RangeInclusive<u64>>),
}

/// An event that was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) pipeline: String,
    pub(crate) component: String,
    /// Why, in one line.
    pub(crate) reason: String,
    /// After how many attempts.
    pub(crate) attempts: u32,
    /// When, in microseconds since 1970.
    pub(crate) time: i64,
    /// The event, as a [stored] batch of one.
    event: Bytes,
}

impl Entry {
    /// As bytes.
    pub(crate) fn encode(&self) -> anyhow::Result<Bytes> {
        Ok(snapshot::encode(VERSION, self)?.into())
    }

    /// From bytes.
    pub(crate) fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        snapshot::decode(VERSION, bytes)
    }
}

impl Letter {
    /// For an event that `component` has given up.
    pub(crate) fn new(
        event: &Batch,
        component: &ComponentId,
        reason: &str,
        attempts: u32,
        now: Time,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            pipeline: component.pipeline().to_owned(),
            component: component.id().to_owned(),
            reason: reason.to_owned(),
            attempts,
            time: now.as_micros(),
            event: stored::encode(event)?.into(),
        })
    }

    /// Who gave it up.
    pub(crate) fn component(&self) -> ComponentId {
        ComponentId::new(&self.pipeline, &self.component)
    }

    /// When it was given up.
    pub(crate) fn time(&self) -> Time {
        Time::from_micros(self.time)
    }

    /// The event.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn event(&self) -> anyhow::Result<Batch> {
        stored::decode(&self.event)
    }

    /// The event as it is stored.
    pub(crate) fn stored(&self) -> &Bytes {
        &self.event
    }
}

/// The letters that nobody has dealt with, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Letters(pub(crate) BTreeMap<u64, Letter>);

impl Letters {
    /// Reads those of the log in `folder`; there are none where there is no log. Another process may be writing to it.
    ///
    /// # Errors
    /// The folder can't be read.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut letters = BTreeMap::new();
        if !folder.exists() {
            return Ok(Self(letters));
        }
        let shown = folder.display();
        let released = inspect::report(folder).with_context(|| format!("{shown} can't be read"))?.released;
        for record in inspect::records(folder, released + 1).with_context(|| format!("{shown} can't be read"))? {
            let (number, record) = record?;
            match Entry::decode(&record)? {
                Entry::Letter(letter) if number > released => drop(letters.insert(number, letter)),
                Entry::Letter(_) => {}
                Entry::Settled(ranges) => {
                    for range in ranges {
                        letters.retain(|number, _| !range.contains(number));
                    }
                }
            }
        }
        Ok(Self(letters))
    }
}
