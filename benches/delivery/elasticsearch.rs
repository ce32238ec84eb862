//! From Kafka to Elasticsearch, next to a bare loop of bulk requests with the same documents.
//!
//! The loop does what can't be left out: it puts a line with an id before each document, sends several requests at once,
//! and looks whether the answers speak of errors. Both write to an index that was just made by the same template. What logd
//! takes to start and stop without a document is left out, for the loop has no group to join.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::transport::Transport;
use tokio::task::JoinSet;

use crate::bench::{Bench, role};
use crate::rounds::{compare, of_speed};
use crate::services::{RUNS, Service};
use crate::support::logd::generate;
use crate::support::measure::{Measured, measure};
use crate::support::pipeline::PARSE;
use crate::table::Row;

/// The role of this binary as the bare loop.
pub(crate) const ROLE: &str = "bare-bulk";

/// Documents in a request.
const DOCUMENTS: usize = 5000;
/// Requests at once.
const LANES: usize = 4;
/// The topic with the documents.
const TOPIC: &str = "documents";
/// The index, made anew for each.
const INDEX: &str = "bench";

/// Prints the rows.
pub(crate) fn run(bench: &Bench) {
    // Elasticsearch takes a tenth of what the others do.
    let (count, documents) = (bench.logs / 10, bench.folder().join("documents.log"));
    generate(&documents, count);
    bench.fill(TOPIC, &documents);
    let service = Service::start("elasticsearch", bench.folder().join(RUNS[0]));
    let url = format!("http://{}", service.address);
    let bare = || {
        make_index(&url);
        let measured = measure(role(ROLE).arg(&url).arg(&documents));
        check_count(&url, count);
        measured
    };
    let own = |source: &str| {
        let sink = format!(
            "[sinks.store]\ntype = \"elasticsearch\"\ninputs = [\"parsed\"]\nendpoints = [\"{url}\"]\n\
             bulk.index = \"{INDEX}\"\ntemplate.name = \"{INDEX}\"\n"
        );
        measure(&mut bench.once(&[source, PARSE, &sink].concat()))
    };
    let start = || own(&bench.source(TOPIC).replace("earliest", "latest"));
    let whole = || {
        make_index(&url);
        let measured = own(&bench.source(TOPIC));
        check_count(&url, count);
        let start = start();
        Measured { wall: measured.wall - start.wall, cpu: measured.cpu - start.cpu, ..measured }
    };
    // Java is slow at first; and the template is there from now on.
    whole();
    bare();
    let round = compare(bare, whole, of_speed);
    Row::new("bare loop of bulk requests").events(count, round.bare).print();
    let row = Row::new("Kafka → parse → Elasticsearch");
    row.events(count, round.own).at_least(round.share, 0.8).print();
}

/// Removes the index, if there is one, and makes it by the template.
fn make_index(url: &str) {
    ask("DELETE", &format!("{url}/{INDEX}?ignore_unavailable=true"));
    ask("PUT", &format!("{url}/{INDEX}"));
}

/// Every document must be there once.
fn check_count(url: &str, count: u64) {
    ask("POST", &format!("{url}/{INDEX}/_refresh"));
    let answer = ask("GET", &format!("{url}/{INDEX}/_count?filter_path=count"));
    assert_eq!(answer, format!("{{\"count\":{count}}}"), "documents are missing, or doubled");
}

fn ask(method: &str, url: &str) -> String {
    let said =
        Command::new("curl").args(["-fsS", "-m", "30", "--retry", "5", "-X", method, url]).output().expect("curl runs");
    assert!(said.status.success(), "{method} {url}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// Sends the documents of a file, which are lines, in several requests at once.
pub(crate) fn bulk(url: &str, documents: &str) {
    let client = Transport::single_node(url).expect("a client");
    let mut lines = BufReader::new(File::open(documents).expect("the documents")).lines();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut lanes, mut number) = (JoinSet::new(), 0_u64);
        loop {
            let mut body = Vec::with_capacity(DOCUMENTS * 350);
            for line in lines.by_ref().take(DOCUMENTS) {
                number += 1;
                writeln!(body, "{{\"index\":{{\"_id\":\"{number:032x}\"}}}}\n{}", line.expect("a document"))
                    .expect("room");
            }
            if body.is_empty() {
                break;
            }
            if lanes.len() == LANES {
                lanes.join_next().await.expect("a lane").expect("sent");
            }
            lanes.spawn(send(client.clone(), Bytes::from(body)));
        }
        lanes.join_all().await;
    });
}

async fn send(client: Transport, body: Bytes) {
    let path = format!("{INDEX}/_bulk?filter_path=errors");
    loop {
        let body = Some(body.clone());
        let answer = client.send(Method::Post, &path, HeaderMap::new(), None::<&()>, body, None).await;
        let answer = answer.expect("an answer");
        // Its memory is full for a moment.
        if answer.status_code().as_u16() == 429 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        let text = answer.text().await.expect("a text");
        assert_eq!(text, r#"{"errors":false}"#);
        return;
    }
}
