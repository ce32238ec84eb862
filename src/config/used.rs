//! Files beside the pipelines' whose text belongs to a component's settings, such as the program of a `remap`, or a
//! certificate.
//!
//! They are read here, each once, and handed to the settings before these are checked. What is in them counts as part of
//! the pipeline: a mistake in one refuses it, and an edit of one changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use logd_sdk::Plan;
use logd_sdk::report::Report;

use super::diagnostic::Diagnostics;
use super::load::{self, Texts};
use super::read::Repairs;
use super::source_file::SourceFile;

/// Where a file is, and whether no message may show a line of it.
type Used = (PathBuf, bool);

/// The files that all pipelines use.
#[derive(Debug, Default)]
pub(super) struct UsedFiles {
    /// What is in them, or why they can't be read.
    files: BTreeMap<Used, Result<Arc<SourceFile>, String>>,
    /// Which of them a pipeline uses.
    users: BTreeMap<String, BTreeSet<Used>>,
}

impl UsedFiles {
    /// Gives the settings of a component of `pipeline` the files that they name, but for those where something was
    /// repaired. That one can't be read goes into `report`, that it is no text into `diagnostics`.
    pub(super) fn hand_to(
        &mut self,
        plan: &mut Plan,
        repairs: &Repairs,
        pipeline: &str,
        instead: &Texts,
        report: &mut Report,
        diagnostics: &mut Diagnostics,
    ) {
        for (key, setting) in plan.files().into_iter().filter(|(key, _)| !repairs.concern(key)) {
            let (path, is_hidden) = (setting.path().to_owned(), setting.is_hidden());
            self.users.entry(pipeline.to_owned()).or_default().insert((path.clone(), is_hidden));
            let read = || match load::bytes(&path, instead) {
                // A mistake in it would be shown with its line.
                Ok(bytes) if is_hidden && std::str::from_utf8(&bytes).is_err() => Err("it is no text".to_owned()),
                Ok(bytes) => Ok(load::text(&path, bytes, diagnostics)),
                Err(error) => Err(error.to_string()),
            };
            match self.files.entry((path.clone(), is_hidden)).or_insert_with(read) {
                Ok(file) => setting.set_text(file.text()),
                Err(error) => {
                    let problem = report.error(key, format!("the file {} can't be read: {error}", path.display()));
                    if path.is_relative() {
                        problem.help("a relative path begins at the folder in which logd is started");
                    }
                }
            }
        }
    }

    /// The files that a pipeline uses, of those that could be read.
    pub(super) fn of(&self, pipeline: &str) -> impl Iterator<Item = &Arc<SourceFile>> {
        let used = self.users.get(pipeline).into_iter().flatten();
        used.filter_map(|used| self.files.get(used)?.as_ref().ok())
    }

    /// Those of which a message may show a line.
    pub(super) fn shown_of(&self, pipeline: &str) -> Vec<Arc<SourceFile>> {
        let used = self.users.get(pipeline).into_iter().flatten().filter(|(_, is_hidden)| !is_hidden);
        used.filter_map(|used| self.files.get(used)?.as_ref().ok().cloned()).collect()
    }

    /// Takes the files that a pipeline uses into a fingerprint.
    pub(super) fn hash(&self, pipeline: &str, hasher: &mut impl Hasher) {
        self.of(pipeline).for_each(|file| (file.path(), file.text()).hash(hasher));
    }

    /// Where all of them are, or should be.
    pub(super) fn paths(self) -> Vec<PathBuf> {
        self.files.into_keys().map(|(path, _)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::Texts;
    use crate::config::compile::{Compiled, Job, compile};

    #[test]
    fn a_used_file_counts_as_part_of_its_pipeline() {
        let folder = tempfile::tempdir().unwrap();
        let (pipeline, program) = (folder.path().join("p.toml"), folder.path().join("x.vrl"));
        let other = folder.path().join("q.toml");
        let text = "[sources.in]\ntype = 'stdin'\n[transforms.it]\ntype = 'remap'\ninputs = ['in']\nfile = 'x.vrl'\n\
            [sinks.out]\ntype = 'console'\ninputs = ['it']\nencoding.codec = 'json'\n";
        fs::write(&pipeline, text.replace("x.vrl", &program.display().to_string())).unwrap();
        fs::write(&other, text.replace("file = 'x.vrl'", "source = '.a = 1'")).unwrap();
        let load = || {
            compile(Job {
                paths: &[folder.path().to_owned()],
                environment: &|_| None,
                conditions: logd_parse::conditions().as_ref(),
                once: false,
                taken: &[],
                instead: &Texts::new(),
                tests: false,
            })
        };
        let said = |compiled: &Compiled| -> Vec<String> {
            let shown = |found: &super::super::diagnostic::Diagnostic| {
                found.to_string().replace(&format!("{}/", folder.path().display()), "")
            };
            compiled.diagnostics.iter().map(shown).collect()
        };
        let accepted = |compiled: &Compiled| -> Vec<bool> { compiled.files.iter().map(|file| file.accepted).collect() };

        let missing = load();
        assert_eq!(
            said(&missing),
            ["p.toml:6:8: error: the file x.vrl can't be read: No such file or directory (os error 2)"]
        );
        assert_eq!((accepted(&missing), &missing.used_files[..]), (vec![false, true], &[program.clone()][..]));

        fs::write(&program, ".a = 1\n.b = nope()\n").unwrap();
        let broken = load();
        assert_eq!(said(&broken), ["x.vrl:2:6: error: call to undefined function"]);
        assert_eq!(accepted(&broken), [false, true]);

        fs::write(&program, b".a = \"caf\xe9\"\n").unwrap();
        assert_eq!(said(&load()), ["x.vrl:1:10: error: this is not UTF-8"]);

        fs::write(&program, ".a = 1\n").unwrap();
        let sound = load();
        assert_eq!((said(&sound), accepted(&sound)), (Vec::new(), vec![true, true]));
        fs::write(&program, ".a = 2\n").unwrap();
        let edited = load();
        let changed = sound.files.iter().zip(&edited.files).map(|(old, new)| old.fingerprint != new.fingerprint);
        assert_eq!(changed.collect::<Vec<_>>(), [true, false]);
    }
}
