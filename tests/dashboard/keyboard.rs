//! Without a mouse: from the login to an incident that is acknowledged.

use super::browser::{ENTER, ESCAPE, TAB};
use super::shop::ADMIN;
use super::visit::Visit;

/// Signs in, finds the incident, and acknowledges it; by keys only.
pub(super) fn an_incident_is_acknowledged(visit: &Visit) {
    let browser = &visit.browser;
    browser.wait("a login that has the focus", "focus() === one('username')");
    let (user, password) = ADMIN;
    browser.keys(user);
    browser.keys(TAB);
    browser.keys(password);
    browser.keys(ENTER);
    browser.wait("the account of who has signed in", "one('account')");
    tab_to(visit, "the link to the incidents", "focus().hash?.startsWith('#/incidents') && focus().matches('.item')");
    browser.keys(ENTER);
    browser.wait("incidents", "at('h1').textContent === 'Incidents' && all('incident-row').length > 1");
    tab_to(visit, "the incident", "focus().matches('[data-service=auth-service][data-state=open]')");
    let ring = browser.text("getComputedStyle(focus()).outlineStyle");
    assert_eq!(ring, "solid", "one sees where one is");
    browser.keys(ENTER);
    browser.wait("its page", "one('incident-ack')");
    tab_to(visit, "the button", "focus() === one('incident-ack')");
    browser.keys(ENTER);
    browser.wait("the note", "focus() === one('incident-note')");
    browser.keys("I look at it");
    tab_to(visit, "the button of the dialog", "focus() === one('incident-ack-confirm')");
    browser.keys(ENTER);
    browser.wait("the acknowledgement", "at('.head [data-state=acknowledged]') && !one('incident-ack')");
    let figures = browser.text("at('.figures').textContent");
    assert!(figures.contains("I look at it") && figures.contains("Acknowledged byadmin"), "{figures}");
    browser.wait("the focus", "focus() === at('h1')");

    browser.keys("?");
    browser.wait("the list of keys", "/Pause or go on/.test(at('dialog').textContent)");
    browser.keys(ESCAPE);
    browser.wait("its end", "!at('dialog')");
    browser.keys("gl");
    browser.wait("the logs", "at('h1').textContent === 'Logs'");
    browser.keys("/");
    browser.wait("the search", "focus() === one('log-search')");
    visit.is_calm(&[]);
}

/// Goes on with Tab until the focus is where it is wanted.
fn tab_to(visit: &Visit, what: &str, expression: &str) {
    const MOST: usize = 60;
    for _ in 0..MOST {
        if visit.browser.value(expression) == true {
            return;
        }
        visit.browser.keys(TAB);
    }
    panic!("Tab does not lead to {what}");
}
