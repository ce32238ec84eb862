//! Pages, and what is searched for: whatever somebody writes is found, or told to be wrong.

use std::collections::BTreeSet;

use super::client::Client;
use super::shop::{ADMIN, LOGS, Shop};

/// A text as a query has it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn ids(client: &Client, path: &str) -> (Vec<String>, Option<String>) {
    let page = client.read(path);
    let items = page["items"].as_array().expect("items");
    let ids = items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
    (ids, page["next_cursor"].as_str().map(str::to_owned))
}

#[test]
fn pages_have_limits_and_searches_can_be_anything() {
    let mut shop = Shop::open(LOGS, "rate_limit = 10_000\n");
    let root = shop.client().login(ADMIN);
    shop.wait_for("logs", || ids(&root, "/api/v1/logs?limit=1000").0.len() >= 500);
    pages_follow_one_another(&root);
    limits_and_cursors_are_looked_at(&root);
    odd_searches_are_answered(&root);
    times_are_looked_at(&root);
    assert!(shop.logd.runs() && !shop.logd.err().contains("met a fault"), "{}", shop.logd.err());
}

/// Page by page all are seen, once, in the same order as at once; what comes meanwhile changes nothing.
fn pages_follow_one_another(root: &Client) {
    let newest = root.get("/api/v1/logs?limit=100").items();
    let until = newest[50]["timestamp"].as_str().expect("a time");
    for path in [format!("/api/v1/logs?to={until}"), format!("/api/v1/logs/search?q=*&to={until}")] {
        let (whole, _) = ids(root, &format!("{path}&limit=200"));
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        while seen.len() < whole.len() {
            let (items, next) = ids(root, &format!("{path}&limit=7{cursor}"));
            assert!(items.len() <= 7, "{path}: {items:?}");
            seen.extend(items);
            cursor = format!("&cursor={}", next.unwrap_or_else(|| panic!("{path} ends after {}", seen.len())));
        }
        seen.truncate(whole.len());
        assert_eq!(seen, whole, "{path}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{path} shows one twice");
    }
    let count = |path: &str| root.get(path).items().len();
    assert_eq!((count("/api/v1/logs"), count("/api/v1/logs?limit=1000") >= 500), (20, true));
}

fn limits_and_cursors_are_looked_at(root: &Client) {
    let cursor = ids(root, "/api/v1/logs?limit=1").1.expect("there are more");
    for route in ["logs", "logs/search", "anomalies", "incidents", "audit", "webhooks", "silences"] {
        let query = if route == "logs/search" { "q=*&" } else { "" };
        let ask = |more: &str| root.get(&format!("/api/v1/{route}?{query}{more}"));
        for limit in ["0", "1001", "-1", "1.5", "", "ten", "%00", "99999999999999999999999"] {
            ask(&format!("limit={limit}")).is_problem(400, &format!("{route} with the limit {limit}"));
        }
        for limit in ["1", "1000"] {
            assert_eq!(ask(&format!("limit={limit}")).status, 200, "{route} with the limit {limit}");
        }
        for wrong in ["x", "%00", "..%2F..", "0", &"a".repeat(5000), &encoded("{\"a\":1}")] {
            ask(&format!("cursor={wrong}")).is_problem(400, &format!("{route} with the cursor {wrong:.20}"));
        }
        if !route.starts_with("logs") {
            ask(&format!("cursor={cursor}")).is_problem(400, &format!("{route} with a cursor of logs"));
        }
    }
}

