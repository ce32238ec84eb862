//! Buffers that are read into and then travel as the bytes of a block.
//!
//! A buffer goes back to where it came from when the last batch that points into it is gone, so that reading at full
//! speed neither asks for memory nor clears it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;

/// How many bytes are read at once, at most.
pub(crate) const CHUNK: usize = 512 * 1024;

/// How many buffers wait to be used again; those that come back beyond them are freed.
const KEPT: usize = 8;

/// Gives out buffers.
#[derive(Debug)]
pub(crate) struct Buffers {
    chunk: usize,
    home: SyncSender<Vec<u8>>,
    free: Receiver<Vec<u8>>,
}

impl Buffers {
    /// Buffers of `chunk` bytes.
    pub(crate) fn new(chunk: usize) -> Self {
        let (home, free) = sync_channel(KEPT);
        Self { chunk, home, free }
    }

    /// A buffer that begins with `rest` and has room for more: for as much again where `rest` is long, so that a line
    /// of any length is copied a few times only.
    pub(crate) fn get(&self, rest: &[u8]) -> Buffer {
        let mut bytes = if rest.len() <= self.chunk / 2 {
            self.free.try_recv().unwrap_or_else(|_| vec![0; self.chunk])
        } else {
            vec![0; self.chunk + 2 * rest.len()]
        };
        bytes[..rest.len()].copy_from_slice(rest);
        Buffer { bytes, filled: rest.len(), chunk: self.chunk, home: self.home.clone() }
    }
}

/// Bytes that were read, and room for more.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    chunk: usize,
    home: SyncSender<Vec<u8>>,
}

impl Buffer {
    /// Where to read to.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Takes note that `read` bytes of the room are filled.
    pub(crate) fn fill(&mut self, read: usize) {
        self.filled += read;
    }

    /// The first `length` of its bytes, as a block has them. A few bytes are copied, so that they don't hold a large
    /// buffer for as long as they travel.
    pub(crate) fn into_bytes(mut self, length: usize) -> Bytes {
        self.filled = length.min(self.filled);
        if self.filled < self.bytes.len() / 2 { Bytes::copy_from_slice(self.as_ref()) } else { Bytes::from_owner(self) }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == self.chunk {
            // There may be enough of them at home, or nobody any more.
            let _ = self.home.try_send(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn come_back_when_nobody_points_into_them() {
        let buffers = Buffers::new(8);
        let mut buffer = buffers.get(b"ab");
        buffer.room().copy_from_slice(b"cdefgh");
        buffer.fill(6);
        let bytes = buffer.into_bytes(7);
        assert_eq!(&bytes[..], b"abcdefg");
        assert!(buffers.free.try_recv().is_err(), "still in use");
        drop(bytes);
        assert_eq!(buffers.free.try_recv().unwrap(), b"abcdefgh");
    }

    #[test]
    fn few_bytes_hold_no_large_buffer() {
        let buffers = Buffers::new(8);
        let bytes = buffers.get(b"ab").into_bytes(2);
        assert_eq!(buffers.free.try_recv().unwrap().len(), 8);
        assert_eq!(&bytes[..], b"ab");
    }

    #[test]
    fn grow_with_what_is_left_over() {
        let buffers = Buffers::new(8);
        assert_eq!(buffers.get(&[1; 100]).room().len(), 108);
        assert!(buffers.free.try_recv().is_err(), "buffers of another size are not kept");
    }
}
