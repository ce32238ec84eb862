//! Reloads of real files: what changed is replaced, what can't be started is given back, and nothing else is touched.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::compile::{Job, compile};
use crate::daemon::preview::Action;
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
        instead: &crate::config::Texts::new(),
        once: false,
        tests: false,
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

    /// The account of a component that runs: another one after each start.
    fn life(&self, component: &str) -> *const () {
        let mut accounts = self.fleet.statuses().into_iter().flat_map(|status| status.accounts());
        let account = accounts.find(|account| account.component().to_string() == component);
        std::sync::Arc::as_ptr(&account.unwrap_or_else(|| panic!("{component} does not run"))).cast()
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
    let (a_before, b_before) = (yard.life("a/out"), yard.life("b/out"));
    yard.write("b.toml", &pipeline(&b, "console"));
    yard.reload().await;
    assert_eq!(yard.life("a/out"), a_before, "the other goes on");
    assert_ne!(yard.life("b/out"), b_before);
    yard.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_goes_on_beside_what_did() {
    let address = free_address();
    let text = |condition: &str, more: &str| {
        format!(
            "[sources.in]\ntype = \"http\"\naddress = \"{address}\"\nrespond_when = \"received\"\n\
             [transforms.some]\ntype = \"filter\"\ninputs = [\"in\"]\ncondition = '{condition}'\n{more}\
             [sinks.out]\ntype = \"blackhole\"\ninputs = [\"some\"]\n"
        )
    };
    let mut yard = Yard::new(&[("a.toml", &text("true", ""))]).await;
    let mut client = TcpStream::connect(&address).expect("connected");
    let mut post = |events: usize| {
        let body = "x\n".repeat(events);
        write!(client, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
        let mut answer = [0; 4096];
        let read = client.read(&mut answer).expect("answered");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
    };
    let tally = |yard: &Yard, id: &str| {
        let accounts = yard.fleet.statuses().into_iter().flat_map(|status| status.accounts());
        accounts.into_iter().find(|account| account.component().id() == id).map(|account| account.tally())
    };
    tokio::task::block_in_place(|| post(3));
    eventually("the first are through", || tally(&yard, "out").is_some_and(|tally| tally.received == 3)).await;
    yard.write("a.toml", &text("false", ""));
    yard.reload().await;
    tokio::task::block_in_place(|| post(4));
    let more = "[sinks.more]\ntype = \"blackhole\"\ninputs = [\"in\"]\n";
    yard.write("a.toml", &text("false", more));
    yard.reload().await;
    tokio::task::block_in_place(|| post(5));
    eventually("all is counted", || tally(&yard, "more").is_some_and(|tally| tally.forwarded == 5)).await;
    assert_eq!(tally(&yard, "in").map(|tally| tally.received), Some(12), "the source is the one of the start");
    assert_eq!(tally(&yard, "out").map(|tally| tally.received), Some(3), "the filter is not");
    yard.stop().await;
}

#[tokio::test]
async fn what_can_not_be_started_gives_way_to_what_ran_before() {
    let (address, taken) = (free_address(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let old = pipeline(&address, "blackhole");
    let mut yard = Yard::new(&[("a.toml", &old)]).await;
    let plan = yard.fleet.units()[0].plan.pipelines.clone();
    let elsewhere = pipeline(&taken.local_addr().expect("an address").to_string(), "blackhole");
    // What is new can't be built: what runs is not touched.
    let life = yard.life("a/out");
    yard.write(
        "a.toml",
        &(old.clone() + &elsewhere.replace("in]", "more]").replace("out]", "there]").replace("\"in\"", "\"more\"")),
    );
    yard.reload().await;
    assert!(yard.fleet.is_behind());
    assert_eq!((yard.life("a/out"), &yard.fleet.units()[0].plan.pipelines), (life, &plan));
    // What others send to has to stop first.
    yard.write("a.toml", &elsewhere);
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
    let (a_before, b_before) = (yard.life("a/out"), yard.life("b/out"));
    yard.write("a.toml", "[sources.in]\ntype = \"htp\"\n");
    yard.reload().await;
    assert_eq!((yard.life("a/out"), yard.life("b/out")), (a_before, b_before));

    std::fs::remove_file(yard.files.path().join("b.toml")).expect("removed");
    yard.reload().await;
    assert_eq!(yard.fleet.units().len(), 1);
    TcpListener::bind(&b).expect("nobody listens there any more");
    assert_eq!(yard.life("a/out"), a_before, "the broken one's last good version");
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
    // More than what is under way at once: the buffer is read by the mebibyte.
    let line = "a line of text that nobody takes; ".repeat(30) + "\n";
    std::fs::write(logs.path().join("x.log"), line.repeat(8000)).expect("written");
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
        if found.iter().any(|(holding, orphaned)| holding.bytes > 6 << 20 && !orphaned) && position("in").is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What hangs is not waited for, and the time for which positions are kept is over.
    tokio::time::pause();
    yard.write(
        "a.toml",
        &pipeline(&free_address(), "blackhole")
            .replace(".in]", ".other]")
            .replace("\"in\"", "\"other\"")
            .replace(".out]", ".there]"),
    );
    yard.reload().await;
    // Those who are removed say their last words first: they would come after the forgetting.
    tokio::time::sleep(yard.fleet.environment().reload_timeout * 3).await;
    tokio::time::advance(KEEP_STATE).await;
    yard.reload().await;
    let found = yard.fleet.holdings().await.expect("read");
    assert!(found.iter().any(|(holding, orphaned)| holding.has_events() && *orphaned), "{found:?}");
    assert!(position("out.buffer").is_some(), "the next reader would take what waits for what came twice");
    assert!(position("in").is_none());
    yard.stop().await;
}

/// The components that the files have which are in use.
fn names_of(fleet: &Fleet) -> BTreeSet<String> {
    let nodes = fleet.units.iter().flat_map(|unit| &unit.plan.graph().nodes);
    nodes.map(|node| node.id.to_string()).collect()
}

/// A pipeline of some of these components, with settings that differ.
fn random_pipeline() -> impl Strategy<Value = String> {
    let component = |name: &'static str| prop::option::of((0..3_u32).prop_map(move |setting| (name, setting)));
    let names = (component("a"), component("b"), component("c"), component("d"));
    (names, 0..2_u32).prop_map(|((a, b, c, d), rate)| {
        let mut text = format!("[sources.in]\ntype = \"generator\"\nrate = {}\n", 10 + rate);
        let mut before = "in".to_owned();
        for (name, setting) in [a, b].into_iter().flatten() {
            text += &format!(
                "[transforms.{name}]\ntype = \"filter\"\ninputs = [\"{before}\"]\ncondition = '.x != {setting}'\n"
            );
            name.clone_into(&mut before);
        }
        for (name, setting) in [c, d, Some(("last", 0))].into_iter().flatten() {
            // The buffer is a setting like others.
            text += &format!(
                "[sinks.{name}]\ntype = \"blackhole\"\ninputs = [\"{before}\"]\nbuffer.max_size = \"{} MiB\"\n",
                setting + 1
            );
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_plan_says_what_the_reload_does(before in random_pipeline(), after in random_pipeline()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut yard = Yard::new(&[("p.toml", &before)]).await;
            let accounts = |yard: &Yard| -> BTreeMap<String, *const ()> {
                let accounts = yard.fleet.statuses().into_iter().flat_map(|status| status.accounts());
                accounts.map(|one| (one.component().to_string(), std::sync::Arc::as_ptr(&one).cast())).collect()
            };
            let old = accounts(&yard);
            yard.write("p.toml", &after);
            let preview = yard.fleet.preview(&compiled(yard.files.path()));
            yard.reload().await;
            let new = accounts(&yard);
            let actions = |wanted: &[Action]| -> BTreeSet<String> {
                let chosen = preview.changes.iter().filter(|(_, change)| wanted.contains(&change.action));
                chosen.map(|(name, _)| name.clone()).collect()
            };
            let (added, removed) = (actions(&[Action::Add]), actions(&[Action::Remove]));
            let names = |accounts: &BTreeMap<String, *const ()>| accounts.keys().cloned().collect::<BTreeSet<_>>();
            // What is removed may be there still, to hand on what it has.
            let gone: BTreeSet<String> = names(&old).difference(&names_of(&yard.fleet)).cloned().collect();
            assert_eq!((&names_of(&yard.fleet) - &names(&old), gone), (added, removed), "{preview}");
            let same = names_of(&yard.fleet).iter().filter(|name| old.get(*name) == new.get(*name)).count();
            assert_eq!(same, preview.kept + actions(&[Action::Replace, Action::Rewire]).len(), "{preview}");
            let again = yard.fleet.preview(&compiled(yard.files.path()));
            assert!(again.changes.is_empty(), "{again}");
            yard.stop().await;
        });
    }
}
