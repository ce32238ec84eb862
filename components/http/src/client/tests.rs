//! The client against receivers that are slow, large, or elsewhere than they say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logd_sdk::Clock;
use logd_sdk::contract;
use logd_sdk::report::Report;
use logd_sdk::settings::{ClientTls, Secret};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::dns::Resolve;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::connection::{Client, Connection, MOST_READ};
use super::resolver::{Guard, System};
use super::{Addresses, Target, Verdict};
use crate::testing::{NOW, Names, Receiver, Reply, parse, soon};

fn connection(tls: &ClientTls) -> Connection<'_> {
    Connection { tls, proxy: None, addresses: Addresses::Any, timeout: Duration::from_secs(20), idle: usize::MAX }
}

async fn client(change: impl FnOnce(&mut Connection<'_>)) -> Client {
    let tls = ClientTls::default();
    let mut connection = connection(&tls);
    change(&mut connection);
    connection.client(Clock::fixed(NOW)).await.unwrap()
}

async fn post(client: &Client, uri: &str) -> Verdict {
    client.send(Method::POST, Url::parse(uri).unwrap(), HeaderMap::new(), Bytes::from_static(b"body")).await
}

fn error(verdict: Verdict) -> String {
    match verdict {
        Verdict::Again { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn says_who_it_is_and_no_more_than_it_is_told() {
    let receiver = Receiver::start([]).await;
    assert_eq!(post(&client(|_| {}).await, &receiver.uri("/a?b=c")).await, Verdict::Delivered);
    let [request] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!((request.line.as_str(), request.text().as_str()), ("POST /a?b=c HTTP/1.1", "body"));
    assert_eq!(request.header("user-agent"), Some(concat!("logd/", env!("CARGO_PKG_VERSION"))));
    for header in ["cookie", "referer", "accept-encoding", "authorization"] {
        assert_eq!(request.header(header), None, "{header}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let receiver = Receiver::start([Reply::Hang]).await;
    let client = client(|connection| connection.timeout = Duration::from_millis(200)).await;
    assert_eq!(error(post(&client, &receiver.uri("/")).await), "no answer within 200ms");
}

#[tokio::test]
async fn what_can_not_be_reached_is_said_without_the_uri() {
    let receiver = Receiver::start([Reply::Break]).await;
    let client = client(|_| {}).await;
    let message = error(post(&client, &receiver.uri("/canary")).await);
    assert!(message.starts_with("the request failed: ") && !message.contains("canary"), "{message}");
    let closed = receiver.uri("/canary");
    drop(receiver);
    // The port is free as soon as the receiver's task has ended.
    let message = soon(async {
        loop {
            if let Verdict::Again { error, .. } = post(&client, &closed).await
                && error.contains("onnection refused")
            {
                return error;
            }
            tokio::task::yield_now().await;
        }
    });
    let message = message.await;
    assert!(message.starts_with("it can't be reached: ") && !message.contains("canary"), "{message}");
}

#[tokio::test]
async fn whether_it_can_be_reached_is_known_without_a_request() {
    let receiver = Receiver::start([]).await;
    let url = |host: &str| Url::parse(&receiver.uri("/canary").replace("127.0.0.1", host)).unwrap();
    let client = client(|_| {}).await;
    client.reach(&url("127.0.0.1")).await.unwrap();
    client.reach(&url("localhost")).await.unwrap();
    assert_eq!(receiver.requests().len(), 0);
    let guarded = self::client(|connection| connection.addresses = Addresses::Public).await;
    let message = format!("{:#}", guarded.reach(&url("localhost")).await.unwrap_err());
    assert_eq!(message, "it can't be reached: `localhost` leads to no address of the internet");
    let closed = url("127.0.0.1");
    drop(receiver);
    let message = soon(async {
        loop {
            // The port is free as soon as the receiver's task has ended.
            match client.reach(&closed).await {
                Err(error) if format!("{error:#}").contains("refused") => return format!("{error:#}"),
                _ => tokio::task::yield_now().await,
            }
        }
    });
    assert_eq!(message.await, "it can't be reached: Connection refused (os error 111)");
}

#[tokio::test]
async fn little_is_read_of_a_large_answer() {
    let mut receiver = Receiver::start([Reply::Large(10 << 20), Reply::Large(MOST_READ - 1)]).await;
    let client = client(|_| {}).await;
    assert_eq!(post(&client, &receiver.uri("/")).await, Verdict::Delivered);
    let (written, all) = receiver.sent().await;
    assert!(!all && written < 10 << 20, "{written} bytes were taken");
    assert_eq!(post(&client, &receiver.uri("/")).await, Verdict::Delivered);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Receiver::start([]).await;
    for status in [301, 302, 303, 307, 308] {
        let receiver = Receiver::start([Reply::with(status, "location", &other.uri("/canary"))]).await;
        let verdict = post(&client(|_| {}).await, &receiver.uri("/")).await;
        let Verdict::Refused { reason, .. } = verdict else { panic!("{verdict:?}") };
        assert!(reason.contains(" to http://127.0.0.1: redirects are not followed"), "{reason}");
    }
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn names_that_lead_into_the_network_are_not_dialled() {
    let receiver = Receiver::start([]).await;
    let local = receiver.address().to_string();
    let tls = ClientTls::default();
    let public = Connection { addresses: Addresses::Public, ..connection(&tls) };
    for answer in [&local[..], "10.0.0.1:80", "169.254.169.254:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "0.0.0.0:80"] {
        let client = public.client_with(Clock::fixed(NOW), Names::new([&[answer]])).await.unwrap();
        let message = error(post(&client, "http://evil.example/").await);
        assert_eq!(message, "it can't be reached: `evil.example` leads to no address of the internet", "{answer}");
    }
    let client = public.client(Clock::fixed(NOW)).await.unwrap();
    for name in ["localhost", "LOCALHOST"] {
        let uri = format!("http://{name}:{}/", receiver.address().port());
        assert!(Target::parse(&uri, &Addresses::Public).is_ok(), "only its addresses tell what {name} is");
        assert!(error(post(&client, &uri).await).ends_with("leads to no address of the internet"), "{name}");
    }
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    // Each answer is judged, and of a mixed one only what is public is left.
    let names = Names::new([&["8.8.8.8:0", "127.0.0.1:0"], &["127.0.0.1:0"], &[]]);
    let guard = Guard::new(Addresses::Public, names);
    let resolve = async || guard.resolve("evil.example".parse().unwrap()).await.map(Iterator::collect::<Vec<_>>);
    assert_eq!(resolve().await.unwrap(), ["8.8.8.8:0".parse().unwrap()]);
    assert_eq!(resolve().await.unwrap_err().to_string(), "`evil.example` leads to no address of the internet");
    assert_eq!(resolve().await.unwrap_err().to_string(), "`evil.example` has no address");

    // What was judged is what is dialled: nobody asks a second time.
    let receiver = Receiver::start([]).await;
    let names = Names::new([&[&receiver.address().to_string()], &["127.0.0.2:1"]]);
    let tls = ClientTls::default();
    let client = connection(&tls).client_with(Clock::fixed(NOW), Arc::clone(&names) as Arc<dyn Resolve>).await.unwrap();
    let uri = format!("http://name.example:{}/", receiver.address().port());
    assert_eq!(post(&client, &uri).await, Verdict::Delivered);
    assert_eq!((names.asked(), receiver.requests().len()), (1, 1));
    assert_eq!(receiver.requests()[0].header("host"), Some(&uri["http://".len()..uri.len() - 1]));
}

#[tokio::test]
async fn the_system_knows_this_machine() {
    let guard = Guard::new(Addresses::Any, Arc::new(System));
    let found: Vec<SocketAddr> = guard.resolve("localhost".parse().unwrap()).await.unwrap().collect();
    assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn a_proxy_is_used_where_one_is_set() {
    let proxy = Receiver::start([]).await;
    let uri = Secret::from(proxy.uri("").replace("http://", "http://user:canary@"));
    let tls = ClientTls::default();
    let connection = Connection { proxy: Some(&uri), ..connection(&tls) };
    let client = connection.client(Clock::fixed(NOW)).await.unwrap();
    assert_eq!(post(&client, "http://name.example/path").await, Verdict::Delivered);
    let [request] = &proxy.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST http://name.example/path HTTP/1.1");
    assert_eq!(request.header("proxy-authorization"), Some("Basic dXNlcjpjYW5hcnk="));
    assert!(!format!("{client:?}").contains("canary"));
}

#[test]
fn says_what_does_not_go_together() {
    let problems = |tls: &str, proxy: Option<&str>, addresses, uri: &str| {
        let (tls, proxy) = (parse::<ClientTls>(tls), proxy.map(|proxy| Secret::from(proxy.to_owned())));
        let mut report = Report::default();
        let target = Target::parse(uri, &addresses).ok();
        let connection = Connection { proxy: proxy.as_ref(), addresses, ..connection(&tls) };
        connection.check(target.as_ref(), &mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect::<Vec<_>>()
    };
    let any = |tls: &str, proxy, uri: &str| problems(tls, proxy, Addresses::Any, uri);
    assert_eq!(any("", None, "http://a.example"), [""; 0]);
    assert_eq!(any("ca_file = 'a'", Some("http://proxy:3128"), "https://a.example"), [""; 0]);
    assert_eq!(
        any("ca_file = 'a'", None, "http://a.example"),
        ["tls: `tls` is set, but the URI begins with `http://`"]
    );
    assert_eq!(
        any("crt_file = 'a'\nkey_file = 'b'\nkey_pass = 'c'", None, "https://a.example"),
        ["tls.key_pass: a key with a passphrase can't be read here"]
    );
    for wrong in ["proxy canary", "socks5://proxy", ""] {
        assert_eq!(any("", Some(wrong), "https://a.example"), ["proxy: this is not the URI of a proxy"], "{wrong}");
    }
    assert_eq!(
        problems("", Some("http://proxy:3128"), Addresses::Public, "https://a.example"),
        ["addresses: a proxy looks names up by itself, so that addresses can't be checked here"]
    );
}

#[tokio::test]
async fn both_sides_prove_who_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap(), key)
    };
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let (certificate, key) = issue("client");
    write("ca.pem", authority.pem());
    write("client.pem", certificate.pem());
    write("client.key", key.serialize_pem());

    let (certificate, key) = issue("localhost");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await
                && crate::testing::read_request(&mut stream).await.is_some()
            {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        }
    });

    let attempt = async |settings: &str| {
        let text = settings.replace("DIR", folder.path().to_str().unwrap());
        let mut tls = parse::<ClientTls>(&text);
        contract::read_files(tls.files("tls"));
        post(&connection(&tls).client(Clock::fixed(NOW)).await.unwrap(), &uri).await
    };
    let ca = "ca_file = 'DIR/ca.pem'\n";
    let own = "crt_file = 'DIR/client.pem'\nkey_file = 'DIR/client.key'\n";
    assert_eq!(attempt(&format!("{ca}{own}")).await, Verdict::Delivered);
    assert_eq!(attempt(&format!("verify_certificate = false\n{own}")).await, Verdict::Delivered);
    let message = error(attempt(own).await);
    assert!(message.starts_with("it can't be reached: invalid peer certificate"), "{message}");
    assert!(matches!(attempt(ca).await, Verdict::Again { .. }), "without a certificate it is not let in");
    server.abort();

    let broken = parse::<ClientTls>(&format!("ca_file = '{}'", folder.path().join("none.pem").display()));
    let message = format!("{:#}", connection(&broken).client(Clock::fixed(NOW)).await.unwrap_err());
    assert!(message.contains("none.pem can't be read"), "{message}");
}
