//! How events get from clients into the pipeline, and when clients are told so.

use std::collections::HashSet;

use logd_sdk::{Body, Field};

use super::*;

#[tokio::test]
async fn the_answer_comes_when_the_batch_was_taken() {
    let (mut source, address) = start("").await;
    let mut client = connect(address).await;
    client.send(post("", "one\ntwo\n")).await;
    let batch = next(&mut source).await;
    assert_eq!(texts(&batch), ["one", "two"]);
    assert_eq!(batch.rows().iter().map(|row| (row.position, row.time)).collect::<Vec<_>>(), [(0, NOW), (1, NOW)]);
    assert_eq!(batch.blocks()[0].greatest, NOW);
    assert!(client.waits().await, "the pipeline may still refuse it");
    // The daemon drops the call where it is told to stop.
    drop(source.next());
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(source.position(), None);
}

#[tokio::test]
async fn a_cancelled_call_loses_nothing() {
    let (mut source, address) = start("").await;
    let mut client = connect(address).await;
    for number in 0..100 {
        assert!(timeout(Duration::ZERO, source.next()).await.is_err());
        client.send(post("", number.to_string())).await;
        let batch = loop {
            if let Ok(batch) = timeout(Duration::from_micros(50), source.next()).await {
                break batch.unwrap();
            }
        };
        let Next::Batch(batch) = batch else { panic!("the source has ended") };
        assert_eq!(texts(&batch), [number.to_string()]);
        drop(source.next());
        assert_eq!(client.reply().await.status, 200);
    }
}

#[tokio::test]
async fn requests_that_wait_become_one_batch() {
    let (mut source, address) = start_with(&context(&["a"]), "decoding.codec = 'json'", Limits::default()).await;
    let mut clients = Vec::new();
    for number in 0..10 {
        let mut client = connect(address).await;
        client.send(post("", format!("{{\"a\":{number}}}\n{{\"a\":\"{number}\"}}\n"))).await;
        clients.push(client);
    }
    until_waiting(&source, 10).await;
    let batch = next(&mut source).await;
    assert_eq!((batch.len(), batch.blocks().len()), (20, 1));
    let (mut numbers, mut words) = (HashSet::new(), HashSet::new());
    for (row, place) in (0..20).zip(0..) {
        assert!(matches!(batch.rows()[row].body, Body::Json));
        assert_eq!(batch.rows()[row].position, place);
        match batch.field(row, 0) {
            Field::Integer(number) => assert!(numbers.insert(number)),
            Field::Text(word) => assert!(words.insert(word.to_owned())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((numbers.len(), words.len()), (10, 10));
    drop(source.next());
    for client in &mut clients {
        assert_eq!(client.reply().await.status, 200);
    }
}

#[tokio::test]
async fn a_large_request_is_several_batches_and_one_answer() {
    let (mut source, address) = start("").await;
    let lines: Vec<_> = (0..10_000).map(|number| format!("{number:060}")).collect();
    let mut client = connect(address).await;
    client.send(post("", lines.join("\n"))).await;
    let mut taken = Vec::new();
    while taken.len() < lines.len() {
        let batch = next(&mut source).await;
        assert!(batch.len() <= 4096);
        taken.extend(texts(&batch));
    }
    assert_eq!(taken, lines);
    assert!(client.waits().await);
    drop(source.next());
    assert_eq!(client.reply().await.status, 200);
}

#[tokio::test]
async fn a_full_pipeline_makes_clients_wait_and_then_503() {
    let (mut source, address) = start("limits.busy_timeout = '200ms'").await;
    let (mut taken, mut waiting) = (connect(address).await, connect(address).await);
    taken.send(post("", "taken")).await;
    assert_eq!(texts(&next(&mut source).await), ["taken"]);
    // From here on the pipeline takes nothing.
    waiting.send(post("", "refused")).await;
    until_waiting(&source, 1).await;
    let refused = waiting.reply().await;
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 1\r\n"));
    assert!(taken.waits().await, "what was taken is not refused");
    // And here it takes again, but not what was refused.
    waiting.send(post("", "again")).await;
    assert_eq!(texts(&next(&mut source).await), ["again"]);
    assert_eq!(taken.reply().await.status, 200);
    drop(source.next());
    assert_eq!(waiting.reply().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_are_all_answered_and_nothing_is_lost_or_doubled() {
    const CLIENTS: usize = 50;
    const REQUESTS: usize = 40;
    let (mut source, address) = start("").await;
    let clients = (0..CLIENTS).map(|client| {
        tokio::spawn(async move {
            let mut connection = connect(address).await;
            for chunk in 0..REQUESTS / 10 {
                // In a pipeline.
                let requests = (0..10).map(|place| post("", format!("{client} {}\nsecond", chunk * 10 + place)));
                connection.send(requests.collect::<Vec<_>>().concat()).await;
                for _ in 0..10 {
                    assert_eq!(connection.reply().await.status, 200);
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let (mut seen, mut events) = (HashSet::new(), 0);
    while events < 2 * CLIENTS * REQUESTS {
        let batch = next(&mut source).await;
        events += batch.len();
        for row in 0..batch.len() {
            assert!(seen.insert(batch.id(row)), "two events have one id");
        }
    }
    drop(source.next());
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(seen.len(), 2 * CLIENTS * REQUESTS);
    assert!(timeout(Duration::ZERO, source.next()).await.is_err());
}

#[tokio::test]
async fn who_goes_away_before_their_events_are_taken_takes_them_along() {
    let (mut source, address) = start("").await;
    let mut gone = connect(address).await;
    gone.send(post("", "gone")).await;
    until_waiting(&source, 1).await;
    drop(gone);
    until_waiting(&source, 0).await;
    let mut client = connect(address).await;
    client.send(post("", "here")).await;
    assert_eq!(texts(&next(&mut source).await), ["here"]);
}
