//! Counters count each event once, wherever logd or the network to Redis dies.

use logd_sdk::Health;
use logd_sdk::sink::Sink;

use crate::support::logd::{BATCH, EVENTS, Logd, STEPS, Step, event, expected, totals};
use crate::support::{Proxy, Server, batch, deliver, settings, sink_of};

#[tokio::test]
async fn a_run_that_nothing_disturbs() {
    let server = Server::start();
    let mut logd = Logd::start(&server.endpoint(), "first").await;
    logd.finish().await;
    assert_eq!(totals(&server), expected());
    assert_eq!(server.ask(&["HGET", "service:api", "logd:first:test/counters"]), "1");
    assert_eq!(logd.health.reason(), None);
}

#[tokio::test]
async fn logd_dies_behind_every_step() {
    let server = Server::start();
    // Behind one step, and behind a second one of the next life.
    for first in 1..=2 * STEPS.len() {
        for second in [0, 1, 3, 4] {
            server.ask(&["FLUSHALL"]);
            let mut logd = Logd::start(&server.endpoint(), "first").await;
            let mut sealed = None;
            for deaths in [first, second] {
                for step in STEPS.iter().cycle().take(deaths) {
                    logd.step(*step, &mut sealed).await;
                }
                logd.restart().await;
            }
            logd.finish().await;
            assert_eq!(totals(&server), expected(), "dead behind {first} and {second} steps");
        }
    }
}

#[tokio::test]
async fn another_takes_over_behind_every_step_and_logd_dies_behind_another() {
    let server = Server::start();
    for replaced in 1..=2 * STEPS.len() {
        for death in [0, 1, 3, 4, 5] {
            server.ask(&["FLUSHALL"]);
            let mut logd = Logd::start(&server.endpoint(), "first").await;
            let mut sealed = None;
            for step in STEPS.iter().cycle().take(replaced) {
                logd.step(*step, &mut sealed).await;
            }
            logd.replace().await;
            for step in STEPS.iter().cycle().skip(replaced).take(death) {
                logd.step(*step, &mut sealed).await;
            }
            if death > 0 {
                logd.restart().await;
            }
            logd.finish().await;
            assert_eq!(totals(&server), expected(), "replaced behind {replaced} steps, dead {death} behind that");
        }
    }
}

#[tokio::test]
async fn a_commit_breaks_off_at_any_byte() {
    let server = Server::start();
    let proxy = Proxy::start(server.port, false).await;
    let (mut bytes, mut broken) = (0, 0);
    loop {
        server.ask(&["FLUSHALL"]);
        server.ask(&["SCRIPT", "FLUSH"]);
        proxy.heal();
        let mut logd = Logd::start(&proxy.endpoint(), "first").await;
        let mut sealed = None;
        for step in &STEPS[..4] {
            logd.step(*step, &mut sealed).await;
        }
        proxy.limit(bytes);
        let committed = logd.sink.commit(logd.durable.1.as_ref().expect("kept")).await;
        let done = committed.is_ok() && !proxy.broke();
        broken += usize::from(!done);
        if bytes % 2 == 0 {
            // Redis is away at the start as well, and what was kept waits.
            logd.restart().await;
            assert_eq!(logd.health.reason().is_some(), !done);
        }
        proxy.heal();
        logd.finish().await;
        assert_eq!(totals(&server), expected(), "cut off after {bytes} bytes");
        assert_eq!(logd.health.reason(), None);
        if done {
            break;
        }
        bytes += 151;
    }
    assert!(broken > 10, "only {broken} commits were cut off");
}

#[tokio::test]
async fn redis_is_away_at_the_start_and_comes_later() {
    let mut server = Server::start();
    let mut logd = Logd::start(&server.endpoint(), "first").await;
    let mut sealed = None;
    for step in &STEPS[..4] {
        logd.step(*step, &mut sealed).await;
    }
    server.kill();
    logd.restart().await;
    let reason = logd.health.reason().expect("ill");
    assert!(reason.contains("no connection to Redis"), "{reason}");
    server.start_again();
    logd.finish().await;
    assert_eq!(totals(&server), expected());
    assert_eq!(logd.health.reason(), None);
}

#[tokio::test]
async fn two_epochs_wait_and_are_applied_in_their_order() {
    let server = Server::start();
    let mut logd = Logd::start(&server.endpoint(), "first").await;
    let mut sealed = None;
    // A stop overtakes an epoch: two are sealed before one is durable.
    for step in [Step::Deliver, Step::Sync, Step::Deliver, Step::Sync, Step::Durable] {
        logd.step(step, &mut sealed).await;
    }
    logd.restart().await;
    logd.finish().await;
    assert_eq!(totals(&server), expected());
    assert_eq!(server.ask(&["HGET", "service:api", "logd:first:test/counters"]), "3");
}

#[tokio::test]
async fn an_epoch_without_events_asks_nothing_of_redis() {
    let mut server = Server::start();
    let mut logd = Logd::start(&server.endpoint(), "first").await;
    server.kill();
    let mut sealed = None;
    for step in &STEPS[2..] {
        logd.step(*step, &mut sealed).await;
    }
    assert_eq!(logd.health.reason(), None);
}

