//! Logs: found by words and fields, over time, and as they come.

use super::browser::ENTER;
use super::visit::{Visit, id};

/// A search finds logs and marks what it has found.
pub(super) fn logs_are_found(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/logs?range=15m", "Logs");
    browser.wait("logs", "all('log-row').length > 20");
    browser.write(&id("log-search"), &format!("failed AND service:payment-service{ENTER}"));
    browser.wait("what was found", "all('log-row', ' mark').length > 0");
    let marked = "all('log-row', ' mark').every((mark) => mark.textContent.toLowerCase() === 'failed')";
    assert_eq!(browser.value(marked), true, "only what was searched is marked");
    let services = "[...new Set(all('log-row', ' .from').map((from) => from.textContent))].join()";
    assert_eq!(browser.text(services), "payment-service");
    assert!(browser.text("location.hash").contains("q=failed"), "the search stands in the address");
    let counted = "Number(one('chart', '[data-metric=histogram] .key strong').textContent.replaceAll(',', ''))";
    browser.wait("a histogram", &format!("{counted} > 0"));
    browser.press(&format!("{} summary", id("log-row")));
    browser.wait("the whole event", "/response_time_ms/.test(at('details[open] .event').textContent)");
    browser.press("details[open] .event button");
    browser.wait("a narrower search", "decodeURIComponent(location.hash).includes('AND') && all('log-row').length > 0");
    visit.is_calm(&[]);

    browser.clear(&id("log-search"));
    browser.write(&id("log-search"), &format!("\"failed{ENTER}"));
    browser.wait("what is wrong with a search", "at('.problem')");
    visit.is_calm(&["400"]);
}

/// The tail moves by itself, and stands still while one reads.
pub(super) fn the_tail_moves(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/logs?range=15m", "Logs");
    browser.wait("no search", "!location.hash.includes('q=') && all('log-row').length > 20");
    browser.press(&id("log-tail"));
    browser.wait("a tail", "location.hash.includes('tail=1') && at('[aria-pressed=true]')");
    let newest = "one('log-row').dataset.id";
    for _ in 0..2 {
        let before = browser.text(newest);
        browser.wait("newer logs", &format!("{newest} !== {before:?}"));
    }
    // Nothing moves while one reads, however much comes.
    browser.value("document.activeElement.blur()");
    browser.keys("p");
    let waiting = "/([\\d,]+) new ones wait/.exec(at('[aria-live=polite].muted').textContent)?.[1]";
    let held = browser.wait("some that wait", waiting);
    let (before, still) = (browser.text(newest), held.as_str().unwrap_or_default().to_owned());
    browser.wait("more that wait", &format!("{waiting} && {waiting} !== {still:?}"));
    assert_eq!(browser.text(newest), before, "it stands still");
    browser.keys("p");
    browser.wait("newer logs", &format!("{newest} !== {before:?}"));
    browser.press(&id("log-tail"));
    visit.is_calm(&[]);
}
