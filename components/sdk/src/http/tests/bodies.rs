//! Bodies that are too large, packed, packed badly, or packed to do harm.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures::future::join_all;

use super::*;

const MIB: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 3).unwrap()
}

/// A frame that claims a window of 2 to the power of `log` bytes.
fn zstd_with_window(bytes: &[u8], log: u32) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(log).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(coding: &str, path: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let request = post(&format!("Content-Encoding: {coding}\r\n"), body);
    [format!("POST {path}").as_bytes(), &request["POST /".len()..]].concat()
}

#[tokio::test]
async fn packed_bodies_are_unpacked() {
    let server = Running::start(Limits::default());
    let text: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    let bodies = [
        ("gzip", gzip(text.as_bytes())),
        ("deflate", deflate(text.as_bytes())),
        ("zstd", zstd(text.as_bytes())),
        ("zstd", zstd_with_window(text.as_bytes(), 23)),
        ("identity", text.clone().into_bytes()),
    ];
    for (coding, body) in bodies {
        let reply = server.ask(packed(coding, "/body", body)).await;
        assert_eq!((reply.status, reply.body), (200, Bytes::from(text.clone())), "{coding}");
    }
}

#[tokio::test]
async fn several_members_and_frames_are_one_body() {
    let server = Running::start(Limits::default());
    let two = |pack: fn(&[u8]) -> Vec<u8>| [pack(b"one "), pack(b"two")].concat();
    assert_eq!(server.ask(packed("gzip", "/body", two(gzip))).await.body, "one two");
    assert_eq!(server.ask(packed("zstd", "/body", two(zstd))).await.body, "one two");
    assert_eq!(server.ask(packed("deflate", "/body", two(deflate))).await.status, 400);
}

