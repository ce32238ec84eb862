//! A password is in no log, error or health, whatever goes wrong.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use logd_sdk::Health;
use logd_sdk::sink::Sink;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Server, batch, settings, sink_of};

const CANARY: &str = "canary-5f2c";

/// Takes what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).with_ansi(false).init();
    let mut server = Server::with(&["--requirepass", "right"]);
    let mut said = Vec::new();
    let more = "key = 'counts'\ndata_type = 'hash'\nhash.add.total = { fn = 'count' }";
    for (user, password) in [("", CANARY), ("logd", CANARY), ("", "right")] {
        let user = if user.is_empty() { String::new() } else { format!("username = '{user}'\n") };
        let settings = settings(&server.endpoint(), &format!("{user}password = '{password}'\n{more}"));
        said.push(format!("{settings:?}"));
        let health = Health::default();
        let sink = sink_of(&settings, "lineage", &health).await;
        said.push(format!("{:?}", sink.probe().await));
        said.push(format!("{:?}", sink.deliver(&batch(&settings, ["{}"])).await));
        let kept = sink.sync().await.expect("sealed").expect("kept");
        said.push(format!("{:?}", sink.commit(&kept).await));
        if password == "right" {
            server.kill();
            said.push(format!("{:?}", sink.commit(&kept).await));
            sink.restore(&kept).await.expect("restored");
            said.push(health.reason().expect("Redis is away"));
            said.push(format!("{:?}", sink.deliver(&batch(&settings, ["{}"])).await));
        }
    }
    let logged = log.text();
    assert!(logged.contains("could not be applied yet"), "the log is one: {logged}");
    for text in said.iter().chain([&logged]) {
        assert!(!text.contains(CANARY), "{text}");
        assert!(!text.contains("\"right\""), "{text}");
    }
}
