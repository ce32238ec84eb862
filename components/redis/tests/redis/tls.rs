//! Connections with TLS: judged by an authority of one's own, with a certificate of one's own.

use logd_sdk::sink::Sink;
use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::support::{Server, batch, deliver, free_port, settings, sink};

/// A Redis that wants TLS and a certificate of its clients, and where it is.
fn secured() -> (Server, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    std::fs::write(folder.path().join("crt.pem"), cert.pem()).expect("written");
    std::fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).expect("written");
    let (crt, key) = (folder.path().join("crt.pem"), folder.path().join("key.pem"));
    let (crt, key, port) = (crt.to_str().expect("text"), key.to_str().expect("text"), free_port());
    let server = Server::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        crt,
        "--tls-key-file",
        key,
        "--tls-ca-cert-file",
        crt,
    ]);
    (server, format!("rediss://localhost:{port}"), folder)
}

#[tokio::test]
async fn tls_with_certificates_of_both_sides() {
    let (server, endpoint, folder) = secured();
    let place = folder.path().display();
    let identity = format!("tls.crt_file = '{place}/crt.pem'\ntls.key_file = '{place}/key.pem'");
    let trusted = format!("key = 'list'\ntls.ca_file = '{place}/crt.pem'\n{identity}");
    let sink_of = async |more: &str| sink(&endpoint, &format!("request.timeout = '10s'\n{more}")).await;

    let good = sink_of(&trusted).await;
    good.probe().await.expect("trusted on both sides");
    deliver(&good, &batch(&settings("redis://a", "key = 'list'"), ["{}"])).await;
    assert_eq!(server.ask(&["LLEN", "list"]), "1");

    let unknown = sink_of(&format!("key = 'list'\n{identity}")).await;
    let error = format!("{:#}", unknown.probe().await.expect_err("of no known authority"));
    assert!(error.contains("certificate"), "{error}");
    let blind = sink_of(&format!("key = 'list'\ntls.verify_certificate = false\n{identity}")).await;
    blind.probe().await.expect("nobody asks");
    let nobody = sink_of(&format!("key = 'list'\ntls.ca_file = '{place}/crt.pem'")).await;
    nobody.probe().await.expect_err("without a certificate of its own");
}
