//! How a log stands in the index.
//!
//! | field      | what can be asked                                                                              |
//! |------------|------------------------------------------------------------------------------------------------|
//! | `message`  | words and phrases, without regard to case                                                       |
//! | `id`, `service`, `pipeline` | the whole text                                                                 |
//! | `level`    | the whole text, without regard to case                                                          |
//! | `event`    | members of the event: `user_id:42` or `event.user_id:42`; texts as a whole, without regard to case |
//!
//! The rest is for the archive: `time` and `number` order the logs of a part, `feed` and `epoch` say what to take back
//! after a crash, `error` is counted by histograms, `log` is the record itself.

use std::sync::LazyLock;

use anyhow::Context as _;
use logd_sdk::{Time, snapshot};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, JsonObjectOptions, NumericOptions, OwnedValue, STORED, Schema,
    TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{LowerCaser, RawTokenizer, RemoveLongFilter, SimpleTokenizer, TextAnalyzer, TokenizerManager};

use crate::board::name_of;
use crate::records::LogRecord;

/// The version of the stored record.
const VERSION: u8 = 1;
/// Words that are longer, in bytes, are not found.
const LONGEST_WORD: usize = 200;
/// Names and ids that are longer, in bytes, are not found. Services and pipelines have shorter names.
const LONGEST_NAME: usize = 1024;
/// No event is indexed with more members, counted through all of it: who logs a table of a thousand columns searches by
/// the others, and by the message.
const MOST_MEMBERS: usize = 256;

const WORDS: &str = "words";
const WHOLE: &str = "whole";
const WHOLE_LOWER: &str = "whole_lower";

/// The fields.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) schema: Schema,
    pub(super) time: Field,
    pub(super) number: Field,
    pub(super) epoch: Field,
    pub(super) error: Field,
    pub(super) feed: Field,
    pub(super) id: Field,
    pub(super) service: Field,
    pub(super) level: Field,
    pub(super) pipeline: Field,
    pub(super) message: Field,
    pub(super) event: Field,
    pub(super) log: Field,
}

/// The fields of every part.
pub(super) static FIELDS: LazyLock<Fields> = LazyLock::new(|| Fields::new(FAST.into()));

/// The fields of parts that have a term for each time as well, as those of earlier versions do.
static WITH_TIMES: LazyLock<Fields> = LazyLock::new(|| Fields::new((FAST | INDEXED).into()));

/// Whether a part with these fields can be read and written.
pub(super) fn is_known(schema: &Schema) -> bool {
    [&FIELDS, &WITH_TIMES].iter().any(|fields| fields.schema == *schema)
}

impl Fields {
    fn new(time: NumericOptions) -> Self {
        let mut schema = Schema::builder();
        let indexing = |tokenizer: &str, option| {
            TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option).set_fieldnorms(false)
        };
        let whole = |tokenizer: &str| {
            TextOptions::default().set_indexing_options(indexing(tokenizer, IndexRecordOption::Basic))
        };
        let words =
            TextOptions::default().set_indexing_options(indexing(WORDS, IndexRecordOption::WithFreqsAndPositions));
        let event = JsonObjectOptions::default()
            .set_indexing_options(indexing(WHOLE_LOWER, IndexRecordOption::Basic))
            .set_expand_dots_enabled();
        Self {
            time: schema.add_i64_field("time", time),
            number: schema.add_u64_field("number", FAST),
            epoch: schema.add_u64_field("epoch", FAST),
            error: schema.add_bool_field("error", FAST),
            feed: schema.add_text_field("feed", whole(WHOLE)),
            id: schema.add_text_field("id", whole(WHOLE)),
            service: schema.add_text_field("service", whole(WHOLE)),
            level: schema.add_text_field("level", whole(WHOLE_LOWER)),
            pipeline: schema.add_text_field("pipeline", whole(WHOLE)),
            message: schema.add_text_field("message", words),
            event: schema.add_json_field("event", event),
            log: schema.add_bytes_field("log", STORED),
            schema: schema.build(),
        }
    }
}

/// How texts become terms.
pub(super) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    let words = TextAnalyzer::builder(SimpleTokenizer::default());
    let words = words.filter(RemoveLongFilter::limit(LONGEST_WORD)).filter(LowerCaser).build();
    let whole = TextAnalyzer::builder(RawTokenizer::default()).filter(RemoveLongFilter::limit(LONGEST_NAME)).build();
    let lower = TextAnalyzer::builder(RawTokenizer::default());
    let lower = lower.filter(RemoveLongFilter::limit(LONGEST_WORD)).filter(LowerCaser).build();
    tokenizers.register(WORDS, words);
    tokenizers.register(WHOLE, whole);
    tokenizers.register(WHOLE_LOWER, lower);
    tokenizers
}

