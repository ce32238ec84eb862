//! The versions of the pipeline files that were in use: what goes on after a restart when a file is broken, and what
//! `logd rollback` goes back to.
//!
//! A file in which a secret is written out is not kept: a variable in its place (`${NAME}`) is.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::config::compile::{Compiled, PipelineFile};
use crate::config::{SourceFile, Texts};

/// The folder in `data_dir`.
const FOLDER: &str = "generations";
/// So many are kept.
const MOST: usize = 20;

/// What was in use at a time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Generation {
    /// Its number: each is one more than the one before.
    pub(crate) number: u64,
    /// Since when, as RFC 3339 has it.
    at: String,
    /// By id.
    pipelines: BTreeMap<String, Kept>,
}

/// A pipeline's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    path: PathBuf,
    /// The texts of its file and of those that it uses, by their absolute paths; nothing if a secret is in one.
    texts: Texts,
}

/// All generations that are kept.
#[derive(Debug)]
pub(crate) struct Generations {
    folder: PathBuf,
    last: Generation,
}

impl Generations {
    /// Those in a data folder.
    ///
    /// # Errors
    /// They can't be read.
    pub(crate) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join(FOLDER);
        let last = match numbers(&folder)?.last() {
            Some(number) => read(&folder, *number)?,
            None => Generation::default(),
        };
        Ok(Self { folder, last })
    }

    /// The number of the last.
    pub(crate) fn number(&self) -> u64 {
        self.last.number
    }

    /// The texts of the last good versions of the pipelines that were refused, those that are not broken themselves among
    /// them: they were taken or refused together.
    pub(crate) fn good_texts(&self, compiled: &Compiled) -> Texts {
        let refused = compiled.files.iter().filter(|file| !file.accepted);
        let kept = refused.filter_map(|file| self.last.pipelines.get(&file.id));
        kept.flat_map(|kept| kept.texts.clone()).collect()
    }

    /// The number under which this would be kept.
    pub(crate) fn number_of(&self, compiled: &Compiled) -> u64 {
        self.last.number + u64::from(self.pipelines(compiled) != self.last.pipelines)
    }

    /// Of a broken file its last good version.
    fn pipelines(&self, compiled: &Compiled) -> BTreeMap<String, Kept> {
        let mut pipelines = BTreeMap::new();
        for file in &compiled.files {
            let kept = if file.accepted { Some(Kept::of(file)) } else { self.last.pipelines.get(&file.id).cloned() };
            pipelines.extend(kept.map(|kept| (file.id.clone(), kept)));
        }
        pipelines
    }

    /// Keeps what is in use now, if that is not what was in use before. Of a broken file its last good version is kept on.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn keep(&mut self, compiled: &Compiled, at: String) -> anyhow::Result<()> {
        let pipelines = self.pipelines(compiled);
        if pipelines == self.last.pipelines {
            return Ok(());
        }
        let generation = Generation { number: self.last.number + 1, at, pipelines };
        fs::create_dir_all(&self.folder).with_context(|| format!("{} can't be made", self.folder.display()))?;
        write(&self.folder, &generation)?;
        self.last = generation;
        let numbers = numbers(&self.folder)?;
        for number in numbers.iter().take(numbers.len().saturating_sub(MOST)) {
            fs::remove_file(path(&self.folder, *number)).context("an old generation can't be removed")?;
        }
        Ok(())
    }

    /// The one so many before the last.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub(crate) fn back(&self, steps: usize) -> anyhow::Result<Generation> {
        let numbers = numbers(&self.folder)?;
        ensure!(steps > 0, "say how many generations to go back: 1 or more");
        let Some(place) = numbers.len().checked_sub(steps + 1) else {
            let secret = self.last.pipelines.iter().filter(|(_, kept)| kept.texts.is_empty());
            let secret = secret.map(|(id, _)| format!("`{id}`")).collect::<Vec<_>>().join(", ");
            let because = match secret.as_str() {
                "" => String::new(),
                secret => {
                    format!("; none is kept of {secret}, where a secret is written out: put ${{NAME}} in its place")
                }
            };
            bail!("there are {} generations, the one in use among them{because}", numbers.len());
        };
        read(&self.folder, numbers[place])
    }
}

impl Generation {
    /// Its files, and their texts. A file that was not kept, for a secret is in it, is taken as it is now.
    pub(crate) fn files(&self) -> (Vec<PathBuf>, Texts) {
        let paths = self.pipelines.values().map(|kept| kept.path.clone()).collect();
        (paths, self.pipelines.values().flat_map(|kept| kept.texts.clone()).collect())
    }
}

