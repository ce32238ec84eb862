//! What is written with each batch: the commands for the events of each key.
//!
//! Several commands for one key are a transaction (`MULTI`): the list is never longer than it may be, and if Redis refuses
//! one of them, none is done and nothing is doubled when all are tried again. Transactions stay small and of one key, so
//! that others who read are not kept waiting.

use std::num::{NonZeroU32, NonZeroU64};

use indexmap::IndexMap;
use logd_sdk::settings::{Codec, FieldPath, NameTemplate, Template};
use logd_sdk::sink::Attempt;
use logd_sdk::{Batch, Field};
use redis::{Cmd, Pipeline, cmd};

use crate::connections::Connections;
use crate::reply::{Verdict, verdict};
use crate::rows::{Group, Texts, by_key};
use crate::settings::Method;

/// So many events are pushed to a list in one transaction: others are served in between, after some 0.05 ms.
const PUSHED_AT_ONCE: usize = 100;

/// What stands under a key.
pub(crate) enum Shape {
    /// A list, and how many events of it are kept.
    List(Method, Option<NonZeroU32>),
    /// Fields and the templates of their texts.
    Hash(IndexMap<String, Template>),
    /// The last event.
    String,
    /// A stream, and how many entries of it are kept.
    Stream(Option<NonZeroU64>),
    /// A channel to publish to.
    Channel,
    /// Events by this field, or by their time.
    SortedSet(Option<FieldPath>),
}

/// Writes batches.
pub(crate) struct Writer {
    /// Which key an event goes to.
    pub(crate) key: NameTemplate,
    /// What stands there.
    pub(crate) shape: Shape,
    /// How many milliseconds after the last write it vanishes.
    pub(crate) ttl: Option<u64>,
    /// How events are written.
    pub(crate) codec: Codec,
}

/// Commands that are done or not done together, and the rows that they write.
struct Step {
    rows: Vec<u32>,
    commands: Vec<Cmd>,
}

