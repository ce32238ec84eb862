//! `--input [NAME=]FILES …`: which files or topics stand in the place of which source.

use std::path::PathBuf;

use logd_kafka::Topic;

/// What stands in the place of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// The source as `NAME` or `FILE/NAME`; without it, the only one.
    pub(super) source: Option<String>,
    /// What is read.
    pub(super) origin: Origin,
}

/// Where recorded lines are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In files, in the order in which they are read.
    Files(Vec<PathBuf>),
    /// In a topic.
    Topic(Topic),
}

/// Takes them apart. What stands before a `=` is a source if it names one of `sources`, by `FILE/NAME` or `NAME`: a path
/// may have such a sign too. Input without a name goes where that before it went. A pattern stands for all files that it
/// matches, by name.
///
/// # Errors
/// No file and no topic is meant, as a sentence.
pub(super) fn inputs(arguments: &[String], sources: &[String]) -> Result<Vec<Input>, String> {
    let is_source = |name: &str| {
        sources.iter().any(|source| source == name || source.split_once('/').is_some_and(|(_, own)| own == name))
    };
    let mut inputs: Vec<Input> = Vec::new();
    for argument in arguments {
        let (source, origin) = match argument.split_once('=') {
            Some((name, origin)) if is_source(name) => (Some(name.to_owned()), origin),
            _ => (inputs.last().and_then(|last| last.source.clone()), argument.as_str()),
        };
        let origin = if Topic::is_meant(origin) { origin.parse().map(Origin::Topic) } else { expand(origin) };
        let origin = origin.map_err(|error| match argument.split_once('=') {
            Some((name, _)) if source.is_none() => format!("{error}, and no source is named `{name}`"),
            _ => error,
        })?;
        inputs.push(Input { source, origin });
    }
    Ok(inputs)
}

/// The file of this name, or all that match.
fn expand(files: &str) -> Result<Origin, String> {
    let path = PathBuf::from(files);
    if path.is_file() {
        return Ok(Origin::Files(vec![path]));
    }
    let matching = glob::glob(files).map_err(|error| format!("`{files}` is no file and no pattern: {error}"))?;
    let found: Vec<PathBuf> = matching.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    if found.is_empty() { Err(format!("there is no file `{files}`")) } else { Ok(Origin::Files(found)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_sources_from_paths() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.log", "a.log", "day=1.log", "c[1].log"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let path = |name: &str| format!("{}/{name}", folder.path().display());
        let sources = ["p/logs".to_owned(), "p/other".to_owned()];
        let read = |arguments: &[String]| inputs(arguments, &sources);
        let input = |source: Option<&str>, origin| Input { source: source.map(str::to_owned), origin };
        let files = |names: &[&str]| Origin::Files(names.iter().map(|name| PathBuf::from(path(name))).collect());

        let topic = "kafka://a:9092,b:9092/logs";
        let found = read(&[
            path("day=1.log"),
            format!("logs={}", path("[ab].log")),
            path("c[1].log"),
            format!("p/other={topic}"),
            topic.to_owned(),
        ]);
        assert_eq!(
            found.unwrap(),
            [
                input(None, files(&["day=1.log"])),
                input(Some("logs"), files(&["a.log", "b.log"])),
                input(Some("logs"), files(&["c[1].log"])),
                input(Some("p/other"), Origin::Topic(topic.parse().unwrap())),
                input(Some("p/other"), Origin::Topic(topic.parse().unwrap())),
            ]
        );
        assert!(read(&["kafka://a:9092".to_owned()]).unwrap_err().contains("`kafka://a:9092` names no topic"));
        let missing = format!("lgs={}", path("a.log"));
        assert_eq!(
            read(std::slice::from_ref(&missing)).unwrap_err(),
            format!("there is no file `{missing}`, and no source is named `lgs`")
        );
    }
}
