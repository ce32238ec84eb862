//! `logd user`: who may use the API and the dashboard.
//!
//! It changes a file in the data folder, and a daemon that runs reads it: so a lost password is no reason to stop one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, stdin};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use logd_access::{Role, Scope, StoredUser, UserSettings, UserStore, check_name, check_password, random_password};
use logd_sdk::Clock;
use logd_sdk::settings::{Fault, Secret};

use super::Exit;
use super::settings::{Configuration, print, say};

/// What is read of a password: more than is allowed, so that one that is too long is refused and not cut.
const MOST_READ: u64 = 4096;

/// Manage who may use the API and the dashboard; also while the daemon runs
#[derive(Args, Debug)]
pub(super) struct User {
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
    /// Add one, with a random password that is printed once
    Add {
        /// The name: letters, digits and . _ @ -
        name: String,

        /// What the user may do: viewer or admin
        #[arg(long, default_value = "viewer")]
        role: Role,

        /// A service that the user may see; without any, all of them (may be given more than once)
        #[arg(long = "service", value_name = "NAME")]
        services: Vec<String>,

        /// A pipeline that the user may see; without any, all of them (may be given more than once)
        #[arg(long = "pipeline", value_name = "NAME")]
        seen_pipelines: Vec<String>,

        #[command(flatten)]
        password: Password,
    },
    /// Give one another password, and end all its sessions
    Passwd {
        /// The name
        name: String,

        #[command(flatten)]
        password: Password,
    },
    /// Remove one, and end all its sessions
    Rm {
        /// The name
        name: String,
    },
    /// List them
    List {
        /// How they are shown
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// Where a password comes from.
#[derive(Args, Clone, Copy, Debug)]
struct Password {
    /// Take the first line of stdin as the password, 12 to 1024 bytes, instead of a random one
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: an object on a line each
    Json,
}

/// The users there are, and where those of the file are.
struct Users<'u> {
    configured: &'u BTreeMap<String, UserSettings>,
    store: UserStore,
    clock: Clock,
}

impl User {
    pub(super) fn execute(self) -> Exit {
        let settings = match self.configuration.settings() {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        let data_dir = self.data_dir.clone().unwrap_or_else(|| settings.data_dir.clone());
        let users = Users { configured: &settings.api.users, store: UserStore::new(&data_dir), clock: Clock::system() };
        match self.action {
            Action::Add { name, role, services, seen_pipelines, password } => {
                let scope = Scope { services: some(services), pipelines: some(seen_pipelines) };
                with_password(&name, password, |password| users.add(&name, role, scope, password))
            }
            Action::Passwd { name, password } => {
                with_password(&name, password, |password| users.change(&name, password))
            }
            Action::Rm { name } => users.remove(&name).map_or_else(|error| failed(&error), |said| print(&said)),
            Action::List { format } => users.list(format).map_or_else(|error| failed(&error), |list| print(&list)),
        }
    }
}

impl Users<'_> {
    fn add(&self, name: &str, role: Role, scope: Scope, password: &Secret) -> anyhow::Result<String> {
        self.not_configured(name)?;
        self.store.add(name, password, role, scope, self.clock.now())?;
        Ok(format!("The user `{name}` ({role}) has been added.\n"))
    }

    fn change(&self, name: &str, password: &Secret) -> anyhow::Result<String> {
        self.not_configured(name)?;
        self.store.set_password(name, password, self.clock.now())?;
        Ok(format!("The user `{name}` has another password, and all its sessions have ended.\n"))
    }

    fn remove(&self, name: &str) -> anyhow::Result<String> {
        self.not_configured(name)?;
        self.store.remove(name)?;
        let is_left = self.configured.values().any(|user| user.role == Role::Admin)
            || self.store.list()?.iter().any(|user| user.role == Role::Admin);
        let warning = if is_left { "" } else { "No admin is left; `logd user add NAME --role admin` adds one.\n" };
        Ok(format!("The user `{name}` has been removed, and all its sessions have ended.\n{warning}"))
    }

    fn list(&self, format: Format) -> anyhow::Result<String> {
        let stored = self.store.list()?;
        let configured = self.configured.iter().map(|(name, user)| (name, user.role, user.scope(), None));
        let others = stored.iter().filter(|user| !self.configured.contains_key(&user.name));
        let others = others.map(|user| (&user.name, user.role, user.scope.clone(), Some(user)));
        let mut all: Vec<_> = configured.chain(others).collect();
        all.sort_by_key(|(name, ..)| *name);
        if all.is_empty() && format == Format::Text {
            return Ok("There are no users.\n".to_owned());
        }
        Ok(all.into_iter().map(|(name, role, scope, stored)| line(name, role, &scope, stored, format)).collect())
    }

