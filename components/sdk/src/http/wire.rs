//! The connection's bytes on their way to and from hyper: all clocks, and answers to a pipeline in one write.
//!
//! hyper's own header timeout can't be used: its clock runs between requests too, so that one number would have to be
//! short enough for Slowloris and long enough for a client that sends a batch a minute. It also makes and drops a
//! timer for each request; here is one for each connection, moved only when a read really waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::scan::{Place, Scan};
use super::{Limits, Refusal};

/// How many bytes of answers are gathered before they are written.
const GATHER: usize = 64 * 1024;

/// How long answers are held while the service has the next request of a pipeline: it may have that answer in a moment,
/// and a write for each costs more than the request.
const HOLD: Duration = Duration::from_millis(1);

/// When the server stops, a connection that was quiet for this long is closed. A busier one is told so in its next
/// answer: closed between two requests, it would lose one that is on its way (RFC 9112 section 9.5).
const QUIET: Duration = Duration::from_millis(250);

/// What the connection and the requests on it tell one another. They run in one task, so no order is needed.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Requests handed to the service so far.
    begun: AtomicU32,
    /// Whether the service has one at this moment.
    serving: AtomicBool,
    /// The number of the request with an ambiguous length, or 0.
    ambiguous: AtomicU32,
    /// Whether the server stops.
    stopping: AtomicBool,
}

impl Pulse {
    /// A request begins; false if its length is ambiguous.
    pub(super) fn begin(&self) -> bool {
        self.serving.store(true, Relaxed);
        self.begun.fetch_add(1, Relaxed) + 1 != self.ambiguous.load(Relaxed)
    }

    /// The request has its answer.
    pub(super) fn end(&self) {
        self.serving.store(false, Relaxed);
    }

    /// The next answer shall be the last.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }
}

/// What the client is waited for, each with its own limit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Nothing: it waits for us.
    Not,
    /// The next request.
    Idle,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
}

