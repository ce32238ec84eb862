//! Outlets: the ports of a component, and the edges that leave by each.

use std::collections::VecDeque;
use std::sync::Arc;

use logd_sdk::erased::AnyPart;
use logd_sdk::keyed::Split;
use logd_sdk::{Batch, Outputs, Port};

use super::edge::{Closed, Message, Sender};
use super::pause::Pause;
use super::taps::Tap;
use crate::checkpoint::Epoch;
use crate::dead_letters::{DeadLetters, letters_of};
use crate::telemetry::Account;

/// All ports of a component: the main one first, then in the order of its settings' ports.
#[derive(Debug)]
pub(crate) struct Outlets {
    ports: Vec<Vec<Sender>>,
    /// The tap of each port.
    taps: Vec<Arc<Tap>>,
    dead: Option<usize>,
    late: Option<usize>,
    /// Keeps what leaves by `dead` and nothing reads.
    letters: DeadLetters,
    pause: Pause,
}

/// What was split of a component's outputs, in their order, and of each in the order of its edges.
#[derive(Default)]
pub(crate) struct Splits(VecDeque<Option<Split<AnyPart>>>);

impl Outlets {
    /// `names` are those of all ports, the main one first; `edges` has a list, and `taps` a tap, for each of them.
    pub(crate) fn new(
        names: &[String],
        edges: Vec<Vec<Sender>>,
        taps: Vec<Arc<Tap>>,
        letters: DeadLetters,
        pause: Pause,
    ) -> Self {
        let find = |name: &str| names.iter().position(|port| port == name);
        Self { ports: edges, taps, dead: find("dead"), late: find("late"), letters, pause }
    }

    /// Returns when the part shall pause. Safe to cancel.
    pub(crate) async fn pausing(&self) {
        self.pause.asked().await;
    }

    /// Does what those who receive these batches would do first with them, where they have offered that.
    pub(crate) fn split(&self, outputs: &Outputs) -> Splits {
        let edges = outputs.sent.iter().flat_map(|(port, batch)| self.edges(*port).map(move |edge| (edge, batch)));
        Splits(edges.map(|(edge, batch)| edge.split(batch)).collect())
    }

    /// Sends a batch, whose events have so many bytes, by a port, to all that read it.
    pub(crate) async fn send(
        &self,
        port: Port,
        batch: Arc<Batch>,
        bytes: u64,
        account: &Account,
    ) -> Result<(), Closed> {
        self.send_split(port, batch, bytes, &mut Splits::default(), account).await
    }

    async fn send_split(
        &self,
        port: Port,
        batch: Arc<Batch>,
        bytes: u64,
        splits: &mut Splits,
        account: &Account,
    ) -> Result<(), Closed> {
        let events = batch.len() as u64;
        self.show(port, &batch);
        for edge in self.edges(port) {
            edge.send(Arc::clone(&batch), bytes, splits.0.pop_front().flatten(), &self.pause).await?;
        }
        account.sent(port, events, bytes);
        Ok(())
    }

    /// Sends all that a component made of a batch, with what was split of it already, and enters in its account what did
    /// not leave.
    pub(crate) async fn settle(&self, outputs: Outputs, mut splits: Splits, account: &Account) -> anyhow::Result<()> {
        account.settle(&outputs);
        for (port, batch) in outputs.sent {
            let bytes = batch.event_bytes() as u64;
            self.send_split(port, batch, bytes, &mut splits, account).await?;
        }
        for (batch, reasons) in outputs.dead {
            self.bury(&batch, &reasons, 1, account).await?;
        }
        for batch in outputs.late {
            self.special(self.late, batch).await?;
        }
        Ok(())
    }

    /// Sends events that nobody can handle, each with its reason, by the port `dead`; what nothing reads there is kept.
    pub(crate) async fn bury(
        &self,
        batch: &Batch,
        reasons: &[String],
        attempts: u32,
        account: &Account,
    ) -> anyhow::Result<()> {
        let (component, now) = (account.component(), account.now());
        account.dead(batch.len() as u64);
        if self.dead.is_some_and(|port| !self.ports[port].is_empty()) {
            self.special(self.dead, letters_of(batch, reasons, component, attempts, now)).await?;
        } else {
            account.letters_lost(self.letters.bury(batch, reasons, component, attempts, now).await?);
        }
        Ok(())
    }

    /// Sends by a port whose events the account counts under a name of its own.
    async fn special(&self, port: Option<usize>, batch: Batch) -> Result<(), Closed> {
        let (bytes, batch) = (batch.event_bytes() as u64, Arc::new(batch));
        port.into_iter().for_each(|port| self.show(Port(port), &batch));
        for edge in port.into_iter().flat_map(|port| self.edges(Port(port))) {
            edge.send(Arc::clone(&batch), bytes, None, &self.pause).await?;
        }
        Ok(())
    }

    /// Shows a batch to those who look at a port.
    fn show(&self, port: Port, batch: &Arc<Batch>) {
        self.taps.get(port.0).into_iter().for_each(|tap| tap.show(batch));
    }

    /// The edges that leave by a port.
    fn edges(&self, port: Port) -> impl Iterator<Item = &Sender> {
        self.ports.get(port.0).into_iter().flatten()
    }

    /// Puts a barrier behind all that was sent.
    pub(crate) fn barrier(&self, epoch: Epoch) -> Result<(), Closed> {
        self.each(|edge| edge.signal(Message::Barrier(epoch)))
    }

    /// Says that nothing more comes: at the end of the input, or because the daemon stops.
    pub(crate) fn finish(&self, input_ended: bool) -> Result<(), Closed> {
        self.each(|edge| edge.signal(if input_ended { Message::End } else { Message::Close }))
    }

    fn each(&self, signal: impl Fn(&Sender) -> Result<(), Closed>) -> Result<(), Closed> {
        self.ports.iter().flatten().try_for_each(signal)
    }
}
