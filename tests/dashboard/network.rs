//! What the page has fetched: nothing from elsewhere, and little before it shows something.

use std::collections::BTreeSet;

use serde_json::Value;

use super::visit::Visit;

/// The first visit of a browser takes less than this, in bytes.
const FIRST_VISIT: u64 = 200_000;

/// What the overview took before it was shown. To be asked after the first sign-in.
pub(super) fn the_first_paint_is_small(visit: &Visit) {
    visit.browser.wait("the overview", "one('service-row')");
    let sizes = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .filter((entry) => !entry.name.includes('/api/'))";
    let total = visit.browser.value(&format!("{sizes}.reduce((sum, entry) => sum + entry.decodedBodySize, 0)"));
    let total = total.as_u64().expect("a number");
    println!("{total} bytes until the overview is shown");
    assert!((20_000..FIRST_VISIT).contains(&total), "{total} bytes");
}

/// All requests of the whole visit went to the shop.
pub(super) fn nothing_is_from_elsewhere(visit: &Visit) {
    let entries = visit.browser.log("performance");
    let messages = entries.iter().filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok());
    let (mut requests, mut others) = (0, BTreeSet::new());
    for message in messages.map(|mut message| message["message"].take()) {
        let url = match message["method"].as_str() {
            Some("Network.requestWillBeSent") => &message["params"]["request"]["url"],
            Some("Network.webSocketCreated" | "Network.webTransportCreated") => &message["params"]["url"],
            _ => continue,
        };
        requests += 1;
        let url = url.as_str().unwrap_or_default();
        if !url.starts_with(&format!("{}/", visit.shop.url)) && !url.starts_with("data:") {
            others.insert(url.to_owned());
        }
    }
    assert!(requests > 100, "only {requests} requests were noted");
    assert_eq!(others, BTreeSet::new());
}

/// The policy of the page holds: what would reach out is stopped, and would have been seen by these tests.
pub(super) fn the_policy_holds(visit: &Visit) {
    visit.is_calm(&[]);
    for (tag, property) in [("img", "src: 'http://192.0.2.1/x.png'"), ("script", "textContent: 'window.ran = 1'")] {
        let element = format!("Object.assign(document.createElement('{tag}'), {{ {property} }})");
        visit.browser.value(&format!("document.body.append({element})"));
    }
    let mut complaints = Vec::new();
    visit.browser.until("two complaints", || {
        complaints.extend(visit.complaints());
        (complaints.len() >= 2).then_some(())
    });
    for directive in ["img-src", "script-src"] {
        let told = complaints.iter().any(|text| text.contains("Content Security Policy") && text.contains(directive));
        assert!(told, "{complaints:#?}");
    }
    assert_eq!(visit.browser.value("window.ran"), Value::Null);
}
