//! What a search asks for, as Elasticsearch reads it.
//!
//! All of it stands in one filter: what somebody has written finds less of what the rest finds, and never more. It is a
//! value in JSON, so nothing in it can end it and go on as something else.

use logd_sdk::Time;
use logd_sdk::shared_stores::{Error, LogQuery};
use serde_json::{Map, Value, json};

use super::LONGEST_SEARCH;
use super::cursor::Cursor;
use super::settings::Fields;

/// No text to search for is longer, in bytes.
const LONGEST: usize = 1024;
/// No such text has more open brackets.
const DEEPEST: usize = 16;
/// What stands before and behind what was found: "start of text" and "end of text", which no log has.
pub(super) const MARKS: [char; 2] = ['\u{2}', '\u{3}'];
/// Of a longer message only the beginning is searched for what to mark, in characters.
const MARKED: u32 = 100_000;

/// A search.
pub(super) struct Search<'s> {
    fields: &'s Fields,
    has_text: bool,
    filter: Vec<Value>,
}

impl<'s> Search<'s> {
    /// For this, where a service is found by its name in the field `service`.
    ///
    /// # Errors
    /// The text to search for is none.
    pub(super) fn new(fields: &'s Fields, service: String, query: LogQuery<'_>) -> Result<Self, Error> {
        let LogQuery { text, service: of_service, level, from, to, allowed } = query;
        let mut filter = vec![during(&fields.timestamp, from, to)];
        if let Some(allowed) = allowed {
            filter.push(json!({ "terms": one(&service, json!(allowed)) }));
        }
        if let Some(name) = of_service {
            filter.push(json!({ "term": one(&service, json!(name)) }));
        }
        if let Some(level) = level {
            filter.push(at_level(fields, level));
        }
        if let Some(text) = text {
            filter.push(found_by(fields, checked(text)?));
        }
        Ok(Self { fields, has_text: text.is_some(), filter })
    }

    /// Asks for so many logs, from a cursor's place on.
    pub(super) fn page(&self, size: usize, from: Option<&Cursor>) -> Value {
        let Fields { timestamp, service, level, message } = self.fields;
        let mut body = json!({
            "size": size,
            "fields": [
                { "field": timestamp, "format": "strict_date_optional_time_nanos" },
                service, level, message,
            ],
            "sort": [
                one(timestamp, json!({ "order": "desc", "unmapped_type": "date", "numeric_type": "date" })),
                { "_seq_no": { "order": "desc" } },
            ],
        });
        if let Some(cursor) = from {
            body["search_after"] = json!(cursor.search_after());
        }
        if self.has_text {
            let [before, behind] = MARKS;
            body["highlight"] = json!({
                "pre_tags": [before], "post_tags": [behind], "number_of_fragments": 0, "max_analyzed_offset": MARKED,
                "fields": one(message, json!({})),
            });
        }
        self.finished(body)
    }

    /// Asks for counts by steps of so many seconds, of all and of those at these levels.
    pub(super) fn counts(&self, step: i64, errors: &[&str]) -> Value {
        let levels: Vec<Value> = errors.iter().map(|level| at_level(self.fields, level)).collect();
        self.finished(json!({
            "size": 0,
            "aggs": { "times": {
                "date_histogram": {
                    "field": self.fields.timestamp, "fixed_interval": format!("{step}s"), "min_doc_count": 1,
                },
                "aggs": { "errors": { "filter": { "bool": { "should": levels, "minimum_should_match": 1 } } } },
            } },
        }))
    }

    fn finished(&self, mut body: Value) -> Value {
        body["query"] = json!({ "bool": { "filter": self.filter } });
        body["timeout"] = json!(format!("{LONGEST_SEARCH}s"));
        body["track_total_hits"] = json!(false);
        body
    }
}

