//! What one client can't take from the others: logins that are guessed, requests without end, streams.

use std::collections::BTreeMap;

use super::client::{Client, Reply};
use super::shop::{ADMIN, BOUND, LOGS, Shop, VIEWER};

fn seconds(reply: &Reply) -> u64 {
    let after = reply.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {reply}"));
    after.parse().expect("seconds")
}

#[test]
fn guessed_passwords_lock_nobody_else_out() {
    let mut shop = Shop::open(LOGS, "");
    let (here, elsewhere) = (shop.client().from([127, 0, 0, 2]), shop.client().from([127, 0, 0, 3]));
    // The user has been here before.
    let known = shop.client().from([127, 0, 0, 4]);
    known.login(VIEWER);
    let mut refused = None;
    for _ in 0..20 {
        let reply = here.ask_token(VIEWER.0, "a wrong horse battery");
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        reply.is_problem(401, "a wrong password");
    }
    let refused = refused.expect("somebody is stopped who guesses");
    refused.is_problem(429, "too many guesses");
    assert!((1..=900).contains(&seconds(&refused)), "{refused}");
    here.ask_token(VIEWER.0, VIEWER.1).is_problem(429, "the right password comes too late");
    // By the other way in too, and by a name that nobody has.
    let session = serde_json::json!({ "username": BOUND.0, "password": BOUND.1 });
    here.post("/api/v1/auth/session", &session).is_problem(429, "the same address");
    here.ask_token("nobody-of-this-name", "a wrong horse battery").is_problem(429, "the same address");

    assert_eq!(elsewhere.ask_token(BOUND.0, BOUND.1).status, 200, "others get in from elsewhere");
    assert_eq!(elsewhere.ask_token(ADMIN.0, ADMIN.1).status, 200, "others get in from elsewhere");
    assert_eq!(known.ask_token(VIEWER.0, VIEWER.1).status, 200, "and the user from where they were before");
    let mut answers = Vec::new();
    shop.wait_for("the end of the wait", || {
        answers.push(here.ask_token(BOUND.0, BOUND.1).status);
        answers.last() == Some(&200)
    });
    assert!(answers.iter().all(|status| [200, 429].contains(status)), "{answers:?}");
}

/// A flood of logins at once: each is answered, none with a fault, and no more than a few are looked at.
#[test]
fn a_flood_of_logins_is_bounded() {
    let shop = Shop::open(LOGS, "");
    let floods: Vec<_> = (0..64_u8)
        .map(|number| {
            let client = shop.client().from([127, 0, 1, number + 1]);
            std::thread::spawn(move || client.ask_token(VIEWER.0, "a wrong horse battery"))
        })
        .collect();
    let mut answers = BTreeMap::<u16, usize>::new();
    for flood in floods {
        let reply = flood.join().expect("no thread panics");
        if reply.status != 401 {
            seconds(&reply);
        }
        *answers.entry(reply.status).or_default() += 1;
    }
    assert!(answers.keys().all(|status| [401, 429, 503].contains(status)), "{answers:?}");
    assert!(answers[&401] <= 8 && answers[&429] >= 48, "{answers:?}");
    assert_eq!(shop.client().ask_token(ADMIN.0, ADMIN.1).status, 200, "another user gets in");
}

/// Who keeps sending tokens that are none has to wait, by address; valid tokens from there are taken all the while.
#[test]
fn tokens_that_are_none_wait_and_concern_no_others() {
    const ME: &str = "/api/v1/auth/me";
    let shop = Shop::open(LOGS, "rate_limit = 1000\n");
    let (here, elsewhere) = (shop.client().from([127, 0, 0, 2]), shop.client().from([127, 0, 0, 3]));
    let viewer = here.login(VIEWER);
    let strangers = ["x", "guess", "a.b.c"].map(|token| here.bearer(token));
    let replies: Vec<_> = strangers.iter().cycle().take(60).map(|stranger| stranger.get(ME)).collect();
    let first = replies.iter().position(|reply| reply.status == 429).expect("somebody is stopped who guesses");
    assert!(first >= 5, "the first few are answered as ever: {}", replies[first]);
    for reply in &replies {
        assert!([401, 429].contains(&reply.status), "{reply}");
        if reply.status == 429 {
            reply.is_problem(429, "too many guesses");
            assert!((1..=900).contains(&seconds(reply)), "{reply}");
        }
    }
    // After each wait one is looked at, and they are 1, 2, 4, 8 seconds and so on: for twelve it would take a minute.
    let looked_at = replies.iter().filter(|reply| reply.status == 401).count();
    assert!(looked_at < 12, "{looked_at} of 60 were looked at");

    for _ in 0..20 {
        assert_eq!(viewer.get(ME).status, 200, "a valid token from the same address");
    }
    let again: Vec<_> = strangers.iter().map(|stranger| stranger.get(ME).status).collect();
    assert!(again.contains(&429), "valid ones in between change nothing: {again:?}");
    here.get(ME).is_problem(401, "who has no token has guessed none");
    assert_eq!(here.ask_token(ADMIN.0, ADMIN.1).status, 200, "a login from there");
    elsewhere.bearer("guess").get(ME).is_problem(401, "another address");
}

#[test]
fn a_user_makes_so_many_requests_and_no_more() {
    let shop = Shop::open(LOGS, "rate_limit = 5\nmax_streams = 2\n");
    let (root, viewer) = (shop.client().login(ADMIN), shop.client().login(VIEWER));
    let replies: Vec<_> = (0..30).map(|_| viewer.get("/api/v1/auth/me")).collect();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 200).collect();
    assert!(refused.len() >= 10, "{} of 30 were refused", refused.len());
    for reply in refused {
        reply.is_problem(429, "too many requests");
        assert_eq!(seconds(reply), 1, "{reply}");
    }
    assert_eq!(root.get("/api/v1/auth/me").status, 200, "another user is not concerned");

    // Streams.
    let follow = |client: &Client, path: &str| {
        let (client, path) = (client.clone(), path.to_owned());
        let (told, tell) = std::sync::mpsc::channel();
        let (go_on, end) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            client.follow(&path, |text| {
                let begun = text.contains("event: metrics");
                if begun {
                    told.send(()).expect("the test waits");
                    let _ = end.recv();
                }
                begun
            })
        });
        tell.recv().expect("it begins");
        (thread, go_on)
    };
    let streams = [follow(&root, "/api/v1/stream"), follow(&root, "/api/v1/stream?topics=metrics")];
    let third = root.get("/api/v1/stream");
    third.is_problem(503, "one stream too many");
    assert!(seconds(&third) >= 1);
    for (thread, go_on) in streams {
        drop(go_on);
        thread.join().expect("no thread panics");
    }
}