impl Writer {
    /// Writes a batch in one round trip.
    pub(crate) async fn write(&self, batch: &Batch, connections: &Connections) -> Attempt {
        let mut attempt = Attempt::delivered();
        let groups = by_key(&self.key, batch, &mut attempt);
        let steps: Vec<Step> = groups.into_iter().flat_map(|group| self.steps(group, batch, &mut attempt)).collect();
        let (mut commands, mut sent) = (Pipeline::new(), Vec::with_capacity(steps.len()));
        for Step { rows, commands: own } in steps {
            let before = commands.len();
            add(&mut commands, own);
            sent.push((rows, commands.len() - before));
        }
        if sent.is_empty() {
            return attempt;
        }
        let replies = match connections.send(commands).await {
            Ok(replies) => replies,
            Err(error) => {
                attempt.retry = sent.into_iter().flat_map(|(rows, _)| rows).collect();
                attempt.retry.sort_unstable();
                attempt.error = Some(format!("{error:#}"));
                return attempt;
            }
        };
        let mut rest = replies.as_slice();
        for (rows, count) in sent {
            let (own, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            match verdict(own) {
                Verdict::Done => {}
                Verdict::Refused(reason) => attempt.reject.extend(rows.iter().map(|&row| (row, reason.clone()))),
                Verdict::Failed(reason) => {
                    attempt.retry.extend(rows);
                    attempt.error = Some(reason);
                }
            }
        }
        attempt.retry.sort_unstable();
        attempt
    }

    /// The commands for the rows of one key.
    fn steps(&self, Group { key, rows }: Group<'_>, batch: &Batch, attempt: &mut Attempt) -> Vec<Step> {
        let encoded = |row: &u32| {
            let mut event = Vec::new();
            self.codec.write(batch, *row as usize, &mut event);
            event
        };
        let key = key.as_ref();
        match &self.shape {
            Shape::List(method, most) => {
                let most = most.map(|most| (most.get() as usize, i64::from(most.get())));
                // What would be cut off at once is not sent.
                let newest = most.map_or(0, |(most, _)| rows.len().saturating_sub(most));
                let (push, trim) = match method {
                    Method::Lpush => ("LPUSH", most.map(|(_, most)| (0, most - 1))),
                    Method::Rpush => ("RPUSH", most.map(|(_, most)| (-most, -1))),
                };
                let (unsent, sent) = rows.split_at(newest);
                let push = |(place, events): (usize, &[u32])| {
                    let texts: Vec<_> = events.iter().map(encoded).collect();
                    let mut commands = vec![cmd(push).arg(key).arg(texts).take()];
                    commands.extend(trim.map(|(first, last)| cmd("LTRIM").arg(key).arg(first).arg(last).take()));
                    // What is not sent has the fate of what comes first.
                    let rows = if place == 0 { [unsent, events].concat() } else { events.to_vec() };
                    self.step(key, rows, commands)
                };
                sent.chunks(PUSHED_AT_ONCE).enumerate().map(push).collect()
            }
            Shape::Hash(set) => self.hash(key, rows, set, batch, attempt),
            Shape::String => {
                let mut set = cmd("SET");
                set.arg(key).arg(rows.last().map(encoded).unwrap_or_default());
                if let Some(ttl) = self.ttl {
                    set.arg("PX").arg(ttl);
                }
                vec![Step { rows, commands: vec![set] }]
            }
            Shape::Stream(most) => {
                let entry = |row: u32| {
                    let mut add = cmd("XADD");
                    add.arg(key);
                    if let Some(most) = most {
                        add.arg("MAXLEN").arg("~").arg(most.get());
                    }
                    add.arg("*").arg("message").arg(encoded(&row));
                    self.step(key, vec![row], vec![add])
                };
                rows.into_iter().map(entry).collect()
            }
            Shape::Channel => {
                let publish = |row: u32| {
                    let commands = vec![cmd("PUBLISH").arg(key).arg(encoded(&row)).take()];
                    Step { rows: vec![row], commands }
                };
                rows.into_iter().map(publish).collect()
            }
            Shape::SortedSet(field) => {
                let (mut add, mut scored) = (cmd("ZADD"), Vec::with_capacity(rows.len()));
                add.arg(key);
                for row in rows {
                    match score(batch, row as usize, field.as_ref()) {
                        Ok(score) => {
                            add.arg(score).arg(encoded(&row));
                            scored.push(row);
                        }
                        Err(reason) => attempt.reject.push((row, reason)),
                    }
                }
                if scored.is_empty() { Vec::new() } else { vec![self.step(key, scored, vec![add])] }
            }
        }
    }

    /// Sets each field to its newest text.
    fn hash(
        &self,
        key: &str,
        rows: Vec<u32>,
        set: &IndexMap<String, Template>,
        batch: &Batch,
        attempt: &mut Attempt,
    ) -> Vec<Step> {
        let texts: Vec<Texts<'_>> = set.values().map(|template| Texts::new(template, batch)).collect();
        let mut newest = vec![None; texts.len()];
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let mut has_any = false;
            for (newest, texts) in newest.iter_mut().zip(&texts) {
                if let Ok(text) = texts.of(row as usize) {
                    *newest = Some(text);
                    has_any = true;
                }
            }
            if has_any {
                kept.push(row);
            } else {
                attempt.reject.push((row, "the event has no field that `hash.set` asks for".to_owned()));
            }
        }
        if kept.is_empty() {
            return Vec::new();
        }
        let mut command = cmd("HSET");
        command.arg(key);
        for (name, text) in set.keys().zip(newest) {
            if let Some(text) = text {
                command.arg(name).arg(text.as_ref());
            }
        }
        vec![self.step(key, kept, vec![command])]
    }

    /// A step that also says when the key vanishes, if it does.
    fn step(&self, key: &str, rows: Vec<u32>, mut commands: Vec<Cmd>) -> Step {
        commands.extend(self.ttl.map(|ttl| cmd("PEXPIRE").arg(key).arg(ttl).take()));
        Step { rows, commands }
    }
}

/// Adds the commands of one step, as a transaction if they are several.
fn add(pipeline: &mut Pipeline, commands: Vec<Cmd>) {
    let several = commands.len() > 1;
    if several {
        pipeline.cmd("MULTI");
    }
    for command in commands {
        pipeline.add_command(command);
    }
    if several {
        pipeline.cmd("EXEC");
    }
}

/// By what an event is sorted.
fn score(batch: &Batch, row: usize, field: Option<&FieldPath>) -> Result<f64, String> {
    #[allow(clippy::cast_precision_loss)]
    let seconds = |micros: i64| micros as f64 / 1e6;
    let Some(field) = field else { return Ok(seconds(batch.rows()[row].time.as_micros())) };
    let value = batch.field_if(row, batch.columns().find(field.path()));
    match value {
        Field::Time(time) => Ok(seconds(time.as_micros())),
        value => value.number().ok_or_else(|| format!("the score `{field}` is no number")),
    }
}