#[tokio::test]
async fn a_new_lineage_counts_on_top_and_takes_no_epoch_of_another() {
    let server = Server::start();
    let mut first = Logd::start(&server.endpoint(), "first").await;
    first.finish().await;
    // The state was thrown away: the source is read again, and every event counts again.
    let mut second = Logd::start(&server.endpoint(), "second").await;
    second.finish().await;
    assert_eq!(server.ask(&["HGET", "service:api", "total_logs"]), "40");
    // And the first, if it comes back, still knows what it has applied.
    first.restart().await;
    first.finish().await;
    assert_eq!(server.ask(&["HGET", "service:api", "total_logs"]), "40");
    let marks = ["first", "second"].map(|lineage| format!("logd:{lineage}:test/counters"));
    assert_eq!(server.ask(&["HMGET", "service:api", &marks[0], &marks[1]]), "1 1");
}

#[tokio::test]
async fn a_state_that_was_put_back_does_not_lose_what_comes() {
    let server = Server::start();
    let mut logd = Logd::start(&server.endpoint(), "first").await;
    let mut sealed = None;
    let backup = logd.durable.clone();
    for step in STEPS.iter().cycle().take(2 * STEPS.len()) {
        logd.step(*step, &mut sealed).await;
    }
    logd.durable = backup;
    logd.restart().await;
    logd.finish().await;
    let twice = 4 * BATCH;
    let total: usize = ["api", "web", "auth"]
        .map(|service| {
            server.ask(&["HGET", &format!("service:{service}"), "total_logs"]).parse::<usize>().expect("a number")
        })
        .iter()
        .sum();
    assert_eq!(total, EVENTS + twice, "what was read again counts again, and nothing is missing");
}

#[tokio::test]
async fn numbers_of_all_kinds_add_up() {
    let server = Server::start();
    let more = "key = 'sums'\ndata_type = 'hash'\nttl = '1h'\nhash.add.sum = { fn = 'sum', field = 'x' }";
    let settings = settings(&server.endpoint(), more);
    let sink = sink_of(&settings, "first", &Health::default()).await;
    server.ask(&["HSET", "sums", "sum", "1"]);
    for (events, expected) in [
        (&[r#"{"x":2}"#, r#"{"x":-5}"#, r#"{"x":"text"}"#, "{}"][..], "-2"),
        (&[r#"{"x":0.25}"#], "-1.75"),
        (&[r#"{"x":1}"#], "-0.75"),
        (&[r#"{"x":0.75}"#], "0"),
        (&[r#"{"x":9000000000000000000}"#], "9000000000000000000"),
        (&[r#"{"x":9000000000000000000}"#], "18000000000000000000"),
        (&[r#"{"x":1}"#], "18000000000000000001"),
    ] {
        assert_eq!(deliver(&sink, &batch(&settings, events)).await.0, [""; 0]);
        let kept = sink.sync().await.expect("sealed").expect("kept");
        sink.commit(&kept).await.expect("applied");
        assert_eq!(server.ask(&["HGET", "sums", "sum"]), expected);
        assert_ne!(server.ask(&["TTL", "sums"]), "-1");
    }
    // Somebody else has written something there.
    server.ask(&["HSET", "sums", "sum", "many"]);
    let (rejected, _) = deliver(&sink, &batch(&settings, [r#"{"x":1}"#])).await;
    assert_eq!(rejected, [r#"{"x":1}: the field `sum` of the hash is no number"#]);
}

#[tokio::test]
async fn what_can_not_be_applied_waits_whole() {
    let server = Server::start();
    let mut logd = Logd::start(&server.endpoint(), "first").await;
    let mut sealed = None;
    for step in &STEPS[..4] {
        logd.step(*step, &mut sealed).await;
    }
    // Between the look and the commit somebody has written something else.
    server.ask(&["HSET", "service:web", "bytes", "many"]);
    let kept = logd.durable.1.clone().expect("kept");
    for _ in 0..3 {
        let error = format!("{:#}", logd.sink.commit(&kept).await.expect_err("no number"));
        assert!(error.contains("`service:web`") && error.contains("the field bytes is no number"), "{error}");
        assert_eq!(server.ask(&["HGET", "service:web", "total_logs"]), "nil");
    }
    server.ask(&["HDEL", "service:web", "bytes"]);
    logd.step(Step::Commit, &mut sealed).await;
    logd.finish().await;
    assert_eq!(totals(&server), expected());
}

#[tokio::test]
async fn many_keys_are_applied_in_several_round_trips() {
    let server = Server::start();
    let more = "key = 'user:{{ n }}'\ndata_type = 'hash'\nhash.add.n = { fn = 'count' }\nrequest.timeout = '30s'";
    let settings = settings(&server.endpoint(), more);
    let sink = sink_of(&settings, "first", &Health::default()).await;
    deliver(&sink, &batch(&settings, (0..3000).map(event))).await;
    let kept = sink.sync().await.expect("sealed").expect("kept");
    sink.commit(&kept).await.expect("applied");
    assert_eq!(server.ask(&["DBSIZE"]), "3000");
    sink.commit(&kept).await.expect("nothing is left to do");
    let again = sink_of(&settings, "first", &Health::default()).await;
    again.restore(&kept).await.expect("restored");
    assert_eq!(server.ask(&["HGET", "user:2999", "n"]), "1");
}
