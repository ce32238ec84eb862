//! Webhooks: registered, called, and what became of the calls.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use logd_sdk::Clock;
use serde_json::Value;
use sha2::Sha256;

use super::visit::{Visit, id};
use crate::support::server::Request;

/// One is registered, its secret is shown once, and a test call reaches the receiver. Returns the secret.
pub(super) fn a_webhook_is_called(visit: &Visit) -> String {
    let (browser, shop) = (&visit.browser, &visit.shop);
    visit.go("#/webhooks", "Webhooks");
    browser.press(&id("webhook-add"));
    browser.write(&id("webhook-url"), "http://192.168.0.1/hook");
    browser.press(&id("webhook-save"));
    let refusal = browser.wait("the refusal of a private address", "at('dialog .problem').textContent");
    assert!(refusal.as_str().is_some_and(|text| text.contains("allow")), "{refusal}");
    visit.is_calm(&["422"]);

    browser.clear(&id("webhook-url"));
    browser.write(&id("webhook-url"), &shop.receiver());
    browser.press(&id("webhook-save"));
    let secret = browser.wait("the secret", "one('webhook-secret').value");
    let secret = secret.as_str().expect("a text").to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    browser.press("dialog .primary");
    browser.wait("its page", "one('webhook-test') && !at('dialog')");
    browser.press(&id("webhook-test"));
    browser.wait("the test call", "one('delivery-row', '[data-state=delivered]')");
    let row = browser.text("one('delivery-row').textContent");
    assert!(row.contains("test") && row.contains("200"), "{row}");
    let everywhere =
        "document.documentElement.outerHTML + [...document.querySelectorAll('input')].map((one) => one.value)";
    assert!(!browser.text(everywhere).contains(&secret), "the secret is shown once");

    let calls = shop.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].line, "POST /hooks/logd HTTP/1.1");
    is_signed(&calls[0], &secret);
    browser.press(&id("redeliver"));
    browser.until("a second call", || (shop.calls().len() == 2).then_some(()));
    is_signed(&shop.calls()[1], &secret);
    browser.wait(
        "a second attempt or call",
        "all('delivery-row', '[data-state=delivered]').length > 0 && !one('delivery-row', '[data-state=waiting]')",
    );
    visit.is_calm(&[]);
    secret
}

/// An incident makes a call, which is shown with a link to it.
pub(super) fn an_incident_is_called(visit: &Visit, secret: &str) {
    let (browser, shop) = (&visit.browser, &visit.shop);
    let of_incident = |call: &Request| body(call)["type"] == "incident_opened";
    let call = browser.until("the call of an incident", || shop.calls().into_iter().find(of_incident));
    is_signed(&call, secret);
    let data = &body(&call)["data"];
    assert!(data["message"].as_str().is_some_and(|text| text.contains("database")), "{data:#}");
    visit.go("#/webhooks", "Webhooks");
    browser.press(&format!("{} a", id("webhook-row")));
    browser.wait("the call's row", "all('delivery-row', ' a').some((link) => link.hash.startsWith('#/incidents/'))");
    visit.is_calm(&[]);
}

/// An incident is silenced, and resolved by hand.
pub(super) fn an_incident_is_put_to_rest(visit: &Visit) {
    let browser = &visit.browser;
    browser.press(&format!("{} td a[href*=incidents]", id("delivery-row")));
    browser.wait("the incident", "one('incident-resolve')");
    browser.press(".head .actions button:nth-of-type(3)");
    browser.write("dialog [name=comment]", "We know");
    browser.press(&id("silence-save"));
    browser.wait("its mark", "at('.head [data-state=silenced]')");
    browser.press(&id("incident-resolve"));
    browser.write(&id("incident-note"), "A cable");
    browser.press(&id("incident-resolve-confirm"));
    browser.wait("its end", "at('.head [data-state=resolved]') && /A cable/.test(at('.figures').textContent)");
    visit.go("#/webhooks", "Webhooks");
    browser.wait("the silence", "/database.*We know/.test(one('silence-row').textContent)");
    browser.press(&id("silence-end"));
    browser.press("dialog .danger");
    browser.wait("its end", "!one('silence-row')");
    visit.is_calm(&[]);
}

fn body(call: &Request) -> Value {
    serde_json::from_str(&call.body).expect("JSON")
}

/// Fails unless a call is signed as Standard Webhooks has it.
fn is_signed(call: &Request, secret: &str) {
    let header = |name: &str| call.header(name).unwrap_or_else(|| panic!("no {name} in {call:?}")).to_owned();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let key = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(format!("{id}.{time}.{}", call.body).as_bytes());
    let wanted = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    assert!(header("webhook-signature").split(' ').any(|signature| signature == wanted), "{call:?}");
    let age =
        Clock::system().now().since(logd_sdk::Time::from_micros(time.parse::<i64>().expect("seconds") * 1_000_000));
    assert!(age < Duration::from_secs(120), "signed {age:?} ago");
}
