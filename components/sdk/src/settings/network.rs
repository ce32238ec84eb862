//! A network of addresses, as lists of what may be called or may call are made of.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::Fault;
use super::text::text_setting;

/// A network in CIDR, as `"10.0.0.0/8"` or `"fd00::/8"`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    /// So many bits of `first` count.
    bits: u32,
}

text_setting!(
    Network,
    expected: "a network like \"10.0.0.0/8\", or an address",
    bare_number: None,
    schema: {
        "type": "string",
        "description": "A network in CIDR, or one address.",
        "examples": ["10.0.0.0/8", "127.0.0.1", "fd00::/8"]
    }
);

impl Network {
    /// Whether the address is in it. `::ffff:10.0.0.1` is 10.0.0.1.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => (first.to_bits() ^ address.to_bits()).leading_zeros(),
            (IpAddr::V6(first), IpAddr::V6(address)) => (first.to_bits() ^ address.to_bits()).leading_zeros(),
            _ => return false,
        };
        same >= self.bits
    }
}

/// How many bits an address has.
fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all bits behind the first `bits` set to zero.
fn start(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() & u32::MAX.checked_shl(32 - bits).unwrap_or(0)).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & u128::MAX.checked_shl(128 - bits).unwrap_or(0)).into()),
    }
}

impl FromStr for Network {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong = || Fault::new(format!("`{text}` is no network and no address")).help("write \"10.0.0.0/8\"");
        let (first, bits) = match text.split_once('/') {
            Some((first, bits)) => (first, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().map_err(|_| wrong())?;
        if first.to_canonical() != first {
            return Err(Fault::new(format!("`{text}` is an address of IPv4 in IPv6"))
                .help(format!("write \"{}\"", first.to_canonical())));
        }
        let bits = bits.unwrap_or(width(first));
        if bits > width(first) {
            return Err(wrong());
        }
        // Which of the two was meant can't be known, and what is allowed must not be guessed.
        if start(first, bits) != first {
            return Err(Fault::new(format!("`{text}` has bits set beyond the first {bits}"))
                .help(format!("write \"{}/{bits}\" for the network, or \"{first}\"", start(first, bits))));
        }
        Ok(Self { first, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.first) {
            self.first.fmt(formatter)
        } else {
            write!(formatter, "{}/{}", self.first, self.bits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_in_it() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("172.16.0.0/12", "::ffff:172.31.255.255", "172.32.0.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
        ] {
            let read: Network = network.parse().unwrap();
            assert!(read.contains(inside.parse().unwrap()), "{inside} is in {network}");
            assert!(!read.contains(outside.parse().unwrap()), "{outside} is not in {network}");
            assert_eq!(read.to_string(), network);
        }
    }

    #[test]
    fn says_what_is_none() {
        for (text, message) in [
            ("", "`` is no network and no address"),
            ("localhost", "`localhost` is no network and no address"),
            ("10.0.0.0/33", "`10.0.0.0/33` is no network and no address"),
            ("10.0.0.0/-1", "`10.0.0.0/-1` is no network and no address"),
            ("10/8", "`10/8` is no network and no address"),
            ("10.0.0.1/8", "`10.0.0.1/8` has bits set beyond the first 8"),
            ("1.0.0.0/0", "`1.0.0.0/0` has bits set beyond the first 0"),
            ("::ffff:10.0.0.0/104", "`::ffff:10.0.0.0/104` is an address of IPv4 in IPv6"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap_err().message, message);
        }
        let help = "10.0.0.1/8".parse::<Network>().unwrap_err().help.unwrap();
        assert_eq!(help, r#"write "10.0.0.0/8" for the network, or "10.0.0.1""#);
    }
}
