//! A pipeline file's shape: its sources, transforms and sinks with their types and inputs.
//!
//! ```toml
//! [transforms.parsed]       # kind and id
//! type = "parse"            # taken out here
//! inputs = ["services"]     # taken out here, resolved later
//! format = "json"           # stays in the table
//! ```
//!
//! What belongs to a component's type stays a table here; [`read()`] makes settings of it once the type is known.

use std::ops::Range;

use indexmap::IndexMap;
use indexmap::map::Entry;
use logd_sdk::component::Kind;
use logd_sdk::report::{Problem, Report};
use logd_sdk::settings::Fault;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, Error};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::{Document, Origin};
use super::read::{Known, Settings, deserialize, read};
use super::substitute::Environment;
use super::{daemon, suggest};
use crate::topology::Migrate;

/// A pipeline: one file.
#[derive(Debug)]
pub struct Pipeline<'d> {
    /// The file's name without `.toml`.
    pub id: String,
    /// Where its values come from.
    pub origin: Origin<'d>,
    /// Its components by id, in the file's order.
    pub components: IndexMap<String, ComponentConfig<'d>>,
    /// Its tests as they are written, if it has some: nobody who runs it reads them.
    pub tests: Option<Spanned<DeValue<'d>>>,
}

/// A component as it stands in a pipeline file.
#[derive(Debug)]
pub struct ComponentConfig<'d> {
    /// Its name within the pipeline.
    pub id: String,
    /// Where that name stands.
    pub id_span: Range<usize>,
    /// In which of the three tables it stands.
    pub kind: Kind,
    /// Its `type`; `None` if that is wrong, which has been said.
    pub type_name: Option<Spanned<String>>,
    /// Its inputs, as they are written.
    pub inputs: Vec<WrittenInput>,
    /// Its `migrate`, if it is a transform that has one.
    pub(crate) migrate: Option<Spanned<Migrate>>,
    /// Its `buffer`, if it is a sink that has one.
    pub buffer: Option<Spanned<DeTable<'d>>>,
    /// The rest of its table.
    pub table: Spanned<DeTable<'d>>,
}

/// An input as it stands in a pipeline file.
#[derive(Debug)]
pub struct WrittenInput {
    /// What it names.
    pub name: Spanned<String>,
    /// By which of the component's inputs it comes, where those have names.
    pub way: u8,
}

/// The tables of components, and their kinds.
const TABLES: [(&str, Kind); 3] = [("sources", Kind::Source), ("transforms", Kind::Transform), ("sinks", Kind::Sink)];
/// The tests of a pipeline.
const TESTS: &str = "tests";

impl<'d> Pipeline<'d> {
    /// Reads the shape of `document`; what is wrong with it is left out.
    pub fn new(
        document: &'d Document,
        environment: Environment<'_>,
        catalogue: &dyn Catalogue,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let (table, origin) = document.table(environment, diagnostics);
        let mut pipeline = Self { id: document.file().stem(), origin, components: IndexMap::new(), tests: None };
        for (key, value) in table {
            match TABLES.iter().find(|(name, _)| *name == key.get_ref()) {
                Some((name, kind)) => pipeline.add_table(name, *kind, value, catalogue, diagnostics),
                None if key.get_ref() == TESTS => pipeline.tests = Some(value),
                None => diagnostics.push(pipeline.unknown_key(&key)),
            }
        }
        pipeline
    }

