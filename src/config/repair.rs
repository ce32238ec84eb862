//! Changes to a table that let serde go past a mistake to the next: a bad key is taken out, a missing one put in.

use std::ops::Range;

use logd_sdk::report::Segment;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The steps from a table to one of its values.
pub(super) type Path = Vec<Segment>;

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    Value,
}

/// All keys and values of `table` that stand at `span`, the outer ones first. A table made by a dotted key has its
/// key's span, and an array of tables that of its first table.
pub(super) fn locate(table: &DeTable<'_>, span: &Range<usize>) -> Vec<(Path, Part)> {
    let mut found = Vec::new();
    in_table(table, span, &mut Vec::new(), &mut found);
    found
}

fn in_table(table: &DeTable<'_>, span: &Range<usize>, path: &mut Path, found: &mut Vec<(Path, Part)>) {
    for (key, value) in table {
        path.push(Segment::Key(key.get_ref().to_string()));
        if key.span() == *span {
            found.push((path.clone(), Part::Key));
        }
        in_value(value, span, path, found);
        path.pop();
    }
}

fn in_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut Path, found: &mut Vec<(Path, Part)>) {
    if value.span() == *span {
        found.push((path.clone(), Part::Value));
    }
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, span, path, found),
        DeValue::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                path.push(Segment::Index(index));
                in_value(element, span, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The value at `path`.
pub(super) fn get<'t, 'd>(table: &'t DeTable<'d>, path: &[Segment]) -> Option<&'t Spanned<DeValue<'d>>> {
    let (first, rest) = path.split_first()?;
    let Segment::Key(key) = first else { return None };
    rest.iter().try_fold(table.get(key.as_str())?, |value, segment| match (segment, value.get_ref()) {
        (Segment::Key(key), DeValue::Table(table)) => table.get(key.as_str()),
        (Segment::Index(index), DeValue::Array(elements)) => elements.get(*index),
        _ => None,
    })
}

/// The value at `path`, to change it.
pub(super) fn get_mut<'t, 'd>(table: &'t mut DeTable<'d>, path: &[Segment]) -> Option<&'t mut Spanned<DeValue<'d>>> {
    let (first, rest) = path.split_first()?;
    let Segment::Key(key) = first else { return None };
    rest.iter().try_fold(table.get_mut(key.as_str())?, |value, segment| match (segment, value.get_mut()) {
        (Segment::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str()),
        (Segment::Index(index), DeValue::Array(elements)) => elements.get_mut(*index),
        _ => None,
    })
}

/// The table at `path`, which may be `table` itself.
pub(super) fn table_at<'t, 'd>(table: &'t mut DeTable<'d>, path: &[Segment]) -> Option<&'t mut DeTable<'d>> {
    if path.is_empty() {
        return Some(table);
    }
    match get_mut(table, path)?.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// Takes the key at `path` out; false if there is none.
pub(super) fn remove(table: &mut DeTable<'_>, path: &[Segment]) -> bool {
    let Some((Segment::Key(key), parent)) = path.split_last() else { return false };
    table_at(table, parent).is_some_and(|table| table.remove(key.as_str()).is_some())
}

/// The span of the first value that was put in; the following ones have those before it.
const PUT_IN: usize = usize::MAX;

/// Values that settings may accept in place of a missing one, so that the next mistake shows; beside each another of
/// its kind and far from it, by which shows what is due to the value alone.
const STAND_INS: [(&str, &str); 8] = [
    ("'x'", "'y'"),
    ("1", "1000000000"),
    ("true", "false"),
    ("[]", "[]"),
    ("{}", "{}"),
    ("'1s'", "'30000d'"),
    ("'1 B'", "'1 TiB'"),
    ("'127.0.0.1:1'", "'127.0.0.2:2'"),
];

/// Missing keys that values were put in for.
#[derive(Debug, Default)]
pub(super) struct StandIns {
    places: Vec<Place>,
}

/// A value, and another of its kind.
type Pair = (DeValue<'static>, DeValue<'static>);

#[derive(Debug)]
struct Place {
    path: Path,
    /// What may be put in, the next one last.
    untried: Vec<Pair>,
    /// The other one of what stands there.
    other: DeValue<'static>,
}

impl StandIns {
    /// Puts the first stand-in at `path`: a new key, or an element that there is.
    pub(super) fn add(&mut self, table: &mut DeTable<'_>, path: Path) -> bool {
        let value = |text| Some(DeValue::parse(text).ok()?.into_inner());
        let untried = STAND_INS.iter().rev().filter_map(|(one, other)| Some((value(one)?, value(other)?))).collect();
        self.places.push(Place { path, untried, other: DeValue::Boolean(true) });
        self.next(table, self.places.len() - 1)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Which stand-in stands at `span`.
    pub(super) fn at(&self, span: &Range<usize>) -> Option<usize> {
        Some(PUT_IN - span.start).filter(|place| *place < self.places.len())
    }

    /// Where it stands.
    pub(super) fn path(&self, place: usize) -> &Path {
        &self.places[place].path
    }

    /// Tries the first of these words next.
    pub(super) fn prefer(&mut self, place: usize, words: Vec<String>) {
        let mut words = words.into_iter().map(|word| DeValue::String(word.into()));
        if let Some(first) = words.next() {
            let other = words.next().unwrap_or_else(|| first.clone());
            self.places[place].untried.push((first, other));
        }
    }

    /// Puts the next one there; false if there is none left.
    pub(super) fn next(&mut self, table: &mut DeTable<'_>, place: usize) -> bool {
        let Some((value, other)) = self.places[place].untried.pop() else { return false };
        self.places[place].other = other;
        self.put(table, place, value)
    }

    /// Puts the other one of its kind in the place of each.
    pub(super) fn exchange(&self, table: &mut DeTable<'_>) -> bool {
        // One may have been given up since, with the table that it was in.
        let here = |place: &usize| get(table, self.path(*place)).is_some();
        let places: Vec<usize> = (0..self.places.len()).filter(here).collect();
        places.into_iter().all(|place| self.put(table, place, self.places[place].other.clone()))
    }

    fn put(&self, table: &mut DeTable<'_>, place: usize, value: DeValue<'static>) -> bool {
        let path = self.path(place);
        let span = PUT_IN - place..PUT_IN - place;
        let stand_in = Spanned::new(span.clone(), value);
        match path.split_last() {
            Some((Segment::Key(key), parent)) => {
                let key = Spanned::new(span, key.clone().into());
                table_at(table, parent).map(|table| table.insert(key, stand_in)).is_some()
            }
            _ => get_mut(table, path).map(|element| *element = stand_in).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        let segment = |step: &str| step.parse().map_or_else(|_| Segment::from(step), Segment::Index);
        text.split('.').map(segment).collect()
    }

    #[test]
    fn finds_what_stands_at_a_span() {
        let text = "a.b = 1\n[[c]]\nd = [2, { e = 3 }]\n";
        let table = DeTable::parse(text).unwrap().into_inner();
        let at = |part: &str| {
            let start = text.find(part).unwrap();
            locate(&table, &(start..start + part.len()))
        };
        assert_eq!(at("a"), [(path("a"), Part::Key), (path("a"), Part::Value)]);
        assert_eq!(at("1"), [(path("a.b"), Part::Value)]);
        assert_eq!(at("[[c]]"), [(path("c"), Part::Value), (path("c.0"), Part::Value)]);
        assert_eq!(at("e"), [(path("c.0.d.1.e"), Part::Key)]);
        assert_eq!(get(&table, &path("c.0.d.1.e")).map(Spanned::span), Some(28..29));
    }

    #[test]
    fn takes_out_and_puts_in() {
        let mut table = DeTable::parse("a = [1, 2, 3]\nb = { c = 1 }").unwrap().into_inner();
        assert!(remove(&mut table, &path("b.c")));
        assert!(!remove(&mut table, &path("b.c")));
        assert!(!remove(&mut table, &[]));
        let mut stand_ins = StandIns::default();
        assert!(stand_ins.add(&mut table, path("b.d")));
        let stand_in = get(&table, &path("b.d")).unwrap();
        assert_eq!(stand_in.get_ref().as_str(), Some("x"));
        assert_eq!(stand_ins.at(&stand_in.span()), Some(0));
        assert_eq!(stand_ins.at(&(3..5)), None);
        assert!(stand_ins.exchange(&mut table));
        assert_eq!(get(&table, &path("b.d")).unwrap().get_ref().as_str(), Some("y"));
        assert!((1..STAND_INS.len()).all(|_| stand_ins.next(&mut table, 0)));
        assert!(!stand_ins.next(&mut table, 0));
        assert!(stand_ins.add(&mut table, path("a.1")));
        assert_eq!(get(&table, &path("a.1")).and_then(|element| stand_ins.at(&element.span())), Some(1));
    }
}
