//! How a component is listed, and how its settings go through the phases parse → check → build.
//!
//! A family lists its components in a static slice, one line each:
//!
//! ```ignore
//! pub static COMPONENTS: &[Component] = &[Component::source::<FileSource>(), Component::sink::<FileSink>()];
//! ```
//!
//! Everything else follows from that line: parsing, the schema, `logd list`, the reference, and the conformance tests.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::de::{DeTable, Error};
use vrl::path::OwnedValuePath;

use crate::condition::{Condition, Conditions, Reads};
use crate::context::Context;
use crate::erased::{AnyKeyed, AnySink, AnySource, ErasedKeyed};
use crate::keyed::{Keyed, Shard};
use crate::report::{KeyPath, Report};
use crate::settings::TextFile;
use crate::sink::{Delivery, Sink};
use crate::source::Source;
use crate::transform::Transform;

/// The place of a component in a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Events come from it.
    Source,
    /// Events go through it.
    Transform,
    /// Events leave by it.
    Sink,
}

impl Kind {
    /// As it stands in metrics and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Transform => "transform",
            Self::Sink => "sink",
        }
    }
}

/// Which fields the events have that leave by a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Those that came in.
    Same,
    /// Nobody knows.
    Anything,
    /// These and no others.
    Fields(Vec<OwnedValuePath>),
}

/// What all components' settings have. They are read straight from the TOML table, so their type must derive
/// `Deserialize` with `deny_unknown_fields`, and must not use `flatten`, `untagged` or internally tagged enums, which
/// lose the places of mistakes. They print themselves for whoever looks for a bug, so that what is secret among them is a
/// [`Secret`](crate::settings::Secret). All that holds for every component is tested by [`contract`](crate::contract).
pub trait Settings: DeserializeOwned + JsonSchema + fmt::Debug + Send + Sync + 'static {
    /// The `type` in a pipeline file.
    const NAME: &'static str;
    /// Other names for it, as users of other daemons know it.
    const ALIASES: &'static [&'static str] = &[];
    /// What it does, in one line.
    const SUMMARY: &'static str;
    /// Its settings in TOML as they would stand in a pipeline, without `type` and `inputs`.
    const EXAMPLE: &'static str;
    /// The names of its inputs, of a sink that does different things with what comes by each: at least one of them is
    /// written where others have `inputs`, and [`Batch::input`](crate::Batch::input) says by which a batch came.
    const INPUTS: &'static [&'static str] = &[];

    /// The files beside the pipeline's whose text belongs to the settings, such as programs and certificates, and the
    /// settings that name them. The loader
    /// reads them before it calls `check`, and what is in them counts as part of the pipeline.
    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        Vec::new()
    }

    /// Says what is wrong with the settings that their types could not say. Pure: no clock, disk or network.
    fn check(&self, check: &mut Check<'_>) {
        let _ = check;
    }

    /// The names of the outputs beside the main one, in the order of their [`Port`](crate::Port)s: the first is
    /// port 1. An output named `dead` or `late` takes what [`Outputs`](crate::Outputs) collects under these names.
    fn ports(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it has a main output, which has its own name.
    fn has_main(&self) -> bool {
        true
    }

    /// The fields of the events that it is given which it reads.
    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        let _ = conditions;
        Reads::nothing()
    }

    /// The fields among them without which it has nothing to do: `validate` warns where nothing upstream makes them.
    fn needs(&self, conditions: &dyn Conditions) -> Reads {
        self.reads(conditions)
    }

    /// Which fields the events have that leave by `port` (the main output is the empty name).
    fn makes(&self, port: &str) -> Makes {
        let _ = port;
        Makes::Anything
    }
}

/// The settings of a source.
pub trait SourceSettings: Settings {
    /// What they build.
    type Source: Source;

    /// Whether its input ends by itself, so that it can stand in a run with `--once`.
    fn ends(&self) -> bool;

    /// The address that it will listen on, if it does.
    fn listens(&self) -> Option<SocketAddr> {
        None
    }

    /// Builds it: opens what it needs, and spawns nothing. Where [`Context::dry_run`] says so it also leaves nothing
    /// behind, and fails if what it needs does not answer.
    ///
    /// # Errors
    /// What it needs can't be had.
    fn build(&self, context: &Context) -> impl Future<Output = anyhow::Result<Self::Source>> + Send;

