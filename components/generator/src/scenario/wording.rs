//! What the lines of a scenario say: endpoints and messages that fit what a service is called.

use crate::message::{Message, Part};

use Part::{Milliseconds as Ms, Number as N, Text as T};

/// What a service says.
#[derive(Debug)]
pub(crate) struct Wording {
    /// What it is asked for.
    pub(crate) endpoints: &'static [&'static str],
    /// Messages of requests that succeeded.
    pub(crate) fine: &'static [Message],
    /// Messages of requests that failed.
    pub(crate) failed: &'static [Message],
}

impl Wording {
    /// What a service of this name says. A name that is not known says what any service may say.
    pub(crate) fn of(service: &str) -> &'static Self {
        match service {
            "gateway" | "web-api" => &WEB,
            "auth" => &AUTH,
            "payment" => &PAYMENT,
            "database" => &DATABASE,
            "cache" => &CACHE,
            "search" => &SEARCH,
            "orders" => &ORDERS,
            "ml-infer" => &INFERENCE,
            "email-worker" => &EMAIL,
            "reports" => &REPORTS,
            _ => &ANY,
        }
    }
}

/// Messages of a request that succeeded and took long, of whatever service.
pub(crate) const SLOW: &[Message] = &[&[T("Slow answer: "), Ms, T(" ms at attempt "), N(1, 3)]];

/// Messages for whoever looks for a fault, of whatever service.
pub(crate) const DETAILS: &[Message] =
    &[&[T("Connection "), N(1, 64), T(" taken from the pool")], &[T("Handler waited for "), N(0, 9), T(" others")]];

/// Messages of a failure after which somebody has to come, of whatever service.
pub(crate) const CRITICAL: &[Message] = &[
    &[T("All "), N(8, 64), T(" workers are busy, "), N(100, 999), T(" requests wait")],
    &[T("Gave up after "), Ms, T(" ms")],
];

static ANY: Wording = Wording {
    endpoints: &["/", "/status", "/items"],
    fine: &[&[T("Request answered in "), Ms, T(" ms")], &[T("Answered with "), N(1, 96), T(" kB")]],
    failed: &[&[T("Request failed after "), Ms, T(" ms")], &[T("Answered "), N(500, 504)]],
};

static WEB: Wording = Wording {
    endpoints: &["/api/v1/users", "/api/v1/products", "/api/v1/orders", "/api/v1/payments"],
    fine: &[
        &[T("Request answered in "), Ms, T(" ms with "), N(1, 96), T(" kB")],
        &[T("Page "), N(1, 40), T(" of "), N(41, 90), T(" listed for the client")],
        &[T("Upload of "), N(2, 900), T(" kB stored in "), N(1, 8), T(" parts")],
    ],
    failed: &[
        &[T("Upstream answered 502 after "), Ms, T(" ms")],
        &[T("Deadline passed with "), N(1, 6), T(" of "), N(7, 9), T(" calls unanswered")],
    ],
};

static AUTH: Wording = Wording {
    endpoints: &["/sign-in", "/token", "/sign-out"],
    fine: &[
        &[T("Sign-in succeeded in "), Ms, T(" ms")],
        &[T("Token issued for "), N(5, 60), T(" minutes with "), N(1, 7), T(" scopes")],
    ],
    failed: &[
        &[T("Token refused: signed by unknown key "), N(100, 999)],
        &[T("Directory did not answer within "), Ms, T(" ms")],
    ],
};

static PAYMENT: Wording = Wording {
    endpoints: &["/payments", "/refunds", "/cards"],
    fine: &[
        &[T("Payment of "), N(5, 480), T(" EUR authorised in "), Ms, T(" ms")],
        &[T("Refund of "), N(5, 240), T(" EUR booked to card "), N(1000, 9999)],
    ],
    failed: &[
        &[T("Bank did not confirm within "), Ms, T(" ms")],
        &[T("Payment of "), N(5, 480), T(" EUR failed with bank code "), N(10, 99)],
    ],
};

static DATABASE: Wording = Wording {
    endpoints: &["select", "insert", "update", "commit"],
    fine: &[
        &[T("Query returned "), N(1, 500), T(" rows in "), Ms, T(" ms")],
        &[T("Transaction "), N(100_000, 999_999), T(" committed")],
    ],
    failed: &[
        &[T("Deadlock between "), N(2, 4), T(" transactions, one rolled back")],
        &[T("Query cancelled after "), Ms, T(" ms")],
    ],
};

static CACHE: Wording = Wording {
    endpoints: &["get", "set", "delete"],
    fine: &[
        &[T("Key found, valid for "), N(10, 600), T(" s")],
        &[T("Stored "), N(1, 64), T(" kB for "), N(30, 900), T(" s")],
    ],
    failed: &[
        &[T("Shard "), N(1, 16), T(" did not answer within "), Ms, T(" ms")],
        &[T("Value of "), N(2, 20), T(" MB is too large to keep")],
    ],
};

static SEARCH: Wording = Wording {
    endpoints: &["/search", "/suggest"],
    fine: &[
        &[T("Found "), N(0, 9_999), T(" documents in "), Ms, T(" ms")],
        &[T("Suggested "), N(1, 10), T(" of "), N(11, 400), T(" phrases")],
    ],
    failed: &[
        &[T("Only "), N(1, 4), T(" of 5 shards answered")],
        &[T("Query too broad: "), N(1_000, 9_000), T(" clauses")],
    ],
};

static ORDERS: Wording = Wording {
    endpoints: &["/orders", "/basket", "/stock"],
    fine: &[
        &[T("Order "), N(10_000, 99_999), T(" taken with "), N(1, 12), T(" items")],
        &[T("Stock of article "), N(100, 999), T(" is "), N(0, 500)],
    ],
    failed: &[
        &[T("Order "), N(10_000, 99_999), T(" could not be saved")],
        &[T("Stock did not answer within "), Ms, T(" ms")],
    ],
};

static INFERENCE: Wording = Wording {
    endpoints: &["/predict", "/embed"],
    fine: &[&[T("Predicted "), N(1, 64), T(" rows in "), Ms, T(" ms")], &[T("Embedded "), N(16, 4_096), T(" tokens")]],
    failed: &[&[T("Out of memory with a batch of "), N(32, 256)], &[T("Model did not answer within "), Ms, T(" ms")]],
};

static EMAIL: Wording = Wording {
    endpoints: &["send", "bounce"],
    fine: &[
        &[T("Message "), N(100_000, 999_999), T(" delivered in "), Ms, T(" ms")],
        &[T("Queue holds "), N(0, 300), T(" messages")],
    ],
    failed: &[&[T("Mail server answered "), N(450, 459)], &[T("Message "), N(100_000, 999_999), T(" bounced")]],
};

static REPORTS: Wording = Wording {
    endpoints: &["/reports/daily", "/reports/monthly"],
    fine: &[
        &[T("Report of "), N(1, 90), T(" pages made in "), Ms, T(" ms")],
        &[T("Table with "), N(10, 9_000), T(" rows exported")],
    ],
    failed: &[
        &[T("Report given up after "), Ms, T(" ms")],
        &[T("Source "), N(1, 12), T(" has no data for the period")],
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::assert_can_be_written;
    use crate::scenario::Scenario;

    #[test]
    fn every_message_can_be_written() {
        let names = Scenario::incidents().services.into_iter().map(|service| service.name);
        for wording in names.map(|name| Wording::of(&name)) {
            let messages = [wording.fine, wording.failed, SLOW, DETAILS, CRITICAL].concat();
            messages.into_iter().for_each(assert_can_be_written);
        }
    }
}
