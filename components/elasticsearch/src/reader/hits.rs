//! What a search has found, read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use logd_sdk::Time;
use logd_sdk::shared_stores::{Error, Fragment, Log, LogCounts, LogPage};
use serde::Deserialize;
use serde_json::Value;

use super::LONGEST_SEARCH;
use super::cursor::{Cursor, Place, hash};
use super::grid::Grid;
use super::query::MARKS;
use super::settings::Fields;

/// Of a longer message, in bytes, the piece around what was found is shown, and so much of it stands before that.
const SHOWN: (usize, usize) = (1000, 300);

/// The answer to a search.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    timed_out: bool,
    hits: Hits,
    #[serde(default)]
    aggregations: Option<Aggregations>,
}

#[derive(Deserialize)]
struct Hits {
    #[serde(default)]
    hits: Vec<Hit>,
}

/// A document that was found.
#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_source", default)]
    source: Value,
    #[serde(default)]
    fields: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    highlight: BTreeMap<String, Vec<String>>,
    sort: Place,
}

#[derive(Deserialize)]
struct Aggregations {
    times: Times,
}

#[derive(Deserialize)]
struct Times {
    buckets: Vec<Bucket>,
}

/// A stretch of a histogram.
#[derive(Deserialize)]
struct Bucket {
    /// Milliseconds since 1970.
    key: i64,
    doc_count: u64,
    errors: Count,
}

#[derive(Deserialize)]
struct Count {
    doc_count: u64,
}

fn read(answer: &[u8]) -> Result<Answer, Error> {
    let answer: Answer = serde_json::from_slice(answer).context("the answer is none to a search")?;
    if answer.timed_out {
        let reason = format!("the search took longer than {LONGEST_SEARCH} s; ask for a shorter time");
        return Err(Error::Away { reason, after: None });
    }
    Ok(answer)
}

/// A page of the logs in an answer, of those that were not shown before. Whatever the filter has found: none is of a
/// service that is not allowed.
pub(super) fn page(
    answer: &[u8],
    limit: usize,
    behind: Option<&Cursor>,
    fields: &Fields,
    allowed: Option<&BTreeSet<String>>,
) -> Result<LogPage, Error> {
    let mut hits = read(answer)?.hits.hits;
    hits.retain(|hit| !behind.is_some_and(|cursor| cursor.has_shown(hit.sort, hit.hash())));
    let more = hits.len() > limit;
    hits.truncate(limit);
    let next = hits.last().filter(|_| more).map(|last| {
        let shown = hits.iter().map(|hit| (hit.sort, hit.hash()));
        Cursor::behind(last.sort, shown, behind).encode()
    });
    let next = next.transpose()?;
    let logs = hits.into_iter().map(|hit| hit.log(fields));
    let logs = logs.filter(|log| allowed.is_none_or(|allowed| allowed.contains(&log.service))).collect();
    Ok(LogPage { logs, next })
}

/// The counts in an answer.
pub(super) fn counts(answer: &[u8], grid: &Grid) -> Result<LogCounts, Error> {
    let mut counts = grid.nothing();
    // Where there is no index there is nothing to sum up.
    let buckets = read(answer)?.aggregations.map(|found| found.times.buckets).unwrap_or_default();
    for Bucket { key, doc_count, errors } in buckets {
        if let Some(place) = grid.place(key) {
            counts.total[place] += doc_count;
            counts.errors[place] += errors.doc_count;
        }
    }
    Ok(counts)
}

impl Hit {
    fn hash(&self) -> u64 {
        hash(&self.index, &self.id)
    }

