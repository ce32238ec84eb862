//! Which addresses may be dialled.
//!
//! What is not public is taken from the IANA registries of special-purpose addresses (RFC 6890, as of 2026) and from the
//! addresses at which clouds hand out credentials to whoever asks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use logd_sdk::settings::Network;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which addresses may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Addresses {
    /// All that can be reached.
    #[default]
    Any,
    /// Those of the internet only: none of this machine, of private networks, of links, or of a cloud's metadata. For a
    /// receiver whose name somebody else controls. It is the address itself that is checked when it is dialled, so a
    /// name that changes its answer gains nothing.
    Public,
    /// Those, and others that somebody has listed. Not for pipelines, where `any` says the same.
    #[serde(skip)]
    Listed(Arc<List>),
}

/// Addresses that may be dialled though they are not of the internet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List {
    /// The setting that lists them, for messages.
    pub(crate) setting: &'static str,
    pub(crate) networks: Vec<Network>,
}

/// Networks of IPv4 that are not public: the first address, and how many bits of it count.
const PRIVATE_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network; 0.0.0.0 is this machine
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // behind a carrier's translation; a cloud's metadata
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // this machine
    (Ipv4Addr::new(168, 63, 129, 16), 32), // a cloud's metadata, though the address is public
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // this link; clouds' metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocols; a cloud's metadata
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // measurements
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // groups
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved; everybody
];

/// The one network of IPv6 that is public (RFC 4291).
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks within it that are not.
const PRIVATE_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocols; Teredo, which carries an address of IPv4
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which carries an address of IPv4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Where a gateway translates to IPv4, whose address are the last 32 bits (RFC 6052).
const TRANSLATED: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

impl Addresses {
    /// Whether this address may be dialled.
    pub(crate) fn allow(&self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Public => is_public(address),
            Self::Listed(list) => is_public(address) || list.networks.iter().any(|network| network.contains(address)),
        }
    }

    /// Why this address may not be dialled, if it may not: what stands in a URI.
    pub(super) fn refusal(&self, address: IpAddr) -> Option<String> {
        let list = match self {
            _ if self.allow(address) => return None,
            Self::Listed(list) => format!(", and not in `{}`", list.setting),
            _ => String::new(),
        };
        Some(format!("is no address of the internet{list}"))
    }

    /// Why a name may not be dialled that leads to these addresses and to none that may.
    pub(super) fn refusal_of_name(&self, found: &[IpAddr]) -> String {
        let Self::Listed(list) = self else { return "leads to no address of the internet".to_owned() };
        let found: Vec<String> = found.iter().map(|address| format!("`{address}`")).collect();
        format!("leads to {}: no address of the internet, and not in `{}`", found.join(", "), list.setting)
    }
}

fn is_public(address: IpAddr) -> bool {
    // `::ffff:127.0.0.1` is 127.0.0.1.
    match address.to_canonical() {
        IpAddr::V4(address) => !PRIVATE_V4.iter().any(|network| within_v4(address, *network)),
        IpAddr::V6(address) if within_v6(address, TRANSLATED) => {
            let [.., high, low] = address.segments();
            is_public(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).into())
        }
        IpAddr::V6(address) => {
            within_v6(address, GLOBAL_V6) && !PRIVATE_V6.iter().any(|network| within_v6(address, *network))
        }
    }
}

fn within_v4(address: Ipv4Addr, (first, bits): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits
}

fn within_v6(address: Ipv6Addr, (first, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        Addresses::Public.allow(address.parse().unwrap())
    }

    #[test]
    fn what_is_not_of_the_internet_is_not_public() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
            assert!(Addresses::Any.allow(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_listed_is_allowed_besides() {
        let networks = ["10.1.0.0/16", "127.0.0.1", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
        let listed = Addresses::Listed(Arc::new(List { setting: "allow", networks }));
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "fd00:ec2::254", "8.8.8.8", "2606:4700::1111"] {
            assert!(listed.allow(address.parse().unwrap()), "{address}");
        }
        // An address that carries another is judged by the one that it carries, and only the plain one is listed.
        for address in ["10.2.0.1", "127.0.0.2", "169.254.169.254", "::1", "64:ff9b::a01:203", "2002:a01:203::"] {
            assert!(!listed.allow(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_next_to_it_is() {
        for address in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.17",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(public(address), "{address}");
        }
    }
}
