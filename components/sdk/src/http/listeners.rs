//! The addresses that components listen on, and what else a component can take over from another without closing it.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Listener;
use crate::ComponentId;

/// What components have bound. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    known: Arc<Mutex<Known>>,
    /// Whether what is bound is held.
    hold: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Known {
    bound: Vec<Weak<TcpListener>>,
    held: Vec<Listener>,
    /// What components have left open meanwhile.
    open: Vec<(ComponentId, Arc<dyn Any + Send + Sync>)>,
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
        self.hold.send_replace(true);
        drop(known);
        Held(self.clone())
    }

    /// Keeps what a component has open, for as long as what is bound is held: whoever comes in its place may go on with
    /// it.
    pub fn keep(&self, component: &ComponentId, open: Arc<dyn Any + Send + Sync>) {
        let mut known = self.known();
        if self.are_held() {
            known.open.push((component.clone(), open));
        }
    }

    /// What a component has left open last.
    #[must_use]
    pub fn kept<T: Any + Send + Sync>(&self, component: &ComponentId) -> Option<Arc<T>> {
        let known = self.known();
        let (_, open) = known.open.iter().rev().find(|(left, _)| left == component)?;
        Arc::clone(open).downcast().ok()
    }

    /// Whether somebody may be about to come in the place of who is replaced.
    #[must_use]
    pub fn are_held(&self) -> bool {
        *self.hold.borrow()
    }

    /// Waits until nothing is held. Safe to cancel.
    pub async fn released(&self) {
        // The sender is `self`'s own.
        let _ = self.hold.subscribe().wait_for(|hold| !hold).await;
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds what is bound.
#[derive(Debug)]
pub struct Held(Listeners);

impl Drop for Held {
    fn drop(&mut self) {
        let open = {
            let mut known = self.0.known();
            known.held.clear();
            self.0.hold.send_replace(false);
            std::mem::take(&mut known.open)
        };
        // Whatever that brings about, the lock is free again.
        drop(open);
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
        assert!(listeners.are_held());
        drop(first);
        let _waiting = TcpStream::connect(address).await.expect("it is bound");
        let second = listeners.bind(address).expect("it is taken over");
        drop((held, second));
        listeners.released().await;
        assert!(!listeners.are_held());
        listeners.bind(address).expect("it is free");
    }

    #[test]
    fn what_is_open_is_kept_while_what_is_bound_is_held() {
        let (listeners, component) = (Listeners::default(), ComponentId::new("test", "in"));
        listeners.keep(&component, Arc::new(1));
        assert_eq!(listeners.kept::<i32>(&component), None, "nothing is held");
        let held = listeners.hold();
        for open in [2, 3] {
            listeners.keep(&component, Arc::new(open));
        }
        assert_eq!(listeners.kept(&component), Some(Arc::new(3)));
        assert_eq!(listeners.kept::<String>(&component), None);
        assert_eq!(listeners.kept::<i32>(&ComponentId::new("test", "other")), None);
        drop(held);
        assert_eq!(listeners.kept::<i32>(&component), None);
    }
}
