//! The daemon's own settings: `logd.toml`.
//!
//! All of them have defaults, so that `logd run` needs no such file. They are read as a component's settings are, with
//! the same types, variables and diagnostics.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use logd_api::ApiSettings;
use logd_elasticsearch::LogsSettings;
use logd_redis::FiguresSettings;
use logd_sdk::report::{KeyPath, Report};
use logd_sdk::settings::{Address, ByteSize, Duration, TextFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::diagnostic::Diagnostics;
use super::document::Document;
use super::load;
use super::read::{Known, deserialize, read};
use super::substitute::Environment;
use crate::telemetry::filter;

/// Where `logd.toml` is looked for when no path is given, in this order.
pub const SEARCHED: [&str; 2] = ["logd.toml", "/etc/logd/logd.toml"];

/// The keys of `logd.toml`, to recognise one that stands in a pipeline.
pub(super) const KEYS: [&str; 7] =
    ["data_dir", "pipelines", "telemetry", "checkpoint", "limits", "healthchecks", "api"];

/// The settings of the API, with those of what it may read in the place of its own archive.
pub(crate) type Api = ApiSettings<LogsSettings, FiguresSettings>;

/// The daemon's settings. Relative paths start at the folder of `logd.toml`; without one, where the daemon was started.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonSettings {
    /// The folder for checkpoints, positions and dead letters.
    pub data_dir: PathBuf,
    /// The folder, or the file, of the pipelines.
    pub pipelines: PathBuf,
    /// What the daemon tells of itself.
    pub telemetry: Telemetry,
    /// How often positions and states are kept.
    pub checkpoint: Checkpoint,
    /// What the daemon may take.
    pub limits: Limits,
    /// Whether services have to answer.
    pub healthchecks: Healthchecks,
    /// The API and the dashboard.
    pub api: Api,
}

/// What the daemon tells of itself.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Where `/metrics`, `/health` and `/ready` are served.
    pub address: Address,
    /// Which lines of the log are written: error, warn, info, debug, trace, or directives such as
    /// `info,logd::topology=debug`.
    pub log_level: String,
}

/// How often positions and states are kept.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checkpoint {
    /// The time from one checkpoint to the next, at least 10 ms.
    pub interval: Duration,
}

/// What the daemon may take.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Threads that work on events; as many as there are cores if it is not set.
    pub threads: Option<NonZeroUsize>,
    /// The bytes of the events between components, all together, at least 1 MiB.
    pub memory: ByteSize,
    /// What dead letters may take on disk, at least 64 MiB. What is given up beyond that is lost, and counted.
    pub dead_letters: ByteSize,
    /// How long a stop may take to deliver what is under way, before it leaves that for the next start.
    pub shutdown_timeout: Duration,
    /// How long each step of a reload may take, before it is given up and what ran goes on.
    pub reload_timeout: Duration,
}

/// Whether services have to answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Healthchecks {
    /// Whether a sink that comes new with a reload has to answer before it takes the place of what runs.
    pub require_healthy: bool,
}

impl Default for DaemonSettings {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            pipelines: "pipelines".into(),
            telemetry: Telemetry::default(),
            checkpoint: Checkpoint::default(),
            limits: Limits::default(),
            healthchecks: Healthchecks::default(),
            api: Api::default(),
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { address: Address::local(9598), log_level: "info".to_owned() }
    }
}

/// An address that the daemon itself listens on, with the setting that says so.
pub(crate) type Taken = (SocketAddr, &'static str);

impl Telemetry {
    /// The address that is taken by it.
    pub(crate) fn taken(&self) -> [Taken; 1] {
        [(self.address.socket(), "telemetry.address")]
    }
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1) }
    }
}

impl Default for Limits {
    /// `docker stop` kills after ten seconds: the stop is over before that.
    fn default() -> Self {
        Self {
            threads: None,
            memory: ByteSize::mebibytes(64),
            dead_letters: ByteSize::mebibytes(1024),
            shutdown_timeout: Duration::from_secs(8),
            reload_timeout: Duration::from_secs(10),
        }
    }
}

