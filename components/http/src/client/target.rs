//! Which URIs may be called, and how they must be written.
//!
//! What a person reads in a URI must be what is dialled. Programs that read URIs differ in what they forgive: `0x7f.1` is
//! 127.0.0.1 to some, and `。` is a dot. So a host that is understood as anything but what is written is refused, whatever
//! the trick. Messages never repeat a URI, which may hold a secret; a host they may.

use std::net::IpAddr;

use logd_sdk::settings::Fault;
use reqwest::Url;

use super::Addresses;

/// A URI that may be called.
#[derive(Clone)]
pub(crate) struct Target(Url);

impl Target {
    /// Reads a URI, and judges the address in it if there is one.
    ///
    /// # Errors
    /// It is none, can be misread, or names an address that may not be dialled.
    pub(crate) fn parse(text: &str, addresses: &Addresses) -> Result<Self, Fault> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(Fault::new("a URI has no blanks, backslashes, or characters outside ASCII")
                .help("write them percent-encoded, and in a host's name in Punycode"));
        }
        let known = |scheme: &str| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let Some((_, rest)) = text.split_once("://").filter(|(scheme, _)| known(scheme)) else {
            return Err(Fault::new("a URI begins with `https://` or `http://` here"));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(Fault::new("a URI has no user and no password in it here").help("set `auth`"));
        }
        if text.contains('#') {
            return Err(Fault::new("what stands behind `#` is never sent").help("leave it out"));
        }
        let url = Url::parse(text).map_err(|error| Fault::new(format!("this is not a URI: {error}")))?;
        let (understood, written) = (url.host_str().unwrap_or_default(), host(authority));
        if !understood.eq_ignore_ascii_case(written) {
            return Err(Fault::new(format!("the host `{written}` is understood as `{understood}`"))
                .help(format!("write \"{understood}\", if that is what is meant")));
        }
        let literal = understood.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if let Some(refusal) = literal.and_then(|address| addresses.refusal(address)) {
            return Err(Fault::new(format!("`{understood}` {refusal}")));
        }
        Ok(Self(url))
    }

    /// The URI.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is called in the clear.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

/// What stands before the port.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<String> {
        Target::parse(text, &Addresses::Public).err().map(|fault| fault.message)
    }

    #[test]
    fn what_is_plainly_written_is_a_target() {
        for uri in [
            "https://example.com",
            "http://example.com:8080/a/b?c=d%20e",
            "HTTPS://Example.COM/",
            "https://example.com:443/x",
            "https://xn--bcher-kva.example/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]:8443/",
            "https://example.com?x=a@b",
        ] {
            assert_eq!(refusal(uri), None, "{uri}");
        }
    }

    #[test]
    fn an_address_that_is_not_public_is_refused_in_all_its_spellings() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "0x7F.1",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "0177.0x0.0.01",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "0x0",
            "00000000",
            "10.0.0.1",
            "012.0.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "100.100.100.200",
            "192.168.1.1",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[64:ff9b::7f00:1]",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "127．0．0．1",
            "127｡0｡0｡1",
            "%31%32%37.0.0.1",
            "127%2e0%2e0%2e1",
            "1２7.0.0.1",
            "localhost。",
            "ⓛocalhost",
            "ex\u{ad}ample.com",
            "exa\tmple.com",
            "exa\nmple.com",
        ] {
            for uri in [format!("http://{host}"), format!("https://{host}:8080/path"), format!("HTTP://{host}/?q")] {
                assert!(refusal(&uri).is_some(), "{uri}");
            }
        }
    }

    #[test]
    fn odd_spellings_are_refused_even_where_every_address_is_allowed() {
        for host in ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"] {
            assert!(Target::parse(&format!("http://{host}/"), &Addresses::Any).is_err(), "{host}");
        }
        for host in ["127.0.0.1", "[::1]", "localhost", "10.0.0.1:9093", "[::ffff:7f00:1]"] {
            assert!(Target::parse(&format!("http://{host}/"), &Addresses::Any).is_ok(), "{host}");
        }
    }

    #[test]
    fn userinfo_other_schemes_and_what_can_be_misread_are_refused() {
        for (uri, expected) in [
            ("https://user@example.com/", "no user"),
            ("https://user:secret@example.com/", "no user"),
            ("https://example.com@127.0.0.1/", "no user"),
            ("https://example.com:80@127.0.0.1/", "no user"),
            ("https://127.0.0.1\\@example.com/", "no blanks, backslashes"),
            ("http:\\\\127.0.0.1\\", "no blanks, backslashes"),
            ("https:example.com", "begins with"),
            ("https:/example.com", "begins with"),
            ("//example.com", "begins with"),
            ("example.com", "begins with"),
            ("", "begins with"),
            ("ftp://example.com/", "begins with"),
            ("file:///etc/passwd", "begins with"),
            ("gopher://127.0.0.1:6379/_INFO", "begins with"),
            ("javascript:alert(1)", "begins with"),
            ("data:text/plain,x", "begins with"),
            ("unix:///var/run/docker.sock", "begins with"),
            ("jar:http://example.com!/", "begins with"),
            ("https://", "not a URI"),
            ("https:///path", "understood as"),
            ("https://example.com:99999/", "not a URI"),
            ("https://exa mple.com/", "no blanks"),
            ("https://example.com/#x", "behind `#`"),
            ("https://127.0.0.1#@example.com/", "behind `#`"),
            ("https://[::1/", "not a URI"),
        ] {
            let message = refusal(uri).unwrap_or_default();
            assert!(message.contains(expected), "{uri}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
