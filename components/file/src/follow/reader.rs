//! Follows many files at once: which is read next, and what becomes of them.
//!
//! A file is known by its identity and not by its name, so that each way of rotation is one of two cases. *Renamed*: the
//! file is read on by its open handle to its end, which is told; the new one of the old name is another file. *Emptied*:
//! what was read of it ends there, and it begins anew at 0 as another stream.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::{Batch, Context};
use tokio::time::Instant;

use super::finder::{Finder, Found, is_at, renamed};
use super::identity::{FileId, Place};
use super::tail::{Look, Tail, Tools};
use crate::lines::Ending;

/// A file that can't be read is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);

/// How files are followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether files end where they end now, and no others are looked for.
    pub(crate) once: bool,
    /// Whether what the files hold that are there at the first start is not wanted.
    pub(crate) from_end: bool,
    /// How often files are looked for.
    pub(crate) glob_interval: Duration,
    /// How long a file without a name must have been silent to be let go.
    pub(crate) rotate_wait: Duration,
}

/// What there is to do next, and what has changed in the position.
#[derive(Debug)]
pub(crate) enum Step {
    /// These events or notices, if any; each file named is now there, or forgotten.
    Read(Option<Batch>, Vec<(FileId, Option<Place>)>),
    /// Nothing before this moment.
    Wait(Instant),
    /// Nothing ever again.
    End,
}

/// Follows files.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Names partitions.
    context: Context,
    rules: Rules,
    tools: Tools,
    finder: Finder,
    /// The files that are followed.
    tails: Vec<Tail>,
    /// Files of an earlier run that have not been found yet.
    remembered: BTreeMap<FileId, Place>,
    /// Whether this run goes on where another was.
    resumed: bool,
    /// Which file is asked first.
    turn: usize,
    /// When files are looked for again; none for never.
    scan: Option<Instant>,
    /// Whether they have been looked for.
    scanned: bool,
}

impl Reader {
    /// A reader that has not looked for files yet.
    pub(crate) fn new(context: Context, rules: Rules, tools: Tools, finder: Finder) -> Self {
        Self {
            context,
            rules,
            tools,
            finder,
            tails: Vec::new(),
            remembered: BTreeMap::new(),
            resumed: false,
            turn: 0,
            scan: None,
            scanned: false,
        }
    }

    /// Goes on where another run was.
    pub(crate) fn resume(&mut self, places: impl IntoIterator<Item = Place>) {
        self.remembered = places.into_iter().map(|place| (place.id, place)).collect();
        self.resumed = true;
    }

