use tokio::time::advance;

use super::*;

const PEER: &str = "192.0.2.1";

fn peer(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Fails as often as it may; how long to wait then.
fn fail(limits: &Limits, name: &str, from: &str) -> (u32, u64) {
    for attempts in 0.. {
        if let Err(wait) = limits.begin(name, peer(from)) {
            return (attempts, wait.as_secs());
        }
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn each_failure_after_the_fifth_doubles_the_wait() {
    let limits = Limits::default();
    assert_eq!(fail(&limits, "ann", PEER), (5, 1));
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(limits.begin("ann", peer(PEER)), Err(Duration::from_secs(wait)));
        advance(Duration::from_secs(wait) - Duration::from_millis(1)).await;
        assert_eq!(limits.begin("ann", peer(PEER)), Err(Duration::from_secs(1)));
        advance(Duration::from_millis(1)).await;
        assert_eq!(limits.begin("ann", peer(PEER)), Ok(()));
    }
    advance(FORGIVEN_AFTER).await;
    assert_eq!(fail(&limits, "ann", PEER), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_guesses_waits_whatever_the_name() {
    let limits = Limits::default();
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(limits.begin(name, peer(PEER)), Ok(()));
    }
    assert!(limits.begin("f", peer(PEER)).is_err());
    assert!(limits.begin("f", peer("::ffff:192.0.2.1")).is_err(), "the same, written in another way");
    assert_eq!(limits.begin("f", peer("192.0.2.2")), Ok(()));
    for last in 1..=5 {
        assert_eq!(limits.begin(&format!("six-{last}"), peer(&format!("2001:db8::{last}"))), Ok(()));
    }
    assert!(limits.begin("g", peer("2001:db8::ffff:0:0:1")).is_err(), "one network");
    assert_eq!(limits.begin("g", peer("2001:db8:0:1::1")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_name_waits_for_half_a_minute_at_most_and_not_where_it_is_known() {
    let limits = Limits::default();
    limits.begin("ann", peer("198.51.100.7")).unwrap();
    limits.succeeded("ann", peer("198.51.100.7"));
    for attempt in 0..40 {
        advance(Duration::from_secs(30)).await;
        assert_eq!(limits.begin("ann", peer(&format!("10.0.0.{attempt}"))), Ok(()), "{attempt}");
    }
    assert_eq!(limits.begin("ann", peer("10.0.1.1")), Err(Duration::from_secs(30)));
    assert_eq!(limits.begin("ann", peer("198.51.100.7")), Ok(()), "she has been there before");
    assert_eq!(limits.begin("bob", peer("10.0.1.1")), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_own_account_gives_no_more_guesses() {
    let limits = Limits::default();
    let mut guesses = 0;
    for round in 0..20 {
        if limits.begin(&format!("victim-{round}"), peer(PEER)).is_ok() {
            guesses += 1;
        }
        if limits.begin("mallory", peer(PEER)).is_ok() {
            limits.succeeded("mallory", peer(PEER));
        }
    }
    assert_eq!(guesses, 5);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_looked_at_does_not_count() {
    let limits = Limits::default();
    for _ in 0..100 {
        assert_eq!(limits.begin("ann", peer(PEER)), Ok(()));
        limits.undo("ann", peer(PEER));
    }
    assert_eq!(limits.state().names.counts.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_those_who_wait_stay() {
    let limits = Limits::default();
    fail(&limits, "ann", PEER);
    for number in 0..10_000_u32 {
        let _ = limits.begin(&format!("user-{number}"), IpAddr::from((number | 0x0a00_0000).to_be_bytes()));
    }
    let state = limits.state();
    assert_eq!((state.names.counts.len(), state.peers.counts.len()), (MOST, MOST));
    drop(state);
    assert!(limits.begin("ann", peer("203.0.113.9")).is_err());
    assert!(limits.begin("zoe", peer(PEER)).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_address_whose_tokens_are_refused_waits_and_logs_in_all_the_same() {
    let limits = Limits::default();
    for _ in 0..5 {
        assert_eq!(limits.refused_token(peer(PEER)), Ok(()));
    }
    for wait in [1, 2, 4, 8] {
        assert_eq!(limits.refused_token(peer(PEER)), Err(Duration::from_secs(wait)));
        assert_eq!(limits.refused_token(peer(PEER)), Err(Duration::from_secs(wait)), "what waits is not counted");
        advance(Duration::from_secs(wait)).await;
        assert_eq!(limits.refused_token(peer(PEER)), Ok(()));
    }
    assert_eq!(limits.refused_token(peer("192.0.2.2")), Ok(()), "another address");
    assert_eq!(limits.begin("ann", peer(PEER)), Ok(()), "a login is another matter");
    advance(FORGIVEN_AFTER).await;
    assert_eq!(limits.refused_token(peer(PEER)), Ok(()));
}
