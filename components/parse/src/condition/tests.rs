use super::*;
use crate::fixtures::{columns, documents};

/// What `condition` says of each document, and how many it failed on.
fn ask(condition: &str, documents_: &[&str]) -> (Vec<bool>, u64) {
    let condition = VrlCondition::compile(condition).expect("compiles");
    let mut batch = documents(documents_);
    if let Reads::Fields(paths) = condition.reads() {
        batch.require(&logd_sdk::Columns::new(paths.iter().cloned()));
    }
    let mut answers = Vec::new();
    let failures = condition.test(&batch, &mut answers);
    // The second time the answers come from the memo.
    let mut again = Vec::new();
    assert_eq!((condition.test(&batch, &mut again), &again), (failures, &answers));
    (answers, failures)
}

fn fault(condition: &str) -> Fault {
    VrlCondition::compile(condition).expect_err("a fault").remove(0)
}

#[test]
fn answers() {
    let (answers, failures) = ask(
        r#".level == "ERROR" || .level == "CRITICAL""#,
        &[r#"{"level":"ERROR"}"#, r#"{"level":"INFO"}"#, r#"{"level":"CRITICAL"}"#, "{}", r#"{"level":5}"#],
    );
    assert_eq!((answers, failures), (vec![true, false, true, false, false], 0));
    assert_eq!(ask("exists(.a) && .a == null", &["{}", r#"{"a":null}"#, r#"{"a":1}"#]).0, [false, true, false]);
    assert_eq!(ask(r#".a."b c"[0] == 1"#, &[r#"{"a":{"b c":[1]}}"#, r#"{"a":1}"#]).0, [true, false]);
    assert_eq!(ask(r#"includes(["x", "y"], .a)"#, &[r#"{"a":"y"}"#, r#"{"a":"z"}"#]).0, [true, false]);
    assert_eq!(ask(".a == .b", &[r#"{"a":{"x":[1]},"b":{"x":[1]}}"#, r#"{"a":1,"b":1.0}"#]).0, [true, true]);
}

#[test]
fn failures_are_counted_and_not_met() {
    let documents = [r#"{"status":503}"#, r#"{"status":200}"#, r#"{"status":"many"}"#, "{}", r#"{"status":500.0}"#];
    assert_eq!(ask(".status >= 500", &documents), (vec![true, false, false, false, true], 2));
    assert_eq!(ask("to_int!(.status) >= 500 # no text", &documents), (vec![true, false, false, false, true], 1));
    assert_eq!(ask("limit = 500\n.status >= limit # two lines", &documents).0, [true, false, false, false, true]);
    assert_eq!(ask("upcase(.status) == \"MANY\"", &documents), (vec![false, false, true, false, false], 4));
    assert_eq!(ask("\"x\" == .a && .status >= 500", &documents).1, 0);
    assert_eq!(ask("if .status == 200 { abort }\ntrue", &documents), (vec![true, false, true, true, true], 1));
}

#[test]
fn reads_what_it_names() {
    let reads = |condition| VrlCondition::compile(condition).expect("compiles").reads().clone();
    assert_eq!(reads(".a.b == 1 || .c >= 2"), Reads::Fields(columns(&["a.b", "c"]).paths().to_vec()));
    assert_eq!(reads("length(.) > 3"), Reads::Whole);
    assert_eq!(ask("length(.) > 1", &["{}", r#"{"a":1,"b":2}"#]).0, [false, true]);
    assert_eq!(ask("length(unnest!(.a)) > 1", &[r#"{"a":[1,2]}"#, r#"{"a":[1]}"#]).0, [true, false]);
}

#[test]
fn metadata_may_be_asked_for() {
    assert_eq!(ask("%position > 0", &["{}", "{}"]).0, [false, true]);
    assert_eq!(ask(r#"%partition == "test/lines:a" && length(%id) == 32"#, &["{}"]).0, [true]);
    assert_eq!(ask(r#"to_unix_timestamp(%time) == 1700000000 && .a == 1"#, &[r#"{"a":1}"#]).0, [true]);
}

#[test]
fn what_is_no_condition_is_refused() {
    assert_eq!(fault(".a").message, "a condition must be true or false, and this is any");
    assert!(fault("to_int(.a)").message.contains("true or false"));
    assert!(fault("if .a == 1 { true }").message.contains("true or false"));
    assert_eq!(fault(".a = true").message, "mutation of read-only value");
    assert_eq!(fault("del(.a) == 1").message, "mutation of read-only value");
    assert_eq!(fault(".status >= 500 && length(1) == 2").message, "invalid argument type");
    let fault = fault(".status >= 500 && nope(.a)");
    assert_eq!((fault.message.as_str(), fault.within), ("call to undefined function", Some(18..22)));
}

#[test]
fn what_changes_is_not_remembered() {
    let documents: Vec<_> = std::iter::repeat_n("{}", 200).collect();
    let condition = VrlCondition::compile("random_bool()").expect("compiles");
    let mut answers = Vec::new();
    condition.test(&crate::fixtures::documents(&documents), &mut answers);
    assert!(answers.contains(&true) && answers.contains(&false));
}

#[test]
fn large_fields_are_not_remembered_and_still_answered() {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(10_000_000));
    assert_eq!(ask(r#"match!(.a, r'(x+x+)+y')"#, &[&large, r#"{"a":"xxy"}"#]).0, [false, true]);
}
