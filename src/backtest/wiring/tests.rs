//! What is left of a pipeline, what is read in it, and what is refused.

use std::path::PathBuf;

use super::*;
use crate::backtest::points::{name, service_fields};
use crate::config::Texts;
use crate::config::compile::{Job, compile};

/// A detector behind a window, with what leads elsewhere beside it; `more` stands in the window's table.
fn pipeline(source: &str, more: &str) -> String {
    format!(
        "[sources.logs]\n{source}\n\
         [sources.metrics]\ntype = 'stdin'\n\
         [transforms.parsed]\ntype = 'parse'\ninputs = ['logs']\nformat = 'json'\n\
         [transforms.failures]\ntype = 'filter'\ninputs = ['parsed']\ncondition = '.level == \"ERROR\"'\n\
         [transforms.counts]\ntype = 'window'\ninputs = ['parsed', 'failures']\nsize = '1s'\n{more}\n\
         aggregates.count = {{ fn = 'count' }}\n\
         [transforms.surges]\ntype = 'zscore'\ninputs = ['counts']\nfield = 'count'\n\
         [transforms.unread]\ntype = 'parse'\ninputs = ['metrics']\nformat = 'json'\n\
         [sinks.out]\ntype = 'console'\ninputs = ['unread', 'surges.anomalies']\nencoding.codec = 'json'\n"
    )
}

fn graph(files: &[(&str, String)]) -> Graph {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |(name, text): &(&str, String)| {
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).expect("written");
        path
    };
    let paths: Vec<PathBuf> = files.iter().map(write).collect();
    let compiled = compile(Job {
        paths: &paths,
        environment: &|_| None,
        conditions: logd_parse::conditions().as_ref(),
        once: false,
        taken: &[],
        instead: &Texts::new(),
        tests: false,
    });
    assert_eq!(compiled.errors(), 0, "{:?}", compiled.mistakes().collect::<Vec<_>>());
    compiled.graph
}

const FILE: &str = "type = 'file'\ninclude = ['/var/log/x']";

fn wanted(source: Option<&str>, alarms: &[&str]) -> Wanted {
    Wanted {
        recorded: vec![Recorded { source: source.map(str::to_owned), files: vec![PathBuf::from("x.log").into()] }],
        alarms: alarms.iter().map(|name| (*name).to_owned()).collect(),
        keep_events: false,
    }
}

fn edges(wired: &Wired) -> Vec<String> {
    let graph = &wired.graph;
    let edge = |node: &Node| {
        let from: Vec<String> = node.inputs.iter().map(|input| graph.output(input)).collect();
        format!("{} <- {}", node.id, from.join(", "))
    };
    graph.nodes.iter().map(edge).collect()
}

fn refusal(graph: &Graph, wanted: &Wanted) -> String {
    wire(graph, wanted).err().expect("refused").to_string()
}

#[test]
fn what_leads_to_no_alarm_is_left_out() {
    let graph = graph(&[("p", pipeline(FILE, "group_by = ['.service', 'zone']"))]);
    let wired = wire(&graph, &wanted(None, &[])).expect("one source leads to alarms");
    assert_eq!(
        edges(&wired),
        [
            "p/logs <- ",
            "p/parsed <- p/logs",
            "p/failures <- p/parsed",
            "p/counts <- p/parsed, p/failures",
            "p/surges <- p/counts",
            "backtest/backtest.alarms <- p/surges.anomalies",
            "backtest/backtest.dropped <- p/parsed.dead",
            // What passed the filter was counted before it.
            "backtest/backtest.census <- p/parsed",
        ]
    );
    assert_eq!(wired.detectors, [ComponentId::new("p", "surges")]);
    let Plan::Source(source) = &wired.graph.nodes[0].plan else { panic!("no source") };
    assert_eq!(source.name(), "replay");
}

#[test]
fn a_service_is_named_by_the_first_key() {
    let fields = |more: &str| {
        let graph = graph(&[("p", pipeline(FILE, more))]);
        let counts = graph.nodes.iter().find(|node| node.id.id() == "counts").expect("there");
        service_fields(counts).iter().map(|field| name(field).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fields("group_by = ['zone', '.service']"), ["service"]);
    assert_eq!(fields("group_by = ['zone', 'host']"), ["host", "zone"]);
    assert_eq!(fields(""), Vec::<String>::new());
}

#[test]
fn alarms_may_be_outputs_of_any_file() {
    let front = pipeline(FILE, "");
    let back = "[transforms.rates]\ntype = 'zscore'\ninputs = ['front/counts']\nfield = 'count'\n\
                [sinks.none]\ntype = 'blackhole'\ninputs = ['rates']\n";
    let graph = graph(&[("front", front), ("back", back.to_owned())]);
    let wired = wire(&graph, &wanted(None, &["rates.anomalies"])).expect("named");
    assert!(edges(&wired).contains(&"back/rates <- front/counts".to_owned()), "{:?}", edges(&wired));
    assert_eq!(wired.detectors, [ComponentId::new("back", "rates")]);
    let both = wire(&graph, &wanted(Some("front/logs"), &[])).expect("all");
    assert_eq!(both.detectors.len(), 2);
    assert_eq!(refusal(&graph, &wanted(None, &["rates.alarms"])), "the pipeline has no `rates.alarms`");
}

#[test]
fn what_is_missing_is_said() {
    let one = graph(&[("p", pipeline(FILE, ""))]);
    assert_eq!(refusal(&one, &wanted(Some("metrics"), &[])), "the pipeline has no `metrics`", "it leads to no alarm");
    let two = graph(&[("p", pipeline(FILE, "").replace("inputs = ['counts']", "inputs = ['counts', 'metrics']"))]);
    let listed = "say whose input it is, --input NAME=FILES: alarms come from `p/logs`, `p/metrics`";
    assert_eq!(refusal(&two, &wanted(None, &[])), listed);
    let missing = "there is no input for `p/metrics`: give it one by --input NAME=FILES";
    assert_eq!(refusal(&two, &wanted(Some("logs"), &[])), missing);
    let twice = graph(&[("p", pipeline(FILE, "")), ("q", pipeline(FILE, ""))]);
    let meant = "`surges.anomalies` may be p/surges.anomalies or q/surges.anomalies: write it in full";
    assert_eq!(refusal(&twice, &wanted(None, &["surges.anomalies"])), meant);
    let none = graph(&[("p", "[sources.a]\ntype = 'stdin'\n[sinks.b]\ntype = 'blackhole'\ninputs = ['a']\n".into())]);
    assert_eq!(refusal(&none, &wanted(None, &[])), "no component of the pipeline has an output `anomalies`");
}

#[test]
fn what_lines_can_not_tell_is_refused() {
    let clock = graph(&[("p", pipeline(FILE, "clock = 'processing'"))]);
    assert!(refusal(&clock, &wanted(None, &[])).starts_with("`p/counts` can't be backtested: it goes by the clock"));
    let http = "type = 'http'\naddress = '127.0.0.1:0'\ndecoding.codec = 'json'";
    let http = graph(&[("p", pipeline(http, ""))]);
    assert!(refusal(&http, &wanted(None, &[])).starts_with("`p/logs` can't be backtested: it decodes"));
}
