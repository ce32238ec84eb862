//! Requests that are on disk before they are answered: what is there after a restart, and what is not.

use std::path::Path;

use logd_disklog::Error;
use logd_sdk::component::SourceSettings as _;
use logd_sdk::event::EventId;
use logd_sdk::{Body, Field};

use super::*;

/// A folder in which a source lives again and again.
pub(super) struct Home {
    folder: tempfile::TempDir,
    settings: String,
    pub(super) context: Context,
}

impl Home {
    pub(super) fn new(rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = Context { data_dir: folder.path().to_owned(), ..context(&["a"]) };
        Self { folder, settings: format!("address = '127.0.0.1:0'\n{rest}"), context }
    }

    /// The source, at a position.
    pub(super) async fn start(&self, position: Option<&[u8]>) -> (HttpSource, SocketAddr) {
        let mut source = settings(&self.settings).build(&self.context).await.unwrap();
        if let Some(position) = position {
            source.seek(position).unwrap();
        }
        let address = source.address().unwrap();
        assert!(next(&mut source).await.is_empty(), "a notice comes first");
        (source, address)
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }
}

fn ids(batch: &Batch) -> Vec<EventId> {
    (0..batch.len()).map(|row| batch.id(row)).collect()
}

/// Nothing comes.
pub(super) async fn is_silent(source: &mut HttpSource) -> bool {
    timeout(Duration::from_millis(50), source.next()).await.is_err()
}

