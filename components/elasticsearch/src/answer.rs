//! What became of each event: the answer to a bulk request, read.
//!
//! The answer is asked for without all that logd does not look at ([`QUERY`]), and read without an allocation for an
//! event that was taken: it is some 30 bytes and a tenth of a microsecond an event, so there is no shortcut for answers
//! without errors, and that there is one result for each event is checked for all of them.

use std::fmt::{self, Display, Formatter};

use logd_sdk::sink::Attempt;
use serde::Deserialize;

use crate::bulk::Action;

/// What is asked of the answer; each result needs its status, for what has nothing to show would be left out.
pub(crate) const QUERY: &str = "filter_path=errors,items.*.status,items.*.error";

/// The answer to a bulk request.
#[derive(Deserialize)]
struct Answer {
    /// One for each event, in order.
    items: Vec<Item>,
}

/// The result of one action, under the action's name.
#[derive(Deserialize)]
struct Item {
    #[serde(alias = "create")]
    index: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    /// As of HTTP.
    status: u16,
    #[serde(default)]
    error: Option<Failure>,
}

/// Elasticsearch's own words for what is wrong.
#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<Self>>,
}

/// The answer to a request that failed as a whole.
#[derive(Deserialize)]
struct Refusal {
    error: Failure,
}

impl Display for Failure {
    /// In one line: `type: reason, caused by type: reason`; of a row of causes the last.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.write(formatter)?;
        let mut cause = self.caused_by.as_deref();
        while let Some(deeper) = cause.and_then(|cause| cause.caused_by.as_deref()) {
            cause = Some(deeper);
        }
        match cause {
            Some(cause) => {
                formatter.write_str(", caused by ")?;
                cause.write(formatter)
            }
            None => Ok(()),
        }
    }
}

impl Failure {
    fn write(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.kind)?;
        match &self.reason {
            Some(reason) => write!(formatter, ": {}", reason.replace('\n', "")),
            None => Ok(()),
        }
    }
}

/// Enters what became of the events at `rows`.
///
/// One that the service had no room for is tried again; one that it will never take is rejected with its reason. One
/// that is already there was delivered by an attempt whose answer got lost.
///
/// # Errors
/// It is no answer to a bulk request of so many events.
pub(crate) fn settle(answer: &[u8], action: Action, rows: &[u32], attempt: &mut Attempt) -> Result<(), String> {
    let Answer { items } =
        serde_json::from_slice(answer).map_err(|error| format!("the answer is none to a bulk request: {error}"))?;
    if items.len() != rows.len() {
        return Err(format!("the answer has {} results for {} events", items.len(), rows.len()));
    }
    for (&row, Item { index: Outcome { status, error } }) in rows.iter().zip(items) {
        let reason = || error.as_ref().map_or_else(|| format!("status {status}"), Failure::to_string);
        match status {
            200..300 => {}
            409 if action == Action::Create => {}
            429 | 500.. => {
                attempt.error.get_or_insert_with(reason);
                attempt.retry.push(row);
            }
            _ => attempt.reject.push((row, reason())),
        }
    }
    Ok(())
}

/// What Elasticsearch says of a request that failed as a whole, if it says anything.
pub(crate) fn reason(answer: &[u8]) -> Option<String> {
    serde_json::from_slice(answer).ok().map(|Refusal { error }| error.to_string())
}

/// The answer to a search that failed.
#[derive(Deserialize)]
struct FailedSearch {
    error: FailedShards,
}

#[derive(Deserialize)]
struct FailedShards {
    /// Why each shard could not answer.
    #[serde(default)]
    failed_shards: Vec<FailedShard>,
    #[serde(default)]
    root_cause: Vec<Failure>,
}

#[derive(Deserialize)]
struct FailedShard {
    reason: Failure,
}

/// What is wrong with the text of a search, for whoever wrote it: the first line at the bottom of the first shard's
/// reasons. What stands above it names shards and indices.
pub(crate) fn search_reason(answer: &[u8]) -> Option<String> {
    let FailedSearch { error } = serde_json::from_slice(answer).ok()?;
    let shards = error.failed_shards.into_iter().map(|shard| shard.reason);
    let mut failure = shards.chain(error.root_cause).next()?;
    while let Some(cause) = failure.caused_by {
        failure = *cause;
    }
    let reason = failure.reason?;
    reason.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str, action: Action, rows: &[u32]) -> Result<Attempt, String> {
        let mut attempt = Attempt::delivered();
        settle(answer.as_bytes(), action, rows, &mut attempt).map(|()| attempt)
    }

    #[test]
    fn each_event_has_its_own_fate() {
        let answer = r#"{"errors":true,"items":[
            {"index":{"status":201}}, {"index":{"status":200}},
            {"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue is full"}}},
            {"index":{"status":400,"error":{"type":"document_parsing_exception","reason":"[1:9] failed\n to parse",
                "caused_by":{"type":"x","caused_by":
                {"type":"illegal_argument_exception","reason":"'x' is not an IP string literal."}}}}},
            {"index":{"status":503,"error":{"type":"unavailable_shards_exception","reason":null}}},
            {"index":{"status":404}}]}"#;
        let attempt = read(answer, Action::Index, &[1, 3, 5, 7, 8, 9]).unwrap();
        assert_eq!(attempt.retry, [5, 8]);
        assert_eq!(attempt.error.as_deref(), Some("es_rejected_execution_exception: queue is full"));
        let parsing = "document_parsing_exception: [1:9] failed to parse, \
                       caused by illegal_argument_exception: 'x' is not an IP string literal.";
        assert_eq!(attempt.reject, [(7, parsing.to_owned()), (9, "status 404".to_owned())]);
    }

    #[test]
    fn what_is_there_already_was_delivered() {
        let answer = r#"{"errors":true,"items":[{"create":{"status":409,"error":{"type":"version_conflict_engine_exception"}}}]}"#;
        assert_eq!(read(answer, Action::Create, &[0]), Ok(Attempt::delivered()));
        assert_eq!(read(answer, Action::Index, &[0]).unwrap().reject.len(), 1);
    }

    #[test]
    fn what_is_no_answer_settles_nothing() {
        let short = read(r#"{"errors":false,"items":[{"index":{"status":201}}]}"#, Action::Index, &[0, 1]);
        assert_eq!(short.unwrap_err(), "the answer has 1 results for 2 events");
        for answer in ["<html>", "", "{}", r#"{"errors":false,"items":["#, "[]"] {
            let error = read(answer, Action::Index, &[0]).unwrap_err();
            assert!(error.starts_with("the answer is none to a bulk request: "), "{error}");
        }
    }

    #[test]
    fn a_refusal_has_a_reason() {
        let answer = br#"{"error":{"root_cause":[],"type":"parse_exception","reason":"no"},"status":400}"#;
        assert_eq!(reason(answer).as_deref(), Some("parse_exception: no"));
        assert_eq!(reason(b"{\"error\":\"no handler\"}"), None);
        assert_eq!(reason(b"<html>"), None);
    }
}
