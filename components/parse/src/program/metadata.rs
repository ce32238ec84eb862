//! What a program can ask of an event beside its fields: `%id`, `%partition`, `%position` and `%time`.

use std::collections::BTreeMap;

use logd_sdk::settings::Fault;
use logd_sdk::{Batch, Time};
use vrl::compiler::{CompileConfig, ProgramInfo};
use vrl::path::{OwnedTargetPath, OwnedValuePath, PathPrefix};
use vrl::value::kind::Collection;
use vrl::value::{Kind, ObjectMap, Value};

/// The event's identity, as text: the same after a restart or a replay.
const ID: &str = "id";
/// The name of the stream that it came in: `pipeline/source:file`.
const PARTITION: &str = "partition";
/// Where it stands in that stream.
const POSITION: &str = "position";
/// When it happened. A program of a `remap` may set it.
const TIME: &str = "time";

/// Their types, for the compiler.
pub(super) fn kind() -> Kind {
    let fields =
        [(ID, Kind::bytes()), (PARTITION, Kind::bytes()), (POSITION, Kind::integer()), (TIME, Kind::timestamp())];
    Kind::object(Collection::from(BTreeMap::from(fields.map(|(name, kind)| (name.into(), kind)))))
}

/// Makes them read-only, but for the time.
pub(super) fn protect(config: &mut CompileConfig) {
    for name in [ID, PARTITION, POSITION] {
        config.set_read_only_path(OwnedTargetPath::metadata(OwnedValuePath::single_field(name)), true);
    }
}

/// Reports metadata that events do not have.
pub(super) fn check(info: &ProgramInfo, source: &str) -> Vec<Fault> {
    let known = |path: &OwnedValuePath| {
        [ID, PARTITION, POSITION, TIME].iter().any(|name| *path == OwnedValuePath::single_field(name))
    };
    let unknown = paths(info).filter(|path| !known(path));
    let fault = |path: &OwnedValuePath| {
        let text = format!("%{path}");
        let fault = Fault::new(format!("events have no metadata `{text}`"));
        let fault = fault.help("there are %id, %partition, %position and %time");
        match source.find(&text) {
            Some(start) => fault.at(start..start + text.len()),
            None => fault,
        }
    };
    unknown.map(fault).collect()
}

/// Whether the program asks for any, or sets the time.
pub(super) fn is_used(info: &ProgramInfo) -> bool {
    paths(info).next().is_some()
}

/// Whether it sets the time.
pub(super) fn sets_time(info: &ProgramInfo) -> bool {
    info.target_assignments.iter().any(|path| path.prefix == PathPrefix::Metadata)
}

fn paths(info: &ProgramInfo) -> impl Iterator<Item = &OwnedValuePath> {
    let both = info.target_queries.iter().chain(&info.target_assignments);
    both.filter(|path| path.prefix == PathPrefix::Metadata).map(|path| &path.path)
}

/// Those of an event.
pub(crate) fn of(batch: &Batch, row: usize) -> Value {
    let place = &batch.rows()[row];
    let partition = &batch.blocks()[place.block as usize].partition;
    let time = place.time.to_chrono().map_or(Value::Null, Value::Timestamp);
    Value::Object(ObjectMap::from([
        (ID.into(), Value::from(batch.id(row).to_string())),
        (PARTITION.into(), Value::from(partition.name())),
        // A position is a number of 64 bits without a sign; VRL has one.
        (POSITION.into(), Value::Integer(place.position.cast_signed())),
        (TIME.into(), time),
    ]))
}

/// The time that a program has left in them, if it is one.
pub(crate) fn time(metadata: &Value) -> Option<Time> {
    metadata.as_object()?.get(TIME)?.as_timestamp().map(|time| Time::from_chrono(*time))
}