#[tokio::test]
async fn what_was_answered_comes_again_until_it_is_committed() {
    let home = Home::new("decoding.codec = 'json'");
    let (mut source, address) = home.start(None).await;
    let start = source.position().unwrap();
    // The pipeline takes nothing, and yet it is answered.
    assert_eq!(ask(address, post("", "{\"a\":1}\n{\"a\":\"two\"}")).await.status, 200);
    assert_eq!(ask(address, post("", "[{\"a\":3}]")).await.status, 200);
    home.context.clock.set(Time::from_micros(NOW.as_micros() + 1));
    let first = next(&mut source).await;
    assert_eq!(texts(&first), ["{\"a\":1}", "{\"a\":\"two\"}", "{\"a\":3}"]);
    assert_eq!(
        [first.field(0, 0), first.field(1, 0), first.field(2, 0)],
        [Field::Integer(1), Field::Text("two"), Field::Integer(3)]
    );
    assert!(first.rows().iter().all(|row| row.time == NOW && matches!(row.body, Body::Json)));
    assert_eq!(first.blocks()[0].greatest, NOW);
    let all = source.position().unwrap();
    assert_ne!(start, all);

    for position in [None, Some(start.as_slice())] {
        drop(source);
        source = home.start(position).await.0;
        let again = next(&mut source).await;
        assert_eq!((ids(&again), texts(&again)), (ids(&first), texts(&first)));
        assert_eq!(again.rows()[0].time, NOW, "when it came, not when it was read");
    }
    source.commit(&all).await.unwrap();
    for with_position in [false, true] {
        let position = source.position().unwrap();
        drop(source);
        let (again, address) = home.start(with_position.then_some(position.as_slice())).await;
        source = again;
        assert!(is_silent(&mut source).await, "what is committed is gone");
        assert_eq!(ask(address, post("", "{}")).await.status, 200);
        let new = next(&mut source).await;
        assert!(!ids(&first).contains(&new.id(0)));
        source.commit(&source.position().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_position_in_the_middle_of_a_request_is_gone_back_to() {
    let home = Home::new("");
    let (mut source, address) = home.start(None).await;
    let lines: Vec<_> = (0..10_000).map(|number| format!("{number:060}")).collect();
    assert_eq!(ask(address, post("", lines.join("\r\n"))).await.status, 200);
    let (mut positions, mut seen, mut places) = (Vec::new(), Vec::new(), Vec::new());
    while seen.len() < lines.len() {
        let batch = next(&mut source).await;
        assert!(batch.len() <= 4096);
        seen.extend(texts(&batch));
        places.extend(ids(&batch));
        positions.push((source.position().unwrap(), seen.len()));
    }
    assert_eq!(seen, lines);
    assert_eq!(positions.len(), 3);
    for (position, from) in positions {
        drop(source);
        source = home.start(Some(&position)).await.0;
        let mut rest = Vec::new();
        while from + rest.len() < lines.len() {
            rest.extend(ids(&next(&mut source).await));
        }
        assert_eq!(rest, places[from..]);
        assert!(is_silent(&mut source).await);
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), lines.len(), "two events have one id");
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let home = Home::new("decoding.codec = 'json'");
    let (mut source, address) = home.start(None).await;
    let broken = format!("{}{{\"a\":", "{}\n".repeat(20_000));
    assert_eq!(ask(address, post("", broken)).await.status, 400);
    let mut gone = connect(address).await;
    gone.send("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{}\n{}\n").await;
    drop(gone);
    assert_eq!(ask(address, post("", "{}")).await.status, 200);
    assert_eq!(next(&mut source).await.len(), 1);
    assert!(is_silent(&mut source).await);
}

#[tokio::test]
async fn another_log_is_read_from_its_beginning() {
    let home = Home::new("");
    let (mut source, address) = home.start(None).await;
    for text in ["one", "two"] {
        assert_eq!(ask(address, post("", text)).await.status, 200);
    }
    let before = ids(&next(&mut source).await);
    let position = source.position().unwrap();
    drop(source);
    wait_until_free(&home.log()).await;
    std::fs::remove_dir_all(home.log()).unwrap();
    let (mut source, address) = home.start(Some(&position)).await;
    assert_eq!(ask(address, post("", "one")).await.status, 200);
    let batch = next(&mut source).await;
    assert_eq!(texts(&batch), ["one"]);
    assert!(!before.contains(&batch.id(0)));
}

/// Waits until nobody writes to a log.
async fn wait_until_free(log: &Path) {
    let free = async {
        while let Err(Error::Locked(_)) =
            logd_disklog::Log::open(Arc::new(logd_disklog::fs::Real), log, 64 << 20).map(drop)
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, free).await.expect("the log is let go of");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_share_the_disk_and_nothing_is_lost_or_doubled() {
    const CLIENTS: usize = 50;
    const REQUESTS: usize = 40;
    let home = Home::new("");
    let (mut source, address) = home.start(None).await;
    let clients = (0..CLIENTS).map(|client| {
        tokio::spawn(async move {
            let mut connection = connect(address).await;
            for request in 0..REQUESTS {
                connection.send(post("", format!("{client} {request}\nsecond {client} {request}"))).await;
                assert_eq!(connection.reply().await.status, 200);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let (mut seen, mut events) = (std::collections::HashSet::new(), 0);
    while events < 2 * CLIENTS * REQUESTS {
        let batch = next(&mut source).await;
        events += batch.len();
        for row in 0..batch.len() {
            assert!(seen.insert(batch.id(row)), "two events have one id");
        }
    }
    for client in clients {
        client.await.unwrap();
    }
    assert!(is_silent(&mut source).await);
}

#[tokio::test]
async fn a_dry_run_leaves_nothing_behind() {
    let mut home = Home::new("");
    home.context.dry_run = true;
    drop(settings(&home.settings).build(&home.context).await.unwrap());
    assert!(!home.log().exists());
}

#[tokio::test]
async fn what_waits_stays_when_the_disk_is_not_used_any_more() {
    let mut home = Home::new("");
    let (source, address) = home.start(None).await;
    assert_eq!(ask(address, post("", "one")).await.status, 200);
    let position = source.position().unwrap();
    drop(source);
    let on_disk = std::mem::replace(&mut home.settings, "address = '127.0.0.1:0'\nrespond_when = 'received'".into());
    let (mut source, _) = home.start(Some(&position)).await;
    assert!(is_silent(&mut source).await);
    drop(source);
    home.settings = on_disk;
    assert_eq!(texts(&next(&mut home.start(Some(&position)).await.0).await), ["one"]);
}
