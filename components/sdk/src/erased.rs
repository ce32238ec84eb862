//! Running components, whatever their types: what the graph holds.
//!
//! A component is written with plain `async fn`s and types of its own; the traits here are their object-safe twins.

use std::any::Any;

use anyhow::anyhow;
use futures::future::BoxFuture;

use crate::event::Batch;
use crate::keyed::{Description, Floor, Keyed, Save, Shard, Split, Step, Timing};
use crate::outputs::Outputs;
use crate::sink::{Attempt, Sink};
use crate::source::{Next, Source};
use crate::time::Time;

/// Any [`Source`].
pub trait AnySource: Any + Send {
    /// [`Source::next`].
    fn next(&mut self) -> BoxFuture<'_, anyhow::Result<Next>>;
    /// [`Source::position`].
    fn position(&self) -> Option<Vec<u8>>;
    /// [`Source::seek`].
    ///
    /// # Errors
    /// Those of the source.
    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()>;
    /// [`Source::commit`].
    fn commit<'a>(&'a mut self, position: &'a [u8]) -> BoxFuture<'a, anyhow::Result<()>>;
}

impl<S: Source> AnySource for S {
    fn next(&mut self) -> BoxFuture<'_, anyhow::Result<Next>> {
        Box::pin(Source::next(self))
    }

    fn position(&self) -> Option<Vec<u8>> {
        Source::position(self)
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        Source::seek(self, position)
    }

    fn commit<'a>(&'a mut self, position: &'a [u8]) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(Source::commit(self, position))
    }
}

/// Any [`Sink`].
pub trait AnySink: Any + Send + Sync {
    /// [`Sink::deliver`].
    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Attempt>;
    /// [`Sink::probe`].
    fn probe(&self) -> BoxFuture<'_, anyhow::Result<()>>;
    /// [`Sink::sync`].
    fn sync(&self) -> BoxFuture<'_, anyhow::Result<Option<Vec<u8>>>>;
    /// [`Sink::restore`].
    fn restore<'a>(&'a self, epoch: &'a [u8]) -> BoxFuture<'a, anyhow::Result<()>>;
    /// [`Sink::succeed`].
    ///
    /// # Errors
    /// Those of the sink; or `before` is of another type.
    fn succeed<'a>(&'a self, before: &'a dyn AnySink) -> BoxFuture<'a, anyhow::Result<()>>;
    /// [`Sink::commit`].
    fn commit<'a>(&'a self, epoch: &'a [u8]) -> BoxFuture<'a, anyhow::Result<()>>;
}

impl<S: Sink> AnySink for S {
    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Attempt> {
        Box::pin(Sink::deliver(self, batch))
    }

    fn probe(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        Box::pin(Sink::probe(self))
    }

    fn sync(&self) -> BoxFuture<'_, anyhow::Result<Option<Vec<u8>>>> {
        Box::pin(Sink::sync(self))
    }

    fn restore<'a>(&'a self, epoch: &'a [u8]) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(Sink::restore(self, epoch))
    }

    fn succeed<'a>(&'a self, before: &'a dyn AnySink) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            let before: &dyn Any = before;
            let before = before.downcast_ref().ok_or_else(|| anyhow!("the sink before it was of another type"))?;
            Sink::succeed(self, before).await
        })
    }

    fn commit<'a>(&'a self, epoch: &'a [u8]) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(Sink::commit(self, epoch))
    }
}

/// A [`Keyed::Part`], whatever its type.
pub type AnyPart = Box<dyn Any + Send>;

/// A [`Shard::Yield`], whatever its type.
pub type AnyYield = Box<dyn Any + Send>;

/// Any [`Keyed`]. Parts and yields go back to the component that made them, and to no other.
pub trait AnyKeyed: Send + Sync {
    /// [`Keyed::timing`].
    fn timing(&self) -> Option<Timing>;
    /// [`Keyed::split`].
    fn split(&self, batch: &Batch, floors: &[Floor], shards: usize) -> Split<AnyPart>;
    /// [`Keyed::shard`].
    fn shard(&self) -> Box<dyn AnyShard>;
    /// [`Keyed::fingerprint`].
    fn fingerprint(&self) -> u64;
    /// [`Keyed::gather`].
    ///
    /// # Errors
    /// A yield is not one of this component's shards.
    fn gather(&self, step: Step<'_, AnyYield>, out: &mut Outputs) -> anyhow::Result<()>;
}

/// Any [`Shard`].
pub trait AnyShard: Send {
    /// [`Shard::step`].
    ///
    /// # Errors
    /// The part is not one of this component's.
    fn step(&mut self, part: Option<AnyPart>, watermark: Time) -> anyhow::Result<AnyYield>;
    /// [`Shard::save`].
    fn save(&mut self, save: &mut Save<'_>);
    /// [`Shard::owner`].
    fn owner<'k>(&self, saved: &'k [u8]) -> &'k [u8];
    /// [`Shard::load`].
    ///
    /// # Errors
    /// Those of the shard.
    fn load(&mut self, key: &[u8], state: &[u8]) -> anyhow::Result<()>;
    /// [`Shard::describe`].
    fn describe(&self, key: &[u8]) -> Option<Description>;
}

/// A [`Keyed`] as an [`AnyKeyed`].
pub(crate) struct ErasedKeyed<K>(pub(crate) K);

impl<K: Keyed> AnyKeyed for ErasedKeyed<K> {
    fn timing(&self) -> Option<Timing> {
        self.0.timing()
    }

    fn split(&self, batch: &Batch, floors: &[Floor], shards: usize) -> Split<AnyPart> {
        let split = self.0.split(batch, floors, shards);
        let parts = split.parts.into_iter().map(|part| part.map(|part| Box::new(part) as AnyPart)).collect();
        Split { parts, late: split.late, least_end: split.least_end, absorbed: split.absorbed }
    }

    fn shard(&self) -> Box<dyn AnyShard> {
        Box::new(ErasedShard(self.0.shard()))
    }

    fn fingerprint(&self) -> u64 {
        self.0.fingerprint()
    }

    fn gather(&self, step: Step<'_, AnyYield>, out: &mut Outputs) -> anyhow::Result<()> {
        let yields = step.yields.into_iter().map(own).collect::<anyhow::Result<_>>()?;
        let Step { batch, watermark, partition, .. } = step;
        self.0.gather(Step { batch, yields, watermark, partition }, out);
        Ok(())
    }
}

struct ErasedShard<S>(S);

impl<S: Shard> AnyShard for ErasedShard<S> {
    fn step(&mut self, part: Option<AnyPart>, watermark: Time) -> anyhow::Result<AnyYield> {
        let part = part.map(own).transpose()?;
        Ok(Box::new(self.0.step(part, watermark)))
    }

    fn save(&mut self, save: &mut Save<'_>) {
        self.0.save(save);
    }

    fn owner<'k>(&self, saved: &'k [u8]) -> &'k [u8] {
        S::owner(saved)
    }

    fn load(&mut self, key: &[u8], state: &[u8]) -> anyhow::Result<()> {
        self.0.load(key, state)
    }

    fn describe(&self, key: &[u8]) -> Option<Description> {
        self.0.describe(key)
    }
}

fn own<T: 'static>(any: Box<dyn Any + Send>) -> anyhow::Result<T> {
    match any.downcast::<T>() {
        Ok(own) => Ok(*own),
        Err(_) => Err(anyhow!("a part of one component has reached another")),
    }
}
