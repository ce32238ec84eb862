//! From paths to pipelines: which files there are, and what is in them.
//!
//! A pipeline is a file, and its id is the file's name. Nothing here stops at the first file that can't be read: the
//! others are looked at all the same, so that one run of `logd validate` shows everything.
//!
//! This reads files and blocks: an async caller runs it on a thread of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::Document;
use super::pipeline::{Catalogue, Pipeline, is_valid_id};
use super::source_file::SourceFile;
use super::substitute::Environment;

/// Texts that are taken for those of files, by their absolute paths.
pub(crate) type Texts = BTreeMap<PathBuf, String>;

/// A larger file is not a configuration.
const LARGEST: u64 = 16 << 20;

/// Reads the pipeline files that `paths` name: files, and of folders the files `*.toml` in them, by name. Hidden files
/// are left out: editors keep their own there. The order of `paths` and names is the order of the result, so that two runs
/// over the same files say the same.
pub fn documents(paths: &[PathBuf], instead: &Texts, diagnostics: &mut Diagnostics) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut seen = HashSet::new();
    let mut ids: HashMap<String, Arc<SourceFile>> = HashMap::new();
    let files: Vec<_> = paths.iter().flat_map(|path| expand(path, diagnostics)).collect();
    for path in files {
        // The same file, once by itself and once in its folder, is one pipeline.
        if !seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            continue;
        }
        let help = "say where the pipelines are: -c FILE_OR_DIR";
        // One that can't be read is a pipeline all the same: what runs of it runs on.
        let file = read(&path, help, instead, diagnostics).unwrap_or_else(|unreadable| unreadable);
        let id = file.stem();
        if !is_valid_id(&id) {
            let wrong = Diagnostic::of_file(&file, format!("`{id}` can't be the name of a pipeline"));
            diagnostics.push(wrong.help("name the file NAME.toml, with a-z, A-Z, 0-9, `_` and `-` in NAME"));
        }
        if let Some(first) = ids.insert(id.clone(), file.clone()) {
            let wrong = Diagnostic::of_file(&file, format!("there are two pipelines `{id}`"));
            diagnostics.push(wrong.help(format!("rename this file or {}", first.path().display())));
            continue;
        }
        documents.push(Document::new(file, diagnostics));
    }
    documents
}

/// The pipelines of `documents`, in their order.
pub fn pipelines<'d>(
    documents: &'d [Document],
    environment: Environment<'_>,
    catalogue: &dyn Catalogue,
    diagnostics: &mut Diagnostics,
) -> Vec<Pipeline<'d>> {
    documents.iter().map(|document| Pipeline::new(document, environment, catalogue, diagnostics)).collect()
}

/// The files that `path` stands for. A path that does not exist stands for itself: reading it will say so.
fn expand(path: &Path, diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let folder = || SourceFile::new(path, "");
    let mut files: Vec<_> = match fs::read_dir(path) {
        Ok(entries) => {
            entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_pipeline(path)).collect()
        }
        Err(error) => {
            diagnostics.push(Diagnostic::of_file(&folder(), format!("the folder can't be read: {error}")));
            return Vec::new();
        }
    };
    if files.is_empty() {
        let empty = Diagnostic::of_file(&folder(), "no pipeline is in this folder");
        diagnostics.push(empty.help("write one into a file NAME.toml in it"));
    }
    files.sort();
    files
}

/// Whether a file of a folder is taken for a pipeline.
fn is_pipeline(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|extension| extension == "toml") && !path.is_dir()
}

/// Reads one file. Bytes that are no UTF-8 are an error, and the rest of the text is looked at all the same.
///
/// # Errors
/// The file can't be read, which has been said, with `help`: the file without a text.
pub(super) fn read(
    path: &Path,
    help: &str,
    instead: &Texts,
    diagnostics: &mut Diagnostics,
) -> Result<Arc<SourceFile>, Arc<SourceFile>> {
    let bytes = match bytes(path, instead) {
        Ok(bytes) => bytes,
        Err(error) => {
            let file = SourceFile::new(path, "");
            diagnostics.push(Diagnostic::of_file(&file, format!("the file can't be read: {error}")).help(help));
            return Err(file);
        }
    };
    Ok(text(path, bytes, diagnostics))
}

/// The bytes of a file as text. Those that are no UTF-8 are an error.
pub(super) fn text(path: &Path, bytes: Vec<u8>, diagnostics: &mut Diagnostics) -> Arc<SourceFile> {
    let valid = match String::from_utf8(bytes) {
        Ok(text) => return SourceFile::new(path, text),
        Err(error) => error,
    };
    let file = SourceFile::new(path, String::from_utf8_lossy(valid.as_bytes()));
    let start = valid.utf8_error().valid_up_to();
    diagnostics.push(Diagnostic::error(&file, start..start + 1, "this is not UTF-8"));
    file
}

/// The file's bytes, or those that stand in for them, but never more than [`LARGEST`]: a path may lead to a device or a pipe that has no end.
pub(super) fn bytes(path: &Path, instead: &Texts) -> io::Result<Vec<u8>> {
    if let Some(text) = instead.get(&std::path::absolute(path)?) {
        return Ok(text.clone().into_bytes());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [
            ("b.toml", &b"[sources.x]\ntype = 'y'\n"[..]),
            ("a.toml", b"x = 'caf\xe9'\ny = 5s\n"),
            (".#a.toml", b"junk"),
            ("c.txt", b"junk"),
            ("d e.toml", b""),
        ] {
            fs::write(path(name), text).unwrap();
        }
        fs::create_dir(path("f.toml")).unwrap();
        fs::create_dir(path("g")).unwrap();
        fs::write(path("g").join("b.toml"), "").unwrap();
        let mut diagnostics = Diagnostics::default();
        let paths = [path("b.toml"), folder.path().to_owned(), path("f.toml"), path("g"), path("none.toml")];
        let documents = documents(&paths, &Texts::new(), &mut diagnostics);
        let pipelines = pipelines(&documents, &|_| None, &crate::catalogue::All, &mut diagnostics);
        assert_eq!(pipelines.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["b", "a", "d e", "none"]);
        let folder = format!("{}/", folder.path().display());
        let found: Vec<_> = diagnostics.sorted().iter().map(|found| found.to_string().replace(&folder, "")).collect();
        assert_eq!(
            found,
            [
                "a.toml:1:1: error: unknown key `x`",
                "a.toml:1:9: error: this is not UTF-8",
                "a.toml:2:5: error: `5s` is not a value: text stands in quotes",
                "d e.toml: error: `d e` can't be the name of a pipeline",
                "f.toml: error: no pipeline is in this folder",
                "g/b.toml: error: there are two pipelines `b`",
                "none.toml: error: the file can't be read: No such file or directory (os error 2)",
            ]
        );
    }
}