    /// Reads a component's settings; `None` if that can't be done. `example` shows how they are written.
    pub fn read<T>(
        &self,
        component: &ComponentConfig<'_>,
        example: &str,
        parse: impl Fn(Spanned<DeTable<'_>>) -> Result<T, Error>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Settings<T>> {
        let also: &[&str] = match component.kind {
            Kind::Source => &["type"],
            Kind::Transform => &["type", "inputs", "migrate"],
            Kind::Sink => &["type", "inputs", "buffer"],
        };
        read(&self.origin, component.table.clone(), Known { also, example }, parse, diagnostics)
    }

    /// Reads the settings of a sink's buffer and has them checked; `None` if something is wrong with them.
    pub fn read_buffer<T: DeserializeOwned>(
        &self,
        component: &ComponentConfig<'_>,
        check: impl Fn(&T, &mut Report),
        diagnostics: &mut Diagnostics,
    ) -> Option<T> {
        let empty = Spanned::new(component.table.span(), DeTable::default());
        let table = component.buffer.clone().unwrap_or(empty);
        let settings = read(&self.origin, table.clone(), Known::default(), deserialize, diagnostics)?.sound()?;
        let mut report = Report::default();
        check(&settings, &mut report);
        self.origin.report(table.get_ref(), table.span(), report.problems(), diagnostics);
        (!report.has_errors()).then_some(settings)
    }

    /// Adds what a component found wrong with its settings.
    pub fn report<'p>(
        &self,
        component: &ComponentConfig<'_>,
        problems: impl IntoIterator<Item = &'p Problem>,
        diagnostics: &mut Diagnostics,
    ) {
        self.origin.report(component.table.get_ref(), component.table.span(), problems, diagnostics);
    }

    /// For a key at the top of the file that a pipeline has not; perhaps one of `logd.toml`.
    fn unknown_key(&self, key: &Spanned<impl AsRef<str>>) -> Diagnostic {
        let name = key.get_ref().as_ref();
        let diagnostic = self.origin.error(key.span(), &format!("unknown key `{name}`"));
        let tables = || TABLES.iter().map(|(name, _)| *name).chain([TESTS]);
        let diagnostic = match suggest::closest(name, tables().chain(daemon::KEYS)) {
            _ if daemon::KEYS.contains(&name) => diagnostic,
            Some(meant) => diagnostic.label(format!("did you mean `{meant}`?")),
            None => diagnostic,
        };
        if daemon::KEYS.contains(&name) {
            return diagnostic.help(format!("`{name}` is a setting of the daemon: write it into logd.toml"));
        }
        diagnostic.help(format!("a pipeline has {}", suggest::list(tables())))
    }

    /// Adds the components of one of the three tables.
    fn add_table(
        &mut self,
        name: &str,
        kind: Kind,
        value: Spanned<DeValue<'d>>,
        catalogue: &dyn Catalogue,
        diagnostics: &mut Diagnostics,
    ) {
        let span = value.span();
        let DeValue::Table(components) = value.into_inner() else {
            let wrong = self.origin.error(span, &format!("`{name}` must be a table"));
            diagnostics.push(wrong.help(format!("write [{name}.NAME]")));
            return;
        };
        for (id, value) in components {
            let span = value.span();
            let DeValue::Table(table) = value.into_inner() else {
                let wrong = self.origin.error(span, &format!("`{name}.{}` must be a table", id.get_ref()));
                diagnostics.push(wrong.help(format!("write [{name}.{}]", id.get_ref())));
                continue;
            };
            self.add(
                kind,
                Spanned::new(id.span(), id.into_inner().into_owned()),
                Spanned::new(span, table),
                catalogue,
                diagnostics,
            );
        }
    }

    /// Adds a component, unless its name is taken.
    fn add(
        &mut self,
        kind: Kind,
        id: Spanned<String>,
        mut table: Spanned<DeTable<'d>>,
        catalogue: &dyn Catalogue,
        diagnostics: &mut Diagnostics,
    ) {
        let id_span = id.span();
        let id = id.into_inner();
        if !is_valid_id(&id) {
            let wrong = self.origin.error(id_span.clone(), &format!("`{id}` can't be the name of a component"));
            diagnostics.push(wrong.help("a name is made of a-z, A-Z, 0-9, `_` and `-`"));
        }
        let type_name = self.take_type(&mut table, diagnostics);
        let ways = type_name.as_ref().map_or(&[][..], |name| catalogue.inputs(kind, name.get_ref()));
        let inputs = match ways {
            [] => {
                let inputs = self.take_inputs(kind, &mut table, diagnostics);
                inputs.into_iter().map(|name| WrittenInput { name, way: 0 }).collect()
            }
            ways => self.named_inputs(ways, &table, diagnostics),
        };
        let migrate = (kind == Kind::Transform).then(|| self.take_migrate(&mut table, diagnostics)).flatten();
        let buffer = (kind == Kind::Sink).then(|| self.take_buffer(&mut table, diagnostics)).flatten();
        match self.components.entry(id.clone()) {
            Entry::Occupied(first) => {
                let message = format!("a {} is already named `{id}`", first.get().kind.name());
                let wrong = self.origin.error(id_span, &message).help("names are unique within a pipeline");
                diagnostics.push(wrong.related(self.origin.file(), first.get().id_span.clone(), "the first one"));
            }
            Entry::Vacant(free) => {
                free.insert(ComponentConfig { id, id_span, kind, type_name, inputs, migrate, buffer, table });
            }
        }
    }

