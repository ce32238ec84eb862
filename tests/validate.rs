//! `logd validate`: one golden file for each kind of mistake.
//!
//! `tests/validate/NAME.toml` is a pipeline with mistakes, `tests/validate/NAME.txt` what is said of it. With `BLESS=1` in
//! the environment the second is written anew, to be looked at before it is committed.

use std::fs;
use std::path::Path;

use crate::support::{Place, run};

#[test]
fn every_mistake_is_named_with_its_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validate");
    let mut mistakes = 0;
    let mut wrong = Vec::new();
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("the folder of mistakes")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    names.sort();
    for path in names {
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let said = run(Place::new().logd().current_dir(&folder).args(["validate", &file]));
        let told = format!("{}exit code {}\n", said.err, said.code.unwrap_or(-1));
        mistakes += said.err.matches(&format!("--> {file}:")).count();
        let expected = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &told).expect("written");
        }
        if fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{file} says:\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(mistakes >= 30, "only {mistakes} mistakes are shown");
}

#[test]
fn all_files_are_told_of_in_one_run() {
    let place = Place::new();
    place.write("pipelines/a.toml", "[sources.x]\ntype = \"generatr\"\n");
    place.write("pipelines/b.toml", "[sources.y]\ntype = \"stdin\"\nlimit = 5\n[sinks.z]\ntype = \"console\"\n");
    let said = run(place.logd().arg("validate"));
    assert_eq!(said.code, Some(78), "{}", said.err);
    for place in ["a.toml:2:8", "b.toml:3:1", "b.toml:4:"] {
        assert!(said.err.contains(place), "{place} is missing:\n{}", said.err);
    }
}

#[test]
fn programs_get_json() {
    let place = Place::new();
    place.write("pipelines/a.toml", "[sources.x]\ntype = \"generatr\"\n");
    let said = run(place.logd().args(["validate", "--format", "json"]));
    assert_eq!(said.code, Some(78));
    let found: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    // Other things may be odd about the file.
    let found = found.as_array().expect("an array").iter().find(|one| one["severity"] == "error").expect("an error");
    assert_eq!((&found["line"], &found["column"]), (&2.into(), &8.into()), "{found}");
    assert_eq!(found["message"], "there is no source of type `generatr`");
}

#[test]
fn warnings_fail_only_when_they_are_denied() {
    let place = Place::new();
    place.write("pipelines/a.toml", "[sources.x]\ntype = \"stdin\"\n");
    assert_eq!(run(place.logd().arg("validate")).code, Some(0));
    assert_eq!(run(place.logd().args(["validate", "--deny-warnings"])).code, Some(78));
}

#[test]
fn usage_errors_are_64() {
    assert_eq!(run(Place::new().logd().arg("rum")).code, Some(64));
    assert_eq!(run(Place::new().logd().args(["run", "--nothing"])).code, Some(64));
    assert_eq!(run(Place::new().logd().arg("--help")).code, Some(0));
}

#[test]
fn secrets_are_not_shown() {
    let place = Place::new();
    let source = "type = \"http\"\naddress = \"127.0.0.1:0\"";
    place.write(
        "pipelines/a.toml",
        format!(
            "[sources.a]\n{source}\nauth = {{ strategy = \"basic\", username = \"u\", token = \"canary-a\" }}\n\
             [sources.b]\n{source}\nauth.strategy = \"bearer\"\nauth.token = canary-b\n\
             [sources.c]\n{source}\nauth.strategy = \"bearer\"\nauth.token = \"\"\"\ncanary-c \ncanary-d\"\"\"\n\
             [sources.d]\n{source}\nauth.strategy = \"bearer\"\nauth.tokn = \"canary-e\"\n\
             [sources.e]\ntype = \"htp\"\ntoken = \"canary-f\ntoken = \"canary-g\"\n\
             [sinks.out]\ntype = \"console\"\ninputs = [\"*\"]\ntoken = \"canary-h\"\nencoding.codec = \"json\"\n"
        ),
    );
    for arguments in [&["validate"][..], &["validate", "--format", "json"], &["run"]] {
        let said = run(place.logd().args(arguments));
        assert_eq!(said.code, Some(78), "{}", said.err);
        let all = said.out + &said.err;
        assert!(!all.contains("canary"), "{all}");
        assert!(all.contains("is not a value"), "{all}");
    }
    let text = run(place.logd().arg("validate")).err;
    assert!(text.contains("token = \"***\"      }"), "{text}");
}
