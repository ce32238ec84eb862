//! Every status that a client can get.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// A source whose pipeline is never full.
async fn flowing(rest: &str) -> SocketAddr {
    flowing_with(rest, Limits::default()).await
}

async fn flowing_with(rest: &str, limits: Limits) -> SocketAddr {
    let (source, address) = start_with(&context(&[]), rest, limits).await;
    flow(source);
    address
}

#[tokio::test]
async fn what_is_taken_is_200_and_the_connection_lives() {
    let address = flowing("").await;
    let mut client = connect(address).await;
    client.send([post("", "one\ntwo\n"), post("", ""), post("", "three")].concat()).await;
    for _ in 0..3 {
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        assert!(!reply.head.contains("connection: close"));
    }
}

#[tokio::test]
async fn what_is_wrong_is_400_with_its_line() {
    let address = flowing("decoding.codec = 'json'").await;
    let mut client = connect(address).await;
    client.send([post("", "{\"a\":1}\n{\"a\":\n"), post("", b"{}\n\n{\"a\":\"\xff\"}"), post("", "{}")].concat()).await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 400);
    assert!(reply.body.starts_with("{\"error\":\"Line 2, byte "), "{}", reply.body);
    assert_eq!(client.reply().await.body, "{\"error\":\"Line 3, byte 7: not UTF-8.\"}");
    assert_eq!(client.reply().await.status, 200);
}

#[tokio::test]
async fn who_is_not_known_is_401() {
    let auth = "path = '/logs'\nauth = { strategy = 'bearer', token = 'secret' }";
    let address = flowing(auth).await;
    let with = |path: &str, token: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 1\r\n\r\nx")
    };
    let refused = ask(address, with("/logs", "wrong")).await;
    assert_eq!(refused.status, 401);
    assert!(refused.head.contains("www-authenticate: bearer realm=\"logd\"\r\n"));
    assert_eq!(ask(address, with("/nowhere", "wrong")).await.body, refused.body, "strangers learn nothing");
    assert_eq!(ask(address, with("/logs", "secret")).await.status, 200);
    let address = flowing("auth = { strategy = 'basic', username = 'Aladdin', password = 'open sesame' }").await;
    assert_eq!(ask(address, post("", "x")).await.status, 401);
    let known = post("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n", "x");
    assert_eq!(ask(address, known).await.status, 200);
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405() {
    let address = flowing("path = '/logs'\nmethod = 'put'").await;
    assert_eq!(ask(address, "PUT / HTTP/1.1\r\n\r\n").await.status, 404);
    assert_eq!(ask(address, "PUT /logs/a HTTP/1.1\r\n\r\n").await.status, 404);
    let refused = ask(address, "POST /logs HTTP/1.1\r\n\r\n").await;
    assert_eq!(refused.status, 405);
    assert!(refused.head.contains("allow: put\r\n"));
    assert_eq!(ask(address, "PUT /logs?a=b HTTP/1.1\r\n\r\n").await.status, 200);
    let address = flowing("path = '/logs'\nstrict_path = false").await;
    assert_eq!(ask(address, "POST /logs/a HTTP/1.1\r\n\r\n").await.status, 200);
}

#[tokio::test]
async fn what_comes_too_slowly_is_408() {
    let short = Duration::from_millis(200);
    let address = flowing_with("", Limits { header_timeout: short, body_grace: short, ..Limits::default() }).await;
    assert_eq!(ask(address, "POST / HTTP/1.1\r\nX: ").await.status, 408);
    assert_eq!(ask(address, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nx").await.status, 408);
}

#[tokio::test]
async fn what_is_too_large_is_413() {
    let limits = settings("address = '127.0.0.1:0'\nlimits.max_body_size = '10 B'").limits();
    let address = flowing_with("", limits).await;
    assert_eq!(ask(address, post("", "0123456789")).await.status, 200);
    let refused = ask(address, post("", "01234567890")).await;
    assert_eq!((refused.status, refused.body.as_str()), (413, "{\"error\":\"The body has more than 10 bytes.\"}"));
    let address = flowing("").await;
    assert_eq!(ask(address, post("", "x\n".repeat(2_000_000))).await.status, 413, "that many events");
}

#[tokio::test]
async fn packed_bodies_are_unpacked_and_unknown_codings_415() {
    let (mut source, address) = start("").await;
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(b"one\ntwo").unwrap();
    let packed = post("Content-Encoding: gzip\r\n", packer.finish().unwrap());
    let client = tokio::spawn(ask(address, packed));
    assert_eq!(texts(&next(&mut source).await), ["one", "two"]);
    flow(source);
    assert_eq!(client.await.unwrap().status, 200);
    assert_eq!(ask(address, post("Content-Encoding: br\r\n", "x")).await.status, 415);
}

#[tokio::test]
async fn too_large_a_head_is_431() {
    let address = flowing("").await;
    let reply = ask(address, format!("POST / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20))).await;
    assert_eq!(reply.status, 431);
}

#[tokio::test]
async fn two_lengths_are_400_and_nothing_is_taken() {
    let (mut source, address) = start("").await;
    let smuggled = "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(ask(address, smuggled).await.status, 400);
    let client = tokio::spawn(ask(address, post("", "right")));
    assert_eq!(texts(&next(&mut source).await), ["right"]);
    client.abort();
}
