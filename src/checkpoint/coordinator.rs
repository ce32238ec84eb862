//! The coordinator of a connected part of the graph: begins epochs, and completes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use logd_sdk::{ComponentId, Epochs};
use metrics::{Counter, Histogram, counter, histogram};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Epoch;
use super::report::{Command, Durable, Report, Snapshot};
use super::store::{Entry, Store};
use crate::dead_letters::DeadLetters;

/// A component, as the coordinator knows it.
pub(crate) struct Member {
    /// Its name.
    pub(crate) component: ComponentId,
    /// Whether it is a source: these begin an epoch.
    pub(crate) is_source: bool,
    /// Its line, if it wants to know what has become durable.
    pub(crate) line: Option<(UnboundedSender<Command>, Durable)>,
}

/// How the coordinator came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All inputs have ended, and everything is delivered and durable.
    Finished,
    /// It was told to stop, and everything up to there is delivered and durable.
    Closed,
    /// A component has failed, and it is not tried again: the run ends with its input, or it was told to stop. What is
    /// durable stays.
    Failed,
}

/// What becomes durable with an epoch.
pub(crate) struct Memory {
    /// Positions and states.
    pub(crate) store: Store,
    /// What was given up: durable before the positions behind it are.
    pub(crate) dead_letters: DeadLetters,
}

/// Begins epochs and completes them.
pub(crate) struct Coordinator {
    members: Vec<Member>,
    reports: UnboundedReceiver<Report>,
    memory: Memory,
    interval: Duration,
    /// By whom an epoch is asked for before its time.
    epochs: Epochs,
    epoch: Epoch,
    /// The last snapshots of components that have ended, until they are durable.
    ended: BTreeMap<usize, Option<Snapshot>>,
    meters: Meters,
}

struct Meters {
    completed: Counter,
    failed: Counter,
    duration: Histogram,
    bytes: Histogram,
}

/// All components have ended without a word: at least one has failed, and knows why.
#[derive(Debug, thiserror::Error)]
#[error("all components are gone")]
pub(crate) struct Gone;

/// A snapshot may cost this share of the time at most: the next epoch waits for so many times its cost.
const COST_FACTOR: u32 = 20;
/// An epoch that is asked for begins this long after the one before at the earliest.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

impl Coordinator {
    /// For the members of a part; their places are those in the list.
    pub(crate) fn new(
        members: Vec<Member>,
        reports: UnboundedReceiver<Report>,
        memory: Memory,
        interval: Duration,
        epochs: Epochs,
    ) -> anyhow::Result<Self> {
        let epoch = memory.store.last_epoch()?;
        let pipelines: BTreeSet<&str> = members.iter().map(|member| member.component.pipeline()).collect();
        let labels = [("pipeline", pipelines.into_iter().collect::<Vec<_>>().join("+"))];
        let meters = Meters {
            completed: counter!("logd_checkpoint_completed_total", &labels),
            failed: counter!("logd_checkpoint_failed_total", &labels),
            duration: histogram!("logd_checkpoint_duration_seconds", &labels),
            bytes: histogram!("logd_checkpoint_bytes", &labels),
        };
        Ok(Self { members, reports, memory, interval, epochs, epoch, ended: BTreeMap::new(), meters })
    }

