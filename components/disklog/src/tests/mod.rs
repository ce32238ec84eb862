//! What a log promises, tested on a disk that breaks its own promises.

mod damage;
mod faults;
mod front;
mod model;
mod plain;

use std::collections::BTreeMap;
use std::path::Path;

use crate::testing::Disk;
use crate::{Error, Follow, Log, Recovered};

/// So small that a few records make a segment full: 4 KiB each.
const MAX_SIZE: u64 = 24 << 10;

fn folder() -> &'static Path {
    Path::new("/log")
}

fn open(disk: &Disk) -> Result<(Log, Recovered), Error> {
    Log::open(disk.filesystem(), folder(), MAX_SIZE)
}

/// Records with their numbers.
type Records = Vec<(u64, Vec<u8>)>;

/// All records from a number on, and how many are lost.
fn read_all(log: &Log, from: u64) -> (Records, u64) {
    try_read_all(log, from).unwrap()
}

/// The same; a call that fails once is tried again.
fn try_read_all(log: &Log, from: u64) -> Result<(Records, u64), Error> {
    let mut reader = log.reader(Follow::Appended);
    let (mut records, mut next, mut lost) = (Vec::new(), from, 0);
    loop {
        let chunk = reader.read(next, 1000).or_else(|_| reader.read(next, 1000))?;
        if chunk.records.is_empty() && chunk.lost == 0 {
            return Ok((records, lost));
        }
        records.extend(chunk.records.into_iter().map(|(number, bytes)| (number, bytes.to_vec())));
        (next, lost) = (chunk.next, lost + chunk.lost);
    }
}

/// A log, and what it owes.
struct Ledger {
    disk: Disk,
    log: Option<Log>,
    /// What was appended, by number.
    appended: BTreeMap<u64, Vec<u8>>,
    /// What was tried to be appended, and may be there although it failed.
    possible: BTreeMap<u64, Vec<Vec<u8>>>,
    /// The log has said that records up to this one survive.
    durable: u64,
    /// The highest number up to which a release was asked for.
    released: u64,
    /// The highest one that must hold.
    released_durably: u64,
    /// Makes records differ.
    made: u64,
}

impl Ledger {
    fn new() -> Self {
        let (appended, possible) = (BTreeMap::new(), BTreeMap::new());
        Self { disk: Disk::new(), log: None, appended, possible, durable: 0, released: 0, released_durably: 0, made: 0 }
    }

    /// The open log; opens it if it is not, and checks what it has.
    fn log(&mut self) -> Option<&mut Log> {
        if self.log.is_none() {
            let (log, recovered) = open(&self.disk).ok()?;
            assert!(recovered.missing.is_empty(), "{recovered:?}");
            self.log = Some(log);
            self.check_reopened();
        }
        self.log.as_mut()
    }

    fn append(&mut self, sizes: &[usize]) -> Result<(), Error> {
        let records: Vec<Vec<u8>> = sizes
            .iter()
            .map(|size| {
                self.made += 1;
                self.made.to_le_bytes().into_iter().chain(std::iter::repeat(b'x')).take(8 + size).collect()
            })
            .collect();
        let Some(log) = self.log() else { return Err(Error::Closed) };
        let next = log.view().borrow().next();
        let result = log.append(&records);
        if let Ok(numbers) = &result {
            assert_eq!(*numbers, next..next + records.len() as u64, "numbers have no gap");
        }
        for (number, record) in (next..).zip(records) {
            self.possible.entry(number).or_default().push(record.clone());
            if result.is_ok() {
                assert!(self.appended.insert(number, record).is_none(), "a number is given once");
            }
        }
        self.note();
        result.map(|_| ())
    }

    fn sync(&mut self) -> Result<(), Error> {
        let Some(log) = self.log() else { return Err(Error::Closed) };
        let result = log.sync();
        if let Ok(durable) = result {
            assert_eq!(durable, log.view().borrow().next() - 1);
        }
        self.note();
        result.map(|_| ())
    }

    fn release(&mut self, up_to: u64) {
        if let Some(log) = self.log() {
            let _ = log.release(up_to);
            let released = log.view().borrow().released();
            self.released = self.released.max(released);
        }
        self.note();
    }

    /// Takes the log at its word.
    fn note(&mut self) {
        if let Some(log) = &self.log {
            let durable = log.view().borrow().durable();
            // The number of a record that was lost before it was durable may be given again.
            let last = self.appended.range(..=durable).next_back().map_or(0, |(number, _)| *number);
            self.durable = self.durable.max(last);
            self.released_durably = self.released_durably.max(log.noted);
        }
    }

    /// Ends the process. What was written survives that.
    fn kill(&mut self) {
        self.log = None;
    }

    fn cut_power(&mut self, seed: u64) {
        self.disk.restart(seed);
        self.kill();
    }

    /// What the open log has must be what was appended to it.
    fn check_open(&mut self) {
        let Some(log) = self.log.as_ref() else { return };
        let from = log.view().borrow().released() + 1;
        let (records, lost) = read_all(log, from);
        let expected: Records = self.appended.range(from..).map(|(n, r)| (*n, r.clone())).collect();
        // A power cut that takes a record in the midst of others, none of them durable, takes its number too.
        assert_eq!(lost, log.view().borrow().records() - expected.len() as u64);
        assert!(records == expected, "what is read is not what was appended");
    }

    /// Compares a log that was opened anew with what it owes, and goes on from there.
    fn check_reopened(&mut self) {
        let Some(log) = self.log.as_ref() else { return };
        let view = log.view().borrow().clone();
        assert!(view.released() <= self.released, "nothing is released that nobody wanted to be");
        assert!(view.released() >= self.released_durably, "a durable release holds");
        let Ok((records, lost)) = try_read_all(log, view.released() + 1) else {
            // The power went meanwhile.
            self.log = None;
            return;
        };
        assert!(view.next() > self.durable, "a durable number is not given again");
        assert!(records.windows(2).all(|pair| pair[0].0 < pair[1].0), "order holds");
        assert_eq!(records.len() as u64 + lost, view.records());
        let records: BTreeMap<u64, Vec<u8>> = records.into_iter().collect();
        for (number, record) in self.appended.range(view.released() + 1..).take_while(|(n, _)| **n <= self.durable) {
            assert!(records.get(number) == Some(record), "durable record {number} is lost");
        }
        for (number, record) in &records {
            assert!(
                self.possible.get(number).is_some_and(|possible| possible.contains(record)),
                "{number} is invented"
            );
        }
        self.appended = records;
        self.note();
        // What is released, but not durably, may come back.
        let (held, released) = (self.released_durably, view.released());
        self.possible.retain(|number, _| (held + 1..=released).contains(number));
        self.possible.extend(self.appended.iter().map(|(number, record)| (*number, vec![record.clone()])));
    }
}
