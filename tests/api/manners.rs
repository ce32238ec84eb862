//! How the server behaves towards any client: conditional requests, packing, names of requests, other origins, and what is
//! not there.

use super::client::Client;
use super::shop::{ADMIN, LOGS, Shop};

const ME: &str = "/api/v1/auth/me";

#[test]
fn the_server_has_manners() {
    let mut shop = Shop::open(LOGS, "rate_limit = 10_000\n");
    let root = shop.client().login(ADMIN);
    what_somebody_has_is_not_sent_again(&root);
    long_answers_are_packed(&root);
    every_answer_names_its_request(&root);
    browsers_are_told_to_be_careful(&root);
    other_origins_are_not_asked_in(&root);
    what_is_not_there_is_a_problem(&root);
    what_is_too_large_or_strange_is_refused(&root);
    all_that_pages_need_is_here(&root);
    assert!(shop.logd.runs());
}

fn what_somebody_has_is_not_sent_again(root: &Client) {
    let first = root.get(ME);
    let tag = first.header("etag").expect("an ETag").to_owned();
    assert!(first.header("cache-control").is_some_and(|control| control.contains("no-cache")), "{first}");
    for known in [tag.clone(), format!("\"x\", {tag}"), "*".to_owned(), tag.trim_start_matches("W/").to_owned()] {
        let same = root.with("if-none-match", &known).get(ME);
        assert_eq!((same.status, same.body.len()), (304, 0), "{known}: {same}");
        assert_eq!(same.header("etag"), Some(tag.as_str()));
    }
    assert_eq!(root.with("if-none-match", "\"x\"").get(ME).status, 200);
    let head = root.send("HEAD", ME, b"");
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(tag.as_str())));
    assert!(root.with("if-none-match", "*").get("/api/v1/incidents/x").status == 404, "a problem is never the same");
}

fn long_answers_are_packed(root: &Client) {
    let plain = root.get("/api/openapi.json");
    let packed = root.with("accept-encoding", "br;q=1.0, gzip").get("/api/openapi.json");
    assert_eq!(packed.header("content-encoding"), Some("gzip"), "{}", packed.status);
    assert!(packed.header("vary").is_some_and(|vary| vary.to_lowercase().contains("accept-encoding")));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() * 3 < plain.body.len());
    assert!(plain.header("content-encoding").is_none());
    assert!(root.with("accept-encoding", "gzip").get(ME).header("content-encoding").is_none(), "it is not worth it");
}

fn every_answer_names_its_request(root: &Client) {
    let id = |client: &Client, path: &str| client.get(path).header("x-request-id").expect("a name").to_owned();
    assert_eq!(id(&root.with("x-request-id", "web-1.2_3"), ME), "web-1.2_3");
    for odd in ["a b", "", "ä", &"a".repeat(65), "a;b", "<x>"] {
        let given = id(&root.with("x-request-id", odd), ME);
        assert!(given != odd && given.len() == 16, "{odd}: {given}");
    }
    for path in [ME, "/", "/health", "/api/v1/nothing", "/api/v1/incidents/x", "/api/openapi.json"] {
        assert_ne!(id(root, path), id(root, path), "{path}");
    }
}

fn browsers_are_told_to_be_careful(root: &Client) {
    for path in [ME, "/", "/api/docs/", "/api/redoc", "/api/v1/nothing"] {
        let reply = root.get(path);
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")]
        {
            assert_eq!(reply.header(name), Some(value), "{path}: {}", reply.status);
        }
        let policy = reply.header("content-security-policy").expect("a policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("http"), "{path} loads nothing from elsewhere: {policy}");
    }
}

/// CORS is off.
fn other_origins_are_not_asked_in(root: &Client) {
    let other = root.with("origin", "https://tools.example.com");
    let reply = other.get(ME);
    let names = ["access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods"];
    assert!(names.iter().all(|name| reply.header(name).is_none()), "{reply}");
    let asked = other.with("access-control-request-method", "GET").send("OPTIONS", ME, b"");
    assert!(names.iter().all(|name| asked.header(name).is_none()), "{asked}");
    asked.is_problem(405, "a question of CORS");
}

#[test]
fn origins_that_are_named_may_ask() {
    let shop = Shop::open(LOGS, "cors_origins = [\"https://tools.example.com\"]\n");
    let root = shop.client().login(ADMIN);
    let tools = root.with("origin", "https://tools.example.com");
    let reply = tools.get(ME);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://tools.example.com"), "{reply}");
    assert!(reply.header("access-control-allow-credentials").is_none(), "cookies are for our own page: {reply}");
    assert!(reply.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")), "{reply}");
    let ask = tools.with("access-control-request-method", "PATCH");
    let asked = ask.with("access-control-request-headers", "authorization,content-type").send("OPTIONS", ME, b"");
    assert_eq!(asked.status, 200, "{asked}");
    let allowed = |name: &str| asked.header(name).unwrap_or_default().to_lowercase();
    assert!(allowed("access-control-allow-methods").contains("patch"), "{asked}");
    assert!(allowed("access-control-allow-headers").contains("authorization"), "{asked}");
    for other in ["https://evil.example.com", "https://tools.example.com.evil.org", "http://tools.example.com", "null"]
    {
        let reply = root.with("origin", other).get(ME);
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None), "{other}");
    }
}

