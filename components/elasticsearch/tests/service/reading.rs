//! What daemons have written is read back: pages, searches, counts, and nothing of what somebody may not see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use elasticsearch::http::Method;
use logd_elasticsearch::LogsSettings;
use logd_sdk::Time;
use logd_sdk::shared_stores::{Error, Log, LogQuery, SharedLogs};
use serde_json::Value;

use crate::support::{NOW, Service, events};

/// So many logs of each service are written: one a millisecond of each, so that there are two of each time.
const EACH: usize = 30;

fn reader(service: &Service, index: &str, more: &str) -> Arc<dyn SharedLogs> {
    let text = format!("from = 'elasticsearch'\nendpoints = ['{}']\nindex = '{index}'\n{more}", service.endpoint());
    let settings: LogsSettings = toml::from_str(&text).unwrap();
    settings.open().unwrap().unwrap()
}

fn log(service: &str, number: usize) -> String {
    let level = ["INFO", "INFO", "ERROR"][number % 3];
    let words = ["order placed", "order \\\"x\\\" refused by bank", "payment of order lost: secret"][number % 3];
    format!(
        r#"{{"timestamp":"2026-11-23T14:03:10.{number:03}Z","service":"{service}","level":"{level}","message":"{words} {number}","user_id":"user_{number}","n":{number}}}"#
    )
}

/// Writes logs of two services, each by a sink of its own, as two daemons would.
async fn write(service: &Service, index: &str, more: &str) {
    for name in ["api", "web api"] {
        let sink = service.sink(&format!("bulk.index = '{index}'\n{more}")).await;
        let batch = events(&format!("{name}/in"), NOW, (0..EACH).map(|number| log(name, number)));
        assert_eq!(sink.deliver(&batch).await.0, []);
    }
    service.ask(Method::Post, &format!("{index}/_refresh")).await;
}

/// All logs that a query finds, by pages of `limit`, and how many pages these were.
async fn all(reader: &Arc<dyn SharedLogs>, query: LogQuery<'_>, limit: usize) -> (Vec<Log>, usize) {
    let (mut logs, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = reader.page(query, limit, cursor.as_deref()).await.unwrap();
        assert!(page.logs.len() <= limit);
        logs.extend(page.logs);
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            return (logs, pages);
        }
    }
}

/// The services of logs, and how many each has.
fn services(logs: &[Log]) -> BTreeMap<&str, usize> {
    logs.iter().fold(BTreeMap::new(), |mut services, log| {
        *services.entry(log.service.as_str()).or_default() += 1;
        services
    })
}

pub(crate) async fn pages_have_each_log_once_and_the_newest_first(service: &Service) {
    write(service, "g-one", "template.name = 'g-one'").await;
    // An index for each daemon, with guessed types: their documents have the same times and the same numbers.
    for name in ["api", "web api"] {
        let sink = service.sink(&format!("bulk.index = 'g-two-{}'", name.replace(' ', "-"))).await;
        sink.deliver(&events(&format!("{name}/in"), NOW, (0..EACH).map(|number| log(name, number)))).await;
    }
    service.ask(Method::Post, "g-two-*/_refresh").await;
    for index in ["g-one", "g-two-*"] {
        let reader = reader(service, index, "");
        for limit in [1, 7, 59, 60, 1000] {
            let (logs, pages) = all(&reader, LogQuery::default(), limit).await;
            let ids: BTreeSet<&str> = logs.iter().map(|log| log.id.as_str()).collect();
            assert_eq!((logs.len(), ids.len()), (2 * EACH, 2 * EACH), "{index} by {limit}");
            assert_eq!(pages, (2 * EACH).div_ceil(limit), "{index} by {limit}");
            assert!(logs.is_sorted_by(|one, next| one.time >= next.time), "{index} by {limit}");
        }
    }
}

pub(crate) async fn a_log_comes_back_as_it_was_written(service: &Service) {
    let reader = reader(service, "g-one", "");
    let page = reader.page(LogQuery { service: Some("web api"), ..LogQuery::default() }, 1, None).await.unwrap();
    let [newest] = page.logs.as_slice() else { panic!("one log") };
    let (number, written) = (EACH - 1, log("web api", EACH - 1));
    assert_eq!(newest.event, serde_json::from_str::<Value>(&written).unwrap());
    assert_eq!(newest.time.to_string(), format!("2026-11-23T14:03:10.{number:03}Z"));
    assert_eq!((newest.service.as_str(), newest.level.as_str()), ("web api", "ERROR"));
    assert_eq!(newest.message, format!("payment of order lost: secret {number}"));
    assert_eq!(newest.highlights, []);
}

