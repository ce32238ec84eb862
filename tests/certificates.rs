//! Certificates that settings name: what is wrong with one is said at its line, and a renewed one is taken over.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{DEADLINE, Place, Running, free_address, run};

/// A connection to a server, over TLS.
struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    /// To a server that has this certificate; nothing comes of a request to another.
    fn new(address: &str, certificate: &CertificateDer<'static>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        Some(Self(StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("a client"), stream)))
    }

    /// The status line of the answer to a request.
    fn post(&mut self) -> Option<String> {
        self.0.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).ok()?;
            answer.extend(byte);
        }
        String::from_utf8_lossy(&answer).lines().next().map(str::to_owned)
    }
}

/// The same, of a connection of its own.
fn post(address: &str, certificate: &CertificateDer<'static>) -> Option<String> {
    Connection::new(address, certificate)?.post()
}

#[test]
fn a_renewed_certificate_is_taken_over_when_it_has_its_key() {
    let (place, address) = (Place::new(), free_address());
    let renew =
        || -> CertifiedKey<rcgen::KeyPair> { generate_simple_self_signed(["localhost".to_owned()]).expect("made") };
    let (old, new) = (renew(), renew());
    place.write("tls/crt.pem", old.cert.pem());
    place.write("tls/key.pem", old.signing_key.serialize_pem());
    place.write(
        "pipelines/p.toml",
        format!(
            "[sources.in]\ntype = \"http\"\naddress = \"{address}\"\n\
             tls = {{ crt_file = \"tls/crt.pem\", key_file = \"tls/key.pem\" }}\n\
             [sinks.out]\ntype = \"blackhole\"\ninputs = [\"in\"]\n"
        ),
    );
    let mut logd = Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]));
    logd.wait_for("start", |logd| logd.err().contains("Started."));
    assert_eq!(post(&address, old.cert.der()).as_deref(), Some("HTTP/1.1 200 OK"));
    assert_eq!(post(&address, new.cert.der()), None);
    let mut open = Connection::new(&address, old.cert.der()).expect("a connection");
    assert_eq!(open.post().as_deref(), Some("HTTP/1.1 200 OK"));

    place.write("tls/crt.pem", new.cert.pem());
    logd.wait_for("mistake", |logd| {
        logd.err().contains("p.toml:4:7: error: the certificate and the private key don't fit")
    });
    assert_eq!(post(&address, old.cert.der()).as_deref(), Some("HTTP/1.1 200 OK"), "the last good one goes on");

    place.write("tls/key.pem", new.signing_key.serialize_pem());
    logd.wait_for("reload", |logd| logd.err().contains("Pipelines reloaded."));
    assert_eq!(post(&address, new.cert.der()).as_deref(), Some("HTTP/1.1 200 OK"));
    assert_eq!(post(&address, old.cert.der()), None);
    assert_eq!(open.post().as_deref(), Some("HTTP/1.1 200 OK"), "an open connection goes on");
    logd.signal("TERM");
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
}

#[test]
fn nothing_of_a_private_key_is_shown() {
    let place = Place::new();
    place.write("tls/text.pem", "-----BEGIN PRIVATE KEY-----\ncanary\n");
    place.write("tls/bytes.pem", b"canary\n\xff\ncanary\n");
    let uses = ["text", "bytes"].map(|name| {
        format!(
            "[sinks.{name}]\ntype = \"redis\"\ninputs = [\"x\"]\nendpoint = \"rediss://127.0.0.1:1\"\nkey = \"k\"\n\
             tls = {{ crt_file = \"tls/{name}.pem\", key_file = \"tls/{name}.pem\" }}\n"
        )
    });
    place.write("pipelines/p.toml", format!("[sources.x]\ntype = \"generator\"\n{}", uses.concat()));
    for arguments in [&["validate"][..], &["validate", "--format", "json"], &["run", "--log-level", "trace"]] {
        let said = run(place.logd().args(arguments));
        assert_eq!(said.code, Some(78), "{}", said.err);
        let all = said.out + &said.err;
        assert!(all.contains("there is no private key in PEM in tls/text.pem"), "{all}");
        assert!(all.contains("the file tls/bytes.pem can't be read: it is no text"), "{all}");
        assert!(!all.contains("canary"), "{all}");
    }
}
