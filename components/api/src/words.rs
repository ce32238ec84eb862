//! Words out of a short list, in queries and in answers: whoever reads the OpenAPI document sees which there are.

use logd_archive as archive;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use crate::webhooks::Severity;

/// What an anomaly says of its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnomalyState {
    /// It has begun.
    Open,
    /// It has become markedly worse.
    Update,
    /// It is over.
    Resolved,
}

/// How an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IncidentState {
    /// Nobody is on it.
    Open,
    /// Somebody is on it.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// Makes an enum the same as the archive's, in both directions.
macro_rules! is_same {
    ($own:ty, $other:ty, $($name:ident),+) => {
        impl From<$other> for $own {
            fn from(other: $other) -> Self {
                match other { $(<$other>::$name => Self::$name),+ }
            }
        }
        impl From<$own> for $other {
            fn from(own: $own) -> Self {
                match own { $(<$own>::$name => Self::$name),+ }
            }
        }
    };
}

is_same!(AnomalyState, archive::Change, Open, Update, Resolved);
is_same!(IncidentState, archive::IncidentState, Open, Acknowledged, Resolved);
is_same!(Severity, archive::Severity, Info, Warning, Critical);
