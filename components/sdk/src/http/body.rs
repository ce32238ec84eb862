//! Reads a request's body into one piece of memory, within all limits.
//!
//! A body that is too large is refused as soon as that is known. One for which there is no memory at this moment is
//! read to its end all the same, without being kept: so a bomb is told 413 even among others, the rest 503, and the
//! connection can be used again.

use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::budget::{Budget, Share};
use super::coding::{Coding, Decoder};
use super::{Limits, Refusal};

/// Bytes unpacked in one step.
const STEP: usize = 32 * 1024;

/// Above this many bytes a body gets its room in one piece.
const LARGE: usize = 1 << 20;

/// The least size of that piece. glibc gets what is larger than 32 MiB from the system and gives it back when freed;
/// what is smaller it may keep in its own heaps.
const ROOM: usize = 33 << 20;

/// The body of a refused request is still read if it is known to be smaller than this: then the connection lives on.
/// Reading costs less than a new connection.
const WORTH_READING: u64 = 64 * 1024;

/// A body on its way in.
pub(super) struct Intake {
    body: Incoming,
    finished: bool,
    received: usize,
}

impl Intake {
    pub(super) fn new(body: Incoming) -> Self {
        Self { finished: body.is_end_stream(), body, received: 0 }
    }

    /// Whether the whole body was read; if not, the connection can't go on.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Reads the whole body, and undoes its coding. The share covers it for as long as it is kept.
    ///
    /// # Errors
    /// 400, 408, 413, 503, as the module says.
    pub(super) async fn read(
        &mut self,
        coding: Coding,
        limits: &Limits,
        budget: &Arc<Budget>,
    ) -> Result<(Bytes, Share), Refusal> {
        if self.body.size_hint().lower() > limits.max_body as u64 {
            return Err(Refusal::too_large(limits.max_body));
        }
        let store = match Decoder::new(coding)?.filter(|_| !self.finished) {
            None => self.collect(limits, budget).await?,
            Some(decoder) => self.decode(decoder, limits, budget).await?,
        };
        store.into_bytes().ok_or_else(|| no_room(limits))
    }

    /// Reads a refused request's body if it is small, and drops it. Not if the client asked first whether to send it
    /// (`Expect`, RFC 9110 section 10.1.1): the refusal is the answer to that.
    pub(super) async fn drain(&mut self, expected: bool) {
        let small = self.body.size_hint().upper().is_some_and(|upper| upper <= WORTH_READING);
        while small && !expected && !self.finished && self.next(usize::MAX).await.is_ok() {}
    }

    /// The next piece, or none at the end. Too slow a client is found by the connection, whose read then fails.
    async fn next(&mut self, limit: usize) -> Result<Option<Bytes>, Refusal> {
        while !self.finished {
            let Some(frame) = self.body.frame().await else {
                self.finished = true;
                break;
            };
            let frame = frame.map_err(|error| broken(&error))?;
            self.finished = self.body.is_end_stream();
            // What is no data is trailers, which nobody here reads.
            if let Ok(data) = frame.into_data() {
                self.received = self.received.saturating_add(data.len());
                return if self.received > limit { Err(Refusal::too_large(limit)) } else { Ok(Some(data)) };
            }
        }
        Ok(None)
    }

    /// Joins the pieces of a body that is not packed.
    async fn collect(&mut self, limits: &Limits, budget: &Arc<Budget>) -> Result<Store, Refusal> {
        let mut store = Store::new(budget, limits.max_body);
        store.announced = self.body.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        while let Some(data) = self.next(limits.max_body).await? {
            store.push(data)?;
        }
        Ok(store)
    }

    /// Unpacks each piece that was read in one go, though other tasks wait some milliseconds for a bomb: taking turns
    /// would hold the memory of all bombs at once, so only as many as there are threads.
    async fn decode(&mut self, mut decoder: Decoder, limits: &Limits, budget: &Arc<Budget>) -> Result<Store, Refusal> {
        let mut store = Store::new(budget, limits.max_decoded);
        let mut working_memory = Share::for_decoder(budget);
        let mut output = vec![0; STEP];
        while let Some(data) = self.next(limits.max_body).await? {
            let mut input = &data[..];
            loop {
                let step = decoder.step(input, &mut output)?;
                if !working_memory.cover(STEP + decoder.memory()) {
                    return Err(no_room(limits));
                }
                input = &input[step.consumed..];
                store.extend(&output[..step.produced])?;
                // A full output may have more behind it, except at a certain end.
                if input.is_empty() && (step.produced < STEP || decoder.is_complete()) {
                    break;
                }
                if step.consumed + step.produced == 0 {
                    return Err(decoder.truncated());
                }
            }
        }
        if decoder.is_complete() { Ok(store) } else { Err(decoder.truncated()) }
    }
}

fn no_room(limits: &Limits) -> Refusal {
    Refusal::busy("The server has no memory for the body at this moment.", limits.retry_after)
}