fn what_is_not_there_is_a_problem(root: &Client) {
    for path in [
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v2/logs",
        "/nothing",
        "/../etc/passwd",
        "/api/v1/logs/",
        "//",
    ] {
        root.get(path).is_problem(404, path);
        // Whether somebody is known or not.
        root.send("POST", path, b"{}").is_problem(404, path);
    }
    for path in [
        "/api/v1/incidents/x",
        "/api/v1/anomalies/x",
        "/api/v1/services/x",
        "/api/v1/webhooks/x",
        "/api/v1/incidents/%2e%2e",
    ] {
        root.get(path).is_problem(404, path);
    }
    for (method, path) in [
        ("DELETE", "/api/v1/logs"),
        ("PUT", "/api/v1/webhooks"),
        ("POST", ME),
        ("GET", "/api/v1/reload"),
        ("TRACE", "/api/v1/metrics"),
        ("BREW", "/api/v1/metrics"),
        ("POST", "/health"),
        ("POST", "/"),
    ] {
        let reply = root.send(method, path, b"");
        reply.is_problem(405, &format!("{method} {path}"));
        assert!(reply.header("allow").is_some_and(|allow| !allow.is_empty()), "{method} {path}: {reply}");
    }
    root.get("/api/v1/stream?topics=logs,nonsense").is_problem(400, "a topic that there is not");
    root.get("/api/v1/incidents/%ff").is_problem(400, "a path that is no text");
}

fn what_is_too_large_or_strange_is_refused(root: &Client) {
    let json = root.with("content-type", "application/json");
    let large = format!("{{\"comment\":\"{}\"}}", "a".repeat(300 << 10));
    json.send("POST", "/api/v1/silences", large.as_bytes()).is_problem(413, "a body that is too large");
    let nobody = root.with("authorization", "");
    assert!([401, 413].contains(&nobody.send("POST", "/api/v1/auth/token", large.as_bytes()).status));
    for (body, what) in [
        (&b""[..], "no body"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b"1", "a number"),
        (b"{", "half a body"),
        (b"{}x", "more than a body"),
        (b"\xff", "no text"),
        (b"{\"to\":\"2100-01-01T00:00:00Z\",\"comment\":\"x\",\"nonsense\":1}", "a member that is not known"),
        (b"{\"to\":\"2100-01-01T00:00:00Z\",\"to\":\"2100-01-01T00:00:00Z\",\"comment\":\"x\"}", "a member twice"),
        (b"[\"a\",\"b\",\"c\",\"now\",\"2100-01-01T00:00:00Z\",\"x\",null,null]", "members in a list"),
    ] {
        json.send("POST", "/api/v1/silences", body).is_problem(400, what);
    }
    json.send("POST", "/api/v1/silences", "[".repeat(100_000).as_bytes()).is_problem(400, "a deep body");
    json.send("POST", "/api/v1/silences", "{\"a\":".repeat(40_000).as_bytes()).is_problem(400, "a deep body");
    root.with("content-type", "text/plain").send("POST", "/api/v1/silences", b"{}").is_problem(415, "a text");
    json.with("content-encoding", "br").send("POST", "/api/v1/silences", b"{}").is_problem(415, "a coding");
    json.with("content-encoding", "gzip").send("POST", "/api/v1/silences", b"{}").is_problem(400, "no gzip");
    let reply = root.with("x", &"a".repeat(64 << 10)).get(ME);
    assert_eq!(reply.status, 431, "{reply}");
}

/// The pages of the dashboard and of the documentation are served, with nothing from elsewhere.
fn all_that_pages_need_is_here(root: &Client) {
    let nobody = root.with("authorization", "");
    for page in ["/", "/api/docs/", "/api/redoc"] {
        let reply = nobody.get(page);
        assert_eq!(reply.status, 200, "{page}: {}", reply.status);
        assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page}");
        let text = reply.text();
        for link in ["src=\"", "href=\""] {
            for target in text.split(link).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(!target.contains("//"), "{page} loads {target}");
                if target.starts_with("data:") || target.starts_with('#') {
                    continue;
                }
                let base = page.rsplit_once('/').map_or("", |(base, _)| base);
                let path = if target.starts_with('/') {
                    target.to_owned()
                } else {
                    format!("{base}/{}", target.trim_start_matches("./"))
                };
                let status = nobody.get(&path).status;
                // The documentation is at the path with a slash.
                assert!(status == 200 || status == 303 && path == "/api/docs", "{page} needs {path}: {status}");
            }
        }
    }
}
