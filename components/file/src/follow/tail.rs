//! One file that is followed: what was read of it, and what it has become since.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use logd_sdk::settings::ByteSize;
use logd_sdk::{Batch, Block, Clock, Context, Partition, Time};
use metrics::Counter;
use tokio::time::Instant;

use super::identity::{FileId, Place};
use super::input::Input;
use crate::buffer::Buffers;
use crate::lines::{Ending, Lines, Splitter, Taken};
use crate::multiline::Multiline;

/// A file at whose end nothing has come is looked at again after this long, …
const SHORTEST_DELAY: Duration = Duration::from_millis(2);
/// … then after twice as long, up to this long.
const LONGEST_DELAY: Duration = Duration::from_millis(250);

/// What is needed for reading, whatever the file.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Tells the time of events: when they were read.
    pub(crate) clock: Clock,
    /// What is read into.
    pub(crate) buffers: Buffers,
    /// How bytes become events.
    pub(crate) splitter: Arc<Splitter>,
    /// How many bytes of a file are hashed.
    pub(crate) fingerprint: usize,
    /// Counts the lines that are discarded because they are too long.
    pub(crate) too_long: Counter,
}

impl Tools {
    /// Those of a source that reads `chunk` bytes at once, and hashes `fingerprint` of them to know a file again.
    ///
    /// # Errors
    /// The pattern of `multiline` does not compile.
    pub(crate) fn new(
        context: &Context,
        chunk: usize,
        fingerprint: usize,
        max_line_size: ByteSize,
        multiline: Option<&Multiline>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            clock: context.clock.clone(),
            buffers: Buffers::new(chunk),
            splitter: Splitter::new(max_line_size, multiline).context("`multiline.start_pattern`")?,
            fingerprint,
            too_long: context.meters.counter("logd_file_too_long_lines_total", &[]),
        })
    }

    /// Counts lines of `input` that were too long.
    pub(crate) fn count(&self, too_long: u64, input: impl fmt::Display) {
        if too_long > 0 {
            self.too_long.increment(too_long);
            tracing::warn!(%input, lines = too_long, "Lines longer than `max_line_size` were discarded.");
        }
    }
}

/// What a look at a file has brought.
#[derive(Debug)]
pub(crate) enum Look {
    /// It was read on, and these events came of it, if any.
    Read(Option<Batch>),
    /// There is nothing more for now.
    Nothing,
    /// It was emptied and written anew since.
    Replaced,
}

/// A file that is followed.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Its identity and names; the offset in it is old, for `lines` knows it.
    place: Place,
    /// How far its bytes have become events.
    lines: Lines,
    /// How its bytes are read.
    input: Input,
    /// The stream that its events are.
    partition: Arc<Partition>,
    /// Kept open, so that nobody else gets its inode, and its end can be read when its name is gone.
    file: Option<Arc<File>>,
    /// Whether it has left the name by which it was found: what it has now is all that is awaited.
    pub(crate) moved: bool,
    /// Whether none of its names is looked for any more.
    pub(crate) gone: bool,
    /// Whether the end of its partition has been told.
    pub(crate) ended: bool,
    /// When something was last read.
    heard: Instant,
    /// When to look at it again.
    pub(crate) due: Instant,
    /// How long to look away when nothing has come.
    delay: Duration,
}

impl Tail {
    /// Follows a file from a place on.
    pub(crate) fn new(context: &Context, place: Place, file: Option<Arc<File>>, now: Instant) -> Self {
        Self {
            partition: context.partition(&place.partition()),
            lines: Lines::new(place.offset, place.skipping),
            input: Input::new(place.gzip),
            place,
            file,
            moved: false,
            gone: false,
            ended: false,
            heard: now,
            due: now,
            delay: SHORTEST_DELAY,
        }
    }

    /// Follows the same file after it was written anew.
    pub(crate) fn anew(&self, context: &Context, now: Instant) -> Self {
        let Self { file, moved, gone, .. } = self;
        Self { moved: *moved, gone: *gone, ..Self::new(context, self.place.anew(), file.clone(), now) }
    }

    /// Which file it is.
    pub(crate) fn id(&self) -> FileId {
        self.place.id
    }

