//! What logd writes to its log: lines on stderr, for people or for programs.

use std::io::{IsTerminal, stderr};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, registry, reload};

use super::throttle::Throttle;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Json,
}

/// What the lines of the log go through.
#[derive(Clone)]
pub(crate) struct Log {
    /// Knows how many lines were left out of a flood, and has to be asked for it: by its `upkeep`, and at the end by its
    /// `report`.
    pub(crate) throttle: Throttle,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Log {
    /// Starts to write log lines to stderr: those that `filter` lets through, a level such as `info` or directives such
    /// as `info,logd::topology=debug`.
    ///
    /// # Errors
    /// The filter can't be read, or lines are being written already.
    pub(crate) fn start(format: LogFormat, filter: &str) -> anyhow::Result<Self> {
        let (layer, filter) = reload::Layer::new(self::filter(filter)?);
        let throttle = Throttle::default();
        // https://no-color.org: any text but the empty one.
        let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines(format, layer, throttle.clone(), colours, stderr).try_init()?;
        Ok(Self { throttle, filter })
    }

    /// Lets other lines through from now on.
    ///
    /// # Errors
    /// The filter can't be read.
    pub(crate) fn show(&self, filter: &str) -> anyhow::Result<()> {
        Ok(self.filter.reload(self::filter(filter)?)?)
    }
}

/// Reads a filter of log lines.
///
/// # Errors
/// It is none.
pub(crate) fn filter(text: &str) -> anyhow::Result<EnvFilter> {
    // A word alone could be a module too, and then a misspelt level would silence all others.
    let is_word = text.chars().all(char::is_alphanumeric);
    ensure!(!is_word || text.parse::<LevelFilter>().is_ok(), "`{text}` is not a level of log lines");
    EnvFilter::try_new(text).with_context(|| format!("`{text}` is not a filter of log lines"))
}

/// All that a line goes through, in order: filter, throttle, format.
fn lines<F, W>(format: LogFormat, filter: F, throttle: Throttle, colours: bool, writer: W) -> Dispatch
where
    F: Layer<Registry> + Send + Sync,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(colours).with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    registry().with(filter).with(throttle).with(lines).into()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps what is written to it.
    #[derive(Clone, Default)]
    pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("a lock").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What `work` logs.
    pub(crate) fn logged(subscriber: impl Into<Dispatch>, lines: &Lines, work: impl FnOnce()) -> Vec<String> {
        tracing::dispatcher::with_default(&subscriber.into(), work);
        let text = String::from_utf8(lines.0.lock().expect("a lock").clone()).expect("UTF-8");
        text.lines().map(str::to_owned).collect()
    }

    fn log(format: LogFormat, filter: &str, colours: bool) -> Vec<String> {
        let kept = Lines::default();
        let filter = EnvFilter::try_new(filter).expect("a filter");
        let subscriber = lines(format, filter, Throttle::default(), colours, kept.clone());
        logged(subscriber, &kept, || {
            tracing::warn!(component = "p/c", events = 3, "Events were lost.");
            tracing::debug!("Nobody wants to know.");
        })
    }

    #[test]
    fn text_is_for_people() {
        let lines = log(LogFormat::Text, "info", false);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let (time, rest) = lines[0].split_once(' ').expect("a time");
        assert!(logd_sdk::Time::parse_rfc3339(time.as_bytes()).is_some(), "{time}");
        assert_eq!(rest, " WARN Events were lost. component=\"p/c\" events=3");
        assert!(log(LogFormat::Text, "info", true)[0].contains("\u{1b}[33m"), "yellow");
    }

    #[test]
    fn json_is_for_programs() {
        let lines = log(LogFormat::Json, "debug", true);
        assert_eq!(lines.len(), 2, "{lines:?}");
        let line: serde_json::Value = serde_json::from_str(&lines[0]).expect("JSON");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "Events were lost.");
        assert_eq!((&line["component"], &line["events"]), (&"p/c".into(), &3.into()));
    }

    #[test]
    fn filters_by_module() {
        assert_eq!(log(LogFormat::Text, "off,logd::telemetry=debug", false).len(), 2);
        assert_eq!(log(LogFormat::Text, "error", false).len(), 0);
        assert_eq!(filter("inof").expect_err("no level").to_string(), "`inof` is not a level of log lines");
        let error = format!("{:#}", filter("logd=loud").expect_err("no such level"));
        assert!(error.starts_with("`logd=loud` is not a filter of log lines: "), "{error}");
    }
}
