//! `logd dlq`: what nobody could handle, and what is to become of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use logd_sdk::Time;
use logd_sdk::event::write_json;

use super::Exit;
use super::moment::Moment;
use super::settings::{Configuration, print, say, tell};
use crate::admin::control::{self, Answer, Command};
use crate::config::daemon::DaemonSettings;
use crate::daemon::{self, DataDir};
use crate::dead_letters::{DeadLetters, Letter, Letters};

/// Look at dead letters, drop them, or have them tried again
#[derive(Args, Debug)]
pub(super) struct Dlq {
    #[command(flatten)]
    configuration: Configuration,

    /// Where the daemon keeps its state [default: ./data]
    #[arg(long, value_name = "DIR", env = "LOGD_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List them, a line each
    Ls {
        #[command(flatten)]
        which: Which,

        /// How they are shown
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show them whole: the event as it came in, who refused it and why
    Show(Which),
    /// Give them to the components that refused them; also while the daemon runs
    Replay(Which),
    /// Forget them; also while the daemon runs
    Drop(Which),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: an object on a line each
    Json,
}

/// Which letters are meant.
#[derive(Args, Debug)]
struct Which {
    /// Their numbers, as `ls` shows them; without any, all that the options choose
    numbers: Vec<u64>,

    /// Those of this component: PIPELINE/NAME, or NAME in any pipeline
    #[arg(long, value_name = "COMPONENT")]
    component: Option<String>,

    /// Those whose reason has this text in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Those since then: a time as 2026-01-31T12:00:00Z, or how long ago, as 2h
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Those until then
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    /// All of them
    #[arg(long)]
    all: bool,
}

impl Which {
    fn is_said(&self) -> bool {
        let Self { numbers, component, reason, since, until, all } = self;
        *all || !numbers.is_empty() || component.is_some() || reason.is_some() || since.is_some() || until.is_some()
    }

    fn choose(&self, letters: Letters) -> BTreeMap<u64, Letter> {
        let since = self.since.map_or(Time::MIN, Moment::time);
        let until = self.until.map_or(Time::MAX, Moment::time);
        let mut letters = letters.0;
        letters.retain(|number, letter| {
            let id = letter.component();
            let named = |name: &String| *name == id.to_string() || name == id.id();
            (self.numbers.is_empty() || self.numbers.contains(number))
                && self.component.as_ref().is_none_or(named)
                && self.reason.as_ref().is_none_or(|reason| letter.reason.contains(reason))
                && (since..=until).contains(&letter.time())
        });
        letters
    }
}

impl Dlq {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let data_dir = self.data_dir.clone().unwrap_or_else(|| settings.data_dir.clone());
        let dead = DeadLetters::new(&data_dir, settings.limits.dead_letters.bytes());
        let result = match &self.action {
            Action::Ls { which, format } => dead.letters().map(|letters| list(&which.choose(letters), *format)),
            Action::Show(which) => dead.letters().map(|letters| show(&which.choose(letters))),
            Action::Replay(which) => self.change(&settings, &data_dir, &dead, which, Command::ReplayLetters),
            Action::Drop(which) => self.change(&settings, &data_dir, &dead, which, Command::DropLetters),
        };
        result.unwrap_or_else(|error| {
            say(&format!("logd: {error:#}\n"));
            Exit::Unavailable
        })
    }

    /// Has the daemon change something, or does it here where none runs.
    fn change(
        &self,
        settings: &DaemonSettings,
        data_dir: &Path,
        dead: &DeadLetters,
        which: &Which,
        command: impl Fn(Vec<u64>) -> Command,
    ) -> anyhow::Result<Exit> {
        if !which.is_said() {
            say("logd: say which: numbers, --component, --reason, --since, --until, or --all\n");
            return Ok(Exit::Usage);
        }
        let numbers: Vec<u64> = which.choose(dead.letters()?).into_keys().collect();
        if numbers.is_empty() {
            return Ok(print("There are no such letters.\n"));
        }
        let command = command(numbers);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = runtime.block_on(async {
            if let Some(answer) = control::ask(data_dir, &command).await? {
                return anyhow::Ok(answer);
            }
            // Nobody runs: the folder is ours for as long as this takes.
            let _held = DataDir::take(data_dir)?;
            let graph = self.configuration.compile(settings, false).graph;
            let has = |id: &logd_sdk::ComponentId| graph.nodes.iter().any(|node| node.id == *id);
            Ok(Answer::Done(match &command {
                Command::DropLetters(numbers) => daemon::drop_letters(dead, numbers).await?,
                Command::ReplayLetters(numbers) => {
                    daemon::replay(dead, data_dir, numbers, has).await?.0 + " They are read at the next start."
                }
                _ => anyhow::bail!("this is not about letters"),
            }))
        })?;
        Ok(tell(&answer))
    }
}

fn list(letters: &BTreeMap<u64, Letter>, format: Format) -> Exit {
    let mut text = String::new();
    for (number, letter) in letters {
        text += &match format {
            Format::Json => json(*number, letter, None) + "\n",
            Format::Text => {
                format!("{number:>8}  {}  {}  {}\n", letter.time(), letter.component(), letter.reason)
            }
        };
    }
    if letters.is_empty() && format == Format::Text {
        text += "There are no dead letters.\n";
    }
    print(&text)
}

fn show(letters: &BTreeMap<u64, Letter>) -> Exit {
    let mut text = String::new();
    for (number, letter) in letters {
        let event = letter.event().map(|event| {
            let mut json = Vec::new();
            write_json(&event, 0, &mut json);
            String::from_utf8_lossy(&json).into_owned()
        });
        text += &json(*number, letter, Some(event.unwrap_or_else(|error| format!("{error:#}"))));
        text.push('\n');
    }
    print(&text)
}

/// A letter as an object on a line.
fn json(number: u64, letter: &Letter, event: Option<String>) -> String {
    let mut object = serde_json::json!({
        "number": number,
        "component": letter.component().to_string(),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "time": letter.time().to_string(),
    });
    if let Some(event) = event {
        object["event"] = serde_json::from_str(&event).unwrap_or(serde_json::Value::String(event));
    }
    object.to_string()
}