    fn log(mut self, fields: &Fields) -> Log {
        let mut field =
            |name: &String| self.fields.get_mut(name).and_then(|values| values.first_mut()).map(Value::take);
        let time =
            field(&fields.timestamp).as_ref().and_then(Value::as_str).map(str::as_bytes).and_then(Time::parse_rfc3339);
        let [service, level] = [&fields.service, &fields.level].map(|name| field(name).map(text).unwrap_or_default());
        let message = field(&fields.message).map(text);
        let marked = self.highlight.remove(&fields.message).unwrap_or_default().concat();
        Log {
            id: self.id,
            time: time.unwrap_or_else(|| Time::from_micros(self.sort.0.saturating_mul(1000))),
            service,
            level,
            message: message.unwrap_or_else(|| self.source.to_string()),
            event: self.source,
            highlights: pieces(&marked),
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The pieces of a text by the marks in it; none if there are no marks.
fn pieces(text: &str) -> Vec<Fragment> {
    let mut pieces: Vec<Fragment> = Vec::new();
    let mut marked = false;
    let mut first_mark = None;
    let mut length = 0;
    for part in text.split_inclusive(MARKS) {
        let piece = part.trim_end_matches(MARKS);
        if !piece.is_empty() {
            if marked {
                first_mark.get_or_insert(length);
            }
            length += piece.len();
            pieces.push(Fragment { text: piece.to_owned(), marked });
        }
        marked = part.ends_with(MARKS[0]);
    }
    let (most, before) = SHOWN;
    match first_mark {
        None => Vec::new(),
        Some(_) if length <= most => pieces,
        Some(first) => {
            let start = first.saturating_sub(before);
            cut(pieces, start, start + most)
        }
    }
}

/// What of the pieces is between these bytes of their whole.
fn cut(pieces: Vec<Fragment>, start: usize, end: usize) -> Vec<Fragment> {
    let mut at = 0;
    let within = pieces.into_iter().map(|Fragment { text, marked }| {
        let edge = |place: usize| text.floor_char_boundary(place.saturating_sub(at).min(text.len()));
        let (from, to) = (edge(start), edge(end));
        let piece = Fragment { text: text[from..to].to_owned(), marked };
        at += text.len();
        piece
    });
    within.filter(|piece| !piece.text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hit(time: i64, number: i64, service: &str) -> Value {
        json!({
            "_index": "logs", "_id": format!("{time}-{number}"), "_source": { "service": service, "n": number },
            "fields": { "service": [service], "timestamp": ["2026-11-23T14:03:10.001Z"], "message": ["a b c"] },
            "sort": [time, number],
        })
    }

    fn read_page(hits: &[Value], limit: usize, behind: Option<&str>, allowed: Option<&str>) -> LogPage {
        let answer = json!({ "timed_out": false, "hits": { "hits": hits } }).to_string();
        let behind = behind.map(|text| Cursor::decode(text).unwrap());
        let allowed = allowed.map(|name| BTreeSet::from([name.to_owned()]));
        page(answer.as_bytes(), limit, behind.as_ref(), &Fields::default(), allowed.as_ref()).unwrap()
    }

    fn ids(page: &LogPage) -> Vec<&str> {
        page.logs.iter().map(|log| log.id.as_str()).collect()
    }

    #[test]
    fn a_document_is_a_log() {
        let LogPage { logs, next } = read_page(&[hit(9, 1, "api")], 5, None, None);
        assert_eq!((logs.len(), next), (1, None));
        assert_eq!(logs[0].time.to_string(), "2026-11-23T14:03:10.001Z");
        assert_eq!((logs[0].service.as_str(), logs[0].level.as_str(), logs[0].message.as_str()), ("api", "", "a b c"));
        assert_eq!(logs[0].event, json!({ "service": "api", "n": 1 }));
        let mut bare = hit(9, 1, "api");
        bare["fields"] = json!({ "level": [3] });
        let logs = read_page(&[bare], 5, None, None).logs;
        assert_eq!((logs[0].time, logs[0].level.as_str()), (Time::from_micros(9000), "3"));
        assert_eq!(logs[0].message, r#"{"n":1,"service":"api"}"#, "what has no message is shown whole");
    }

    #[test]
    fn pages_fit_together_also_where_shards_have_one_place() {
        let other = |index: &str| {
            let mut hit = hit(8, 5, "api");
            hit["_index"] = json!(index);
            hit
        };
        let first = read_page(&[hit(9, 1, "api"), other("a"), other("b")], 2, None, None);
        assert_eq!(ids(&first), ["9-1", "8-5"]);
        // The next search begins with all of that place.
        let second = read_page(&[other("a"), other("b"), other("c")], 1, first.next.as_deref(), None);
        assert_eq!(ids(&second), ["8-5"]);
        let third = read_page(&[other("a"), other("b"), other("c"), hit(7, 1, "api")], 5, second.next.as_deref(), None);
        assert_eq!(ids(&third), ["8-5", "7-1"]);
        assert_eq!(third.next, None);
    }

    #[test]
    fn what_is_not_allowed_is_not_shown_whatever_was_found() {
        let page = read_page(&[hit(9, 1, "api"), hit(8, 1, "secret"), hit(7, 1, "api")], 2, None, Some("api"));
        assert_eq!(ids(&page), ["9-1"]);
        assert!(page.next.is_some(), "what comes behind is not lost");
    }

    #[test]
    fn marks_divide_a_message() {
        let shown = |text: &str| {
            let piece = |piece: Fragment| if piece.marked { format!("[{}]", piece.text) } else { piece.text };
            pieces(text).into_iter().map(piece).collect::<Vec<_>>()
        };
        assert_eq!(shown("a \u{2}b\u{3} c \u{2}d\u{3}"), ["a ", "[b]", " c ", "[d]"]);
        assert_eq!(shown("\u{2}a\u{3}\u{2}b\u{3}"), ["[a]", "[b]"]);
        assert_eq!(shown("a b"), [""; 0]);
        assert_eq!(shown(""), [""; 0]);
        assert_eq!(shown("a \u{2}b"), ["a ", "[b]"], "one that is not closed");
        let long = format!("{}\u{2}mark\u{3}{}", "ä".repeat(2000), "x".repeat(5000));
        let cut = shown(&long);
        assert_eq!(cut.iter().map(String::len).sum::<usize>(), 1002, "with the brackets");
        assert_eq!((cut[0].len(), cut[1].as_str()), (300, "[mark]"));
    }

    #[test]
    fn counts_go_to_their_stretches() {
        let grid =
            Grid::new(Time::from_micros(10_000_000), Time::from_micros(40_000_000), std::time::Duration::from_secs(10));
        let bucket = |key: i64, all: u64, errors: u64| json!({ "key": key, "doc_count": all, "errors": { "doc_count": errors } });
        let buckets = [bucket(10_000, 5, 1), bucket(30_000, 7, 0), bucket(90_000, 9, 9)];
        let answer = json!({ "hits": {}, "aggregations": { "times": { "buckets": buckets } } }).to_string();
        let found = counts(answer.as_bytes(), &grid).unwrap();
        assert_eq!((found.total, found.errors), (vec![5, 0, 7], vec![1, 0, 0]));
        assert_eq!(counts(br#"{"hits":{}}"#, &grid).unwrap().total, [0, 0, 0]);
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_none() {
        for answer in ["<html>", "[]", "{}", r#"{"hits":{"hits":[{}]}}"#] {
            let fields = Fields::default();
            assert!(matches!(page(answer.as_bytes(), 5, None, &fields, None), Err(Error::Failed(_))), "{answer}");
        }
        let slow = page(br#"{"timed_out":true,"hits":{}}"#, 5, None, &Fields::default(), None).unwrap_err();
        assert_eq!(slow.to_string(), "the search took longer than 10 s; ask for a shorter time");
    }
}
