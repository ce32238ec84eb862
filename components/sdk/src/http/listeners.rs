//! The addresses that components listen on, so that one component can take over from another without closing any.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::net::TcpListener;

use super::Listener;

/// What components have bound. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Listeners(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    bound: Vec<Weak<TcpListener>>,
    held: Vec<Listener>,
}

impl Listeners {
    /// Binds `address`; port 0 takes a free one. One that is [held](Self::hold) is taken over as it is. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// The kernel's, above all that the address is in use.
    pub fn bind(&self, address: SocketAddr) -> io::Result<Listener> {
        let mut known = self.known();
        if let Some(place) = known.held.iter().position(|held| held.local_addr().is_ok_and(|bound| bound == address)) {
            return Ok(known.held.swap_remove(place));
        }
        let listener = Listener::bind(address)?;
        known.bound.push(listener.downgrade());
        Ok(listener)
    }

    /// Holds what is bound, until what is returned is dropped: whoever is replaced meanwhile closes nothing, and whoever
    /// comes in its place finds the connections that have come.
    #[must_use]
    pub fn hold(&self) -> Held {
        let mut known = self.known();
        known.bound.retain(|socket| socket.strong_count() > 0);
        known.held = known.bound.iter().filter_map(Listener::upgrade).collect();
        Held(self.clone())
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds what is bound.
#[derive(Debug)]
pub struct Held(Listeners);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.known().held.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn an_address_that_is_held_is_taken_over_with_who_waits_there() {
        let listeners = Listeners::default();
        let first = listeners.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = first.local_addr().unwrap();
        assert_eq!(listeners.bind(address).unwrap_err().kind(), ErrorKind::AddrInUse, "nothing is held");
        let held = listeners.hold();
        drop(first);
        let _waiting = TcpStream::connect(address).await.expect("it is bound");
        let second = listeners.bind(address).expect("it is taken over");
        drop((held, second));
        listeners.bind(address).expect("it is free");
    }
}