    /// Whether a source that runs can be [renewed](Self::renew), where nothing has changed but what is in its
    /// [files](Settings::files). Others are built anew.
    fn renews(&self) -> bool {
        false
    }

    /// Gives what is in the files now to a source that was built with the same settings.
    ///
    /// # Errors
    /// It can't go on with that; it goes on as it was.
    fn renew(&self, source: &mut Self::Source) -> anyhow::Result<()> {
        let _ = source;
        Ok(())
    }
}

/// The settings of a transform without state.
pub trait TransformSettings: Settings {
    /// What they build.
    type Transform: Transform;

    /// Builds it.
    ///
    /// # Errors
    /// What it needs can't be had, or `check` was not heeded.
    fn build(&self, context: &Context) -> anyhow::Result<Self::Transform>;
}

/// The settings of a transform with state.
pub trait KeyedSettings: Settings {
    /// What they build.
    type Keyed: Keyed;

    /// Builds it.
    ///
    /// # Errors
    /// What it needs can't be had, or `check` was not heeded.
    fn build(&self, context: &Context) -> anyhow::Result<Self::Keyed>;
}

/// The settings of a sink.
pub trait SinkSettings: Settings {
    /// What they build.
    type Sink: Sink;

    /// How the driver is to deliver to it.
    fn delivery(&self) -> Delivery {
        Delivery::default()
    }

    /// Whether what it builds can [take over](Sink::succeed) from what `before` has built. Where it can't, that one comes
    /// to its end first, and for so long there is none.
    fn succeeds(&self, before: &Self) -> bool {
        let _ = before;
        true
    }

    /// Builds it: opens what it needs, and spawns nothing; in a [dry run](Context::dry_run) it leaves nothing behind.
    /// It does not fail because a service is away: that is for [`Sink::probe`] to say, and for the driver to try again.
    ///
    /// # Errors
    /// What it needs can't be had.
    fn build(&self, context: &Context) -> impl Future<Output = anyhow::Result<Self::Sink>> + Send;
}

/// What a component's `check` is given.
pub struct Check<'c> {
    /// Takes what is wrong.
    pub report: &'c mut Report,
    /// Compiles conditions.
    pub conditions: &'c dyn Conditions,
}

impl Check<'_> {
    /// Compiles the condition at `key`, and reports what is wrong with it.
    pub fn condition(&mut self, key: impl Into<KeyPath>, source: &str) -> Option<Arc<dyn Condition>> {
        let key = key.into();
        match self.conditions.compile(source) {
            Ok(condition) => Some(condition),
            Err(faults) => {
                for fault in faults {
                    self.report.fault(key.clone(), fault);
                }
                None
            }
        }
    }
}

/// A line of a family's list.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// What it is.
    pub kind: Kind,
    /// The `type` in a pipeline file.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// The names of its inputs, if it has several.
    pub inputs: &'static [&'static str],
    /// What it does, in one line.
    pub summary: &'static str,
    /// Its settings in TOML, without `type` and `inputs`.
    pub example: &'static str,
    /// The JSON Schema of its settings.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Reads its settings.
    pub parse: fn(toml::Spanned<DeTable<'_>>) -> Result<Plan, Error>,
}

impl Component {
    /// Lists a source.
    #[must_use]
    pub const fn source<S: SourceSettings>() -> Self {
        Self::new::<S>(Kind::Source, |table| parse::<S>(table).map(|settings| Plan::Source(Arc::new(settings))))
    }

    /// Lists a transform without state.
    #[must_use]
    pub const fn transform<S: TransformSettings>() -> Self {
        Self::new::<S>(Kind::Transform, |table| parse::<S>(table).map(|settings| Plan::Transform(Arc::new(settings))))
    }

    /// Lists a transform with state.
    #[must_use]
    pub const fn keyed<S: KeyedSettings>() -> Self {
        Self::new::<S>(Kind::Transform, |table| parse::<S>(table).map(|settings| Plan::Keyed(Arc::new(settings))))
    }

