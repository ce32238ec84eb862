//! What services say: messages for each service and level, with figures drawn anew for each line.
//!
//! No message needs escaping in JSON (a test says so), and each has at most as many figures as a draw has words for.

use crate::draw::{Draw, between};
use crate::level::Level;
use crate::log::Put;
use crate::service::Service;

use Part::{Milliseconds as Ms, Number as N, Text as T};

/// A piece of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// The same in each line.
    Text(&'static str),
    /// A whole number between the two, both possible.
    Number(u32, u32),
    /// The line's own response time.
    Milliseconds,
}

/// A message: its pieces in turn.
pub(crate) type Message = &'static [Part];

/// Appends the message that a draw picks for a service at a level.
pub(crate) fn write(service: Service, level: Level, draw: &Draw, response_time_ms: u64, out: &mut Vec<u8>) {
    write_one_of(choice(service, level), draw, response_time_ms, out);
}

/// Appends the message that a draw picks of some.
pub(crate) fn write_one_of(choice: &[Message], draw: &Draw, response_time_ms: u64, out: &mut Vec<u8>) {
    let mut figures = draw.figures.iter();
    for part in choice[between(draw.message, 1, choice.len() as u32) as usize - 1] {
        match part {
            T(text) => out.text(text),
            N(least, greatest) => out.number(figures.next().map_or(*least, |word| between(*word, *least, *greatest))),
            Ms => out.number(response_time_ms),
        };
    }
}

/// What a service may say at a level.
const fn choice(service: Service, level: Level) -> &'static [Message] {
    match service {
        Service::WebApi => web_api(level),
        Service::AuthService => auth_service(level),
        Service::PaymentService => payment_service(level),
        Service::Database => database(level),
        Service::CacheService => cache_service(level),
    }
}

const fn web_api(level: Level) -> &'static [Message] {
    match level {
        Level::Info => &[
            &[T("Request answered in "), Ms, T(" ms with "), N(1, 96), T(" kB")],
            &[T("Page "), N(1, 40), T(" of "), N(41, 90), T(" listed for the client")],
            &[T("Order "), N(10_000, 99_999), T(" taken with "), N(1, 12), T(" items")],
            &[T("Upload of "), N(2, 900), T(" kB stored in "), N(1, 8), T(" parts")],
        ],
        Level::Warn => &[
            &[T("Slow answer: "), Ms, T(" ms, the budget is 200 ms")],
            &[T("Client used "), N(80, 99), T(" % of its hourly requests")],
            &[T("Upstream answered only at attempt "), N(2, 4)],
        ],
        Level::Error => &[
            &[T("Upstream answered 502 after "), Ms, T(" ms")],
            &[T("Request refused: body is "), N(1, 900), T(" kB too large")],
            &[T("Deadline passed with "), N(1, 6), T(" of "), N(7, 9), T(" calls unanswered")],
        ],
        Level::Debug => &[
            &[T("Route found after "), N(1, 24), T(" rules")],
            &[T("Template filled from "), N(1, 30), T(" fragments")],
        ],
        Level::Critical => &[
            &[T("All "), N(8, 64), T(" workers are busy, "), N(100, 999), T(" requests wait")],
            &[T("No healthy upstream is left of "), N(2, 6)],
        ],
    }
}

const fn auth_service(level: Level) -> &'static [Message] {
    match level {
        Level::Info => &[
            &[T("Sign-in succeeded in "), Ms, T(" ms")],
            &[T("Token issued for "), N(5, 60), T(" minutes with "), N(1, 7), T(" scopes")],
            &[T("Session "), N(100_000, 999_999), T(" renewed, "), N(1, 30), T(" days old")],
            &[T("Sign-out closed "), N(1, 5), T(" sessions")],
        ],
        Level::Warn => &[
            &[T("Password wrong, attempt "), N(2, 4), T(" of 5")],
            &[T("Token expires in "), N(1, 59), T(" s and was not renewed")],
            &[T("Directory answered slowly: "), Ms, T(" ms")],
        ],
        Level::Error => &[
            &[T("Token refused: signed by unknown key "), N(100, 999)],
            &[T("Directory did not answer within "), Ms, T(" ms")],
            &[T("Account locked for "), N(5, 30), T(" minutes after 5 attempts")],
        ],
        Level::Debug => &[
            &[T("Key set holds "), N(2, 9), T(" keys, next look in "), N(10, 300), T(" s")],
            &[T("Policy matched after "), N(1, 40), T(" rules")],
        ],
        Level::Critical => &[
            &[T("Signing key "), N(100, 999), T(" cannot be read, no tokens are issued")],
            &[T("Directory is away, "), N(20, 900), T(" sign-ins wait")],
        ],
    }
}

