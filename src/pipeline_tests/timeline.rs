//! The events of a test in the order of their times, and whose turn it is when.
//!
//! Where all events enter at one component they are one turn. Where there are several, those that follow one another into
//! the same component are one: the next begins when all that they bring about has come about, so that the order in which
//! events enter is the order of their times, whatever lies between. Behind each turn time goes on for all.

use std::sync::Arc;

use bytes::Bytes;
use logd_sdk::{Batch, Block, Body, ComponentId, Partition, Row, Time};
use serde_json::Value;

use super::PipelineTest;
use super::placeholder::Timed;
use super::settings::Content;

/// So many events travel together at most.
const BATCH: usize = 1000;

/// What happens in a test.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Where events enter, each once, with what they belong to there.
    pub(super) entries: Vec<Entry>,
    /// One after the other.
    pub(super) turns: Vec<Turn>,
}

/// Where events enter.
#[derive(Debug)]
pub(super) struct Entry {
    /// The component.
    pub(super) component: ComponentId,
    partition: Arc<Partition>,
}

/// What is done at once.
#[derive(Debug)]
pub(super) enum Turn {
    /// Events enter.
    Events {
        /// Where, by its place in [`Timeline::entries`].
        entry: usize,
        /// Which.
        batches: Vec<Batch>,
    },
    /// Time goes on, and nothing else happens.
    Time(Batch),
}

/// An event before it is put into a batch.
struct Event {
    entry: usize,
    /// Where it stands among all of them.
    position: u64,
    time: Time,
    text: String,
    body: Body,
}

impl Timeline {
    /// Of a test.
    ///
    /// # Errors
    /// An input is not as it was checked.
    pub(super) fn new(test: &PipelineTest) -> anyhow::Result<Self> {
        let mut entries: Vec<Entry> = Vec::new();
        for component in &test.inserts {
            if entries.iter().all(|entry| entry.component != *component) {
                let partition = Partition::new(&component.to_string(), "test");
                entries.push(Entry { component: component.clone(), partition });
            }
        }
        let (events, end) = events(test, &entries)?;
        let mut turns = Vec::new();
        for run in events.chunk_by(|one, other| one.entry == other.entry) {
            let Some(&Event { entry, time, .. }) = run.first() else { continue };
            if !turns.is_empty() {
                turns.push(Turn::Time(time_is(time, &entries)));
            }
            let batches = run.chunks(BATCH).map(|events| batch(events, &entries[entry].partition)).collect();
            turns.push(Turn::Events { entry, batches });
        }
        if entries.len() > 1 || !test.settings.advance.is_zero() {
            turns.push(Turn::Time(time_is(end.after(*test.settings.advance), &entries)));
        }
        Ok(Self { entries, turns })
    }
}

/// All events in the order of their times, and when the last input is over.
fn events(test: &PipelineTest, entries: &[Entry]) -> anyhow::Result<(Vec<Event>, Time)> {
    let now = test.settings.now();
    let (mut events, mut end, mut latest) = (Vec::new(), now, now);
    for (input, component) in test.settings.inputs.iter().zip(&test.inserts) {
        let content = input.content().map_err(|(key, fault)| anyhow::anyhow!("{key}: {}", fault.message))?;
        let entry = entries.iter().position(|entry| entry.component == *component).unwrap_or_default();
        let start = input.at.map_or(end, |at| now.after(*at));
        end = start;
        for _ in 0..input.repeat {
            let event = |(text, body)| Event { entry, position: 0, time: end, text, body };
            match &content {
                Content::Lines(lines) => events.extend(lines.iter().map(|line| event((line.at(end), Body::Line)))),
                Content::Fields(fields) => events.push(event((at(fields, end).to_string(), Body::Json))),
            }
            end = end.after(*input.every);
        }
        latest = latest.max(end);
    }
    events.sort_by_key(|event| event.time);
    events.iter_mut().zip(0..).for_each(|(event, position)| event.position = position);
    Ok((events, latest))
}

