//! What is kept, what is refused, and what is shown to whom.

use super::*;
use crate::webhooks::error::Error;
use crate::webhooks::requests::{NewSilence, WebhookPatch};

fn field(error: &Error) -> String {
    match error {
        Error::Invalid { field, .. } => field.to_string(),
        other => format!("{other}"),
    }
}

#[tokio::test]
async fn what_can_not_be_is_refused_by_name() {
    let world = World::new().await;
    let register = async |more: Value| {
        let mut new = json!({ "url": "https://hooks.example/a", "events": ["incident_opened"] });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let new: NewWebhook = serde_json::from_value(new).unwrap();
        world.registry.register(world.admin(), new).await.map(drop)
    };
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    for (more, expected) in [
        (json!({ "events": [] }), "events"),
        (json!({ "services": [] }), "services"),
        (json!({ "services": many }), "services"),
        (json!({ "services": ["a\u{7}"] }), "services"),
        (json!({ "description": "x".repeat(501) }), "description"),
        (json!({ "url": format!("https://hooks.example/{}", "x".repeat(2048)) }), "url"),
        (json!({ "group_wait": "30" }), "group_wait"),
        (json!({ "group_wait": "2h" }), "group_wait"),
        (json!({ "quiet_hours": { "from": "25:00", "to": "07:00", "time_zone": "UTC" } }), "quiet_hours.from"),
        (json!({ "quiet_hours": { "from": "22:00", "to": "07:00", "time_zone": "Nowhere" } }), "quiet_hours.time_zone"),
    ] {
        assert_eq!(field(&register(more.clone()).await.unwrap_err()), expected, "{more}");
    }
    let refused = register(json!({ "url": "http://10.0.0.1/" })).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(_)));
    assert_eq!(
        refused.to_string(),
        "`url`: `10.0.0.1` is no address of the internet, and not in `[api.webhooks] allow`"
    );
    assert!(world.registry.webhooks(world.admin()).is_empty());
    for wrong in [
        json!({ "url": "https://a.example" }),
        json!({ "url": "https://a.example", "events": ["test"] }),
        json!({ "url": "https://a.example", "events": ["incident_opened"], "colour": 1 }),
        json!({ "url": "https://a.example", "events": ["incident_opened"], "quiet_hours": { "from": "22:00" } }),
    ] {
        assert!(serde_json::from_value::<NewWebhook>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_webhook_is_changed_in_part() {
    let world = World::new().await;
    let made = world.webhook(json!({ "services": ["a"], "description": "d", "group_wait": "1m" })).await.webhook;
    let patch = async |patch: Value| {
        let patch: WebhookPatch = serde_json::from_value(patch).unwrap();
        world.registry.patch(world.admin(), &made.id, patch).await
    };
    assert_eq!(patch(json!({})).await.unwrap(), made);
    let changed = patch(json!({ "services": null, "min_severity": "critical", "group_wait": null })).await.unwrap();
    let expected = (None, Some("d"), None);
    assert_eq!(
        (&changed.services, changed.description.as_deref(), changed.group_wait.clone()),
        (&expected.0, expected.1, expected.2)
    );
    assert!(matches!(patch(json!({ "url": "http://10.0.0.1/" })).await, Err(Error::Refused(_))));
    assert_eq!(world.registry.webhook(world.admin(), &made.id).unwrap(), changed, "what is refused changes nothing");
    assert_eq!(world.after_a_kill().await.registry.webhooks(world.admin()), [changed]);
    for wrong in [json!({ "secret": "x" }), json!({ "events": ["x"] })] {
        assert!(serde_json::from_value::<WebhookPatch>(wrong).is_err());
    }
    world.registry.remove(world.admin(), &made.id).await.unwrap();
    assert!(matches!(world.registry.remove(world.admin(), &made.id).await, Err(Error::NotFound("webhook"))));
    assert!(world.after_a_kill().await.registry.webhooks(world.admin()).is_empty());
}

#[tokio::test]
async fn who_disables_a_webhook_gives_up_what_waits() {
    let world = World::new().await;
    let made = world.webhook(json!({})).await.webhook;
    world.tell(&[open("i")]).await;
    let patch = serde_json::from_value(json!({ "enabled": false })).unwrap();
    let shown = world.registry.patch(world.admin(), &made.id, patch).await.unwrap();
    assert_eq!((shown.enabled, shown.disabled_reason, shown.waiting), (false, None, 0));
    let [call] = &world.deliveries(&made.id)[..] else { panic!("one call") };
    assert_eq!((call.state, call.error.as_deref()), (DeliveryState::Failed, Some("its webhook was disabled")));
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_from_others() {
    let world = World::running().await;
    let made = world.webhook(json!({})).await;
    assert!(made.secret.secret.starts_with("whsec_"));
    assert_eq!(mode(&world.file()), 0o600);
    let shown = format!(
        "{:?} {} {:?}",
        world.registry.webhooks(world.admin()),
        serde_json::to_string(&world.registry.webhook(world.admin(), &made.webhook.id).unwrap()).unwrap(),
        world.registry
    );
    assert!(!shown.contains(&made.secret.secret["whsec_".len()..]), "{shown}");
    let rotated = world.registry.rotate(world.admin(), &made.webhook.id).await.unwrap();
    assert_ne!(rotated.secret, made.secret.secret);
    world.tell(&[open("i")]).await;
    assert_eq!(world.receiver.calls(1).await[0].secrets, 2, "by both for a day");
    world.rests().await;
    world.wait(24 * 3600);
    world.tell(&[open("j")]).await;
    assert_eq!(world.receiver.calls(2).await[1].secrets, 1);
}

#[tokio::test]
async fn there_is_room_for_a_hundred() {
    let world = World::new().await;
    for _ in 0..100 {
        world.webhook(json!({})).await;
    }
    let new = serde_json::from_value(json!({ "url": "https://a.example", "events": ["incident_opened"] })).unwrap();
    assert!(matches!(world.registry.register(world.admin(), new).await, Err(Error::TooMany(_))));
    assert_eq!(world.registry.webhooks(world.admin()).len(), 100);
}

#[tokio::test]
async fn who_sees_less_sees_less() {
    let world = World::new().await;
    let all = world.webhook(json!({})).await.webhook;
    let only = |service: &str| Scope { services: Some([service.to_owned()].into()), pipelines: None };
    let (payment, auth) = (only("payment"), only("auth"));
    let tenant = Asker { user: "tenant", scope: &payment };
    let new = serde_json::from_value(json!({ "url": "https://a.example", "events": ["incident_opened"] })).unwrap();
    let own = world.registry.register(tenant, new).await.unwrap().webhook;
    let silence: NewSilence = serde_json::from_value(json!({ "to": "2026-11-24T00:00:00Z", "comment": "c" })).unwrap();
    let silence = world.registry.silence(tenant, silence).await.unwrap();

    assert_eq!(world.registry.webhooks(world.admin()).len(), 2);
    assert_eq!(world.registry.webhooks(tenant), std::slice::from_ref(&own));
    let other = Asker { user: "other", scope: &auth };
    assert!(world.registry.webhooks(other).is_empty() && world.registry.silences(other).is_empty());
    assert!(world.registry.is_silenced("payment", "x", "p") && !world.registry.is_silenced("auth", "x", "p"));
    for (asker, id) in [(tenant, &all.id), (other, &own.id)] {
        assert!(world.registry.webhook(asker, id).is_err());
        assert!(world.registry.deliveries(asker, id, 10, None).is_err());
        assert!(world.registry.patch(asker, id, WebhookPatch::default()).await.is_err());
        assert!(world.registry.rotate(asker, id).await.is_err());
        assert!(world.registry.test(asker, id).await.is_err());
        assert!(world.registry.redeliver(asker, id, "x").await.is_err());
        assert!(world.registry.remove(asker, id).await.is_err());
    }
    assert!(world.registry.end_silence(other, &silence.id).await.is_err());
    world.registry.end_silence(tenant, &silence.id).await.unwrap();
}

#[tokio::test]
async fn silences_are_checked_and_forgotten() {
    let world = World::running().await;
    let made = async |silence: Value| {
        let new: NewSilence = serde_json::from_value(silence).unwrap();
        world.registry.silence(world.admin(), new).await
    };
    for (silence, expected) in [
        (json!({ "to": "tomorrow", "comment": "c" }), "to"),
        (json!({ "to": "2026-11-23T13:59:00Z", "comment": "c" }), "to"),
        (json!({ "from": "2026-11-25T00:00:00Z", "to": "2026-11-24T00:00:00Z", "comment": "c" }), "to"),
        (json!({ "from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z", "comment": "c" }), "to"),
        (json!({ "to": "2026-11-25T00:00:00Z", "repeat": "daily", "comment": "c" }), "to"),
        (json!({ "from": "now", "to": "2026-11-25T00:00:00Z", "comment": "c" }), "from"),
        (json!({ "to": "2026-11-24T00:00:00Z", "comment": " " }), "comment"),
        (json!({ "to": "2026-11-24T00:00:00Z", "comment": "c", "time_zone": "x" }), "time_zone"),
        (json!({ "to": "2026-11-24T00:00:00Z", "comment": "c", "service": "x".repeat(501) }), "service"),
    ] {
        assert_eq!(field(&made(silence.clone()).await.unwrap_err()), expected, "{silence}");
    }
    let once = made(json!({ "to": "2026-11-24T00:00:00+01:00", "comment": "c" })).await.unwrap();
    assert_eq!((once.from.as_str(), once.to.as_str()), ("2026-11-23T14:00:00.000Z", "2026-11-23T23:00:00.000Z"));
    made(json!({ "to": "2026-11-24T00:00:00Z", "comment": "c", "repeat": "weekly" })).await.unwrap();
    world.clock.set(at("2026-12-01T00:00:00Z"));
    assert_eq!(world.registry.silences(world.admin()).len(), 2);
    world.registry.forget_silences().await.unwrap();
    let left = world.registry.silences(world.admin());
    assert_eq!((left.len(), left[0].repeat.is_some()), (1, true));
}

#[tokio::test]
async fn a_history_comes_in_pages() {
    let world = World::running().await;
    let webhook = world.webhook(json!({})).await.webhook;
    let incidents: Vec<_> = (0..7).map(|number| open(&format!("i{number}"))).collect();
    world.tell(&incidents).await;
    let all = world.settled(&webhook.id, 7, DeliveryState::Delivered).await;
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = world.registry.deliveries(world.admin(), &webhook.id, 3, cursor.as_deref()).unwrap();
        seen.extend(page.0);
        cursor = page.1;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
    let wrong = world.registry.deliveries(world.admin(), &webhook.id, 3, Some("x"));
    assert_eq!(field(&wrong.unwrap_err()), "cursor");
}

#[tokio::test]
async fn a_damaged_file_is_put_aside_and_nothing_ends() {
    for (name, damage) in [
        ("no database", &(|file: &mut Vec<u8>| file.fill(7)) as &dyn Fn(&mut Vec<u8>)),
        ("cut off", &|file| file.truncate(file.len() / 2)),
        ("a page of zeros", &|file| {
            let start = file.windows(6).position(|bytes| bytes == b"wh_abc" || bytes == b"hooks.").unwrap();
            file[start - 200..start + 200].fill(0);
        }),
    ] {
        let world = World::new().await;
        let webhook = world.webhook(json!({})).await.webhook;
        world.tell(&[open("i")]).await;
        assert_eq!(world.deliveries(&webhook.id).len(), 1);
        let folder = TempDir::new().unwrap();
        let mut file = std::fs::read(world.file()).unwrap();
        damage(&mut file);
        std::fs::write(folder.path().join("webhooks.redb"), &file).unwrap();
        std::fs::write(folder.path().join("webhooks.redb.damaged-1"), "of another time").unwrap();
        let mut other = World::at(folder, Clock::fixed(start())).await;
        other.run();
        assert!(other.registry.webhooks(other.admin()).is_empty(), "{name}");
        assert_eq!(std::fs::read(other.folder.path().join("webhooks.redb.damaged-2")).unwrap(), file, "{name}");
        other.webhook(json!({})).await;
        other.tell(&[open("i")]).await;
        other.receiver.calls(1).await;
    }
}

#[tokio::test]
async fn a_store_that_has_failed_is_opened_again() {
    let world = World::running().await;
    let webhook = world.webhook(json!({})).await.webhook;
    world.registry.lose_store();
    world.tell(&[open("i")]).await;
    world.settled(&webhook.id, 1, DeliveryState::Delivered).await;
    assert_eq!(world.after_a_kill().await.deliveries(&webhook.id)[0].state, DeliveryState::Delivered);
    // And when it can't be, that is said, and nothing is taken that might be lost.
    world.registry.lose_store();
    std::fs::remove_file(world.file()).unwrap();
    std::fs::create_dir(world.file()).unwrap();
    let lost = world.alerts.take(vec![Change::told(&open("j"))]).await.unwrap_err();
    assert!(format!("{lost:#}").contains("can't be opened"), "{lost:#}");
    assert_eq!(world.deliveries(&webhook.id).len(), 1);
}

#[tokio::test]
async fn a_file_of_a_later_version_is_left_alone() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("webhooks.redb");
    std::fs::copy(world.file(), &path).unwrap();
    {
        let database = redb::Database::open(&path).unwrap();
        let write = database.begin_write().unwrap();
        let facts = redb::TableDefinition::<&str, u64>::new("facts");
        write.open_table(facts).unwrap().insert("format", 99).unwrap();
        write.commit().unwrap();
    }
    let sender: Arc<dyn Sender> = Arc::new(Receiver::default());
    let setup = Setup { sender, base: String::new(), high_error_rate: 0.1 };
    let error = Registry::open(folder.path(), setup, Clock::fixed(start())).await.unwrap_err();
    assert!(format!("{error:#}").contains("it is of version 99, and this logd reads version 1"), "{error:#}");
    assert!(path.exists() && !folder.path().join("webhooks.redb.damaged-1").exists());
}
