//! `--input [NAME=]FILES …`: which files stand in the place of which source.

use std::path::PathBuf;

use crate::backtest::Recorded;

/// Takes them apart. What stands before a `=` is a source if it names one of `sources`, by `FILE/NAME` or `NAME`: a path
/// may have such a sign too. Files without a name go where those before them went. A pattern stands for all files that
/// it matches, by name.
///
/// # Errors
/// No file is meant, as a sentence.
pub(in crate::cli) fn recorded(arguments: &[String], sources: &[String]) -> Result<Vec<Recorded>, String> {
    let is_source = |name: &str| {
        sources.iter().any(|source| source == name || source.split_once('/').is_some_and(|(_, own)| own == name))
    };
    let mut recorded: Vec<Recorded> = Vec::new();
    for argument in arguments {
        let (source, files) = match argument.split_once('=') {
            Some((name, files)) if is_source(name) => (Some(name.to_owned()), files),
            _ => (recorded.last().and_then(|last| last.source.clone()), argument.as_str()),
        };
        let files = expand(files).map_err(|error| match argument.split_once('=') {
            Some((name, _)) if source.is_none() => format!("{error}, and no source is named `{name}`"),
            _ => error,
        })?;
        recorded.push(Recorded { source, files });
    }
    Ok(recorded)
}

/// The file of this name, or all that match.
fn expand(files: &str) -> Result<Vec<PathBuf>, String> {
    let path = PathBuf::from(files);
    if path.is_file() {
        return Ok(vec![path]);
    }
    let matching = glob::glob(files).map_err(|error| format!("`{files}` is no file and no pattern: {error}"))?;
    let found: Vec<PathBuf> = matching.filter_map(Result::ok).filter(|path| path.is_file()).collect();
    if found.is_empty() { Err(format!("there is no file `{files}`")) } else { Ok(found) }
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
        let read = |arguments: &[String]| recorded(arguments, &sources);
        let files = |names: &[&str]| names.iter().map(|name| PathBuf::from(path(name))).collect::<Vec<_>>();

        let found = read(&[path("day=1.log"), format!("logs={}", path("[ab].log")), path("c[1].log")]).unwrap();
        assert_eq!(
            found,
            [
                Recorded { source: None, files: files(&["day=1.log"]) },
                Recorded { source: Some("logs".to_owned()), files: files(&["a.log", "b.log"]) },
                Recorded { source: Some("logs".to_owned()), files: files(&["c[1].log"]) },
            ]
        );
        assert_eq!(read(&[format!("p/other={}", path("a.log"))]).unwrap()[0].source.as_deref(), Some("p/other"));
        let missing = format!("lgs={}", path("a.log"));
        assert_eq!(
            read(std::slice::from_ref(&missing)).unwrap_err(),
            format!("there is no file `{missing}`, and no source is named `lgs`")
        );
    }
}
