//! What a feed has brought that is not durable yet.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use super::services::{Counts, Services, Spoke};
use crate::events::WholeAnomaly;
use crate::sealed::{EpochPart, SeriesDelta, ServiceDelta};
use crate::series::{Cell, Count, Names};

/// No epoch has more cells of a feed: 20 MiB of them. What is more is left out and counted.
const MAX_CELLS: usize = 200_000;
/// No epoch has more bytes of anomalies of a feed.
const MAX_ANOMALY_BYTES: usize = 32 << 20;

/// A feed that has started.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The sink's name.
    pub(crate) name: Arc<str>,
    /// Tells it from an earlier feed of the same sink.
    pub(crate) token: u64,
    /// The epoch that is open.
    pub(crate) epoch: u64,
    pub(crate) open: Open,
    /// Epochs that are sealed and not applied, in order.
    pub(crate) sealed: VecDeque<Arc<EpochPart>>,
    /// Whether there are logs that are not durable.
    pub(crate) has_logs: bool,
}

/// What an open epoch says of a service.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delta {
    pub(crate) counts: Counts,
    pub(crate) spoke: Spoke,
    /// The stretch of the last log, and what was counted in it: logs come mostly in order.
    stretch: Option<(i64, Count)>,
    touched: bool,
}

/// An open epoch.
#[derive(Debug, Default)]
pub(crate) struct Open {
    /// By the number of the service.
    deltas: Vec<Delta>,
    touched: Vec<u32>,
    /// By the number of the series.
    cells: Vec<Vec<(i64, Cell)>>,
    touched_series: Vec<u32>,
    count: usize,
    pub(crate) anomalies: Vec<Arc<WholeAnomaly>>,
    anomaly_bytes: usize,
}

impl Stage {
    pub(crate) fn new(name: Arc<str>, token: u64, epoch: u64) -> Self {
        Self { name, token, epoch, open: Open::default(), sealed: VecDeque::new(), has_logs: false }
    }

    /// Ends the open epoch; the next begins.
    pub(crate) fn seal(&mut self, services: &Services, series: &Names) {
        let mut open = mem::take(&mut self.open);
        let deltas = open.deltas(services);
        let mut part = EpochPart { epoch: self.epoch, ..EpochPart::default() };
        for (service, delta) in deltas {
            let Some(entry) = services.table.get(service) else { continue };
            if let Some((stretch, count)) = delta.stretch {
                open.add(entry.history, stretch, Cell::Count(count));
            }
            let (pipeline, service) = (Arc::clone(&entry.pipeline), Arc::clone(&entry.service));
            part.services.push(ServiceDelta { pipeline, service, counts: delta.counts, spoke: delta.spoke });
        }
        for number in mem::take(&mut open.touched_series) {
            let Some(known) = series.table.get(number) else { continue };
            let cells = sum_up(mem::take(&mut open.cells[number as usize]));
            part.series.push(SeriesDelta { name: Arc::clone(&known.name), cells });
        }
        part.anomalies = open.anomalies;
        self.epoch += 1;
        self.sealed.push_back(Arc::new(part));
    }

    /// All its anomalies, in the order in which they came.
    pub(crate) fn anomalies(&self) -> impl Iterator<Item = &Arc<WholeAnomaly>> {
        self.sealed.iter().flat_map(|part| &part.anomalies).chain(&self.open.anomalies)
    }

    /// The cells of a series, in no order.
    pub(crate) fn cells(&self, number: u32, name: &crate::series::SeriesName, mut each: impl FnMut(i64, &Cell)) {
        let sealed = self.sealed.iter().flat_map(|part| &part.series).filter(|delta| *delta.name == *name);
        let open = self.open.cells.get(number as usize);
        for (second, cell) in sealed.flat_map(|delta| &delta.cells).chain(open.into_iter().flatten()) {
            each(*second, cell);
        }
    }

    /// Whether anything of it points to a service or series.
    pub(crate) fn uses(&self, service: Option<u32>, series: u32) -> bool {
        let service = service.and_then(|service| self.open.deltas.get(service as usize));
        let series = self.open.cells.get(series as usize);
        service.is_some_and(|delta| delta.touched) || series.is_some_and(|cells| !cells.is_empty())
    }
}