    /// Lists a sink.
    #[must_use]
    pub const fn sink<S: SinkSettings>() -> Self {
        Self::new::<S>(Kind::Sink, |table| parse::<S>(table).map(|settings| Plan::Sink(Arc::new(settings))))
    }

    const fn new<S: Settings>(kind: Kind, parse: fn(toml::Spanned<DeTable<'_>>) -> Result<Plan, Error>) -> Self {
        Self {
            kind,
            name: S::NAME,
            aliases: S::ALIASES,
            inputs: S::INPUTS,
            summary: S::SUMMARY,
            example: S::EXAMPLE,
            schema: |generator| generator.subschema_for::<S>(),
            parse,
        }
    }
}

fn parse<S: Settings>(table: toml::Spanned<DeTable<'_>>) -> Result<S, Error> {
    S::deserialize(table.into_deserializer())
}

/// Settings that have been read, whatever component they are of.
#[derive(Clone)]
pub enum Plan {
    /// Of a source.
    Source(Arc<dyn SourcePlan>),
    /// Of a transform without state.
    Transform(Arc<dyn TransformPlan>),
    /// Of a transform with state.
    Keyed(Arc<dyn KeyedPlan>),
    /// Of a sink.
    Sink(Arc<dyn SinkPlan>),
}

impl Plan {
    /// What all plans can be asked.
    #[must_use]
    pub fn describe(&self) -> &dyn Describe {
        match self {
            Self::Source(plan) => plan.as_ref(),
            Self::Transform(plan) => plan.as_ref(),
            Self::Keyed(plan) => plan.as_ref(),
            Self::Sink(plan) => plan.as_ref(),
        }
    }
}

impl Plan {
    /// The files beside the pipeline's that it uses, to be given their text: while nobody else holds the plan, and else
    /// none.
    pub fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        let files = match self {
            Self::Source(plan) => Arc::get_mut(plan).map(Describe::files),
            Self::Transform(plan) => Arc::get_mut(plan).map(Describe::files),
            Self::Keyed(plan) => Arc::get_mut(plan).map(Describe::files),
            Self::Sink(plan) => Arc::get_mut(plan).map(Describe::files),
        };
        files.unwrap_or_default()
    }

    /// The names of the outputs beside the main one. A sink has one, whatever its settings say: what it rejects.
    #[must_use]
    pub fn ports(&self) -> Vec<String> {
        match self {
            Self::Sink(_) => vec!["dead".to_owned()],
            _ => self.describe().ports(),
        }
    }

    /// Whether there is a main output, which has the component's own name.
    #[must_use]
    pub fn has_main(&self) -> bool {
        !matches!(self, Self::Sink(_)) && self.describe().has_main()
    }
}

/// The settings, as they print themselves: secrets as `***`.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe().fmt(f)
    }
}

/// [`Settings`], whatever their type. What the daemon adds to a graph stands in no file and has nothing but a name.
pub trait Describe: fmt::Debug + Send + Sync {
    /// [`Settings::NAME`].
    fn name(&self) -> &'static str;

    /// [`Settings::files`].
    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        Vec::new()
    }

    /// [`Settings::check`].
    fn check(&self, check: &mut Check<'_>) {
        let _ = check;
    }

    /// [`Settings::ports`].
    fn ports(&self) -> Vec<String> {
        Vec::new()
    }

    /// [`Settings::has_main`].
    fn has_main(&self) -> bool {
        true
    }

    /// [`Settings::reads`].
    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        let _ = conditions;
        Reads::nothing()
    }

    /// [`Settings::needs`].
    fn needs(&self, conditions: &dyn Conditions) -> Reads {
        self.reads(conditions)
    }

    /// [`Settings::makes`].
    fn makes(&self, port: &str) -> Makes {
        let _ = port;
        Makes::Anything
    }
}

impl<S: Settings> Describe for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn files(&mut self) -> Vec<(KeyPath, &mut TextFile)> {
        Settings::files(self)
    }

    fn check(&self, check: &mut Check<'_>) {
        Settings::check(self, check);
    }

    fn ports(&self) -> Vec<String> {
        Settings::ports(self)
    }

    fn has_main(&self) -> bool {
        Settings::has_main(self)
    }

    fn reads(&self, conditions: &dyn Conditions) -> Reads {
        Settings::reads(self, conditions)
    }

    fn needs(&self, conditions: &dyn Conditions) -> Reads {
        Settings::needs(self, conditions)
    }

    fn makes(&self, port: &str) -> Makes {
        Settings::makes(self, port)
    }
}

