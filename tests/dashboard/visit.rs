//! A browser in the shop: signing in and out, going from view to view, and what must hold all the while.

use serde_json::Value;

use super::browser::{Browser, ENTER};
use super::shop::Shop;

/// A browser that shows a shop's dashboard.
pub(super) struct Visit {
    pub(super) browser: Browser,
    pub(super) shop: Shop,
}

impl Visit {
    /// Opens the dashboard, where nobody is signed in.
    pub(super) fn begin(shop: Shop) -> Self {
        let browser = Browser::start();
        // What a browser shows first is its own, and so is what that fetches.
        browser.open("about:blank");
        browser.log("performance");
        browser.open(&shop.url);
        Self { browser, shop }
    }

    /// Signs in, at the login that is shown.
    pub(super) fn sign_in(&self, (user, password): (&str, &str)) {
        self.browser.write(&id("username"), user);
        self.browser.write(&id("password"), &format!("{password}{ENTER}"));
        self.browser.wait("the account of who has signed in", "one('account')");
    }

    /// Signs out, after which the session is of no use to anybody.
    pub(super) fn sign_out(&self) {
        self.is_calm(&[]);
        self.browser.press(&id("account"));
        self.browser.press(&id("sign-out"));
        self.browser.wait("the login", "one('login-form')");
        assert_eq!(self.browser.value("fetch('api/v1/auth/me').then(({ status }) => status)"), 401);
        self.is_calm(&["401"]);
    }

    /// Goes to a view by its address, and waits until it has its title.
    pub(super) fn go(&self, hash: &str, title: &str) {
        self.set(hash);
        let headed = format!("at('main h1')?.textContent.includes({title:?})");
        self.browser.wait(&format!("view {title}"), &headed);
    }

    /// Sets what stands behind `#` in the address.
    pub(super) fn set(&self, hash: &str) {
        self.browser.value(&format!("location.hash = {hash:?}"));
    }

    /// Fails if the browser has complained since this was last asked, of anything but what is expected.
    pub(super) fn is_calm(&self, expected: &[&str]) {
        let complaints = self.complaints();
        let is_new = |text: &&String| !expected.iter().any(|known| text.contains(known));
        let others: Vec<_> = complaints.iter().filter(is_new).collect();
        assert!(others.is_empty(), "the console says {others:#?}");
        for known in expected {
            assert!(complaints.iter().any(|text| text.contains(known)), "the console does not say {known}");
        }
    }

    /// What the browser has complained of since this was last asked.
    pub(super) fn complaints(&self) -> Vec<String> {
        let entries = self.browser.log("browser");
        let is_bad = |entry: &&Value| !["INFO", "DEBUG"].contains(&entry["level"].as_str().unwrap_or_default());
        entries.iter().filter(is_bad).map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// The selector of what has this name for tests.
pub(super) fn id(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}
