//! Pipelines: what runs, what a mistake in a file looks like, and that it is gone when the file is mended.

use super::shop::second;
use super::visit::{Visit, id};

/// The graph has rates on its edges, and the plan of what is as its files say is empty.
pub(super) fn pipelines_are_shown(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/pipelines", "Pipelines");
    browser.wait("the pipeline", "one('pipeline', '[data-id=shop]').dataset.state === 'ok'");
    let plates =
        "[...document.querySelectorAll('[data-id=shop] .graph .plate + text')].map((text) => text.textContent)";
    browser.wait(
        "rates on all edges",
        &format!("{plates}.length >= 8 && {plates}.every((text) => /[\\d.]+.*\\/s/.test(text))"),
    );
    let rows =
        "[...document.querySelectorAll('[data-id=shop] tbody tr')].map((row) => row.cells[0].textContent).join()";
    assert_eq!(browser.text(rows), "logs,parsed,per_service,latency,errors,together,api");
    browser.press(&id("plan"));
    browser.wait("the plan", "/what runs is what the files say/.test(at('dialog').textContent)");
    browser.press("dialog button");
    browser.press(&id("reload"));
    browser.press("dialog .primary");
    browser.wait("its outcome", "at('.toast.ok')");
    browser.press(".toast button");
    visit.is_calm(&[]);
}

/// A file with a mistake is shown with its place, until it is mended; and the incident that it finds then is told.
pub(super) fn a_broken_file_is_shown(visit: &Visit) {
    let (browser, shop) = (&visit.browser, &visit.shop);
    let good = second();
    let broken = good.replace("threshold = 3.0", "treshold = 3.0");
    let line = 1 + broken.lines().position(|line| line.starts_with("treshold")).expect("it is there");
    visit.go("#/pipelines", "Pipelines");
    shop.place.write("pipelines/second.toml", broken);
    let shown = "one('pipeline', '[data-id=second][data-state=broken] .mistake')?.textContent";
    let text = browser.wait("the mistake", shown);
    let text = text.as_str().unwrap_or_default();
    assert!(text.contains(&format!("second.toml:{line}:")) && text.contains("treshold"), "{text}");
    visit.go("#/overview", "Overview");
    browser.wait("a warning on the overview", "says('tile-pipelines', 'second broken')");

    visit.go("#/pipelines", "Pipelines");
    shop.place.write("pipelines/second.toml", good);
    browser.wait(
        "the end of the mistake",
        "one('pipeline', '[data-id=second]')?.dataset.state === 'ok' && !one('pipeline-broken')",
    );
    let toast = browser.wait("news of its incident", "at('.toast a') && at('.toasts').textContent");
    assert!(toast.as_str().is_some_and(|text| text.contains("high latency in database")), "{toast}");
    browser.press(".toast a");
    browser.wait("the incident", "/High latency · database/.test(at('h1').textContent)");
    browser.wait("its pipeline", "/pipeline second/.test(at('.figures').textContent)");
    visit.is_calm(&[]);
}
