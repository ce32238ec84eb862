//! What may happen to a Redis: every event is kept, the reason is told, and it goes on when that is over.

use std::time::Duration;

use logd_redis::Redis;
use logd_sdk::Health;
use logd_sdk::sink::Sink;
use tokio::time::Instant;

use crate::support::{DEADLINE, Proxy, Server, batch, deliver, settings, sink, sink_of};

const LIST: &str = "key = 'list'\nlist.max_length = 1000";
const COUNTER: &str = "key = 'counts'\ndata_type = 'hash'\nhash.add.total = { fn = 'count' }";

/// Makes one attempt that must fail as a whole, for this reason, and without rejecting anything.
async fn fails(sink: &Redis, more: &str, reason: &str) {
    let attempt = sink.deliver(&batch(&settings("redis://a", more), ["{}", "{}"])).await;
    assert_eq!((attempt.retry, attempt.reject), (vec![0, 1], vec![]));
    let error = attempt.error.expect("a reason");
    assert!(error.contains(reason), "{error}");
}

/// Delivers two events.
async fn works(sink: &Redis, more: &str) {
    assert_eq!(deliver(sink, &batch(&settings("redis://a", more), ["{}", "{}"])).await.0, [""; 0]);
}

/// What the list has come to.
fn length(server: &Server) -> String {
    server.ask(&["LLEN", "list"])
}

#[tokio::test]
async fn a_wrong_password() {
    let mut server = Server::with(&["--requirepass", "right"]);
    let none = sink(&server.endpoint(), LIST).await;
    let wrong = sink(&server.endpoint(), &format!("password = 'wrong'\n{LIST}")).await;
    let empty = sink(&server.endpoint(), &format!("username = 'logd'\npassword = ''\n{LIST}")).await;
    fails(&none, LIST, "NOAUTH").await;
    fails(&empty, LIST, "NOAUTH").await;
    fails(&wrong, LIST, "no connection to Redis").await;
    wrong.probe().await.expect_err("refused");
    server.ask(&["CONFIG", "SET", "requirepass", "wrong"]);
    server.say("wrong");
    works(&wrong, LIST).await;
    assert_eq!(length(&server), "2");
}

#[tokio::test]
async fn a_password_that_changes_under_way() {
    let mut server = Server::with(&["--requirepass", "old"]);
    let sink = sink(&server.endpoint(), &format!("password = 'old'\n{LIST}")).await;
    works(&sink, LIST).await;
    server.ask(&["CONFIG", "SET", "requirepass", "new"]);
    server.say("new");
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    fails(&sink, LIST, "Redis").await;
    fails(&sink, LIST, "no connection to Redis").await;
    server.ask(&["CONFIG", "SET", "requirepass", "old"]);
    server.say("old");
    works(&sink, LIST).await;
    assert_eq!(length(&server), "4");
}

#[tokio::test]
async fn a_user_without_a_permission() {
    let server = Server::start();
    server.ask(&["ACL", "SETUSER", "logd", "on", ">secret", "~*", "+@all", "-ltrim"]);
    let sink = sink(&server.endpoint(), &format!("username = 'logd'\npassword = 'secret'\n{LIST}")).await;
    for _ in 0..3 {
        fails(&sink, LIST, "NOPERM").await;
    }
    server.ask(&["ACL", "SETUSER", "logd", "+ltrim"]);
    works(&sink, LIST).await;
    assert_eq!(length(&server), "2", "what was refused as a whole was not done in parts");
}