/// [`SourceSettings`], whatever their type: also [`Any`], so that a family finds its own again.
pub trait SourcePlan: Describe + Any {
    /// [`SourceSettings::ends`].
    fn ends(&self) -> bool;
    /// [`SourceSettings::build`].
    fn build<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Box<dyn AnySource>>>;

    /// [`SourceSettings::listens`].
    fn listens(&self) -> Option<SocketAddr> {
        None
    }

    /// [`SourceSettings::renews`].
    fn renews(&self) -> bool {
        false
    }

    /// [`SourceSettings::renew`].
    ///
    /// # Errors
    /// Those of the component, or the source is not of these settings' type.
    fn renew(&self, source: &mut dyn AnySource) -> anyhow::Result<()> {
        let _ = source;
        Ok(())
    }
}

impl<S: SourceSettings> SourcePlan for S {
    fn ends(&self) -> bool {
        SourceSettings::ends(self)
    }

    fn listens(&self) -> Option<SocketAddr> {
        SourceSettings::listens(self)
    }

    fn build<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Box<dyn AnySource>>> {
        Box::pin(async move { Ok(Box::new(SourceSettings::build(self, context).await?) as Box<dyn AnySource>) })
    }

    fn renews(&self) -> bool {
        SourceSettings::renews(self)
    }

    fn renew(&self, source: &mut dyn AnySource) -> anyhow::Result<()> {
        let source: &mut dyn Any = source;
        SourceSettings::renew(self, source.downcast_mut().context("it is a source of another type")?)
    }
}

/// [`TransformSettings`], whatever their type.
pub trait TransformPlan: Describe {
    /// [`TransformSettings::build`].
    ///
    /// # Errors
    /// Those of the component.
    fn build(&self, context: &Context) -> anyhow::Result<Arc<dyn Transform>>;
}

impl<S: TransformSettings> TransformPlan for S {
    fn build(&self, context: &Context) -> anyhow::Result<Arc<dyn Transform>> {
        Ok(Arc::new(TransformSettings::build(self, context)?))
    }
}

/// [`KeyedSettings`], whatever their type.
pub trait KeyedPlan: Describe {
    /// [`KeyedSettings::build`].
    ///
    /// # Errors
    /// Those of the component.
    fn build(&self, context: &Context) -> anyhow::Result<Arc<dyn AnyKeyed>>;
    /// [`Shard::owner`], of its shards.
    fn owner<'k>(&self, saved: &'k [u8]) -> &'k [u8];
}

impl<S: KeyedSettings> KeyedPlan for S {
    fn build(&self, context: &Context) -> anyhow::Result<Arc<dyn AnyKeyed>> {
        Ok(Arc::new(ErasedKeyed(KeyedSettings::build(self, context)?)))
    }

    fn owner<'k>(&self, saved: &'k [u8]) -> &'k [u8] {
        <<S::Keyed as Keyed>::Shard as Shard>::owner(saved)
    }
}

/// [`SinkSettings`], whatever their type.
pub trait SinkPlan: Describe + Any {
    /// [`SinkSettings::delivery`].
    fn delivery(&self) -> Delivery;
    /// [`SinkSettings::succeeds`]; not if `before` is of another type.
    fn succeeds(&self, before: &dyn SinkPlan) -> bool {
        let _ = before;
        false
    }
    /// [`SinkSettings::build`].
    fn build<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>>;
}

impl<S: SinkSettings> SinkPlan for S {
    fn delivery(&self) -> Delivery {
        SinkSettings::delivery(self)
    }

    fn succeeds(&self, before: &dyn SinkPlan) -> bool {
        let before: &dyn Any = before;
        before.downcast_ref().is_some_and(|before| SinkSettings::succeeds(self, before))
    }

    fn build<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, anyhow::Result<Arc<dyn AnySink>>> {
        Box::pin(async move { Ok(Arc::new(SinkSettings::build(self, context).await?) as Arc<dyn AnySink>) })
    }
}