/// The same fields with times in their places.
fn at(value: &Value, time: Time) -> Value {
    match value {
        Value::String(text) => Timed::parse(text).map_or_else(|_| text.as_str().into(), |timed| timed.at(time).into()),
        Value::Array(elements) => elements.iter().map(|element| at(element, time)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), at(value, time))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn batch(events: &[Event], partition: &Arc<Partition>) -> Batch {
    let (mut bytes, mut rows) = (String::new(), Vec::new());
    // A batch of lines that a file can hold is far from 4 GiB.
    let place = |bytes: &String| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    for event in events {
        let start = place(&bytes);
        bytes += &event.text;
        rows.push(Row { body: event.body.clone(), ..Row::line(start, place(&bytes), event.position, event.time) });
    }
    let mut batch = Batch::new(Block::new(Bytes::from(bytes), Arc::clone(partition)), rows);
    batch.note_times();
    batch
}

/// Says that all are as far as `time`.
fn time_is(time: Time, entries: &[Entry]) -> Batch {
    let mut batch = Batch::default();
    for entry in entries {
        batch.append(Batch::notice(Block::new(Bytes::new(), Arc::clone(&entry.partition)).reaching(time)));
    }
    batch
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::config::SourceFile;

    fn timeline(text: &str) -> Timeline {
        let settings: super::super::TestSettings =
            toml::from_str(&format!("name = 'x'\nnow = 1970-01-01T00:01:40Z\n{text}")).expect("settings");
        let inserts = settings.inputs.iter().map(|input| ComponentId::new("p", &input.insert_at)).collect();
        let file = SourceFile::new("p.toml", "");
        let test = PipelineTest { pipeline: "p".to_owned(), file, settings, inserts, expectations: Vec::new() };
        Timeline::new(&test).expect("checked")
    }

    /// `a: text at second`, or `time is second`.
    fn shown(timeline: &Timeline) -> Vec<String> {
        let seconds = |time: Time| time.since(Time::EPOCH).as_secs_f64();
        let mut shown = Vec::new();
        for turn in &timeline.turns {
            match turn {
                Turn::Events { entry, batches } => {
                    let name = timeline.entries[*entry].component.id();
                    for batch in batches {
                        let text = |row: usize| String::from_utf8_lossy(batch.raw(row)).into_owned();
                        let row = |row| format!("{name}: {} at {}", text(row), seconds(batch.rows()[row].time));
                        shown.extend((0..batch.len()).map(row));
                    }
                }
                Turn::Time(notice) => {
                    assert_eq!(notice.blocks().len(), timeline.entries.len(), "for all");
                    shown.push(format!("time is {}", seconds(notice.blocks()[0].greatest)));
                }
            }
        }
        shown
    }

    #[test]
    fn an_input_begins_when_the_one_before_it_is_over() {
        let text = "inputs = [{ insert_at = 'a', value = \"x\\ny\\n\", repeat = 2, every = '10s' }, \
                    { insert_at = 'a', type = 'log', log_fields = { t = '{{ timestamp %M:%S }}' } }]";
        let expected = ["a: x at 100", "a: y at 100", "a: x at 110", "a: y at 110", "a: {\"t\":\"02:00\"} at 120"];
        assert_eq!(shown(&timeline(text)), expected);
        let later = timeline(&format!("advance = '1m'\n{text}"));
        assert_eq!(shown(&later), [&expected[..], &["time is 180"]].concat());
    }

    #[test]
    fn several_components_take_turns_in_the_order_of_time() {
        let text = "inputs = [{ insert_at = 'a', value = 'x', repeat = 3, every = '10s' }, \
                    { insert_at = 'b', value = 'y', at = '10s' }]";
        assert_eq!(
            shown(&timeline(text)),
            [
                "a: x at 100",
                "a: x at 110",
                "time is 110",
                "b: y at 110",
                "time is 120",
                "a: x at 120",
                // When the last of them is over.
                "time is 130",
            ]
        );
    }

    proptest! {
        /// Whatever the inputs are: all their events enter, none before time was told to have reached it, and none
        /// after.
        #[test]
        fn no_event_comes_before_its_time_or_after(
            inputs in vec((0_usize..3, proptest::option::of(0_u32..50), 1_u32..20, 0_u32..5), 1..6),
        ) {
            let mut text = String::new();
            for (place, at, repeat, every) in &inputs {
                let at = at.map_or(String::new(), |at| format!("at = '{at}s', "));
                text += &format!("{{ insert_at = 'c{place}', value = 'x', {at}repeat = {repeat}, every = '{every}s' }}, ");
            }
            let timeline = timeline(&format!("inputs = [{text}]"));
            let (mut events, mut latest, mut told) = (0, Time::MIN, Time::MIN);
            for turn in &timeline.turns {
                match turn {
                    Turn::Events { batches, .. } => {
                        for row in batches.iter().flat_map(Batch::rows) {
                            prop_assert!(row.time >= told.max(latest));
                            latest = row.time;
                            events += 1;
                        }
                    }
                    Turn::Time(notice) => told = notice.blocks()[0].greatest,
                }
            }
            prop_assert_eq!(events, inputs.iter().map(|(_, _, repeat, _)| repeat).sum::<u32>());
            prop_assert!(timeline.entries.len() < 2 || told >= latest);
        }
    }

    #[test]
    fn every_event_has_a_position_of_its_own() {
        let timeline = timeline("inputs = [{ insert_at = 'a', value = 'x', repeat = 2500, every = '0s' }]");
        let [Turn::Events { batches, .. }] = &timeline.turns[..] else { panic!("one turn") };
        assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [1000, 1000, 500]);
        let positions: Vec<u64> = batches.iter().flat_map(Batch::rows).map(|row| row.position).collect();
        assert_eq!(positions, (0..2500).collect::<Vec<u64>>());
    }
}