    /// What stands in `logd.toml` is changed there.
    fn not_configured(&self, name: &str) -> anyhow::Result<()> {
        if self.configured.contains_key(name) {
            bail!("the user `{name}` stands in logd.toml, under [api.users]: change it there, and start logd anew");
        }
        Ok(())
    }
}

/// A user on a line.
fn line(name: &str, role: Role, scope: &Scope, stored: Option<&StoredUser>, format: Format) -> String {
    let place = if stored.is_some() { "data_dir" } else { "logd.toml" };
    if format == Format::Json {
        let object = serde_json::json!({
            "name": name,
            "role": role,
            "services": scope.services,
            "pipelines": scope.pipelines,
            "place": place,
            "created_at": stored.map(|user| user.created_at.to_string()),
            "changed_at": stored.map(|user| user.changed_at.to_string()),
        });
        return format!("{object}\n");
    }
    let mut sees = Vec::new();
    for (kind, names) in [("services", &scope.services), ("pipelines", &scope.pipelines)] {
        sees.extend(
            names
                .as_ref()
                .map(|names| format!("{kind} {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))),
        );
    }
    let sees = if sees.is_empty() { "all".to_owned() } else { sees.join("; ") };
    let since = stored.map(|user| format!(" since {}", user.changed_at)).unwrap_or_default();
    format!("{name:<24} {role:<7} sees {sees}; in {place}{since}\n")
}

/// Does what needs a password: one that is given, or a random one, which is the only thing that goes to stdout then.
fn with_password(name: &str, from: Password, act: impl FnOnce(&Secret) -> anyhow::Result<String>) -> Exit {
    let password = if from.password_stdin { read(stdin().lock()) } else { random_password() };
    let password = match password {
        Ok(password) => password,
        Err(error) => return failed(&error),
    };
    let checked = check_name(name).and_then(|()| check_password(name, password.expose()));
    if let Err(Fault { message, help, .. }) = checked {
        let help = help.map(|help| format!(": {help}")).unwrap_or_default();
        say(&format!("logd: {message}{help}\n"));
        return Exit::Usage;
    }
    match act(&password) {
        Ok(said) if from.password_stdin => print(&said),
        Ok(said) => {
            say(&format!("{said}Its password, which is shown only now:\n"));
            print(&format!("{}\n", password.expose()))
        }
        Err(error) => failed(&error),
    }
}

/// The first line, without its end.
fn read(from: impl Read) -> anyhow::Result<Secret> {
    let mut text = String::new();
    BufReader::new(from.take(MOST_READ)).read_line(&mut text).context("the password can't be read from stdin")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::from(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn some(names: Vec<String>) -> Option<BTreeSet<String>> {
    if names.is_empty() { None } else { Some(names.into_iter().collect()) }
}

fn failed(error: &anyhow::Error) -> Exit {
    say(&format!("logd: {error:#}\n"));
    Exit::Unavailable
}

#[cfg(test)]
mod tests {
    use logd_sdk::Time;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    fn with(act: impl FnOnce(&Users<'_>)) {
        let folder = tempfile::tempdir().unwrap();
        let bob: UserSettings = toml::from_str("password = 'correct horse battery'\nservices = ['checkout']").unwrap();
        let clock = Clock::fixed(Time::from_micros(1_800_000_000_000_000));
        let store = UserStore::new(&folder.path().join("data"));
        act(&Users { configured: &[("bob".to_owned(), bob)].into(), store, clock });
    }

    #[test]
    fn users_of_both_places_are_listed() {
        with(|users| {
            let scope = Scope { services: None, pipelines: some(vec!["web".to_owned()]) };
            let said = users.add("ann", Role::Admin, scope, &secret("correct horse battery")).unwrap();
            assert_eq!(said, "The user `ann` (admin) has been added.\n");
            assert_eq!(
                users.list(Format::Text).unwrap(),
                "ann                      admin   sees pipelines web; in data_dir since 2027-01-15T08:00:00.000Z\n\
                 bob                      viewer  sees services checkout; in logd.toml\n"
            );
            let json = users.list(Format::Json).unwrap();
            let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!((&lines[0]["pipelines"][0], &lines[0]["services"]), (&"web".into(), &serde_json::Value::Null));
            assert_eq!((&lines[1]["place"], &lines[1]["created_at"]), (&"logd.toml".into(), &serde_json::Value::Null));
        });
    }

    #[test]
    fn those_of_the_settings_are_changed_there() {
        with(|users| {
            let password = secret("another horse battery");
            let add = users.add("bob", Role::Admin, Scope::all(), &password);
            for said in [add, users.change("bob", &password), users.remove("bob")] {
                assert!(said.unwrap_err().to_string().contains("stands in logd.toml"));
            }
        });
    }

    #[test]
    fn the_last_admin_does_not_go_unnoticed() {
        with(|users| {
            let password = secret("another horse battery");
            users.add("ann", Role::Admin, Scope::all(), &password).unwrap();
            users.add("eve", Role::Admin, Scope::all(), &password).unwrap();
            assert!(!users.remove("eve").unwrap().contains("No admin"));
            assert!(users.change("ann", &secret("one more horse battery")).unwrap().contains("another password"));
            assert!(users.remove("ann").unwrap().contains("No admin is left"));
            assert!(users.remove("ann").is_err());
        });
    }

    #[test]
    fn a_password_is_a_line() {
        for (text, password) in [("a b \n", "a b "), ("ab\r\n", "ab"), ("ab", "ab"), ("ab\ncd\n", "ab"), ("", "")] {
            assert_eq!(read(text.as_bytes()).unwrap().expose(), password);
        }
        assert_eq!(read("x".repeat(10_000).as_bytes()).unwrap().expose().len(), 4096);
        assert!(read(&b"\xff"[..]).is_err());
    }
}