const fn payment_service(level: Level) -> &'static [Message] {
    match level {
        Level::Info => &[
            &[T("Payment of "), N(5, 480), T(" EUR authorised in "), Ms, T(" ms")],
            &[T("Refund of "), N(5, 240), T(" EUR booked to card "), N(1000, 9999)],
            &[T("Invoice "), N(100_000, 999_999), T(" settled")],
            &[T("Batch of "), N(20, 400), T(" transfers sent to the bank")],
        ],
        Level::Warn => &[
            &[T("Bank answered slowly: "), Ms, T(" ms, attempt "), N(1, 3)],
            &[T("Card "), N(1000, 9999), T(" declined, asking for another")],
            &[T("Exchange rate is "), N(6, 45), T(" minutes old")],
        ],
        Level::Error => &[
            &[T("Bank did not confirm within "), Ms, T(" ms")],
            &[T("Payment of "), N(5, 480), T(" EUR failed with bank code "), N(10, 99)],
            &[T("Ledger differs by "), N(1, 90), T(" EUR, booking held back")],
        ],
        Level::Debug => &[
            &[T("Risk score "), N(1, 100), T(" from "), N(3, 12), T(" signals")],
            &[T("Idempotency key seen "), N(1, 3), T(" times")],
        ],
        Level::Critical => &[
            &[T("Bank gateway is down, "), N(50, 990), T(" payments wait")],
            &[T("Settlement stopped after "), N(10, 400), T(" bookings")],
        ],
    }
}

const fn database(level: Level) -> &'static [Message] {
    match level {
        Level::Info => &[
            &[T("Query returned "), N(1, 500), T(" rows in "), Ms, T(" ms")],
            &[T("Transaction "), N(100_000, 999_999), T(" committed")],
            &[T("Checkpoint wrote "), N(16, 900), T(" pages")],
            &[T("Vacuum freed "), N(1, 400), T(" pages of table "), N(1, 60)],
        ],
        Level::Warn => &[
            &[T("Slow query: "), Ms, T(" ms for "), N(100, 9_000), T(" rows")],
            &[T("Replica is "), N(200, 900), T(" ms behind")],
            &[N(80, 97), T(" of 100 connections are in use")],
        ],
        Level::Error => &[
            &[T("Deadlock between "), N(2, 4), T(" transactions, one rolled back")],
            &[T("Query cancelled after "), Ms, T(" ms")],
            &[T("Connection lost with "), N(1, 40), T(" statements open")],
        ],
        Level::Debug => &[
            &[T("Plan took index "), N(1, 80), T(" at cost "), N(10, 900)],
            &[T("Lock released after "), N(1, 40), T(" ms")],
        ],
        Level::Critical => &[
            &[T("Disk is "), N(96, 99), T(" % full, writes are refused")],
            &[T("Checksum wrong on page "), N(1_000, 99_999)],
        ],
    }
}

const fn cache_service(level: Level) -> &'static [Message] {
    match level {
        Level::Info => &[
            &[T("Key found in "), Ms, T(" ms, valid for "), N(10, 600), T(" s")],
            &[T("Stored "), N(1, 64), T(" kB for "), N(30, 900), T(" s")],
            &[T("Hit rate "), N(88, 99), T(" % over "), N(1_000, 9_999), T(" requests")],
            &[T("Dropped "), N(1, 200), T(" expired keys")],
        ],
        Level::Warn => &[
            &[T("Hit rate fell to "), N(40, 70), T(" %")],
            &[T("Memory "), N(85, 95), T(" % full, "), N(50, 900), T(" keys evicted")],
            &[T("Slow fetch from the database: "), Ms, T(" ms")],
        ],
        Level::Error => &[
            &[T("Shard "), N(1, 16), T(" did not answer within "), Ms, T(" ms")],
            &[T("Value of "), N(2, 20), T(" MB is too large to keep")],
            &[T("Replication of "), N(2, 90), T(" keys failed")],
        ],
        Level::Debug => &[
            &[T("Slot "), N(0, 16_383), T(" belongs to shard "), N(1, 16)],
            &[T("Filter passed "), N(1, 90), T(" of 100 keys")],
        ],
        Level::Critical => &[
            &[N(2, 9), T(" of 16 shards are lost, the cache is read-only")],
            &[T("Out of memory with "), N(10_000, 99_999), T(" keys held")],
        ],
    }
}

/// Asserts that a message can be written: figures that a draw has words for, text that needs no escaping in JSON.
#[cfg(test)]
pub(crate) fn assert_can_be_written(message: Message) {
    let words = crate::draw::Draw::new(|| 0).figures.len();
    assert!(message.iter().filter(|part| matches!(part, N(..))).count() <= words, "{message:?}");
    for part in message {
        match part {
            T(text) => assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')),
            N(least, greatest) => assert!(least < greatest, "{message:?}"),
            Ms => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Message> {
        let pairs = Service::ALL.into_iter().flat_map(|service| Level::ALL.map(|level| (service, level)));
        pairs.flat_map(|(service, level)| choice(service, level)).copied()
    }

    #[test]
    fn every_message_has_figures_and_needs_no_escaping() {
        for message in all() {
            assert_can_be_written(message);
            assert!(message.iter().any(|part| !matches!(part, T(_))), "{message:?}");
        }
    }

    #[test]
    fn no_message_is_said_twice() {
        let texts: Vec<String> = all().map(|message| format!("{message:?}")).collect();
        let different: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!(different.len(), texts.len());
        assert_eq!(texts.len(), 70);
    }
}
