//! Every data type, as it stands in Redis.

use logd_sdk::sink::Sink;
use redis::Client;

use crate::support::{DEADLINE, Server, batch, deliver, settings, sink};

/// Delivers events to a new Redis, with nothing rejected.
async fn written(more: &str, events: &[&str]) -> Server {
    let server = Server::start();
    assert_eq!(write(&server, more, events).await, [""; 0]);
    server
}

/// Delivers events. Returns what was rejected.
async fn write(server: &Server, more: &str, events: &[&str]) -> Vec<String> {
    let sink = sink(&server.endpoint(), more).await;
    let (rejected, errors) = deliver(&sink, &batch(&settings(&server.endpoint(), more), events)).await;
    assert_eq!(errors, [""; 0]);
    rejected
}

/// Events with these numbers.
fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!(r#"{{"n":{number}}}"#)).collect()
}

#[tokio::test]
async fn a_list_grows_at_one_end() {
    let events = [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#];
    let server = written("key = 'list'", &events).await;
    assert_eq!(server.ask(&["LRANGE", "list", "0", "-1"]), r#"{"n":3} {"n":2} {"n":1}"#);
    let server = written("key = 'list'\nlist.method = 'rpush'\nencoding.codec = 'json'", &events).await;
    assert_eq!(server.ask(&["LRANGE", "list", "0", "-1"]), r#"{"n":1} {"n":2} {"n":3}"#);
}

#[tokio::test]
async fn a_list_is_cut_to_its_newest() {
    for (method, expected) in [("lpush", r#"{"n":6} {"n":5} {"n":4}"#), ("rpush", r#"{"n":4} {"n":5} {"n":6}"#)] {
        let more = format!("key = 'list'\nlist = {{ method = '{method}', max_length = 3 }}");
        let server = Server::start();
        for numbers in [0..2, 2..3, 3..7] {
            let events = numbered(numbers);
            write(&server, &more, &events.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        assert_eq!(server.ask(&["LRANGE", "list", "0", "-1"]), expected);
    }
}

#[tokio::test]
async fn a_list_keeps_its_order_over_several_transactions() {
    for method in ["lpush", "rpush"] {
        let more = format!("key = 'list'\nlist = {{ method = '{method}', max_length = 150 }}");
        let events = numbered(0..250);
        let server = written(&more, &events.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let listed = server.ask(&["LRANGE", "list", "0", "-1"]);
        let mut expected = numbered(100..250);
        if method == "lpush" {
            expected.reverse();
        }
        assert_eq!(listed, expected.join(" "));
    }
}

#[tokio::test]
async fn keys_come_from_events() {
    let more = "key = 'logs:{{ service }}:%Y'";
    let server = Server::start();
    let rejected =
        write(&server, more, &[r#"{"service":"api"}"#, r#"{"service":"a b\n"}"#, r#"{"service":null}"#]).await;
    assert_eq!(rejected, [r#"{"service":null}: the event has no field `service`, which its key needs"#]);
    assert_eq!(server.ask(&["LLEN", "logs:api:2026"]), "1");
    assert_eq!(server.ask(&["LLEN", "logs:a b\n:2026"]), "1");
}

#[tokio::test]
async fn a_string_is_the_last_event() {
    let server =
        written("key = 'last:{{ s }}'\ndata_type = 'string'\nttl = '1h'", &[r#"{"s":1}"#, r#"{"s":1,"x":2}"#]).await;
    assert_eq!(server.ask(&["GET", "last:1"]), r#"{"s":1,"x":2}"#);
    assert!(server.ask(&["TTL", "last:1"]).parse::<u32>().is_ok_and(|ttl| (3500..=3600).contains(&ttl)));
}

#[tokio::test]
async fn a_stream_has_an_entry_for_each_event() {
    let more = "key = 'stream'\ndata_type = 'stream'";
    let server = written(more, &[r#"{"n":1}"#, r#"{"n":2}"#]).await;
    let entries = server.ask(&["XRANGE", "stream", "-", "+"]);
    assert!(entries.contains(r#"message {"n":1}"#) && entries.ends_with(r#"message {"n":2}"#), "{entries}");
    let events = numbered(0..1000);
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    write(&server, &format!("{more}\nstream.max_length = 10\nttl = '1h'"), &events).await;
    let length: u32 = server.ask(&["XLEN", "stream"]).parse().expect("a number");
    assert!((10..=10 + 200).contains(&length), "{length}");
    assert_ne!(server.ask(&["TTL", "stream"]), "-1");
}

#[tokio::test]
async fn a_channel_tells_those_who_listen() {
    let server = Server::start();
    let endpoint = server.endpoint();
    let (listens, listening) = tokio::sync::oneshot::channel();
    let heard = tokio::task::spawn_blocking(move || {
        let mut connection = Client::open(endpoint).expect("a client").get_connection().expect("connected");
        let mut channel = connection.as_pubsub();
        channel.set_read_timeout(Some(DEADLINE)).expect("set");
        channel.subscribe("events:api").expect("subscribed");
        listens.send(()).expect("somebody waits");
        [(); 2].map(|()| channel.get_message().expect("heard").get_payload::<String>().expect("text"))
    });
    listening.await.expect("it listens");
    let more = "key = 'events:{{ service }}'\ndata_type = 'channel'";
    write(&server, more, &[r#"{"service":"api"}"#, r#"{"service":"web"}"#, r#"{"service":"api","n":2}"#]).await;
    assert_eq!(heard.await.expect("heard"), [r#"{"service":"api"}"#, r#"{"service":"api","n":2}"#]);
}

#[tokio::test]
async fn a_sorted_set_goes_by_its_scores() {
    let more = "key = 'slow'\ndata_type = 'sorted_set'\nsorted_set.score = 'ms'\nttl = '1h'";
    let server = Server::start();
    let rejected = write(&server, more, &[r#"{"ms":20}"#, r#"{"ms":"fast"}"#, r#"{"ms":1.5}"#, r#"{"ms":20}"#]).await;
    assert_eq!(rejected, [r#"{"ms":"fast"}: the score `ms` is no number"#]);
    assert_eq!(server.ask(&["ZRANGE", "slow", "0", "-1", "WITHSCORES"]), r#"{"ms":1.5} 1.5 {"ms":20} 20"#);
    assert_ne!(server.ask(&["TTL", "slow"]), "-1");
    let server = written("key = 'by_time'\ndata_type = 'sorted_set'", &["{}"]).await;
    assert_eq!(server.ask(&["ZRANGE", "by_time", "0", "-1", "WITHSCORES"]), "{} 1795442590");
}

#[tokio::test]
async fn a_hash_has_the_newest_of_each_field() {
    let more = "key = 'service:{{ service }}'\ndata_type = 'hash'\nttl = '1h'
        hash.set = { rate = '{{ rate }}', mean = '{{ mean }} ms', constant = 'x' }";
    let events =
        [r#"{"service":"api","rate":12.5,"mean":7}"#, r#"{"service":"web","rate":1}"#, r#"{"service":"api","rate":3}"#];
    let server = written(more, &events).await;
    assert_eq!(server.ask(&["HMGET", "service:api", "rate", "mean", "constant"]), "3 7 ms x");
    assert_eq!(server.ask(&["HGETALL", "service:web"]), "rate 1 constant x");
    assert_ne!(server.ask(&["TTL", "service:api"]), "-1");
    let more = "key = 'only'\ndata_type = 'hash'\nhash.set.a = '{{ a }}'";
    let rejected = write(&server, more, &["{}", r#"{"a":1}"#]).await;
    assert_eq!(rejected, ["{}: the event has no field that `hash.set` asks for"]);
}

#[tokio::test]
async fn a_database_and_a_socket() {
    let server = Server::with(&["--unixsocket", "DIR/redis.sock"]);
    let endpoint = format!("unix://{}", server.path("redis.sock").display());
    let sink = sink(&endpoint, "key = 'list'\ndb = 3").await;
    sink.probe().await.expect("it answers");
    deliver(&sink, &batch(&settings(&endpoint, "key = 'list'"), ["{}"])).await;
    assert_eq!(server.ask(&["LLEN", "list"]), "0");
    assert!(server.ask(&["INFO", "keyspace"]).contains("db3:keys=1"));
}

#[tokio::test]
async fn another_type_of_data_is_a_reason_to_reject() {
    let server = Server::start();
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    server.ask(&["SET", "key:b", "text"]);
    for more in [
        "list.max_length = 5",
        "data_type = 'hash'\nhash.set.x = '{{ k }}'",
        "data_type = 'hash'\nhash.add.x = { fn = 'count' }",
        "data_type = 'stream'",
        "data_type = 'sorted_set'\nttl = '1h'",
    ] {
        server.ask(&["DEL", "key:a", "key:c"]);
        let events = [r#"{"k":"a"}"#, r#"{"k":"b"}"#, r#"{"k":"c"}"#, r#"{"k":"b"}"#];
        let rejected = write(&server, &format!("key = 'key:{{{{ k }}}}'\n{more}"), &events).await;
        let reason = format!(r#"{{"k":"b"}}: {wrong}"#);
        assert_eq!(rejected, [reason.as_str(); 2], "{more}");
        let others = if more.contains("hash.add") { "0" } else { "2" };
        assert_eq!(server.ask(&["EXISTS", "key:a", "key:c"]), others, "{more}");
    }
}

#[tokio::test]
async fn thousands_of_events_in_one_batch() {
    let events = numbered(0..5000);
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    for (more, size) in [("data_type = 'list'", "LLEN"), ("data_type = 'stream'", "XLEN")] {
        let server = written(&format!("key = 'key'\n{more}"), &events).await;
        assert_eq!(server.ask(&[size, "key"]), "5000");
    }
    let server = written("key = 'key:{{ n }}'\ndata_type = 'string'\nrequest.timeout = '30s'", &events).await;
    assert_eq!(server.ask(&["DBSIZE"]), "5000");
}
