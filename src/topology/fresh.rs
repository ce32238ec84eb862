//! Components that are built, and not yet part of anything: what is new is ready before anything old stands still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use logd_sdk::erased::{AnyKeyed, AnySink, AnySource};
use logd_sdk::transform::Transform;
use logd_sdk::{ComponentId, Context, Epochs, Plan};

use super::build::{Environment, component_dir};
use super::diff::Diff;
use super::graph::{Graph, Node};
use crate::telemetry::Account;

/// How long a component may take to be built: to open its files, bind its address, or connect.
const BUILD_TIMEOUT: Duration = Duration::from_secs(30);

/// Components that are built.
#[derive(Default)]
pub(crate) struct Fresh {
    built: BTreeMap<ComponentId, New>,
    /// Those that can't be there twice, with their accounts: they are built when the old ones are gone.
    later: BTreeMap<ComponentId, Option<Arc<Account>>>,
}

/// A component that is built.
pub(super) struct New {
    pub(super) made: Made,
    /// What it was told of its place.
    pub(super) context: Context,
    /// Where its events are entered.
    pub(super) account: Arc<Account>,
}

/// What a plan has built.
pub(super) enum Made {
    Source(Box<dyn AnySource>),
    Transform(Arc<dyn Transform>),
    Keyed(Arc<dyn AnyKeyed>),
    Sink(Arc<dyn AnySink>),
}

impl Fresh {
    /// Builds what `graph` needs beyond `old`, which runs on and from which it differs by `diff`. What goes on under its name is entered in the account that
    /// it has.
    ///
    /// # Errors
    /// A component can't be built, or does not answer and has to.
    pub(crate) async fn prepare(
        graph: &Graph,
        old: &Graph,
        diff: &Diff,
        accounts: &[Arc<Account>],
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let mut fresh = Self::default();
        for (place, node) in graph.nodes.iter().enumerate().filter(|(_, node)| diff.builds(&node.id)) {
            let goes_on = old.place(&node.id).is_some_and(|before| old.nodes[before].has_same_account(node));
            let account = accounts.iter().find(|account| goes_on && *account.component() == node.id).cloned();
            // It listens, and keeps what it is sent in a log that has one owner.
            if diff.replaced.contains(&node.id) && node.listens() {
                fresh.later.insert(node.id.clone(), account);
                continue;
            }
            let new = New::build(graph, place, account, environment).await?;
            if environment.require_healthy
                && let (Made::Sink(sink), Plan::Sink(plan)) = (&new.made, &node.plan)
            {
                let timeout = plan.delivery().attempt_timeout.min(BUILD_TIMEOUT);
                let answered = tokio::time::timeout(timeout, sink.probe()).await;
                let answered = answered.unwrap_or_else(|_| anyhow::bail!("no answer within {timeout:?}"));
                answered.with_context(|| format!("`{}` is not healthy", node.id))?;
            }
            fresh.built.insert(node.id.clone(), new);
        }
        Ok(fresh)
    }

    /// Takes out what was built for a component.
    pub(super) fn take(&mut self, component: &ComponentId) -> Option<New> {
        self.built.remove(component)
    }

    /// Whether a component has to be built now, and the account that it goes on with.
    pub(super) fn take_later(&mut self, component: &ComponentId) -> Option<Option<Arc<Account>>> {
        self.later.remove(component)
    }
}

impl New {
    /// Builds the component at this place of a graph.
    pub(super) async fn build(
        graph: &Graph,
        place: usize,
        account: Option<Arc<Account>>,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let node = &graph.nodes[place];
        let account = account.unwrap_or_else(|| Arc::new(node.account(environment)));
        let context = Context {
            id: node.id.clone(),
            clock: environment.clock.clone(),
            columns: graph.read_downstream(place, environment.conditions.as_ref()),
            meters: account.meters().clone(),
            conditions: Arc::clone(&environment.conditions),
            data_dir: component_dir(&environment.data_dir, &node.id),
            once: environment.once,
            dry_run: false,
            lineage: environment.store.lineage()?.into(),
            health: account.health().clone(),
            epochs: Epochs::default(),
            listeners: environment.listeners.clone(),
            shared: environment.shared.clone(),
        };
        let build = async {
            Ok(match &node.plan {
                Plan::Source(plan) => Made::Source(plan.build(&context).await?),
                Plan::Transform(plan) => Made::Transform(plan.build(&context)?),
                Plan::Keyed(plan) => Made::Keyed(plan.build(&context)?),
                Plan::Sink(plan) => Made::Sink(plan.build(&context).await?),
            })
        };
        let made = tokio::time::timeout(BUILD_TIMEOUT, build)
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("it took longer than {BUILD_TIMEOUT:?}")))
            .with_context(|| format!("`{}` can't be built", node.id))?;
        Ok(Self { made, context, account })
    }
}

impl Node {
    /// Whether others send to it.
    pub(super) fn listens(&self) -> bool {
        matches!(&self.plan, Plan::Source(plan) if plan.listens().is_some())
    }

    fn account(&self, environment: &Environment) -> Account {
        let name = self.plan.describe().name();
        Account::new(self.id.clone(), self.kind(), name, &self.ports(), environment.clock.clone())
    }
}
