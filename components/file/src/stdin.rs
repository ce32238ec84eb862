//! The `stdin` source: the lines of standard input, to its end.
//!
//! A file at standard input (`logd run --once < access.log`) is read as the `file` source reads, and so a run that was
//! interrupted can be resumed. A pipe can't be read twice.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek as _, stdin};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use logd_sdk::component::{Makes, Settings, SourceSettings};
use logd_sdk::settings::ByteSize;
use logd_sdk::source::{Next, Source};
use logd_sdk::{Batch, Block, Check, Context, Partition, Time, event};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout_at};
use vrl::path::OwnedValuePath;

use crate::buffer::{Buffers, CHUNK};
use crate::follow::{Finder, Follow, Place, Reader, Rules, Tools};
use crate::lines::{Ending, Lines, Splitter};
use crate::multiline::{self, Multiline, default_max_line_size};

/// Reads the lines of standard input, to its end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StdinSettings {
    /// A longer line is discarded and counted.
    #[serde(default = "default_max_line_size")]
    max_line_size: ByteSize,
    /// Joins lines to events.
    #[serde(default)]
    multiline: Option<Multiline>,
}

impl Settings for StdinSettings {
    const NAME: &'static str = "stdin";
    const SUMMARY: &'static str = "Reads standard input, to its end";
    const EXAMPLE: &'static str = r#"
max_line_size = "100 KiB"
multiline = { start_pattern = '^\[\d{4}-', timeout = "1s" }
"#;

    fn check(&self, check: &mut Check<'_>) {
        multiline::check(check.report, self.max_line_size, self.multiline.as_ref());
    }

    fn makes(&self, _: &str) -> Makes {
        Makes::Fields(vec![OwnedValuePath::single_field(event::MESSAGE)])
    }
}

impl SourceSettings for StdinSettings {
    type Source = StdinSource;

    fn ends(&self) -> bool {
        true
    }

    async fn build(&self, context: &Context) -> anyhow::Result<StdinSource> {
        let file = File::from(stdin().as_fd().try_clone_to_owned().context("standard input is closed")?);
        if file.metadata()?.is_file() { self.read_file(context, file) } else { self.read_pipe(context, stdin()) }
    }
}

impl StdinSettings {
    /// How lines become events.
    pub(crate) fn lines(&self) -> (ByteSize, Option<Multiline>) {
        (self.max_line_size, self.multiline.clone())
    }

    /// What either way of reading needs.
    fn tools(&self, context: &Context) -> anyhow::Result<Tools> {
        Ok(Tools {
            clock: context.clock.clone(),
            buffers: Buffers::new(CHUNK),
            splitter: Splitter::new(self.max_line_size, self.multiline.as_ref())
                .context("`multiline.start_pattern`")?,
            fingerprint: FINGERPRINT,
            too_long: context.meters.counter("logd_file_too_long_lines_total", &[]),
        })
    }

    /// Reads a file from where it stands, as whoever opened it wants it.
    fn read_file(&self, context: &Context, mut file: File) -> anyhow::Result<StdinSource> {
        let offset = file.stream_position()?;
        let place = Place::new(&file.metadata()?, "standard input".into(), false, offset);
        let forever = std::time::Duration::MAX;
        let rules = Rules { once: true, from_end: false, glob_interval: forever, rotate_wait: forever };
        let finder = Finder::Open(Some((place, file)));
        Ok(StdinSource::File(Follow::new(Reader::new(context.clone(), rules, self.tools(context)?, finder))))
    }

    /// Reads what can be read only once.
    fn read_pipe(&self, context: &Context, input: impl Read + Send + 'static) -> anyhow::Result<StdinSource> {
        let (sender, pieces) = channel(PIECES);
        Ok(StdinSource::Pipe(Box::new(Pipe {
            tools: self.tools(context)?,
            // Offsets begin at 0 in every run, so its start is part of the name.
            partition: context.partition(&format!("run-{}", context.clock.now().as_micros())),
            lines: Lines::default(),
            unread: Some((Box::new(input), sender)),
            pieces,
            quiet: None,
            ended: false,
        })))
    }
}

