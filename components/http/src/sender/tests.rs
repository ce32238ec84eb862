//! Who may be called, judged twice, and how calls are signed, computed anew.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::testing::{NOW, Names, Receiver, Reply, soon};

const SETTING: &str = "[api.webhooks] allow";

async fn sender(allow: &[&str], names: Arc<dyn Resolve>) -> WebhookSender {
    let networks = allow.iter().map(|network| network.parse().unwrap()).collect();
    WebhookSender::with(Clock::fixed(NOW), List { setting: SETTING, networks }, names).await.unwrap()
}

fn url(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

async fn call(sender: &WebhookSender, to: &str, secrets: &[Secret]) -> Answer {
    let body = Bytes::from_static(b"{\"type\":\"incident_opened\"}");
    let headers = [("logd-event", "incident_opened"), ("webhook-id", "forged"), ("content-type", "text/html")];
    let within = Duration::from_secs(20);
    soon(sender.send(Call { url: &url(to), secrets, id: "msg_1", body, headers: &headers, within })).await.answer
}

/// What is said at registration, and what at a call, which never reaches anybody.
async fn refusals(sender: &WebhookSender, to: &str) -> (String, String) {
    let judged = soon(sender.judge(&url(to))).await.unwrap_err().message;
    match call(sender, to, &[]).await {
        Answer::Refused { status: None, reason } | Answer::Again { status: None, reason, .. } => (judged, reason),
        other => panic!("{to}: {other:?}"),
    }
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_at_registration_and_at_the_call() {
    let receiver = Receiver::start([]).await;
    let port = receiver.address().port();
    let sender = sender(&[], Names::new([&["127.0.0.1:0"]])).await;
    let refusal = "is no address of the internet, and not in `[api.webhooks] allow`";
    for host in [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "[::]",
        "[::1]",
        "[::ffff:7f00:1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
    ] {
        let (judged, said) = refusals(&sender, &format!("http://{host}:{port}/hook")).await;
        assert_eq!((judged.as_str(), &said), (format!("`{host}` {refusal}").as_str(), &judged), "{host}");
    }
    for host in [
        "127.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "localhost。",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
    ] {
        refusals(&sender, &format!("http://{host}:{port}/hook")).await;
    }
    for other in ["file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "ftp://example.com/", "//example.com/", ""] {
        refusals(&sender, other).await;
    }
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn a_name_is_judged_by_where_it_leads() {
    let receiver = Receiver::start([]).await;
    let to = format!("http://hooks.example:{}/hook", receiver.address().port());
    for address in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254"] {
        let shown = if address.contains(':') { format!("[{address}]:0") } else { format!("{address}:0") };
        let sender = sender(&["10.0.0.0/16"], Names::new([&[&shown]])).await;
        let (judged, said) = refusals(&sender, &to).await;
        let expected = format!(
            "`hooks.example` leads to `{address}`: no address of the internet, and not in `[api.webhooks] allow`"
        );
        assert_eq!(judged, expected);
        assert_eq!(said, format!("it can't be reached: {expected}"));
    }
    let nowhere = sender(&[], Names::new([&[]])).await;
    assert_eq!(refusals(&nowhere, &to).await.0, "`hooks.example` has no address");
    let system = sender(&[], Arc::new(System)).await;
    let (judged, _) = refusals(&system, &to.replace("hooks.example", "localhost")).await;
    assert!(judged.starts_with("`localhost` leads to `") && judged.contains(SETTING), "{judged}");
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let receiver = Receiver::start([]).await;
    let to = format!("http://hooks.example:{}/hook", receiver.address().port());
    let sender = sender(&[], Names::new([&["8.8.8.8:0"], &["127.0.0.1:0"]])).await;
    soon(sender.judge(&url(&to))).await.unwrap();
    let Answer::Again { status: None, reason, .. } = call(&sender, &to, &[]).await else { panic!("it is refused") };
    assert!(reason.contains("leads to `127.0.0.1`"), "{reason}");
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn what_is_listed_may_be_called() {
    let receiver = Receiver::start([]).await;
    let names = Names::new([&["127.0.0.1:0"]]);
    let sender = sender(&["127.0.0.0/8"], Arc::clone(&names) as Arc<dyn Resolve>).await;
    for host in ["127.0.0.1", "hooks.example"] {
        let to = format!("http://{host}:{}/hook", receiver.address().port());
        soon(sender.judge(&url(&to))).await.unwrap();
        assert_eq!(call(&sender, &to, &[]).await, Answer::Delivered { status: 200 });
    }
    assert_eq!((receiver.requests().len(), names.asked()), (2, 2), "once to judge, and once to call");
}

#[tokio::test]
async fn a_call_says_what_it_is_and_nobody_takes_the_place_of_that() {
    let receiver = Receiver::start([]).await;
    let sender = sender(&["127.0.0.1"], Arc::new(System)).await;
    call(&sender, &receiver.uri("/hook?x=1"), &[]).await;
    let [request] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /hook?x=1 HTTP/1.1");
    for (name, value) in [
        ("content-type", Some("application/json")),
        ("logd-event", Some("incident_opened")),
        ("webhook-id", Some("msg_1")),
        ("webhook-timestamp", Some("1795442590")),
        ("webhook-signature", None),
        ("authorization", None),
    ] {
        assert_eq!(request.header(name), value, "{name}");
    }
}

/// HMAC by its definition (RFC 2104), for keys of up to a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut padded = [0; 64];
    padded[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(padded.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

#[tokio::test]
async fn signatures_are_those_of_the_specification() {
    let receiver = Receiver::start([]).await;
    let sender = sender(&["127.0.0.1"], Arc::new(System)).await;
    let keys = [[7; 32], [9; 32]];
    let secrets = keys.map(|key| Secret::from(format!("whsec_{}", STANDARD.encode(key))));
    for used in [&secrets[..1], &secrets[..]] {
        call(&sender, &receiver.uri("/"), used).await;
        let request = receiver.requests().pop().unwrap();
        let signed = format!("msg_1.1795442590.{}", request.text());
        let expected: Vec<_> = keys[..used.len()]
            .iter()
            .map(|key| format!("v1,{}", STANDARD.encode(hmac(key, signed.as_bytes()))))
            .collect();
        assert_eq!(request.header("webhook-signature"), Some(expected.join(" ").as_str()));
    }
    let Answer::Refused { status: None, reason } = call(&sender, &receiver.uri("/"), &[url("canary")]).await else {
        panic!("an unsigned call would be worse than none")
    };
    assert!(!reason.contains("canary"), "{reason}");
}

#[tokio::test]
async fn an_answer_says_what_became_of_it() {
    let other = Receiver::start([]).await;
    let hour = Some(Duration::from_secs(3600));
    for (reply, expected) in [
        (Reply::status(204), Answer::Delivered { status: 204 }),
        (Reply::Large(10 << 20), Answer::Delivered { status: 200 }),
        (Reply::status(410), Answer::Gone),
        (Reply::saying(404, "who?"), Answer::Refused { status: Some(404), reason: "404 Not Found: who?".to_owned() }),
        (
            Reply::with(429, "retry-after", "86400"),
            Answer::Again { status: Some(429), after: hour, reason: "429 Too Many Requests".to_owned() },
        ),
        (
            Reply::saying(500, "oh"),
            Answer::Again { status: Some(500), after: None, reason: "500 Internal Server Error: oh".to_owned() },
        ),
        (
            Reply::with(302, "location", &other.uri("/canary")),
            Answer::Refused {
                status: Some(302),
                reason: "302 Found to http://127.0.0.1: redirects are not followed; set the new URI".to_owned(),
            },
        ),
    ] {
        let receiver = Receiver::start([reply]).await;
        let sender = sender(&["127.0.0.1"], Arc::new(System)).await;
        assert_eq!(call(&sender, &receiver.uri("/"), &[]).await, expected);
    }
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn a_call_has_its_own_deadline() {
    let receiver = Receiver::start([Reply::Hang]).await;
    let sender = sender(&["127.0.0.1"], Arc::new(System)).await;
    let (to, within) = (url(&receiver.uri("/")), Duration::from_millis(200));
    let call = Call { url: &to, secrets: &[], id: "a", body: Bytes::new(), headers: &[], within };
    let outcome = soon(sender.send(call)).await;
    let reason = "no answer within 200ms".to_owned();
    assert_eq!(outcome.answer, Answer::Again { status: None, after: None, reason });
    assert!(outcome.took >= within && outcome.took < TIMEOUT, "{:?}", outcome.took);
}