/// An object of one member.
fn one(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// What happened then; and has a time at all.
fn during(timestamp: &str, from: Option<Time>, to: Option<Time>) -> Value {
    // A field of type `date` has whole milliseconds: those at `from` or later are those at the next whole one or later.
    // It is not asked what was before 1970, of which the type `date_nanos` knows nothing.
    let millis =
        |time: Time| (time.as_micros().div_euclid(1000) + i64::from(time.as_micros().rem_euclid(1000) > 0)).max(0);
    let mut range = Map::new();
    if let Some(from) = from.filter(|from| *from > Time::EPOCH) {
        range.insert("gte".to_owned(), millis(from).into());
    }
    if let Some(to) = to {
        range.insert("lt".to_owned(), millis(to).into());
    }
    if range.is_empty() {
        return json!({ "exists": { "field": timestamp } });
    }
    range.insert("format".to_owned(), "epoch_millis".into());
    json!({ "range": one(timestamp, range.into()) })
}

fn at_level(fields: &Fields, level: &str) -> Value {
    json!({ "term": one(&fields.level, json!({ "value": level, "case_insensitive": true })) })
}

/// What somebody has written, in the language of Lucene.
fn found_by(fields: &Fields, text: &str) -> Value {
    json!({ "query_string": {
        "query": text,
        "default_field": fields.message,
        "default_operator": "AND",
        // What begins with any text would be looked for in all words that there are.
        "allow_leading_wildcard": false,
        // `status:fast` finds nothing, and is no mistake.
        "lenient": true,
    } })
}

/// A text that Elasticsearch may be asked to read.
fn checked(text: &str) -> Result<&str, Error> {
    if text.len() > LONGEST {
        return Err(Error::Query(format!("the query has {} bytes, and {LONGEST} are the most", text.len())));
    }
    if text.bytes().filter(|byte| *byte == b'(').count() > DEEPEST {
        return Err(Error::Query(format!("the query has more than {DEEPEST} brackets")));
    }
    if text.trim().is_empty() {
        return Err(Error::Query("the query is empty".to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn body(query: LogQuery<'_>) -> Result<Value, Error> {
        let fields = Fields::default();
        Ok(Search::new(&fields, "service.keyword".to_owned(), query)?.page(21, None))
    }

    #[test]
    fn all_stands_in_one_filter() {
        let allowed = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let query = LogQuery {
            text: Some("x"),
            service: Some("a"),
            level: Some("error"),
            from: Some(Time::from_micros(1_000_001)),
            to: Some(Time::from_micros(2_000_000)),
            allowed: Some(&allowed),
        };
        let body = body(query).unwrap();
        let filter = &body["query"]["bool"]["filter"];
        assert_eq!(body["query"]["bool"].as_object().unwrap().len(), 1);
        assert_eq!(filter[0]["range"]["timestamp"], json!({ "gte": 1001, "lt": 2000, "format": "epoch_millis" }));
        assert_eq!(filter[1], json!({ "terms": { "service.keyword": ["a", "b"] } }));
        assert_eq!(filter[2], json!({ "term": { "service.keyword": "a" } }));
        assert_eq!(filter[3], json!({ "term": { "level": { "value": "error", "case_insensitive": true } } }));
        let text = &filter[4]["query_string"];
        assert_eq!((&text["default_field"], &text["allow_leading_wildcard"]), (&json!("message"), &json!(false)));
        assert_eq!((&body["size"], &body["track_total_hits"]), (&json!(21), &json!(false)));
        assert_eq!(body["timeout"], json!("10s"));
    }

    #[test]
    fn what_somebody_has_written_stays_a_text() {
        let allowed = BTreeSet::from(["a".to_owned()]);
        for evil in [
            "x\"}}]}},\"size\":10000,\"query\":{\"match_all\":{}}",
            "x) OR service:secret",
            "\" OR *:* OR \"",
            "*:*",
            "message:x OR _exists_:service",
        ] {
            let query =
                LogQuery { text: Some(evil), service: Some(evil), allowed: Some(&allowed), ..LogQuery::default() };
            let body = body(query).unwrap();
            let written: Value = serde_json::from_slice(&serde_json::to_vec(&body).unwrap()).unwrap();
            assert_eq!(written, body);
            assert_eq!(body["size"], 21);
            let filter = body["query"]["bool"]["filter"].as_array().unwrap();
            assert_eq!(filter.len(), 4);
            assert_eq!(filter[1], json!({ "terms": { "service.keyword": ["a"] } }));
            assert_eq!(filter[2], json!({ "term": { "service.keyword": evil } }));
            assert_eq!(filter[3]["query_string"]["query"], evil);
        }
    }

    #[test]
    fn what_is_no_query_is_not_sent() {
        for text in ["", " \n", &"x ".repeat(600), &"(".repeat(20)] {
            let query = LogQuery { text: Some(text), ..LogQuery::default() };
            assert!(matches!(body(query), Err(Error::Query(reason)) if !reason.is_empty()), "{text}");
        }
    }

    #[test]
    fn a_log_has_a_time() {
        let body = body(LogQuery::default()).unwrap();
        assert_eq!(body["query"]["bool"]["filter"], json!([{ "exists": { "field": "timestamp" } }]));
        assert_eq!(body["highlight"], Value::Null);
        let ancient = LogQuery { from: Some(Time::MIN), to: Some(Time::MIN), ..LogQuery::default() };
        assert_eq!(during("t", ancient.from, ancient.to)["range"]["t"]["lt"], 0);
    }

    #[test]
    fn counts_are_by_a_fixed_step() {
        let fields = Fields::default();
        let search = Search::new(&fields, "service".to_owned(), LogQuery::default()).unwrap();
        let body = search.counts(60, &["ERROR", "FATAL"]);
        assert_eq!(body["aggs"]["times"]["date_histogram"]["fixed_interval"], "60s");
        let levels = &body["aggs"]["times"]["aggs"]["errors"]["filter"]["bool"]["should"];
        assert_eq!(levels[1]["term"]["level"]["value"], "FATAL");
        assert_eq!(body["size"], 0);
    }
}
