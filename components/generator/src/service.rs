//! The five services of the classic workload: who wrote a log line.

use crate::draw::below;

/// A service of the classic workload. Each writes a fifth of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `web-api`, what users see.
    WebApi,
    /// `auth-service`, sign-in and tokens.
    AuthService,
    /// `payment-service`, cards and refunds.
    PaymentService,
    /// `database`, whose anomalous lines took twice as long.
    Database,
    /// `cache-service`, in front of the database.
    CacheService,
}

impl Service {
    /// All services, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::WebApi, Self::AuthService, Self::PaymentService, Self::Database, Self::CacheService];

    /// The name in a line's `service` field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebApi => "web-api",
            Self::AuthService => "auth-service",
            Self::PaymentService => "payment-service",
            Self::Database => "database",
            Self::CacheService => "cache-service",
        }
    }

    /// The service that a random word stands for.
    pub(crate) fn drawn(word: u32) -> Self {
        Self::ALL[below(word, Self::ALL.len() as u32) as usize]
    }
}
