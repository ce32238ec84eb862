//! What becomes of calls: when they are taken, refused, put off, and when everything ends in the middle.

use super::*;
use crate::webhooks::error::Error;
use crate::webhooks::state::{HISTORY, QUEUE};

const HOUR: u64 = 3600;

#[tokio::test]
async fn a_kill_before_a_call_is_made_loses_nothing() {
    let world = World::new().await;
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    let id = world.deliveries(&webhook.id)[0].id.clone();
    let mut other = world.after_a_kill().await;
    other.run();
    let calls = other.receiver.calls(1).await;
    assert_eq!((calls[0].id.as_str(), calls[0].event.as_str()), (id.as_str(), "incident_opened"));
    // The change is told again by whoever does not know that it was taken.
    other.tell(&[open("i")]).await;
    other.rests().await;
    assert_eq!(other.receiver.made().len(), 1);
}

#[tokio::test]
async fn a_kill_while_a_call_is_made_makes_it_again_by_the_same_name() {
    let world = World::running().await;
    world.receiver.hangs.send_replace(true);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    let first = world.receiver.calls(1).await;
    let mut other = world.after_a_kill().await;
    other.run();
    let second = other.receiver.calls(1).await;
    assert_eq!((&first[0].id, &first[0].body), (&second[0].id, &second[0].body));
    other.settled(&webhook.id, 1, DeliveryState::Delivered).await;
    let third = other.after_a_kill().await;
    assert_eq!(third.deliveries(&webhook.id)[0].state, DeliveryState::Delivered, "that was noted");
}

