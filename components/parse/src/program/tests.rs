use std::str::FromStr;

use vrl::compiler::TargetValue;
use vrl::path::OwnedValuePath;
use vrl::value::{ObjectMap, Secrets};

use super::*;

fn change(source: &str) -> Result<Program, Vec<Fault>> {
    Program::compile(source, Purpose::Change, chrono_tz::UTC)
}

fn fields(paths: &[&str]) -> Reads {
    Reads::Fields(paths.iter().map(|path| OwnedValuePath::from_str(path).expect("a path")).collect())
}

/// The end of a run on `{ "n": 3 }`, and what became of the event.
fn run(source: &str) -> (End, Value) {
    let program = change(source).expect("compiles");
    let value = Value::Object(ObjectMap::from([("n".into(), Value::Integer(3))]));
    let mut target = TargetValue { value, metadata: Value::Object(ObjectMap::new()), secrets: Secrets::default() };
    let mut budget = Budget::new(BATCH);
    (program.run(&mut runtime(), &mut target, &mut budget), target.value)
}

#[test]
fn faults_stand_at_their_bytes() {
    for (source, text, message) in [
        (".a = nope(.b)", "nope", "call to undefined function"),
        (".a = 1 +", "", "syntax error"),
        (".a = to_int(.b)", "to_int(.b)", "unhandled fallible assignment"),
        ("x = r'('\n.a = 1", "r'('", "invalid regular expression"),
        (".a = y", "y", "call to undefined variable"),
        ("%color = 1", "%color", "events have no metadata `%color`"),
        ("%id = \"x\"", "", "mutation of read-only value"),
    ] {
        let faults = change(source).expect_err(source);
        let fault = faults.first().expect("a fault");
        assert_eq!(fault.message, message, "{source}: {faults:?}");
        assert!(!fault.message.contains('\n'));
        let within = fault.within.clone().map(|range| &source[range]).unwrap_or_default();
        if !text.is_empty() {
            assert_eq!(within, text, "{source}: {fault:?}");
        }
    }
}

#[test]
fn several_faults_come_at_once() {
    let faults = change(".a = nope(1)\n.b = neither(2)\n.c = to_int(.d)").expect_err("three faults");
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults[2].help.as_deref().is_some_and(|help| help.contains("??")), "{faults:?}");
}

#[test]
fn faults_at_odd_places_do_not_panic() {
    for source in ["", "(", "é", "\"é", ".a = é", "'", "r'(é'", "{", ".a[", "  \n  "] {
        for fault in change(source).err().into_iter().flatten() {
            if let Some(within) = fault.within {
                assert!(source.get(within.clone()).is_some_and(|text| !text.is_empty()), "{source:?} {within:?}");
            }
        }
    }
}

#[test]
fn knows_what_is_read() {
    assert_eq!(change(".x = .a.b || .c[0]").expect("compiles").reads, fields(&["a.b", "c[0]"]));
    assert_eq!(change(".x = exists(.a) && .a == 1").expect("compiles").reads, fields(&["a"]));
    for source in ["x = get!(., [\"a\"])", ". = map_keys(.) -> |k| { k }", "x = unnest!(.a)", "encode_json(.)"] {
        assert_eq!(change(source).expect(source).reads, Reads::Whole, "{source}");
    }
}

#[test]
fn knows_what_is_pure() {
    assert!(change(".a == \"now()\"").expect("compiles").pure);
    assert!(!change("now()").expect("compiles").pure);
    assert!(!change("%position > 3").expect("compiles").pure);
}

#[test]
fn ends_as_it_must() {
    assert_eq!(run(".n = .n + 1 ?? 0\n.n").0, End::Result(Value::Integer(4)));
    assert_eq!(run("abort \"no\"").0, End::Abort("no".to_owned()));
    assert_eq!(run("abort").0, End::Abort("aborted".to_owned()));
    assert!(matches!(run("to_int!(\"x\")").0, End::Failure(why) if why.contains("to_int")));
    assert!(matches!(run("\"xx\" * 9223372036854775807").0, End::Failure(why) if why.contains("panicked")));
}

#[test]
fn a_program_that_takes_too_long_is_interrupted() {
    let source = "for_each(array!(split(\"a,\" * 20000, \",\"))) -> |_i, _v| { for_each([1,2,3,4,5,6,7,8]) -> |_j, _w| { \
                  for_each([1,2,3,4,5,6,7,8]) -> |_k, _x| { for_each([1,2,3,4,5,6,7,8]) -> |_l, _y| { .n = .n + 1 ?? 0 } } } }";
    assert_eq!(run(source).0, End::TimedOut);
}

#[test]
fn a_value_that_grows_with_every_step_is_interrupted_before_it_takes_the_stack() {
    let source = "for_each(array!(split(\"a,\" * 200000, \",\"))) -> |_i, _v| { .n = { \"n\": .n } }";
    assert_eq!(run(source).0, End::TimedOut);
}

#[test]
fn the_deepest_programs_fit_on_the_stack() {
    let mut deepest = vec![
        format!("x = {}1{}", "(".repeat(30), ")".repeat(30)),
        format!("x = {}true", "!".repeat(240)),
        format!("x = {}", vec![".n"; 240].join(" || ")),
        format!("x = {}", vec![".n"; 240].join(" ?? ")),
        format!("if .n == 1 {{ 1 }} {}", "else if .n == 2 { 2 } ".repeat(110)),
    ];
    deepest.push(format!("x = {}{{\"a\": 1}}{}", "{\"a\": ".repeat(30), "}".repeat(30)));
    for source in deepest {
        let Ok(program) = change(&source) else { continue };
        let mut target = TargetValue {
            value: Value::Object(ObjectMap::new()),
            metadata: Value::Object(ObjectMap::new()),
            secrets: Secrets::default(),
        };
        assert!(matches!(program.run(&mut runtime(), &mut target, &mut Budget::new(BATCH)), End::Result(_)));
    }
}