/// Tells a body that came too slowly from one that is malformed or broken off.
fn broken(error: &hyper::Error) -> Refusal {
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(error) if error.kind() == io::ErrorKind::TimedOut => Refusal::timeout(),
        Some(error) => Refusal::bad_request(format!("The body can't be read: {error}.")),
        None => Refusal::bad_request("The body can't be read."),
    }
}

/// The bytes kept of one body, never more than its limit or than its share of the budget.
struct Store {
    kept: Kept,
    length: usize,
    limit: usize,
    share: Share,
    /// What the client says that it will send; 0 if it says nothing.
    announced: usize,
}

/// Room is made for up to so many times what a client has sent, if it has announced as much. A small body is not copied
/// on and on then, and a client that keeps nothing of its word takes little memory from the others.
const TRUST: usize = 8;

enum Kept {
    /// One piece, as it came: no copy is made of a body that came whole.
    Whole(Bytes),
    Joined(Vec<u8>),
    /// There was no room. The bytes are only counted from then on.
    Counted,
}

impl Store {
    fn new(budget: &Arc<Budget>, limit: usize) -> Self {
        Self { kept: Kept::Whole(Bytes::new()), length: 0, limit, share: Share::for_body(budget), announced: 0 }
    }

    /// Adds a piece that is owned. One that is all of the body is kept as it is; of others nothing is held on to, so that
    /// the connection reads the next one into the same memory, which the processor's cache still has.
    fn push(&mut self, data: Bytes) -> Result<(), Refusal> {
        if self.length > 0 || self.announced > data.len() {
            return self.extend(&data);
        }
        self.count(data.len())?;
        if self.share.cover(data.len()) {
            self.kept = Kept::Whole(data);
        } else {
            self.give_up();
        }
        Ok(())
    }

    /// Adds a piece by copying it.
    fn extend(&mut self, data: &[u8]) -> Result<(), Refusal> {
        self.count(data.len())?;
        if let Kept::Whole(first) = &self.kept {
            let first = first.clone();
            self.kept = Kept::Joined(Vec::new());
            self.grow();
            self.append(&first);
        }
        self.grow();
        self.append(data);
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.length = self.length.saturating_add(bytes);
        if self.length > self.limit { Err(Refusal::too_large(self.limit)) } else { Ok(()) }
    }

    fn append(&mut self, data: &[u8]) {
        if let Kept::Joined(bytes) = &mut self.kept {
            bytes.extend_from_slice(data);
        }
    }

    /// Makes room for all that is counted. A small body's room doubles as it grows, and is paid for whole. A large one
    /// gets the room for the largest at once: the system lends a page of it only when the page is written, so what is
    /// paid for is the bytes, and nothing is copied on and on, with two copies in memory each time.
    fn grow(&mut self) {
        let Kept::Joined(bytes) = &mut self.kept else { return };
        let capacity = match self.length {
            length if length <= bytes.capacity() => bytes.capacity(),
            length if length <= LARGE => {
                let announced = self.announced.min(TRUST * length).min(LARGE);
                (2 * bytes.capacity()).max(length).max(announced).min(self.limit)
            }
            _ => self.limit.max(ROOM),
        };
        let cost = if capacity <= LARGE { capacity } else { self.length.next_multiple_of(LARGE / 16) };
        if !self.share.cover(cost) || bytes.try_reserve_exact(capacity - bytes.len()).is_err() {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.kept = Kept::Counted;
        self.share.release();
    }

    fn into_bytes(self) -> Option<(Bytes, Share)> {
        match self.kept {
            Kept::Whole(bytes) => Some((bytes, self.share)),
            Kept::Joined(bytes) => Some((bytes.into(), self.share)),
            Kept::Counted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_one_piece_is_not_copied() {
        let mut store = Store::new(&Budget::new(10), 10);
        let piece = Bytes::from(vec![7; 10]);
        store.push(piece.clone()).unwrap();
        let (bytes, _share) = store.into_bytes().unwrap();
        assert_eq!(bytes.as_ptr(), piece.as_ptr());
    }

    #[test]
    fn pieces_are_joined_in_order() {
        let mut store = Store::new(&Budget::new(1000), 1000);
        for piece in [&b"one "[..], b"", b"two ", b"three"] {
            store.push(Bytes::from_static(piece)).unwrap();
        }
        assert_eq!(store.into_bytes().unwrap().0, "one two three");
    }

    #[test]
    fn without_room_bytes_are_counted_and_the_limit_still_holds() {
        let budget = Budget::new(10);
        let mut store = Store::new(&budget, 30);
        store.push(Bytes::from_static(b"12345678")).unwrap();
        assert_eq!(budget.used(), 8);
        store.push(Bytes::from_static(b"12345678")).unwrap();
        assert_eq!(budget.used(), 0, "what is not kept costs nothing");
        store.push(Bytes::from_static(b"12345678")).unwrap();
        assert_eq!(store.push(Bytes::from_static(b"12345678")), Err(Refusal::too_large(30)));
        assert!(store.into_bytes().is_none());
    }
}