    /// Runs epochs until all inputs have ended, or `stop` becomes true.
    ///
    /// # Errors
    /// An epoch can't be made durable, or a component has failed and its line is cut.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<Outcome> {
        let mut next = Instant::now() + self.interval;
        // When the next may begin, if somebody asks for it.
        let (mut soonest, mut asked) = (Instant::now(), false);
        loop {
            let mut open = None;
            if self.all_ended() {
                let last = self.ended.iter_mut().filter_map(|(&member, last)| Some((member, last.take()?))).collect();
                self.commit(last).await?;
                return Ok(Outcome::Finished);
            }
            tokio::select! {
                biased;
                () = stopped(&mut stop) => open = Some(self.begin(true)),
                report = self.reports.recv() => match report {
                    // Between epochs only a component that has ended has anything to say.
                    Some(report) => drop(self.ended.insert(report.component, Some(report.snapshot))),
                    None => return Err(Gone.into()),
                },
                () = self.epochs.asked(), if !asked => asked = true,
                () = tokio::time::sleep_until(if asked { soonest.min(next) } else { next }) => {
                    asked = false;
                    open = Some(self.begin(false));
                }
            }
            let Some(open) = open else { continue };
            let start = Instant::now();
            let (close, cost) = self.complete(open, &mut stop).await?;
            if close {
                return Ok(Outcome::Closed);
            }
            let rested = Instant::now() + cost * COST_FACTOR;
            (next, soonest) = (rested.max(start + self.interval), rested.max(start + SHORTEST_INTERVAL));
        }
    }

    fn all_ended(&self) -> bool {
        self.ended.len() == self.members.len()
    }

    /// Begins an epoch; `close` makes it the last. Returns whether it is.
    fn begin(&mut self, close: bool) -> bool {
        self.epoch = Epoch(self.epoch.0 + 1);
        let command = if close { Command::Close(self.epoch) } else { Command::Barrier(self.epoch) };
        let sources = self.members.iter().filter(|member| member.is_source);
        for (sender, _) in sources.filter_map(|member| member.line.as_ref()) {
            // A source that has ended no longer listens, and has said where it stands.
            let _ = sender.send(command);
        }
        close
    }

    /// Waits until all have reported for the open epoch, and makes it durable. When it is time to stop before that, the
    /// last epoch is begun at once, and its snapshots are added to those that have come. Returns whether it was the last,
    /// and what the commit has cost.
    async fn complete(
        &mut self,
        mut close: bool,
        stop: &mut watch::Receiver<bool>,
    ) -> anyhow::Result<(bool, Duration)> {
        let start = Instant::now();
        let mut snapshots: BTreeMap<usize, (Epoch, Snapshot)> = BTreeMap::new();
        loop {
            let reported = |member: &usize| snapshots.get(member).is_some_and(|(epoch, _)| *epoch == self.epoch);
            if (0..self.members.len()).all(|member| reported(&member) || self.ended.contains_key(&member)) {
                break;
            }
            tokio::select! {
                () = stopped(stop), if !close => close = self.begin(true),
                report = self.reports.recv() => match report {
                    None => return Err(Gone.into()),
                    Some(Report { component, epoch: None, snapshot }) => {
                        self.ended.insert(component, Some(snapshot));
                    }
                    Some(Report { component, epoch: Some(epoch), snapshot }) => {
                        let (latest, sum) = snapshots.entry(component).or_default();
                        *latest = epoch;
                        sum.add(snapshot);
                    }
                }
            }
        }
        // What a component handed in when it ended belongs to this epoch only if it ended before the barrier: one that
        // has reported for the epoch ended behind it, and its last word waits for the next.
        for (member, (epoch, sum)) in &mut snapshots {
            if *epoch != self.epoch
                && let Some(last) = self.ended.get_mut(member).and_then(Option::take)
            {
                sum.add(last);
            }
        }
        for (&member, last) in &mut self.ended {
            if !snapshots.contains_key(&member)
                && let Some(last) = last.take()
            {
                snapshots.insert(member, (self.epoch, last));
            }
        }
        let cost = self.commit(snapshots.into_iter().map(|(member, (_, sum))| (member, sum)).collect()).await?;
        self.meters.duration.record(start.elapsed().as_secs_f64());
        Ok((close, cost))
    }

    async fn write(&self, entries: Vec<Entry>) -> anyhow::Result<()> {
        self.memory.dead_letters.sync().await?;
        let (store, epoch) = (self.memory.store.clone(), self.epoch);
        tokio::task::spawn_blocking(move || store.commit(epoch, &entries)).await?
    }

    /// Makes the snapshots durable, and tells sources and sinks.
    async fn commit(&mut self, snapshots: BTreeMap<usize, Snapshot>) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let has_line = |member: &usize| self.members[*member].line.is_some();
        let told: Vec<(usize, Option<Vec<u8>>)> = snapshots
            .iter()
            .filter(|(member, _)| has_line(member))
            .map(|(&member, snapshot)| (member, snapshot.position.clone()))
            .collect();
        let entries: Vec<Entry> = snapshots
            .into_iter()
            .map(|(member, Snapshot { position, changes })| Entry {
                component: self.members[member].component.clone(),
                position,
                changes,
            })
            .collect();
        let size: usize = entries
            .iter()
            .flat_map(|entry| &entry.changes)
            .map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len))
            .sum();
        if let Err(error) = self.write(entries).await {
            self.meters.failed.increment(1);
            return Err(error.context("the checkpoint can't be written"));
        }
        self.meters.completed.increment(1);
        #[allow(clippy::cast_precision_loss)]
        self.meters.bytes.record(size as f64);
        for (member, position) in told {
            if let Some((sender, durable)) = &self.members[member].line {
                *durable.lock().unwrap_or_else(PoisonError::into_inner) = position;
                let _ = sender.send(Command::Durable);
            }
        }
        Ok(start.elapsed())
    }
}

