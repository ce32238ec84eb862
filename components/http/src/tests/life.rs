//! The source's beginning and end.

use std::io::ErrorKind;

use logd_sdk::component::SourceSettings as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;

async fn wait_until_refused(address: SocketAddr) {
    loop {
        match TcpStream::connect(address).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn building_binds_and_serves_nobody() {
    let mut source = settings("address = '127.0.0.1:0'\nrespond_when = 'received'").build(&context(&[])).await.unwrap();
    let mut client = connect(source.address().unwrap()).await;
    client.send(post("", "early")).await;
    assert!(client.waits().await);
    assert!(next(&mut source).await.is_empty());
    assert_eq!(texts(&next(&mut source).await), ["early"], "who came early is served");
}

#[tokio::test]
async fn at_its_end_what_was_taken_is_answered_200_and_the_rest_503() {
    let (mut source, address) = start("").await;
    let (mut taken, mut waiting, mut idle) = (connect(address).await, connect(address).await, connect(address).await);
    idle.send(post("", "")).await;
    assert_eq!(idle.reply().await.status, 200);
    taken.send(post("", "taken")).await;
    assert_eq!(texts(&next(&mut source).await), ["taken"]);
    waiting.send(post("", "waiting")).await;
    until_waiting(&source, 1).await;
    // The daemon stops: its call is dropped unpolled, then the source.
    drop(source.next());
    drop(source);
    let (taken, waiting) = (taken.reply().await, waiting.reply().await);
    assert_eq!((taken.status, waiting.status), (200, 503));
    assert!(timeout(HANG, idle.next_reply()).await.expect("closed in time").is_none());
    timeout(HANG, wait_until_refused(address)).await.unwrap();
}

#[tokio::test]
async fn who_keeps_sending_is_told_503_when_the_source_has_gone() {
    let (source, address) = start("").await;
    let mut client = connect(address).await;
    client.send([post("", ""), b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nla".to_vec()].concat()).await;
    assert_eq!(client.reply().await.status, 200);
    drop(source);
    client.send("te").await;
    assert_eq!(client.reply().await.status, 503);
}

#[tokio::test]
async fn another_can_be_built_on_its_address_at_once_and_ids_differ() {
    let context = context(&[]);
    let (mut source, address) = start_with(&context, "", Limits::default()).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let client = tokio::spawn(ask(address, post("", "same")));
        ids.push(next(&mut source).await.id(0));
        drop(source.next());
        assert_eq!(client.await.unwrap().status, 200);
        drop(source);
        context.clock.set(Time::from_micros(NOW.as_micros() + ids.len() as i64));
        source = settings(&format!("address = '{address}'\nrespond_when = 'received'")).build(&context).await.unwrap();
        assert!(next(&mut source).await.is_empty());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn tls_carries_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (crt, key) = (folder.path().join("crt.pem"), folder.path().join("key.pem"));
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&crt, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let tls = format!("tls = {{ crt_file = '{}', key_file = '{}' }}", crt.display(), key.display());
    let (mut source, address) = start(&tls).await;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    let mut client = Client { stream, read: Vec::new() };
    client.send(post("", "secret")).await;
    assert_eq!(texts(&next(&mut source).await), ["secret"]);
    drop(source.next());
    assert_eq!(client.reply().await.status, 200);
}
