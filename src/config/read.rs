//! From a table to a component's settings, with all that is wrong and not only the first mistake.
//!
//! Serde stops at the first error. So the table is repaired where it complained (a bad key taken out, a missing one put
//! in) and read again, until nothing is left to complain of. Complaints that are but consequences of a repair are
//! dropped. A string that came from a variable is read as the number or boolean that the field wants.
//!
//! ```text
//! treshold = "3"     serde says                           the loader says             and repairs
//! workers = 0        unknown field `treshold`, …          did you mean `threshold`?   renames the key
//!                    invalid type: string "3", …          must be a number            takes the key out
//!                    invalid value: integer `0`, …        must be 1 or more           takes the key out
//!                    missing field `workers`              nothing: a consequence      puts a value in
//! ```

use std::ops::Range;

use logd_sdk::report::{KeyPath, Problem, Report, Segment, Severity};
use logd_sdk::settings::Fault;
use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::complaint::Complaint;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::Origin;
use super::repair::{self, Part, Path, StandIns};
use super::suggest;

/// Reads stop after so many repairs: nobody reads more mistakes than that.
const MOST_REPAIRS: usize = 200;

/// What the loader knows of a table beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'k> {
    /// Keys that have been taken out of the table before, so that one misspelt is recognised.
    pub also: &'k [&'k str],
    /// A table of this kind as TOML, which shows how a missing key is written.
    pub example: &'k str,
}

/// Settings, and what had to be repaired before they could be read.
#[derive(Debug)]
pub struct Settings<T> {
    /// As they could be read; where something was put in that nobody wrote, once with each of two such things, or not at
    /// all.
    readings: Vec<T>,
    repairs: Repairs,
}

/// Where settings were repaired.
#[derive(Debug)]
pub struct Repairs(Vec<Path>);

impl Repairs {
    /// Whether nothing had to be repaired.
    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them changed the setting at `key`, what is in it or what it is in.
    pub fn concern(&self, key: &KeyPath) -> bool {
        let key = key.0.as_slice();
        self.0.iter().any(|path| path.starts_with(key) || !path.is_empty() && key.starts_with(path))
    }

    /// Whether one of them may explain `problem`. Warnings can wait until all is sound.
    fn explain(&self, problem: &Problem) -> bool {
        !self.are_none() && problem.severity == Severity::Warning || self.concern(&problem.key)
    }
}

impl<T> Settings<T> {
    /// The settings, if nothing was wrong with them.
    pub fn sound(self) -> Option<T> {
        self.repairs.are_none().then_some(self.readings.into_iter().next()).flatten()
    }

    /// What `check` finds wrong with them beside what a repair may explain. Of settings in which something was made up
    /// that is what it finds whatever was made up.
    pub fn check(&mut self, mut check: impl FnMut(&mut T, &Repairs, &mut Report)) -> Vec<Problem> {
        let Self { readings, repairs } = self;
        let found = readings.iter_mut().map(|reading| {
            let mut report = Report::default();
            check(reading, repairs, &mut report);
            let own = report.into_problems().into_iter().filter(|problem| !repairs.explain(problem));
            own.collect::<Vec<_>>()
        });
        let both = |one: Vec<Problem>, other: Vec<Problem>| one.into_iter().filter(|one| other.contains(one)).collect();
        found.reduce(both).unwrap_or_default()
    }

    /// What `ask` finds in them, whatever was made up.
    pub fn whatever<A: PartialEq>(&self, ask: impl Fn(&T, &Repairs) -> Option<A>) -> Option<A> {
        let mut answers = self.readings.iter().map(|reading| ask(reading, &self.repairs));
        let first = answers.next()??;
        answers.all(|answer| answer.as_ref() == Some(&first)).then_some(first)
    }
}