    /// Takes `type` out of a component's table.
    fn take_type(&self, table: &mut Spanned<DeTable<'_>>, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
        let span = table.span();
        let Some(value) = table.get_mut().remove("type") else {
            if self.is_really_missing("type", table) {
                let missing = self.origin.error(span, "`type` is missing").label("in this component");
                diagnostics.push(missing.help("write type = \"…\"; `logd list` shows the types there are"));
            }
            return None;
        };
        self.text("`type`", value, diagnostics)
    }

    /// Takes `buffer` out of a sink's table.
    fn take_buffer(
        &self,
        table: &mut Spanned<DeTable<'d>>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Spanned<DeTable<'d>>> {
        let value = table.get_mut().remove("buffer")?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(buffer) => Some(Spanned::new(span, buffer)),
            _ => {
                let wrong = self.origin.error(span, "`buffer` must be a table");
                diagnostics.push(wrong.help("write buffer.type = \"disk\""));
                None
            }
        }
    }

    /// Takes `migrate` out of a transform's table.
    fn take_migrate(
        &self,
        table: &mut Spanned<DeTable<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Spanned<Migrate>> {
        let written = self.text("`migrate`", table.get_mut().remove("migrate")?, diagnostics)?;
        let found = Migrate::ALL.into_iter().find(|migrate| migrate.name() == written.get_ref());
        if found.is_none() {
            let wrong = self.origin.error(written.span(), &format!("`migrate` can't be `{}`", written.get_ref()));
            diagnostics.push(wrong.help(format!("write {}", suggest::list(Migrate::ALL.map(Migrate::name)))));
        }
        Some(Spanned::new(written.span(), found?))
    }

    /// Takes `inputs` out of a component's table.
    fn take_inputs(
        &self,
        kind: Kind,
        table: &mut Spanned<DeTable<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Spanned<String>> {
        let span = table.span();
        let Some(entry) = table.get_mut().remove_entry("inputs").or_else(|| misspelt(table.get_ref(), kind)) else {
            if kind != Kind::Source && self.is_really_missing("inputs", table) {
                let missing = self.origin.error(span, "`inputs` is missing").label("in this component");
                diagnostics.push(missing.help("write inputs = [\"NAME\"]"));
            }
            return Vec::new();
        };
        let (key, value) = entry;
        if kind == Kind::Source {
            diagnostics.push(self.origin.error(key.span(), "a source has no `inputs`"));
            return Vec::new();
        }
        let span = value.span();
        let inputs = match value.into_inner() {
            DeValue::Array(inputs) => inputs,
            DeValue::String(text) => {
                let wrong = Fault::new("`inputs` must be an array").help(format!("write inputs = [\"{text}\"]"));
                self.origin.fault(span.clone(), wrong).into_iter().for_each(|wrong| diagnostics.push(wrong));
                DeArray::from_iter([Spanned::new(span.clone(), DeValue::String(text))])
            }
            _ => {
                let wrong = self.origin.error(span, "`inputs` must be an array of names");
                diagnostics.push(wrong.help("write inputs = [\"NAME\"]"));
                return Vec::new();
            }
        };
        if inputs.is_empty() {
            diagnostics.push(self.origin.error(span, "`inputs` is empty").help("write inputs = [\"NAME\"]"));
        }
        inputs.into_iter().filter_map(|input| self.text("an input", input, diagnostics)).collect()
    }

    /// The inputs of a component that has several: each is a setting, and stays in the table.
    fn named_inputs(
        &self,
        ways: &[&str],
        table: &Spanned<DeTable<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<WrittenInput> {
        let mut inputs = Vec::new();
        for (way, key) in (0..).zip(ways) {
            // What is no list of texts is told of with the other settings.
            let Some(DeValue::Array(names)) = table.get_ref().get(*key).map(Spanned::get_ref) else { continue };
            for name in names {
                if let DeValue::String(text) = name.get_ref() {
                    inputs.push(WrittenInput { name: Spanned::new(name.span(), text.to_string()), way });
                }
            }
        }
        let written = |key: &&str| !self.is_really_missing(key, table);
        if inputs.is_empty() && !ways.iter().any(written) {
            let missing = self.origin.error(table.span(), "it has no input").label("in this component");
            let keys = ways.iter().map(|way| format!("{way} = [\"NAME\"]")).collect::<Vec<_>>();
            diagnostics.push(missing.help(format!("write {}", keys.join(" or "))));
        }
        inputs
    }

    /// Whether `key` is missing from a component's `table`, and not only misspelt or in a line that could not be read.
    fn is_really_missing(&self, key: &str, table: &Spanned<DeTable<'_>>) -> bool {
        let like = |written: &str| suggest::closest(written, [key]).is_some();
        !self.origin.may_lack_keys(&table.span()) && !table.get_ref().keys().any(|written| like(written.get_ref()))
    }

    /// The text of `value`; `None`, with an error that calls it `name`, if it is none, and without if a variable in it is
    /// missing, for that has been said.
    fn text(&self, name: &str, value: Spanned<DeValue<'_>>, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::String(_) if self.origin.substituted(&span).is_some_and(|found| found.failed) => None,
            DeValue::String(text) => Some(Spanned::new(span, text.into_owned())),
            other => {
                diagnostics
                    .push(self.origin.error(span, &format!("{name} must be a string, not {}", a(other.type_str()))));
                None
            }
        }
    }
}

/// What stands at a key that is nearly `inputs`: the key is told of with the other unknown ones, and what it means here.
fn misspelt<'d>(table: &DeTable<'d>, kind: Kind) -> Option<(Spanned<DeString<'d>>, Spanned<DeValue<'d>>)> {
    let like = |key: &str| kind != Kind::Source && suggest::closest(key, ["inputs"]).is_some();
    let (key, value) = table.iter().find(|(key, _)| like(key.get_ref()))?;
    Some((key.clone(), value.clone()))
}

/// With its article.
fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Whether `id` can name a component or a pipeline: ASCII letters, digits, `_` and `-`, so that `.` and `/` can part them.
pub fn is_valid_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// What the loader asks of the list of component types.
pub trait Catalogue {
    /// The names and aliases of the types of this kind.
    fn names(&self, kind: Kind) -> Vec<&str>;

