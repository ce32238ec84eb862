//! The log of dead letters below `data_dir`.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use logd_disklog::fs::Real;
use logd_disklog::{Error, Log, Writer};
use logd_sdk::{Batch, ComponentId, Time};
use tokio::sync::OnceCell;

use super::letter::{Entry, Letter, Letters};

/// Keeps dead letters. Its clones are the same log, which is opened when there is something to keep.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    max_size: AtomicU64,
    writer: OnceCell<Writer>,
}

impl DeadLetters {
    /// For the daemon whose state is in `data_dir`; they take `max_size` bytes at most.
    pub(crate) fn new(data_dir: &Path, max_size: u64) -> Self {
        Self(Arc::new(Inner { folder: folder(data_dir), max_size: max_size.into(), writer: OnceCell::new() }))
    }

    /// They take this much at most from now on.
    ///
    /// # Errors
    /// The log is closed.
    pub(crate) async fn resize(&self, max_size: u64) -> anyhow::Result<()> {
        self.0.max_size.store(max_size, Ordering::Relaxed);
        if let Some(writer) = self.0.writer.get() {
            writer.resize(max_size).await.context("their log can't be resized")?;
        }
        Ok(())
    }

    /// Keeps these events, each for its reason. Returns how many could not be kept because the log is full.
    ///
    /// # Errors
    /// The disk does not take them: nothing may go on as if they were kept.
    pub(crate) async fn bury(
        &self,
        batch: &Batch,
        reasons: &[String],
        component: &ComponentId,
        attempts: u32,
        now: Time,
    ) -> anyhow::Result<u64> {
        let mut records = Vec::with_capacity(batch.len());
        for (row, reason) in (0_u32..).zip(reasons).take(batch.len()) {
            let letter = Letter::new(&batch.alone(row), component, reason, attempts, now)?;
            records.push(Entry::Letter(letter).encode()?);
        }
        let events = records.len() as u64;
        match self.writer().await?.append(records).await {
            Ok(_) => Ok(0),
            Err(Error::Full { .. } | Error::TooLarge { .. }) => Ok(events),
            Err(error) => Err(error).context("dead letters can't be kept"),
        }
    }

    /// Makes all that was kept durable.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(crate) async fn sync(&self) -> anyhow::Result<()> {
        if let Some(writer) = self.0.writer.get() {
            writer.sync().await.context("dead letters can't be made durable")?;
        }
        Ok(())
    }

    /// The letters that nobody has dealt with.
    ///
    /// # Errors
    /// The log can't be read.
    pub(crate) fn letters(&self) -> anyhow::Result<Letters> {
        Letters::read(&self.0.folder)
    }

    /// Takes note that somebody has dealt with these letters, and lets go of what is dealt with from the beginning on.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(crate) async fn settle(&self, numbers: &[u64]) -> anyhow::Result<()> {
        let writer = self.writer().await?;
        let last = writer.append(vec![Entry::Settled(ranges(numbers)).encode()?]).await?.start;
        writer.sync().await?;
        let left = self.letters()?;
        writer.release(left.0.keys().next().map_or(last, |first| first - 1)).await?;
        writer.sync().await?;
        Ok(())
    }

    async fn writer(&self) -> anyhow::Result<&Writer> {
        let open = || async {
            let Inner { folder, max_size, .. } = &*self.0;
            let (log, found) = Log::open(Arc::new(Real), folder, max_size.load(Ordering::Relaxed))
                .with_context(|| format!("the dead letters in {} can't be opened", folder.display()))?;
            if !found.is_clean() {
                tracing::warn!(folder = %folder.display(), torn_bytes = found.torn, broken_records = found.broken,
                    missing = ?found.missing, odd = ?found.odd, "The log of dead letters is damaged.");
            }
            anyhow::Ok(Writer::start(log)?)
        };
        self.0.writer.get_or_try_init(open).await
    }
}

/// Where the dead letters of a daemon are.
pub(super) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("dead")
}

/// Numbers, which are in order, as ranges.
fn ranges(numbers: &[u64]) -> Vec<RangeInclusive<u64>> {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some(last) if *last.end() + 1 == number => *last = *last.start()..=number,
            _ => ranges.push(number..=number),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::{Block, Partition, Row};

    use super::*;

    #[tokio::test]
    async fn keeps_letters_until_somebody_has_dealt_with_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let dead = DeadLetters::new(folder.path(), 64 << 20);
        assert!(dead.letters().expect("none").0.is_empty());
        let block = Block::new(Bytes::from_static(b"onetwo"), Partition::new("p/s", ""));
        let batch = Batch::new(block, vec![Row::line(0, 3, 0, Time::EPOCH), Row::line(3, 6, 3, Time::EPOCH)]);
        let reasons = ["broken".to_owned(), "odd".to_owned()];
        let component = ComponentId::new("p", "parsed");
        for _ in 0..2 {
            assert_eq!(dead.bury(&batch, &reasons, &component, 1, Time::EPOCH).await.expect("kept"), 0);
        }
        dead.sync().await.expect("durable");
        let letters = dead.letters().expect("read").0;
        assert_eq!(letters.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((letters[&2].reason.as_str(), letters[&2].component()), ("odd", component));
        let event = letters[&2].event().expect("an event");
        assert_eq!((event.raw(0), event.id(0)), (&b"two"[..], batch.id(1)));

        dead.settle(&[1, 3]).await.expect("settled");
        assert_eq!(dead.letters().expect("read").0.keys().copied().collect::<Vec<_>>(), [2, 4]);
        dead.settle(&[2, 4]).await.expect("settled");
        assert!(dead.letters().expect("read").0.is_empty());
    }

    #[test]
    fn neighbours_are_one_range() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), [1..=3, 7..=7, 9..=10]);
    }
}
