//! From files to a graph that can be built: reads every component's settings, checks them, and connects them.
//!
//! Files that refer to one another form a group, which is taken or refused together: a mistake in one file leaves the
//! others alone.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use logd_sdk::component::Check;
use logd_sdk::condition::Conditions;
use logd_sdk::report::Severity;
use logd_sdk::{Component, ComponentId, Plan};
use toml::de::DeTable;

use super::addresses;
use super::daemon::Taken;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::warn_of_unknown_fields;
use super::load::{self, Texts};
use super::pipeline::{ComponentConfig, Pipeline};
use super::pipeline_tests;
use super::read::Settings;
use super::resolve::{Edge, Outputs, resolve};
use super::source_file::SourceFile;
use super::substitute::Environment;
use super::used::UsedFiles;
use super::written::{setting, written};
use crate::buffer::BufferSettings;
use crate::catalogue;
use crate::pipeline_tests::PipelineTest;
use crate::topology::{Graph, Input, Node, Written};

/// What is to be compiled, and for which kind of run.
#[derive(Clone, Copy)]
pub(crate) struct Job<'j> {
    /// Files, and folders of files.
    pub(crate) paths: &'j [PathBuf],
    /// Looks up `${VAR}`.
    pub(crate) environment: Environment<'j>,
    /// Compiles conditions.
    pub(crate) conditions: &'j dyn Conditions,
    /// Whether the run ends with its input, so that every source must.
    pub(crate) once: bool,
    /// The addresses that the daemon itself listens on, with the settings that say so.
    pub(crate) taken: &'j [Taken],
    /// Texts that are taken for those of files.
    pub(crate) instead: &'j Texts,
    /// Whether the tests in the files are read too: who runs pipelines has nothing to do with these.
    pub(crate) tests: bool,
}

/// A pipeline file, as it was found.
#[derive(Clone, Debug)]
pub(crate) struct PipelineFile {
    /// The pipeline's name.
    pub(crate) id: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Changes when its text does, or that of a file that it uses.
    pub(crate) fingerprint: u64,
    /// Whether it and all that it refers to are free of errors, so that its components are in the graph.
    pub(crate) accepted: bool,
    /// Its text.
    pub(crate) file: Arc<SourceFile>,
    /// The files that it uses, but for those that nobody may see.
    pub(crate) used: Vec<Arc<SourceFile>>,
}

/// What came of it.
pub(crate) struct Compiled {
    /// The components of the pipelines that are free of errors.
    pub(crate) graph: Graph,
    /// The files, in their order.
    pub(crate) files: Vec<PipelineFile>,
    /// The files that pipelines use beside their own, be they there or not: who follows edits has to follow these too.
    pub(crate) used_files: Vec<PathBuf>,
    /// The tests in the files, but for those that have mistakes.
    pub(crate) tests: Vec<PipelineTest>,
    /// All mistakes of all files, in order.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Where the names of the components stand.
    places: HashMap<ComponentId, (Arc<SourceFile>, Range<usize>)>,
}

impl Compiled {
    /// With what runs in the place of files that have mistakes: `good` was compiled with other texts for these.
    pub(crate) fn with_good(self, good: Self) -> Self {
        let accepted = |id: &str| self.files.iter().any(|file| file.id == id && file.accepted);
        let files = good.files.into_iter().map(|file| PipelineFile { accepted: accepted(&file.id), ..file }).collect();
        Self { graph: good.graph, files, ..self }
    }

    /// Adds a mistake of a component that shows only when it is built.
    pub(crate) fn refuse(&mut self, component: &ComponentId, message: &str, help: &str) {
        let mistake = self.refusal(component, message, help);
        self.diagnostics.extend(mistake);
    }

    /// A mistake of a component, at its place.
    pub(crate) fn refusal(&self, component: &ComponentId, message: &str, help: &str) -> Option<Diagnostic> {
        let (file, span) = self.places.get(component)?;
        Some(Diagnostic::error(file, span.clone(), message).help(help))
    }

    /// The errors, a line each.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = String> {
        let errors = self.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        errors.map(ToString::to_string)
    }

    /// How many errors there are.
    pub(crate) fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == Severity::Error).count()
    }
}

