//! Who may come in: connections counted in all and for each peer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Limits;

/// Counts the connections of one server.
#[derive(Debug)]
pub(super) struct Gate {
    limit: usize,
    limit_per_peer: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    /// Peers with a connection; others are not kept, so that the map can't be filled by those who were here once.
    of_peer: HashMap<IpAddr, usize>,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let (limit, limit_per_peer) = (limits.max_connections, limits.max_connections_per_peer);
        Arc::new(Self { limit, limit_per_peer, inside: Mutex::default() })
    }

    /// Lets a connection in; none if the server or the peer has as many as it may.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Guest> {
        let peer = network(peer);
        let mut inside = self.inside();
        let of_peer = inside.of_peer.get(&peer).copied().unwrap_or(0);
        if inside.total >= self.limit || of_peer >= self.limit_per_peer {
            return None;
        }
        let before = inside.total;
        inside.total += 1;
        inside.of_peer.insert(peer, of_peer + 1);
        Some(Guest { gate: self.clone(), peer, before })
    }

    /// The counts are whole between any two statements, so a panic elsewhere does no harm to them.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that was let in; leaves when dropped.
#[derive(Debug)]
pub(super) struct Guest {
    gate: Arc<Gate>,
    peer: IpAddr,
    /// How many were inside when it came. No more than N guests at one time have found fewer than N.
    pub(super) before: usize,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.gate.inside();
        inside.total -= 1;
        if let Some(count) = inside.of_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                inside.of_peer.remove(&self.peer);
            }
        }
    }
}

/// What counts as one peer: a machine with IPv6 usually has a whole /64 to choose its addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_in_all_and_for_each_peer() {
        let gate = Gate::new(&Limits { max_connections: 3, max_connections_per_peer: 2, ..Limits::default() });
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = gate.admit(ip("10.0.0.1"));
        let second = gate.admit(ip("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(gate.admit(ip("10.0.0.1")).is_none(), "the peer has two");
        let third = gate.admit(ip("2001:db8::1"));
        assert!(third.is_some());
        assert!(gate.admit(ip("10.0.0.2")).is_none(), "the server has three");
        drop(first);
        assert!(gate.admit(ip("10.0.0.2")).is_some());
        drop((second, third));
        assert!(gate.inside().of_peer.is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn one_network_is_one_peer() {
        let ip = |text: &str| network(text.parse().unwrap());
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff"));
        assert_ne!(ip("2001:db8:0:1::1"), ip("2001:db8::1"));
    }
}
