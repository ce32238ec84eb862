//! When a client is told that its events are on disk or delivered, and what a repeat of its request does.

use super::durable::{Home, is_silent};
use super::*;

/// Sends a request on a connection of its own, in the background.
fn send(address: SocketAddr, headers: &str, body: impl AsRef<[u8]>) -> JoinHandle<Reply> {
    tokio::spawn(ask(address, post(headers, body)))
}

#[tokio::test]
async fn delivered_is_answered_when_its_epoch_is_complete() {
    let home = Home::new("respond_when = 'delivered'");
    let (mut source, address) = home.start(None).await;
    let mut client = connect(address).await;
    client.send(post("", "one")).await;
    assert_eq!(texts(&next(&mut source).await), ["one"]);
    assert!(timeout(Duration::ZERO, home.context.epochs.asked()).await.is_err(), "not in the graph yet");
    drop(source.next());
    timeout(HANG, home.context.epochs.asked()).await.expect("an epoch is asked for");
    let position = source.position().unwrap();
    assert!(client.waits().await);
    source.commit(&position).await.unwrap();
    assert_eq!(client.reply().await.status, 200);
    drop(source.next());
    assert!(timeout(Duration::ZERO, home.context.epochs.asked()).await.is_err(), "nobody waits");
}

#[tokio::test]
async fn delivered_is_503_at_the_deadline_and_harmless_to_repeat() {
    let home = Home::new("respond_when = 'delivered'\nlimits.busy_timeout = '300ms'");
    let (mut source, address) = home.start(None).await;
    let key = "Idempotency-Key: a\r\n";
    let reply = ask(address, post(key, "one")).await;
    assert_eq!(reply.status, 503);
    assert!(reply.head.contains("retry-after: 1\r\n"), "{}", reply.head);
    assert_eq!(texts(&next(&mut source).await), ["one"]);
    source.commit(&source.position().unwrap()).await.unwrap();
    assert_eq!(ask(address, post(key, "one")).await.status, 200);
    assert!(is_silent(&mut source).await);
}

#[tokio::test]
async fn at_its_end_who_waits_for_delivery_is_503() {
    let home = Home::new("respond_when = 'delivered'");
    let (mut source, address) = home.start(None).await;
    let mut client = connect(address).await;
    client.send(post("", "one")).await;
    assert_eq!(next(&mut source).await.len(), 1);
    drop(source);
    assert_eq!(client.reply().await.status, 503);
    assert_eq!(texts(&next(&mut home.start(None).await.0).await), ["one"]);
}

#[tokio::test]
async fn a_key_makes_a_retry_harmless_also_after_a_restart() {
    let home = Home::new("strict_path = false");
    let (mut source, address) = home.start(None).await;
    let key = "Idempotency-Key: \"6f1b\"\r\n";
    let twice = [send(address, key, "one"), send(address, key, "one")];
    for reply in twice {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert_eq!(texts(&next(&mut source).await), ["one"]);
    let reply = ask(address, post(key, "two")).await;
    assert_eq!((reply.status, reply.body.as_str()), (422, "{\"error\":\"Another request had this Idempotency-Key.\"}"));
    let long = format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    assert_eq!(ask(address, post(&long, "one")).await.status, 400);

    for committed in [false, true] {
        let position = source.position().unwrap();
        if committed {
            source.commit(&position).await.unwrap();
        }
        drop(source);
        let (again, address) = home.start(Some(&position)).await;
        source = again;
        assert_eq!(ask(address, post(key, "one")).await.status, 200);
        assert!(is_silent(&mut source).await, "it was taken before");
    }
    // An hour later it is another request.
    drop(source);
    home.context.clock.set(Time::from_micros(NOW.as_micros() + 3_600_000_001));
    let (mut source, address) = home.start(None).await;
    next(&mut source).await;
    source.commit(&source.position().unwrap()).await.unwrap();
    assert_eq!(ask(address, post(key, "one")).await.status, 200);
    assert_eq!(texts(&next(&mut source).await), ["one"]);
}

#[tokio::test]
async fn a_full_log_is_503_until_something_is_delivered() {
    let home = Home::new("buffer.max_size = '64 MiB'");
    let (mut source, address) = home.start(None).await;
    let body = vec![b'x'; 4 << 20];
    let mut taken = 0;
    let refused = loop {
        let reply = ask(address, post("", &body)).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
    };
    assert_eq!((refused.status, taken), (503, 15));
    assert!(refused.head.contains("retry-after: 1\r\n"));
    assert!(home.context.health.reason().unwrap().contains("full"));
    for _ in 0..taken {
        assert_eq!(next(&mut source).await.len(), 1);
    }
    source.commit(&source.position().unwrap()).await.unwrap();
    assert_eq!(home.context.health.reason(), None);
    assert_eq!(ask(address, post("", &body)).await.status, 200);
}

#[tokio::test]
async fn keys_leave_room_for_what_is_not_delivered() {
    let home = Home::new("buffer.max_size = '64 MiB'");
    let (mut source, address) = home.start(None).await;
    let body = vec![b'x'; 4 << 20];
    for number in 0..60 {
        let key = format!("Idempotency-Key: {number}\r\n");
        assert_eq!(ask(address, post(&key, &body)).await.status, 200, "{number}");
        next(&mut source).await;
        source.commit(&source.position().unwrap()).await.unwrap();
    }
    let reply = ask(address, post("Idempotency-Key: 0\r\n", &body)).await;
    assert_eq!(reply.status, 200, "it is known for as long as the process lives");
    assert!(is_silent(&mut source).await);
}
