//! VRL programs: compiled once, then run on one event after the other.
//!
//! A [`Program`] knows what it reads, and whether its answer follows from that alone. Its faults carry their place in
//! the source. While it runs, its [`Budget`] is watched; before it is compiled, its [size](bounds) is.

mod bounds;
mod budget;
mod fault;
mod functions;
pub(crate) mod metadata;
mod view;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use logd_sdk::condition::Reads;
use logd_sdk::settings::Fault;
use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::state::{ExternalEnv, RuntimeState};
use vrl::compiler::{CompilationResult, CompileConfig, Function, Target, TimeZone};
use vrl::diagnostic::DiagnosticList;
use vrl::path::PathPrefix;
use vrl::value::kind::Collection;
use vrl::value::{Kind, Value};

pub(crate) use budget::{BATCH, Budget};
pub(crate) use fault::one_line;
pub(crate) use view::View;

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It answers a question, and changes nothing.
    Ask,
    /// It changes the event.
    Change,
}

/// A compiled program.
pub(crate) struct Program {
    program: vrl::compiler::Program,
    timezone: TimeZone,
    /// What is odd about it.
    pub(crate) warnings: Vec<Fault>,
    /// Whether its result follows from the fields that it reads, and from nothing else.
    pub(crate) pure: bool,
    /// Whether it asks for metadata.
    pub(crate) uses_metadata: bool,
    /// Whether it sets the event's time.
    pub(crate) sets_time: bool,
    /// Whether it has a closure, and so a loop, which may nest values as deep as it likes.
    pub(crate) loops: bool,
    /// What it reads.
    pub(crate) reads: Reads,
    /// The type of its result.
    pub(crate) kind: Kind,
}

/// How the run of a program on one event ended.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// With this result.
    Result(Value),
    /// It gave up on the event by `abort`: with this message.
    Abort(String),
    /// An expression failed: why.
    Failure(String),
    /// It took too long.
    TimedOut,
}

impl Program {
    /// Compiles `source`, or says all that is wrong with it. Times without a zone are in `zone`.
    pub(crate) fn compile(source: &str, purpose: Purpose, zone: chrono_tz::Tz) -> Result<Self, Vec<Fault>> {
        bounds::check(source).map_err(|fault| vec![fault])?;
        let (result, pure) = match build(source, purpose, &functions::pure()) {
            Err(list) if list.iter().any(fault::is_undefined_function) => {
                (build(source, purpose, &functions::all()), false)
            }
            result => (result, true),
        };
        let compiled = result.map_err(|list| fault::faults(&list, source, purpose))?;
        let info = compiled.program.info();
        let unknown = metadata::check(info, source);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let uses_metadata = metadata::is_used(info);
        Ok(Self {
            pure: pure && !uses_metadata,
            uses_metadata,
            sets_time: metadata::sets_time(info),
            loops: source.contains("->"),
            reads: reads(info, source),
            kind: compiled.program.final_type_info().result.kind().clone(),
            warnings: compiled.warnings.iter().map(|warning| fault::fault(warning, source)).collect(),
            timezone: TimeZone::Named(zone),
            program: compiled.program,
        })
    }

    /// Runs it on one event.
    pub(crate) fn run(&self, runtime: &mut Runtime, target: &mut dyn Target, budget: &mut Budget) -> End {
        if !budget.begin() {
            return End::TimedOut;
        }
        let run = AssertUnwindSafe(|| runtime.resolve_with_control(target, &self.program, &self.timezone, budget));
        // Some functions panic at hostile input, such as `"x" * .n` at a number that no memory has room for.
        let Ok(result) = catch_unwind(run) else {
            *runtime = self::runtime();
            return End::Failure("a function of the program panicked".to_owned());
        };
        if !runtime.is_empty() {
            runtime.clear();
        }
        match result {
            Ok(value) => End::Result(value),
            Err(Terminate::Abort(error)) => End::Abort(one_line(&error.to_string())),
            Err(Terminate::Error(error)) => End::Failure(one_line(&error.to_string())),
            Err(Terminate::Interrupted) => End::TimedOut,
        }
    }
}

/// Whether a value nests deeper than `levels`. Whoever writes it, or drops it, recurses.
pub(crate) fn is_deeper(value: &Value, levels: usize) -> bool {
    let deeper = |inner: &Value| levels == 0 || is_deeper(inner, levels - 1);
    match value {
        Value::Object(members) => members.values().any(deeper),
        Value::Array(elements) => elements.iter().any(deeper),
        _ => false,
    }
}

/// A runtime for [`Program::run`], to be used for one event after the other.
pub(crate) fn runtime() -> Runtime {
    Runtime::new(RuntimeState::default())
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("reads", &self.reads).field("pure", &self.pure).finish_non_exhaustive()
    }
}

fn build(source: &str, purpose: Purpose, known: &[Box<dyn Function>]) -> Result<CompilationResult, DiagnosticList> {
    let mut config = CompileConfig::default();
    match purpose {
        Purpose::Ask => config.set_read_only(),
        Purpose::Change => metadata::protect(&mut config),
    }
    let event = ExternalEnv::new_with_kind(Kind::object(Collection::any()), metadata::kind());
    vrl::compiler::compile_with_external(source, known, &event, config)
}

/// The compiler lists the paths that stand in the program. What it does not list is what `unnest` reads beside its
/// path; for `get`, whose path is found at run time, it lists the root.
fn reads(info: &vrl::compiler::ProgramInfo, source: &str) -> Reads {
    let mut fields = Vec::new();
    for query in info.target_queries.iter().filter(|query| query.prefix == PathPrefix::Event) {
        if query.path.is_root() || source.contains("unnest") {
            return Reads::Whole;
        }
        if !fields.contains(&query.path) {
            fields.push(query.path.clone());
        }
    }
    Reads::Fields(fields)
}

#[cfg(test)]
mod tests;
