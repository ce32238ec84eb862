//! Silences as users handle them, and what they hold for.

use logd_sdk::Time;

use super::error::Error;
use super::hours::zone;
use super::model::{self, Limits};
use super::registry::{Asker, Registry};
use super::requests::{NewSilence, check_text};
use super::secrets;
use super::store::Write;
use super::views::Silence;

/// There are no more silences than this.
const MOST: usize = 1000;

/// What is not there.
const SILENCE: &str = "silence";

/// One that is over is shown for so long.
const SHOWN: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);

impl Registry {
    /// All that somebody may see, the newest first. Those that have ended are shown for a week.
    pub(crate) fn silences(&self, asker: Asker<'_>) -> Vec<Silence> {
        let (now, state) = (self.now(), self.state());
        let mut seen: Vec<_> = state.silences.values().filter(|silence| asker.sees(&silence.limits)).collect();
        seen.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        seen.into_iter().map(|silence| Silence::of(silence, now)).collect()
    }

    /// Makes a silence. It holds for what its owner may see.
    ///
    /// # Errors
    /// It can't be what it is, or there are too many.
    pub(crate) async fn silence(&self, asker: Asker<'_>, new: NewSilence) -> Result<Silence, Error> {
        let now = self.now();
        let mut silence = read(new, now)?;
        (silence.id, silence.created_by) = (secrets::name("si")?, asker.user.to_owned());
        silence.limits = Limits::from(asker.scope);
        self.edit(move |draft| {
            if draft.state.silences.len() >= MOST {
                return Err(Error::TooMany(format!("there are {MOST} silences, and no room for more").into()));
            }
            let shown = Silence::of(&silence, draft.now);
            draft.put(Write::Silence(Box::new(silence)));
            Ok(shown)
        })
        .await
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) async fn end_silence(&self, asker: Asker<'_>, id: &str) -> Result<(), Error> {
        let (id, scope) = (id.to_owned(), asker.scope.clone());
        self.edit(move |draft| {
            let found = draft.state.silences.get(&id).filter(|silence| silence.limits.are_within(&scope));
            found.ok_or(Error::NotFound(SILENCE))?;
            draft.put(Write::NoSilence(id));
            Ok(())
        })
        .await
    }

    /// Whether nobody is called for this now.
    pub(crate) fn is_silenced(&self, service: &str, kind: &str, pipeline: &str) -> bool {
        let (now, state) = (self.now(), self.state());
        state.silences.values().any(|silence| silence.covers(pipeline, service, kind) && silence.end(now).is_some())
    }

    /// Forgets silences that have ended a while ago.
    pub(super) async fn forget_silences(&self) -> Result<(), Error> {
        let old = |silence: &model::Silence, now: Time| silence.repeat.is_none() && now.since(silence.to) > SHOWN;
        let now = self.now();
        if !self.state().silences.values().any(|silence| old(silence, now)) {
            return Ok(());
        }
        self.edit(move |draft| {
            let silences = draft.state.silences.values().filter(|silence| old(silence, now));
            for id in silences.map(|silence| silence.id.clone()).collect::<Vec<_>>() {
                draft.put(Write::NoSilence(id));
            }
            Ok(())
        })
        .await
    }
}

/// A silence as it is wanted.
fn read(new: NewSilence, now: Time) -> Result<model::Silence, Error> {
    let time = |field: &'static str, text: &str| {
        let time = Time::parse_rfc3339(text.as_bytes());
        time.ok_or_else(|| Error::invalid(field, "a time is written as 2026-11-23T22:00:00Z"))
    };
    let from = new.from.as_deref().map_or(Ok(now), |text| time("from", text))?;
    let to = time("to", &new.to)?;
    if to <= from {
        return Err(Error::invalid("to", "it would end before it begins"));
    }
    if to <= now && new.repeat.is_none() {
        return Err(Error::invalid("to", "it would be over already"));
    }
    if let Some(repeat) = new.repeat
        && to.since(from) > repeat.longest()
    {
        return Err(Error::invalid("to", "it would come again before it ends"));
    }
    for (field, text) in [("service", &new.service), ("type", &new.r#type), ("pipeline", &new.pipeline)] {
        if let Some(text) = text {
            check_text(field, text)?;
        }
    }
    if new.comment.trim().is_empty() {
        return Err(Error::invalid("comment", "say why, for those who wonder"));
    }
    check_text("comment", &new.comment)?;
    if let Some(name) = &new.time_zone {
        zone(name).map_err(|reason| Error::invalid("time_zone", reason))?;
    }
    Ok(model::Silence {
        id: String::new(),
        service: new.service,
        kind: new.r#type,
        pipeline: new.pipeline,
        from,
        to,
        repeat: new.repeat,
        time_zone: new.time_zone,
        comment: new.comment,
        created_by: String::new(),
        created_at: now,
        limits: Limits::default(),
    })
}
