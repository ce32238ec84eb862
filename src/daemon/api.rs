//! The API: what it is made of here, and when it is served.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use logd_access::FetchJwks;
use logd_api::{ApiSettings, Host, MakeSender, Served, Surroundings};
use logd_http::{Fetcher, WebhookSender};
use logd_sdk::Clock;
use logd_sdk::control::{Control, Overview, Reloaded};
use logd_sdk::sender::Sender as WebhookCalls;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::parts::Parts;
use super::reload::Fleet;
use crate::admin::Watched as _;
use crate::admin::control::{Answer, Asked, Command};
use crate::config::daemon::Api;

/// The type of the sinks that it is served for.
const SINK: &str = "api";

/// How long the daemon may take to answer the API: it may be in the middle of a reload.
const PATIENCE: Duration = Duration::from_secs(60);

/// The setting that allows more addresses.
const ALLOW: &str = "[api.webhooks] allow";

/// The settings of the API with what it reads in the place of its own archive. What has not changed `since` stays as it is.
///
/// # Errors
/// Its certificates can't be used.
pub(super) fn opened(settings: &Api, since: Option<(&Api, &Host)>) -> anyhow::Result<ApiSettings> {
    let (logs, metrics) = since.map(|(_, host)| host.stores()).unzip();
    let same =
        since.map(|(before, _)| (before.logs.is_same(&settings.logs), before.metrics.is_same(&settings.metrics)));
    let (same_logs, same_metrics) = same.unwrap_or_default();
    let logs = match logs.filter(|_| same_logs) {
        Some(open) => open,
        None => settings.logs.open().context("`[api.logs]`")?,
    };
    let metrics = match metrics.filter(|_| same_metrics) {
        Some(open) => open,
        None => settings.metrics.open().context("`[api.metrics]`")?,
    };
    Ok(settings.clone().with_stores(logs, metrics))
}

/// The API of a daemon that listens to `commands`.
pub(super) fn host(
    settings: ApiSettings,
    data_dir: &Path,
    clock: &Clock,
    commands: mpsc::Sender<Asked>,
    parts: Parts,
) -> Host {
    let calls_at = clock.clone();
    let make_sender: MakeSender = Box::new(move |networks| {
        let clock = calls_at.clone();
        let sender = async move {
            let sender = WebhookSender::new(clock, networks, ALLOW).await?;
            Ok(Arc::new(sender) as Arc<dyn WebhookCalls>)
        };
        sender.boxed()
    });
    Host::new(
        settings,
        Surroundings {
            data_dir: data_dir.to_owned(),
            clock: clock.clone(),
            control: Arc::new(Daemon { commands, parts }),
            make_sender,
            fetch_jwks: Arc::new(Jwks(Fetcher::new(clock.clone()))),
        },
    )
}

/// Whether there is something to serve.
pub(super) fn is_wanted(fleet: &Fleet) -> bool {
    fleet.graphs().flat_map(|graph| &graph.nodes).any(|node| !node.retired && node.component_type() == SINK)
}

/// Says where people find it, and how the first of them gets in.
pub(super) fn announce(served: &Served, say: fn(&str)) {
    tracing::info!(url = served.url, "The API and the dashboard are served.");
    if let Some(first) = &served.first_admin {
        // Not by the log, which goes to places that have no business with a password.
        say(&format!(
            "\nThe dashboard is at {}. Sign in as `{}` with the password\n\n    {}\n\nIt is shown this once; `logd user passwd {}` \
             makes another.\n\n",
            served.url,
            first.username,
            first.password.expose(),
            first.username,
        ));
    }
}

/// Gets the keys of an outside issuer.
struct Jwks(Fetcher);

impl FetchJwks for Jwks {
    fn fetch<'a>(&'a self, url: &'a str, most_bytes: usize) -> BoxFuture<'a, anyhow::Result<Vec<u8>>> {
        self.0.fetch(url, most_bytes).boxed()
    }
}

/// The daemon, as the API asks it: by the way that the control socket has.
struct Daemon {
    commands: mpsc::Sender<Asked>,
    parts: Parts,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Daemon")
    }
}

impl Daemon {
    async fn ask(&self, command: Command) -> anyhow::Result<Answer> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send((command, reply)).await.ok()?;
            answer.await.ok()
        };
        let reply = timeout(PATIENCE, asked).await.context("the daemon does not answer")?;
        Ok(reply.context("the daemon stops")?.answer)
    }

    async fn read<T: DeserializeOwned>(&self, command: Command) -> anyhow::Result<T> {
        match self.ask(command).await? {
            Answer::Done(said) => serde_json::from_str(&said).context("the daemon's answer can't be read"),
            Answer::Failed(why) | Answer::Refused(why) => bail!(why),
        }
    }
}

impl Control for Daemon {
    fn overview(&self) -> BoxFuture<'_, anyhow::Result<Overview>> {
        self.read(Command::Status).boxed()
    }

    fn plan(&self) -> BoxFuture<'_, anyhow::Result<Value>> {
        self.read(Command::Plan).boxed()
    }

    fn reload(&self) -> BoxFuture<'_, anyhow::Result<Reloaded>> {
        let reload = async {
            Ok(match self.ask(Command::Reload).await? {
                Answer::Done(said) => Reloaded { ok: true, said },
                Answer::Failed(said) | Answer::Refused(said) => Reloaded { ok: false, said },
            })
        };
        reload.boxed()
    }

    fn unready(&self) -> Vec<String> {
        self.parts.unready().into_iter().map(|reason| reason.reason).collect()
    }
}
