//! From names to addresses that may be dialled.
//!
//! The connector dials what it is given here and nothing else, so a name can't answer one thing when it is checked and
//! another when it is dialled. Addresses that stand in a URI themselves never come here: [`Target`](super::Target) judges
//! those.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Addresses;

/// Lets through those addresses of a name that may be dialled.
pub(super) struct Guard {
    addresses: Arc<Addresses>,
    names: Arc<dyn Resolve>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Guard").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Guard {
    /// Judges what `names` says.
    pub(super) fn new(addresses: Addresses, names: Arc<dyn Resolve>) -> Self {
        Self { addresses: Arc::new(addresses), names }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (addresses, host) = (Arc::clone(&self.addresses), name.as_str().to_owned());
        let found = self.names.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            if found.is_empty() {
                return Err(format!("`{host}` has no address").into());
            }
            let (allowed, refused): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.into_iter().partition(|address| addresses.allow(address.ip()));
            if allowed.is_empty() {
                let refused: Vec<_> = refused.iter().map(SocketAddr::ip).collect();
                return Err(format!("`{host}` {}", addresses.refusal_of_name(&refused)).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The names that the system knows.
pub(crate) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is put in by the connector.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|error| {
                Box::<dyn Error + Send + Sync>::from(format!("`{}` can't be resolved: {error}", name.as_str()))
            })?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}
