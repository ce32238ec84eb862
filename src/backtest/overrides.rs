//! Another value for a setting, written into the text of a pipeline as a person would, so that it is read, checked and
//! refused as any other.

use std::collections::BTreeSet;

use logd_sdk::ComponentId;
use logd_sdk::component::Kind;
use schemars::generate::SchemaSettings;
use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value, value};

use crate::catalogue;
use crate::config::Texts;
use crate::config::compile::{Compiled, PipelineFile};

/// Where a setting stands: in these components, under these keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    places: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// The file's number.
    file: usize,
    /// The keys from the top of the file.
    path: Vec<String>,
}

/// The tables of a pipeline file.
const TABLES: [&str; 3] = ["sources", "transforms", "sinks"];

impl Target {
    /// Finds a setting: by its path in the file (`transforms.health.sensitivity`), or by its own name, which then means
    /// that of the `detectors` for which it is written, or else of all that have such a setting.
    ///
    /// # Errors
    /// There is no such setting, as a sentence.
    pub(crate) fn find(setting: &str, compiled: &Compiled, detectors: &[ComponentId]) -> Result<Self, String> {
        let keys: Vec<&str> = setting.split('.').collect();
        let places = match keys[..] {
            [table, component, _, ..] if TABLES.contains(&table) => {
                let has = |file: &&(usize, Item)| file.1.get(table).and_then(|table| table.get(component)).is_some();
                let parsed: Vec<(usize, Item)> = compiled.files.iter().enumerate().filter_map(parse).collect();
                let files: Vec<usize> = parsed.iter().filter(has).map(|(file, _)| *file).collect();
                let path: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
                files.into_iter().map(|file| Place { file, path: path.clone() }).collect()
            }
            _ => own_name(&keys, compiled, detectors),
        };
        match places[..] {
            [] => Err(format!("no detector has a setting `{setting}`: write transforms.NAME.SETTING for another's")),
            _ => Ok(Self { places }),
        }
    }

    /// The files' texts with this value. Where a whole number stands, the nearest one is written.
    ///
    /// # Errors
    /// The setting is no number there, as a sentence.
    pub(crate) fn texts(&self, compiled: &Compiled, number: f64) -> Result<Texts, String> {
        let mut texts = Texts::new();
        for file in self.places.iter().map(|place| place.file).collect::<BTreeSet<_>>() {
            let PipelineFile { path, file: source, .. } = &compiled.files[file];
            let mut document: DocumentMut = source.text().parse().map_err(|error| format!("{error}"))?;
            for place in self.places.iter().filter(|place| place.file == file) {
                set(document.as_table_mut(), &place.path, number)
                    .map_err(|reason| format!("`{}` in {} {reason}", place.path.join("."), path.display()))?;
            }
            let path = std::path::absolute(path).map_err(|error| error.to_string())?;
            texts.insert(path, document.to_string());
        }
        Ok(texts)
    }
}

fn parse((number, file): (usize, &PipelineFile)) -> Option<(usize, Item)> {
    let document: DocumentMut = file.file.text().parse().ok()?;
    Some((number, document.as_item().clone()))
}

/// The places of a setting of detectors, by its own name.
fn own_name(keys: &[&str], compiled: &Compiled, detectors: &[ComponentId]) -> Vec<Place> {
    let has = |id: &&ComponentId| {
        let node = compiled.graph.nodes.iter().find(|node| node.id == **id);
        let name = node.map(|node| node.component_type());
        name.is_some_and(|name| is_setting(name, keys[0]))
    };
    let place = |id: &ComponentId| {
        let file = compiled.files.iter().position(|file| file.id == id.pipeline())?;
        let path = ["transforms", id.id()].iter().chain(keys).map(|key| (*key).to_owned()).collect();
        Some(Place { file, path })
    };
    let places: Vec<Place> = detectors.iter().filter(has).filter_map(place).collect();
    let parsed: Vec<(usize, Item)> = compiled.files.iter().enumerate().filter_map(parse).collect();
    let is_written = |place: &&Place| {
        let mut parsed = parsed.iter().filter(|(file, _)| *file == place.file);
        parsed.any(|(_, item)| place.path.iter().try_fold(item, |item, key| item.get(key)).is_some())
    };
    let written: Vec<Place> = places.iter().filter(is_written).cloned().collect();
    if written.is_empty() { places } else { written }
}

/// Whether transforms of this type have a setting of this name.
fn is_setting(type_name: &str, setting: &str) -> bool {
    let Some(component) = catalogue::find(Kind::Transform, type_name) else { return false };
    let mut generator = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let schema = (component.schema)(&mut generator).to_value();
    schema.pointer("/properties").is_some_and(|properties| properties.get(setting).is_some())
}

/// Writes a number where the keys lead, through tables that are made if they are not there.
fn set(table: &mut dyn TableLike, path: &[String], number: f64) -> Result<(), &'static str> {
    let Some((key, rest)) = path.split_first() else { return Err("is no setting") };
    if !rest.is_empty() {
        let inner = table.entry(key).or_insert_with(|| value(InlineTable::new()));
        return set(inner.as_table_like_mut().ok_or("is no setting")?, rest, number);
    }
    let is_number = |text: &str| text.starts_with('$') || text.parse::<f64>().is_ok();
    let mut written = match table.get(key) {
        Some(item) if item.is_integer() => Value::from(number.round() as i64),
        Some(item) if item.as_str().is_some_and(|text| !is_number(text)) || item.is_bool() || item.is_table_like() => {
            return Err("is no number");
        }
        _ => Value::from(number),
    };
    // What stands around it stays, so that a mistake is shown as the file has it.
    if let Some(before) = table.get(key).and_then(Item::as_value) {
        *written.decor_mut() = before.decor().clone();
    }
    table.insert(key, Item::Value(written));
    Ok(())
}

#[cfg(test)]
mod tests;