/// Returns when it is time to stop; never, where nobody can ask for that any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc::unbounded_channel;

    use super::super::report::Reporter;
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        source: (Reporter, UnboundedReceiver<Command>),
        sink: Reporter,
        stop: watch::Sender<bool>,
        ended: tokio::task::JoinHandle<anyhow::Result<Outcome>>,
        store: Store,
        epochs: Epochs,
    }

    /// A part of a source and a sink, with an epoch every second.
    fn part() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("checkpoints.redb")).expect("opened");
        let ((reports, received), (commands, told)) = (unbounded_channel(), unbounded_channel());
        let durable = Durable::default();
        let members = vec![
            Member { component: id("source"), is_source: true, line: Some((commands, Arc::clone(&durable))) },
            Member { component: id("sink"), is_source: false, line: None },
        ];
        let source = (Reporter::new(0, reports.clone(), durable), told);
        let sink = Reporter::new(1, reports, Durable::default());
        let epochs = Epochs::default();
        let memory = Memory { store: store.clone(), dead_letters: DeadLetters::new(folder.path(), 64 << 20) };
        let coordinator =
            Coordinator::new(members, received, memory, Duration::from_secs(1), epochs.clone()).expect("made");
        let (stop, stopped) = watch::channel(false);
        let ended = tokio::spawn(coordinator.run(stopped));
        Bench { folder, source, sink, stop, ended, store, epochs }
    }

    fn id(name: &str) -> ComponentId {
        ComponentId::new("p", name)
    }

    fn at(position: u8) -> Snapshot {
        Snapshot::position(Some(vec![position]))
    }

    fn position(store: &Store, name: &str) -> Option<u8> {
        store.load(&id(name)).expect("read").position.map(|position| position[0])
    }

    #[tokio::test]
    async fn an_end_behind_the_barrier_waits_for_the_next_epoch() {
        let Bench { folder: _folder, source: (source, mut told), sink, stop: _stop, ended, store, .. } = part();
        assert_eq!(told.recv().await, Some(Command::Barrier(Epoch(1))));
        source.snapshot(Epoch(1), at(1));
        source.ended(at(9));
        sink.snapshot(Epoch(1), at(1));
        assert_eq!(told.recv().await, Some(Command::Durable));
        assert_eq!(source.durable(), Some(vec![1]));
        assert_eq!((position(&store, "source"), position(&store, "sink")), (Some(1), Some(1)));

        sink.ended(at(9));
        assert_eq!(ended.await.expect("no panic").expect("no error"), Outcome::Finished);
        assert_eq!((position(&store, "source"), position(&store, "sink")), (Some(9), Some(9)));
    }

    #[tokio::test]
    async fn an_end_before_the_barrier_belongs_to_the_epoch() {
        let Bench { folder: _folder, source: (source, mut told), sink, stop: _stop, store, .. } = part();
        source.ended(at(5));
        assert_eq!(told.recv().await, Some(Command::Barrier(Epoch(1))));
        sink.snapshot(Epoch(1), at(5));
        assert_eq!(told.recv().await, Some(Command::Durable));
        assert_eq!((position(&store, "source"), position(&store, "sink")), (Some(5), Some(5)));
    }

    #[tokio::test]
    async fn a_stop_overtakes_an_epoch_that_waits() {
        let Bench { folder: _folder, source: (source, mut told), sink, stop, ended, store, .. } = part();
        assert_eq!(told.recv().await, Some(Command::Barrier(Epoch(1))));
        source.snapshot(Epoch(1), at(1));
        // The sink is slow; it is time to stop before it has reported.
        stop.send(true).expect("told");
        assert_eq!(told.recv().await, Some(Command::Close(Epoch(2))));
        source.snapshot(Epoch(2), at(2));
        sink.snapshot(Epoch(1), at(1));
        sink.snapshot(Epoch(2), at(2));
        assert_eq!(ended.await.expect("no panic").expect("no error"), Outcome::Closed);
        assert_eq!((position(&store, "source"), position(&store, "sink")), (Some(2), Some(2)));
    }

    #[tokio::test]
    async fn an_epoch_that_is_asked_for_comes_at_once() {
        let Bench { folder: _folder, source: (source, mut told), sink, stop: _stop, epochs, .. } = part();
        let start = Instant::now();
        for epoch in 1..=3 {
            epochs.ask();
            assert_eq!(told.recv().await, Some(Command::Barrier(Epoch(epoch))));
            source.snapshot(Epoch(epoch), at(1));
            sink.snapshot(Epoch(epoch), at(1));
            assert_eq!(told.recv().await, Some(Command::Durable));
        }
        assert!(start.elapsed() >= SHORTEST_INTERVAL * 2, "not one upon the other: {:?}", start.elapsed());
    }
}
