use std::str::FromStr;

use vrl::path::OwnedValuePath;

use super::*;

/// Reads the fields `paths` of `document`, and shows each slot.
fn read(document: &str, paths: &[&str]) -> Result<Vec<String>, JsonError> {
    let columns = Columns::new(paths.iter().map(|path| OwnedValuePath::from_str(path).expect("a path")));
    let mut slots = vec![Slot::Boolean(true); columns.len()];
    let mut text = String::new();
    JsonReader::new(columns).read(document.as_bytes(), 0, &mut slots, &mut text)?;
    let show = |slot: &Slot| match slot {
        Slot::Block { start, end } => document[*start as usize..*end as usize].to_owned(),
        Slot::Text { start, end } => format!("copied {}", &text[*start as usize..*end as usize]),
        Slot::Value(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    Ok(slots.iter().map(show).collect())
}

#[test]
fn takes_each_type() {
    let document = r#" {"s":"text","e":"a\"b","i":-3,"f":2.5,"t":true,"n":null,"a":[1,{"x":2}],"o":{"k":"v"},"u":18446744073709551615} "#;
    let fields = read(document, &["s", "e", "i", "f", "t", "n", "a", "o", "u", "gone"]).expect("valid");
    assert_eq!(
        fields,
        [
            "text",
            "copied a\"b",
            "Integer(-3)",
            "Float(2.5)",
            "Boolean(true)",
            "Null",
            r#"[1, { "x": 2 }]"#,
            r#"{ "k": "v" }"#,
            "Float(1.8446744073709552e19)",
            "Missing"
        ]
    );
}

#[test]
fn takes_members_and_elements() {
    let document = r#"{"a":{"b":{"c":1},"d":2},"l":[10,20],"s":"x"}"#;
    assert_eq!(read(document, &["a.b.c", "a.d", "a.x"]).expect("valid"), ["Integer(1)", "Integer(2)", "Missing"]);
    assert_eq!(read(document, &["a.b", "a.b.c"]).expect("valid"), [r#"{ "c": 1 }"#, "Integer(1)"]);
    assert_eq!(read(document, &["l[1]", "l[5]", "s.x"]).expect("valid"), ["Integer(20)", "Missing", "Missing"]);
}

#[test]
fn the_last_of_equal_keys_wins() {
    assert_eq!(read(r#"{"a":1,"a":2}"#, &["a"]).expect("valid"), ["Integer(2)"]);
    assert_eq!(read(r#"{"a":{"b":1},"a":{}}"#, &["a.b"]).expect("valid"), ["Missing"]);
    assert_eq!(read(r#"{"a":{"b":1},"a":7}"#, &["a.b"]).expect("valid"), ["Missing"]);
}

#[test]
fn what_is_not_read_is_checked_too() {
    for document in [
        "",
        "1",
        "[]",
        r#"{"a":1"#,
        r#"{"a":1} x"#,
        r#"{"a":1,}"#,
        r#"{"x":tru}"#,
        r#"{"x":01}"#,
        r#"{"x":"\q"}"#,
        "{\"x\":\"line\nbreak\"}",
        r#"{"x":[1,]}"#,
        r#"{"x":{"y":nul}}"#,
        r#"{"x":1.}"#,
        r#"{"x":"\ud800"}"#,
    ] {
        assert!(read(document, &["a"]).is_err(), "{document:?} must be refused");
        assert!(sonic_rs::from_str::<Value>(document).map_or(true, |value| !value.is_object()), "{document:?}");
    }
}

#[test]
fn invalid_utf8_is_refused() {
    let reader = JsonReader::new(Columns::new([]));
    assert!(reader.read(b"{\"x\":\"\xff\"}", 0, &mut [], &mut String::new()).is_err());
}

#[test]
fn deep_documents_are_refused_without_recursion() {
    let document = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&document, &["a"]).is_err());
    assert!(read(&document, &["x"]).is_err());
    assert!(read(&document, &["x.y"]).is_err());
}

#[test]
fn an_error_says_where() {
    let error = read(r#"{"a":1,"b":tru}"#, &["a"]).expect_err("invalid").to_string();
    assert!(error.starts_with("invalid JSON at byte 1"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}