#[derive(Serialize, Deserialize)]
struct Stored<'l>(&'l str, Time, &'l str, &'l str, &'l str, &'l str, &'l str);

/// A log as a document. `number` orders the logs of one time.
pub(super) fn document(log: &LogRecord, feed: &str, epoch: u64, number: u64) -> anyhow::Result<TantivyDocument> {
    let fields = &*FIELDS;
    let mut document = TantivyDocument::default();
    document.add_i64(fields.time, log.time.as_micros());
    document.add_u64(fields.number, number);
    document.add_u64(fields.epoch, epoch);
    document.add_bool(fields.error, log.is_error());
    document.add_text(fields.feed, feed);
    document.add_text(fields.id, &log.id);
    document.add_text(fields.service, name_of(&log.service));
    document.add_text(fields.level, &log.level);
    document.add_text(fields.pipeline, &log.pipeline);
    document.add_text(fields.message, &log.message);
    if let Ok(Value::Object(mut members)) = serde_json::from_str(&log.event) {
        members.retain(|_, value| is_worth_a_term(value, log));
        let mut left = MOST_MEMBERS;
        members.retain(|_, value| thin_out(value, &mut left));
        let members = members.into_iter().map(|(name, value)| (name, OwnedValue::from(value))).collect();
        document.add_object(fields.event, members);
    }
    let LogRecord { id, time, service, level, message, pipeline, event } = log;
    let stored = snapshot::encode(VERSION, &Stored(id, *time, service, level, message, pipeline, event))?;
    document.add_bytes(fields.log, &stored);
    Ok(document)
}

/// What other fields have costs no second term: the message, and the time, which is another in each log.
fn is_worth_a_term(value: &Value, log: &LogRecord) -> bool {
    match value {
        Value::String(text) => *text != log.message && Time::parse_rfc3339(text.as_bytes()) != Some(log.time),
        _ => true,
    }
}

/// Takes out what is beyond the `left` members that may still be had. False if nothing stays.
fn thin_out(value: &mut Value, left: &mut usize) -> bool {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| thin_out(value, left));
            !members.is_empty()
        }
        Value::Array(items) => {
            items.retain_mut(|item| thin_out(item, left));
            !items.is_empty()
        }
        _ => {
            let room = *left > 0;
            *left = left.saturating_sub(1);
            room
        }
    }
}

/// The log of a document.
pub(super) fn log(document: &TantivyDocument) -> anyhow::Result<LogRecord> {
    use tantivy::schema::document::Value as _;
    let bytes = document.get_first(FIELDS.log).and_then(|value| value.as_bytes());
    let bytes = bytes.context("a document has no log")?;
    let Stored(id, time, service, level, message, pipeline, event) = snapshot::borrow(VERSION, bytes)?;
    let [id, service, level, message, pipeline, event] =
        [id, service, level, message, pipeline, event].map(str::to_owned);
    Ok(LogRecord { id, time, service, level, message, pipeline, event })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_log_comes_back_as_it_was() {
        let mut record = crate::tests::log("1", "web", "ERROR", "it broke", 7);
        for event in ["{}", "no json", r#"{"a":{"b":[1,null,"x"]},"message":"it broke"}"#, "[1]"] {
            event.clone_into(&mut record.event);
            assert_eq!(log(&document(&record, "f", 1, 2).unwrap()).unwrap(), record);
        }
        assert!(log(&TantivyDocument::default()).is_err());
    }

    #[test]
    fn parts_of_earlier_versions_are_known() {
        assert!(is_known(&FIELDS.schema) && is_known(&WITH_TIMES.schema) && FIELDS.schema != WITH_TIMES.schema);
        assert_eq!(FIELDS.log, WITH_TIMES.log, "fields have the same places");
        assert!(!is_known(&Schema::builder().build()));
    }

    #[test]
    fn an_event_has_so_many_members_and_no_more() {
        let mut value = json!({"a": [1, 2, {"b": 3}], "c": {"d": 4}});
        let mut left = 3;
        assert!(thin_out(&mut value, &mut left));
        assert_eq!(value, json!({"a": [1, 2, {"b": 3}]}));
        assert!(!thin_out(&mut json!({"e": {}}), &mut left));
    }
}
