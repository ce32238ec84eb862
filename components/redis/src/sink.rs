//! The running sink: with each batch, or with each epoch.

use logd_sdk::component::SinkSettings as _;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Context};
use redis::{Pipeline, cmd};

use crate::connections::Connections;
use crate::counters::Counters;
use crate::reply::{Verdict, verdict};
use crate::settings::{DataType, RedisSettings};
use crate::write::{Shape, Writer};

/// A running `redis` sink.
pub struct Redis {
    connections: Connections,
    target: Target,
}

/// When it is written.
enum Target {
    /// With each batch.
    Batches(Writer),
    /// With each epoch.
    Epochs(Box<Counters>),
}

impl Redis {
    /// Connects to nothing yet.
    pub(crate) async fn new(settings: &RedisSettings, context: &Context) -> anyhow::Result<Self> {
        let timeout = settings.delivery().attempt_timeout;
        let ttl = settings.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        let key = settings.key.clone();
        let target = if let Some(hash) = settings.counters() {
            Target::Epochs(Box::new(Counters::new(key, hash, ttl, context)?))
        } else {
            let shape = match settings.data_type {
                DataType::List => {
                    let list = settings.list.clone().unwrap_or_default();
                    Shape::List(list.method, list.max_length)
                }
                DataType::Hash => Shape::Hash(settings.hash.clone().unwrap_or_default().set),
                DataType::String => Shape::String,
                DataType::Stream => Shape::Stream(settings.stream.as_ref().and_then(|stream| stream.max_length)),
                DataType::Channel => Shape::Channel,
                DataType::SortedSet => Shape::SortedSet(settings.sorted_set.as_ref().and_then(|set| set.score.clone())),
            };
            Target::Batches(Writer { key, shape, ttl, codec: settings.encoding.codec })
        };
        Ok(Self { connections: Connections::new(settings.target().client()?, timeout), target })
    }
}

impl Sink for Redis {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        match &self.target {
            Target::Batches(writer) => writer.write(batch, &self.connections).await,
            Target::Epochs(counters) => counters.count(batch, &self.connections).await,
        }
    }

    async fn probe(&self) -> anyhow::Result<()> {
        let mut commands = Pipeline::new();
        commands.add_command(cmd("PING"));
        match verdict(&self.connections.send(commands).await?) {
            Verdict::Done => Ok(()),
            Verdict::Refused(reason) | Verdict::Failed(reason) => anyhow::bail!(reason),
        }
    }

    async fn sync(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match &self.target {
            Target::Batches(_) => Ok(None),
            Target::Epochs(counters) => counters.seal().await.map(Some),
        }
    }

    async fn restore(&self, epoch: &[u8]) -> anyhow::Result<()> {
        match &self.target {
            // What a sink with other settings has left.
            Target::Batches(_) => Ok(()),
            Target::Epochs(counters) => counters.restore(epoch, &self.connections).await,
        }
    }

    async fn succeed(&self, before: &Self) -> anyhow::Result<()> {
        if let (Target::Epochs(counters), Target::Epochs(before)) = (&self.target, &before.target) {
            counters.succeed(before).await;
        }
        Ok(())
    }

    async fn commit(&self, epoch: &[u8]) -> anyhow::Result<()> {
        match &self.target {
            Target::Batches(_) => Ok(()),
            Target::Epochs(counters) => counters.commit(epoch, &self.connections).await,
        }
    }
}