/// Puts cells in order, and adds up those of one second.
fn sum_up(mut cells: Vec<(i64, Cell)>) -> Vec<(i64, Cell)> {
    cells.sort_by_key(|(second, _)| *second);
    cells.dedup_by(|(later, more), (second, cell)| {
        let same = later == second;
        if same {
            cell.add(more);
        }
        same
    });
    cells
}

impl Open {
    /// The delta of a service.
    pub(crate) fn delta(&mut self, service: u32) -> &mut Delta {
        let place = service as usize;
        if place >= self.deltas.len() {
            self.deltas.resize_with(place + 1, Delta::default);
        }
        let delta = &mut self.deltas[place];
        if !delta.touched {
            delta.touched = true;
            self.touched.push(service);
        }
        delta
    }

    /// Adds what was counted in a stretch of a service's history; false if there is no room.
    pub(crate) fn log(&mut self, service: u32, history: u32, stretch: i64, count: Count) -> bool {
        let delta = self.delta(service);
        match &mut delta.stretch {
            Some((last, sum)) if *last == stretch => {
                sum.add(&count);
                true
            }
            other => match other.replace((stretch, count)) {
                Some((before, sum)) => self.add(history, before, Cell::Count(sum)),
                None => true,
            },
        }
    }

    /// Adds a cell to a series; false if there is no room.
    pub(crate) fn add(&mut self, series: u32, second: i64, cell: Cell) -> bool {
        let place = series as usize;
        if place >= self.cells.len() {
            self.cells.resize_with(place + 1, Vec::new);
        }
        let cells = &mut self.cells[place];
        if cells.is_empty() {
            self.touched_series.push(series);
        }
        // Mostly the last one; a second that is found further back is added up when the epoch is sealed.
        if let Some((_, mine)) = cells.iter_mut().rev().take(4).find(|(other, _)| *other == second) {
            mine.add(&cell);
            return true;
        }
        let room = self.count < MAX_CELLS;
        if room {
            self.count += 1;
            cells.push((second, cell));
        } else if cells.is_empty() {
            self.touched_series.pop();
        }
        room
    }

    /// Takes in an anomaly; false if there is no room.
    pub(crate) fn anomaly(&mut self, anomaly: &Arc<WholeAnomaly>, bytes: usize) -> bool {
        let room = self.anomaly_bytes + bytes <= MAX_ANOMALY_BYTES;
        if room {
            self.anomaly_bytes += bytes;
            self.anomalies.push(Arc::clone(anomaly));
        }
        room
    }

    /// What was counted, by service, in the order of names, so that the same events make the same bytes.
    fn deltas(&self, services: &Services) -> Vec<(u32, Delta)> {
        let mut touched = self.touched.clone();
        touched.sort_by_key(|service| services.table.get(*service).map(|entry| (&entry.pipeline, &entry.service)));
        touched.into_iter().map(|service| (service, self.deltas[service as usize])).collect()
    }

    /// What was counted, by the number of the service.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u32, &Counts)> {
        self.touched.iter().map(|service| (*service, &self.deltas[*service as usize].counts))
    }

    /// What was counted of a service.
    pub(crate) fn count_of(&self, service: u32) -> Option<&Counts> {
        self.deltas.get(service as usize).map(|delta| &delta.counts)
    }

    /// The counts of a service's history that are not cells yet.
    pub(crate) fn stretch(&self, service: u32) -> Option<(i64, Count)> {
        self.deltas.get(service as usize)?.stretch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_that_come_twice_are_one() {
        let mut open = Open::default();
        for second in [5, 6, 7, 8, 9, 10, 5, 10] {
            assert!(open.add(0, second, Cell::Value(1.0)));
        }
        let cells = sum_up(mem::take(&mut open.cells[0]));
        assert_eq!(cells.iter().map(|(second, _)| *second).collect::<Vec<_>>(), [5, 6, 7, 8, 9, 10]);
        assert_eq!((cells[0].1.stat().unwrap().n, cells[5].1.stat().unwrap().n), (2, 2));
    }

    #[test]
    fn an_epoch_has_so_many_cells_and_no_more() {
        let mut open = Open::default();
        for second in 0..MAX_CELLS as i64 {
            assert!(open.add(0, second, Cell::Value(1.0)));
        }
        assert!(!open.add(1, 0, Cell::Value(1.0)));
        assert!(open.add(0, MAX_CELLS as i64 - 1, Cell::Value(1.0)));
        assert_eq!(open.touched_series, [0]);
    }
}