/// Compiles the files.
pub(crate) fn compile(job: Job<'_>) -> Compiled {
    let mut diagnostics = Diagnostics::default();
    let documents = load::documents(job.paths, job.instead, &mut diagnostics);
    let pipelines = load::pipelines(&documents, job.environment, &catalogue::All, &mut diagnostics);
    warn_of_empty(&pipelines, &mut diagnostics);
    let mut used = UsedFiles::default();
    let mut outlines: HashMap<ComponentId, Outline> = HashMap::new();
    let mut plans: HashMap<ComponentId, Plan> = HashMap::new();
    let mut settings: HashMap<ComponentId, Written> = HashMap::new();
    let mut buffers: HashMap<ComponentId, BufferSettings> = HashMap::new();
    for pipeline in &pipelines {
        for component in pipeline.components.values() {
            let id = ComponentId::new(&pipeline.id, &component.id);
            if let Some(buffer) = pipeline.read_buffer(component, BufferSettings::check, &mut diagnostics) {
                buffers.insert(id.clone(), buffer);
            }
            if let Some((outline, sound)) = read(pipeline, component, job, &mut used, &mut diagnostics) {
                outlines.insert(id.clone(), outline);
                if let Some((plan, written)) = sound {
                    settings.insert(id.clone(), written);
                    plans.insert(id, plan);
                }
            }
        }
    }
    let outputs = |pipeline: &Pipeline<'_>, component: &ComponentConfig<'_>| {
        outlines.get(&ComponentId::new(&pipeline.id, &component.id))?.outputs.clone()
    };
    let edges = resolve(&pipelines, outputs, &mut diagnostics);
    let listens = |id: &ComponentId| outlines.get(id)?.listens;
    addresses::refuse_shared(&pipelines, listens, job.taken, &mut diagnostics);
    warn_of_unknown_fields(&pipelines, &plans, &edges, job.conditions, &mut diagnostics);
    let tests = if job.tests {
        pipeline_tests::read(&pipelines, outputs, &edges, job.conditions, &mut diagnostics)
    } else {
        Vec::new()
    };
    let refused = refused(&pipelines, &edges, &used, &diagnostics);
    let files = pipelines
        .iter()
        .map(|pipeline| PipelineFile {
            id: pipeline.id.clone(),
            path: pipeline.origin.file().path().to_owned(),
            fingerprint: of_file(pipeline, &used),
            accepted: !refused.contains(pipeline.id.as_str()),
            file: Arc::clone(pipeline.origin.file()),
            used: used.shown_of(&pipeline.id),
        })
        .collect();
    let graph = graph(&pipelines, &plans, &buffers, settings, &edges, &refused);
    let components = pipelines.iter().flat_map(|pipeline| pipeline.components.values().map(move |one| (pipeline, one)));
    let place = |(pipeline, one): (&Pipeline<'_>, &ComponentConfig<'_>)| {
        (ComponentId::new(&pipeline.id, &one.id), (Arc::clone(pipeline.origin.file()), one.id_span.clone()))
    };
    let places = components.map(place).collect();
    Compiled { graph, files, used_files: used.paths(), tests, diagnostics: diagnostics.sorted(), places }
}

