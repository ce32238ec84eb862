//! Where logs and totals are read: in this daemon's archive, or in services that several daemons write to.
//!
//! These know nothing of pipelines. Whoever is bound to some sees the archive, which does.

use std::sync::Arc;

use logd_archive::{LogFilter, Scope};
use logd_sdk::shared_stores::{LogQuery, SharedFigures, SharedLogs};

use crate::state::Api;

/// Where the logs of several daemons are; nowhere, where the archive is shown.
pub type Logs = Option<Arc<dyn SharedLogs>>;

/// Where the figures of several daemons are; nowhere, where the archive is shown.
pub type Figures = Option<Arc<dyn SharedFigures>>;

impl Api {
    /// Where the logs of several daemons are, for somebody who may see this.
    pub(crate) fn shared_logs(&self, scope: &Scope) -> Option<&dyn SharedLogs> {
        self.logs.as_deref().filter(|_| scope.pipelines.is_none())
    }

    /// Where the figures of several daemons are, for somebody who may see this.
    pub(crate) fn shared_figures(&self, scope: &Scope) -> Option<&dyn SharedFigures> {
        self.figures.as_deref().filter(|_| scope.pipelines.is_none())
    }
}

/// What the archive would be asked, as another store is.
pub(crate) fn log_query<'q>(text: Option<&'q str>, filter: &'q LogFilter, scope: &'q Scope) -> LogQuery<'q> {
    LogQuery {
        text,
        service: filter.service.as_deref(),
        level: filter.level.as_deref(),
        from: filter.from,
        to: filter.to,
        allowed: scope.services.as_ref(),
    }
}