impl DaemonSettings {
    /// Reads `path`, or without one the first of [`SEARCHED`] that there is, or else takes the defaults. `None` if
    /// anything is wrong with the file.
    pub fn load(path: Option<&Path>, environment: Environment<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        match Self::find(path) {
            Some(path) => Self::read(&path, environment, diagnostics),
            None => Some(Self::default()),
        }
    }

    /// Their file: `path`, or the first of [`SEARCHED`] that there is.
    pub fn find(path: Option<&Path>) -> Option<PathBuf> {
        let searched = || SEARCHED.iter().map(Path::new).find(|path| path.exists());
        path.or_else(searched).map(Path::to_owned)
    }

    fn read(path: &Path, environment: Environment<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let before = diagnostics.errors();
        let document = Document::new(
            load::read(path, "say where logd.toml is: --config FILE", &load::Texts::new(), diagnostics).ok()?,
            diagnostics,
        );
        let (table, origin) = document.table(environment, diagnostics);
        let mut settings: Self =
            read(&origin, Spanned::new(0..0, table.clone()), Known::default(), deserialize, diagnostics)?.sound()?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut report = Report::default();
        let mut take = |key: KeyPath, file: &mut TextFile| {
            let path = folder.join(file.path());
            match std::fs::read_to_string(&path) {
                Ok(text) => file.set_text(text),
                Err(error) => drop(report.error(key, format!("the file {} can't be read: {error}", path.display()))),
            }
        };
        settings.api.files().into_iter().for_each(|(key, file)| take(key, file));
        let Api { logs, metrics, .. } = &mut settings.api;
        for (table, files) in [("logs", logs.files()), ("metrics", metrics.files())] {
            files.into_iter().for_each(|(key, file)| take(KeyPath::from(["api", table]).join(key), file));
        }
        settings.check(&mut report);
        origin.report(&table, 0..0, report.problems(), diagnostics);
        let tls = settings.api.tls.iter_mut().flat_map(|tls| [&mut tls.crt_file, &mut tls.key_file]);
        for path in [&mut settings.data_dir, &mut settings.pipelines].into_iter().chain(tls) {
            *path = folder.join(&path);
        }
        (diagnostics.errors() == before).then_some(settings)
    }

    fn check(&self, report: &mut Report) {
        if self.checkpoint.interval < Duration::from_millis(10) {
            report.error(["checkpoint", "interval"], "`interval` must be 10ms or more").help("write interval = \"1s\"");
        }
        if let Err(error) = filter(&self.telemetry.log_level) {
            report
                .error(["telemetry", "log_level"], format!("{error:#}"))
                .help("write error, warn, info, debug or trace");
        }
        if self.limits.dead_letters < ByteSize::mebibytes(64) {
            report
                .error(["limits", "dead_letters"], "`dead_letters` must be 64 MiB or more")
                .help("write dead_letters = \"1 GiB\"");
        }
        if self.limits.memory < ByteSize::mebibytes(1) {
            report.error(["limits", "memory"], "`memory` must be 1 MiB or more").help("write memory = \"64 MiB\"");
        }
        self.api.check(report);
        let (mut logs, mut metrics) = (Report::default(), Report::default());
        self.api.logs.check(&mut logs);
        self.api.metrics.check(&mut metrics);
        report.append_in(&["api", "logs"].into(), logs);
        report.append_in(&["api", "metrics"].into(), metrics);
    }

