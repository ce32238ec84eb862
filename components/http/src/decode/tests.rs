use logd_sdk::http::Answer;
use vrl::path::OwnedValuePath;

use super::*;

fn decoder(framing: Framing, codec: Codec) -> Decoder {
    Decoder::new(framing, codec, &Columns::new(["a", "b"].map(OwnedValuePath::single_field)))
}

/// The events of a body, or the reason why it is refused.
fn events(framing: Framing, codec: Codec, body: impl Into<Bytes>) -> Result<Vec<String>, String> {
    let pieces = decoder(framing, codec).decode(&body.into()).map_err(|refusal| {
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        refusal.reason().to_owned()
    })?;
    let texts = |piece: Piece| {
        let Piece { bytes, rows, .. } = piece;
        rows.into_iter().map(move |row| String::from_utf8_lossy(&bytes[row.range()]).into_owned())
    };
    Ok(pieces.into_iter().flat_map(texts).collect())
}

fn json(body: &'static str) -> Result<Vec<String>, String> {
    events(Framing::NewlineDelimited, Codec::Json, body)
}

#[test]
fn plain_events() {
    use {Codec::*, Framing::*};
    assert_eq!(events(NewlineDelimited, Text, "one\r\n\ntwo\n").unwrap(), ["one", "two"]);
    assert_eq!(events(Framing::Bytes, Text, "one\r\n\ntwo\n").unwrap(), ["one\r\n\ntwo\n"]);
    for (framing, codec) in [(NewlineDelimited, Text), (Framing::Bytes, Text), (Framing::Bytes, Json)] {
        assert_eq!(events(framing, codec, "").unwrap(), [""; 0]);
    }
}

#[test]
fn other_bytes_than_text_only_where_they_are_allowed() {
    let body = &b"first\nsecond \xff\n"[..];
    let refused = events(Framing::NewlineDelimited, Codec::Text, body).unwrap_err();
    assert_eq!(refused, "Line 2, byte 8: the text is not UTF-8.");
    let refused = events(Framing::NewlineDelimited, Codec::Json, &b"{}\n{\"a\":\"\xff\"}"[..]).unwrap_err();
    assert_eq!(refused, "Line 2, byte 7: not UTF-8.");
    let pieces = decoder(Framing::NewlineDelimited, Codec::Bytes).decode(&Bytes::from(body)).unwrap();
    assert_eq!(&pieces[0].bytes[pieces[0].rows[1].range()], b"second \xff");
}

#[test]
fn json_in_lines_alone_and_in_arrays() {
    for (body, expected) in [
        ("", &[][..]),
        (" \n\n", &[]),
        ("{\"a\":1}", &["{\"a\":1}"]),
        (" {\"a\":1} \r\n\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]),
        ("{\n  \"a\": 1\n}\n", &["{\n  \"a\": 1\n}"]),
        ("{\"a\":\n1}", &["{\"a\":\n1}"]),
        ("[]", &[]),
        ("\n[ {\"a\":1},\n{\"b\":[\",]\"]} ]\n", &["{\"a\":1}", "{\"b\":[\",]\"]}"]),
    ] {
        assert_eq!(json(body).unwrap(), expected, "{body:?}");
    }
    let body = "{\"a\":\n1}";
    assert_eq!(events(Framing::Bytes, Codec::Json, body).unwrap(), [body]);
    assert_eq!(events(Framing::Bytes, Codec::Json, "[{},{}]").unwrap(), ["{}", "{}"]);
    assert!(events(Framing::Bytes, Codec::Json, "{}\n{}").is_err(), "the whole body is one document");
}

#[test]
fn broken_json_is_refused_with_its_place() {
    for (body, place) in [
        ("{\"a\":1}\n{\"a\":}\n", "Line 2, byte "),
        ("{\"a\":1}\n{\"a\":1", "Line 2, byte "),
        ("{\"a\":1}\n\n7\n", "Line 3, byte "),
        ("{\"a\":1} {\"a\":1}", "Line 1, byte "),
        ("\"text\"", "Line 1, byte "),
        ("{\n \"a\": 1,\n \"b\": x\n}\n", "Line 3, byte "),
        ("{\"a\":1}\n{\n\"b\":2}\n", "Line 2, byte "),
        ("[{\"a\":1},\n{\"a\":1},\n{\"a\":]", "Line 3, byte "),
        ("[{\"a\":1},\n7]", "Line 2, byte "),
        ("[{\"a\":1},\n]", "Line 2, byte 1: "),
        ("[{\"a\":1}\n", "Line 2, byte 1: the array has no end."),
        ("[{\"a\":1}]\n{}", "Line 2, byte 1: something follows the end of the array."),
        ("[{\"a\":1}}", "Line 1, byte "),
    ] {
        let reason = json(body).unwrap_err();
        assert!(reason.starts_with(place), "{body:?}: {reason}");
        assert!(reason.ends_with('.') && !reason.contains('\n'), "{body:?}: {reason}");
    }
}

#[test]
fn deep_nesting_is_refused_without_a_crash() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        for body in [deep.clone(), format!("[{{}},{deep}]"), format!("{{}}\n{deep}\n")] {
            events(Framing::NewlineDelimited, Codec::Json, body).unwrap_err();
        }
    }
    let reason = events(Framing::Bytes, Codec::Json, format!("[{{}},\n{}", "{\"a\":".repeat(1000))).unwrap_err();
    assert!(reason.starts_with("Line 2, byte "), "{reason}");
}

#[test]
fn columns_are_taken_out() {
    let body = Bytes::from("{\"b\":\"x\",\"a\":1}\n{\"b\":\"\\t\"}\n");
    let piece = decoder(Framing::NewlineDelimited, Codec::Json).decode(&body).unwrap().remove(0);
    assert!(matches!(piece.slots[0], Slot::Integer(1)));
    assert!(matches!(piece.slots[1], Slot::Block { start: 6, end: 7 }));
    assert!(matches!(piece.slots[2], Slot::Missing));
    assert!(matches!(piece.slots[3], Slot::Text { start: 0, end: 1 }));
    assert_eq!(piece.text, "\t");
}

#[test]
fn a_large_body_is_cut_and_not_copied() {
    let lines: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
    let body = Bytes::from(lines.clone());
    let pieces = decoder(Framing::NewlineDelimited, Codec::Text).decode(&body).unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.rows.len()).collect::<Vec<_>>(), [4096, 4096, 1808]);
    assert_eq!(pieces[0].bytes.as_ptr(), body.as_ptr());
    let expected: Vec<_> = lines.lines().map(str::to_owned).collect();
    assert_eq!(events(Framing::NewlineDelimited, Codec::Text, body).unwrap(), expected);
    let long = Bytes::from(format!("{}\n", "x".repeat(PIECE_BYTES * 2 / 5)).repeat(7));
    let pieces = decoder(Framing::NewlineDelimited, Codec::Text).decode(&long).unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.rows.len()).collect::<Vec<_>>(), [2, 2, 2, 1]);
    let longest = Bytes::from(vec![b'x'; 3 * PIECE_BYTES]);
    assert_eq!(decoder(Framing::Bytes, Codec::Bytes).decode(&longest).unwrap().len(), 1);
}

#[test]
fn too_many_events_are_413() {
    let decoder = decoder(Framing::NewlineDelimited, Codec::Text);
    let lines = |events: usize| Bytes::from("x\n".repeat(events));
    assert!(decoder.decode(&lines(decoder.max_events)).is_ok());
    let refusal = decoder.decode(&lines(decoder.max_events + 1)).unwrap_err();
    assert_eq!(Answer::from(refusal).status(), 413);
}
