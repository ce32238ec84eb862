//! Clients that are slow, on purpose or not.

use tokio::time::{Instant, interval};

use super::*;

/// Long enough for a busy machine to keep, short enough to wait for.
const SHORT: Duration = Duration::from_millis(200);
/// Far longer than any test.
const LONG: Duration = Duration::from_secs(3600);

/// One limit is short, all others are far away.
fn patient() -> Limits {
    Limits {
        header_timeout: LONG,
        idle_timeout: LONG,
        body_grace: LONG,
        body_timeout: LONG,
        write_timeout: LONG,
        ..Limits::default()
    }
}

/// Sends a byte every 20 ms until there is an answer or the end.
async fn trickle(client: &mut Client<TcpStream>, byte: &[u8]) {
    let mut ticks = interval(Duration::from_millis(20));
    while client.read.is_empty() {
        tokio::select! {
            more = client.more() => if !more { return },
            _ = ticks.tick() => (),
        }
        // The server may be gone at any time.
        let _ = client.stream.write_all(byte).await;
    }
}

#[tokio::test]
async fn slow_headers_are_408() {
    let server = Running::start(Limits { header_timeout: SHORT, ..patient() });
    let mut client = server.client().await;
    client.send("GET / HTTP/1.1\r\nX: ").await;
    trickle(&mut client, b"x").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, &reply.body[..]), (408, &b"{\"error\":\"The request came too slowly.\"}"[..]));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn slow_headers_of_a_later_request_are_408_too() {
    let server = Running::start(Limits { header_timeout: SHORT, ..patient() });
    let mut client = server.client().await;
    client.send([&post("", "a")[..], b"GET / HT"].concat()).await;
    assert_eq!(client.reply().await.body, "1");
    trickle(&mut client, b"x").await;
    assert_eq!(client.reply().await.status, 408);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let server = Running::start(Limits { header_timeout: SHORT, ..patient() });
    assert!(server.client().await.is_closed().await);
}

#[tokio::test]
async fn an_idle_connection_has_its_own_limit() {
    let limits = Limits { header_timeout: SHORT, idle_timeout: 3 * SHORT, ..patient() };
    let server = Running::start(limits);
    let mut client = server.client().await;
    client.send(post("", "a")).await;
    assert_eq!(client.reply().await.status, 200);
    let since = Instant::now();
    assert!(client.is_closed().await);
    assert!(since.elapsed() > 2 * SHORT, "{:?}", since.elapsed());
}

#[tokio::test]
async fn requests_keep_a_connection_from_being_idle() {
    let server = Running::start(Limits { idle_timeout: 4 * SHORT, ..patient() });
    let mut client = server.client().await;
    let mut ticks = interval(SHORT);
    for _ in 0..6 {
        ticks.tick().await;
        client.send(post("", "a")).await;
        assert_eq!(client.reply().await.status, 200);
    }
}

#[tokio::test]
async fn a_body_below_the_rate_is_408() {
    let server = Running::start(Limits { body_grace: SHORT, min_body_rate: 1 << 20, ..patient() });
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut client = server.client().await;
        client.send(format!("POST / HTTP/1.1\r\n{framing}\r\n\r\n")).await;
        // As a chunk's size these are leading zeros.
        trickle(&mut client, b"0").await;
        assert_eq!(client.reply().await.status, 408, "{framing}");
    }
    assert_eq!(server.answered(), 0);
}

#[tokio::test]
async fn a_body_above_the_rate_is_408_at_its_deadline() {
    let server = Running::start(Limits { body_timeout: SHORT, min_body_rate: 1, ..patient() });
    let mut client = server.client().await;
    client.send("POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n").await;
    trickle(&mut client, b"hello").await;
    assert_eq!(client.reply().await.status, 408);
}

#[tokio::test]
async fn a_slow_body_above_the_rate_is_served() {
    let server = Running::start(Limits { body_grace: SHORT, min_body_rate: 10, ..patient() });
    let mut client = server.client().await;
    client.send("POST / HTTP/1.1\r\nContent-Length: 150\r\n\r\n").await;
    trickle(&mut client, b"hello").await;
    assert_eq!(client.reply().await.body, "150");
}

#[tokio::test]
async fn a_slow_handler_is_no_fault_of_the_client() {
    let limits = Limits {
        header_timeout: SHORT,
        idle_timeout: SHORT,
        body_timeout: SHORT,
        write_timeout: SHORT,
        ..Limits::default()
    };
    let server = Running::start(limits);
    let mut client = server.client().await;
    client.send("POST /wait HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET / HT").await;
    let early = tokio::time::timeout(3 * SHORT, client.reply()).await;
    assert!(early.is_err(), "{early:?}");
    server.echo.go_on.notify_one();
    assert_eq!(client.reply().await.body, "waited");
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_closed() {
    let limits = Limits { write_timeout: SHORT, max_connections: 1, linger_timeout: SHORT, ..patient() };
    let server = Running::start(limits);
    let mut greedy = server.client().await;
    greedy.send("GET /large HTTP/1.1\r\n\r\n").await;
    // The place is free once the greedy one is gone.
    while server.ask("GET / HTTP/1.1\r\n\r\n").await.status != 200 {}
}

#[tokio::test]
async fn a_client_that_takes_its_answer_slowly_gets_all_of_it() {
    // Taking it lasts longer than each of these.
    let limit = 5 * SHORT;
    let limits = Limits { idle_timeout: limit, header_timeout: limit, write_timeout: limit, ..patient() };
    let server = Running::start(limits);
    let mut client = server.client().await;
    client.send("GET /large HTTP/1.1\r\n\r\n").await;
    let mut ticks = interval(Duration::from_millis(25));
    let (mut read, mut buffer) = (0, vec![0; 1 << 20]);
    while read < 64 << 20 {
        ticks.tick().await;
        let piece = client.stream.read(&mut buffer).await.unwrap();
        assert!(piece > 0, "the end came after {read} bytes");
        read += piece;
    }
}
