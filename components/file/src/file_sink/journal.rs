//! Which files were opened since which epoch.
//!
//! An epoch knows the files that are open when it ends. Those that are opened later, and were written to when a crash
//! came, have to be cut back as well; so a note of a file's length is taken before it is first written to. The notes
//! survive a crash of the process; a power cut may take the last second's, and then lines in new files may come twice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Notes of the last epochs are kept, in case the last of them did not complete.
const EPOCHS: u64 = 8;
/// Older notes are cleared away when there are as many as this.
const MANY: usize = 1024;

/// A note: a file was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// How many epochs were complete then, as the sink counts them.
    pub(crate) epoch: u64,
    /// How long the file was.
    pub(crate) length: u64,
    /// Its name; without control characters.
    pub(crate) path: PathBuf,
}

/// The notes, in a file `opened` of the component's own folder: a line each.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    file: Option<File>,
    notes: Vec<Note>,
}

impl Journal {
    /// The journal in this folder, which is neither read nor made yet.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, file: None, notes: Vec::new() }
    }

    /// Reads the notes that an earlier run has left.
    ///
    /// # Errors
    /// They are there and can't be read.
    pub(crate) fn read(&mut self) -> io::Result<&[Note]> {
        let text = match fs::read_to_string(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        // A line that is no note was cut off by a crash, before its file was written to.
        self.notes = text.split_inclusive('\n').filter_map(parse).collect();
        Ok(&self.notes)
    }

    /// Keeps only the notes for which `keep` holds.
    ///
    /// # Errors
    /// The journal can't be written; it is as it was.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Note) -> bool) -> io::Result<()> {
        let notes: Vec<Note> = self.notes.iter().filter(|note| keep(note)).cloned().collect();
        let text: String = notes.iter().map(line).collect();
        fs::create_dir_all(&self.folder)?;
        let new = self.folder.join("opened.new");
        fs::write(&new, text)?;
        fs::rename(&new, self.path())?;
        self.file = Some(OpenOptions::new().append(true).open(self.path())?);
        self.notes = notes;
        Ok(())
    }

    /// Takes a note.
    ///
    /// # Errors
    /// It can't be written: the file must not be either.
    pub(crate) fn note(&mut self, epoch: u64, length: u64, path: &Path) -> io::Result<()> {
        let note = Note { epoch, length, path: path.to_owned() };
        if self.notes.len() >= MANY && self.notes[0].epoch + EPOCHS < epoch {
            self.retain(|note| note.epoch + EPOCHS >= epoch)?;
        }
        let Some(file) = &mut self.file else { return Err(io::Error::other("the journal is not open")) };
        file.write_all(line(&note).as_bytes())?;
        self.notes.push(note);
        Ok(())
    }

    /// Makes the notes durable.
    ///
    /// # Errors
    /// They can't be.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("opened")
    }
}

fn line(note: &Note) -> String {
    format!("{} {} {}\n", note.epoch, note.length, note.path.display())
}

fn parse(line: &str) -> Option<Note> {
    let mut parts = line.strip_suffix('\n')?.splitn(3, ' ');
    let (epoch, length) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(Note { epoch, length, path: parts.next()?.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path) -> Vec<(u64, u64, String)> {
        let mut journal = Journal::new(folder.to_owned());
        let notes = journal.read().unwrap().iter();
        notes.map(|note| (note.epoch, note.length, note.path.display().to_string())).collect()
    }

    #[test]
    fn notes_survive() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(folder.path().join("new"));
        assert!(journal.read().unwrap().is_empty());
        assert!(journal.note(1, 2, Path::new("early")).is_err());
        journal.retain(|_| true).unwrap();
        journal.note(1, 20, Path::new("logs/a b.log")).unwrap();
        journal.note(2, 0, Path::new("ü")).unwrap();
        journal.sync().unwrap();
        let path = folder.path().join("new/opened");
        let text = fs::read_to_string(&path).unwrap() + "3 0 cut o";
        fs::write(&path, text).unwrap();
        let expected = [(1, 20, "logs/a b.log".to_owned()), (2, 0, "ü".to_owned())];
        assert_eq!(read(&folder.path().join("new")), expected);
    }

    #[test]
    fn old_notes_are_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(folder.path().to_owned());
        journal.retain(|_| true).unwrap();
        for epoch in 0..MANY as u64 + 1 {
            journal.note(epoch, 0, Path::new("x")).unwrap();
        }
        let left: Vec<u64> = read(folder.path()).iter().map(|note| note.0).collect();
        let newest = MANY as u64;
        assert_eq!(left, (newest - EPOCHS..=newest).collect::<Vec<_>>());
    }
}
