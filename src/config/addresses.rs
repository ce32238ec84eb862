//! Addresses that are claimed twice: by two sources, or by a source and the daemon itself.
//!
//! Two that are written differently may be one all the same: `0.0.0.0:8080` is every address of the machine, and so is
//! `[::]:8080`, which takes IPv4 too where the system has both (the default of Linux).

use std::net::{IpAddr, SocketAddr};

use logd_sdk::ComponentId;

use super::daemon::Taken;
use super::diagnostic::Diagnostics;
use super::pipeline::{ComponentConfig, Pipeline};

/// Says so where two sources listen on one address, or one on an address of `taken`: those that the daemon itself
/// takes, with the setting that says so. `listens` says where a component does.
pub(super) fn refuse_shared(
    pipelines: &[Pipeline<'_>],
    listens: impl Fn(&ComponentId) -> Option<SocketAddr>,
    taken: &[Taken],
    diagnostics: &mut Diagnostics,
) {
    let mut listeners: Vec<(SocketAddr, &Pipeline<'_>, &ComponentConfig<'_>)> = Vec::new();
    for pipeline in pipelines {
        for component in pipeline.components.values() {
            let address = listens(&ComponentId::new(&pipeline.id, &component.id));
            // With port 0 the system picks one that is free.
            let Some(address) = address.filter(|address| address.port() != 0) else { continue };
            let wrong = |message: &str| pipeline.origin.error(component.id_span.clone(), message);
            let same = listeners.iter().find(|(other, ..)| collide(*other, address));
            if let Some((other, theirs, first)) = same {
                let message = match *other == address {
                    true => format!("`{}` and `{}` both listen on {address}", first.id, component.id),
                    false => format!("`{}` listens on {address}, and `{}` on {other}", component.id, first.id),
                };
                let wrong = wrong(&message).related(theirs.origin.file(), first.id_span.clone(), "the first one");
                diagnostics.push(wrong.help("give one of them another port"));
            }
            if let Some((other, setting)) = taken.iter().find(|(other, _)| collide(*other, address)) {
                let message = match *other == address {
                    true => format!("`{}` listens on {address}, as logd itself does", component.id),
                    false => format!("`{}` listens on {address}, and logd itself on {other}", component.id),
                };
                diagnostics.push(wrong(&message).help(format!("give it another port, or change `{setting}`")));
            }
            listeners.push((address, pipeline, component));
        }
    }
}

/// Whether who listens on one keeps others from listening on the other.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (left, right) = (one.ip().to_canonical(), other.ip().to_canonical());
    let covers = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    one.port() == other.port() && (left == right || covers(left, right) || covers(right, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_one_in_many_spellings() {
        let check = |one: &str, other: &str| {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(collide(one, other), collide(other, one));
            collide(one, other)
        };
        for (one, other) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("127.0.0.1:80", "0.0.0.0:80"),
            ("127.0.0.1:80", "[::]:80"),
            ("[::1]:80", "[::]:80"),
            ("0.0.0.0:80", "[::]:80"),
            ("127.0.0.1:80", "[::ffff:127.0.0.1]:80"),
        ] {
            assert!(check(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("127.0.0.1:80", "127.0.0.1:81"),
            ("127.0.0.1:80", "127.0.0.2:80"),
            ("0.0.0.0:80", "[::1]:80"),
            ("127.0.0.1:80", "[::1]:80"),
            ("0.0.0.0:80", "[::]:81"),
        ] {
            assert!(!check(one, other), "{one} {other}");
        }
    }
}
