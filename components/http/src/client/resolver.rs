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
    addresses: Addresses,
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
        Self { addresses, names }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (addresses, host) = (self.addresses, name.as_str().to_owned());
        let found = self.names.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            let none = found.is_empty();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| addresses.allow(address.ip())).collect();
            if allowed.is_empty() {
                let reason = if none { "has no address" } else { "leads to no address of the internet" };
                return Err(format!("`{host}` {reason}").into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The names that the system knows.
pub(super) struct System;

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
