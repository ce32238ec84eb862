//! One open file: what was written, and what is on its way.

use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

/// How files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip: a member for each checkpoint and each mebibyte.
    Gzip,
    /// With Zstandard: a frame for each checkpoint and each mebibyte.
    Zstd,
}

/// So much text is compressed at once, at most.
const MEMBER: usize = 1024 * 1024;

impl Compression {
    /// `text` as one complete member or frame.
    fn compress(self, text: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(text.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), flate2::Compression::default());
                encoder.write_all(text)?;
                encoder.finish()
            }
            Self::Zstd => zstd::bulk::compress(text, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

/// Encoded events, and where each of them ends.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Piece {
    /// Adds an event.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The events from `first` up to `last`.
    fn bytes(&self, first: usize, last: usize) -> &[u8] {
        let end = |events: usize| events.checked_sub(1).map_or(0, |event| self.ends[event]);
        &self.bytes[end(first)..end(last)]
    }

    /// How far one can go from the event `first` on within `room` bytes.
    fn fitting(&self, first: usize, room: u64) -> usize {
        let start = first.checked_sub(1).map_or(0, |event| self.ends[event]);
        first + self.ends[first..].partition_point(|end| (end - start) as u64 <= room)
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Output {
    /// Its name.
    pub(crate) path: PathBuf,
    file: File,
    compression: Compression,
    /// How long it is; what stands behind, after a write that failed halfway, is not part of it.
    pub(crate) length: u64,
    /// What is to be compressed.
    text: Vec<u8>,
    /// What is compressed and could not be written.
    sealed: Vec<u8>,
    /// Whether something was written since it was last made durable.
    dirty: bool,
    /// When it was last written to.
    pub(crate) used: Instant,
}

impl Output {
    pub(crate) fn new(path: PathBuf, file: File, compression: Compression) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let (text, sealed) = (Vec::new(), Vec::new());
        Ok(Self { path, file, compression, length, text, sealed, dirty: false, used: Instant::now() })
    }

    /// The file's metadata, whatever has its name now.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Writes the events of `piece` from `first` on, as many as fit into a file of `max_size`; into an empty file one
    /// in any case. Returns up to where it has come.
    ///
    /// # Errors
    /// The file can't be written. Nothing of the piece is in it then.
    pub(crate) fn write(&mut self, piece: &Piece, first: usize, max_size: u64) -> io::Result<usize> {
        self.drain()?;
        self.used = Instant::now();
        let room = max_size.saturating_sub(self.length);
        if self.compression != Compression::None {
            // How large it becomes is known when it is compressed.
            if room == 0 {
                return Ok(first);
            }
            self.text.extend_from_slice(piece.bytes(first, piece.len()));
            if self.text.len() >= MEMBER {
                self.seal()?;
                // It is taken: if it can't be written now, then before anything else is taken.
                let _ = self.drain();
            }
            return Ok(piece.len());
        }
        let mut last = piece.fitting(first, room);
        if last == first && self.length == 0 {
            last += 1;
        }
        self.append(piece.bytes(first, last))?;
        Ok(last)
    }

    /// Writes all that was taken.
    ///
    /// # Errors
    /// It can't be written; it is still there to be tried again.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.seal()?;
        self.drain()
    }

    /// Makes all that was taken durable.
    ///
    /// # Errors
    /// It can't be; what was written since the last time may be lost.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.dirty {
            self.file.sync_data()?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Ends the member that is open.
    fn seal(&mut self) -> io::Result<()> {
        if !self.text.is_empty() {
            self.sealed = self.compression.compress(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    /// Writes what is compressed.
    fn drain(&mut self) -> io::Result<()> {
        if !self.sealed.is_empty() {
            let sealed = std::mem::take(&mut self.sealed);
            if let Err(error) = self.append(&sealed) {
                self.sealed = sealed;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes `bytes` as a whole, or leaves the file as it is.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all_at(bytes, self.length) {
            // If half of it can't be taken away, it is written over the next time.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        self.dirty |= !bytes.is_empty();
        Ok(())
    }
}

/// The name of the file that follows as the `number`th: `app.log`, `app.1.log`; before `.gz` and `.zst` too.
pub(crate) fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let (stem, extension) = split(path);
    path.with_file_name(format!("{stem}.{number}{extension}"))
}

/// Which number the file `name` has in the series of `path`, if it is in it.
pub(crate) fn number_of(path: &Path, name: &str) -> Option<u32> {
    let (stem, extension) = split(path);
    match name.strip_prefix(&*stem)?.strip_suffix(&*extension)? {
        "" => Some(0),
        number => number.strip_prefix('.')?.parse().ok().filter(|&number| number > 0),
    }
}

/// A file's name before the extension, and the extension with its dots.
fn split(path: &Path) -> (String, String) {
    // Templates are UTF-8.
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    let stem = plain.rfind('.').filter(|&dot| dot > 0).unwrap_or(plain.len());
    (name[..stem].to_owned(), name[stem..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_before_the_extension() {
        for (name, second) in [
            ("logs/app.log", "logs/app.2.log"),
            ("app.log.gz", "app.2.log.gz"),
            ("web.example.org.log.zst", "web.example.org.2.log.zst"),
            ("app", "app.2"),
            ("app.gz", "app.2.gz"),
            (".hidden", ".hidden.2"),
        ] {
            let path = Path::new(name);
            assert_eq!(numbered(path, 2), Path::new(second));
            assert_eq!(numbered(path, 0), path);
            for number in [0, 1, 17] {
                let numbered = numbered(path, number);
                assert_eq!(number_of(path, numbered.file_name().unwrap().to_str().unwrap()), Some(number));
            }
        }
        for other in ["app.x.log", "app.log.gz", "other.log", "app.0.log", "app..log", "app.log.1", "app.-1.log"] {
            assert_eq!(number_of(Path::new("app.log"), other), None, "{other}");
        }
    }

    #[test]
    fn pieces_are_cut_between_events() {
        let mut piece = Piece::default();
        for event in ["one\n", "a\nb\n", "three\n"] {
            piece.push(|out| out.extend_from_slice(event.as_bytes()));
        }
        assert_eq!(piece.bytes(0, 3), b"one\na\nb\nthree\n");
        assert_eq!(piece.bytes(1, 2), b"a\nb\n");
        assert_eq!((piece.fitting(0, 3), piece.fitting(0, 7), piece.fitting(0, 8)), (0, 1, 2));
        assert_eq!((piece.fitting(1, 3), piece.fitting(1, 100), piece.fitting(3, 100)), (1, 3, 3));
    }
}
