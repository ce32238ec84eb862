//! The suite itself: it finds what is broken.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::component::{SinkSettings, TransformSettings};
use crate::settings::Secret;
use crate::sink::Sink;
use crate::transform::Transform;
use crate::{Context, Outputs, Port, Settings};

fn breaches(component: &Component) -> Vec<String> {
    let folder = std::env::temp_dir().join(format!("logd-contract-{}-{}", std::process::id(), component.name));
    let bench =
        Bench { conditions: Arc::new(NoConditions), folder: &folder, metrics: &BTreeSet::from(["known".to_owned()]) };
    let found = check(component, &bench);
    let _ = std::fs::remove_dir_all(&folder);
    found.into_iter().map(|breach| breach.replace(&folder.display().to_string(), "DIR")).collect()
}

/// Where to, and as whom.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by Debug alone")]
struct Good {
    /// Whom.
    #[serde(default)]
    auth: Option<Auth>,
    /// Others.
    #[serde(default)]
    others: Vec<Auth>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by Debug alone")]
struct Auth {
    user: String,
    #[serde(default)]
    password: Option<Secret>,
}

impl Settings for Good {
    const NAME: &'static str = "good";
    const SUMMARY: &'static str = "Does what it must";
    const EXAMPLE: &'static str = "";
}

impl SinkSettings for Good {
    type Sink = Nowhere;

    async fn build(&self, context: &Context) -> anyhow::Result<Nowhere> {
        context.meters.counter("known", &[]).increment(1);
        Ok(Nowhere)
    }
}

struct Nowhere;

impl Sink for Nowhere {
    async fn deliver(&self, _: &Batch) -> Attempt {
        Attempt::delivered()
    }
}

/// Whatever can be done wrong.
#[derive(Debug, Deserialize, JsonSchema)]
struct Bad {
    /// Shown by `check`.
    #[serde(default)]
    token: Option<Secret>,
}

impl Settings for Bad {
    const NAME: &'static str = "bad";
    const SUMMARY: &'static str = "Does what it must not";
    const EXAMPLE: &'static str = "";

    fn check(&self, check: &mut Check<'_>) {
        if let Some(token) = &self.token {
            check.report.error("token", format!("`{}` is too short", token.expose()));
        }
    }
}

impl SinkSettings for Bad {
    type Sink = Nowhere;

    async fn build(&self, context: &Context) -> anyhow::Result<Nowhere> {
        tokio::spawn(std::future::pending::<()>());
        std::fs::create_dir_all(&context.data_dir)?;
        context.meters.gauge("unheard_of", &[]).set(1.0);
        Ok(Nowhere)
    }
}

/// Loses an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Leaky {}

impl Settings for Leaky {
    const NAME: &'static str = "leaky";
    const SUMMARY: &'static str = "Loses an event";
    const EXAMPLE: &'static str = "";
}

impl TransformSettings for Leaky {
    type Transform = Leak;

    fn build(&self, _: &Context) -> anyhow::Result<Leak> {
        Ok(Leak)
    }
}

struct Leak;

impl Transform for Leak {
    fn apply(&self, mut batch: Batch, out: &mut Outputs) {
        batch.retain(|row| row != 0);
        out.send(Port::MAIN, batch);
    }
}

#[test]
fn secrets_are_found_in_tables_and_lists() {
    let planted = with_secrets(&Component::sink::<Good>());
    let keys: Vec<&str> = planted.iter().map(|planted| planted.key.as_str()).collect();
    assert_eq!(keys, ["auth.password", "others.0.password"]);
    assert!(planted[1].settings.contains("[[others]]\nuser = \"text\"\npassword = \"canary-"), "{planted:?}");
}

#[test]
fn what_keeps_the_contract_passes() {
    assert_eq!(breaches(&Component::sink::<Good>()), Vec::<String>::new());
}

#[test]
fn what_is_broken_is_named() {
    let found = breaches(&Component::sink::<Bad>());
    let expected = [
        "a setting that it does not know is accepted",
        "`check` shows the secret `token`: ",
        "`build` has spawned 1 tasks",
        "`unheard_of` is not declared",
    ];
    for expected in expected {
        assert!(found.iter().any(|breach| breach.starts_with(expected)), "no {expected} in {found:#?}");
    }
    assert!(found.contains(&format!("a dry run has made {}", PathBuf::from("DIR/components").display())), "{found:#?}");
    assert!(!format!("{found:?}").contains(CANARY), "the suite shows it itself");
}

#[test]
fn an_event_that_is_lost_is_missed() {
    let found = breaches(&Component::transform::<Leaky>());
    assert!(found.iter().any(|breach| breach.contains("events received and 0 made")), "{found:#?}");
}

#[test]
fn an_attempt_says_one_thing_of_each_row() {
    let batch = events::batch(&mut events::Dice::new(1), &[], 0);
    assert_eq!(attempt(&batch, &Attempt::failed(&batch, "away")), Vec::<String>::new());
    let both =
        Attempt { retry: vec![0], reject: vec![(0, "no".to_owned()), (9999, "no".to_owned())], ..Attempt::default() };
    let expected =
        ["row 0 is settled twice", "row 9999 is not in the batch", "nobody is told why events are to be tried again"];
    assert_eq!(attempt(&batch, &both), expected);
}