/// How many bytes of a file are hashed to know it again.
const FINGERPRINT: usize = 256;

/// A pipe gives no more at once, on Linux.
const PIECE_SIZE: usize = 64 * 1024;
/// So many pieces are read before they are asked for.
const PIECES: usize = 2;

/// A running `stdin` source.
pub(crate) enum StdinSource {
    /// Standard input is a file.
    File(Follow),
    /// It is something else.
    Pipe(Box<Pipe>),
}

impl Source for StdinSource {
    async fn next(&mut self) -> anyhow::Result<Next> {
        match self {
            Self::File(follow) => follow.next().await,
            Self::Pipe(pipe) => pipe.next().await,
        }
    }

    fn position(&self) -> Option<Vec<u8>> {
        match self {
            Self::File(follow) => follow.position(),
            Self::Pipe(_) => None,
        }
    }

    fn seek(&mut self, position: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::File(follow) => follow.seek(position),
            Self::Pipe(_) => {
                tracing::warn!("Standard input was a file in the run before, and now is none; it is read as it comes.");
                Ok(())
            }
        }
    }
}

/// What was read at once.
type Piece = io::Result<Vec<u8>>;

/// A stream that is read once, by a thread of its own: nothing else can wait for a pipe without blocking a task, nor end
/// with the process while it waits.
pub(crate) struct Pipe {
    tools: Tools,
    partition: Arc<Partition>,
    /// How far its bytes have become events.
    lines: Lines,
    /// The stream, until the thread has it.
    unread: Option<(Box<dyn Read + Send>, Sender<Piece>)>,
    /// What the thread has read.
    pieces: Receiver<Piece>,
    /// When an event of several lines is complete, if nothing follows.
    quiet: Option<Instant>,
    ended: bool,
}

impl Pipe {
    /// See [`Source::next`]. Receiving can be cancelled, and nothing else is awaited.
    async fn next(&mut self) -> anyhow::Result<Next> {
        if let Some((input, pieces)) = self.unread.take() {
            std::thread::Builder::new().name("logd-stdin".to_owned()).spawn(move || pump(input, &pieces))?;
            return Ok(Next::Batch(Batch::notice(self.block(Bytes::new()))));
        }
        while !self.ended {
            let batch = match self.piece().await {
                Some(piece) => {
                    let timeout = self.tools.splitter.timeout();
                    self.quiet = Instant::now().checked_add(timeout);
                    self.take(&piece?, Ending::Open)
                }
                None if self.quiet.is_some_and(|quiet| quiet <= Instant::now()) => {
                    self.quiet = None;
                    self.take(&[], Ending::Quiet)
                }
                None => {
                    self.ended = true;
                    let last = self.take(&[], Ending::Final);
                    let mut last = last.unwrap_or_else(|| Batch::notice(self.block(Bytes::new())));
                    last.blocks_mut().iter_mut().for_each(|block| block.greatest = Time::MAX);
                    Some(last)
                }
            };
            if let Some(batch) = batch {
                return Ok(Next::Batch(batch));
            }
        }
        Ok(Next::End)
    }

    /// What comes next; none at the end, and when it has been quiet for long enough.
    async fn piece(&mut self) -> Option<Piece> {
        match self.quiet {
            Some(quiet) => timeout_at(quiet, self.pieces.recv()).await.ok().flatten(),
            None => self.pieces.recv().await,
        }
    }

    /// Makes events of what was read.
    fn take(&mut self, piece: &[u8], ending: Ending) -> Option<Batch> {
        let mut buffer = self.tools.buffers.get(self.lines.rest());
        buffer.room()[..piece.len()].copy_from_slice(piece);
        buffer.fill(piece.len());
        let taken = self.lines.take(&self.tools.splitter, buffer, self.tools.clock.now(), ending);
        self.tools.count(taken.too_long, "standard input");
        let (bytes, rows) = taken.events?;
        let mut batch = Batch::new(self.block(bytes), rows);
        batch.note_times();
        Some(batch)
    }

    fn block(&self, bytes: Bytes) -> Block {
        Block::new(bytes, Arc::clone(&self.partition))
    }
}

