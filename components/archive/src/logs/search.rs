//! Pages of logs.
//!
//! Their order: parts from the latest to the earliest, that is by the hour in which logs came; within a part by event
//! time, the latest first, and logs of one time the last indexed first. So a log that came late stands with those that
//! came with it, and a page never has to look at all parts. Where logs come in the order of their times, as they mostly
//! do, it is the order of time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context as _;
use logd_sdk::Time;
use tantivy::collector::TopDocs;
use tantivy::collector::sort_key::SortByStaticFastValue;
use tantivy::query::Query;
use tantivy::snippet::{Snippet, SnippetGenerator};
use tantivy::{Searcher, TantivyDocument, TantivyError};

use super::part::{Part, PartName};
use super::query::Wanted;
use super::schema::{self, FIELDS};
use super::{Command, Logs};
use crate::cursor::Cursor;
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::records::LogRecord;

/// Of a longer message, in bytes, the piece around what was found is shown.
const SHOWN: usize = 1000;

/// A log that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The log.
    pub log: LogRecord,
    /// Its message in pieces, in order: those that were searched for are marked. Of a message of more than 1000 bytes,
    /// only what is around these. Empty where there was no search, or what was found is not in the message.
    pub highlights: Vec<Fragment>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The text.
    pub text: String,
    /// Whether it was searched for.
    pub marked: bool,
}

/// Why a part gave no answer.
pub(super) enum Trouble {
    /// The query is to blame.
    Query(String),
    /// The part is.
    Part(anyhow::Error),
}

impl From<TantivyError> for Trouble {
    fn from(error: TantivyError) -> Self {
        match error {
            TantivyError::SchemaError(reason) | TantivyError::InvalidArgument(reason) => Self::Query(reason),
            TantivyError::FieldNotFound(field) => Self::Query(format!("there is no field `{field}`")),
            other => Self::Part(other.into()),
        }
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Part(error)
    }
}

/// A log, and where it stands in its part.
type Placed = (Time, u64, Hit);

impl Logs {
    /// A page of the logs that are wanted. Blocks. `go_on` is asked between parts.
    pub(crate) fn page(
        &self,
        wanted: &Wanted,
        page: &PageRequest,
        mut go_on: impl FnMut() -> Result<(), Error>,
    ) -> Result<Page<Hit>, Error> {
        let cursor = match page.cursor.as_deref().map(Cursor::decode).transpose()? {
            Some(Cursor::Log { part: (hour, number), time, number: log }) => {
                Some((PartName { hour, number }, time, log))
            }
            Some(_) => return Err(Error::Cursor),
            None => None,
        };
        let limit = page.items();
        let mut found: Vec<(PartName, Placed)> = Vec::new();
        for part in self.parts.list().into_iter().rev() {
            let behind = match cursor {
                Some((name, ..)) if part.name > name => continue,
                Some((name, time, number)) if part.name == name => Some((time, number)),
                _ => None,
            };
            if !wanted.may_be_in(part.committed().facts.times) {
                continue;
            }
            go_on()?;
            // One more than is shown, to know whether there is more.
            let left = limit + 1 - found.len();
            let placed = self.ask(&part, |searcher| page_of(searcher, wanted, behind, left))?;
            found.extend(placed.unwrap_or_default().into_iter().map(|placed| (part.name, placed)));
            if found.len() > limit {
                break;
            }
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let next = match found.last().filter(|_| more) {
            Some((part, (time, number, _))) => {
                Some(Cursor::Log { part: (part.hour, part.number), time: *time, number: *number }.encode()?)
            }
            None => None,
        };
        Ok(Page { items: found.into_iter().map(|(_, (_, _, hit))| hit).collect(), next })
    }

    /// Asks a part. One that can't answer is looked at by the writer, and set aside if it is damaged; here it has no
    /// answer.
    pub(super) fn ask<T>(
        &self,
        part: &Part,
        question: impl FnOnce(&Searcher) -> Result<T, Trouble>,
    ) -> Result<Option<T>, Error> {
        let answer = catch_unwind(AssertUnwindSafe(|| question(&self.parts.searcher(part)?)));
        let trouble = match answer {
            Ok(Ok(answer)) => return Ok(Some(answer)),
            Ok(Err(Trouble::Query(reason))) => return Err(Error::Query(reason)),
            Ok(Err(Trouble::Part(error))) => format!("{error:#}"),
            Err(_) => "it can't be read without a panic".to_owned(),
        };
        // It may have been deleted since it was listed.
        if self.parts.list().iter().any(|other| other.name == part.name) {
            tracing::error!(part = %part.folder.display(), trouble, "A part of the archive could not be searched.");
            self.send(Command::Suspect(part.name));
        }
        Ok(None)
    }
}

fn page_of(
    searcher: &Searcher,
    wanted: &Wanted,
    behind: Option<(Time, u64)>,
    limit: usize,
) -> Result<Vec<Placed>, Trouble> {
    let query = behind.map_or_else(|| wanted.query.box_clone(), |(time, number)| wanted.behind(time, number));
    let by_time = SortByStaticFastValue::<i64>::for_field("time");
    let by_number = SortByStaticFastValue::<u64>::for_field("number");
    let found = searcher.search(&query, &TopDocs::with_limit(limit).order_by((by_time, by_number)))?;
    let marker = wanted.search.as_ref().map(|search| marker(searcher, search.as_ref())).transpose()?;
    let placed = found.into_iter().map(|((time, number), address)| {
        let log = schema::log(&searcher.doc::<TantivyDocument>(address)?)?;
        let highlights = marker.as_ref().map(|marker| highlights(&log.message, &marker.snippet(&log.message)));
        let (time, number) = time.zip(number).context("a document has no time")?;
        Ok((Time::from_micros(time), number, Hit { log, highlights: highlights.unwrap_or_default() }))
    });
    placed.collect()
}

fn marker(searcher: &Searcher, search: &dyn Query) -> tantivy::Result<SnippetGenerator> {
    let mut marker = SnippetGenerator::create(searcher, search, FIELDS.message)?;
    marker.set_max_num_chars(SHOWN);
    Ok(marker)
}

/// The pieces of a message by what was found in it.
fn highlights(message: &str, snippet: &Snippet) -> Vec<Fragment> {
    let shown = snippet.fragment_range();
    let marks = tantivy::snippet::collapse_overlapped_ranges(snippet.highlighted());
    if marks.is_empty() {
        return Vec::new();
    }
    let (mut at, end) = if message.len() <= SHOWN { (0, message.len()) } else { (shown.start, shown.end) };
    let mut fragments = Vec::new();
    let mut push = |range: std::ops::Range<usize>, marked| {
        if let Some(text) = message.get(range).filter(|text| !text.is_empty()) {
            fragments.push(Fragment { text: text.to_owned(), marked });
        }
    };
    for mark in marks {
        let (from, to) = (shown.start + mark.start, shown.start + mark.end);
        push(at..from, false);
        push(from..to, true);
        at = to;
    }
    push(at..end, false);
    fragments
}
