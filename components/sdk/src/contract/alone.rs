//! A component by itself, without a daemon: what its tests build it with.

use std::sync::Arc;

use crate::condition::{Condition, Conditions};
use crate::meters::Meters;
use crate::settings::Fault;
use crate::{Clock, ComponentId, Context, Epochs, Health};

/// Compiles no condition.
#[derive(Clone, Copy, Debug)]
pub struct NoConditions;

impl Conditions for NoConditions {
    fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, Vec<Fault>> {
        Err(Vec::new())
    }
}

/// The context of the component `id` of `pipeline`, a `kind` such as `sink`, of the type `name`. Nobody reads fields of
/// its events, it knows no conditions, and the clock is the system's: whoever wants more puts it in the place of that.
#[must_use]
pub fn context(pipeline: &str, id: &str, kind: &'static str, name: &'static str) -> Context {
    let id = ComponentId::new(pipeline, id);
    Context {
        meters: Meters::new(&id, kind, name),
        id,
        clock: Clock::system(),
        columns: Arc::default(),
        conditions: Arc::new(NoConditions),
        data_dir: "unused".into(),
        once: false,
        dry_run: false,
        lineage: "test".into(),
        health: Health::default(),
        epochs: Epochs::default(),
        listeners: crate::http::Listeners::default(),
        shared: crate::http::Extensions::default(),
    }
}
