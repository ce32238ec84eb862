//! Webhooks as their owners handle them: registered, looked at, changed, taken away, and given another secret.

use logd_sdk::Time;

use super::error::Error;
use super::meters;
use super::model::{self, Limits};
use super::registry::{Asker, PER_MINUTE, Registry};
use super::requests::{NewWebhook, WebhookPatch};
use super::secrets;
use super::state::{Draft, Entry, HISTORY, QUEUE};
use super::store::Write;
use super::views::{Delivery, NewSecret, NewlyRegistered, Webhook};

/// There are no more webhooks than this.
const MOST: usize = 100;

/// What is not there.
pub(super) const WEBHOOK: &str = "webhook";

impl Asker<'_> {
    pub(super) fn sees(&self, limits: &Limits) -> bool {
        limits.are_within(self.scope)
    }
}

/// A webhook that `limits` lets somebody see.
pub(super) fn find<'e>(draft: &'e Draft<'_>, id: &str, may_see: impl Fn(&Limits) -> bool) -> Result<&'e Entry, Error> {
    let entry = draft.state.webhooks.get(id).filter(|entry| may_see(&entry.webhook.limits));
    entry.ok_or(Error::NotFound(WEBHOOK))
}

impl Registry {
    /// All that somebody may see, the newest first.
    pub(crate) fn webhooks(&self, asker: Asker<'_>) -> Vec<Webhook> {
        let state = self.state();
        let mut seen: Vec<&Entry> = state.webhooks.values().filter(|entry| asker.sees(&entry.webhook.limits)).collect();
        seen.sort_by(|a, b| (b.webhook.created_at, &b.webhook.id).cmp(&(a.webhook.created_at, &a.webhook.id)));
        seen.into_iter().map(view).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn webhook(&self, asker: Asker<'_>, id: &str) -> Result<Webhook, Error> {
        let state = self.state();
        let entry = state.webhooks.get(id).filter(|entry| asker.sees(&entry.webhook.limits));
        entry.map(view).ok_or(Error::NotFound(WEBHOOK))
    }

    /// Registers a webhook. It is told what its owner may see.
    ///
    /// # Errors
    /// It can't be what it is, may not be called, or there are too many.
    pub(crate) async fn register(&self, asker: Asker<'_>, new: NewWebhook) -> Result<NewlyRegistered, Error> {
        let patch = new.into_patch();
        self.judge(&patch).await?;
        let (created_by, limits) = (asker.user.to_owned(), Limits::from(asker.scope));
        let (id, secret) = (secrets::name("wh")?, secrets::secret()?);
        let shown = NewSecret { secret: secret.expose().to_owned() };
        let webhook = self.edit(move |draft| {
            if draft.state.webhooks.len() >= MOST {
                return Err(Error::TooMany(format!("there are {MOST} webhooks, and no room for more").into()));
            }
            let mut webhook = model::Webhook::new(id, created_by, limits, draft.now);
            secrets::rotate(&mut webhook.secrets, secret, draft.now);
            patch.apply(&mut webhook)?;
            let shown = Webhook::of(&webhook, 0);
            draft.put(Write::Webhook(Box::new(webhook)));
            Ok(shown)
        });
        Ok(NewlyRegistered { webhook: webhook.await?, secret: shown })
    }

    /// Changes a webhook. One that is disabled is told nothing, also not later.
    ///
    /// # Errors
    /// It is not there, can't be what it would be, or may not be called.
    pub(crate) async fn patch(&self, asker: Asker<'_>, id: &str, patch: WebhookPatch) -> Result<Webhook, Error> {
        self.webhook(asker, id)?;
        self.judge(&patch).await?;
        let (id, scope, anew) =
            (id.to_owned(), asker.scope.clone(), patch.url.is_some() || patch.enabled == Some(true));
        if anew {
            self.paces().remove(&id);
        }
        self.edit(move |draft| {
            let mut webhook = find(draft, &id, |limits| limits.are_within(&scope))?.webhook.clone();
            patch.apply(&mut webhook)?;
            let enabled = webhook.enabled;
            draft.put(Write::Webhook(Box::new(webhook)));
            if !enabled {
                draft.give_up_all(&id, meters::DISABLED, "its webhook was disabled");
            }
            find(draft, &id, |_| true).map(view)
        })
        .await
    }

    /// Takes a webhook away, with all its calls.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) async fn remove(&self, asker: Asker<'_>, id: &str) -> Result<(), Error> {
        let (name, scope) = (id.to_owned(), asker.scope.clone());
        self.edit(move |draft| {
            let waiting = find(draft, &name, |limits| limits.are_within(&scope))?.queue.len();
            meters::dropped(meters::DISABLED, waiting);
            draft.put(Write::NoWebhook(name));
            Ok(())
        })
        .await?;
        self.paces().remove(id);
        Ok(())
    }

