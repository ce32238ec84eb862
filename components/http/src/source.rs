//! The source: runs the server, and hands on what the requests brought.

use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;
use logd_sdk::http::{self, Limits, Listener, Tls};
use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Block, ComponentId};
use tokio::sync::oneshot;

use crate::durable::Replay;
use crate::memory::Memory;
use crate::queue::keep_time;
use crate::reception::Reception;

/// A server that is built.
#[derive(Debug)]
pub(crate) struct Server {
    /// The component's name.
    pub(crate) id: ComponentId,
    /// Where it listens.
    pub(crate) listener: Listener,
    /// What answers.
    pub(crate) reception: Arc<Reception>,
    /// Its bounds.
    pub(crate) limits: Limits,
    /// Its certificate, if it has one.
    pub(crate) tls: Option<Tls>,
}

/// Where requests are until the pipeline takes their events.
#[derive(Debug)]
pub(crate) enum Origin {
    /// In memory, unanswered.
    Memory(Memory),
    /// On disk.
    Disk(Box<Replay>),
}

/// A running source.
///
/// When it is dropped the server stops: it accepts no more, and requests under way may end. What is not taken yet is
/// handed to who comes in its [place](crate::succession), if anybody does, or answered 503.
#[derive(Debug)]
pub(crate) struct HttpSource {
    /// The server, until it is started. It is bound: clients may connect already, and wait.
    server: Option<Box<Server>>,
    /// Stops the server when dropped.
    stop: oneshot::Sender<()>,
    /// What the server waits for.
    stopped: Option<oneshot::Receiver<()>>,
    /// The server's certificate, if it has one, also while it runs.
    tls: Option<Tls>,
    origin: Origin,
}

impl HttpSource {
    /// A source whose requests `server` leaves at `origin`. Nothing runs before the first `next`.
    pub(crate) fn new(server: Server, origin: Origin) -> Self {
        let (stop, stopped) = oneshot::channel();
        let tls = server.tls.clone();
        Self { server: Some(Box::new(server)), stop, stopped: Some(stopped), tls, origin }
    }

    /// The server's certificate, which can be renewed while it runs.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Where it listens, until it is started.
    #[cfg(test)]
    pub(crate) fn address(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref()?.listener.local_addr().ok()
    }

    /// How many requests wait in memory.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        match &self.origin {
            Origin::Memory(memory) => memory.queue().waiting(),
            Origin::Disk(_) => 0,
        }
    }

    /// Starts the server, and says that there is a partition, if it does not run yet.
    fn start(&mut self) -> Option<Batch> {
        let Server { id, listener, reception, limits, tls } = *self.server.take()?;
        let stopped = self.stopped.take()?;
        let partition = match &self.origin {
            Origin::Memory(memory) => memory.partition(),
            Origin::Disk(replay) => replay.partition(),
        };
        if let Ok(address) = listener.local_addr() {
            tracing::info!(component = %id, %address, tls = tls.is_some(), "Events can be sent.");
        }
        let notice = Batch::notice(Block::new(Bytes::new(), Arc::clone(partition)));
        match &mut self.origin {
            Origin::Memory(memory) => drop(tokio::spawn(keep_time(Arc::downgrade(memory.queue())))),
            Origin::Disk(replay) => replay.start(),
        }
        // Nothing is ever sent: it is ready when the source is dropped.
        let stopped = async { stopped.await.unwrap_or_default() };
        tokio::spawn(http::serve(listener, reception, limits, tls, stopped));
        Some(notice)
    }

    async fn wait(&mut self) -> anyhow::Result<Next> {
        if let Some(notice) = self.start() {
            return Ok(Next::Batch(notice));
        }
        let Self { stop, origin, .. } = self;
        let batch = async {
            match origin {
                Origin::Memory(memory) => Ok(memory.next().await),
                Origin::Disk(replay) => replay.next().await,
            }
        };
        tokio::select! {
            biased;
            batch = batch => Ok(Next::Batch(batch?)),
            () = stop.closed() => bail!("the HTTP server has ended"),
        }
    }
}

impl Source for HttpSource {
    /// Answers when it is called, not when it is polled: that the batch before was taken is true then already, and the
    /// daemon drops the call unpolled when it stops.
    fn next(&mut self) -> impl Future<Output = anyhow::Result<Next>> + Send {
        match &mut self.origin {
            Origin::Memory(memory) => memory.settle(),
            Origin::Disk(replay) => replay.settle(),
        }
        self.wait()
    }

    /// Clients can't be asked again for what is not on disk.
    fn position(&self) -> Option<Vec<u8>> {
        match &self.origin {
            Origin::Memory(_) => None,
            Origin::Disk(replay) => replay.position(),
        }
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        match &mut self.origin {
            Origin::Memory(memory) => {
                let component = memory.partition().name();
                tracing::warn!(component, "What waits in the disk log stays there until `respond_when` says so again.");
                Ok(())
            }
            Origin::Disk(replay) => replay.seek(position),
        }
    }

    async fn commit(&mut self, position: &[u8]) -> anyhow::Result<()> {
        match &mut self.origin {
            Origin::Memory(_) => Ok(()),
            Origin::Disk(replay) => replay.commit(position).await,
        }
    }
}
