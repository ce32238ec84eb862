//! The `api` sink: from batches of events to what the archive takes.
//!
//! - `settings`: which outputs are what, and which fields say what,
//! - `logs`, `windows`, `anomalies`, `scores`: one for each of its inputs.
//!
//! The archive is a part of this process, and what it is given lives or goes with the epoch: see
//! [`logd_archive`]. So the sink never tries again, and nothing is doubled by a crash.

mod anomalies;
mod logs;
mod scores;
mod settings;
mod windows;

use std::borrow::Cow;
use std::sync::Arc;

use logd_archive::Feed;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Columns, ComponentId, Field};
use vrl::path::OwnedValuePath;

pub(crate) use self::settings::ApiSinkSettings;
use self::settings::Fields;
use crate::host::Host;
use crate::webhooks::Alerts;

/// What is not understood is counted under this reason.
const MALFORMED: &str = "malformed";

/// Gives events to the archive, and changes of incidents to those who are told of them.
pub(crate) struct ApiSink(Option<Open>);

/// A sink of a daemon that shows something.
struct Open {
    feed: Feed,
    alerts: Arc<Alerts>,
    host: Host,
    id: ComponentId,
    /// The pipeline that it stands in: logs are of this one.
    pipeline: String,
    /// By which every log is counted: service, level and response time.
    counted: [OwnedValuePath; 3],
    /// By which a log that is kept is found: service, level and message.
    searched: [OwnedValuePath; 3],
    /// The columns of these.
    columns: Arc<Columns>,
}

impl ApiSink {
    /// A sink that nobody looks at.
    pub(super) fn of_nobody() -> Self {
        Self(None)
    }

    pub(super) fn new(feed: Feed, fields: &Fields, id: &ComponentId, alerts: Arc<Alerts>, host: Host) -> Self {
        let (counted, searched) = (fields.counted(), fields.searched());
        let columns = Columns::new(searched.iter().cloned());
        let pipeline = id.pipeline().to_owned();
        Self(Some(Open { feed, alerts, host, id: id.clone(), pipeline, counted, searched, columns }))
    }
}

impl Open {
    /// The path of the service.
    fn service(&self) -> &OwnedValuePath {
        &self.counted[0]
    }

    async fn deliver(&self, batch: &Batch) -> Attempt {
        if let Err(error) = self.feed.ready().await {
            return Attempt::failed(batch, format!("{error:#}"));
        }
        match settings::INPUTS.get(batch.input()).copied() {
            Some("windows") => self.windows(batch),
            Some("anomalies") => self.anomalies(batch).await,
            Some("scores") => self.scores(batch),
            _ => self.logs(batch).await,
        }
    }
}

impl Sink for ApiSink {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        match &self.0 {
            Some(open) => open.deliver(batch).await,
            None => Attempt::delivered(),
        }
    }

    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match &self.0 {
            Some(open) => open.feed.seal().await.map(Some),
            None => Ok(None),
        }
    }

    async fn restore(&self, epoch: &[u8]) -> anyhow::Result<()> {
        match &self.0 {
            Some(open) => open.feed.restore(epoch).await,
            None => Ok(()),
        }
    }

    async fn succeed(&self, before: &Self) -> anyhow::Result<()> {
        if let (Some(open), Some(before)) = (&self.0, &before.0) {
            open.feed.succeed(&before.feed).await;
        }
        Ok(())
    }

    async fn commit(&self, epoch: &[u8]) -> anyhow::Result<()> {
        match &self.0 {
            Some(open) => open.feed.apply(epoch).await,
            None => Ok(()),
        }
    }
}

/// A field as text; empty where there is none.
#[inline]
fn text(field: Field<'_>) -> Cow<'_, str> {
    match field {
        Field::Text(text) => Cow::Borrowed(text),
        Field::Missing | Field::Null => Cow::Borrowed(""),
        Field::Boolean(truth) => Cow::Owned(truth.to_string()),
        Field::Integer(number) => Cow::Owned(number.to_string()),
        Field::Float(number) => Cow::Owned(number.to_string()),
        Field::Time(time) => Cow::Owned(time.to_string()),
        Field::Value(value) => value.to_str_lossy().unwrap_or_else(|| Cow::Owned(value.to_string())),
    }
}

/// The component whose events stand in this block: `PIPELINE/NAME`, perhaps with a part of it behind a colon.
fn component(batch: &Batch, row: usize) -> ComponentId {
    let block = &batch.blocks()[batch.rows()[row].block as usize];
    let name = block.partition.name();
    let (pipeline, id) = name.split_once('/').unwrap_or(("", name));
    ComponentId::new(pipeline, id.split(':').next().unwrap_or_default())
}
