//! What removed components hold on disk, as the daemon knows it: it says so, and clears away what is empty.

use anyhow::Context as _;
use tokio::task::spawn_blocking;

use super::Fleet;
use crate::buffer::{Holding, Place, places};
use crate::daemon::orphans;

impl Fleet {
    /// What is held on disk, and whether its component is gone.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) async fn holdings(&self) -> anyhow::Result<Vec<(Holding, bool)>> {
        self.look(|_| true).await
    }

    /// Looks into what is held by components for which `wanted` holds, given whether they are gone.
    async fn look(&self, wanted: impl Fn(bool) -> bool) -> anyhow::Result<Vec<(Holding, bool)>> {
        let judged = places(&self.environment.data_dir)?.into_iter().map(|place| (self.is_orphan(&place), place));
        let wanted: Vec<_> = judged.filter(|(is_orphan, _)| wanted(*is_orphan)).collect();
        let store = self.environment.store.clone();
        let look = move |(is_orphan, place): (bool, Place)| anyhow::Ok((place.look(Some(&store))?, is_orphan));
        spawn_blocking(move || wanted.into_iter().map(look).collect()).await.context("nobody looked")?
    }

    /// Throws away what the component `name` holds, if it is gone.
    ///
    /// # Errors
    /// It is not, or holds nothing, or the disk says no.
    pub(crate) async fn drop_orphan(&mut self, name: &str) -> anyhow::Result<String> {
        let (found, store, owned) = (self.holdings().await?, self.environment.store.clone(), name.to_owned());
        let said = spawn_blocking(move || orphans::drop_orphan(&found, &owned, Some(&store)))
            .await
            .context("nobody did")??;
        self.orphans.retain(|holding| holding.place.component.to_string() != name);
        Ok(said)
    }

    /// Looks for what removed components hold: says so when it is news, and removes what is empty.
    pub(super) async fn look_for_orphans(&mut self) {
        // What is in use may be large, and is not read for this.
        let found = match self.look(|is_orphan| is_orphan).await {
            Ok(found) => found,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "What removed components hold on disk can't be read.");
                return;
            }
        };
        let (needed, empty): (Vec<Holding>, Vec<Holding>) =
            found.into_iter().map(|(holding, _)| holding).partition(Holding::is_needed);
        let store = self.environment.store.clone();
        let cleared = spawn_blocking(move || {
            for holding in empty {
                if let Err(error) = holding.remove(Some(&store)) {
                    let (component, error) = (&holding.place.component, format!("{error:#}"));
                    tracing::warn!(%component, error, "An empty disk log of a removed component can't be removed.");
                }
            }
        });
        // It returns nothing, and a panic tells of itself.
        let _ = cleared.await;
        let names = |holdings: &[Holding]| -> Vec<String> {
            let with_events = holdings.iter().filter(|holding| holding.has_events());
            with_events.map(|holding| holding.place.component.to_string()).collect()
        };
        let (now, before) = (names(&needed), names(&self.orphans));
        if now.iter().any(|name| !before.contains(name)) {
            tracing::warn!(
                components = now.join(", "),
                "Removed components hold events that were not delivered; `logd buffer ls` shows them, and \
                 `logd buffer drop NAME` throws them away."
            );
        }
        self.orphans = needed;
    }

    /// Whether nothing that runs goes on with it. What a broken file has in it nobody knows.
    fn is_orphan(&self, place: &Place) -> bool {
        let pipeline = place.component.pipeline();
        let runs = self.units.iter().any(|unit| unit.plan.pipelines.contains_key(pipeline));
        let is_known = runs || !self.files.contains_key(pipeline);
        is_known && !self.units.iter().any(|unit| unit.plan.uses(place))
    }
}
