//! Dead letters as events: what leaves by a port `dead`.

use logd_sdk::event::write_text;
use logd_sdk::{Batch, Body, Columns, ComponentId, Slot, Time};
use vrl::path::OwnedValuePath;

/// The fields of a dead letter, in order.
const FIELDS: [&str; 5] = ["message", "component", "reason", "attempts", "timestamp"];

/// A letter for each event of the batch: the event as it came in (`message`), which component gave it up and why, after
/// how many attempts, and when. The identity and the time of the event stay, and so do its bytes, for a replay.
pub(crate) fn letters_of(
    batch: &Batch,
    reasons: &[String],
    component: &ComponentId,
    attempts: u32,
    now: Time,
) -> Batch {
    let mut letters = batch.clone();
    let (mut text, mut slots) = (String::new(), Vec::with_capacity(batch.len() * FIELDS.len()));
    let put = |text: &mut String, value: &str| {
        let start = u32::try_from(text.len()).unwrap_or(u32::MAX);
        text.push_str(value);
        Slot::Text { start, end: u32::try_from(text.len()).unwrap_or(u32::MAX) }
    };
    let component = put(&mut text, &component.to_string());
    for row in 0..batch.len() {
        let mut message = batch.raw(row).to_vec();
        if message.is_empty() {
            // What a window or a program has made never came in: it is shown as it is.
            write_text(batch, row, &mut message);
        }
        slots.push(put(&mut text, &String::from_utf8_lossy(&message)));
        slots.push(component.clone());
        slots.push(put(&mut text, reasons.get(row).map_or("", String::as_str)));
        slots.push(Slot::Integer(i64::from(attempts)));
        slots.push(Slot::Time(now));
    }
    for row in letters.rows_mut() {
        row.body = Body::Columns;
    }
    letters.set_columns(Columns::new(FIELDS.map(OwnedValuePath::single_field)), slots, text);
    letters
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use logd_sdk::event::write_json;
    use logd_sdk::{Block, Partition, Row};

    use super::*;

    #[test]
    fn a_letter_says_what_was_given_up_by_whom_and_why() {
        let block = Block::new(Bytes::from_static(b"{broken"), Partition::new("p/s", ""));
        let batch = Batch::new(block, vec![Row::line(0, 7, 0, Time::EPOCH)]);
        let letters =
            letters_of(&batch, &["invalid JSON".to_owned()], &ComponentId::new("p", "parsed"), 1, Time::EPOCH);
        let mut json = Vec::new();
        write_json(&letters, 0, &mut json);
        let expected = r#"{"attempts":1,"component":"p/parsed","message":"{broken","reason":"invalid JSON","timestamp":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(String::from_utf8_lossy(&json), expected);
        assert_eq!(letters.id(0), batch.id(0));
    }
}
