//! What is held back, and what is told together.

use super::*;
use crate::webhooks::requests::NewSilence;
use crate::webhooks::views::Silence;

/// From ten to seven in Berlin.
fn night() -> Value {
    json!({ "quiet_hours": { "from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin" } })
}

async fn silence(world: &World, silence: Value) -> Silence {
    let mut new = json!({ "comment": "maintenance" });
    new.as_object_mut().unwrap().extend(silence.as_object().unwrap().clone());
    let new: NewSilence = serde_json::from_value(new).unwrap();
    world.registry.silence(world.admin(), new).await.unwrap()
}

#[tokio::test]
async fn quiet_hours_are_told_in_one_call_when_they_end() {
    let world = World::running().await;
    world.set("2026-11-23T22:30:00Z");
    let webhook = world.webhook(night()).await.webhook;
    world.tell(&[open("i"), resolved("i"), anomaly("j", "open", "info", "auth")]).await;
    let held = world.deliveries_when(&webhook.id, |all| all.iter().all(|one| one.next_attempt_at.is_some())).await;
    assert_eq!(held.len(), 3);
    world.rests().await;
    assert_eq!(world.deliveries(&webhook.id)[0].next_attempt_at.as_deref(), Some("2026-11-24T06:00:00.000Z"));
    // A restart in the night changes nothing.
    let mut other = world.after_a_kill().await;
    other.run();
    other.set("2026-11-24T05:59:59Z");
    other.rests().await;
    assert_eq!(other.receiver.made().len(), 0);
    other.set("2026-11-24T06:00:00Z");
    let calls = other.receiver.calls(1).await;
    other.rests().await;
    assert_eq!(other.receiver.made().len(), 1);
    let data = &calls[0].body["data"];
    assert_eq!(data["title"], "Quiet hours: 3 changes of 2 services, info");
    // What is not over matters most, though it is not the worst.
    assert_eq!((&calls[0].body["type"], &data["incident"]["id"]), (&json!("incident_opened"), &json!("j")));
    let changes: Vec<_> = data["changes"].as_array().unwrap().iter().map(|change| change["type"].clone()).collect();
    assert_eq!(changes, ["incident_opened", "incident_resolved", "incident_opened"]);
    assert_eq!(data["message"].as_str().unwrap().lines().count(), 3);
    let made = other.settled(&webhook.id, 1, DeliveryState::Delivered).await;
    assert_eq!(made.len(), 1);
}

#[tokio::test]
async fn what_is_critical_wakes_people() {
    let world = World::running().await;
    world.set("2026-11-23T22:30:00Z");
    let mut more = night();
    more["events"] = json!(["incident_opened"]);
    world.webhook(more).await;
    world.tell(&[anomaly("i", "open", "critical", "payment")]).await;
    world.receiver.calls(1).await;
    // Also what has only become so, by a change that is not wanted by itself.
    world.tell(&[open("j")]).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 1);
    world.tell(&[anomaly("j", "update", "critical", "payment")]).await;
    let calls = world.receiver.calls(2).await;
    assert_eq!((types(&calls)[1], &calls[1].body["data"]["severity"]), ("incident_opened", &json!("critical")));
}

#[tokio::test]
async fn quiet_hours_that_are_taken_away_hold_nothing() {
    let world = World::running().await;
    world.set("2026-11-23T22:30:00Z");
    let webhook = world.webhook(night()).await.webhook;
    world.tell(&[open("i")]).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 0);
    let patch = serde_json::from_value(json!({ "quiet_hours": null })).unwrap();
    world.registry.patch(world.admin(), &webhook.id, patch).await.unwrap();
    world.receiver.calls(1).await;
}

#[tokio::test]
async fn changes_of_a_service_within_the_wait_are_one_call() {
    let world = World::running().await;
    let webhook = world.webhook(json!({ "group_wait": "30s" })).await.webhook;
    assert_eq!(webhook.group_wait.as_deref(), Some("30s"));
    world.tell(&[open("i"), anomaly("k", "open", "critical", "auth")]).await;
    world.wait(20);
    world.tell(&[anomaly("j", "open", "critical", "payment"), resolved("i")]).await;
    world.wait(9);
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 0);
    world.wait(1);
    let calls = world.receiver.calls(2).await;
    let of = |service: &str| calls.iter().find(|call| call.body["data"]["service"] == service).unwrap();
    assert!(of("auth").body["data"]["changes"].is_null(), "one change is told as ever");
    let data = &of("payment").body["data"];
    assert_eq!(data["title"], "3 changes of payment, critical");
    assert_eq!((&data["incident"]["id"], data["changes"].as_array().unwrap().len()), (&json!("j"), 3));
    let deliveries = world.settled(&webhook.id, 2, DeliveryState::Delivered).await;
    assert_eq!(deliveries.len(), 2);
    // Each change is known, though it had no call of its own.
    world.tell(&[open("i"), anomaly("j", "open", "critical", "payment")]).await;
    world.wait(60);
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 2);
}

