//! What somebody sees who only looks: numbers that move, incidents with their reasons, charts, and how old it all is.

use super::shop::PAYMENT;
use super::visit::{Visit, id};

/// The numbers are those of now.
pub(super) fn numbers_move(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/overview", "Overview");
    for tile in ["throughput", "error-rate", "anomalies", "incidents", "lag", "pipelines"] {
        browser.wait(tile, &format!("one('tile-{tile}').dataset.value !== ''"));
    }
    browser.wait("a live stream", "one('stale').dataset.stale === 'false' && says('stale', 'Live')");
    let total = browser.wait("the payments' logs", &format!("Number({})", logs(PAYMENT)));
    browser.wait("more logs", &format!("Number({}) > {total}", logs(PAYMENT)));
    let rate = "one('tile-throughput').textContent";
    let before = browser.text(rate);
    browser.wait("another throughput", &format!("{rate} !== {before:?}"));
    browser.wait("sparklines", "document.querySelectorAll('.spark svg').length >= 10");
    assert_eq!(browser.value("all('service-row').length"), 5);
}

fn logs(service: &str) -> String {
    format!("one('service-row', '[data-service={service}]').dataset.totalLogs")
}

/// An incident that has just begun comes by itself, and says what it rests on.
pub(super) fn an_incident_is_explained(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/overview", "Overview");
    let row = "[data-service=auth-service][data-state=open]";
    browser.wait("the incident", &format!("one('incident-row', '{row}')"));
    browser.wait("the alarm", "one('service-row', '[data-service=auth-service]').dataset.state === 'alarm'");
    browser.press(&format!("{}{row}", id("incident-row")));
    let explanation = browser.wait("the explanation", "one('incident-explanation').textContent");
    let explanation = explanation.as_str().unwrap_or_default();
    assert!(explanation.contains("error rate") && explanation.contains("usually"), "{explanation}");
    let heading = browser.text("at('h1').textContent");
    assert_eq!(heading, "Error spike · auth-service");
    browser.wait("its figures", "/ %/.test(at('.figures').textContent)");
    browser.wait("sample logs", "all('log-row').length === 3");
    let evidence = "[...document.querySelectorAll('[aria-label=Evidence] tbody tr')]";
    browser.wait("the last points", &format!("{evidence}.length >= 5"));
    let points = browser.text(&format!("{evidence}.at(-1).textContent"));
    assert!(points.contains('%'), "{points}");
    browser.wait("its change", "document.querySelectorAll('[aria-label=Changes] .timeline li').length === 1");
    let other = "one('related-incident', '[data-service=payment-service]')";
    browser.wait("what went wrong with it", &format!("{other}.querySelector('a').hash === '#/incidents/of-payments'"));
    assert!(browser.text(&format!("{other}.textContent")).contains("at the same time"));
    is_marked(visit, "error_rate", "location.hash.match(/incidents.(\\w+)/)[1]");
    browser.wait("what was usual", "/usual/.test(at('.chart .key').textContent)");
    visit.is_calm(&[]);
}

/// A service has charts, with what is usual and the anomalies on them.
pub(super) fn charts_are_marked(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/overview", "Overview");
    browser.press(&format!("{} a", id("service-row").replace(']', "][data-service=payment-service]")));
    for metric in ["logs", "error_rate", "latency"] {
        is_drawn(visit, metric);
    }
    is_marked(visit, "latency", "one('incident-row')?.dataset.id");
    let key = "one('chart', '[data-metric=latency] .key').textContent";
    let said = browser.wait("p99 in the key", &format!("/latency p99/.test({key}) && {key}"));
    let said = said.as_str().unwrap_or_default();
    assert!(
        ["latency mean", "latency p50", "latency p95", " ms", "usual"].iter().all(|text| said.contains(text)),
        "{said}"
    );
    let rate = browser.text("one('chart', '[data-metric=logs] .key').textContent");
    assert!(rate.contains("/s"), "{rate}");
    browser.press(".u-over .anomaly:not(.ok):not([hidden])");
    browser.wait("the incident of a mark", "says('incident-explanation', 'usually')");
    visit.is_calm(&[]);
}

/// Waits until something is drawn in a chart.
fn is_drawn(visit: &Visit, metric: &str) {
    let drawn = format!("isDrawn(one('chart', '[data-metric={metric}] canvas'))");
    visit.browser.wait(&format!("chart of {metric}"), &drawn);
}

/// Waits until an incident is marked on a chart, within it.
fn is_marked(visit: &Visit, metric: &str, incident: &str) {
    is_drawn(visit, metric);
    let mark = format!(
        "(() => {{
            const chart = one('chart', '[data-metric={metric}] .u-over').getBoundingClientRect();
            return all('chart-anomaly', `[data-incident=\"${{{incident}}}\"]`).some((mark) => {{
                const {{ left, right, top, bottom, width }} = mark.getBoundingClientRect();
                const [x, y] = [(left + right) / 2, (top + bottom) / 2];
                return width > 0 && x >= chart.left && x <= chart.right && y >= chart.top - 1 && y <= chart.bottom + 1;
            }});
        }})()"
    );
    visit.browser.wait(&format!("mark on the chart of {metric}"), &mark);
}

/// The address says what is seen: it can be passed on, and goes back.
pub(super) fn the_address_says_what_is_seen(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/incidents", "Incidents");
    browser.press("[name=range][value='6h']");
    browser.wait("the range in the address", "location.hash.includes('range=6h')");
    browser.keys("u");
    browser.wait("the zone in the address", "location.hash.includes('tz=utc')");
    browser.value("location.reload()");
    browser.wait("the same view", "at('[name=range]:checked')?.value === '6h' && one('incident-row')");
    assert!(browser.text("location.hash").contains("tz=utc"));
    browser.press("[name=range][value=custom]");
    browser.press("dialog .primary");
    browser.wait("a range of one's own", "/from=.*to=/.test(decodeURIComponent(location.hash)) && one('incident-row')");
    browser.value("history.back()");
    browser.wait("the range before", "location.hash.includes('range=6h')");
    visit.go("#/overview?range=1h&tz=local", "Overview");
    visit.is_calm(&[]);
}

/// When nothing comes any more that is said, in red; and when it goes on, that too.
pub(super) fn what_is_old_is_red(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/overview", "Overview");
    browser.wait("a live stream", "says('stale', 'Live')");
    visit.shop.logd.signal("STOP");
    browser.wait(
        "the age of the last event",
        "one('stale').dataset.stale === 'true' && /Last event \\d+ s ago/.test(one('stale').textContent)",
    );
    let colour = browser.text("getComputedStyle(one('stale')).color");
    let red = browser.text(
        "(() => { const probe = document.body.appendChild(document.createElement('i')); \
         probe.style.color = 'var(--critical)'; return getComputedStyle(probe).color; })()",
    );
    assert_eq!(colour, red);
    visit.shop.logd.signal("CONT");
    browser.wait("a live stream again", "one('stale').dataset.stale === 'false' && says('stale', 'Live')");
    let total = browser.value(&format!("Number({})", logs(PAYMENT)));
    browser.wait("more logs", &format!("Number({}) > {total}", logs(PAYMENT)));
    // While nobody answered, requests were given up.
    visit.complaints();
}
