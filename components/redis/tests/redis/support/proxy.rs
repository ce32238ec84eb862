//! A network between sink and Redis that breaks when told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Passes bytes on to Redis, up to a limit: then connections break, or hang without a word.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) port: u16,
    /// How many more bytes pass to Redis.
    left: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

/// No limit.
const UNLIMITED: u64 = u64::MAX;

impl Proxy {
    /// Passes everything on to `port`, until it is told otherwise. What is over the limit vanishes where `hangs` is set,
    /// as with a peer that is gone without a word, and breaks the connection otherwise.
    pub(crate) async fn start(port: u16, hangs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("a port").port();
        let left = Arc::new(AtomicU64::new(UNLIMITED));
        let (limit, mut tasks) = (Arc::clone(&left), JoinSet::new());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, port, Arc::clone(&limit), hangs));
            }
        });
        Self { port: own, left, tasks }
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// So many bytes more pass to Redis.
    pub(crate) fn limit(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    /// Everything passes, on connections that are made from now on.
    pub(crate) fn heal(&self) {
        self.limit(UNLIMITED);
    }

    /// Whether the limit was reached.
    pub(crate) fn broke(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

async fn pass(mut client: TcpStream, port: u16, left: Arc<AtomicU64>, hangs: bool) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from, mut to) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            read = client.read(&mut from) => {
                let Ok(read @ 1..) = read else { return };
                let allowed = match left.load(Ordering::SeqCst) {
                    UNLIMITED => read,
                    limit => read.min(usize::try_from(limit).expect("small")),
                };
                if left.load(Ordering::SeqCst) != UNLIMITED {
                    left.fetch_sub(allowed as u64, Ordering::SeqCst);
                }
                if server.write_all(&from[..allowed]).await.is_err() {
                    return;
                }
                if allowed < read {
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    // Redis does what it has got whole, and its answers are lost.
                    let _ = server.shutdown().await;
                    while server.read(&mut to).await.is_ok_and(|read| read > 0) {}
                    return;
                }
            }
            read = server.read(&mut to) => {
                let Ok(read @ 1..) = read else { return };
                if client.write_all(&to[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