impl Kept {
    fn of(pipeline: &PipelineFile) -> Self {
        let files = || std::iter::once(&pipeline.file).chain(&pipeline.used);
        let absolute = |file: &Arc<SourceFile>| Some((std::path::absolute(file.path()).ok()?, file.text().to_owned()));
        let is_secret = files().any(|file| file.has_secrets());
        let texts = if is_secret { Texts::new() } else { files().filter_map(absolute).collect() };
        Self { path: pipeline.path.clone(), texts }
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.json"))
}

/// The numbers of those in a folder, in order.
fn numbers(folder: &Path) -> anyhow::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("{} can't be read", folder.display()))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut numbers: Vec<u64> = names.filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn read(folder: &Path, number: u64) -> anyhow::Result<Generation> {
    let path = path(folder, number);
    let shown = path.display();
    let text = fs::read(&path).with_context(|| format!("{shown} can't be read"))?;
    serde_json::from_slice(&text).with_context(|| format!("{shown} is damaged"))
}

/// Under another name first: what has its name is whole.
fn write(folder: &Path, generation: &Generation) -> anyhow::Result<()> {
    let (path, new) = (path(folder, generation.number), folder.join("new"));
    let write = || {
        let mut file = fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec(generation)?)?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().with_context(|| format!("{} can't be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::compile::{Job, compile};

    fn compiled(paths: &[PathBuf], instead: &Texts) -> Compiled {
        let conditions = logd_parse::conditions();
        let conditions = conditions.as_ref();
        compile(Job { paths, environment: &|_| None, conditions, taken: &[], once: false, instead, tests: false })
    }

    fn pipeline(sink: &str) -> String {
        format!("[sources.in]\ntype = \"stdin\"\n[sinks.out]\ntype = \"{sink}\"\ninputs = [\"in\"]\n")
    }

    #[test]
    fn what_was_in_use_is_found_again() {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, paths) = (folder.path().join("p.toml"), [folder.path().to_owned()]);
        let mut generations = Generations::open(data.path()).unwrap();
        for sink in ["blackhole", "nonsense", "more_nonsense"] {
            fs::write(&path, pipeline(sink)).unwrap();
            generations.keep(&compiled(&paths, &Texts::new()), String::new()).unwrap();
        }
        let mut generations = Generations::open(data.path()).unwrap();
        assert_eq!(generations.number(), 1);
        let broken = compiled(&paths, &Texts::new());
        assert!(broken.errors() > 0);
        let good = compiled(&paths, &generations.good_texts(&broken));
        assert_eq!((good.errors(), good.graph.nodes.len()), (0, 2));

        fs::write(&path, pipeline("blackhole") + "# another\n").unwrap();
        assert_eq!(generations.number_of(&compiled(&paths, &Texts::new())), 2);
        generations.keep(&compiled(&paths, &Texts::new()), String::new()).unwrap();
        assert_eq!((generations.number(), generations.number_of(&compiled(&paths, &Texts::new()))), (2, 2));
        let (files, texts) = generations.back(1).unwrap().files();
        fs::remove_file(&path).unwrap();
        assert_eq!(compiled(&files, &texts).files[0].file.text(), pipeline("blackhole"), "the file may be gone");
        assert!(generations.back(2).is_err());
    }

    #[test]
    fn no_secret_is_kept_and_no_more_than_so_many() {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (path, paths) = (folder.path().join("p.toml"), [folder.path().to_owned()]);
        let mut generations = Generations::open(data.path()).unwrap();
        let settings = "endpoint = \"redis://h\"\npassword = \"canary\"\ndata_type = \"list\"\nkey = \"k\"\n";
        fs::write(&path, pipeline("redis") + settings + "encoding.codec = \"json\"\n").unwrap();
        let secret = compiled(&paths, &Texts::new());
        assert_eq!(secret.mistakes().collect::<Vec<_>>(), Vec::<String>::new());
        generations.keep(&secret, String::new()).unwrap();
        let kept = |number: u64| fs::read_to_string(super::path(&data.path().join(FOLDER), number)).unwrap_or_default();
        assert!(!kept(1).contains("canary"));
        let refused = generations.back(1).unwrap_err().to_string();
        assert!(refused.contains("none is kept of `p`, where a secret is written out"), "{refused}");
        for turn in 0..MOST + 5 {
            fs::write(&path, pipeline("blackhole") + &"#\n".repeat(turn)).unwrap();
            generations.keep(&compiled(&paths, &Texts::new()), String::new()).unwrap();
        }
        assert_eq!(numbers(&data.path().join(FOLDER)).unwrap().len(), MOST);
    }
}