    /// Where it was last seen.
    pub(crate) fn path(&self) -> &Path {
        self.place.path.as_ref()
    }

    /// Takes note of another name.
    pub(crate) fn rename(&mut self, path: OsString) {
        self.place.path = path;
    }

    /// How far it has been read.
    pub(crate) fn place(&self) -> Place {
        Place { offset: self.lines.offset, skipping: self.lines.skipping, ..self.place.clone() }
    }

    /// Says that there is this file.
    pub(crate) fn announcement(&self) -> Batch {
        Batch::notice(Block::new(Bytes::new(), Arc::clone(&self.partition)))
    }

    /// Says that nothing more is awaited of it.
    pub(crate) fn end(&mut self) -> Batch {
        self.ended = true;
        let block = Block::new(Bytes::new(), Arc::clone(&self.partition));
        Batch::notice(block.reaching(Time::MAX))
    }

    /// Goes to the end: what there is now is not wanted, nor is the rest of a line that is being written.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn skip_to_end(&mut self) -> io::Result<()> {
        let file = self.open()?;
        if self.place.gzip {
            // How much it holds is only known when it has been decompressed.
            let mut decoder = flate2::read::MultiGzDecoder::new(&*file);
            self.lines.offset = io::copy(&mut decoder, &mut io::sink())?;
            return Ok(());
        }
        self.lines.offset = file.metadata()?.len();
        let mut last = *b"\n";
        if let Some(before) = self.lines.offset.checked_sub(1) {
            file.read_exact_at(&mut last, before)?;
        }
        self.lines.skipping = last != *b"\n";
        Ok(())
    }

    /// Reads on, one buffer at the most.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn read(&mut self, tools: &Tools, now: Instant) -> io::Result<Look> {
        let file = self.open()?;
        let size = file.metadata()?.len();
        if self.input.is_cut(size, self.lines.end()) || !self.place.fingerprint.matches(&file)? {
            return Ok(Look::Replaced);
        }
        self.place.fingerprint.extend(&file, size, tools.fingerprint)?;
        let mut buffer = tools.buffers.get(self.lines.rest());
        let read = self.input.read(&file, size, self.lines.end(), buffer.room())?;
        if read == 0 {
            return Ok(Look::Nothing);
        }
        buffer.fill(read);
        (self.heard, self.due, self.delay, self.ended) = (now, now, SHORTEST_DELAY, false);
        let taken = self.lines.take(&tools.splitter, buffer, tools.clock.now(), Ending::Open);
        Ok(Look::Read(self.batch(taken, tools)))
    }

    /// Makes events of what was read and waits for more.
    pub(crate) fn flush(&mut self, tools: &Tools, ending: Ending) -> Option<Batch> {
        if self.lines.rest().is_empty() {
            return None;
        }
        let buffer = tools.buffers.get(self.lines.rest());
        let taken = self.lines.take(&tools.splitter, buffer, tools.clock.now(), ending);
        self.batch(taken, tools)
    }

    /// The last events, and the end.
    pub(crate) fn finish(&mut self, tools: &Tools) -> Batch {
        let mut last = self.flush(tools, Ending::Final).unwrap_or_else(|| self.announcement());
        for block in last.blocks_mut() {
            block.greatest = Time::MAX;
        }
        self.ended = true;
        last
    }

    /// How long nothing has come.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }

    /// Looks away for a while, that doubles each time.
    pub(crate) fn rest(&mut self, now: Instant) {
        self.due = now + self.delay;
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
    }

    /// What was taken, as a batch; none if it has no event.
    fn batch(&self, taken: Taken, tools: &Tools) -> Option<Batch> {
        tools.count(taken.too_long, self.path().display());
        let (bytes, rows) = taken.events?;
        let mut batch = Batch::new(Block::new(bytes, Arc::clone(&self.partition)), rows);
        batch.note_times();
        Some(batch)
    }

    /// The file; opened by its name, if that is still its own, when it is first read.
    fn open(&mut self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(&self.place.path)?);
        if FileId::of(&file.metadata()?) != self.place.id {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(Arc::clone(self.file.insert(file)))
    }
}
