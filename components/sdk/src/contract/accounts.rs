//! A transform accounts for every event: received = sent + absorbed + dead + late + discarded, but for those that it has
//! made itself.

use std::sync::Arc;

use vrl::path::OwnedValuePath;

use super::Bench;
use super::build::context;
use super::events::{Dice, batch};
use crate::component::{Component, Plan};
use crate::condition::Reads;
use crate::erased::AnyKeyed;
use crate::event::{Batch, Columns, Partition};
use crate::keyed::{Floor, Step};
use crate::outputs::Outputs;
use crate::time::Time;

/// How many batches it is given.
const BATCHES: u64 = 60;
/// Into how many shards a state is divided.
const SHARDS: usize = 3;

/// What is wrong with what a transform says of the events that it was given.
pub(super) fn check(component: &Component, plan: &Plan, bench: &Bench<'_>) -> Vec<String> {
    let fields = match plan.describe().reads(bench.conditions.as_ref()) {
        Reads::Fields(paths) => paths,
        Reads::Whole => Vec::new(),
    };
    let context = context(component, plan, bench);
    let judged = match plan {
        Plan::Source(_) | Plan::Sink(_) => Ok(Vec::new()),
        Plan::Transform(plan) => {
            plan.build(&context).map(|transform| stateless(&fields, |batch, out| transform.apply(batch, out)))
        }
        Plan::Keyed(plan) => plan.build(&context).and_then(|keyed| stateful(keyed.as_ref(), &fields)),
    };
    judged.unwrap_or_else(|error| vec![format!("its example can't be built or run: {error:#}")])
}

fn stateless(fields: &[OwnedValuePath], apply: impl Fn(Batch, &mut Outputs)) -> Vec<String> {
    let mut breaches = Vec::new();
    for seed in 0..BATCHES {
        let batch = events(&mut Dice::new(seed), fields, 0);
        let (received, mut out) = (batch.len() as u64, Outputs::default());
        apply(batch, &mut out);
        breaches.extend(unbalanced(received, &out));
    }
    breaches
}

/// As the daemon does it: split, step, gather, with a floor that rises, so that some events are late.
fn stateful(keyed: &dyn AnyKeyed, fields: &[OwnedValuePath]) -> anyhow::Result<Vec<String>> {
    let mut shards: Vec<_> = (0..SHARDS).map(|_| keyed.shard()).collect();
    let partition = Partition::new("contract/it", "");
    let (mut breaches, mut dice, mut watermark) = (Vec::new(), Dice::new(0), Time::MIN);
    for turn in 0..=BATCHES {
        let batch = (turn < BATCHES).then(|| Arc::new(events(&mut dice, fields, turn * 1000)));
        let (received, mut out) = (batch.as_ref().map_or(0, |batch| batch.len() as u64), Outputs::default());
        let mut parts = std::iter::repeat_with(|| None).take(SHARDS).collect();
        if let Some(batch) = &batch {
            let floors = vec![Floor { closed: watermark, ahead: Time::MAX }; batch.blocks().len()];
            let split = keyed.split(batch, &floors, SHARDS);
            out.absorb(split.absorbed);
            out.late.push(batch.select(&split.late));
            parts = split.parts;
            // Half of the batch's events are behind it.
            let mut times: Vec<Time> = batch.rows().iter().map(|row| row.time).collect();
            times.sort_unstable();
            watermark = watermark.max(times.get(times.len() / 2).copied().unwrap_or(watermark));
        } else {
            watermark = Time::MAX;
        }
        let yields = shards.iter_mut().zip(parts).map(|(shard, part)| shard.step(part, watermark));
        let yields = yields.collect::<anyhow::Result<_>>()?;
        keyed.gather(Step { batch: batch.as_ref(), yields, watermark, partition: &partition }, &mut out)?;
        breaches.extend(unbalanced(received, &out));
    }
    Ok(breaches)
}

/// Events with the columns that are read.
fn events(dice: &mut Dice, fields: &[OwnedValuePath], position: u64) -> Batch {
    let mut batch = batch(dice, fields, position);
    batch.require(&Columns::new(fields.iter().cloned()));
    batch
}

fn unbalanced(received: u64, out: &Outputs) -> Option<String> {
    let sum = |lengths: &mut dyn Iterator<Item = usize>| lengths.map(|length| length as u64).sum::<u64>();
    let sent = sum(&mut out.sent.iter().map(|(_, batch)| batch.len()));
    let dead = sum(&mut out.dead.iter().map(|(batch, _)| batch.len()));
    let late = sum(&mut out.late.iter().map(Batch::len));
    let discarded: u64 = out.discarded.iter().map(|(_, _, events)| events).sum();
    let Outputs { absorbed, made, .. } = *out;
    (received + made != sent + absorbed + dead + late + discarded).then(|| {
        format!(
            "{received} events received and {made} made, but {sent} sent, {absorbed} absorbed, {dead} dead, {late} late \
             and {discarded} discarded"
        )
    })
}