/// Reads `table` (which stands at its span in the file of `origin`) by `parse`; `None` if that can't be done.
pub fn read<'r, T>(
    origin: &'r Origin<'_>,
    table: Spanned<DeTable<'r>>,
    known: Known<'_>,
    parse: impl Fn(Spanned<DeTable<'_>>) -> Result<T, Error>,
    diagnostics: &mut Diagnostics,
) -> Option<Settings<T>> {
    let span = table.span();
    let mut table = table.into_inner();
    let mut reader =
        Reader { origin, span: span.clone(), known, repaired: Vec::new(), stand_ins: StandIns::default(), diagnostics };
    for _ in 0..MOST_REPAIRS {
        match parse(Spanned::new(span.clone(), table.clone())) {
            Ok(value) => {
                let mut readings = vec![value];
                if !reader.stand_ins.is_empty() {
                    let others = reader.stand_ins.exchange(&mut table).then(|| parse(Spanned::new(span, table)));
                    match others {
                        Some(Ok(other)) => readings.push(other),
                        _ => readings.clear(),
                    }
                }
                return Some(Settings { readings, repairs: Repairs(reader.repaired) });
            }
            Err(error) => reader.repair(&mut table, &error)?,
        }
    }
    None
}

/// Reads a table as a `T`: the `parse` of what is read here and not by a component.
///
/// # Errors
/// The first that serde finds.
pub fn deserialize<T: DeserializeOwned>(table: Spanned<DeTable<'_>>) -> Result<T, Error> {
    T::deserialize(table.into_deserializer())
}

/// One table while it is read.
struct Reader<'r, 'c> {
    origin: &'r Origin<'r>,
    span: Range<usize>,
    known: Known<'c>,
    /// Where something was repaired: what serde says of it, or of what it is in, is no news.
    repaired: Vec<Path>,
    stand_ins: StandIns,
    diagnostics: &'c mut Diagnostics,
}