#[tokio::test]
async fn who_stops_waits_for_calls_under_way() {
    let mut world = World::running().await;
    world.receiver.hangs.send_replace(true);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    world.receiver.calls(1).await;
    let (stop, run) = world.courier.take().unwrap();
    stop.send(()).unwrap();
    world.receiver.hangs.send_replace(false);
    timeout(HANG, run).await.unwrap().unwrap();
    assert_eq!(world.deliveries(&webhook.id)[0].state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_after_longer_and_longer_waits() {
    let world = World::running().await;
    world.receiver.answers([again(503, None), again(500, None), again(500, None)]);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    for (attempts, wait) in [(1, 5), (2, 30), (3, 120)] {
        let made = world.deliveries_when(&webhook.id, |all| all[0].attempts == attempts).await;
        assert_eq!((made[0].state, made[0].error.is_some()), (DeliveryState::Waiting, true));
        let next = at(made[0].next_attempt_at.as_deref().unwrap()).since(world.clock.now()).as_secs_f64();
        assert!(next <= wait as f64 && next >= wait as f64 * 0.75 - 0.001, "{next} of {wait}");
        world.wait(wait);
    }
    let calls = world.receiver.calls(4).await;
    assert!(calls.iter().all(|call| call.id == calls[0].id && call.body == calls[0].body), "one name, one body");
    let made = world.settled(&webhook.id, 1, DeliveryState::Delivered).await;
    assert_eq!((made[0].attempts, made[0].status, made[0].error.clone()), (4, Some(200), None));
    let shown = world.registry.webhook(world.admin(), &webhook.id).unwrap();
    assert_eq!(shown.failing_since, None);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let world = World::running().await;
    world.receiver.answers([again(429, Some(600))]);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    let made = world.deliveries_when(&webhook.id, |all| all[0].attempts == 1).await;
    assert_eq!(made[0].next_attempt_at.as_deref(), Some("2026-11-23T14:10:00.000Z"));
    // Others wait as well: it is the receiver that has asked.
    world.tell(&[open("j")]).await;
    world.wait(599);
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 1);
    world.wait(1);
    world.settled(&webhook.id, 2, DeliveryState::Delivered).await;
}

#[tokio::test]
async fn a_refusal_may_be_mended_but_not_for_ever() {
    let world = World::running().await;
    world.receiver.answers(vec![refused(404); 5]);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    for attempts in 1..=5 {
        world.deliveries_when(&webhook.id, |all| all[0].attempts == attempts).await;
        world.wait(2 * HOUR);
    }
    world.settled(&webhook.id, 1, DeliveryState::Delivered).await;
    world.receiver.answers(vec![refused(400); 6]);
    world.tell(&[open("k")]).await;
    for attempts in 1..=6 {
        world.deliveries_when(&webhook.id, |all| all[0].attempts == attempts).await;
        world.wait(2 * HOUR);
    }
    let made = world.settled(&webhook.id, 1, DeliveryState::Failed).await;
    assert_eq!(
        (made[0].status, made[0].error.as_deref(), &made[0].next_attempt_at),
        (Some(400), Some("400 No"), &None)
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_called_no_more() {
    let world = World::running().await;
    world.receiver.answers([Answer::Gone]);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i"), open("j")]).await;
    let made = world.settled(&webhook.id, 2, DeliveryState::Failed).await;
    assert!(made.iter().all(|one| one.error.as_deref() == Some("its receiver has answered 410 (gone)")), "{made:?}");
    let shown = world.registry.webhook(world.admin(), &webhook.id).unwrap();
    assert_eq!(
        (shown.enabled, shown.disabled_reason.as_deref()),
        (false, Some("its receiver has answered 410 (gone)"))
    );
    world.tell(&[open("k")]).await;
    world.rests().await;
    assert_eq!((world.receiver.made().len(), world.deliveries(&webhook.id).len()), (1, 2));
    let other = world.after_a_kill().await;
    assert!(!other.registry.webhook(other.admin(), &webhook.id).unwrap().enabled, "that outlives a restart");

    // Its owner wants it again, and what was given up too.
    let conflict = world.registry.redeliver(world.admin(), &webhook.id, &made[1].id).await;
    assert!(matches!(conflict, Err(Error::Conflict(_))));
    let patch = serde_json::from_value(json!({ "enabled": true })).unwrap();
    let shown = world.registry.patch(world.admin(), &webhook.id, patch).await.unwrap();
    assert_eq!((shown.enabled, shown.disabled_reason), (true, None));
    let again = world.registry.redeliver(world.admin(), &webhook.id, &made[1].id).await.unwrap();
    assert_eq!((again.state, again.attempts), (DeliveryState::Waiting, 0));
    let calls = world.receiver.calls(2).await;
    assert_eq!((&calls[1].id, &calls[1].body), (&calls[0].id, &calls[0].body));
    world.settled(&webhook.id, 1, DeliveryState::Delivered).await;
}

#[tokio::test]
async fn five_days_of_failures_disable_a_webhook() {
    let world = World::running().await;
    world.receiver.answers(vec![again(500, None); 1000]);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    world.deliveries_when(&webhook.id, |all| all[0].attempts == 1).await;
    let mut attempts = 1;
    while world.registry.webhook(world.admin(), &webhook.id).unwrap().enabled {
        assert!(world.clock.now().since(start()).as_secs() <= 6 * 24 * HOUR, "it goes on for ever");
        world.wait(24 * HOUR);
        attempts += 1;
        world.deliveries_when(&webhook.id, |all| all[0].attempts == attempts).await;
    }
    assert_eq!(world.clock.now().since(start()).as_secs(), 5 * 24 * HOUR);
    let shown = world.registry.webhook(world.admin(), &webhook.id).unwrap();
    assert_eq!(shown.disabled_reason.as_deref(), Some("no call of it has been taken for five days"));
    assert_eq!(shown.failing_since.as_deref(), Some("2026-11-23T14:00:00.000Z"));
    assert_eq!(world.deliveries(&webhook.id)[0].state, DeliveryState::Failed);
}

#[tokio::test]
async fn a_receiver_that_is_down_is_left_alone_and_gets_all_when_it_is_back() {
    let world = World::running().await;
    world.receiver.answers(vec![again(500, None); 6]);
    let webhook = world.webhook(json!({})).await.webhook;
    let incidents: Vec<_> = (0..20).map(|number| open(&format!("i{number}"))).collect();
    world.tell(&incidents).await;
    world.receiver.calls(5).await;
    world.deliveries_when(&webhook.id, |all| all.iter().filter(|one| one.attempts == 1).count() == 5).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 5, "five failures, and it is left alone");
    world.wait(29);
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 5);
    world.wait(1);
    world.receiver.calls(6).await;
    world.deliveries_when(&webhook.id, |all| all.iter().map(|one| one.attempts).sum::<u32>() == 6).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 6, "one call has found out that it is still down");
    world.wait(60);
    // Now it is back: also those come at once that had longer to wait.
    world.settled(&webhook.id, 20, DeliveryState::Delivered).await;
    assert_eq!(world.receiver.made().len(), 26);
}

#[tokio::test]
async fn the_end_of_an_incident_never_overtakes_its_beginning() {
    let world = World::running().await;
    world.receiver.answers([again(500, None)]);
    let webhook = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    world.deliveries_when(&webhook.id, |all| all[0].attempts == 1).await;
    world.tell(&[resolved("i"), open("j")]).await;
    let calls = world.receiver.calls(2).await;
    assert_eq!(calls[1].body["data"]["incident"]["id"], "j", "another incident does not wait");
    world.rests().await;
    world.wait(5);
    let calls = world.receiver.calls(4).await;
    assert_eq!(types(&calls[2..]), ["incident_opened", "incident_resolved"]);
}