    /// Does the next thing. Blocks on files, never on time.
    ///
    /// # Errors
    /// In a run that ends with its input: a file can't be read, and so the run would end without it.
    pub(crate) fn step(&mut self) -> anyhow::Result<Step> {
        loop {
            let now = Instant::now();
            let due = |scan: Instant| scan <= now;
            let step = if !self.scanned || self.scan.is_some_and(due) {
                self.look_for_files(now)
            } else if let Some(place) = self.next_due(now) {
                self.turn = place + 1;
                self.look(place, now)?
            } else if self.rules.once && self.tails.is_empty() {
                return Ok(Step::End);
            } else {
                let next = self.tails.iter().map(|tail| tail.due).chain(self.scan).min();
                return Ok(Step::Wait(next.unwrap_or(now + self.rules.glob_interval)));
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// The file whose turn it is. Those that were renamed come first: what they still hold is older than what stands
    /// in the files that took their names.
    fn next_due(&self, now: Instant) -> Option<usize> {
        let due = |place: &usize| self.tails[*place].due <= now;
        let last = |place: &usize| self.tails[*place].moved && !self.tails[*place].ended;
        let count = self.tails.len();
        let in_turn = (0..count).map(|place| (self.turn + place) % count);
        (0..count).filter(last).find(due).or_else(|| in_turn.clone().find(due))
    }

    /// Looks at one file; none where that has brought nothing to tell.
    fn look(&mut self, place: usize, now: Instant) -> anyhow::Result<Option<Step>> {
        let Self { rules, tools, .. } = self;
        let tail = &mut self.tails[place];
        match tail.read(tools, now) {
            Ok(Look::Read(batch)) => Ok(Some(Step::Read(batch, vec![(tail.id(), Some(tail.place()))]))),
            Ok(Look::Nothing) => Ok(self.idle(place, now)),
            Ok(Look::Replaced) => Ok(Some(self.replace(place, now))),
            // Gone before it was opened: the next look at the folder tells what became of it.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(self.idle(place, now)),
            Err(error) if is_damage(&error) => {
                tracing::warn!(path = %tail.path().display(), %error, "A compressed file is damaged or not complete.");
                Ok(None)
            }
            // Descriptors come back when other files end.
            Err(error) if rules.once && !is_shortage(&error) => {
                Err(error).with_context(|| format!("`{}` can't be read", tail.path().display()))
            }
            Err(error) => {
                tracing::warn!(path = %tail.path().display(), %error, "A file can't be read; trying again.");
                tail.due = now + RETRY;
                Ok(None)
            }
        }
    }

    /// Nothing more has come of a file.
    fn idle(&mut self, place: usize, now: Instant) -> Option<Step> {
        let tail = &mut self.tails[place];
        let silence = tail.silence(now);
        if self.rules.once || tail.gone && silence >= self.rules.rotate_wait {
            let mut tail = self.tails.remove(place);
            let last = tail.finish(&self.tools);
            // In a run that ends, what has been read must not be read again when the run is resumed.
            let kept = self.rules.once.then(|| tail.place());
            return Some(Step::Read(Some(last), vec![(tail.id(), kept)]));
        }
        if silence >= self.tools.splitter.timeout()
            && let Some(batch) = tail.flush(&self.tools, Ending::Quiet)
        {
            return Some(Step::Read(Some(batch), vec![(tail.id(), Some(tail.place()))]));
        }
        tail.rest(now);
        let last = tail.moved && !tail.ended;
        last.then(|| Step::Read(Some(tail.end()), Vec::new()))
    }

    /// A file was written anew: what was read of it ends, and it begins again.
    fn replace(&mut self, place: usize, now: Instant) -> Step {
        let tail = &mut self.tails[place];
        tracing::info!(path = %tail.path().display(), "A file was written anew, and is read from its beginning.");
        let new = tail.anew(&self.context, now);
        let mut batch = tail.finish(&self.tools);
        batch.append(new.announcement());
        *tail = new;
        Step::Read(Some(batch), vec![(tail.id(), Some(tail.place()))])
    }

    /// Looks for new files, and for what became of the names of those that are followed.
    fn look_for_files(&mut self, now: Instant) -> Option<Step> {
        let first = !std::mem::replace(&mut self.scanned, true);
        self.scan = (!self.rules.once).then(|| now + self.rules.glob_interval);
        let mut found = self.finder.find();
        if matches!(self.finder, Finder::Globs { .. }) {
            for tail in &mut self.tails {
                let place = found.iter().position(|found| found.place.id == tail.id());
                tail.gone = place.is_none();
                if !is_at(tail.id(), tail.path()) {
                    tail.moved = true;
                    place.into_iter().for_each(|place| tail.rename(found[place].place.path.clone()));
                }
            }
        }
        found.retain(|found| self.tails.iter().all(|tail| tail.id() != found.place.id));
        if first && self.rules.once && found.is_empty() {
            tracing::warn!(component = %self.context.id, "There is no file to read.");
        }
        let mut changes = Vec::new();
        let mut batch = Batch::default();
        let mut tails: Vec<Tail> = found.into_iter().map(|found| self.follow(found, first, now)).collect();
        let by_name = matches!(self.finder, Finder::Globs { .. });
        for (id, place) in std::mem::take(&mut self.remembered) {
            match by_name.then(|| renamed(&place)).flatten() {
                Some(path) => tails.push(self.lost(place, path, now)),
                None => changes.push((id, None)),
            }
        }
        for tail in tails {
            batch.append(tail.announcement());
            changes.push((tail.id(), Some(tail.place())));
            self.tails.push(tail);
        }
        let news = !batch.blocks().is_empty();
        (news || !changes.is_empty()).then(|| Step::Read(news.then_some(batch), changes))
    }

    /// Begins to follow a file.
    fn follow(&mut self, found: Found, first: bool, now: Instant) -> Tail {
        let Found { place, file } = found;
        let known = self.remembered.remove(&place.id);
        let (from_end, known_before) = (first && self.rules.from_end && !self.resumed, known.is_some());
        let place = known.map_or_else(|| place.clone(), |known| Place { path: place.path.clone(), ..known });
        let mut tail = Tail::new(&self.context, place, file.map(Into::into), now);
        if from_end && let Err(error) = tail.skip_to_end() {
            tracing::warn!(path = %tail.path().display(), %error, "A file's end can't be found; it is read as a whole.");
        }
        let offset = tail.place().offset;
        tracing::info!(path = %tail.path().display(), offset, known_before, "Following a file.");
        tail
    }

    /// Reads the end of a file that was renamed while nobody looked.
    fn lost(&mut self, place: Place, path: std::path::PathBuf, now: Instant) -> Tail {
        tracing::info!(path = %path.display(), was = %place.path.display(), "Reading the end of a file that was renamed.");
        let mut tail = Tail::new(&self.context, Place { path: path.into_os_string(), ..place }, None, now);
        (tail.moved, tail.gone) = (true, true);
        tail
    }
}

/// Whether the file can be read, but not what is compressed in it.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

/// Whether the process or the machine has run out of descriptors for now (`EMFILE`, `ENFILE`).
fn is_shortage(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}
