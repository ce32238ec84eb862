//! Users that `logd user` makes, changes and removes while the daemon runs.

use std::io::Write as _;
use std::process::Stdio;

use super::client::Client;
use super::shop::{ADMIN, LOGS, Shop};

const ME: &str = "/api/v1/auth/me";

/// Runs `logd user …`, with a password for it on stdin.
fn user(shop: &Shop, arguments: &[&str], password: &str) -> String {
    let mut command = shop.place.logd();
    command.arg("user").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("logd starts");
    // Not every one of them reads it.
    let _ = writeln!(child.stdin.take().expect("piped"), "{password}");
    let output = child.wait_with_output().expect("it ends");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
    assert!(password.is_empty() || !said.contains(password), "{said}");
    said
}

fn session(client: &Client, username: &str, password: &str) -> Client {
    let reply = client.post("/api/v1/auth/session", &serde_json::json!({ "username": username, "password": password }));
    assert_eq!(reply.status, 200, "{reply}");
    let cookie = reply.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
    client.with("cookie", &cookie)
}

#[test]
fn users_come_change_and_go_while_it_runs() {
    let mut shop = Shop::open(LOGS, "rate_limit = 10_000\n");
    let nobody = shop.client();
    let eve = ("eve", "first horse battery");
    assert_eq!(nobody.ask_token(eve.0, eve.1).status, 401);
    user(&shop, &["add", "eve", "--role", "admin", "--service", "database", "--password-stdin"], eve.1);
    let reply = nobody.ask_token(eve.0, eve.1);
    assert_eq!(reply.status, 200, "{reply}");
    let refresh = reply.json()["refresh_token"].as_str().expect("a token").to_owned();
    let (client, browser) = (nobody.login(eve), session(&nobody, eve.0, eve.1));
    let me = client.read(ME);
    assert_eq!((&me["role"], &me["services"][0]), (&"admin".into(), &"database".into()), "{me}");

    let (begun, begins) = std::sync::mpsc::channel();
    let follower = client.clone();
    let stream = std::thread::spawn(move || {
        follower.follow_to_end("/api/v1/stream", |text| {
            if text.contains("event: metrics") {
                // The test waits for the first only.
                let _ = begun.send(());
            }
            false
        })
    });
    begins.recv().expect("the stream begins");
    user(&shop, &["passwd", "eve", "--password-stdin"], "second horse battery");
    shop.wait_for("the end of the old tokens", || client.get(ME).status == 401 && browser.get(ME).status == 401);
    shop.wait_for("the end of the stream", || stream.is_finished());
    assert!(stream.join().expect("it does not panic").1);
    let renewed = nobody
        .post("/api/v1/auth/token", &serde_json::json!({ "grant_type": "refresh_token", "refresh_token": refresh }));
    renewed.is_problem(401, "a refresh token from before");
    nobody.ask_token(eve.0, eve.1).is_problem(401, "the old password");
    let client = nobody.login(("eve", "second horse battery"));

    // What an editor, or a full disk, has made of it.
    let path = shop.place.path("data/users.json");
    let whole = std::fs::read_to_string(&path).expect("users");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    shop.logd.wait_for("a word on it", |logd| {
        client.get(ME);
        logd.err().contains("they stay as they were")
    });
    assert_eq!(client.get(ME).status, 200, "they are what they were");
    assert_eq!(nobody.ask_token("eve", "second horse battery").status, 200);
    std::fs::write(&path, &whole).expect("written");
    shop.wait_for("users again", || nobody.ask_token("eve", "second horse battery").status == 200);

    user(&shop, &["rm", "eve"], "");
    shop.wait_for("the end of their tokens", || client.get(ME).status == 401);
    nobody.ask_token("eve", "second horse battery").is_problem(401, "somebody who is gone");
    assert_eq!(nobody.ask_token(ADMIN.0, ADMIN.1).status, 200);
    assert!(shop.logd.runs());
}

/// Its password is printed beside the log, and never again.
#[test]
fn a_first_admin_is_made_once_and_keeps_the_password_across_restarts() {
    let place = crate::support::Place::new();
    place.write("pipelines/shop.toml", LOGS);
    let start = || {
        let arguments = ["run", "--telemetry-address", "127.0.0.1:0", "--api-address", "127.0.0.1:0"];
        let mut logd = crate::support::Running::start(place.logd().args(arguments));
        logd.wait_for("the API", |logd| !super::shop::served(&logd.err()).is_empty());
        let address = super::shop::served(&logd.err()).remove(0);
        (logd, Client::new(address))
    };
    let (mut logd, client) = start();
    logd.wait_for("the password", |logd| logd.err().contains("`logd user passwd admin`"));
    let told = logd.err();
    let password =
        told.split("with the password\n\n    ").nth(1).and_then(|rest| rest.lines().next()).expect("a password");
    assert!(password.len() >= 12, "{told}");
    let token = client.ask_token("admin", password);
    assert_eq!(token.status, 200, "{token}");
    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(status.success() && !out.contains(password) && err.matches(password).count() == 1, "{err}");

    let (logd, client) = start();
    assert!(!logd.err().contains("with the password"), "{}", logd.err());
    let again = client.bearer(token.json()["access_token"].as_str().expect("a token")).get(ME);
    assert_eq!(again.status, 200, "a token outlives a restart: {again}");
    assert_eq!(client.ask_token("admin", password).status, 200);
}