#[tokio::test]
async fn what_gets_worse_before_it_is_told_is_told_once() {
    let world = World::running().await;
    world.webhook(json!({ "group_wait": "1m" })).await;
    world.tell(&[open("i"), anomaly("i", "update", "critical", "payment")]).await;
    world.wait(60);
    let calls = world.receiver.calls(1).await;
    assert_eq!((types(&calls), &calls[0].body["data"]["severity"]), (vec!["incident_opened"], &json!("critical")));
}

#[tokio::test]
async fn what_begins_and_ends_in_a_silence_is_never_told() {
    let world = World::running().await;
    let webhook = world.webhook(json!({})).await.webhook;
    let made = silence(&world, json!({ "service": "payment", "to": "2026-11-23T15:00:00Z" })).await;
    assert!(made.active && world.registry.is_silenced("payment", "high_latency", "demo"));
    assert!(!world.registry.is_silenced("auth", "high_latency", "demo"));
    world.tell(&[open("i"), anomaly("j", "open", "info", "auth")]).await;
    let calls = world.receiver.calls(1).await;
    assert_eq!(calls[0].body["data"]["service"], "auth", "others are told");
    world.rests().await;
    let held = world.deliveries(&webhook.id);
    assert_eq!(held[1].next_attempt_at.as_deref(), Some("2026-11-23T15:00:00.000Z"));
    world.tell(&[anomaly("i", "update", "critical", "payment"), anomaly("i", "resolved", "critical", "payment")]).await;
    world.deliveries_when(&webhook.id, |all| all.len() == 1).await;
    world.wait(2 * 3600);
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 1);
    assert!(!world.registry.is_silenced("payment", "high_latency", "demo"));
}

#[tokio::test]
async fn what_outlasts_a_silence_is_told_when_that_ends() {
    let world = World::running().await;
    world.webhook(json!({})).await;
    world.tell(&[open("old")]).await;
    world.receiver.calls(1).await;
    world.rests().await;
    silence(&world, json!({ "to": "2026-11-23T15:00:00Z" })).await;
    world.tell(&[open("new"), anomaly("new", "update", "critical", "payment"), resolved("old")]).await;
    world.rests().await;
    // A restart in a silence changes nothing.
    let mut other = world.after_a_kill().await;
    other.run();
    other.wait(3599);
    other.rests().await;
    assert_eq!(other.receiver.made().len(), 0);
    other.wait(1);
    let calls = other.receiver.calls(2).await;
    assert_eq!(types(&calls), ["incident_opened", "incident_resolved"], "as it stands, and an end of what was told");
    assert_eq!(calls[0].body["data"]["severity"], "critical");
}

#[tokio::test]
async fn a_silence_that_is_taken_back_holds_nothing() {
    let world = World::running().await;
    world.webhook(json!({})).await;
    let made =
        silence(&world, json!({ "type": "high_latency", "pipeline": "demo", "to": "2026-11-23T15:00:00Z" })).await;
    world.tell(&[open("i")]).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 0);
    world.registry.end_silence(world.admin(), &made.id).await.unwrap();
    world.receiver.calls(1).await;
}

#[tokio::test]
async fn a_silence_comes_again() {
    let world = World::running().await;
    world.webhook(json!({})).await;
    let window = json!({ "from": "2026-11-22T02:00:00Z", "to": "2026-11-22T04:00:00Z", "repeat": "weekly" });
    assert!(!silence(&world, window).await.active);
    world.tell(&[open("i")]).await;
    world.receiver.calls(1).await;
    world.set("2026-11-29T03:00:00Z");
    world.tell(&[open("j"), resolved("j"), open("k")]).await;
    world.rests().await;
    assert_eq!(world.receiver.made().len(), 1);
    world.set("2026-11-29T04:00:00Z");
    let calls = world.receiver.calls(2).await;
    assert_eq!(calls[1].body["data"]["incident"]["id"], "k");
}

#[tokio::test]
async fn a_high_rate_within_a_silence_is_not_told_later() {
    let world = World::running().await;
    let webhook = world.webhook(json!({ "events": ["high_error_rate"] })).await.webhook;
    silence(&world, json!({ "type": "high_error_rate", "to": "2026-11-23T15:00:00Z" })).await;
    let source = logd_sdk::ComponentId::new("demo", "per_service");
    let count = async |from: u64, errors: f64| {
        let counts: Vec<Counts<'_>> = (from..from + 40)
            .map(|step| Counts {
                service: "a",
                time: start().after(Duration::from_secs(step * 10)),
                logs: 100.0,
                errors,
            })
            .collect();
        world.alerts.count(&source, &counts).await.unwrap();
        world.rests().await;
    };
    count(0, 50.0).await;
    assert_eq!(world.deliveries(&webhook.id).len(), 1);
    count(40, 1.0).await;
    assert_eq!(world.deliveries(&webhook.id).len(), 0);
    assert_eq!(world.receiver.made().len(), 0);
}
