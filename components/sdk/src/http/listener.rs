//! A bound address, apart from who serves it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;

/// Connections that the kernel completes before anybody accepts them; it may cut this down (`somaxconn`).
const BACKLOG: u32 = 1024;

/// A bound TCP address. Clones share it: a new server can accept from a clone before the old one stops, so that a
/// reload refuses nobody.
#[derive(Clone, Debug)]
pub struct Listener {
    socket: Arc<TcpListener>,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The kernel's, above all that the address is in use.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Else the port could not be bound again for a minute after a restart.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self { socket: Arc::new(socket.listen(BACKLOG)?) })
    }

    /// Another handle to it that does not keep it bound.
    pub(super) fn downgrade(&self) -> Weak<TcpListener> {
        Arc::downgrade(&self.socket)
    }

    /// The listener of such a handle, if it is still bound.
    pub(super) fn upgrade(socket: &Weak<TcpListener>) -> Option<Self> {
        Some(Self { socket: socket.upgrade()? })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Accepts for as long as it is asked to, through whatever the kernel has to say.
pub(super) struct Acceptor {
    listener: Listener,
    /// Failures since the last success.
    failures: u32,
}

impl Acceptor {
    pub(super) fn new(listener: Listener) -> Self {
        Self { listener, failures: 0 }
    }

    /// The next connection. Cancel-safe.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.socket.accept().await {
                Ok(accepted) => {
                    self.failures = 0;
                    return accepted;
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    if self.failures == 1 {
                        tracing::warn!(%error, "The HTTP server can't accept connections and keeps trying.");
                    }
                    sleep(pause(self.failures)).await;
                }
            }
        }
    }
}

/// Whether the error belongs to the connection that was to be accepted, which is gone. Others, such as too many open
/// files, stay for a while, and would make a busy loop.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
    )
}

/// From 10 ms, doubled with each failure, to 1 s.
fn pause(failures: u32) -> Duration {
    Duration::from_millis(10 << failures.saturating_sub(1).min(7)).min(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second() {
        let pauses: Vec<_> = [1, 2, 3, 7, 8, u32::MAX].map(|failures| pause(failures).as_millis()).into();
        assert_eq!(pauses, [10, 20, 40, 640, 1000, 1000]);
    }

    #[test]
    fn too_many_open_files_is_not_of_one_connection() {
        const EMFILE: i32 = 24;
        assert!(!is_of_one_connection(&io::Error::from_raw_os_error(EMFILE)));
        assert!(is_of_one_connection(&ErrorKind::ConnectionAborted.into()));
    }

    #[tokio::test]
    async fn an_address_is_bound_once_and_shared_by_clones() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(Listener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        let mut acceptor = Acceptor::new(listener.clone());
        drop(listener);
        let (client, _) = tokio::join!(TcpStream::connect(address), acceptor.accept());
        client.unwrap();
    }
}
