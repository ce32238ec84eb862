//! Signatures are verified by the packages `standardwebhooks` and `svix` from PyPI, which others have written.

use std::path::Path;
use std::process::Command;

use logd_sdk::component::SinkSettings as _;
use logd_sdk::settings::FieldPath;
use logd_sdk::sink::{Attempt, Sink as _};
use logd_sdk::{Clock, Time};

use super::*;

const NEW: &str = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE=";
const OLD: &str = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE=";
const OTHER: &str = "whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIhIQ==";

#[tokio::test]
async fn other_peoples_code_agrees() {
    let receiver = Receiver::start([]).await;
    // The packages judge a timestamp by the real time of day.
    let now = Clock::system().now();
    let hour = std::time::Duration::from_secs(3600);
    let batch = events(&[OPEN, "{\"text\":\"größe \u{1f525} \\\" \\u0000\"}"], [] as [&FieldPath; 0]);
    let mut calls = Vec::new();
    for (name, time, secrets) in
        [("now", now, vec![NEW]), ("rotated", now, vec![NEW, OLD]), ("old", now.before(hour), vec![NEW])]
    {
        let settings: WebhookSettings = parse(&format!("uri = '{}'\nsecrets = {secrets:?}", receiver.uri("/hook")));
        let mut context = context(&[]);
        context.clock = Clock::fixed(Time::from_micros(time.as_micros()));
        let webhook = settings.build(&context).await.unwrap();
        assert_eq!(webhook.deliver(&batch).await, Attempt::delivered());
        calls.extend(receiver.requests().into_iter().skip(calls.len()).map(|request| {
            let header = |name: &str| (name.to_owned(), request.header(name).unwrap().into());
            let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(header);
            serde_json::json!({
                "name": name,
                "headers": serde_json::Map::from_iter(headers),
                "body": String::from_utf8(request.body.clone()).unwrap(),
            })
        }));
    }
    assert_eq!(calls.len(), 6);
    let input = serde_json::json!({ "new": NEW, "old": OLD, "other": OTHER, "calls": calls });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.json");
    std::fs::write(&path, input.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signatures/verify.sh");
    let output = Command::new("bash").arg(script).arg(path).output().expect("bash runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    // Two packages; of each call: the right secret, then what must be refused.
    assert_eq!(out.lines().last(), Some("verified 2 packages, 6 calls, 52 verdicts"), "{out}{err}");
}