    /// Whether those of the API are the same to the letter, secrets and files too.
    pub(crate) fn has_same_api(&self, other: &Self) -> bool {
        let (one, other) = (&self.api, &other.api);
        one.is_same(other) && one.logs.is_same(&other.logs) && one.metrics.is_same(&other.metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Option<DaemonSettings>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logd.toml");
        std::fs::write(&path, text).unwrap();
        let mut diagnostics = Diagnostics::default();
        let settings = DaemonSettings::load(Some(&path), &|_| Some("4".to_owned()), &mut diagnostics);
        let strip = |settings: DaemonSettings| DaemonSettings {
            data_dir: settings.data_dir.strip_prefix(folder.path()).map_or(settings.data_dir.clone(), Path::to_owned),
            ..settings
        };
        let folder = format!("{}/", folder.path().display());
        let found = diagnostics.sorted().iter().map(|found| found.to_string().replace(&folder, "")).collect();
        (settings.map(strip), found)
    }

    #[test]
    fn everything_has_a_default() {
        let (settings, found) = load("");
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(
            toml::to_string(&settings.unwrap().telemetry).unwrap(),
            "address = \"127.0.0.1:9598\"\nlog_level = \"info\"\n"
        );
        assert_eq!(DaemonSettings::default().data_dir, Path::new("data"));
    }

    #[test]
    fn reads_all_keys() {
        let (settings, _) = load(
            "data_dir = 'state'\npipelines = '/p'\n[telemetry]\naddress = '0.0.0.0:80'\n[checkpoint]\ninterval = '500ms'\n\
             [limits]\nthreads = '${N}'\nmemory = '1 GiB'\nshutdown_timeout = '3s'\n",
        );
        let settings = settings.unwrap();
        assert_eq!((settings.data_dir, settings.pipelines), ("state".into(), "/p".into()));
        assert_eq!(settings.limits.threads.map(NonZeroUsize::get), Some(4));
        assert_eq!(serde_json::to_value(DaemonSettings::default()).unwrap().as_object().unwrap().len(), KEYS.len());
    }

    #[test]
    fn says_what_is_wrong() {
        let (settings, found) =
            load("data-dir = 'x'\n[checkpoint]\ninterval = '1ms'\n[limits]\nthreads = 0\nmemory = 5\n");
        assert!(settings.is_none());
        assert_eq!(
            found,
            [
                "logd.toml:1:1: error: unknown key `data-dir`",
                "logd.toml:5:11: error: `threads` must be a whole number, 1 or more, not 0",
                "logd.toml:6:10: error: `memory`: the size 5 has no unit",
            ]
        );
        let (settings, found) = load("checkpoint.interval = '1ms'\n[limits]\nmemory = '1 B'\n");
        assert!(settings.is_none());
        assert_eq!(
            found,
            [
                "logd.toml:1:23: error: `interval` must be 10ms or more",
                "logd.toml:3:10: error: `memory` must be 1 MiB or more"
            ]
        );
    }

    #[test]
    fn the_api_may_read_elsewhere() {
        let text = "[api.logs]\nfrom = 'elasticsearch'\nendpoints = ['https://es:9200']\n\
                    auth = { strategy = 'bearer', token = '${N}' }\n\
                    [api.metrics]\nfrom = 'redis'\nendpoint = 'redis://r'\npassword = 'canary'\n";
        let (settings, found) = load(text);
        assert_eq!(found, Vec::<String>::new());
        let settings = settings.unwrap();
        assert!(settings.api.logs.open().unwrap().is_some() && settings.api.metrics.open().unwrap().is_some());
        assert!(settings.has_same_api(&load(text).0.unwrap()));
        assert!(!settings.has_same_api(&load(&text.replace("canary", "other")).0.unwrap()));
        let shown = serde_json::to_string(&settings).unwrap() + &format!("{settings:?}");
        assert!(shown.contains("https://es:9200") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_is_wrong_with_what_the_api_reads_has_its_line() {
        let (settings, found) = load(
            "[api.logs]\nfrom = 'elasticsearch'\nendpoints = ['es:9200']\nindexes = 'x'\n[api.metrics]\nfrom = 'rediss'\n",
        );
        assert!(settings.is_none());
        assert_eq!(
            found,
            ["logd.toml:4:1: error: unknown key `indexes`", "logd.toml:6:8: error: `from` can't be `rediss`",]
        );
        let (_, found) = load(
            "[api.logs]\nfrom = 'elasticsearch'\nendpoints = ['es:9200']\ntls.ca_file = 'ca.pem'\n\
             [api.metrics]\nfrom = 'redis'\nendpoint = 'redis://:canary@r'\n",
        );
        assert_eq!(
            found,
            [
                "logd.toml:3:14: error: an endpoint begins with `http://` or `https://`, and a host",
                "logd.toml:4:15: error: the file ca.pem can't be read: No such file or directory (os error 2)",
                "logd.toml:7:12: error: a user or password does not belong into the endpoint, where everybody sees it",
            ]
        );
    }
}
