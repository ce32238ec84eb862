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
use super::report::{Command, Durable, LastWord, Report, Snapshot};
use super::store::{Entry, Position, Store};
use crate::dead_letters::DeadLetters;
use crate::topology::Pause;

/// A component, as the coordinator knows it.
pub(crate) struct Member {
    /// Its name.
    pub(crate) component: ComponentId,
    /// What type of component it is.
    pub(crate) component_type: &'static str,
    /// Whether it is a source: these begin an epoch.
    pub(crate) is_source: bool,
    /// Its line, if it wants to know what has become durable.
    pub(crate) line: Option<(UnboundedSender<Command>, Durable)>,
    /// By which it asks for an epoch before its time.
    pub(crate) epochs: Epochs,
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
    /// It was told to pause, and its components stand still.
    Paused,
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
    epoch: Epoch,
    /// Of components that are gone: they become durable with what is here now.
    last_words: BTreeMap<ComponentId, LastWord>,
    /// What was handed in since the last epoch that is complete, and for which epoch last.
    handed_in: BTreeMap<usize, (Epoch, Snapshot)>,
    /// Whether an epoch may be overdue, because the part was paused before one could be completed.
    goes_on: bool,
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

/// What came of an epoch.
enum Completed {
    /// It is durable, which has cost so much.
    Epoch(Duration),
    /// It is durable, and was the last.
    Last,
    /// It shall pause before that.
    Not,
}

/// A snapshot may cost this share of the time at most: the next epoch waits for so many times its cost.
const COST_FACTOR: u32 = 20;
/// An epoch that is asked for begins this long after the one before at the earliest.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

impl Coordinator {
    /// For the members of a part; their places are those in the list. `handed_in` is what they have handed in for an epoch
    /// that was not completed before the part paused, `last_words` are of some who are gone; `goes_on` says whether the part
    /// has paused.
    pub(crate) fn new(
        members: Vec<Member>,
        reports: UnboundedReceiver<Report>,
        memory: Memory,
        interval: Duration,
        mut handed_in: BTreeMap<ComponentId, Snapshot>,
        last_words: BTreeMap<ComponentId, LastWord>,
        goes_on: bool,
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
        let places = members.iter().enumerate();
        let handed_in =
            places.filter_map(|(place, member)| Some((place, (epoch, handed_in.remove(&member.component)?)))).collect();
        let ended = BTreeMap::new();
        Ok(Self { members, reports, memory, interval, epoch, last_words, handed_in, ended, meters, goes_on })
    }

