//! `[api]` in `logd.toml`: what is wrong in it is told, and what is edited holds while the daemon runs.

use std::net::TcpListener;

use serde_json::Value;

use super::client::Client;
use super::shop::{ADMIN, LOGS, Shop, served};
use crate::support::{Place, free_address, run};

const ME: &str = "/api/v1/auth/me";

#[test]
fn mistakes_are_told_with_their_lines() {
    let place = Place::new();
    place.write("pipelines/shop.toml", LOGS);
    for (line, wrong, told) in [
        (2, "tokens.secret = \"0123456789abcdef0123456789abcde\"", "32"),
        (2, "tokens.lifetime = \"1s\"", "lifetime"),
        (2, "users.eve.password = \"short\"", "password"),
        (2, "users.eve.role = \"god\"", "role"),
        (2, "users.eve.password_hash = \"$2b$10$abcdefghijklmnopqrstuv\"", "argon2id"),
        (2, "cors_origins = [\"https://a.example.com/path\"]", "origin"),
        (2, "cors_origins = [\"*\"]", "origin"),
        (2, "base_url = \"logd.example.com\"", "base"),
        (2, "webhooks.high_error_rate = 2.0", "share"),
        (2, "webhooks.allow = [\"10.0.0.0/99\"]", "10.0.0.0/99"),
        (2, "rate_limit = 0", "rate_limit"),
        (2, "nonsense = 1", "nonsense"),
        (2, "issuer = { url = \"x\", audience = \"y\", algorithm = \"HS256\" }", "HS256"),
    ] {
        place.write("logd.toml", format!("[api]\n{wrong}\n"));
        let said = run(place.logd().args(["validate", "--format", "json"]));
        assert_eq!(said.code, Some(78), "{wrong}: {}{}", said.out, said.err);
        let found: Value = serde_json::from_str(&said.out).expect("JSON");
        let errors: Vec<_> =
            found.as_array().expect("a list").iter().filter(|one| one["severity"] == "error").collect();
        let is_told = |error: &&&Value| {
            let file = error["file"].as_str().unwrap_or_default();
            file.ends_with("logd.toml") && error["line"] == line && error.to_string().contains(told)
        };
        assert!(errors.iter().any(|error| is_told(&error)), "{wrong}: {found}");
        assert!(!said.out.contains("0123456789abcdef") && !said.out.contains("abcdefghijkl"), "{}", said.out);
        let text = run(place.logd().arg("validate")).err;
        assert!(text.contains(&format!("logd.toml:{line}:")), "{text}");
    }
}

#[test]
fn an_address_in_use_says_what_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let place = Place::new();
    place.write("pipelines/shop.toml", LOGS);
    let said = run(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0", "--api-address", &address]));
    assert_eq!(said.code, Some(69), "{}", said.err);
    for word in [address.as_str(), "in use", "--api-address", "`[api]`", "logd.toml"] {
        assert!(said.err.contains(word), "{word} is missing: {}", said.err);
    }
}

#[test]
fn edits_hold_while_it_runs() {
    let (first, second) = (free_address(), free_address());
    let at = |address: &str, more: &str| format!("address = \"{address}\"\nrate_limit = 10_000\n{more}");
    let mut shop = Shop::open(LOGS, &at(&first, ""));
    let root = Client::new(&first).login(ADMIN);
    let token =
        Client::new(&first).ask_token(ADMIN.0, ADMIN.1).json()["access_token"].as_str().expect("one").to_owned();

    // Fewer logs are kept, and nobody who is logged in notices.
    let left_out = |client: &Client| client.read("/api/v1/metrics")["left_out_logs"].as_u64().expect("a number");
    let before = left_out(&root);
    shop.edit(&at(&first, "max_rate = 1\n"));
    shop.wait_for("logs that are left out", || left_out(&root) > before + 100);
    assert_eq!(root.get(ME).status, 200);

    // A reload that was asked for by the server which it replaces is answered by it.
    shop.edit(&at(&first, "max_rate = 2\nmax_streams = 3\n"));
    let reply = root.send("POST", "/api/v1/reload", b"");
    assert_eq!(reply.status, 200, "{reply}");
    assert!(shop.command(&["plan"]).contains("0 to change"), "it is done");

    shop.edit(&at(&second, "max_rate = 2\n"));
    let moved = Client::new(&second).bearer(&token);
    shop.wait_for("the other address", || moved.try_send("GET", ME, b"").is_some_and(|reply| reply.status == 200));
    shop.wait_for("the end of the old one", || Client::new(&first).try_send("GET", ME, b"").is_none());
    shop.logd.wait_for("a word on it", |logd| served(&logd.err()).last() == Some(&second));

    // An address that can't be had changes nothing, and an edit back is fine.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    shop.edit(&at(&address, "max_rate = 2\n"));
    shop.logd.wait_for("a word on it", |logd| logd.err().contains(&format!("can't be served on {address}")));
    assert_eq!(moved.get(ME).status, 200, "it is served where it was");
    let reply = moved.send("POST", "/api/v1/reload", b"");
    reply.is_problem(409, "a reload that could not be done");
    assert!(reply.text().contains("--api-address"), "{reply}");
    shop.edit(&at(&second, "max_rate = 2\n"));
    assert_eq!(moved.send("POST", "/api/v1/reload", b"").status, 200);
    assert_eq!(moved.get(ME).status, 200);
    shop.edit(&at(&second, "max_rate = 0\n"));
    shop.logd.wait_for("a word on a mistake", |logd| logd.err().contains("max_rate"));
    assert_eq!(moved.get(ME).status, 200);

    // Another secret, or another password, ends what was given for the old one.
    shop.edit(&at(&second, "tokens.secret = \"0123456789abcdef0123456789abcdef\"\n"));
    shop.wait_for("the end of old tokens", || moved.get(ME).status == 401);
    let root = Client::new(&second).login(ADMIN);

    // Without an `api` sink there is nothing to serve; with one there is.
    shop.place.write("pipelines/shop.toml", LOGS.replace("type = \"api\"\nlogs", "type = \"blackhole\"\ninputs"));
    let reply = root.send("POST", "/api/v1/reload", b"");
    assert_eq!(reply.status, 200, "{reply}");
    shop.wait_for("the end of it", || root.try_send("GET", ME, b"").is_none());
    shop.place.write("pipelines/shop.toml", LOGS);
    shop.wait_for("it to be back", || root.try_send("GET", ME, b"").is_some_and(|reply| reply.status == 200));
    assert!(shop.logd.runs());
}
