use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::testing::{at, secret};

const LIFETIME: Duration = Duration::from_secs(12 * 3600);
const ACCESS: Duration = Duration::from_secs(1800);

fn sessions(folder: &tempfile::TempDir) -> Sessions {
    load(folder, "0123456789abcdef0123456789abcdef")
}

fn load(folder: &tempfile::TempDir, key: &str) -> Sessions {
    Sessions::load(folder.path().join(FILE), LIFETIME, &secret(key)).unwrap()
}

fn renew(sessions: &Sessions, token: &Secret, seconds: i64) -> Result<Renewed, &'static str> {
    sessions.renew(token.expose(), at(seconds), ACCESS)
}

#[test]
fn each_token_is_good_for_one_more() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let (session, first) = sessions.begin("ann", "g", at(0)).unwrap();
    let second = renew(&sessions, &first, 60).unwrap();
    assert_eq!(
        (second.session.as_str(), second.username.as_str(), second.generation.as_str()),
        (&*session, "ann", "g")
    );
    assert_eq!(second.began, at(0));
    let third = renew(&sessions, &second.refresh_token, 120).unwrap();
    assert!(!sessions.has_ended(&session));
    // One that was used comes again: all of them are worth nothing now.
    assert_eq!(renew(&sessions, &first, 180).unwrap_err(), "it was used before");
    assert!(sessions.has_ended(&session));
    assert!(renew(&sessions, &third.refresh_token, 180).is_err());
}

#[test]
fn they_end_twelve_hours_after_the_login() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let (_, token) = sessions.begin("ann", "g", at(0)).unwrap();
    let token = renew(&sessions, &token, 12 * 3600 - 1).unwrap().refresh_token;
    assert!(renew(&sessions, &token, 12 * 3600).is_err());
}

#[test]
fn what_is_no_token_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let (session, token) = sessions.begin("ann", "g", at(0)).unwrap();
    let good = token.expose();
    let odd = [
        "",
        ".",
        &session,
        &good[..65],
        &format!("{good}="),
        &good.replace('.', "-"),
        &format!("{session}.{}", "!".repeat(43)),
    ];
    for odd in odd {
        assert!(sessions.renew(odd, at(0), ACCESS).is_err(), "{odd}");
    }
    assert!(renew(&sessions, &token, 0).is_ok());
}

#[test]
fn a_user_has_sixteen_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let (_, other) = sessions.begin("bob", "g", at(0)).unwrap();
    let begun: Vec<_> = (0..20).map(|second| sessions.begin("ann", "g", at(second)).unwrap().1).collect();
    let alive: Vec<usize> = (0..20).filter(|number| renew(&sessions, &begun[*number], 60).is_ok()).collect();
    assert_eq!(alive, (4..20).collect::<Vec<_>>());
    assert!(renew(&sessions, &other, 60).is_ok());
}

#[test]
fn all_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    for number in 0..MOST_LOGINS + 10 {
        sessions.begin(&format!("user-{number}"), "g", at(number as i64 / 1000)).unwrap();
    }
    for number in 0..MOST_ENDED + 10 {
        sessions.end(&format!("session-{number:05}"), at(1000 + number as i64), at(0));
    }
    let state = sessions.state();
    assert_eq!((state.kept.logins.len(), state.kept.ended.len()), (MOST_LOGINS, MOST_ENDED));
    assert!(!state.kept.ended.contains_key("session-00000"), "those that matter least go");
    assert!(state.kept.ended.contains_key("session-16393"));
}

#[tokio::test]
async fn a_restart_ends_nothing_and_forgets_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let before = sessions(&folder);
    let (session, token) = before.begin("ann", "g", at(0)).unwrap();
    let (ended, gone) = before.begin("bob", "g", at(0)).unwrap();
    before.end(&ended, at(1800), at(0));
    before.keep().await.unwrap();
    let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(!text.contains(token.expose().split_once('.').unwrap().1), "no token is in the file");
    let after = sessions(&folder);
    assert!(after.has_ended(&ended) && !after.has_ended(&session));
    assert!(renew(&after, &gone, 1).is_err());
    assert!(renew(&after, &token, 1).is_ok());
    after.tend(at(1800), |_, _| true);
    assert!(!after.has_ended(&ended));
}

#[tokio::test]
async fn another_secret_ends_all_logins() {
    let folder = tempfile::tempdir().unwrap();
    let before = sessions(&folder);
    let (_, token) = before.begin("ann", "g", at(0)).unwrap();
    before.keep().await.unwrap();
    assert!(renew(&load(&folder, "another key of at least 32 bytes"), &token, 1).is_err());
    assert!(renew(&sessions(&folder), &token, 1).is_ok());
}

#[tokio::test]
async fn a_damaged_file_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "{", r#"{"version":2,"secret":"","logins":{},"ended":{}}"#] {
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let sessions = sessions(&folder);
        sessions.begin("ann", "g", at(0)).unwrap();
        sessions.keep().await.unwrap();
        let aside = folder.path().join("api-sessions.json.damaged");
        assert_eq!(std::fs::read_to_string(aside).unwrap(), text);
    }
}

#[test]
fn logins_of_changed_users_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    let (_, old) = sessions.begin("ann", "1", at(0)).unwrap();
    let (_, new) = sessions.begin("ann", "2", at(0)).unwrap();
    sessions.tend(at(1), |_, generation| generation == "2");
    assert!(renew(&sessions, &old, 2).is_err() && renew(&sessions, &new, 2).is_ok());
}

#[tokio::test]
async fn the_file_is_written_when_there_is_something_new() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(&folder);
    sessions.keep().await.unwrap();
    assert!(!folder.path().join(FILE).exists());
    sessions.begin("ann", "g", at(0)).unwrap();
    let all = futures::future::join_all((0..20).map(|_| sessions.keep())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(*sessions.written.lock().await, 1);
}

proptest! {
    /// Whatever is done in whatever order: of one login at most one token is good, and none once one was used twice.
    #[test]
    fn one_token_of_a_login_is_good(steps in proptest::collection::vec((0_usize..3, 0_usize..8), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(&folder);
        let mut given: Vec<(usize, Secret)> = Vec::new();
        let mut newest: Vec<Option<usize>> = Vec::new();
        for (seconds, (step, which)) in steps.into_iter().enumerate() {
            let seconds = seconds as i64;
            if step == 0 || given.is_empty() {
                let (_, token) = sessions.begin("ann", "g", at(seconds)).unwrap();
                newest.push(Some(given.len()));
                given.push((newest.len() - 1, token));
                // The seventeenth pushes out the first.
                if newest.iter().flatten().count() > MOST_OF_A_USER {
                    let first = newest.iter().position(Option::is_some).unwrap();
                    newest[first] = None;
                }
            } else {
                let place = which * given.len() / 8;
                let login = given[place].0;
                let is_good = newest[login] == Some(place);
                let renewed = renew(&sessions, &given[place].1, seconds);
                prop_assert_eq!(renewed.is_ok(), is_good);
                newest[login] = renewed.ok().map(|renewed| {
                    given.push((login, renewed.refresh_token));
                    given.len() - 1
                });
            }
        }
        let texts: BTreeSet<&str> = given.iter().map(|(_, token)| token.expose()).collect();
        prop_assert_eq!(texts.len(), given.len());
    }
}
