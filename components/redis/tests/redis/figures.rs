//! What several daemons have counted, read back: totals and services, and nothing of what somebody may not see.

use std::collections::BTreeSet;
use std::sync::Arc;

use logd_redis::FiguresSettings;
use logd_sdk::Health;
use logd_sdk::shared_stores::{Error, Service, SharedFigures, Totals};
use logd_sdk::sink::Sink;

use crate::support::{NOW, Server, batch, deliver, settings, sink_of};

fn reader(endpoint: &str, more: &str) -> Arc<dyn SharedFigures> {
    let settings: FiguresSettings =
        toml::from_str(&format!("from = 'redis'\nendpoint = '{endpoint}'\n{more}")).expect("settings");
    settings.open().expect("opened").expect("not the archive")
}

fn reason(error: Error) -> String {
    let Error::Away { reason, .. } = error else { panic!("{error:?}") };
    reason
}

fn names(services: &[Service]) -> Vec<&str> {
    services.iter().map(|service| service.name.as_str()).collect()
}

/// Counts as a daemon with the classic keys does.
async fn count(server: &Server, lineage: &str, events: &[&str]) {
    for more in [
        "key = 'metrics'\nhash.set.last_batch_time = '{{ timestamp }}'",
        "key = 'service:{{ service }}'\nhash.set.avg_response_time = '{{ ms }}'",
    ] {
        let more = format!(
            "{more}\ndata_type = 'hash'\nhash.add.total_logs = {{ fn = 'count' }}\n\
             hash.add.error_logs = {{ fn = 'count', where = 'level=ERROR' }}"
        );
        let settings = settings(&server.endpoint(), &more);
        let sink = sink_of(&settings, lineage, &Health::default()).await;
        assert_eq!(deliver(&sink, &batch(&settings, events)).await.0, [""; 0]);
        let kept = sink.sync().await.expect("sealed").expect("kept");
        sink.commit(&kept).await.expect("applied");
    }
}

#[tokio::test]
async fn two_daemons_are_one_picture() {
    let server = Server::start();
    let reader = reader(&server.endpoint(), "");
    let nothing = reader.totals(None).await.expect("an answer");
    assert_eq!(nothing, Totals { anomalies: Some(0), ..Totals::default() });
    assert_eq!(reader.services(None).await.expect("an answer"), []);

    let time = NOW.to_string();
    let log = |service: &str, level: &str, ms: f64| {
        format!(r#"{{"timestamp":"{time}","service":"{service}","level":"{level}","ms":{ms}}}"#)
    };
    let first = [log("api", "INFO", 10.0), log("api", "ERROR", 12.5)];
    let second = [log("api", "INFO", 20.25), log("web api", "ERROR", 7.0), log("größe", "INFO", 1.0)];
    count(&server, "first", &first.each_ref().map(String::as_str)).await;
    count(&server, "second", &second.each_ref().map(String::as_str)).await;
    server.ask(&["HINCRBY", "metrics", "anomalies_detected", "3"]);
    // What others keep under such keys.
    server.ask(&["SET", "service:text", "x"]);
    server.ask(&["HSET", "service:other", "something", "1"]);
    server.ask(&["HSET", "services", "total_logs", "1000"]);

    let totals = reader.totals(None).await.expect("an answer");
    assert_eq!(totals, Totals { logs: 5, errors: 2, anomalies: Some(3), last_update: Some(NOW) });
    let services = reader.services(None).await.expect("an answer");
    assert_eq!(names(&services), ["api", "größe", "web api"]);
    let api = Service { name: "api".to_owned(), logs: 3, errors: 1, avg_response_time: Some(20.25) };
    assert_eq!(services[0], api);

    let allowed = BTreeSet::from(["api", "web", "text", "*", "a*"].map(str::to_owned));
    assert_eq!(reader.services(Some(&allowed)).await.expect("an answer"), [api]);
    let totals = reader.totals(Some(&allowed)).await.expect("an answer");
    assert_eq!(totals, Totals { logs: 3, errors: 1, anomalies: None, last_update: None });
    assert_eq!(reader.services(Some(&BTreeSet::new())).await.expect("an answer"), []);
}

#[tokio::test]
async fn no_answer_is_too_long() {
    let server = Server::start();
    let script = "for i = 1, 12000 do redis.call('HSET', 'service:' .. i, 'total_logs', i) end return 'OK'";
    server.ask(&["EVAL", script, "0"]);
    let reader = reader(&server.endpoint(), "");
    let services = reader.services(None).await.expect("an answer");
    assert_eq!(services.len(), 10_000);
    assert!(services.iter().all(|service| service.name.parse() == Ok(service.logs)));
}

#[tokio::test]
async fn a_database_and_a_password_are_those_of_the_settings() {
    let server = Server::with(&["--requirepass", "right"]);
    let right = reader(&server.endpoint(), "password = 'right'\ndb = 2");
    right.totals(None).await.expect("an answer");
    for more in ["", "password = 'canary-5f2c'"] {
        let reason = reason(reader(&server.endpoint(), more).totals(None).await.expect_err("refused"));
        assert!(reason.starts_with("Redis: ") && !reason.contains("canary"), "{reason}");
    }
}

#[tokio::test]
async fn one_that_is_gone_is_away_and_comes_back() {
    let mut server = Server::start();
    let reader = reader(&server.endpoint(), "");
    server.ask(&["HSET", "metrics", "total_logs", "7"]);
    assert_eq!(reader.totals(None).await.expect("an answer").logs, 7);
    server.kill();
    for _ in 0..2 {
        let reason = reason(reader.totals(None).await.expect_err("it is dead"));
        assert!(reason.contains("Redis"), "{reason}");
    }
    server.start_again();
    assert_eq!(reader.totals(None).await.expect("an answer").logs, 7);
    server.ask(&["SET", "metrics", "text"]);
    let error = reader.totals(None).await.expect_err("no hash");
    assert!(matches!(&error, Error::Failed(why) if why.to_string().contains("`metrics`")), "{error:?}");
}