    /// Gives a webhook another secret. For a day calls are signed with the old one as well.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) async fn rotate(&self, asker: Asker<'_>, id: &str) -> Result<NewSecret, Error> {
        let (id, scope, secret) = (id.to_owned(), asker.scope.clone(), secrets::secret()?);
        let shown = NewSecret { secret: secret.expose().to_owned() };
        self.edit(move |draft| {
            let mut webhook = find(draft, &id, |limits| limits.are_within(&scope))?.webhook.clone();
            secrets::rotate(&mut webhook.secrets, secret, draft.now);
            draft.put(Write::Webhook(Box::new(webhook)));
            Ok(())
        })
        .await?;
        Ok(shown)
    }

    /// The calls of a webhook, the newest first: at most `limit`, from behind `cursor` on; and the cursor of the next.
    ///
    /// # Errors
    /// It is not there, or the cursor is none.
    pub(crate) fn deliveries(
        &self,
        asker: Asker<'_>,
        id: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<Delivery>, Option<String>), Error> {
        let below = match cursor {
            Some(cursor) => cursor.parse().map_err(|_| Error::invalid("cursor", "it was not given by this route"))?,
            None => u64::MAX,
        };
        let ready = self.ready(id);
        let state = self.state();
        let entry = state.webhooks.get(id).filter(|entry| asker.sees(&entry.webhook.limits));
        let entry = entry.ok_or(Error::NotFound(WEBHOOK))?;
        let limit = limit.clamp(1, QUEUE + HISTORY);
        let mut calls: Vec<_> = entry.queue.range(..below).rev().take(limit + 1).collect();
        calls.extend(entry.history.range(..below).rev().take(limit + 1));
        calls.sort_by(|a, b| b.0.cmp(a.0));
        let next = (calls.len() > limit).then(|| calls[limit - 1].0.to_string());
        Ok((calls.into_iter().take(limit).map(|(_, record)| Delivery::of(record, ready)).collect(), next))
    }

    /// When the receiver of a webhook may be called.
    pub(super) fn ready(&self, id: &str) -> Time {
        self.paces().get(id).map_or(Time::MIN, |pace| pace.ready(self.now(), PER_MINUTE))
    }

    /// Says what is wrong with what is wanted of a webhook.
    async fn judge(&self, patch: &WebhookPatch) -> Result<(), Error> {
        patch.check()?;
        if let Some(url) = &patch.url {
            let sender = self.setup().sender;
            sender.judge(url).await.map_err(|fault| Error::Refused(fault.message))?;
        }
        Ok(())
    }
}

pub(super) fn view(entry: &Entry) -> Webhook {
    Webhook::of(&entry.webhook, entry.queue.len())
}

impl model::Webhook {
    /// One that is told nothing, nowhere.
    fn new(id: String, created_by: String, limits: Limits, now: Time) -> Self {
        Self {
            id,
            url: String::new().into(),
            events: Default::default(),
            services: None,
            min_severity: None,
            description: None,
            enabled: true,
            quiet_hours: None,
            group_wait: Default::default(),
            secrets: Vec::new(),
            created_by,
            created_at: now,
            limits,
            disabled_reason: None,
            failing_since: None,
        }
    }
}
