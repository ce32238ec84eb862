//! The address that a listener binds.
//!
//! Written in full, host and port, so that nobody listens on every interface by leaving something out.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::Fault;
use super::text::text_setting;

/// An IP address with a port, as `"127.0.0.1:8080"` or `"[::1]:8080"`; `localhost` is 127.0.0.1.
///
/// Other host names are refused: what a listener binds must not depend on a name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(SocketAddr);

text_setting!(
    Address,
    expected: "an address like \"127.0.0.1:8080\"",
    bare_number: Some(bare_number),
    schema: {
        "type": "string",
        "description": "An IP address with a port. Only this machine can reach 127.0.0.1; 0.0.0.0 is every interface.",
        "examples": ["127.0.0.1:8080", "0.0.0.0:8080", "[::1]:8080"]
    }
);

impl Address {
    /// This port on 127.0.0.1, for defaults.
    pub const fn local(port: u16) -> Self {
        Self(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// What to bind.
    pub const fn socket(self) -> SocketAddr {
        self.0
    }
}

/// The hint for a port alone.
fn bare_number(number: &str) -> Fault {
    Fault::new(format!("the address {number} has no host")).help(format!("write \"127.0.0.1:{number}\""))
}

impl FromStr for Address {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let address = match text.strip_prefix("localhost:") {
            Some(port) => port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            None => text.parse().ok(),
        };
        address.map(Self).ok_or_else(|| {
            let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok()).unwrap_or("8080");
            Fault::new(format!("`{text}` is not an IP address with a port")).help(format!("write \"127.0.0.1:{port}\""))
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        assert_eq!("localhost:80".parse(), Ok(Address::local(80)));
        assert_eq!("[::1]:80".parse::<Address>().unwrap().to_string(), "[::1]:80");
    }

    #[test]
    fn shows_how_to_write_one() {
        for (text, help) in [
            (":9598", r#"write "127.0.0.1:9598""#),
            ("example.org:80", r#"write "127.0.0.1:80""#),
            ("127.0.0.1", r#"write "127.0.0.1:8080""#),
            ("127.0.0.1:99999", r#"write "127.0.0.1:8080""#),
        ] {
            assert_eq!(text.parse::<Address>().unwrap_err().help.unwrap(), help);
        }
    }
}