#[tokio::test]
async fn a_webhook_has_one_call_at_a_time_and_all_have_eight() {
    let world = World::running().await;
    world.receiver.hangs.send_replace(true);
    let mut ids = Vec::new();
    for number in 0..12 {
        let url = format!("https://hooks.example/{number}");
        ids.push(world.webhook(json!({ "url": url })).await.webhook.id);
    }
    world.tell(&[open("i"), open("j")]).await;
    let calls = world.receiver.calls(8).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 8);
    let mut urls: Vec<_> = calls.iter().map(|call| &call.url).collect();
    urls.sort();
    urls.dedup();
    assert_eq!(urls.len(), 8);
    world.receiver.hangs.send_replace(false);
    for id in &ids {
        world.settled(id, 2, DeliveryState::Delivered).await;
    }
}

#[tokio::test]
async fn a_minute_has_sixty_calls_of_a_webhook() {
    let world = World::running().await;
    let webhook = world.webhook(json!({})).await.webhook;
    let incidents: Vec<_> = (0..70).map(|number| open(&format!("i{number}"))).collect();
    world.tell(&incidents).await;
    world.settled(&webhook.id, 60, DeliveryState::Delivered).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 60);
    let busy = world.registry.test(world.admin(), &webhook.id).await;
    assert!(matches!(busy, Err(Error::Busy { after, .. }) if after == Duration::from_secs(60)), "{busy:?}");
    world.wait(60);
    world.settled(&webhook.id, 70, DeliveryState::Delivered).await;
}

#[tokio::test]
async fn a_full_queue_gives_up_its_oldest_and_a_history_forgets_its_oldest() {
    let world = World::new().await;
    let webhook = world.webhook(json!({})).await.webhook;
    let incidents: Vec<_> = (0..QUEUE + HISTORY + 5).map(|number| open(&format!("i{number}"))).collect();
    world.tell(&incidents).await;
    let all = world.deliveries(&webhook.id);
    assert_eq!(all.len(), QUEUE + HISTORY);
    let (waiting, failed) = all.split_at(QUEUE);
    assert!(waiting.iter().all(|one| one.state == DeliveryState::Waiting));
    assert_eq!(waiting[0].incident_id, Some(format!("i{}", QUEUE + HISTORY + 4)));
    assert!(failed.iter().all(|one| one.state == DeliveryState::Failed));
    assert_eq!(failed[HISTORY - 1].incident_id.as_deref(), Some("i5"));
    assert_eq!(failed[0].error.as_deref(), Some("the queue was full, and this was the oldest"));
    let other = world.after_a_kill().await;
    assert_eq!(other.deliveries(&webhook.id), all);
    let full = world.registry.redeliver(world.admin(), &webhook.id, &failed[0].id).await;
    assert!(matches!(full, Err(Error::TooMany(_))), "{full:?}");
}

#[tokio::test]
async fn a_test_says_what_came_of_it() {
    let world = World::running().await;
    world.receiver.answers([refused(403), DELIVERED]);
    let webhook = world.webhook(json!({ "enabled": false })).await.webhook;
    let made = world.registry.test(world.admin(), &webhook.id).await.unwrap();
    let told = (made.event.as_str(), made.state, made.attempts, made.status, made.error.as_deref());
    assert_eq!(told, ("test", DeliveryState::Failed, 1, Some(403), Some("403 No")));
    let made = world.registry.test(world.admin(), &webhook.id).await.unwrap();
    assert_eq!((made.state, made.error), (DeliveryState::Delivered, None));
    let call = &world.receiver.made()[1];
    assert_eq!((call.body["type"].as_str(), call.event.as_str(), call.secrets), (Some("test"), "test", 1));
    assert_eq!(world.deliveries(&webhook.id).len(), 2);
    let missing = world.registry.test(world.admin(), "wh_none").await;
    assert!(matches!(missing, Err(Error::NotFound("webhook"))));
}

#[tokio::test]
async fn a_test_that_works_frees_what_waits() {
    let world = World::running().await;
    world.receiver.answers(vec![again(500, None); 5]);
    let webhook = world.webhook(json!({})).await.webhook;
    let incidents: Vec<_> = (0..5).map(|number| open(&format!("i{number}"))).collect();
    world.tell(&incidents).await;
    world.deliveries_when(&webhook.id, |all| all.iter().all(|one| one.attempts == 1)).await;
    world.rests().await;
    let made = world.registry.test(world.admin(), &webhook.id).await.unwrap();
    assert_eq!(made.state, DeliveryState::Delivered);
    world.settled(&webhook.id, 6, DeliveryState::Delivered).await;
}