pub(crate) async fn filters_and_searches_find_what_they_say(service: &Service) {
    let at = |millis: i64| Some(Time::from_micros(NOW.as_micros() + millis * 1000));
    for index in ["g-one", "g-two-*"] {
        let reader = reader(service, index, "");
        let count = async |query: LogQuery<'_>| all(&reader, query, 1000).await.0.len();
        let plain = LogQuery::default();
        assert_eq!(count(LogQuery { service: Some("api"), ..plain }).await, EACH, "{index}");
        assert_eq!(count(LogQuery { service: Some("API"), ..plain }).await, 0, "{index}");
        assert_eq!(count(LogQuery { level: Some("error"), ..plain }).await, 2 * EACH / 3, "{index}");
        assert_eq!(count(LogQuery { from: at(10), to: at(12), ..plain }).await, 4, "{index}");
        assert_eq!(count(LogQuery { from: Some(Time::MIN), to: Some(Time::MIN), ..plain }).await, 0, "{index}");
        for (text, expected) in [
            ("order", 2 * EACH),
            ("order placed", 2 * EACH / 3),
            ("\"refused by bank\"", 2 * EACH / 3),
            ("\"bank refused\"", 0),
            ("refused OR lost", 4 * EACH / 3),
            ("order NOT lost", 4 * EACH / 3),
            ("plac*", 2 * EACH / 3),
            ("user_id:user_7", 2),
            ("n:[5 TO 6]", 4),
            ("n:fast", 0),
            ("no_such_field:x", 0),
        ] {
            assert_eq!(count(LogQuery { text: Some(text), ..plain }).await, expected, "{index}: {text}");
        }
        let page = reader.page(LogQuery { text: Some("refused"), ..plain }, 1, None).await.unwrap();
        let pieces = page.logs[0].highlights.iter().map(|piece| (piece.text.as_str(), piece.marked));
        let number = page.logs[0].event["n"].as_u64().unwrap();
        let rest = format!(" by bank {number}");
        assert_eq!(pieces.collect::<Vec<_>>(), [("order \"x\" ", false), ("refused", true), (rest.as_str(), false)]);
    }
}

pub(crate) async fn a_bad_query_is_told_from_a_fault(service: &Service) {
    let reader = reader(service, "g-one", "");
    for text in ["(order", "\"order", "order AND", "*rder", "?rder", "[a TO", "message:[1 TO", "a AND OR b"] {
        let answer = reader.page(LogQuery { text: Some(text), ..LogQuery::default() }, 10, None).await;
        let Err(Error::Query(reason)) = &answer else { panic!("{text}: {answer:?}") };
        assert!(!reason.is_empty() && !reason.contains('\n') && !reason.contains("g-one"), "{text}: {reason}");
    }
    // Pieces of the grammar in all orders, as a careless or a bad user writes them.
    let pieces = ["(", "\"", "*", "~", ":", "[", "TO", "-", "/", "\\", "a", "é", "9", "{", "}", "^", "&&", "_exists_:"];
    for first in pieces {
        for second in pieces {
            let text = format!("order {first}{second}");
            let answer = reader.page(LogQuery { text: Some(&text), ..LogQuery::default() }, 1, None).await;
            assert!(matches!(answer, Ok(_) | Err(Error::Query(_))), "{text}: {answer:?}");
        }
    }
}

pub(crate) async fn nobody_sees_more_than_they_may(service: &Service) {
    for index in ["g-one", "g-two-*"] {
        let reader = reader(service, index, "");
        let allowed = BTreeSet::from(["api".to_owned()]);
        let plain = LogQuery { allowed: Some(&allowed), ..LogQuery::default() };
        for text in [
            None,
            Some("*"),
            Some("*:*"),
            Some("order"),
            Some("service:web*"),
            Some("service:\"web api\" OR order"),
            Some("order) OR (service:web"),
            Some("order\"}}]}},\"query\":{\"match_all\":{}}"),
            Some("_index:g* OR _exists_:service"),
            Some("NOT service:api"),
            Some("message:(order OR secret)"),
        ] {
            let query = LogQuery { text, ..plain };
            let found = match reader.page(query, 1000, None).await {
                Ok(page) => page.logs,
                Err(Error::Query(_)) => continue,
                Err(error) => panic!("{text:?}: {error:?}"),
            };
            assert!(services(&found).keys().all(|name| *name == "api"), "{index}: {text:?}");
            let range = (NOW, Time::from_micros(NOW.as_micros() + 1_000_000));
            let counts = reader.counts(query, range, Duration::from_secs(1), &["ERROR"]).await.unwrap();
            assert!(counts.total[0] <= EACH as u64, "{index}: {text:?}");
        }
        assert_eq!(services(&all(&reader, plain, 7).await.0), BTreeMap::from([("api", EACH)]));
        // A service whose name has a word in it that is another's, and one that is not theirs.
        for other in ["web api", "web", "secret"] {
            let query = LogQuery { service: Some(other), ..plain };
            assert_eq!(reader.page(query, 10, None).await.unwrap().logs, [], "{index}: {other}");
        }
    }
}

