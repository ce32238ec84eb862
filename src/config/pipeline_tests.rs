//! From `[[tests]]` to tests that can be run: reads them, finds what their names mean, and compiles their conditions.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use logd_sdk::ComponentId;
use logd_sdk::component::Kind;
use logd_sdk::condition::{Condition, Conditions};
use logd_sdk::report::{KeyPath, Report, Severity};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostics;
use super::document::find;
use super::input::Input;
use super::pipeline::{ComponentConfig, Pipeline};
use super::read::{self, Known, deserialize};
use super::resolve::{Edge, Outputs};
use super::suggest;
use crate::pipeline_tests::{Expectation, PipelineTest, TestSettings, Wanted};

/// How what is missing is written.
const EXAMPLE: &str = "name = \"errors are counted\"\n[inputs]\ninsert_at = \"parsed\"";

/// Reads the tests of all pipelines, in their order; those that have mistakes are left out. `outputs` says what leaves a
/// component, or `None` if that can't be known because something is wrong with it.
pub(super) fn read(
    pipelines: &[Pipeline<'_>],
    outputs: impl Fn(&Pipeline<'_>, &ComponentConfig<'_>) -> Option<Outputs>,
    edges: &[Edge],
    conditions: &dyn Conditions,
    diagnostics: &mut Diagnostics,
) -> Vec<PipelineTest> {
    let mut tests = Vec::new();
    for pipeline in pipelines {
        let mut names = BTreeSet::new();
        let reader = Reader { pipelines, outputs: &outputs, edges, conditions, pipeline };
        for table in tables(pipeline, diagnostics) {
            tests.extend(reader.test(table, &mut names, diagnostics));
        }
    }
    tests
}

/// The tables of `[[tests]]`.
fn tables<'p>(pipeline: &'p Pipeline<'_>, diagnostics: &mut Diagnostics) -> Vec<Spanned<DeTable<'p>>> {
    let mut tables = Vec::new();
    let mut wrong = |span: Range<usize>| {
        diagnostics.push(pipeline.origin.error(span, "`tests` must be an array of tables").help("write [[tests]]"));
    };
    match pipeline.tests.as_ref().map(|tests| (tests.span(), tests.get_ref())) {
        None => {}
        Some((_, DeValue::Array(elements))) => {
            for element in elements {
                match element.get_ref() {
                    DeValue::Table(table) => tables.push(Spanned::new(element.span(), table.clone())),
                    _ => wrong(element.span()),
                }
            }
        }
        Some((span, _)) => wrong(span),
    }
    tables
}

/// What a test is read with.
struct Reader<'r> {
    pipelines: &'r [Pipeline<'r>],
    outputs: &'r dyn Fn(&Pipeline<'_>, &ComponentConfig<'_>) -> Option<Outputs>,
    edges: &'r [Edge],
    conditions: &'r dyn Conditions,
    /// In whose file it stands.
    pipeline: &'r Pipeline<'r>,
}