#[tokio::test]
async fn a_body_packed_and_chunked_byte_by_byte_is_the_same() {
    let server = Running::start(Limits::default());
    for (coding, body) in [("gzip", gzip(b"hello")), ("deflate", deflate(b"hello")), ("zstd", zstd(b"hello"))] {
        let mut client = server.client().await;
        let headers = format!("Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n");
        client.send(format!("POST /body HTTP/1.1\r\n{headers}\r\n")).await;
        for byte in body {
            client.send([b"1\r\n".as_slice(), &[byte], b"\r\n"].concat()).await;
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(client.reply().await.body, "hello", "{coding}");
    }
}

#[tokio::test]
async fn damaged_and_truncated_bodies_are_400() {
    let server = Running::start(Limits::default());
    for (coding, body) in [("gzip", gzip(b"hello")), ("deflate", deflate(b"hello")), ("zstd", zstd(b"hello"))] {
        let truncated = &body[..body.len() - 1];
        let followed = [&body[..], b"junk that is longer than a header"].concat();
        for (kind, body) in [("junk", &b"this is not packed"[..]), ("truncated", truncated), ("followed", &followed)] {
            let reply = server.ask(packed(coding, "/body", body)).await;
            assert_eq!(reply.status, 400, "{coding} {kind}");
            let start = format!("{{\"error\":\"The body is not valid {coding}: ");
            assert!(reply.body.starts_with(start.as_bytes()), "{coding} {kind}: {:?}", reply.body);
        }
    }
    let greedy = server.ask(packed("zstd", "/body", zstd_with_window(b"hello", 27))).await;
    assert_eq!(greedy.status, 400, "a window of 128 MiB");
    assert_eq!(server.answered(), 0);
}

#[tokio::test]
async fn unknown_and_nested_codings_are_415() {
    let server = Running::start(Limits::default());
    for (coding, body) in [("br", b"x".to_vec()), ("gzip, gzip", gzip(&gzip(b"x"))), ("gzip, zstd", zstd(&gzip(b"x")))]
    {
        assert_eq!(server.ask(packed(coding, "/", body)).await.status, 415, "{coding}");
    }
    let lines = "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n";
    assert_eq!(server.ask(post(lines, gzip(&gzip(b"x")))).await.status, 415);
    assert_eq!(server.ask(packed("gzip", "/body", gzip(&gzip(b"x")))).await.body, gzip(b"x"), "one layer is undone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_bombs_at_once_are_all_413() {
    let server = Running::start(Limits::default());
    let zeros = vec![0; 64 * MIB];
    // 2 GiB each, but for deflate, which can't be put together from parts.
    let bombs = [("gzip", gzip(&zeros).repeat(32)), ("deflate", deflate(&zeros)), ("zstd", zstd(&zeros).repeat(32))];
    for (coding, bomb) in bombs {
        let request = packed(coding, "/", &bomb);
        let replies = join_all((0..16).map(|_| server.ask(&request))).await;
        assert!(replies.iter().all(|reply| reply.status == 413), "{coding}");
    }
    assert_eq!(server.answered(), 0);
}

#[tokio::test]
async fn a_body_of_150_mb_is_413_for_a_client_that_sends_it_to_its_end() {
    let server = Running::start(Limits::default());
    for framing in ["Content-Length: 150000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n8F0D180\r\n"] {
        let mut client = server.client().await;
        client.send(format!("POST / HTTP/1.1\r\n{framing}")).await;
        let piece = vec![b'x'; 1_000_000];
        for _ in 0..150 {
            client.send(&piece).await;
        }
        let reply = client.reply().await;
        assert_eq!(reply.status, 413, "{framing}");
        assert_eq!(reply.body, "{\"error\":\"The body has more than 16777216 bytes.\"}");
    }
}

#[tokio::test]
async fn chunks_without_end_are_413() {
    let server = Running::start(Limits { max_body: MIB, ..Limits::default() });
    let (mut reader, mut writer) = server.client().await.stream.into_split();
    let send_for_ever = async {
        let chunk = [b"400\r\n".as_slice(), &[b'x'; 1024], b"\r\n"].concat();
        writer.write_all(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        while writer.write_all(&chunk).await.is_ok() {}
        std::future::pending().await
    };
    let mut answer = [0; 12];
    tokio::select! {
        () = send_for_ever => {}
        read = reader.read_exact(&mut answer) => { read.unwrap(); }
    }
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn without_memory_bodies_are_503_and_the_connection_lives() {
    let server = Running::start(Limits { memory: 1000, ..Limits::default() });
    let mut holder = server.client().await;
    let body = [b'x'; 600];
    holder.send([b"POST /wait HTTP/1.1\r\nContent-Length: 600\r\n\r\n".as_slice(), &body].concat()).await;
    server.echo.waiting.notified().await;
    let mut other = server.client().await;
    other.send(post("", body)).await;
    let reply = other.reply().await;
    assert_eq!(reply.status, 503);
    assert!(reply.head.contains("retry-after: 1\r\n"));
    server.echo.go_on.notify_one();
    assert_eq!(holder.reply().await.body, "waited");
    other.send(post("", body)).await;
    assert_eq!(other.reply().await.body, "600");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_its_memory() {
    let server = Running::start(Limits { memory: 1000, ..Limits::default() });
    let mut holder = server.client().await;
    let body = [b'x'; 600];
    holder.send([b"POST /wait HTTP/1.1\r\nContent-Length: 600\r\n\r\n".as_slice(), &body].concat()).await;
    server.echo.waiting.notified().await;
    assert_eq!(server.ask(post("", body)).await.status, 503);
    drop(holder);
    while server.ask(post("", body)).await.status != 200 {}
}

#[tokio::test]
async fn a_body_that_fills_the_memory_by_itself_is_still_told_its_limit() {
    let server = Running::start(Limits { memory: MIB, max_decoded: 4 * MIB, ..Limits::default() });
    assert_eq!(server.ask(packed("gzip", "/", gzip(&vec![0; 3 * MIB]))).await.status, 503);
    assert_eq!(server.ask(packed("gzip", "/", gzip(&vec![0; 5 * MIB]))).await.status, 413);
}
