//! The `console` sink: events on standard output or standard error, for eyes and for pipes.

mod pretty;

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::bail;
use logd_sdk::component::{Settings, SinkSettings};
use logd_sdk::condition::{Conditions, Reads};
use logd_sdk::settings::Codec;
use logd_sdk::sink::{Attempt, Sink};
use logd_sdk::{Batch, Clock, ComponentId, Context};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use self::pretty::Pretty;

/// Writes events to standard output or standard error, a line each.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsoleSettings {
    /// Where to.
    #[serde(default)]
    target: Target,
    /// How events are written.
    #[serde(default)]
    encoding: ConsoleEncoding,
}

/// Where to.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Target {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConsoleEncoding {
    /// As `text`: its `message`, or what it has as JSON. As `json`: an object. As `pretty`, for people: what changed in
    /// an incident in a sentence, anything else with time, level, service and message first, and coloured on a
    /// terminal (unless `NO_COLOR` is set).
    #[serde(default)]
    codec: ConsoleCodec,
}

/// What an event is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ConsoleCodec {
    /// Its message, or the whole of it as JSON.
    #[default]
    Text,
    /// A JSON object.
    Json,
    /// A line that a person reads.
    Pretty,
}

impl Settings for ConsoleSettings {
    const NAME: &'static str = "console";
    const SUMMARY: &'static str = "Writes to standard output or standard error";
    const EXAMPLE: &'static str = "target = \"stdout\"\nencoding.codec = \"pretty\"";

    fn reads(&self, _: &dyn Conditions) -> Reads {
        if self.encoding.codec == ConsoleCodec::Pretty { Reads::Whole } else { Reads::nothing() }
    }
}

impl SinkSettings for ConsoleSettings {
    type Sink = Console;

    async fn build(&self, context: &Context) -> anyhow::Result<Console> {
        let (output, terminal): (Box<dyn Write + Send>, bool) = match self.target {
            Target::Stdout => (Box::new(io::stdout()), io::stdout().is_terminal()),
            Target::Stderr => (Box::new(io::stderr()), io::stderr().is_terminal()),
        };
        // An informal standard: no-color.org.
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Ok(self.write_to(context, output, colours))
    }
}

impl ConsoleSettings {
    /// A console that writes to `output`.
    fn write_to(&self, context: &Context, output: Box<dyn Write + Send>, colours: bool) -> Console {
        Console {
            id: context.id.clone(),
            clock: context.clock.clone(),
            codec: self.encoding.codec,
            colours,
            output: Arc::new(Mutex::new(output)),
            closed: AtomicBool::new(false),
        }
    }
}

/// A running `console`.
pub(crate) struct Console {
    id: ComponentId,
    /// Tells which day it is: times of others are written with their date.
    clock: Clock,
    codec: ConsoleCodec,
    /// Whether what is pretty is coloured too.
    colours: bool,
    /// Standard output or standard error, locked for each batch.
    output: Arc<Mutex<Box<dyn Write + Send>>>,
    /// Whether nobody reads any more.
    closed: AtomicBool,
}

impl Console {
    /// The batch as text.
    fn encode(&self, batch: &Batch) -> Vec<u8> {
        let mut text = Vec::with_capacity(batch.event_bytes() + 64 * batch.len());
        let pretty = Pretty::new(self.clock.now(), self.colours);
        for row in 0..batch.len() {
            match self.codec {
                ConsoleCodec::Text => Codec::Text.write_line(batch, row, &mut text),
                ConsoleCodec::Json => Codec::Json.write_line(batch, row, &mut text),
                ConsoleCodec::Pretty => pretty.write(&batch.value(row), batch.rows()[row].time, &mut text),
            }
        }
        text
    }
}

impl Sink for Console {
    async fn deliver(&self, batch: &Batch) -> Attempt {
        let (text, output) = (self.encode(batch), Arc::clone(&self.output));
        // Whoever reads may not read for long: that must block neither a task nor the way out.
        let written = spawn_blocking(move || {
            let mut output = output.blocking_lock();
            // One write for the whole, so that lines of others stand between batches and not within.
            output.write_all(&text).and_then(|()| output.flush())
        });
        match written.await.map_err(io::Error::other).flatten() {
            Ok(()) => Attempt::delivered(),
            // A reader who has gone does not come back: to wait for him would hold the pipeline up for ever.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                if !self.closed.swap(true, Relaxed) {
                    tracing::warn!(component = %self.id, "Nobody reads the console's output any more.");
                }
                Attempt::refused(batch, "nobody reads the output any more")
            }
            Err(error) => Attempt::failed(batch, error),
        }
    }

    async fn probe(&self) -> anyhow::Result<()> {
        if self.closed.load(Relaxed) {
            bail!("nobody reads the output any more");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::testing::{NOW, batch, context, reads_its_example};

    /// Keeps what is written, up to so many writes.
    #[derive(Clone, Default)]
    struct Output {
        text: Arc<std::sync::Mutex<Vec<u8>>>,
        writes: Arc<AtomicUsize>,
        most: usize,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.writes.fetch_add(1, Relaxed) >= self.most {
                return Err(ErrorKind::BrokenPipe.into());
            }
            self.text.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn console(text: &str, output: &Output) -> Console {
        let settings: ConsoleSettings = toml::from_str(text).unwrap();
        settings.write_to(&context("unused".as_ref(), false), Box::new(output.clone()), false)
    }

    #[test]
    fn reads_its_example_and_defaults() {
        reads_its_example::<ConsoleSettings>();
        assert!(toml::from_str::<ConsoleSettings>("target = 'nowhere'").is_err());
        assert!(toml::from_str::<ConsoleSettings>("encoding.codex = 'json'").is_err());
    }

    #[tokio::test]
    async fn writes_a_batch_at_once() {
        for (codec, expected) in [
            ("text", "one\ntwo\n"),
            ("json", "{\"message\":\"one\"}\n{\"message\":\"two\"}\n"),
            ("pretty", "14:03:10.000Z one\n14:03:10.000Z two\n"),
        ] {
            let output = Output { most: 1, ..Output::default() };
            let console = console(&format!("encoding.codec = '{codec}'"), &output);
            assert_eq!(console.deliver(&batch(["one", "two"], NOW)).await, Attempt::delivered());
            assert_eq!(String::from_utf8(output.text.lock().unwrap().clone()).unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_closed_pipe_refuses_events_and_does_not_panic() {
        let console = console("", &Output::default());
        assert!(console.probe().await.is_ok());
        for _ in 0..2 {
            let attempt = console.deliver(&batch(["one", "two"], NOW)).await;
            assert_eq!((attempt.retry.len(), attempt.reject.len()), (0, 2));
        }
        assert!(console.probe().await.is_err());
    }
}
