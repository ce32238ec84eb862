//! What a user may do ([`Role`]) and see ([`Scope`]).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use logd_sdk::settings::Fault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most bytes that a scope may take as JSON: it is in every token, and a token has to fit into a cookie (4 KiB,
/// RFC 6265).
const LONGEST_SCOPE: usize = 2000;

/// What somebody may do; a greater role may do all that a lesser one may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads, and acknowledges incidents.
    #[default]
    Viewer,
    /// Changes things as well: webhooks, silences, pipelines.
    Admin,
}

/// What somebody may see. `None` is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Only what is of these services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<BTreeSet<String>>,
    /// Only what is of these pipelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<BTreeSet<String>>,
}

impl Scope {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether it is everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.services.is_none() && self.pipelines.is_none()
    }

    /// Whether it can be given to a user.
    ///
    /// # Errors
    /// It allows nothing at all, or is too long to be in every token.
    pub fn check(&self) -> Result<(), Fault> {
        for (set, name) in [(&self.services, "services"), (&self.pipelines, "pipelines")] {
            if set.as_ref().is_some_and(BTreeSet::is_empty) {
                return Err(Fault::new(format!("with no {name} nothing can be seen"))
                    .help(format!("leave `{name}` out, and all of them can be seen")));
            }
        }
        match serde_json::to_vec(self) {
            Ok(json) if json.len() <= LONGEST_SCOPE => Ok(()),
            _ => Err(Fault::new(format!("the names take more than {LONGEST_SCOPE} bytes together"))
                .help("bind the user to pipelines instead of services, or the other way round")),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "admin" => Ok(Self::Admin),
            _ => Err(Fault::new(format!("`{text}` is not a role")).help("the roles are viewer and admin")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_may_do_what_a_viewer_may() {
        assert!(Role::Admin > Role::Viewer);
        for role in [Role::Viewer, Role::Admin] {
            assert_eq!(role.to_string().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.to_string());
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn a_scope_fits_into_a_token() {
        let services = |count: usize| Scope {
            services: Some((0..count).map(|number| format!("service-{number:08}")).collect()),
            pipelines: None,
        };
        assert!(Scope::all().check().is_ok() && services(50).check().is_ok());
        assert!(services(0).check().unwrap_err().message.contains("no services"));
        assert!(services(1000).check().unwrap_err().message.contains("2000 bytes"));
    }
}
