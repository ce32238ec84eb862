//! No secret is told: not in the log at its loudest, nor in plan, status, metrics, answers or errors.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::client::Client;
use super::shop::{LOGS, served};
use crate::support::server::Server;
use crate::support::{Place, Running, files, get, run};

const SIGNING: &str = "canary-signing-0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "canary-password-of-ann";
const WRONG: &str = "canary password that is wrong";
const IN_URL: &str = "canary-in-a-url";
const HOOK: &str = "canary-in-the-path";

const LOGD: &str = r#"
checkpoint.interval = "1s"
[telemetry]
log_level = "trace"
[api]
address = "127.0.0.1:0"
rate_limit = 10_000
tokens.secret = "${SIGNING}"
webhooks.allow = ["127.0.0.0/8"]
users.ann = { password = "${PASSWORD}", role = "admin" }
users.bob.password_hash = "$$argon2id$$v=19$$m=19456,t=2,p=1$$Y2FuYXJ5LXNhbHQ$$mTjYtPpHyzXBlYTYyCRZBQdVSWgKqbzYJBbqvP3wV2c"
"#;

#[test]
fn secrets_are_told_to_nobody() {
    let (place, telemetry) = (Place::new(), crate::support::free_address());
    place.write("pipelines/shop.toml", LOGS);
    place.write("logd.toml", LOGD);
    let logd = || {
        let mut command = place.logd();
        command.env("SIGNING", SIGNING).env("PASSWORD", PASSWORD);
        command
    };
    let mut running = Running::start(logd().args(["run", "--telemetry-address", &telemetry]));
    running.wait_for("the API", |logd| !served(&logd.err()).is_empty());
    let client = Client::new(served(&running.err()).remove(0));

    // All that a secret passes through. What is secret and was made meanwhile is looked for as well.
    let mut secrets: BTreeMap<&str, String> = BTreeMap::new();
    secrets.extend(
        [
            ("signing", SIGNING),
            ("password", PASSWORD),
            ("wrong", WRONG),
            ("url", IN_URL),
            ("hash", "mTjYtPpHyzXBlYTYyCRZ"),
        ]
        .map(|(name, secret)| (name, secret.to_owned())),
    );
    let mut said = Vec::new();
    for body in [
        json!({ "username": "ann", "password": WRONG }),
        json!({ "username": WRONG, "password": "x" }),
        json!({ "username": "ann", "password": [WRONG] }),
        json!({ "username": "ann", "password": WRONG, "grant_type": WRONG }),
        json!({ "grant_type": "refresh_token", "refresh_token": WRONG }),
    ] {
        for path in ["/api/v1/auth/token", "/api/v1/auth/session"] {
            said.push((format!("{path} {body}"), client.post(path, &body).text()));
        }
    }
    let ann = client.from([127, 0, 0, 9]);
    let granted = ann.ask_token("ann", PASSWORD);
    assert_eq!(granted.status, 200, "{granted}");
    let member = |name: &str| granted.json()[name].as_str().expect("a text").to_owned();
    secrets.insert("token", member("access_token").rsplit('.').next().expect("a signature").to_owned());
    secrets.insert("refresh", member("refresh_token"));
    let session = ann.post("/api/v1/auth/session", &json!({ "username": "ann", "password": PASSWORD }));
    let cookie = session.header("set-cookie").expect("a cookie").to_owned();
    secrets
        .insert("session", cookie.split(';').next().and_then(|pair| pair.rsplit('.').next()).expect("one").to_owned());

    let ann = ann.bearer(&member("access_token"));
    let receiver = Server::start(|_| Some(500));
    let url = format!("http://{}/{HOOK}", receiver.address());
    let made = ann.post("/api/v1/webhooks", &json!({ "url": url, "events": ["incident_opened"] }));
    assert_eq!(made.status, 201, "{made}");
    let hook = format!("/api/v1/webhooks/{}", made.json()["id"].as_str().expect("an id"));
    secrets.insert("webhook", made.json()["secret"].as_str().expect("a secret").to_owned());
    let rotated = ann.send("POST", &format!("{hook}/rotate"), b"").json();
    secrets.insert("rotated", rotated["secret"].as_str().expect("a secret").to_owned());
    said.push(("the test of a webhook".to_owned(), ann.send("POST", &format!("{hook}/test"), b"").text()));
    for url in [format!("ftp://127.0.0.1/{IN_URL}"), format!("http://user:{IN_URL}@127.0.0.1/")] {
        let reply = ann.post("/api/v1/webhooks", &json!({ "url": url, "events": ["incident_opened"] }));
        said.push(("a webhook that is refused".to_owned(), reply.text()));
    }
    client.bearer(&format!("{WRONG}.{WRONG}.{WRONG}")).get("/api/v1/metrics").is_problem(401, "no token");

    let paths = ["auth/me", "audit", "pipelines", "metrics", "webhooks", "silences", "services", "incidents"];
    said.extend(paths.map(|path| (path.to_owned(), ann.get(&format!("/api/v1/{path}")).text())));
    said.extend([hook.clone(), format!("{hook}/deliveries")].map(|path| (path.clone(), ann.get(&path).text())));
    said.push(("the plan of the API".to_owned(), ann.send("POST", "/api/v1/plan", b"").text()));

    // An edit of secrets, with a mistake first, and what commands say of it.
    place.write("logd.toml", LOGD.replace("${SIGNING}", "canary-short"));
    secrets.insert("short", "canary-short".to_owned());
    let mut commands = |when: &str| {
        for arguments in [
            &["validate"][..],
            &["validate", "--format", "json"],
            &["plan"],
            &["plan", "--format", "json"],
            &["status"],
            &["reload"],
            &["user", "list"],
            &["user", "list", "--format", "json"],
        ] {
            let told = run(logd().args(arguments));
            said.push((format!("{arguments:?} {when}"), told.out + &told.err));
        }
    };
    commands("with a mistake");
    place.write("logd.toml", LOGD.replace("${SIGNING}", "canary-another-0123456789abcdef0123456789abcdef"));
    secrets.insert("another", "canary-another".to_owned());
    commands("with another secret");
    running.wait_for("the end of old tokens", |_| ann.get("/api/v1/auth/me").status == 401);

    said.extend(["/metrics", "/health", "/ready"].map(|path| (path.to_owned(), get(&telemetry, path))));
    running.signal("TERM");
    let (status, out, err) = running.end();
    assert!(status.success(), "{err}");
    assert!(err.contains("TRACE") && err.contains("DEBUG"), "it is not loud");
    said.extend([("output".to_owned(), out), ("log".to_owned(), err)]);
    for (what, text) in &said {
        for (name, secret) in &secrets {
            // Whoever has written it in the place of a word is shown the word.
            assert!(!text.contains(secret.as_str()), "{what} tells {name}:\n{text}");
        }
        assert!(what.contains("webhooks") || !text.contains(HOOK), "{what} tells where a webhook leads:\n{text}");
    }

    // On the disk, what has to be there is for logd alone, and what need not be is not there.
    for (path, text) in files(&place.path("data")) {
        for name in ["password", "wrong", "signing", "refresh", "token", "session"] {
            assert!(!text.contains(&secrets[name]), "{} has {name}", path.display());
        }
        if text.contains(&secrets["rotated"]) || path.ends_with("users.json") || path.ends_with("audit.jsonl") {
            let mode = std::fs::metadata(place.path("data").join(&path)).expect("a file").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
    }
}