/// A stream with its limits of time.
pub(super) struct Wire<S> {
    stream: S,
    limits: Arc<Limits>,
    pulse: Arc<Pulse>,
    scan: Scan,
    /// What is waited for, in which request, and since when.
    wait: (Wait, u32, Instant),
    /// Bytes read since then.
    received: u64,
    /// Since when nothing could be written.
    stalled: Option<Instant>,
    /// Whether a head came too slowly.
    late_head: bool,
    /// Answers not written yet.
    gathered: BytesMut,
    /// Since when they are held, though the service works.
    held: Option<Instant>,
    /// Wakes at the latest when the nearest limit is reached.
    alarm: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, limits: Arc<Limits>, pulse: Arc<Pulse>) -> Self {
        let now = Instant::now();
        Self {
            alarm: Box::pin(sleep_until(now)),
            stream,
            limits,
            pulse,
            scan: Scan::new(),
            wait: (Wait::Idle, 0, now),
            received: 0,
            stalled: None,
            late_head: false,
            gathered: BytesMut::new(),
            held: None,
        }
    }

    /// Ends the connection once hyper is done with it. A client that may still be sending is read for a while, so that
    /// it gets its answer (RFC 9112 section 9.6).
    pub(super) async fn close(mut self, failed: bool) {
        let last_words = if self.late_head { Refusal::timeout().into_bytes() } else { Vec::new() };
        let close = async {
            self.stream.write_all(&self.gathered).await?;
            self.stream.write_all(&last_words).await?;
            self.stream.shutdown().await
        };
        let linger = self.limits.linger_timeout;
        let closed = matches!(timeout(linger, close).await, Ok(Ok(())));
        if closed && (failed || self.scan.place != Place::Between || self.has_more()) {
            read_away(self.stream, linger).await;
        }
    }

    /// A body is waited for even while the service has its request: it is the service that reads it. All else that is
    /// missing then is of the next request, and may take its time.
    fn waits_for(&self) -> Wait {
        let serving = self.pulse.serving.load(Relaxed);
        match self.scan.place {
            _ if self.stalled.is_some() => Wait::Not,
            _ if self.scan.in_body() => Wait::Body,
            _ if serving => Wait::Not,
            Place::Between => Wait::Idle,
            _ => Wait::Head,
        }
    }

    /// Nothing can be read at this moment. At the end of the client's time an idle connection just ends; otherwise the
    /// read fails.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (wait, request) = (self.waits_for(), self.scan.heads);
        if (wait, request) != (self.wait.0, self.wait.1) {
            self.wait = (wait, request, Instant::now());
            self.received = 0;
        }
        let allowed = match wait {
            Wait::Not => return Poll::Pending,
            Wait::Idle if self.pulse.is_stopping() => QUIET,
            Wait::Idle if request > 0 => self.limits.idle_timeout,
            Wait::Idle | Wait::Head => self.limits.header_timeout,
            Wait::Body => self.limits.body_allowance(self.received),
        };
        ready!(self.poll_alarm(context, self.wait.2, allowed));
        self.late_head = wait == Wait::Head;
        Poll::Ready(if wait == Wait::Idle { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) })
    }

    /// Nothing can be written at this moment.
    fn poll_stall<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let since = *self.stalled.get_or_insert_with(Instant::now);
        ready!(self.poll_alarm(context, since, self.limits.write_timeout));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ready when the time is over; else sees to it that the task wakes by then.
    fn poll_alarm(&mut self, context: &mut Context<'_>, since: Instant, allowed: Duration) -> Poll<()> {
        let Some(deadline) = since.checked_add(allowed) else { return Poll::Pending };
        loop {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            if self.alarm.is_elapsed() || self.alarm.deadline() > deadline {
                self.alarm.as_mut().reset(deadline);
            }
            // Rings too early when it was set for something that has come meanwhile: then it is set again.
            ready!(self.alarm.as_mut().poll(context));
        }
    }

    /// Whether a whole head was read that no service has seen.
    fn has_more(&self) -> bool {
        self.scan.heads > self.pulse.begun.load(Relaxed)
    }

    /// Whether the next answer may share a write with the last one. While the service works only for a moment: it may
    /// take long, and the client shall not wait for an answer that is there.
    fn gathers(&self) -> bool {
        self.has_more() && !self.pulse.serving.load(Relaxed)
    }

    fn poll_write_some(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.poll_stall(context),
            written => {
                self.stalled = None;
                written
            }
        }
    }

    fn poll_gathered(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let gathered = std::mem::take(&mut self.gathered);
            let written = self.poll_write_some(context, &gathered);
            self.gathered = gathered;
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.gathered.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads and drops what still comes, until the client closes too or the time is over.
pub(super) async fn read_away(mut stream: impl AsyncRead + Unpin, longest: Duration) {
    let mut waste = vec![0; 16 * 1024];
    let read = async { while stream.read(&mut waste).await.is_ok_and(|read| read > 0) {} };
    // Either way it is over.
    let _ = timeout(longest, read).await;
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if Pin::new(&mut this.stream).poll_read(context, buffer)?.is_pending() {
            return this.poll_patience(context);
        }
        let bytes = &buffer.filled()[before..];
        this.received += bytes.len() as u64;
        this.scan.feed(bytes);
        if let Some(request) = this.scan.ambiguous {
            this.pulse.ambiguous.store(request, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.gathers() && this.gathered.len() + bytes.len() <= GATHER {
            this.gathered.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_gathered(context))?;
        this.poll_write_some(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.gathers() {
            return Poll::Ready(Ok(()));
        }
        if !this.gathered.is_empty() && this.pulse.serving.load(Relaxed) {
            let since = *this.held.get_or_insert_with(Instant::now);
            if this.poll_alarm(context, since, HOLD).is_pending() {
                return Poll::Ready(Ok(()));
            }
        }
        this.held = None;
        ready!(this.poll_gathered(context))?;
        match Pin::new(&mut this.stream).poll_flush(context) {
            Poll::Pending => this.poll_stall(context),
            flushed => {
                this.stalled = None;
                flushed
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_gathered(context))?;
        match Pin::new(&mut this.stream).poll_shutdown(context) {
            Poll::Pending => this.poll_stall(context),
            closed => closed,
        }
    }
}
