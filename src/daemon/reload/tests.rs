//! Reloads of real files: what changed is replaced, what can't be started is given back, and nothing else is touched.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::compile::{Job, compile};
use crate::testing::{Bench, eventually};

/// A source that listens at `address`, and where its events go.
fn pipeline(address: &str, sink: &str) -> String {
    format!(
        "[sources.in]\ntype = \"http\"\naddress = \"{address}\"\n[sinks.out]\ntype = \"{sink}\"\ninputs = [\"in\"]\n"
    )
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn compiled(folder: &Path) -> Compiled {
    let conditions = logd_parse::conditions();
    compile(Job {
        paths: &[folder.to_owned()],
        environment: &|_| None,
        conditions: conditions.as_ref(),
        taken: &[],
        once: false,
    })
}

/// A fleet, and the folder of its files.
struct Yard {
    files: tempfile::TempDir,
    fleet: Fleet,
    _bench: Bench,
}

impl Yard {
    async fn new(files: &[(&str, &str)]) -> Self {
        let (folder, bench) = (tempfile::tempdir().expect("a folder"), Bench::new());
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let fleet = Fleet::start(&compiled(folder.path()), bench.environment.clone()).await.expect("started");
        let mut yard = Self { files: folder, fleet, _bench: bench };
        yard.run().await;
        yard
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.files.path().join(name), text).expect("written");
    }

    async fn reload(&mut self) {
        let compiled = compiled(self.files.path());
        self.fleet.reload(&compiled).await;
        self.run().await;
    }

    /// Waits until all that should run does.
    async fn run(&mut self) {
        let statuses = self.fleet.statuses();
        eventually("all parts run", || statuses.iter().all(|status| status.failure().is_none())).await;
    }

    /// The state of a pipeline that runs: another one after each start.
    fn life(&self, pipeline: &str) -> *const () {
        let status = self.fleet.statuses().into_iter().find(|status| status.pipelines() == pipeline);
        let accounts = status.unwrap_or_else(|| panic!("{pipeline} does not run")).accounts();
        std::sync::Arc::as_ptr(&accounts[0]).cast()
    }

    async fn stop(mut self) {
        for unit in std::mem::take(self.fleet.units()) {
            let _ = unit.stop(Duration::from_secs(5)).await;
        }
    }
}

#[tokio::test]
async fn only_what_changed_is_replaced() {
    let (a, b) = (free_address(), free_address());
    let mut yard = Yard::new(&[("a.toml", &pipeline(&a, "blackhole")), ("b.toml", &pipeline(&b, "blackhole"))]).await;
    let (a_before, b_before) = (yard.life("a"), yard.life("b"));
    yard.write("b.toml", &pipeline(&b, "console"));
    yard.reload().await;
    assert_eq!(yard.life("a"), a_before, "the other goes on");
    assert_ne!(yard.life("b"), b_before);
    yard.stop().await;
}

#[tokio::test]
async fn what_can_not_be_started_gives_way_to_what_ran_before() {
    let (address, taken) = (free_address(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let old = pipeline(&address, "blackhole");
    let mut yard = Yard::new(&[("a.toml", &old)]).await;
    let plan = yard.fleet.units()[0].plan.pipelines.clone();
    yard.write("a.toml", &pipeline(&taken.local_addr().expect("an address").to_string(), "blackhole"));
    yard.reload().await;
    assert_eq!(yard.fleet.units().len(), 1);
    assert_eq!(yard.fleet.units()[0].plan.pipelines, plan, "the last good one runs");
    TcpListener::bind(&address).expect_err("it listens again");

    // When the address is free the same file is taken over.
    drop(taken);
    yard.reload().await;
    assert_ne!(yard.fleet.units()[0].plan.pipelines, plan);
    yard.stop().await;
}

#[tokio::test]
async fn a_broken_file_touches_nothing_and_a_file_that_is_gone_stops() {
    let (a, b) = (free_address(), free_address());
    let mut yard = Yard::new(&[("a.toml", &pipeline(&a, "blackhole")), ("b.toml", &pipeline(&b, "blackhole"))]).await;
    let (a_before, b_before) = (yard.life("a"), yard.life("b"));
    yard.write("a.toml", "[sources.in]\ntype = \"htp\"\n");
    yard.reload().await;
    assert_eq!((yard.life("a"), yard.life("b")), (a_before, b_before));

    std::fs::remove_file(yard.files.path().join("b.toml")).expect("removed");
    yard.reload().await;
    assert_eq!(yard.fleet.units().len(), 1);
    TcpListener::bind(&b).expect("nobody listens there any more");
    assert_eq!(yard.life("a"), a_before, "the broken one's last good version");
    yard.stop().await;
}

#[tokio::test]
async fn files_that_refer_to_one_another_are_one_unit() {
    let address = free_address();
    let reader = "[sinks.out]\ntype = \"blackhole\"\ninputs = [\"a/in\"]\n";
    let mut yard = Yard::new(&[("a.toml", &pipeline(&address, "blackhole")), ("b.toml", reader)]).await;
    assert_eq!(yard.fleet.units().len(), 1);
    let names: Vec<&String> = yard.fleet.units()[0].plan.pipelines.keys().collect();
    assert_eq!(names, ["a", "b"]);
    // Without the reference they are two.
    yard.write("b.toml", &pipeline(&free_address(), "blackhole"));
    yard.reload().await;
    assert_eq!(yard.fleet.units().len(), 2);
    yard.stop().await;
}

#[tokio::test]
async fn what_a_removed_component_holds_keeps_its_place_and_nothing_else_does() {
    let (logs, away) = (tempfile::tempdir().expect("a folder"), free_address());
    std::fs::write(logs.path().join("x.log"), "one\n").expect("written");
    let buffered = format!(
        "[sources.in]\ntype = \"file\"\ninclude = [\"{}/*.log\"]\nread_from = \"beginning\"\n\
         [sinks.out]\ntype = \"http\"\ninputs = [\"in\"]\nuri = \"http://{away}/\"\nbuffer.type = \"disk\"\n",
        logs.path().display()
    );
    let mut yard = Yard::new(&[("a.toml", &buffered)]).await;
    let store = yard.fleet.environment().store.clone();
    let position = |id: &str| store.load(&ComponentId::new("a", id)).expect("read").position;
    for _ in 0..1000 {
        let found = yard.fleet.holdings().await.expect("read");
        if found.iter().any(|(holding, orphaned)| holding.has_events() && !orphaned) && position("in").is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What hangs is not waited for, and the time for which positions are kept is over.
    tokio::time::pause();
    yard.write(
        "a.toml",
        &pipeline(&free_address(), "blackhole").replace(".in]", ".other]").replace("\"in\"", "\"other\""),
    );
    yard.reload().await;
    tokio::time::advance(KEEP_STATE + Duration::from_secs(1)).await;
    yard.reload().await;
    let found = yard.fleet.holdings().await.expect("read");
    assert!(found.iter().any(|(holding, orphaned)| holding.has_events() && *orphaned), "{found:?}");
    assert!(position("out.buffer").is_some(), "the next reader would take what waits for what came twice");
    assert!(position("in").is_none());
    yard.stop().await;
}
