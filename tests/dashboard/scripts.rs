//! The dashboard's own tests of its modules, in Chromium: `node --test` runs the same files, where there is node.

use super::browser::Browser;
use super::rules::folder;

#[test]
fn the_modules_do_what_their_tests_say() {
    let browser = Browser::start();
    browser.open(&format!("file://{}", folder().join("tests/run.html").display()));
    let said = browser.wait("the end of the tests", "document.body.dataset.done && document.body.innerText");
    let said = said.as_str().unwrap_or_default();
    assert!(said.lines().count() > 10 && !said.contains("not ok"), "{said}");
}
