//! What is shown to people is right: every TOML that is shipped or stands in a text is a pipeline, or a `logd.toml`, that
//! logd reads; the code in the texts is that of an example which is compiled and run.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::support::{Place, provide, run};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder of the project that end so.
fn files_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files_ending(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The texts of the project.
fn texts() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md"), root().join("CHANGELOG.md")];
    for folder in ["docs", "components", "examples"] {
        found.extend(files_ending(&root().join(folder), ".md"));
    }
    found
}

/// The fenced blocks of a language, with the lines where they begin.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (line, number) in text.lines().zip(1..) {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(named)) => open = Some((number, named == language, String::new())),
            (Some(_), Some(_)) => found.extend(open.take().filter(|open| open.1).map(|open| (open.0, open.2))),
            (Some((_, _, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// The documentation comments of a source file, as a text with as many lines.
fn comments(code: &str) -> String {
    let comment = |line: &str| {
        let line = line.trim_start();
        let text = line.strip_prefix("//!").or_else(|| line.strip_prefix("///")).unwrap_or_default();
        text.strip_prefix(' ').unwrap_or(text).to_owned() + "\n"
    };
    code.lines().map(comment).collect()
}

/// What logd says of a TOML, if anything is wrong with it.
fn wrong(toml: &str, folder: Option<&Path>) -> Option<String> {
    const PIPELINE: &str = "[sources.in]\ntype = \"stdin\"\n[sinks.out]\ntype = \"blackhole\"\ninputs = [\"in\"]\n";
    let table: Table = match toml.parse() {
        Ok(table) => table,
        Err(error) => return Some(error.to_string()),
    };
    let place = Place::new();
    let is_pipeline = ["sources", "transforms", "sinks"].iter().any(|kind| table.contains_key(*kind));
    let (pipeline, daemon) = if is_pipeline { (whole(toml, &table), "") } else { (PIPELINE.to_owned(), toml) };
    let pipeline = place.write("pipelines/p.toml", pipeline);
    let daemon = place.write("logd.toml", daemon);
    let mut command = place.logd();
    command.args(["validate", "--no-environment", "--config"]).arg(daemon).arg("-c").arg(pipeline);
    command.current_dir(folder.unwrap_or(place.path("").as_path()));
    provide(&mut command, toml, if toml.contains("uri = \"${") { "https://example.com/hook" } else { "text" });
    let said = run(&mut command);
    (said.code != Some(0)).then_some(said.err)
}

/// A text may show a part of a pipeline: what it reads from is added.
fn whole(toml: &str, table: &Table) -> String {
    let components = ["sources", "transforms", "sinks"].into_iter().filter_map(|kind| table.get(kind)?.as_table());
    let components: Table = components.flatten().map(|(id, component)| (id.clone(), component.clone())).collect();
    let inputs = components.values().filter_map(|component| component.get("inputs")?.as_array()).flatten();
    let mut whole = toml.to_owned();
    let mut missing: Vec<&str> = inputs.filter_map(|input| input.as_str()).collect();
    missing.retain(|input| !input.contains(['.', '/', '*']) && !components.contains_key(*input));
    missing.sort_unstable();
    missing.dedup();
    for id in missing {
        whole += &format!("\n[sources.{id}]\ntype = \"generator\"\n");
    }
    whole
}

#[test]
fn every_pipeline_that_is_shipped_is_right() {
    let mut found = 0;
    for folder in ["pipelines", "examples"] {
        for path in files_ending(&root().join(folder), ".toml") {
            let mut text = fs::read_to_string(&path).expect("text");
            if text.contains("\"*/") {
                // It reads what other files make.
                text += "\n[sources.others]\ntype = \"generator\"\n[transforms.detector]\ntype = \"zscore\"\n";
                text += "inputs = [\"others\"]\nfield = \"response_time_ms\"\n";
                text = text.replace("*/*.anomalies", "*.anomalies");
            }
            assert_eq!(wrong(&text, path.parent()), None, "{}", path.display());
            found += 1;
        }
    }
    assert!(found >= 5, "only {found} files were found");
}

#[test]
fn every_toml_in_a_text_is_right() {
    let mut found = 0;
    let code = ["src", "components"].into_iter().flat_map(|folder| files_ending(&root().join(folder), ".rs"));
    let code = code.map(|path| (comments(&fs::read_to_string(&path).expect("text")), path));
    let texts = texts().into_iter().map(|path| (fs::read_to_string(&path).expect("text"), path));
    for (text, path) in texts.chain(code) {
        for (line, block) in blocks(&text, "toml") {
            assert_eq!(wrong(&block, None), None, "{}:{line}", path.display());
            found += 1;
        }
    }
    assert!(found >= 3, "only {found} blocks were found");
}

#[test]
fn the_code_in_the_texts_is_that_of_the_example() {
    let lines = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let example = lines(&fs::read_to_string(root().join("examples/own_component.rs")).expect("the example"));
    let mut found = 0;
    for path in texts() {
        for (line, block) in blocks(&fs::read_to_string(&path).expect("text"), "rust") {
            assert!(example.contains(&lines(&block)), "{}:{line} is not in the example", path.display());
            found += 1;
        }
    }
    assert!(found >= 4, "only {found} blocks were found");
}
