//! Requests whose source is replaced before they have their answers.

use logd_sdk::ComponentId;
use logd_sdk::component::SourceSettings as _;
use logd_sdk::http::Extensions;

use super::durable::Home;
use super::*;
use crate::Receptions;

/// A context in which sources know of those that come in their place.
fn known(context: Context) -> Context {
    let mut shared = Extensions::new();
    shared.insert(Receptions::default());
    Context { shared, ..context }
}

/// A home in which sources know of those that come in their place, with one of them, and where that listens.
async fn inhabited(rest: &str) -> (Home, HttpSource, SocketAddr) {
    let mut home = Home::new(rest);
    home.context = known(home.context);
    let (source, address) = home.start(None).await;
    (home, source, address)
}

/// A client that is in the midst of a request, whose body is `later`.
async fn in_the_midst(address: SocketAddr) -> Client<TcpStream> {
    let mut client = connect(address).await;
    client.send([post("", ""), b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nla".to_vec()].concat()).await;
    assert_eq!(client.reply().await.status, 200);
    client
}

async fn build(context: &Context, address: SocketAddr) -> HttpSource {
    settings(&format!("address = '{address}'\nrespond_when = 'received'")).build(context).await.unwrap()
}

#[tokio::test]
async fn a_reload_refuses_nobody() {
    let context = known(context(&[]));
    let (source, address) = start_with(&context, "", Limits::default()).await;
    let mut late = in_the_midst(address).await;
    let waiting = tokio::spawn(ask(address, post("", "waiting")));
    until_waiting(&source, 1).await;
    let held = context.listeners.hold();
    drop(source);
    late.send("ter").await;
    assert!(late.waits().await);
    // It has moved.
    let mut source = build(&context, "127.0.0.1:0".parse().unwrap()).await;
    drop(held);
    assert!(next(&mut source).await.is_empty());
    until_waiting(&source, 2).await;
    assert_eq!(texts(&next(&mut source).await).len(), 2);
    drop(source.next());
    assert_eq!((late.reply().await.status, waiting.await.unwrap().status), (200, 200));
}

#[tokio::test]
async fn who_has_the_address_after_a_reload_goes_on_if_it_lets_them_in() {
    for (auth, status) in [("", 200), ("auth = { strategy = 'bearer', token = 'secret-of-24-characters-' }", 401)] {
        let context = known(context(&[]));
        let (source, address) = start_with(&context, "", Limits::default()).await;
        let mut late = in_the_midst(address).await;
        let held = context.listeners.hold();
        drop(source);
        late.send("ter").await;
        let other = Context { id: ComponentId::new("test", "other"), ..context };
        let text = format!("address = '{address}'\nrespond_when = 'received'\n{auth}");
        let source = settings(&text).build(&other).await.unwrap();
        assert!(late.waits().await, "the same component may still come");
        drop(held);
        let flow = flow(source);
        assert_eq!(late.reply().await.status, status);
        flow.abort();
    }
}

#[tokio::test]
async fn after_a_reload_that_nobody_comes_of_it_is_503() {
    let context = known(context(&[]));
    let (source, address) = start_with(&context, "", Limits::default()).await;
    let mut late = in_the_midst(address).await;
    let held = context.listeners.hold();
    drop(source);
    late.send("ter").await;
    assert!(late.waits().await);
    drop(held);
    assert_eq!(late.reply().await.status, 503);
}

#[tokio::test]
async fn of_a_request_that_was_taken_in_part_nothing_is_taken_twice() {
    let context = known(context(&[]));
    let (mut source, address) = start_with(&context, "", Limits::default()).await;
    let large = tokio::spawn(ask(address, post("", "{}\n".repeat(5000))));
    assert_eq!(next(&mut source).await.len(), 4096);
    let held = context.listeners.hold();
    drop(source.next());
    drop(source);
    let _source = build(&context, address).await;
    drop(held);
    assert_eq!(large.await.unwrap().status, 503);
}

#[tokio::test]
async fn who_waits_for_delivery_is_answered_when_the_next_source_has_delivered() {
    let (home, mut source, address) = inhabited("respond_when = 'delivered'").await;
    let mut client = connect(address).await;
    client.send(post("", "one")).await;
    assert_eq!(texts(&next(&mut source).await), ["one"]);
    // It is handed on, and not delivered.
    let position = source.position().unwrap();
    let held = home.context.listeners.hold();
    drop(source);
    let (mut source, _) = home.start(Some(&position)).await;
    drop(held);
    assert!(client.waits().await);
    drop(source.next());
    timeout(HANG, home.context.epochs.asked()).await.expect("an epoch is asked for");
    source.commit(&position).await.unwrap();
    assert_eq!(client.reply().await.status, 200);
}

#[tokio::test]
async fn a_log_stays_open_for_who_comes_next() {
    let (home, mut source, address) = inhabited("buffer.max_size = '64 MiB'").await;
    let mut client = connect(address).await;
    client.send(post("Idempotency-Key: a\r\n", "one")).await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(texts(&next(&mut source).await), ["one"]);
    let position = source.position().unwrap();
    let held = home.context.listeners.hold();
    drop(source);
    client.send(post("", "two")).await;
    assert_eq!(client.reply().await.status, 200, "it is on disk, though there is no source");
    let (mut source, address) = home.start(Some(&position)).await;
    drop(held);
    assert_eq!(ask(address, post("Idempotency-Key: a\r\n", "one")).await.status, 200);
    assert_eq!(texts(&next(&mut source).await), ["two"]);
    source.commit(&source.position().unwrap()).await.unwrap();
    drop(source);
    // It is closed when the last source is gone.
    assert_eq!(texts(&next(&mut home.start(Some(&position)).await.0).await), ["two"]);
}
