//! The dashboard in a real Chromium: what a user does there, one thing after the other, against a daemon that runs.

mod browser;
mod calling;
mod editing;
mod keyboard;
mod looks;
mod network;
mod pictures;
mod rules;
mod scripts;
mod searching;
mod shop;
mod users;
mod visit;
mod watching;

use tokio::time::Instant;

use self::shop::{ADMIN, Shop};
use self::visit::Visit;

/// One visit, so that the daemon and the browser start once; each step leaves an admin signed in.
#[test]
fn a_user_gets_along() {
    let visit = Visit::begin(Shop::start());
    let mut before = Instant::now();
    let mut step = |name: &str| {
        println!("{name}: {:.1?}", before.elapsed());
        before = Instant::now();
    };
    users::only_the_right_password_lets_in(&visit);
    network::the_first_paint_is_small(&visit);
    users::a_session_outlives_a_page(&visit);
    step("signing in");
    watching::numbers_move(&visit);
    step("numbers");
    watching::an_incident_is_explained(&visit);
    watching::charts_are_marked(&visit);
    watching::the_address_says_what_is_seen(&visit);
    step("incident and charts");
    searching::logs_are_found(&visit);
    searching::the_tail_moves(&visit);
    step("logs");
    let secret = calling::a_webhook_is_called(&visit);
    step("webhook");
    editing::pipelines_are_shown(&visit);
    editing::a_broken_file_is_shown(&visit);
    step("pipelines");
    calling::an_incident_is_called(&visit, &secret);
    calling::an_incident_is_put_to_rest(&visit);
    step("incidents called");
    visit.sign_out();
    keyboard::an_incident_is_acknowledged(&visit);
    step("keyboard");
    looks::every_view_fits_and_can_be_read(&visit);
    looks::the_theme_is_chosen(&visit);
    looks::a_phone_is_enough(&visit);
    step("looks");
    visit.sign_out();
    users::a_viewer_has_no_buttons_of_admins(&visit);
    users::who_is_bound_sees_one_service(&visit);
    step("users");
    visit.sign_in(ADMIN);
    watching::what_is_old_is_red(&visit);
    step("stale");
    network::nothing_is_from_elsewhere(&visit);
    network::the_policy_holds(&visit);
}