    /// Runs epochs until all inputs have ended, `stop` becomes true, or it shall pause.
    ///
    /// # Errors
    /// An epoch can't be made durable, or a component has failed and its line is cut.
    pub(crate) async fn run(&mut self, mut stop: watch::Receiver<bool>, pause: &Pause) -> anyhow::Result<Outcome> {
        let mut next = Instant::now() + if self.goes_on { SHORTEST_INTERVAL } else { self.interval };
        // When the next may begin, if somebody asks for it.
        let (mut soonest, mut asked) = (Instant::now(), false);
        loop {
            let mut open = None;
            if self.all_ended() {
                self.finish().await?;
                return Ok(Outcome::Finished);
            }
            tokio::select! {
                biased;
                () = pause.asked() => return Ok(Outcome::Paused),
                () = stopped(&mut stop) => open = Some(self.begin(true)),
                report = self.reports.recv() => match report {
                    // Between epochs only a component that has ended has anything to say.
                    Some(report) => self.note(report),
                    None => return Err(Gone.into()),
                },
                () = any_asks(&self.members), if !asked => asked = true,
                () = tokio::time::sleep_until(if asked { soonest.min(next) } else { next }) => {
                    asked = false;
                    open = Some(self.begin(false));
                }
            }
            let Some(open) = open else { continue };
            let start = Instant::now();
            let cost = match self.complete(open, &mut stop, pause).await? {
                Completed::Epoch(cost) => cost,
                Completed::Last => return Ok(Outcome::Closed),
                Completed::Not => return Ok(Outcome::Paused),
            };
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
    /// last epoch is begun at once, and its snapshots are added to those that have come.
    async fn complete(
        &mut self,
        mut close: bool,
        stop: &mut watch::Receiver<bool>,
        pause: &Pause,
    ) -> anyhow::Result<Completed> {
        let start = Instant::now();
        while !self.all_reported() {
            tokio::select! {
                biased;
                () = pause.asked() => return Ok(Completed::Not),
                () = stopped(stop), if !close => close = self.begin(true),
                report = self.reports.recv() => match report {
                    None => return Err(Gone.into()),
                    Some(report) => self.note(report),
                }
            }
        }
        // What a component handed in when it ended belongs to this epoch only if it ended before the barrier: one that
        // has reported for the epoch ended behind it, and its last word waits for the next.
        for (&member, last) in &mut self.ended {
            let reported = self.handed_in.get(&member).is_some_and(|(epoch, _)| *epoch == self.epoch);
            if !reported && let Some(last) = last.take() {
                self.handed_in.entry(member).or_default().1.add(last);
            }
        }
        let cost = self.commit().await?;
        self.meters.duration.record(start.elapsed().as_secs_f64());
        Ok(if close { Completed::Last } else { Completed::Epoch(cost) })
    }

    fn all_reported(&self) -> bool {
        let reported = |member: &usize| self.handed_in.get(member).is_some_and(|(epoch, _)| *epoch == self.epoch);
        (0..self.members.len()).all(|member| reported(&member) || self.ended.contains_key(&member))
    }

    fn note(&mut self, Report { component, epoch, snapshot }: Report) {
        match epoch {
            None => drop(self.ended.insert(component, Some(snapshot))),
            Some(epoch) => {
                let (latest, sum) = self.handed_in.entry(component).or_default();
                *latest = epoch;
                sum.add(snapshot);
            }
        }
    }

    /// All have ended: makes their last snapshots durable.
    async fn finish(&mut self) -> anyhow::Result<()> {
        self.add_ended();
        self.commit().await.map(drop)
    }

    /// The last snapshots of those who have ended belong to what is handed in.
    fn add_ended(&mut self) {
        for (&member, last) in &mut self.ended {
            if let Some(last) = last.take() {
                self.handed_in.entry(member).or_default().1.add(last);
            }
        }
    }

    /// What was handed in since the last complete epoch, once all components stand still, and the last words of others.
    pub(crate) fn handed_in(mut self) -> (BTreeMap<ComponentId, Snapshot>, BTreeMap<ComponentId, LastWord>) {
        while let Ok(report) = self.reports.try_recv() {
            self.note(report);
        }
        self.add_ended();
        let members = &self.members;
        let own = self.handed_in.into_iter().map(|(place, (_, sum))| (members[place].component.clone(), sum));
        (own.collect(), self.last_words)
    }

    async fn write(&self, entries: Vec<Entry>) -> anyhow::Result<()> {
        self.memory.dead_letters.sync().await?;
        let (store, epoch) = (self.memory.store.clone(), self.epoch);
        tokio::task::spawn_blocking(move || store.commit(epoch, &entries)).await?
    }

    /// Makes durable what was handed in, and tells sources and sinks.
    async fn commit(&mut self) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let handed_in = std::mem::take(&mut self.handed_in);
        let snapshots: Vec<(usize, Snapshot)> =
            handed_in.into_iter().map(|(member, (_, snapshot))| (member, snapshot)).collect();
        let has_line = |member: &usize| self.members[*member].line.is_some();
        let told: Vec<(usize, Option<Vec<u8>>)> = snapshots
            .iter()
            .filter(|(member, _)| has_line(member))
            .map(|(member, snapshot)| (*member, snapshot.position.clone()))
            .collect();
        let entry = |component, component_type, Snapshot { position, changes }| {
            let position = position.map(|bytes| Position { component_type, bytes });
            Entry { component, position, changes }
        };
        let own = snapshots.into_iter().map(|(member, snapshot)| {
            let Member { component, component_type, .. } = &self.members[member];
            entry(component.clone(), *component_type, snapshot)
        });
        let last_words = std::mem::take(&mut self.last_words).into_iter();
        let last_words = last_words.map(|(id, last)| entry(id, last.component_type, last.snapshot));
        let entries: Vec<Entry> = own.chain(last_words).collect();
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

/// Returns when a component asks for an epoch.
async fn any_asks(members: &[Member]) {
    let asked = members.iter().map(|member| Box::pin(member.epochs.asked()));
    if members.is_empty() {
        std::future::pending::<()>().await;
    }
    futures::future::select_all(asked).await;
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
        let (durable, epochs) = (Durable::default(), Epochs::default());
        let members = vec![
            Member {
                component: id("source"),
                component_type: "file",
                is_source: true,
                line: Some((commands, Arc::clone(&durable))),
                epochs: epochs.clone(),
            },
            Member {
                component: id("sink"),
                component_type: "file",
                is_source: false,
                line: None,
                epochs: Epochs::default(),
            },
        ];
        let source = (Reporter::new(0, reports.clone(), durable), told);
        let sink = Reporter::new(1, reports, Durable::default());
        let memory = Memory { store: store.clone(), dead_letters: DeadLetters::new(folder.path(), 64 << 20) };
        let (second, handed_in, last_words) = (Duration::from_secs(1), BTreeMap::new(), BTreeMap::new());
        let mut coordinator =
            Coordinator::new(members, received, memory, second, handed_in, last_words, false).expect("made");
        let (stop, stopped) = watch::channel(false);
        let ended = tokio::spawn(async move { coordinator.run(stopped, &Pause::new().1).await });
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