impl Reader<'_> {
    fn test(
        &self,
        table: Spanned<DeTable<'_>>,
        names: &mut BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<PipelineTest> {
        let origin = &self.pipeline.origin;
        let known = Known { also: &[], example: EXAMPLE };
        let mut settings = read::read(origin, table.clone(), known, deserialize::<TestSettings>, diagnostics)?;
        let mut found = None;
        let problems = settings.check(|written, repairs, report| {
            written.check(report);
            if !repairs.concern(&"name".into()) && !names.insert(written.name.clone()) {
                report.error("name", "a test of this file already has this name").help("give it one of its own");
            }
            let (inserts, expectations) =
                (self.inserts(written, report), self.expectations(written, table.get_ref(), report));
            if let (Some(inserts), Some(expectations)) = (&inserts, &expectations)
                && !expectations.is_empty()
            {
                self.warn_of_unseen(inserts, expectations, report);
            }
            found = inserts.zip(expectations);
        });
        origin.report(table.get_ref(), table.span(), &problems, diagnostics);
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return None;
        }
        let (inserts, expectations) = found?;
        Some(PipelineTest {
            pipeline: self.pipeline.id.clone(),
            file: Arc::clone(origin.file()),
            settings: settings.sound()?,
            inserts,
            expectations,
        })
    }

    /// Where the inputs enter; `None` if one of them does so nowhere.
    fn inserts(&self, settings: &TestSettings, report: &mut Report) -> Option<Vec<ComponentId>> {
        let inserts: Vec<Option<ComponentId>> = settings
            .inputs
            .iter()
            .enumerate()
            .map(|(place, input)| {
                let key = KeyPath::from("inputs").index(place).key("insert_at");
                let name = Input::parse(&input.insert_at);
                let (pipeline, component) = self.component(&name, &key, report)?;
                if component.kind == Kind::Sink {
                    let message = format!("`{}` is a sink, and sinks are off in a test", name.name);
                    report.error(key, message).help("name a transform or a source");
                    return None;
                }
                if name.port.is_some() {
                    let message = format!("`{}` is an output, and events enter a component", input.insert_at);
                    report.error(key, message).help(format!("write insert_at = \"{}\"", name.name));
                    return None;
                }
                Some(ComponentId::new(&pipeline.id, &component.id))
            })
            .collect();
        inserts.into_iter().collect()
    }

    /// What is expected; `None` if one of the outputs is none.
    fn expectations(
        &self,
        settings: &TestSettings,
        table: &DeTable<'_>,
        report: &mut Report,
    ) -> Option<Vec<Expectation>> {
        let mut expectations = Vec::new();
        for (place, output) in settings.outputs.iter().enumerate() {
            let key = KeyPath::from("outputs").index(place);
            // One that is wrong hides no other.
            let conditions: Vec<Option<_>> = output
                .conditions
                .iter()
                .enumerate()
                .map(|(place, condition)| {
                    let key = condition.key(key.clone().key("conditions").index(place));
                    Some((condition.source.clone(), self.condition(&condition.source, key, report)?))
                })
                .collect();
            let conditions: Option<Vec<_>> = conditions.into_iter().collect();
            let key = key.key("extract_from");
            let expectation = self.expectation(&output.extract_from, key, table, report);
            expectations.push(expectation.zip(conditions).map(|(expectation, conditions)| Expectation {
                conditions,
                wanted: output.wanted(),
                ..expectation
            }));
        }
        for (place, name) in settings.no_outputs_from.iter().enumerate() {
            let key = KeyPath::from("no_outputs_from").index(place);
            expectations.push(self.expectation(name, key, table, report));
        }
        expectations.into_iter().collect()
    }

    /// Compiles a condition; what is wrong with it is reported at `key`.
    fn condition(&self, source: &str, key: KeyPath, report: &mut Report) -> Option<Arc<dyn Condition>> {
        match self.conditions.compile(source) {
            Ok(condition) => Some(condition),
            Err(faults) => {
                for fault in faults {
                    report.fault(key.clone(), fault);
                }
                None
            }
        }
    }

    /// That nothing leaves by the output that `name` means, which stands at `key`.
    fn expectation(&self, name: &str, key: KeyPath, table: &DeTable<'_>, report: &mut Report) -> Option<Expectation> {
        let parsed = Input::parse(name);
        let (pipeline, component) = self.component(&parsed, &key, report)?;
        if component.kind == Kind::Sink {
            let message = format!("`{}` is a sink, and sinks are off in a test", parsed.name);
            report.error(key, message).help("look at what it would receive");
            return None;
        }
        let outputs = (self.outputs)(pipeline, component)?;
        let exists = match parsed.port {
            None => outputs.main,
            Some(port) => outputs.ports.iter().any(|name| name == port),
        };
        if !exists {
            let own = outputs.main.then(|| parsed.name.to_owned());
            let all: Vec<String> =
                own.into_iter().chain(outputs.ports.iter().map(|port| format!("{}.{port}", parsed.name))).collect();
            let names = || all.iter().map(String::as_str);
            let label = suggest::closest(&shown(&parsed), names());
            let problem = report.error(key, format!("there is no output `{name}`"));
            problem.label = label.map(|meant| format!("did you mean `{meant}`?"));
            problem.help(suggest::listed("its only output is", "its outputs are", names()));
            return None;
        }
        let file = self.pipeline.origin.file();
        Some(Expectation {
            component: ComponentId::new(&pipeline.id, &component.id),
            port: parsed.port.unwrap_or_default().to_owned(),
            line: find(table, &key).map_or(1, |span| file.position(span.start).line),
            conditions: Vec::new(),
            wanted: Wanted::Exactly(0),
        })
    }

    /// The component that a name means. One that may stand where a syntax error is, is missed by nobody.
    fn component(
        &self,
        name: &Input<'_>,
        key: &KeyPath,
        report: &mut Report,
    ) -> Option<(&Pipeline<'_>, &ComponentConfig<'_>)> {
        let pipeline = match name.file {
            None => self.pipeline,
            Some(file) => match self.pipelines.iter().find(|pipeline| pipeline.id == file) {
                Some(pipeline) => pipeline,
                None => {
                    let ids = || self.pipelines.iter().map(|pipeline| pipeline.id.as_str());
                    let problem = report.error(key.clone(), format!("there is no pipeline `{file}`"));
                    problem.label = suggest::closest(file, ids()).map(|meant| format!("did you mean `{meant}`?"));
                    problem.help(suggest::listed("the only pipeline is", "the pipelines are", ids()));
                    return None;
                }
            },
        };
        if let Some(component) = pipeline.components.get(name.name) {
            return Some((pipeline, component));
        }
        if !pipeline.origin.may_lack_tables() {
            let names = || pipeline.components.values().filter(|one| one.kind != Kind::Sink).map(|one| one.id.as_str());
            let problem = report.error(key.clone(), format!("there is no component `{}`", name.name));
            match suggest::closest(name.name, names()) {
                Some(meant) => problem.label(format!("did you mean `{meant}`?")),
                None => problem.help(format!("there are {}", suggest::list(names()))),
            };
        }
        None
    }

    /// Warns of events that lead to nothing that the test looks at: they prove nothing.
    fn warn_of_unseen(&self, inserts: &[ComponentId], expectations: &[Expectation], report: &mut Report) {
        for (place, insert) in inserts.iter().enumerate() {
            let (mut seen, mut left) = (BTreeSet::from([insert]), vec![insert]);
            while let Some(from) = left.pop() {
                let next = self.edges.iter().filter(|edge| edge.from == *from).map(|edge| &edge.to);
                left.extend(next.filter(|to| seen.insert(to)));
            }
            if expectations.iter().all(|expectation| !seen.contains(&expectation.component)) {
                let key = KeyPath::from("inputs").index(place).key("insert_at");
                let message = format!("nothing that the test looks at comes from `{}`", insert.id());
                report.warning(key, message).help("expect something of what reads from it, or leave it out");
            }
        }
    }
}

/// A name without its file.
fn shown(name: &Input<'_>) -> String {
    name.port.map_or(name.name.to_owned(), |port| format!("{}.{port}", name.name))
}