/// Reads to the end, or until nobody listens.
fn pump(mut input: impl Read, pieces: &Sender<Piece>) {
    let mut room = vec![0; PIECE_SIZE];
    loop {
        let piece = match input.read(&mut room) {
            Ok(0) => return,
            Ok(read) => Ok(room[..read].to_vec()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = piece.is_err();
        if pieces.blocking_send(piece).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::testing::{context, drain, next, reads_its_example, said, silent};

    fn settings(text: &str) -> StdinSettings {
        toml::from_str(text).unwrap()
    }

    /// A source that reads a pipe, and the pipe's other end.
    fn piped(text: &str) -> (StdinSource, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (settings(text).read_pipe(&context("unused".as_ref(), true), reader).unwrap(), writer)
    }

    #[test]
    fn reads_its_own_example() {
        reads_its_example::<StdinSettings>();
        assert!(toml::from_str::<StdinSettings>("include = ['a']").is_err());
    }

    #[tokio::test]
    async fn reads_a_pipe_to_its_end() {
        let (mut source, mut writer) = piped("");
        assert_eq!(said(&mut source).await.0, [""; 0], "announced first");
        assert_eq!(source.position(), None);
        writer.write_all(b"one\r\ntwo\nlast").unwrap();
        let first = next(&mut source).await.unwrap();
        assert_eq!((first.len(), first.rows()[1].position), (2, 5));
        assert!(first.blocks()[0].partition.name().contains("run-"));
        drop(writer);
        assert_eq!(said(&mut source).await, (vec!["last".to_owned()], true));
        assert!(next(&mut source).await.is_none());
        assert!(source.seek(b"where a file was").is_ok(), "a pipe begins where it begins");
    }

    #[tokio::test]
    async fn a_large_pipe_passes_whole() {
        let (mut source, mut writer) = piped("");
        let lines: Vec<String> = (0..100_000).map(|line| format!("line {line}")).collect();
        let text = lines.join("\n");
        std::thread::spawn(move || writer.write_all(text.as_bytes()));
        assert_eq!(drain(&mut source).await, lines);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_of_several_lines_waits_for_its_timeout() {
        let (sender, pieces) = channel(1);
        let (mut source, _writer) = piped("multiline = { start_pattern = '^[A-Z]', timeout = '5s' }");
        said(&mut source).await;
        let StdinSource::Pipe(pipe) = &mut source else { panic!("a pipe") };
        // In paused time pieces come from here, for nothing would wait for the thread.
        pipe.pieces = pieces;
        sender.send(Ok(b"Error\n  at a\n".to_vec())).await.unwrap();
        silent(&mut source, 4).await;
        sender.send(Ok(b"  at b\n".to_vec())).await.unwrap();
        assert_eq!(said(&mut source).await.0, ["Error\n  at a\n  at b"]);
        silent(&mut source, 60).await;
        sender.send(Ok(b"Next".to_vec())).await.unwrap();
        drop(sender);
        assert_eq!(said(&mut source).await, (vec!["Next".to_owned()], true));
    }

    #[tokio::test]
    async fn a_file_is_read_from_where_it_stands_and_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let lines: Vec<String> = (0..50_000).map(|line| format!("line {line}")).collect();
        std::fs::write(&path, "not wanted\n".to_owned() + &lines.join("\n")).unwrap();
        let other = folder.path().join("other.log");
        std::fs::write(&other, "not wanted\nanother\n").unwrap();
        let open = |path: &std::path::Path, position: Option<&[u8]>| {
            let mut file = File::open(path).unwrap();
            file.seek(io::SeekFrom::Start(11)).unwrap();
            let mut source = settings("").read_file(&context(folder.path(), false), file).unwrap();
            position.into_iter().for_each(|position| source.seek(position).unwrap());
            source
        };
        let mut interrupted = open(&path, None);
        next(&mut interrupted).await.unwrap();
        let first = next(&mut interrupted).await.unwrap();
        assert_eq!(first.raw(0), b"line 0");
        let position = interrupted.position().unwrap();
        assert_eq!(drain(&mut open(&path, Some(&position))).await, lines[first.len()..]);
        assert_eq!(drain(&mut open(&other, Some(&position))).await, ["another"], "another file is another input");
    }
}
