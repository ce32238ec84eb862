//! Where requests begin and end, and who tries to blur it.

use super::*;

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let server = Running::start(Limits::default());
    let mut client = server.client().await;
    client.send(post("", "hello")).await;
    assert_eq!(client.reply().await.body, "5");
    client
        .send("POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nSum: 1\r\n\r\n")
        .await;
    assert_eq!(client.reply().await.body, "abcde");
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.reply().await.body, "0");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_hundred_requests_in_one_write_are_answered_in_order() {
    let server = Running::start(Limits::default());
    let mut client = server.client().await;
    let requests: Vec<_> = (0..100).flat_map(|length| post("", vec![b'x'; length * 10])).collect();
    client.send(requests).await;
    for length in 0..100 {
        assert_eq!(client.reply().await.body, (length * 10).to_string());
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_next_request_to_be_served_or_complete() {
    let server = Running::start(Limits::default());
    let mut client = server.client().await;
    client.send([&post("", "a")[..], b"GET /wait HTTP/1.1\r\n\r\n", &post("", "bc"), b"GET / HT"].concat()).await;
    assert_eq!(client.reply().await.body, "1");
    server.echo.go_on.notify_one();
    assert_eq!(client.reply().await.body, "waited");
    assert_eq!(client.reply().await.body, "2");
    client.send("TP/1.1\r\n\r\n").await;
    assert_eq!(client.reply().await.body, "0");
}

#[tokio::test]
async fn ambiguous_lengths_are_400_and_nothing_is_smuggled() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 99999999999999999999",
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        " Transfer-Encoding: chunked",
    ] {
        let server = Running::start(Limits::default());
        let mut client = server.client().await;
        let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n";
        client.send(format!("POST / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n{lines}\r\n\r\n{smuggled}")).await;
        assert_eq!(client.reply().await.status, 200, "the request before is served; {lines}");
        let reply = client.reply().await;
        assert_eq!(reply.status, 400, "{lines}");
        assert!(reply.head.contains("connection: close"), "{lines}");
        assert!(client.is_closed().await, "{lines}");
        assert_eq!(server.answered(), 1, "{lines}");
    }
}

#[tokio::test]
async fn malformed_requests_are_400() {
    let server = Running::start(Limits::default());
    for request in [
        "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n",
        "GET /\0 HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/9.1\r\n\r\n",
        "\x16\x03\x01 TLS without TLS\r\n\r\n",
    ] {
        assert_eq!(server.ask(request).await.status, 400, "{request:?}");
    }
    assert_eq!(server.answered(), 0);
}

#[tokio::test]
async fn malformed_chunks_are_400() {
    let server = Running::start(Limits::default());
    for body in ["x\r\n", "-1\r\n", "\r\n", "3\r\nabcdef\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "3\nabc\n0\n\n"] {
        let request = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let reply = server.ask(request).await;
        assert_eq!(reply.status, 400, "{body:?}");
        assert!(reply.body.starts_with(b"{\"error\":\"The body can't be read: "), "{body:?}: {:?}", reply.body);
    }
    assert_eq!(server.answered(), 0);
}

#[tokio::test]
async fn heads_too_large_are_431() {
    let server = Running::start(Limits::default());
    let line = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let name = format!("GET / HTTP/1.1\r\n{}: x\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let few_too_many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    for request in [line, name, many, few_too_many] {
        let mut client = server.client().await;
        client.send(&request).await;
        assert_eq!(client.reply().await.status, 431, "{}", &request[..40]);
        assert!(client.is_closed().await);
    }
    let enough = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert_eq!(server.ask(enough).await.status, 200);
}

#[tokio::test]
async fn the_number_of_headers_can_be_set() {
    let server = Running::start(Limits { max_headers: 3, ..Limits::default() });
    assert_eq!(server.ask("GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n").await.status, 200);
    assert_eq!(server.ask("GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n").await.status, 431);
}

#[tokio::test]
async fn refusals_by_the_head_come_before_the_body() {
    let server = Running::start(Limits::default());
    let refused = [
        ("POST /nowhere", 404, ""),
        ("POST /secret", 401, "www-authenticate: bearer realm=\"logd\"\r\n"),
        ("PUT /", 405, "allow: get, head, post\r\n"),
    ];
    for (line, status, header) in refused {
        let reply = server.ask(format!("{line} HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")).await;
        assert_eq!(reply.status, status, "{line}");
        assert!(reply.head.contains(header), "{line}: {}", reply.head);
        assert!(reply.head.contains("content-type: application/json"), "{line}");
    }
    let reply = server.ask("POST /secret HTTP/1.1\r\nAuthorization: bearer token\r\nContent-Length: 1\r\n\r\nx").await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_refused_request_with_a_small_body_leaves_the_connection_alone() {
    let server = Running::start(Limits::default());
    let mut client = server.client().await;
    client.send("POST /nowhere HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel").await;
    client.send("lo").await;
    assert_eq!(client.reply().await.status, 404);
    client.send(post("", "hello")).await;
    assert_eq!(client.reply().await.body, "5");
}

#[tokio::test]
async fn expect_is_answered_with_continue_or_the_refusal() {
    let server = Running::start(Limits::default());
    let mut client = server.client().await;
    client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 100);
    client.send("hello").await;
    assert_eq!(client.reply().await.body, "5");
    client.send("POST /nowhere HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 404);
    assert!(client.is_closed().await);
}
