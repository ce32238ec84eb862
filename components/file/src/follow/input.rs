//! How the bytes of a file are read: as they are, or through decompression.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

/// Reads a file on from where it stands.
#[derive(Debug)]
pub(crate) enum Input {
    /// As it is.
    Plain,
    /// Through gzip.
    Gzip(Gzip),
}

/// A decoder can neither go back nor go on behind its end, so it begins anew when the file has grown.
#[derive(Default)]
pub(crate) struct Gzip {
    /// It stands behind the bytes that were last read.
    decoder: Option<Box<MultiGzDecoder<Cursor>>>,
    /// How large the file was at the last read: if the decoder has come to its end, there is nothing more until that
    /// changes.
    size: u64,
    /// What went wrong behind the bytes of the last read.
    error: Option<io::Error>,
}

impl Input {
    /// An input that stands nowhere yet.
    pub(crate) fn new(gzip: bool) -> Self {
        if gzip { Self::Gzip(Gzip::default()) } else { Self::Plain }
    }

    /// Whether a file that now has `size` bytes has become shorter than it was when it was read up to `end`.
    pub(crate) fn is_cut(&self, size: u64, end: u64) -> bool {
        match self {
            Self::Plain => size < end,
            Self::Gzip(gzip) => size < gzip.size,
        }
    }

    /// Reads what comes behind `end` in a file of `size` bytes. Returns how much of `room` it fills; 0 where there is
    /// nothing more for now.
    ///
    /// # Errors
    /// Those of the file. What is wrong with compressed data is said behind all that is right, and only once for a
    /// size of the file.
    pub(crate) fn read(&mut self, file: &Arc<File>, size: u64, end: u64, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain if size == end => Ok(0),
            Self::Plain => file.read_at(room, end),
            Self::Gzip(gzip) => gzip.read(file, size, end, room),
        }
    }
}

impl Gzip {
    fn read(&mut self, file: &Arc<File>, size: u64, end: u64, room: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.decoder.is_none() && self.size == size {
            return Ok(0);
        }
        self.size = size;
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => Self::open(file, end)?,
        };
        let mut filled = 0;
        while filled < room.len() {
            match decoder.read(&mut room[filled..]) {
                Ok(0) => return Ok(filled),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if filled == 0 => return Err(error),
                Err(error) => {
                    self.error = Some(error);
                    return Ok(filled);
                }
            }
        }
        self.decoder = Some(decoder);
        Ok(filled)
    }

    /// A decoder that stands behind the first `end` bytes that it gives.
    fn open(file: &Arc<File>, end: u64) -> io::Result<Box<MultiGzDecoder<Cursor>>> {
        let mut decoder = Box::new(MultiGzDecoder::new(Cursor { file: Arc::clone(file), offset: 0 }));
        if io::copy(&mut decoder.by_ref().take(end), &mut io::sink())? < end {
            return Err(io::Error::new(ErrorKind::InvalidData, "it holds less than what was read of it before"));
        }
        Ok(decoder)
    }
}

impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A place in a file that others read too, at places of their own.
struct Cursor {
    file: Arc<File>,
    offset: u64,
}

impl Read for Cursor {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(room, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
