//! How it looks: on a phone, in the dark, and whether texts can be read.

use serde_json::json;

use super::visit::{Visit, id};

/// Phones are as narrow as this.
const PHONE: (u32, u32) = (390, 844);

/// Every view in both themes, on a desk and on a phone: nothing overflows, nothing is faint.
pub(super) fn every_view_fits_and_can_be_read(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/incidents?state=acknowledged&range=1h", "Incidents");
    let incident = browser.wait("an incident", "one('incident-row')?.hash");
    let incident = incident.as_str().unwrap_or_default().to_owned();
    visit.go("#/webhooks", "Webhooks");
    let webhook = browser.wait("a webhook", "one('webhook-row', ' a')?.hash");
    let webhook = webhook.as_str().unwrap_or_default().to_owned();
    let views = [
        ("#/overview", "Overview", "one('service-row') && one('incident-row')"),
        ("#/services/payment-service", "payment-service", "all('chart', ' canvas').length >= 4"),
        ("#/incidents", "Incidents", "all('incident-row').length > 2"),
        (&*incident, "auth-service", "one('log-row') && one('chart', ' canvas')"),
        ("#/logs?q=failed", "Logs", "one('log-row', ' mark') && one('chart', ' canvas')"),
        ("#/pipelines", "Pipelines", "one('pipeline', ' .graph')"),
        ("#/webhooks", "Webhooks", "one('webhook-row')"),
        (&*webhook, "Webhook", "one('delivery-row')"),
        ("#/audit", "Audit log", "at('tbody tr')"),
    ];
    for (width, height, is_phone) in [(PHONE.0, PHONE.1, true), (1440, 900, false)] {
        resize(visit, width, height, is_phone);
        for (hash, title, content) in &views {
            visit.go(hash, title);
            browser.wait(&format!("content of {hash}"), content);
            let beyond = browser.value(&format!("overflowing({width})"));
            assert_eq!(beyond, json!([]), "{hash} is wider than {width}");
            for theme in ["dark", "light"] {
                wear(visit, theme);
                assert_eq!(browser.value("faint()"), json!([]), "{hash} in the {theme} theme, {width} wide");
            }
        }
    }
    visit.is_calm(&[]);
}

/// The theme is the system's until somebody chooses one, which stays.
pub(super) fn the_theme_is_chosen(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/overview", "Overview");
    let light = "getComputedStyle(document.body).backgroundColor";
    wear(visit, "light");
    let before = browser.text(light);
    wear(visit, "dark");
    let dark = browser.text(light);
    assert_ne!(dark, before, "the system's theme holds");
    browser.press(".who > button");
    browser.wait("the light theme", &format!("{light} === {before:?}"));
    browser.value("location.reload()");
    browser.wait("the light theme after a reload", &format!("one('account') && {light} === {before:?}"));
    browser.press(".who > button");
    browser.wait("the dark theme", &format!("{light} === {dark:?}"));
    browser.value("localStorage.removeItem('logd.theme')");
    browser.value("location.reload()");
    wear(visit, "light");
    browser.wait("the system's theme", &format!("one('account') && {light} === {before:?}"));
    visit.is_calm(&[]);
}

/// On a phone one gets everywhere by the bar at the bottom.
pub(super) fn a_phone_is_enough(visit: &Visit) {
    let browser = &visit.browser;
    resize(visit, PHONE.0, PHONE.1, true);
    visit.go("#/overview", "Overview");
    for place in ["incidents", "logs", "pipelines", "webhooks", "overview"] {
        browser.press(&format!(".side a.item[href^='#/{place}']"));
        browser.wait(place, &format!("location.hash.startsWith('#/{place}') && at('.view h1')"));
    }
    browser.press(&id("account"));
    browser.wait("the menu within the window", "at('.menu .list').getBoundingClientRect().left >= 0");
    browser.press(&id("account"));
    resize(visit, 1440, 900, false);
    visit.is_calm(&[]);
}

/// Makes the window as large as this.
pub(super) fn resize(visit: &Visit, width: u32, height: u32, is_phone: bool) {
    let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
    visit.browser.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    visit.browser.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": is_phone }));
    visit.browser.wait("the new size", &format!("innerWidth === {width}"));
}

/// Makes the system's theme `dark` or `light`.
pub(super) fn wear(visit: &Visit, theme: &str) {
    let feature = json!({ "name": "prefers-color-scheme", "value": theme });
    visit.browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
}
