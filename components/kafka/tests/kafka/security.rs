//! Passwords and certificates: the right ones let in, wrong ones make ill, and none is ever shown.

use tokio::time::{Duration, timeout};

use crate::broker::{PASSWORD, broker, certificate};
use crate::member::{Member, context, eventually, sink, source};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_makes_ill_and_is_not_shown() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("password", 1).await;
    broker.send(&topic, 1, 0..10);
    let settings = |password: &str| {
        crate::source::settings(broker, &topic, "").replace(&broker.address(), &broker.sasl_address())
            + &format!("sasl = {{ mechanism = 'PLAIN', username = 'logd', password = '{password}' }}")
    };
    let wrong = context("source", "wrong");
    let mut refused = source(&settings("canary"), &wrong).await;
    assert!(timeout(Duration::from_millis(1), refused.next()).await.is_err(), "it waits");
    eventually("it is ill", || wrong.health.reason().is_some_and(|reason| reason.contains("uthentication"))).await;
    assert!(!wrong.health.reason().unwrap().contains("canary"));
    drop(refused);
    let member = Member::start(&settings(PASSWORD), context("source", "password"), None).await;
    member.until_events(10).await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_by_the_sink_too() {
    let (broker, _use) = broker().await;
    let context = context("sink", "password");
    let text = format!(
        "bootstrap_servers = '{}'\ntopic = 't'\nsasl = {{ mechanism = 'PLAIN', username = 'logd', password = 'canary' }}",
        broker.sasl_address()
    );
    let sink = sink(&text, &context).await;
    eventually("it is ill", || context.health.reason().is_some_and(|reason| reason.contains("uthentication"))).await;
    let error = format!("{:#}", sink.probe().await.unwrap_err());
    assert!(error.contains("uthentication") && !error.contains("canary"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_authority_is_trusted() {
    let (broker, _use) = broker().await;
    let topic = broker.topic("certificate", 1).await;
    broker.send(&topic, 1, 0..10);
    let settings = |ca: &std::path::Path| {
        crate::source::settings(broker, &topic, "").replace(&broker.address(), &broker.tls_address())
            + &format!("tls.ca_file = '{}'", ca.display())
    };
    let other = broker.folder().join("other.pem");
    certificate(&broker.folder().join("other-key.pem"), &other);
    let wrong = context("source", "wrong");
    let mut refused = source(&settings(&other), &wrong).await;
    assert!(timeout(Duration::from_millis(1), refused.next()).await.is_err(), "it waits");
    eventually("it is ill", || wrong.health.reason().is_some_and(|reason| reason.contains("certificate"))).await;
    drop(refused);
    let member = Member::start(&settings(&broker.ca_file()), context("source", "certificate"), None).await;
    member.until_events(10).await;
    member.stop().await;
}