pub(crate) async fn counts_have_their_errors(service: &Service) {
    let reader = reader(service, "g-one", "");
    let second = |seconds: i64| Time::from_micros(NOW.as_micros() + seconds * 1_000_000);
    let counts = async |query: LogQuery<'_>, from, to, step| {
        reader.counts(query, (from, to), Duration::from_secs(step), &["CRITICAL", "error"]).await.unwrap()
    };
    let found = counts(LogQuery::default(), second(-2), second(3), 1).await;
    let (all, errors) = (2 * EACH as u64, 2 * EACH as u64 / 3);
    assert_eq!((found.total, found.errors), (vec![0, 0, all, 0, 0], vec![0, 0, errors, 0, 0]));
    assert_eq!(found.times[2], NOW);
    let found = counts(LogQuery { text: Some("refused"), ..LogQuery::default() }, second(-2), second(3), 10).await;
    assert_eq!((found.total.iter().sum::<u64>(), found.errors.iter().sum::<u64>()), (all / 3, 0));
    let years = counts(LogQuery::default(), Time::EPOCH, second(0), 1).await;
    assert!(years.total.len() <= 1001 && years.step > Duration::from_secs(1_000_000), "{:?}", years.step);
}

pub(crate) async fn what_is_not_there_yet_has_no_logs(service: &Service) {
    let reader = reader(service, "g-nothing,g-nothing-*", "");
    let allowed = BTreeSet::from(["api".to_owned()]);
    for query in [LogQuery::default(), LogQuery { allowed: Some(&allowed), text: Some("x"), ..LogQuery::default() }] {
        assert_eq!(reader.page(query, 10, None).await.unwrap().logs, []);
        let counts =
            reader.counts(query, (NOW, NOW.after(Duration::from_secs(2))), Duration::from_secs(1), &["x"]).await;
        assert_eq!(counts.unwrap().total, [0, 0]);
    }
}

pub(crate) async fn what_can_not_keep_services_apart_is_not_shown(service: &Service) {
    // A mapping of one's own, in which a service is words.
    service.ask_with(Method::Put, "h-text", r#"{"mappings":{"properties":{"service":{"type":"text"}}}}"#).await;
    write(service, "h-text", "").await;
    let reader = reader(service, "h-text", "");
    assert_eq!(all(&reader, LogQuery::default(), 1000).await.0.len(), 2 * EACH);
    let allowed = BTreeSet::from(["api".to_owned()]);
    let error = reader.page(LogQuery { allowed: Some(&allowed), ..LogQuery::default() }, 10, None).await.unwrap_err();
    assert!(matches!(&error, Error::Failed(why) if why.to_string().contains("of type text")), "{error:?}");
}

pub(crate) async fn a_data_stream_is_read_by_its_own_time(service: &Service) {
    let settings =
        "mode = 'data_stream'\ndata_stream = { dataset = '{{ service }}', namespace = 'test' }\ntemplate.name = 'd'";
    let sink = service.sink(settings).await;
    let logs = (0..5).map(|number| log("api", number).replace("timestamp", "@timestamp"));
    sink.deliver(&events("test/in", NOW, logs)).await;
    service.ask(Method::Post, "logs-api-test/_refresh").await;
    let reader = reader(service, "logs-api-*", "fields.timestamp = '@timestamp'");
    let (logs, pages) = all(&reader, LogQuery { service: Some("api"), ..LogQuery::default() }, 2).await;
    assert_eq!((logs.len(), pages), (5, 3));
}

pub(crate) async fn one_that_is_gone_is_away(service: &Service) {
    let reader = reader(service, "g-one", "");
    assert_eq!(reader.page(LogQuery::default(), 1, None).await.unwrap().logs.len(), 1);
    service.kill();
    let error = reader.page(LogQuery::default(), 1, None).await.unwrap_err();
    assert!(matches!(&error, Error::Away { reason, .. } if reason.contains("can't be reached")), "{error:?}");
    service.restart();
    assert_eq!(reader.page(LogQuery::default(), 1, None).await.unwrap().logs.len(), 1);
}
