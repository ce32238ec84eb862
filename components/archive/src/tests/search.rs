//! Searching logs.

use std::time::Duration;

use super::{Bench, NOW, at, bring, end_epoch, ids, log, sink};
use crate::{Archive, Error, Fragment, HistogramQuery, LogFilter, LogRecord, PageRequest, Scope};

/// An archive with some logs, in three hours.
async fn filled(bench: &Bench) -> Archive {
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    let with = |mut record: LogRecord, members: &str| {
        record.event = format!(r#"{{"message":{:?},{members}}}"#, record.message);
        record
    };
    let hours = [
        vec![
            with(log("1", "web", "INFO", "GET /cart took 12 ms", 1), r#""user_id":42,"http":{"status":200}"#),
            with(log("2", "web", "ERROR", "connection refused by db-1", 2), r#""user_id":43,"http":{"status":502}"#),
        ],
        vec![
            with(log("3", "db", "Warn", "slow query: SELECT 1", 3), r#""user_id":"ann","a.b":"c""#),
            with(log("4", "db", "error", "refused the connection", 4), r#""tags":["red","green"],"ok":false"#),
        ],
        vec![with(log("5", "auth-1", "INFO", "Größe: 12 Äpfel", 5), r#""path":"/API/v1""#)],
    ];
    for hour in hours {
        feed.ready().await.expect("ready");
        hour.into_iter().for_each(|record| bring(&feed, record));
        end_epoch(&feed).await;
        bench.pass(3600);
    }
    drop(feed);
    archive
}

async fn found(archive: &Archive, query: &str) -> Vec<String> {
    let page = PageRequest::first(100);
    let hits = archive.search(&Scope::all(), query, &LogFilter::default(), &page).await;
    hits.unwrap_or_else(|error| panic!("{query}: {error}")).items.into_iter().map(|hit| hit.log.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_finds_what_it_says() {
    let bench = Bench::new();
    let archive = filled(&bench).await;
    for (query, expected) in [
        ("connection", &["4", "2"][..]),
        ("CONNECTION refused", &["4", "2"]),
        (r#""connection refused""#, &["2"]),
        (r#""connection refused"~2"#, &["2"]),
        ("connection -db", &["4"]),
        ("connection NOT db", &["4"]),
        ("cart OR slow", &["3", "1"]),
        ("(cart OR slow) AND took", &["1"]),
        ("user_id:42", &["1"]),
        ("user_id:43 AND level:error", &["2"]),
        ("user_id:ann", &["3"]),
        ("user_id:ANN", &["3"]),
        ("http.status:502", &["2"]),
        ("event.http.status:502", &["2"]),
        ("a.b:c", &["3"]),
        ("tags:green", &["4"]),
        ("ok:false", &["4"]),
        ("path:/api/v1", &["5"]),
        (r#"path:"/api/v1""#, &["5"]),
        ("level:ERROR", &["4", "2"]),
        ("level:warn", &["3"]),
        ("service:web", &["2", "1"]),
        ("service:WEB", &[]),
        ("service:auth-1", &["5"]),
        ("service: IN [web db]", &["4", "3", "2", "1"]),
        ("pipeline:p cart", &["1"]),
        ("id:3", &["3"]),
        ("größe", &["5"]),
        ("ÄPFEL", &["5"]),
        ("*", &["5", "4", "3", "2", "1"]),
        ("nothing", &[]),
        ("missing:1", &[]),
    ] {
        assert_eq!(found(&archive, query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_query_is_told_from_a_failure() {
    let bench = Bench::new();
    let archive = filled(&bench).await;
    for query in ["", "  ", "(", "a AND", "epoch:x", "user_id:*", "number:[a TO b]", "log:x", &"x".repeat(1025)] {
        let page = PageRequest::first(10);
        let answer = archive.search(&Scope::all(), query, &LogFilter::default(), &page).await;
        assert!(matches!(answer, Err(Error::Query(_))), "{query}: {answer:?}");
    }
    assert_eq!(archive.stats().parts, 3, "a bad query damages nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_asked_breaks_a_part() {
    let bench = Bench::new();
    let archive = filled(&bench).await;
    let pieces =
        ["user_id:", "message:", "time:", "number:", "epoch:", "error:", "event:", "a", "42", "-", "(", ")", "\"a b\""];
    let more = [
        "*",
        "~2",
        "^2",
        "[1 TO 9]",
        ">5",
        "<=x",
        "IN [1 a]",
        "'a'",
        "true",
        "\\",
        "/a/",
        "\"a b\"~3",
        "\"a b\"*",
        "1e99",
        "2026-01-01T00:00:00Z",
    ];
    for first in pieces {
        for second in more {
            for third in ["", "x", "*"] {
                let query = format!("({first}{second} {third}) OR *");
                let page = PageRequest::first(10);
                if let Ok(page) = archive.search(&Scope::all(), &query, &LogFilter::default(), &page).await {
                    assert_eq!(page.items.len(), 5, "{query}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_loses_nothing() {
    let bench = Bench::new();
    let archive = filled(&bench).await;
    bench.clock.set(at(NOW - 7200));
    let feed = archive.feed(&sink("api"));
    for number in 6..9_i64 {
        feed.ready().await.expect("ready");
        bring(&feed, log(&number.to_string(), "web", "INFO", "x", number));
        end_epoch(&feed).await;
        bench.pass(3600);
    }
    // The third of them has come in the hour of the first of the others.
    let all = ids(&archive, &Scope::all(), &LogFilter::default(), 2).await;
    assert_eq!(all, ["5", "4", "3", "8", "2", "1", "7", "6"]);
    archive.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_marked() {
    let bench = Bench::new();
    let archive = filled(&bench).await;
    let marked = async |query: &str| {
        let page = PageRequest::first(1);
        let hits = archive.search(&Scope::all(), query, &LogFilter::default(), &page).await.expect("hits").items;
        let pieces = hits[0]
            .highlights
            .iter()
            .map(|Fragment { text, marked }| if *marked { format!("<{text}>") } else { text.clone() });
        pieces.collect::<String>()
    };
    assert_eq!(marked("refused db").await, "connection <refused> by <db>-1");
    assert_eq!(marked(r#""slow query""#).await, "<slow> <query>: SELECT 1");
    assert_eq!(marked("größe").await, "<Größe>: 12 Äpfel");
    assert_eq!(marked("user_id:43 AND connection").await, "<connection> refused by db-1");
    assert_eq!(marked("user_id:43").await, "");

    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    let long = format!("{} needle {}", "hay ".repeat(2000), "straw ".repeat(2000));
    bring(&feed, log("6", "web", "INFO", &long, 6));
    end_epoch(&feed).await;
    let shown = marked("needle").await;
    assert!(shown.contains("<needle>") && shown.len() < 1100, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow() {
    let bench = Bench::new();
    let archive = filled(&bench).await;
    let all = Scope::all();
    let filter = |service: Option<&str>, level: Option<&str>, from: Option<i64>, to: Option<i64>| LogFilter {
        service: service.map(str::to_owned),
        level: level.map(str::to_owned),
        from: from.map(at),
        to: to.map(at),
    };
    for (filter, expected) in [
        (filter(Some("db"), None, None, None), &["4", "3"][..]),
        (filter(None, Some("Error"), None, None), &["4", "2"]),
        (filter(None, None, Some(2), Some(4)), &["3", "2"]),
        (filter(None, None, Some(5), None), &["5"]),
        (filter(Some("db"), Some("error"), None, Some(4)), &[]),
        (filter(None, None, Some(4), Some(2)), &[]),
    ] {
        assert_eq!(ids(&archive, &all, &filter, 2).await, expected, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_through_everything_once() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    let mut expected = Vec::new();
    for hour in 0..3_i64 {
        for epoch in 0..5_i64 {
            feed.ready().await.expect("ready");
            for number in 0..20_i64 {
                let id = format!("{hour}-{epoch}-{number}");
                // Many of one time, and not in order.
                let second = (number * 7 + epoch * 3) % 5;
                bring(&feed, log(&id, "web", "INFO", "x", second));
                expected.push((hour, second, expected.len(), id));
            }
            end_epoch(&feed).await;
        }
        bench.pass(3600);
    }
    expected.sort_by(|a, b| b.cmp(a));
    let expected: Vec<_> = expected.into_iter().map(|(.., id)| id).collect();
    for limit in [1, 7, 50, 300, 1000] {
        assert_eq!(ids(&archive, &Scope::all(), &LogFilter::default(), limit).await, expected, "{limit}");
    }
    // What comes while one pages moves nothing.
    let first = archive.logs(&Scope::all(), &LogFilter::default(), &PageRequest::first(100)).await.expect("a page");
    feed.ready().await.expect("ready");
    (0..50).for_each(|number| bring(&feed, log(&format!("new-{number}"), "web", "INFO", "x", 100)));
    end_epoch(&feed).await;
    let next = PageRequest { limit: 1000, cursor: first.next };
    let rest = archive.logs(&Scope::all(), &LogFilter::default(), &next).await.expect("the rest");
    let seen: Vec<_> = first.items.into_iter().chain(rest.items).map(|hit| hit.log.id).collect();
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_page_is_refused() {
    let bench = Bench::new();
    let archive = filled(&bench).await;
    let next = archive.logs(&Scope::all(), &LogFilter::default(), &PageRequest::first(1)).await.expect("a page").next;
    let page = PageRequest { limit: 1, cursor: next };
    let anomalies = archive.anomalies(&Scope::all(), &crate::AnomalyFilter::default(), &page).await;
    assert!(matches!(anomalies, Err(Error::Cursor)));
    let page = PageRequest { limit: 1, cursor: Some("nonsense".to_owned()) };
    assert!(matches!(archive.logs(&Scope::all(), &LogFilter::default(), &page).await, Err(Error::Cursor)));
    assert!(matches!(
        archive.incidents(&Scope::all(), &crate::IncidentFilter::default(), &page).await,
        Err(Error::Cursor)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_histogram_counts_all_that_is_found() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    for number in 0..100_i64 {
        let level = if number % 4 == 0 { "ERROR" } else { "INFO" };
        let message = if number % 2 == 0 { "even" } else { "odd" };
        bring(&feed, log(&number.to_string(), "web", level, message, NOW + number));
    }
    end_epoch(&feed).await;
    let query = HistogramQuery {
        query: Some("even".to_owned()),
        service: Some("web".to_owned()),
        level: None,
        from: at(NOW + 10),
        to: at(NOW + 90),
        step: Duration::from_secs(20),
    };
    let histogram = archive.histogram(&Scope::all(), &query).await.expect("a histogram");
    assert_eq!(histogram.times, [at(NOW), at(NOW + 20), at(NOW + 40), at(NOW + 60), at(NOW + 80)]);
    assert_eq!(histogram.total, [5, 10, 10, 10, 5]);
    assert_eq!(histogram.errors, [2, 5, 5, 5, 3]);
    let wide = HistogramQuery { from: at(0), to: at(NOW * 2), step: Duration::from_secs(1), query: None, ..query };
    let histogram = archive.histogram(&Scope::all(), &wide).await.expect("a histogram");
    assert!(histogram.times.len() <= 1001 && histogram.step > Duration::from_secs(1));
    assert_eq!(histogram.total.iter().sum::<u64>(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_logs_are_found_too() {
    let bench = Bench::new();
    let archive = bench.open().await;
    let feed = archive.feed(&sink("api"));
    feed.ready().await.expect("ready");
    let odd = |id: &str, event: &str| LogRecord {
        event: event.to_owned(),
        ..log(id, "", "", "", i64::from(id.len() as u32))
    };
    bring(&feed, odd("a", "no json"));
    bring(&feed, odd("bb", r#"{"deep":"#));
    bring(&feed, odd("ccc", &format!("{}1{}", "[".repeat(5000), "]".repeat(5000))));
    bring(&feed, odd("dddd", &format!(r#"{{"long":"{}"}}"#, "x".repeat(100_000))));
    bring(&feed, odd("eeeee", r#"{"t":"9999-12-31T23:59:59Z","n":1e308,"u":18446744073709551615,"z":null}"#));
    bring(&feed, LogRecord { time: logd_sdk::Time::MAX, ..odd("ffffff", "{}") });
    bring(&feed, odd("too large", &"x".repeat(300 << 10)));
    end_epoch(&feed).await;
    assert_eq!(
        ids(&archive, &Scope::all(), &LogFilter::default(), 100).await,
        ["ffffff", "eeeee", "dddd", "ccc", "bb", "a"]
    );
    assert_eq!(found(&archive, "u:18446744073709551615").await, ["eeeee"]);
    let (left_out, totals) = (archive.stats().left_out, archive.totals(&Scope::all()));
    assert_eq!((left_out.too_large, totals.logs, totals.indexed, totals.left_out), (1, 7, 6, 1));
}
