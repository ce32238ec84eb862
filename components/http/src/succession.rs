//! Who goes on with the requests of a source that a reload has replaced.
//!
//! Connections stay open until their clients have an answer, and a client that is busy learns of the end of its
//! connection by the next one. So requests still come to a source that has gone, beside those that wait there already:
//! they are handed to whoever has come in its place.

use std::net::SocketAddr;
use std::ptr;
use std::sync::{Arc, Weak};

use logd_sdk::http::Listeners;
use logd_sdk::{ComponentId, Context};
use tokio::sync::watch;

use crate::reception::Reception;

/// The receptions of all sources, in the order in which they were built. Clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Receptions(watch::Sender<Vec<Weak<Reception>>>);

/// By what the successor of a reception is known.
#[derive(Debug)]
pub(crate) struct Succession {
    component: ComponentId,
    address: SocketAddr,
    receptions: Receptions,
    listeners: Listeners,
}

impl Receptions {
    /// Adds the newest.
    pub(crate) fn add(&self, reception: &Arc<Reception>) {
        self.0.send_modify(|known| {
            known.retain(|known| known.strong_count() > 0);
            known.push(Arc::downgrade(reception));
        });
    }
}

impl Succession {
    /// For the source that is built, which listens on `address`.
    pub(crate) fn new(context: &Context, address: SocketAddr) -> Self {
        let receptions = context.shared.get::<Receptions>().cloned().unwrap_or_default();
        Self { component: context.id.clone(), address, receptions, listeners: context.listeners.clone() }
    }

    /// Where its reception is known.
    pub(crate) fn receptions(&self) -> &Receptions {
        &self.receptions
    }

    /// Who goes on in the place of `old`, whose succession this is: the next one of the same component; if a reload ends
    /// without one, whoever has the address then. Without a reload, nobody.
    pub(crate) async fn of(&self, old: &Reception) -> Option<Arc<Reception>> {
        let mut known = self.receptions.0.subscribe();
        loop {
            let is_over = !self.listeners.are_held();
            let later: Vec<_> = {
                let known = known.borrow_and_update();
                let later = known.iter().rev().take_while(|later| !ptr::eq(later.as_ptr(), old));
                later.filter_map(Weak::upgrade).collect()
            };
            let next = later.iter().find(|later| later.succession.component == self.component);
            let heir = || later.iter().find(|later| later.succession.address == self.address);
            if is_over || next.is_some() {
                return next.or_else(heir).cloned();
            }
            tokio::select! {
                // The sender is `self`'s own.
                _ = known.changed() => {}
                () = self.listeners.released() => {}
            }
        }
    }
}