impl<'r> Reader<'r, '_> {
    /// Says what is wrong and repairs it; `None` if it can't be repaired.
    fn repair(&mut self, table: &mut DeTable<'r>, error: &Error) -> Option<()> {
        let span = error.span().unwrap_or_else(|| self.span.clone());
        let complaint = Complaint::parse(error.message());
        let place = self.stand_ins.at(&span);
        match (complaint, place) {
            (Complaint::MissingKey(key), _) => self.missing(table, &span, key),
            (complaint, Some(place)) => self.try_next(table, place, complaint),
            (Complaint::UnknownKeys { keys, known }, None) => {
                let path = self.path(table, &span, Part::Key, |_| true);
                let parent = path.split_last().map_or(&[][..], |(_, parent)| parent).to_vec();
                let inner = repair::table_at(table, &parent);
                if inner.is_none_or(|inner| keys.iter().any(|key| !inner.contains_key(key.as_str()))) {
                    let fault = Fault::new(error.message());
                    return self.wrong(table, path, span, Complaint::Fault(fault));
                }
                keys.iter().try_for_each(|key| self.unknown(table, &parent, key, &known))
            }
            (complaint, None) => {
                let wanted = |value: &DeValue<'_>| match &complaint {
                    Complaint::WrongType { found: "a table", .. } => value.is_table(),
                    Complaint::WrongType { found: "an array", .. } => value.is_array(),
                    _ => true,
                };
                let path = self.path(table, &span, Part::Value, wanted);
                self.wrong(table, path, span, complaint)
            }
        }
    }

    /// The path of what stands at `span`; empty for the table itself.
    fn path(
        &self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        part: Part,
        wanted: impl Fn(&DeValue<'_>) -> bool,
    ) -> Path {
        let found = repair::locate(table, span);
        let fits = |path: &Path| repair::get(table, path).is_some_and(|value| wanted(value.get_ref()));
        let best = found.iter().rev().find(|(path, at)| *at == part && fits(path)).or(found.last());
        best.map(|(path, _)| path.clone()).unwrap_or_default()
    }

    /// A key that must be there, in the table at `span`.
    fn missing(&mut self, table: &mut DeTable<'_>, span: &Range<usize>, key: String) -> Option<()> {
        let mut path = self.path(table, span, Part::Value, |value| value.is_table());
        path.push(Segment::Key(key.clone()));
        let is_news = !self.origin.may_lack_keys(span) && !self.follows(&path) && self.stand_ins.at(span).is_none();
        if is_news {
            let diagnostic = self.origin.error(span.clone(), &format!("`{key}` is missing")).label("in this table");
            let example = (path.len() == 1).then(|| example(self.known.example, &key)).flatten();
            self.diagnostics.push(Diagnostic { help: example.map(|line| format!("write {line}")), ..diagnostic });
        }
        self.stand_in(table, path)
    }

    /// Puts something in at `path` that may be accepted there.
    fn stand_in(&mut self, table: &mut DeTable<'_>, path: Path) -> Option<()> {
        self.repaired.push(path.clone());
        if self.stand_ins.add(table, path.clone()) {
            return Some(());
        }
        self.give_up(table, &path)
    }

    /// A stand-in that was not accepted: tries the next, or takes out the table that it is in.
    fn try_next(&mut self, table: &mut DeTable<'_>, place: usize, complaint: Complaint) -> Option<()> {
        if let Complaint::UnknownWord { known, .. } = complaint {
            self.stand_ins.prefer(place, known);
        }
        if self.stand_ins.next(table, place) {
            return Some(());
        }
        let path = self.stand_ins.path(place).clone();
        self.give_up(table, &path)
    }

    /// Goes on without what is around `path`.
    fn give_up(&mut self, table: &mut DeTable<'_>, path: &[Segment]) -> Option<()> {
        let (_, parent) = path.split_last()?;
        self.take_out(table, parent.to_vec())
    }

    /// Goes on without what is at `path`; elements keep their places.
    fn take_out(&mut self, table: &mut DeTable<'_>, path: Path) -> Option<()> {
        if let Some(Segment::Index(_)) = path.last() {
            return self.stand_in(table, path);
        }
        self.repaired.push(path.clone());
        repair::remove(table, &path).then_some(())
    }

    /// A key that the table at `parent` does not have.
    fn unknown(&mut self, table: &mut DeTable<'_>, parent: &[Segment], key: &str, known: &[String]) -> Option<()> {
        let inner = repair::table_at(table, parent)?;
        let (written, value) = inner.remove_entry(key)?;
        let also = self.known.also.iter().copied().filter(|_| parent.is_empty());
        let names: Vec<_> = known.iter().map(String::as_str).filter(|name| !name.is_empty()).chain(also).collect();
        let mut diagnostic = self.origin.error(written.span(), &format!("unknown key `{key}`"));
        self.repaired.push(parent.to_vec());
        let mut listing = String::new();
        if let Some((ours, hint)) = suggest::unit_in_value(key, value.get_ref(), known) {
            diagnostic = diagnostic.label("units stand in the value").help(format!("write {hint}"));
            self.repaired.push([parent, &[Segment::Key(ours)]].concat());
        } else if let Some(instead) = suggest::instead_of_vectors(key) {
            diagnostic = diagnostic.help(instead);
        } else if suggest::has_unit(key) {
            listing = "write values like \"5s\" and \"1 MiB\"; ".to_owned();
            diagnostic = diagnostic.label("units stand in the value");
        } else if let Some(meant) = suggest::closest(key, names.iter().copied()) {
            diagnostic = diagnostic.label(format!("did you mean `{meant}`?"));
            // Read on as if it had been written so: then the value is checked too.
            if known.iter().any(|name| name == meant) && !inner.contains_key(meant) {
                inner.insert(Spanned::new(written.span(), meant.to_owned().into()), value);
            }
        }
        listing += &match names.as_slice() {
            [] => "there are no keys here".to_owned(),
            names => suggest::listed("the only key here is", "the keys here are", names.iter().copied()),
        };
        self.diagnostics.push(Diagnostic { help: diagnostic.help.or(Some(listing)), ..diagnostic });
        Some(())
    }

    /// A value that is not what it should be.
    fn wrong(&mut self, table: &mut DeTable<'r>, path: Path, span: Range<usize>, complaint: Complaint) -> Option<()> {
        if matches!(complaint, Complaint::WrongType { .. }) && self.read_as_scalar(table, &path, &span) {
            return Some(());
        }
        if !self.follows(&path)
            && let Some(diagnostic) = self.describe(&path, span, complaint)
        {
            self.diagnostics.push(diagnostic);
        }
        self.take_out(table, path)
    }

    /// What to say of a wrong value; `None` if a missing variable explains it.
    fn describe(&self, path: &[Segment], span: Range<usize>, complaint: Complaint) -> Option<Diagnostic> {
        let name = name(path);
        let fault = match complaint {
            Complaint::Fault(fault) => Fault { message: format!("{name}: {}", fault.message), ..fault },
            Complaint::UnknownWord { word, known } => {
                let known = || known.iter().map(String::as_str);
                let label = suggest::closest(&word, known()).map(|meant| format!("did you mean `{meant}`?"));
                let help = suggest::listed("it must be", "it is one of", known());
                Fault { label, ..Fault::new(format!("{name} can't be `{word}`")).help(help) }
            }
            Complaint::WrongType { found: "", expected } => Fault::new(format!("{name} must be {expected}")),
            Complaint::WrongType { found, expected } => {
                let fault =
                    Fault::new(format!("{name} must be {expected}, not {found}")).label(format!("expected {expected}"));
                match self.origin.substituted(&span) {
                    Some(_) => fault.help(format!(
                        "what {} stands for does not read as that",
                        &self.origin.file().text()[span.clone()]
                    )),
                    None => match better(found, &expected, &self.origin.file().text()[span.clone()]) {
                        Some(better) => fault.help(format!("write {better}")),
                        None => fault,
                    },
                }
            }
            Complaint::WrongValue { found, expected } => {
                Fault::new(format!("{name} must be {expected}, not {found}")).label(format!("expected {expected}"))
            }
            // These never come here: they are about keys.
            Complaint::UnknownKeys { .. } | Complaint::MissingKey(_) => return None,
        };
        self.origin.fault(span, fault)
    }

    /// A string with variables in it becomes the number or boolean that it reads as; false if it is none of that.
    fn read_as_scalar(&self, table: &mut DeTable<'r>, path: &[Segment], span: &Range<usize>) -> bool {
        let Some(substituted) = self.origin.substituted(span) else { return false };
        let Some(value) = repair::get_mut(table, path).filter(|value| value.get_ref().is_str()) else { return false };
        match DeValue::parse(substituted.text.trim()).map(Spanned::into_inner) {
            Ok(scalar @ (DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_))) => {
                *value.get_mut() = scalar;
                true
            }
            _ => false,
        }
    }

    /// Whether what is at `path` is a consequence of a repair.
    fn follows(&self, path: &[Segment]) -> bool {
        self.repaired.iter().any(|repaired| repaired.starts_with(path) && !path.is_empty())
    }
}