fn odd_searches_are_answered(root: &Client) {
    let deep = "(".repeat(500) + "a" + &")".repeat(500);
    let many = vec!["a"; 500].join(" OR ");
    let odd = [
        "\"",
        "(",
        ")",
        "()",
        "[",
        "]",
        "{",
        "}",
        ":",
        "::",
        "a:",
        ":a",
        "*",
        "**",
        "a*",
        "*a",
        "?",
        "~",
        "^",
        "+",
        "-",
        "\\",
        "/",
        "/a/",
        "/(/",
        "AND",
        "OR",
        "NOT",
        "NOT NOT",
        "AND AND",
        "a AND",
        "OR a",
        "a NOT",
        "a^9999999999",
        "a~99",
        "\"a b\"~5",
        "[a TO",
        "[a TO b]",
        "{* TO *}",
        "level:[A TO Z]",
        "time:*",
        "time:[0 TO 9]",
        "epoch:1",
        "feed:1",
        "_all:x",
        "event.user_id:42",
        "response_time_ms:>100",
        "response_time_ms:[1 TO 5]",
        "message:\"",
        "a:b:c",
        "\u{0}",
        "\u{202e}abc",
        "\u{1f980}",
        "ﷺ",
        "' OR '1'='1",
        "'; DROP TABLE logs; --",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "<script>alert(1)</script>",
        "%",
        "\r\n",
        "  ",
        "",
        "service:IN [a b]",
        "IN",
        "a -b",
        "--a",
        "+-a",
        "a&&b",
        "a||b",
        "!a",
        "\\u0000",
        &deep,
        &many,
    ];
    for query in odd {
        let what = format!("the query {query:.40}");
        let q = encoded(query);
        for path in ["/api/v1/logs/search?q=", "/api/v1/logs/histogram?q="] {
            let reply = root.get(&format!("{path}{q}"));
            if reply.status != 200 {
                reply.is_problem(400, &what);
            }
        }
    }
    let long = "a".repeat(2000);
    root.get(&format!("/api/v1/logs/search?q={long}")).is_problem(400, "a query that is too long");
    root.get(&format!("/api/v1/logs/histogram?q={long}")).is_problem(400, "a query that is too long");
    root.get("/api/v1/logs/search").is_problem(400, "no query at all");
    for broken in ["q=%ff", "q=%", "q=%zz", "q=a&q=b", "q=a&service=%ff"] {
        let reply = root.get(&format!("/api/v1/logs/search?{broken}"));
        assert!([200, 400].contains(&reply.status), "{broken}: {reply}");
    }
    let page = root.get("/api/v1/logs/search?q=level:INFO&limit=5").items();
    assert!(page.len() == 5 && page.iter().all(|log| log["level"] == "INFO"), "{page:?}");
}

fn times_are_looked_at(root: &Client) {
    let wrong = [
        "yesterday",
        "-",
        "-1",
        "-5x",
        "--5m",
        "2026",
        "2026-13-01T00:00:00Z",
        "2026-01-01",
        "%00",
        "9".repeat(40).as_str(),
    ]
    .map(str::to_owned);
    for time in &wrong {
        for route in [
            "logs?",
            "logs/search?q=*&",
            "logs/histogram?",
            "anomalies?",
            "incidents?",
            "services/x/series?metric=logs&",
        ] {
            for bound in ["from", "to"] {
                let reply = root.get(&format!("/api/v1/{route}{bound}={time}"));
                reply.is_problem(400, &format!("{route}{bound}={time}"));
            }
        }
    }
    let extremes = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59.999999999-23:59", "-999999d"];
    for (from, to) in extremes.iter().flat_map(|from| extremes.iter().map(move |to| (from, to))) {
        for route in [
            "logs?",
            "logs/histogram?step=1&",
            "logs/histogram?",
            "incidents?",
            "services/x/series?metric=logs&step=1s&",
        ] {
            let reply = root.get(&format!("/api/v1/{route}from={from}&to={to}"));
            assert!([200, 400].contains(&reply.status), "{route} from {from} to {to}: {reply}");
        }
    }
    for step in ["0", "-1", "x", "1ms", "", "99999999999999999999"] {
        root.get(&format!("/api/v1/logs/histogram?step={step}")).is_problem(400, &format!("the step {step}"));
        root.get(&format!("/api/v1/services/x/series?metric=logs&step={step}"))
            .is_problem(400, &format!("the step {step}"));
    }
}
