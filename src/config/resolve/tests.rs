//! Graphs that are right, and inputs that are not.

use super::*;
use crate::catalogue::All;
use crate::config::document::Document;
use crate::config::source_file::SourceFile;

/// Resolves files given as id and text; `window` and `detect` have ports, `route` has only ports.
fn check(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let file = |(id, text): &(&str, &str)| SourceFile::new(format!("{id}.toml"), *text);
    let documents: Vec<_> = files.iter().map(|one| Document::new(file(one), &mut diagnostics)).collect();
    let pipelines: Vec<_> =
        documents.iter().map(|document| Pipeline::new(document, &|_| None, &All, &mut diagnostics)).collect();
    let outputs = |_: &Pipeline<'_>, component: &ComponentConfig<'_>| {
        let (main, ports): (_, &[&str]) = match component.type_name.as_ref()?.get_ref().as_str() {
            "window" => (true, &["late"]),
            "detect" => (true, &["anomalies", "scores"]),
            "route" => (false, &["good", "bad", "_unmatched"]),
            "unknown" => return None,
            _ => (true, &["dead"]),
        };
        Some(Outputs { main, ports: ports.iter().map(|&port| port.to_owned()).collect() })
    };
    let edges = resolve(&pipelines, outputs, &mut diagnostics);
    let edge = |edge: &Edge| {
        let port = edge.port.as_ref().map_or(String::new(), |port| format!(".{port}"));
        format!("{}{port} > {}", edge.from, edge.to)
    };
    let show = |found: &Diagnostic| {
        let more = found.label.as_ref().or(found.help.as_ref()).map_or(String::new(), |more| format!(" ({more})"));
        format!("{}{more}", found)
    };
    (edges.iter().map(edge).collect(), diagnostics.sorted().iter().map(show).collect())
}

/// A pipeline of a source `in`, the given transforms as `name type inputs`, and a sink `out`.
fn pipeline(transforms: &[(&str, &str, &str)], out: &str) -> String {
    let transform =
        |(name, of, inputs): &(&str, &str, &str)| format!("[transforms.{name}]\ntype = '{of}'\ninputs = [{inputs}]\n");
    let transforms: String = transforms.iter().map(transform).collect();
    format!("[sources.in]\ntype = 's'\n{transforms}[sinks.out]\ntype = 'c'\ninputs = [{out}]\n")
}

fn problems(transforms: &[(&str, &str, &str)], out: &str) -> Vec<String> {
    check(&[("p", &pipeline(transforms, out))]).1
}

#[test]
fn names_become_edges() {
    let a = pipeline(&[("w", "window", "'in'"), ("d", "detect", "'w'")], "'d.anomalies', 'w.late', 'b/in'");
    let b = pipeline(&[], "'in', '*/d', 'a/d.*'");
    let (edges, problems) = check(&[("a", &a), ("b", &b)]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        edges,
        [
            "a/in > a/w",
            "a/w > a/d",
            "a/d.anomalies > a/out",
            "a/w.late > a/out",
            "b/in > a/out",
            "b/in > b/out",
            "a/d > b/out",
            "a/d.anomalies > b/out",
            "a/d.scores > b/out",
        ]
    );
}

#[test]
fn a_star_is_everything_but_sinks_and_itself() {
    let (edges, problems) = check(&[("p", &pipeline(&[("a", "t", "'in'"), ("b", "t", "'a', '*'")], "'*', 'b'"))]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(edges, ["p/in > p/a", "p/a > p/b", "p/in > p/b", "p/in > p/out", "p/a > p/out", "p/b > p/out"]);
}

#[test]
fn says_what_is_no_input() {
    for (input, expected) in [
        ("'im'", "there is no component `im` (what can be read here is `in` and `w`)"),
        ("'w', 'parsed'", "there is no component `parsed` (what can be read here is `in` and `w`)"),
        ("'w.lat'", "`w` has no output `lat` (did you mean `w.late`?)"),
        ("'w.dead'", "`w` has no output `dead` (its outputs are `w` and `w.late`)"),
        ("'w', 'x/w'", "there is no pipeline `x` (the only pipeline is `p`)"),
        ("'w', 'out'", "`out` is a sink: nothing comes out of it"),
        ("'w', 'w.x*'", "no output matches `w.x*`"),
        ("'w', 'w'", "this input is named twice"),
    ] {
        let found = problems(&[("w", "window", "'in'")], input);
        assert!(found.iter().any(|found| found.contains(expected)), "{input}: {found:?}");
    }
    let found = problems(&[("parsed", "t", "'in'")], "'parsd'");
    assert_eq!(found, ["p.toml:8:11: error: there is no component `parsd` (did you mean `parsed`?)"]);
    let found = problems(&[("r", "route", "'in'")], "'r'");
    assert_eq!(
        found,
        [
            "p.toml:8:11: error: `r` has no output of its own name (its outputs are `r.good`, `r.bad` and `r._unmatched`)"
        ]
    );
}

#[test]
fn finds_a_component_in_another_pipeline() {
    let (_, problems) =
        check(&[("a", &pipeline(&[], "'in', 'parsed'")), ("b", &pipeline(&[("parsed", "t", "'in'")], "'parsed'"))]);
    assert_eq!(
        problems,
        ["a.toml:5:17: error: there is no component `parsed` (write `b/parsed` for the one in pipeline `b`)"]
    );
}

#[test]
fn shows_the_way_of_a_cycle() {
    let found = problems(&[("a", "t", "'in', 'c'"), ("b", "t", "'a'"), ("c", "t", "'b'")], "'c'");
    assert_eq!(found, ["p.toml:5:17: error: a cycle: a → b → c → a (the cycle closes here)"]);
    let found = problems(&[("a", "t", "'in', 'a'")], "'a'");
    assert_eq!(found, ["p.toml:5:17: error: a cycle: a → a (the cycle closes here)"]);
}

#[test]
fn warns_of_what_nothing_reads() {
    let help = " (add it to the `inputs` of a transform or a sink, or take it out)";
    let found = problems(
        &[("w", "window", "'in'"), ("d", "detect", "'in'"), ("r", "route", "'in'")],
        "'w.late', 'd.scores', 'r.bad'",
    );
    assert_eq!(found, [format!("p.toml:3:13: warning: nothing reads `w`{help}")]);
    let found = problems(&[], "'in.dead'");
    assert_eq!(found, [format!("p.toml:1:10: warning: nothing reads `in`{help}")]);
}

#[test]
fn what_is_not_known_is_not_judged() {
    assert_eq!(problems(&[("u", "unknown", "'in'")], "'u.anything'"), Vec::<String>::new());
    let broken =
        "[sources.in]\ntype = 's'\n[transforms.t\ntype = 't'\n[sinks.out]\ntype = 'c'\ninputs = ['t', 't.*']\n";
    let (_, problems) = check(&[("p", broken), ("q", &pipeline(&[], "'p/t', 'in'"))]);
    assert_eq!(problems, ["p.toml:3:14: error: the header is not closed (add `]`)"]);
}