    /// The names of the inputs of a type, if it has several.
    fn inputs(&self, kind: Kind, name: &str) -> &'static [&'static str] {
        let _ = (kind, name);
        &[]
    }
}

impl ComponentConfig<'_> {
    /// The component's type, if the catalogue has it for this kind of component; else says what is wrong.
    pub fn known_type(
        &self,
        pipeline: &Pipeline<'_>,
        catalogue: &dyn Catalogue,
        diagnostics: &mut Diagnostics,
    ) -> Option<&str> {
        let type_name = self.type_name.as_ref()?;
        let name = type_name.get_ref().as_str();
        let names = catalogue.names(self.kind);
        if names.contains(&name) {
            return Some(name);
        }
        let kind = self.kind.name();
        let wrong = pipeline.origin.error(type_name.span(), &format!("there is no {kind} of type `{name}`"));
        let other = TABLES.iter().find(|(_, other)| catalogue.names(*other).contains(&name));
        let wrong = match (other, suggest::closest(name, names.iter().copied())) {
            (Some((table, other)), _) => wrong
                .label(format!("`{name}` is a {}", other.name()))
                .help(format!("write it as [{table}.{}]", self.id)),
            (None, Some(meant)) => wrong.label(format!("did you mean `{meant}`?")),
            (None, None) => wrong.help(format!("the {kind}s are {}", suggest::list(names))),
        };
        diagnostics.push(wrong);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source_file::SourceFile;

    struct Types;

    impl Catalogue for Types {
        fn names(&self, kind: Kind) -> Vec<&str> {
            match kind {
                Kind::Source => vec!["generator", "http", "http_server"],
                Kind::Transform => vec!["parse"],
                Kind::Sink => vec!["console", "http"],
            }
        }
    }

    fn mistakes(text: &str) -> Vec<String> {
        let mut diagnostics = Diagnostics::default();
        let document = Document::new(SourceFile::new("p.toml", text), &mut diagnostics);
        let pipeline = Pipeline::new(&document, &|_| None, &Types, &mut diagnostics);
        for component in pipeline.components.values() {
            component.known_type(&pipeline, &Types, &mut diagnostics);
        }
        let show = |found: &Diagnostic| {
            let position = found.file.position(found.span.as_ref().unwrap().start);
            let more = found.label.as_ref().or(found.help.as_ref()).map_or(String::new(), |more| format!(" ({more})"));
            format!("{}:{} {}{more}", position.line, position.column, found.message)
        };
        diagnostics.sorted().iter().map(show).collect()
    }

    #[test]
    fn reads_the_shape() {
        let text = "[sources.in]\ntype = 'http_server'\n[sinks.out]\ntype = 'console'\ninputs = ['in']\nx = 1\n";
        let mut diagnostics = Diagnostics::default();
        let document = Document::new(SourceFile::new("dir/p.toml", text), &mut diagnostics);
        let pipeline = Pipeline::new(&document, &|_| None, &Types, &mut diagnostics);
        assert_eq!((pipeline.id.as_str(), diagnostics.errors()), ("p", 0));
        let out = &pipeline.components["out"];
        assert_eq!((out.kind, out.inputs[0].name.get_ref().as_str()), (Kind::Sink, "in"));
        assert_eq!(out.table.get_ref().keys().count(), 1);
        assert_eq!(out.known_type(&pipeline, &Types, &mut diagnostics), Some("console"));
    }

    #[test]
    fn says_what_is_wrong_with_the_shape() {
        let text = "data_dir = 'x'\nsource = 1\nsinks = 5\n[transforms]\nx = 1\n[transforms.a]\ninputs = 'b'\n\
            [transforms.'b.c']\ntype = 5\ninputs = []\n[transforms.c]\ntyp = 'parse'\ninputs = 5\n\
            [sources.a]\ntype = 'generatr'\ninputs = ['b']\n[sources.d]\ntype = 'console'\n\
            [sources.e]\ntype = 'nothing'\n[transforms.f]\ntype = '${NONE}'\ninputs = [1]\n";
        assert_eq!(
            mistakes(text),
            [
                "1:1 unknown key `data_dir` (`data_dir` is a setting of the daemon: write it into logd.toml)",
                "2:1 unknown key `source` (did you mean `sources`?)",
                "3:9 `sinks` must be a table (write [sinks.NAME])",
                "5:5 `transforms.x` must be a table (write [transforms.x])",
                "6:1 `type` is missing (in this component)",
                "7:10 `inputs` must be an array (write inputs = [\"b\"])",
                "8:13 `b.c` can't be the name of a component (a name is made of a-z, A-Z, 0-9, `_` and `-`)",
                "9:8 `type` must be a string, not an integer",
                "10:10 `inputs` is empty (write inputs = [\"NAME\"])",
                "13:10 `inputs` must be an array of names (write inputs = [\"NAME\"])",
                "14:10 a transform is already named `a` (names are unique within a pipeline)",
                "16:1 a source has no `inputs`",
                "18:8 there is no source of type `console` (`console` is a sink)",
                "20:8 there is no source of type `nothing` (the sources are `generator`, `http` and `http_server`)",
                "22:9 the environment variable `NONE` is not set (set it, or write a default: `${NONE:-…}`)",
                "23:11 an input must be a string, not an integer",
            ]
        );
    }

    #[test]
    fn a_syntax_error_hides_nothing_else() {
        assert_eq!(
            mistakes("[sources.a]\ntype = generator\n[sources.b]\ntype = 'htp'\n"),
            [
                "2:8 `generator` is not a value: text stands in quotes (write \"generator\")",
                "4:8 there is no source of type `htp` (did you mean `http`?)",
            ]
        );
    }
}
