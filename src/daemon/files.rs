//! The pipeline files of a daemon that runs: reads them again, notices edits, and goes back to what they were.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use logd_sdk::condition::Conditions;

use super::generations::Generations;
use super::own::Own;
use super::watch::Watch;
use crate::config::Texts;
use crate::config::compile::{Compiled, Job, compile};

/// The files.
pub(super) struct Files {
    /// The files, and folders of files.
    pub(super) paths: Vec<PathBuf>,
    /// Compiles conditions.
    pub(super) conditions: Arc<dyn Conditions>,
    /// Notices edits.
    pub(super) watch: Watch,
    /// What they were.
    pub(super) generations: Generations,
    /// The daemon's own settings.
    pub(super) own: Own,
}

impl Files {
    /// Reads and checks them, as they are now.
    ///
    /// # Errors
    /// That panicked.
    pub(super) async fn compile(&mut self) -> anyhow::Result<Compiled> {
        self.compile_at(self.paths.clone(), Texts::new()).await
    }

    /// Checks them as they were so many generations before.
    ///
    /// # Errors
    /// There is no such generation, or it can't be read.
    pub(super) async fn compile_back(&mut self, steps: usize) -> anyhow::Result<Compiled> {
        let (paths, instead) = self.generations.back(steps)?.files();
        self.compile_at(paths, instead).await
    }

    async fn compile_at(&mut self, paths: Vec<PathBuf>, instead: Texts) -> anyhow::Result<Compiled> {
        let (taken, conditions) = (self.own.settings().telemetry.taken(), Arc::clone(&self.conditions));
        let compiled = tokio::task::spawn_blocking(move || {
            let environment = |name: &str| std::env::var(name).ok();
            let conditions = conditions.as_ref();
            let instead = &instead;
            compile(Job {
                paths: &paths,
                environment: &environment,
                conditions,
                taken: &taken,
                once: false,
                instead,
                tests: false,
            })
        });
        let compiled = compiled.await.context("the pipelines can't be read")?;
        self.watch.also(&compiled.used_files);
        Ok(compiled)
    }

    /// Keeps what is in use now.
    pub(super) fn keep(&mut self, compiled: &Compiled, at: String) {
        if let Err(error) = self.generations.keep(compiled, at) {
            let error = format!("{error:#}");
            tracing::warn!(error, "What is in use can't be kept: `logd rollback` will not find it.");
        }
        self.own.show_generation(self.generations.number());
    }
}
