//! The source: hands on what the requests brought, and lets them be answered.

use std::future::poll_fn;
use std::mem::replace;
use std::sync::Arc;
use std::task::Poll;

use anyhow::bail;
use bytes::Bytes;
use logd_sdk::http::{self, Limits, Listener, Tls};
use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Block, Clock, Columns, Partition};
use tokio::sync::oneshot;

use crate::gather::Gathered;
use crate::queue::{Queue, Waiting, keep_time};
use crate::reception::Reception;

/// A server that is built.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) listener: Listener,
    /// What answers.
    pub(crate) reception: Reception,
    /// Its bounds.
    pub(crate) limits: Limits,
    /// Its certificate, if it has one.
    pub(crate) tls: Option<Tls>,
}

/// A running source.
///
/// When it is dropped the server stops: it accepts no more, what still waits is answered 503, and requests under way
/// may end.
#[derive(Debug)]
pub(crate) struct HttpSource {
    /// The server, until it is started. It is bound: clients may connect already, and wait.
    server: Option<Box<Server>>,
    /// Stops the server when dropped.
    stop: oneshot::Sender<()>,
    /// What the server waits for.
    stopped: Option<oneshot::Receiver<()>>,
    queue: Arc<Queue>,
    clock: Clock,
    partition: Arc<Partition>,
    columns: Arc<Columns>,
    /// Where the next event stands in the partition.
    sequence: u64,
    /// The request of which a part is handed on.
    current: Option<Waiting>,
    /// Those whose last events are in the batch that was handed on last.
    owed: Vec<oneshot::Sender<()>>,
}

impl HttpSource {
    /// A source whose requests come by `queue`. Nothing runs before the first `next`.
    pub(crate) fn new(server: Server, queue: Arc<Queue>, clock: Clock, partition: Arc<Partition>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self {
            columns: Arc::clone(server.reception.decoder.columns()),
            server: Some(Box::new(server)),
            stop,
            stopped: Some(stopped),
            queue,
            clock,
            partition,
            sequence: 0,
            current: None,
            owed: Vec::new(),
        }
    }

    /// Where it listens, until it is started.
    #[cfg(test)]
    pub(crate) fn address(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref()?.listener.local_addr().ok()
    }

    /// How many requests wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Starts the server, if it does not run yet.
    fn start(&mut self) -> bool {
        let (Some(server), Some(stopped)) = (self.server.take(), self.stopped.take()) else { return false };
        let Server { listener, reception, limits, tls } = *server;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(component = self.partition.name(), %address, tls = tls.is_some(), "Events can be sent.");
        }
        // Nothing is ever sent: it is ready when the source is dropped.
        let stopped = async { stopped.await.unwrap_or_default() };
        let time = keep_time(Arc::downgrade(&self.queue));
        tokio::spawn(async {
            tokio::join!(http::serve(listener, reception, limits, tls, stopped), time);
        });
        true
    }

    /// Answers those whose events are in the last batch.
    fn settle(&mut self) {
        for answer in self.owed.drain(..) {
            // The client may have gone.
            let _ = answer.send(());
        }
    }

    /// A batch of what waits: of all requests together, as far as there is room in it.
    fn gather(&mut self) -> Option<Batch> {
        let mut gathered = Gathered::default();
        while let Some(mut request) = self.current.take().or_else(|| self.queue.pop()) {
            while let Some(piece) = request.pieces.pop_front() {
                if let Err(piece) = gathered.add(piece) {
                    request.pieces.push_front(piece);
                    break;
                }
            }
            if !request.pieces.is_empty() {
                self.current = Some(request);
                break;
            }
            self.owed.push(request.answer);
        }
        gathered.into_batch(&self.partition, &self.columns, self.clock.now(), &mut self.sequence)
    }

    /// Between the wait and the batch nothing is awaited, so that nothing is lost where this is cancelled.
    async fn wait(&mut self) -> anyhow::Result<Next> {
        if self.start() {
            return Ok(Next::Batch(Batch::notice(Block::new(Bytes::new(), Arc::clone(&self.partition)))));
        }
        loop {
            if let Some(batch) = self.gather() {
                return Ok(Next::Batch(batch));
            }
            tokio::select! {
                biased;
                () = self.queue.filled() => turn().await,
                () = self.stop.closed() => bail!("the HTTP server has ended"),
            }
        }
    }
}

/// Lets the other tasks that are ready go first: a source is woken by the first request, and would take it alone while
/// those of a hundred other connections wait for this very thread. A batch for each of them costs far more downstream.
async fn turn() {
    let mut over = false;
    poll_fn(|context| {
        if replace(&mut over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Source for HttpSource {
    /// Answers when it is called, not when it is polled: that the batch before was taken is true then already, and the
    /// daemon drops the call unpolled when it stops.
    fn next(&mut self) -> impl Future<Output = anyhow::Result<Next>> + Send {
        self.settle();
        self.wait()
    }

    /// Clients can't be asked again.
    fn position(&self) -> Option<Vec<u8>> {
        None
    }

    fn seek(&mut self, _: &[u8]) -> anyhow::Result<()> {
        bail!("requests that came in an earlier run can't be had again")
    }
}