/// Files that have nothing in them, and no mistakes that would explain it.
fn warn_of_empty(pipelines: &[Pipeline<'_>], diagnostics: &mut Diagnostics) {
    for pipeline in pipelines.iter().filter(|pipeline| pipeline.components.is_empty() && pipeline.tests.is_none()) {
        let file = pipeline.origin.file();
        if !diagnostics.has_errors_in(file) {
            let empty = Diagnostic::warning_of_file(file, "nothing is in this pipeline");
            diagnostics.push(empty.help("a pipeline has [sources.NAME], [transforms.NAME] and [sinks.NAME]"));
        }
    }
}

fn of_file(pipeline: &Pipeline<'_>, used: &UsedFiles) -> u64 {
    let mut hasher = DefaultHasher::new();
    pipeline.origin.file().text().hash(&mut hasher);
    used.hash(&pipeline.id, &mut hasher);
    hasher.finish()
}

/// What others may go by of a component, also of one whose settings have mistakes.
struct Outline {
    outputs: Option<Outputs>,
    listens: Option<SocketAddr>,
}

impl Outline {
    fn of(settings: &Settings<Plan>, listed: &Component) -> Self {
        let outputs = |plan: &Plan| Outputs { main: plan.has_main(), ports: plan.ports() };
        let usual = || (listed.parse)(DeTable::parse(listed.example).ok()?).ok().as_ref().map(outputs);
        Self {
            outputs: settings.whatever(|plan, repairs| {
                let own = outputs(plan);
                // A setting that had to be repaired may have named an output, unless all of the type have the same.
                (repairs.are_none() || usual().as_ref() == Some(&own)).then_some(own)
            }),
            listens: settings.whatever(|plan, _| match plan {
                Plan::Source(source) => source.listens(),
                _ => None,
            }),
        }
    }
}

/// Reads and checks a component's settings: what is known of it, and if nothing is wrong its plan, also as it was
/// written.
fn read(
    pipeline: &Pipeline<'_>,
    component: &ComponentConfig<'_>,
    job: Job<'_>,
    used: &mut UsedFiles,
    diagnostics: &mut Diagnostics,
) -> Option<(Outline, Option<(Plan, Written)>)> {
    let name = component.known_type(pipeline, &catalogue::All, diagnostics)?;
    let listed = catalogue::find(component.kind, name)?;
    let mut settings = pipeline.read(component, listed.example, listed.parse, diagnostics)?;
    let problems = settings.check(|plan, repairs, report| {
        used.hand_to(plan, repairs, &pipeline.id, job.instead, report, diagnostics);
        plan.describe().check(&mut Check { report, conditions: job.conditions });
    });
    pipeline.report(component, &problems, diagnostics);
    let outline = Outline::of(&settings, listed);
    if let Some(buffer) = &component.buffer
        && !listed.inputs.is_empty()
        && buffer.get_ref().get("type").is_some_and(|kind| kind.get_ref().as_str() == Some("disk"))
    {
        let message = format!("`{}` keeps what it receives on disk itself", component.id);
        diagnostics.push(pipeline.origin.error(buffer.span(), &message).help("leave `buffer` out"));
    }
    if let Some(migrate) = &component.migrate
        && settings.whatever(|plan, _| Some(matches!(plan, Plan::Transform(_)))) == Some(true)
    {
        let message = format!("`{}` keeps no state that could migrate", component.id);
        diagnostics.push(pipeline.origin.error(migrate.span(), &message).help("leave `migrate` out"));
    }
    let sound = settings.sound().map(|mut plan| {
        let mut written = written(name, component.table.get_ref(), &mut plan, &pipeline.origin);
        if let Some(migrate) = &component.migrate {
            let name = migrate.get_ref().name();
            written.add("migrate".to_owned(), setting(&name, format!("{name:?}")));
        }
        if let Plan::Source(source) = &plan
            && job.once
            && !source.ends()
        {
            let message = format!("`{}` has no end, and a run with --once ends with its input", component.id);
            diagnostics.push(pipeline.origin.error(component.id_span.clone(), &message).help(
                match plan.describe().name() {
                    "generator" => "give it a `count`, or run without --once",
                    _ => "run without --once",
                },
            ));
        }
        (plan, written)
    });
    Some((outline, sound))
}

/// The pipelines that have errors, or belong to one that has.
fn refused<'p>(
    pipelines: &'p [Pipeline<'_>],
    edges: &[Edge],
    used: &UsedFiles,
    diagnostics: &Diagnostics,
) -> BTreeSet<&'p str> {
    let broken = pipelines.iter().filter(|pipeline| {
        let mut files = std::iter::once(pipeline.origin.file()).chain(used.of(&pipeline.id));
        files.any(|file| diagnostics.has_errors_in(file))
    });
    let mut refused: BTreeSet<&str> = broken.map(|pipeline| pipeline.id.as_str()).collect();
    loop {
        let before = refused.len();
        for edge in edges {
            let ends = [edge.from.pipeline(), edge.to.pipeline()];
            if ends.iter().any(|end| refused.contains(end)) {
                let group = pipelines.iter().map(|pipeline| pipeline.id.as_str()).filter(|id| ends.contains(id));
                refused.extend(group);
            }
        }
        if refused.len() == before {
            return refused;
        }
    }
}

fn graph(
    pipelines: &[Pipeline<'_>],
    plans: &HashMap<ComponentId, Plan>,
    buffers: &HashMap<ComponentId, BufferSettings>,
    mut settings: HashMap<ComponentId, Written>,
    edges: &[Edge],
    refused: &BTreeSet<&str>,
) -> Graph {
    let mut nodes = Vec::new();
    for pipeline in pipelines.iter().filter(|pipeline| !refused.contains(pipeline.id.as_str())) {
        for component in pipeline.components.values() {
            let id = ComponentId::new(&pipeline.id, &component.id);
            if let Some(plan) = plans.get(&id) {
                let buffer = buffers.get(&id).cloned().unwrap_or_default();
                let written = settings.remove(&id).unwrap_or_default();
                let migrate = component.migrate.as_ref().map(|migrate| *migrate.get_ref()).unwrap_or_default();
                nodes.push(Node { buffer, migrate, written, ..Node::new(id, plan.clone(), Vec::new()) });
            }
        }
    }
    let places: HashMap<ComponentId, usize> =
        nodes.iter().enumerate().map(|(place, node)| (node.id.clone(), place)).collect();
    for edge in edges {
        let (Some(&from), Some(&to)) = (places.get(&edge.from), places.get(&edge.to)) else { continue };
        let port = nodes[from].ports().iter().position(|port| port == edge.port.as_deref().unwrap_or(""));
        if let Some(port) = port {
            nodes[to].inputs.push(Input { way: edge.way, ..Input::new(from, port) });
        }
    }
    Graph { nodes }
}
