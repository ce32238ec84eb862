//! The server itself: accept, keep count, drive each connection, stop in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::gate::{Gate, Guest};
use super::handler::Desk;
use super::listener::Acceptor;
use super::wire::{Pulse, Wire, read_away};
use super::{Handler, Limits, Listener, Refusal, Tls};

/// The bytes that one of many connections reads at once, and so the largest piece of its bodies.
const READ_BUFFER: usize = 64 * 1024;

/// The same for one of a few: log shippers, whose bodies of some hundred kilobytes then come in one piece, which needs
/// no copy. The buffer grows to that only where so much is read, but then stays as long as the connection.
const LARGE_READ_BUFFER: usize = 512 * 1024;

/// How many are a few.
const FEW: usize = 32;

/// How many connections beyond the limit are told so at one time. More are just closed.
const TURNED_AWAY: usize = 64;

/// hyper's own number, for which it has a faster path.
const HYPERS_MAX_HEADERS: usize = 100;

/// Serves `listener` until `shutdown` is ready; then takes no more connections, ends those that are idle, and waits for
/// the others up to [`Limits::shutdown_timeout`].
///
/// HTTP/1.1 with keep-alive and pipelining; requests of one connection are answered one after the other. With `tls`
/// nothing is served in the clear.
pub async fn serve<H: Handler>(
    listener: Listener,
    handler: H,
    limits: Limits,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
) {
    let limits = Arc::new(limits);
    let (gate, waiting_room) = (Gate::new(&limits), Gate::new(&waiting_room(&limits)));
    let (few, many) = (http(&limits, LARGE_READ_BUFFER), http(&limits, READ_BUFFER));
    let server = Arc::new(Server { desk: Desk::new(handler, limits.clone()), few, many, limits, tls });
    let mut acceptor = Acceptor::new(listener);
    let mut tasks = JoinSet::new();
    let (running, stop) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = tasks.join_next() => report(ended),
            (stream, peer) = acceptor.accept() => {
                let server = server.clone();
                if let Some(guest) = gate.admit(peer.ip()) {
                    tasks.spawn(server.connection(stream, peer, guest, stop.clone()));
                } else if let Some(guest) = waiting_room.admit(peer.ip()) {
                    tasks.spawn(server.turn_away(stream, guest));
                }
            }
        }
    }
    // The address is free, and every connection knows, once these are gone.
    drop((acceptor, running));
    let drain = async {
        while let Some(ended) = tasks.join_next().await {
            report(ended);
        }
    };
    if timeout(server.limits.shutdown_timeout, drain).await.is_err() {
        tracing::warn!(connections = tasks.len(), "The HTTP server stopped with requests under way.");
        tasks.shutdown().await;
    }
}

/// A gate of its own, so that those who are turned away take no place of the others.
fn waiting_room(limits: &Limits) -> Limits {
    Limits { max_connections: TURNED_AWAY, max_connections_per_peer: TURNED_AWAY, ..limits.clone() }
}

/// hyper's own limits.
fn http(limits: &Limits, read_buffer: usize) -> http1::Builder {
    let mut http = http1::Builder::new();
    // The wire has the clocks.
    http.header_read_timeout(None);
    http.max_header_size(limits.max_header_bytes);
    http.max_buf_size(read_buffer.max(limits.max_header_bytes));
    if limits.max_headers != HYPERS_MAX_HEADERS {
        http.max_headers(limits.max_headers);
    }
    http
}

/// A panic here is a fault of this module, for those of handlers are caught; it has ended one connection only.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "An HTTP connection ended by a fault.");
    }
}

/// What the tasks of all connections share.
struct Server<H> {
    desk: Desk<H>,
    few: http1::Builder,
    many: http1::Builder,
    limits: Arc<Limits>,
    tls: Option<Tls>,
}

impl<H: Handler> Server<H> {
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, guest: Guest, stop: watch::Receiver<()>) {
        let http = if guest.before < FEW { &self.few } else { &self.many };
        // Answers are written whole: there is nothing to wait for. A failure costs speed only.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.converse(http, stream, peer, stop).await;
        };
        match timeout(self.limits.header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(http, stream, peer, stop).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "A TLS handshake failed."),
            Err(_) => tracing::debug!(%peer, "A TLS handshake took too long."),
        }
    }

    /// HTTP on a stream, in the clear or not.
    async fn converse<S>(&self, http: &http1::Builder, stream: S, peer: SocketAddr, mut stop: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let pulse = Arc::new(Pulse::default());
        let mut wire = Wire::new(stream, self.limits.clone(), pulse.clone());
        let service = service_fn(|request| {
            let pulse = pulse.clone();
            async move { Ok::<_, Infallible>(self.desk.serve(request, peer, &pulse).await) }
        });
        let outcome = {
            let mut connection = pin!(http.serve_connection(TokioIo::new(&mut wire), service));
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                // The sender is never used, only dropped.
                _ = stop.changed() => {
                    pulse.stop();
                    connection.await
                }
            }
        };
        if let Err(error) = &outcome {
            tracing::debug!(%peer, %error, "An HTTP connection ended early.");
        }
        wire.close(outcome.is_err()).await;
    }

    /// Says 503 to a connection beyond the limit. Not within TLS, where the handshake would be the greatest cost.
    async fn turn_away(self: Arc<Self>, mut stream: TcpStream, _guest: Guest) {
        if self.tls.is_some() {
            return;
        }
        let refusal = Refusal::busy("The server has as many connections as it may.", self.limits.retry_after);
        let farewell = async {
            stream.write_all(&refusal.into_bytes()).await?;
            stream.shutdown().await
        };
        if let Ok(Ok(())) = timeout(self.limits.linger_timeout, farewell).await {
            read_away(stream, self.limits.linger_timeout).await;
        }
    }
}