/// The line of `example` that sets `key`, with a dotted key in place of a header.
fn example(example: &str, key: &str) -> Option<String> {
    let mut lines = example.lines().map(str::trim);
    let is_it = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    let header = format!("[{key}]");
    let line = lines.find(|line| is_it(line) || *line == header)?;
    if line != header {
        return Some(line.to_owned());
    }
    lines.find(|line| !line.is_empty()).map(|first| format!("{key}.{first}"))
}

/// How `written`, which is `found` and not as `expected`, was probably meant: an array of one, or without the quotes.
fn better(found: &str, expected: &str, written: &str) -> Option<String> {
    if found != "a string" || written.starts_with("'''") || written.starts_with("\"\"\"") {
        return None;
    }
    let inner = written.trim_matches(['"', '\'']).trim();
    let value = DeValue::parse(inner).map(Spanned::into_inner);
    match (expected, value) {
        ("an array", _) => Some(format!("[{written}]")),
        ("true or false", _) if ["yes", "on"].contains(&inner) => Some("true".to_owned()),
        ("true or false", _) if ["no", "off"].contains(&inner) => Some("false".to_owned()),
        ("true or false", Ok(DeValue::Boolean(_))) => Some(inner.to_owned()),
        (expected, Ok(DeValue::Integer(_))) if expected.contains("number") => Some(inner.to_owned()),
        ("a number", Ok(DeValue::Float(_))) => Some(inner.to_owned()),
        _ => None,
    }
}

/// The name of the value at `path` in a message.
fn name(path: &[Segment]) -> String {
    match path {
        [] => "this component".to_owned(),
        [.., Segment::Key(key)] => format!("`{key}`"),
        [.., Segment::Key(key), Segment::Index(index)] => format!("`{key}[{index}]`"),
        [.., Segment::Index(index)] => format!("`[{index}]`"),
    }
}

#[cfg(test)]
mod tests;
