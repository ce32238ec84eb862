//! The life of a server: full, in panic, handed over, stopped, and within TLS.

use std::io::ErrorKind;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::*;

const GET: &str = "GET / HTTP/1.1\r\n\r\n";

#[tokio::test]
async fn idle_connections_over_the_limit_are_503() {
    for limits in [
        Limits { max_connections: 10, ..Limits::default() },
        Limits { max_connections_per_peer: 10, ..Limits::default() },
    ] {
        let server = Running::start(limits);
        let mut idle = Vec::new();
        for _ in 0..10 {
            let mut client = server.client().await;
            client.send(GET).await;
            assert_eq!(client.reply().await.status, 200);
            idle.push(client);
        }
        let mut refused = server.client().await;
        refused.send(GET).await;
        let reply = refused.reply().await;
        assert_eq!(reply.status, 503);
        assert!(reply.head.contains("retry-after: 1\r\n") && reply.head.contains("connection: close"));
        assert!(refused.is_closed().await);
        idle.pop();
        while server.ask(GET).await.status != 200 {}
    }
}

#[tokio::test]
async fn a_flood_of_connections_over_the_limit_does_not_stop_the_others() {
    let server = Running::start(Limits { max_connections: 10, ..Limits::default() });
    let mut client = server.client().await;
    client.send(GET).await;
    assert_eq!(client.reply().await.status, 200);
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(server.client().await);
    }
    client.send(GET).await;
    assert_eq!(client.reply().await.status, 200);
}

#[tokio::test]
async fn a_panic_is_500_and_nothing_else() {
    let server = Running::start(Limits::default());
    let mut client = server.client().await;
    client.send("GET /panic HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 500);
    client.send(GET).await;
    assert_eq!(client.reply().await.status, 200, "the connection lives");
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_lets_requests_finish() {
    let server = Running::start(Limits { shutdown_timeout: HANG, ..Limits::default() });
    let (mut idle, mut silent, mut busy) = (server.client().await, server.client().await, server.client().await);
    idle.send(GET).await;
    assert_eq!(idle.reply().await.status, 200);
    busy.send("GET /wait HTTP/1.1\r\n\r\n").await;
    server.echo.waiting.notified().await;
    let (address, echo) = (server.address, server.echo.clone());
    let stopping = tokio::spawn(server.stop());
    assert!(idle.is_closed().await);
    assert!(silent.is_closed().await);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    echo.go_on.notify_one();
    let reply = busy.reply().await;
    assert_eq!(reply.body, "waited");
    assert!(reply.head.contains("connection: close"));
    stopping.await.unwrap();
}

#[tokio::test]
async fn stopping_has_a_deadline() {
    let server = Running::start(Limits { shutdown_timeout: Duration::from_millis(100), ..Limits::default() });
    let mut busy = server.client().await;
    busy.send("GET /wait HTTP/1.1\r\n\r\n").await;
    server.echo.waiting.notified().await;
    server.stop().await;
    assert!(busy.is_closed().await);
}

#[tokio::test]
async fn a_listener_is_handed_over_without_a_refused_connection() {
    let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let mut old = Running::on(listener.clone(), Limits::default(), None);
    for _ in 0..10 {
        let new = Running::on(listener.clone(), Limits::default(), None);
        // Which of the two accepts it is left to the kernel.
        let mut waiting = new.client().await;
        let stopping = tokio::spawn(old.stop());
        waiting.send(GET).await;
        assert_eq!(waiting.reply().await.status, 200);
        stopping.await.unwrap();
        assert_eq!(new.ask(GET).await.status, 200);
        old = new;
    }
}

/// A self-signed certificate, and a client that trusts it alone.
struct Identity {
    certificate: String,
    key: String,
    connector: TlsConnector,
}

fn identity() -> Identity {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Identity { certificate: cert.pem(), key: signing_key.serialize_pem(), connector: Arc::new(settings).into() }
}

impl Identity {
    async fn connect(&self, server: &Running) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = self.connector.connect(name, server.client().await.stream).await?;
        Ok(Client { stream, read: Vec::new() })
    }

    fn tls(&self) -> Tls {
        Tls::from_pem(self.certificate.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

fn with_tls(tls: Tls, limits: Limits) -> Running {
    Running::on(Listener::bind(([127, 0, 0, 1], 0).into()).unwrap(), limits, Some(tls))
}

#[tokio::test]
async fn tls_carries_the_same() {
    let identity = identity();
    let server = with_tls(identity.tls(), Limits { max_body: 1 << 20, ..Limits::default() });
    let mut client = identity.connect(&server).await.unwrap();
    let requests: Vec<_> = (0..100).flat_map(|length| post("", vec![b'x'; length])).collect();
    client.send(requests).await;
    for length in 0..100 {
        assert_eq!(client.reply().await.body, length.to_string());
    }
    client.send(post("", vec![0; 2 << 20])).await;
    assert_eq!(client.reply().await.status, 413);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn who_does_not_shake_hands_is_closed() {
    let server = with_tls(identity().tls(), Limits { header_timeout: Duration::from_millis(200), ..Limits::default() });
    let mut clear = server.client().await;
    clear.send(GET).await;
    assert!(clear.next_reply().await.is_none());
    assert!(server.client().await.is_closed().await, "silence is no handshake");
    assert_eq!(server.answered(), 0);
}

#[tokio::test]
async fn a_certificate_is_replaced_while_the_server_runs() {
    let (old, new) = (identity(), identity());
    let tls = old.tls();
    let server = with_tls(tls.clone(), Limits::default());
    let mut client = old.connect(&server).await.unwrap();
    assert!(new.connect(&server).await.is_err());
    assert!(tls.replace(new.certificate.as_bytes(), old.key.as_bytes()).is_err(), "they don't fit together");
    assert!(old.connect(&server).await.is_ok(), "the old one stays");
    tls.replace(new.certificate.as_bytes(), new.key.as_bytes()).unwrap();
    assert!(new.connect(&server).await.is_ok());
    client.send(GET).await;
    assert_eq!(client.reply().await.status, 200, "an open connection goes on");
}

#[test]
fn unusable_pem_is_refused_without_showing_the_key() {
    let identity = identity();
    let (certificate, key) = (identity.certificate.as_bytes(), identity.key.as_bytes());
    for (certificate, key) in [(&b""[..], key), (certificate, &b""[..]), (key, certificate)] {
        let error = format!("{:?}", Tls::from_pem(certificate, key).unwrap_err());
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