#[tokio::test]
async fn no_memory_is_left() {
    let server = Server::start();
    let (list, counter) = (sink(&server.endpoint(), LIST).await, sink(&server.endpoint(), COUNTER).await);
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    fails(&list, LIST, "OOM command not allowed").await;
    works(&counter, COUNTER).await;
    let kept = counter.sync().await.expect("sealed").expect("kept");
    for _ in 0..3 {
        let error = format!("{:#}", counter.commit(&kept).await.expect_err("no memory"));
        assert!(error.contains("OOM"), "{error}");
    }
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    works(&list, LIST).await;
    counter.commit(&kept).await.expect("applied");
    assert_eq!((length(&server), server.ask(&["HGET", "counts", "total"])), ("2".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn a_replica_that_is_read_only() {
    let server = Server::start();
    let (list, counter) = (sink(&server.endpoint(), LIST).await, sink(&server.endpoint(), COUNTER).await);
    works(&counter, COUNTER).await;
    let kept = counter.sync().await.expect("sealed").expect("kept");
    // Of a master that is not there.
    server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    fails(&list, LIST, "READONLY").await;
    let error = format!("{:#}", counter.commit(&kept).await.expect_err("read only"));
    assert!(error.contains("READONLY") || error.contains("read only"), "{error}");
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    works(&list, LIST).await;
    counter.commit(&kept).await.expect("applied");
    assert_eq!((length(&server), server.ask(&["HGET", "counts", "total"])), ("2".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn a_peer_that_is_gone_without_a_word() {
    let server = Server::start();
    let proxy = Proxy::start(server.port, true).await;
    let sink = sink(&proxy.endpoint(), LIST).await;
    works(&sink, LIST).await;
    proxy.limit(0);
    let start = Instant::now();
    // On the connection that there was, and on a new one.
    fails(&sink, LIST, "Redis did not answer within 1s").await;
    fails(&sink, LIST, "Redis did not answer within 1s").await;
    assert!(start.elapsed() < DEADLINE);
    proxy.heal();
    works(&sink, LIST).await;
    assert_eq!(length(&server), "4");
}

#[tokio::test]
async fn an_attempt_that_is_cancelled_leaves_no_answers_behind() {
    let server = Server::start();
    let sink = sink(&server.endpoint(), "key = 'key:{{ n }}'\ndata_type = 'string'\nrequest.timeout = '30s'").await;
    let settings = settings("redis://a", "key = 'key:{{ n }}'\ndata_type = 'string'");
    for round in 0..20 {
        let numbers = (0..2000).map(|n| format!(r#"{{"n":{n},"round":{round}}}"#));
        let numbers = batch(&settings, numbers);
        // Somewhere in the middle, each time a little later; a whole one takes longer or not.
        let _ = tokio::time::timeout(Duration::from_micros(300 * round), sink.deliver(&numbers)).await;
        assert_eq!(deliver(&sink, &numbers).await.0, [""; 0]);
        assert_eq!(server.ask(&["GET", "key:1999"]), format!(r#"{{"n":1999,"round":{round}}}"#));
    }
    assert_eq!(server.ask(&["DBSIZE"]), "2000");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_over_and_over() {
    let mut server = Server::start();
    let sink = sink(&server.endpoint(), "key = 'list'\nrequest.timeout = '2s'").await;
    let written = tokio::spawn(async move {
        let settings = settings("redis://a", "key = 'list'");
        let mut failures = 0;
        for n in 0..600 {
            let (rejected, errors) = deliver(&sink, &batch(&settings, [format!(r#"{{"n":{n}}}"#)])).await;
            assert_eq!(rejected, [""; 0]);
            failures += errors.len();
        }
        failures
    });
    let mut kills = 0;
    while kills < 10 && !written.is_finished() {
        let before = length(&server);
        let deadline = Instant::now() + DEADLINE;
        while !written.is_finished() && length(&server) == before {
            assert!(Instant::now() < deadline, "nothing comes after {kills} kills");
        }
        server.kill();
        tokio::time::sleep(Duration::from_millis(30)).await;
        server.start_again();
        kills += 1;
    }
    let failures = written.await.expect("written");
    let list = server.ask(&["LRANGE", "list", "0", "-1"]);
    let lost: Vec<_> = (0..600).filter(|n| !list.contains(&format!(r#"{{"n":{n}}}"#))).collect();
    assert_eq!(lost, [0; 0], "after {kills} kills");
    assert!(kills > 3 && failures > 0, "{kills} kills, {failures} failures");
}

#[tokio::test]
async fn redis_is_not_there_yet() {
    let mut server = Server::start();
    server.kill();
    let health = Health::default();
    // Building asks nothing of Redis.
    let counter = sink_of(&settings(&server.endpoint(), COUNTER), "lineage", &health).await;
    fails(&counter, COUNTER, "no connection to Redis").await;
    let error = format!("{:#}", counter.probe().await.expect_err("not there"));
    assert!(error.contains("no connection to Redis"), "{error}");
    server.start_again();
    counter.probe().await.expect("there");
    works(&counter, COUNTER).await;
}
