//! Who sees what: those who only look, those who see one service, and those who are nobody.

use super::browser::ENTER;
use super::shop::{ADMIN, BOUND, PAYMENT, VIEWER};
use super::visit::{Visit, id};

/// A wrong password is refused with a reason, and the right one lets in.
pub(super) fn only_the_right_password_lets_in(visit: &Visit) {
    let browser = &visit.browser;
    browser.wait("the login", "focus() === one('username')");
    visit.is_calm(&[]);
    browser.write(&id("username"), ADMIN.0);
    browser.write(&id("password"), &format!("a loud morning{ENTER}"));
    browser.wait("the reason", "one('login-problem').textContent");
    assert_eq!(browser.value("one('account')"), serde_json::Value::Null);
    visit.is_calm(&["401"]);
    browser.write(&id("password"), &format!("{}{ENTER}", ADMIN.1));
    browser.wait("the account of who has signed in", "one('account')");
    let kept = browser.text("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)");
    assert!(!kept.contains("eyJ") && !kept.contains(ADMIN.1), "scripts see no token: {kept}");
}

/// A page that is loaded anew is where it was.
pub(super) fn a_session_outlives_a_page(visit: &Visit) {
    let browser = &visit.browser;
    visit.go("#/pipelines", "Pipelines");
    browser.value("location.reload()");
    browser.wait("the session after a reload", "one('pipeline') && one('account')");
    visit.is_calm(&[]);
}

/// A viewer sees it all, but nothing that only an admin may do, and asks for nothing that is refused.
pub(super) fn a_viewer_has_no_buttons_of_admins(visit: &Visit) {
    let browser = &visit.browser;
    visit.sign_in(VIEWER);
    visit.go("#/pipelines", "Pipelines");
    browser.wait("the pipelines", "one('pipeline')");
    assert_eq!(browser.value("one('plan') ?? one('reload')"), serde_json::Value::Null);
    assert_eq!(browser.value("at('nav [href*=webhooks]')"), serde_json::Value::Null);
    visit.go("#/webhooks", "Webhooks");
    browser.wait("a word on it", "/Only admins/.test(at('main').textContent)");
    visit.go("#/incidents?state=acknowledged", "Incidents");
    browser.press(&format!("{}[data-state=acknowledged]", id("incident-row")));
    browser.wait("the incident", "one('incident-explanation')?.textContent && at('.head .actions a')");
    // An incident that is acknowledged has nothing but its logs for a viewer: no "Resolve", no "Silence".
    assert_eq!(browser.text("at('.head .actions').textContent"), "Logs");
    browser.press(&id("account"));
    browser.wait("the role", "/Role: viewer/.test(at('.menu').textContent)");
    assert_eq!(browser.value("at('.menu [href*=audit]')"), serde_json::Value::Null);
    browser.press(&id("account"));
    visit.sign_out();
}

/// Who is bound to a service sees nothing of others: in lists, numbers, logs, the tail, and by a guessed address.
pub(super) fn who_is_bound_sees_one_service(visit: &Visit) {
    let browser = &visit.browser;
    visit.set("#/overview");
    visit.sign_in(BOUND);
    visit.go("#/overview", "Overview");
    browser.wait("the service", &format!("one('service-row', '[data-service={PAYMENT}]')"));
    browser.wait("its incident", "one('incident-row')");
    let others = format!(
        "[...all('service-row'), ...all('incident-row')].filter((row) => row.dataset.service !== {PAYMENT:?}).length"
    );
    assert_eq!(browser.value(&others), 0);
    visit.go("#/incidents?range=24h", "Incidents");
    browser.wait("its incident", "one('incident-row')");
    assert_eq!(browser.value(&others), 0);
    visit.go("#/logs?range=15m&tail=1", "Logs");
    browser.wait("logs", "all('log-row').length > 5");
    let newest = "one('log-row').dataset.id";
    let before = browser.text(newest);
    browser.wait("newer logs", &format!("{newest} !== {before:?}"));
    let services = "[...new Set(all('log-row', ' .from').map((from) => from.textContent))].join()";
    assert_eq!(browser.text(services), PAYMENT);
    visit.is_calm(&[]);
    visit.go("#/services/auth-service", "auth-service");
    browser.wait("that there is no such service", "at('.problem')");
    assert_eq!(browser.value("all('chart').length"), 0);
    visit.is_calm(&["404"]);
    visit.sign_out();
}
