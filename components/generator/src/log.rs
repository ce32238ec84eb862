//! One log line: what it says follows from its draw, and is written as compact JSON without a detour.

use crate::draw::{Draw, below, between};
use crate::incident::Effect;
use crate::level::Level;
use crate::message;
use crate::service::Service;
use crate::timestamp::Timestamps;

/// What requests ask for.
const ENDPOINTS: [&str; 4] = ["/api/v1/users", "/api/v1/products", "/api/v1/orders", "/api/v1/payments"];

/// One line in so many is marked as an anomaly: 5 %.
const ONE_ANOMALY_IN: u32 = 20;

/// Users are numbered from 1 to this.
const USERS: u32 = 10_000;

/// Appending text and numbers to a line, one after the other.
pub(crate) trait Put {
    /// Appends text that needs no escaping.
    fn text(&mut self, text: &str) -> &mut Self;
    /// Appends a whole number.
    fn number(&mut self, number: impl itoa::Integer) -> &mut Self;
    /// Appends the lowest `DIGITS` hexadecimal digits of a number.
    fn hexadecimal<const DIGITS: usize>(&mut self, number: u64) -> &mut Self;
}

impl Put for Vec<u8> {
    fn text(&mut self, text: &str) -> &mut Self {
        self.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.text(itoa::Buffer::new().format(number))
    }

    fn hexadecimal<const DIGITS: usize>(&mut self, number: u64) -> &mut Self {
        let digit = |place: usize| b"0123456789abcdef"[(number >> (4 * (DIGITS - 1 - place))) as usize & 15];
        self.extend_from_slice(&std::array::from_fn::<u8, DIGITS, _>(digit));
        self
    }
}

/// What a line says, as far as it is not merely written down from the draw.
pub(crate) struct Log<'a> {
    /// Who speaks.
    service: Service,
    /// At which level, after incidents.
    level: Level,
    /// How long the request took, in milliseconds, after multipliers and incidents.
    response_time_ms: u64,
    /// Whether the line is marked as an anomaly. Incidents mark nothing: their truth is in the labels.
    is_anomaly: bool,
    /// The chance that the rest is made of.
    draw: &'a Draw,
}

impl<'a> Log<'a> {
    /// What a service says by a draw, under the effect of incidents.
    ///
    /// An anomalous request took three times as long if it is an ERROR, twice as long if the database speaks, and six
    /// times if both; other anomalous lines are no different.
    pub(crate) fn new(service: Service, draw: &'a Draw, effect: Effect) -> Self {
        let classic = Level::drawn(draw.level);
        let (least, greatest) = classic.response_time_ms();
        let mut response_time_ms = between(draw.response_time, least, greatest);
        let is_anomaly = below(draw.anomaly, ONE_ANOMALY_IN) == 0;
        if is_anomaly && classic == Level::Error {
            response_time_ms *= 3;
        }
        if is_anomaly && service == Service::Database {
            response_time_ms *= 2;
        }
        let level = effect.level(classic, draw);
        Self { service, level, response_time_ms: effect.response_time_ms(response_time_ms), is_anomaly, draw }
    }

    /// Appends the line, without a newline, as of a time in microseconds since the epoch.
    pub(crate) fn write(&self, time: i64, timestamps: &mut Timestamps, out: &mut Vec<u8>) {
        write_head(time, self.service.name(), self.level, timestamps, out);
        message::write(self.service, self.level, self.draw, self.response_time_ms, out);
        out.text(r#"","response_time_ms":"#).number(self.response_time_ms);
        write_client(self.draw, out);
        out.text(r#","endpoint":""#).text(ENDPOINTS[below(self.draw.endpoint, ENDPOINTS.len() as u32) as usize]);
        out.text(if self.is_anomaly { r#"","is_anomaly":true}"# } else { r#"","is_anomaly":false}"# });
    }
}

/// Begins a line: when, who, how bad, up to the message.
pub(crate) fn write_head(time: i64, service: &str, level: Level, timestamps: &mut Timestamps, out: &mut Vec<u8>) {
    out.text(r#"{"timestamp":""#);
    timestamps.write(time, out);
    out.text(r#"","service":""#).text(service);
    out.text(r#"","level":""#).text(level.name());
    out.text(r#"","message":""#);
}

/// Says who asked, from where, and what the request is called.
pub(crate) fn write_client(draw: &Draw, out: &mut Vec<u8>) {
    out.text(r#","user_id":"user_"#).number(between(draw.user, 1, USERS));
    let request = u64::from(draw.request[0]) << 32 | u64::from(draw.request[1]);
    out.text(r#"","request_id":"req-"#).hexadecimal::<12>(request);
    let address = below(draw.address, 1 << 16);
    out.text(r#"","ip_address":"192.168."#).number(address >> 8).text(".").number(address & 255).text(r#"""#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_to_the_digit() {
        let mut out = Vec::new();
        out.text("a").number(0u32).text(" ").number(u64::MAX).text(" ").hexadecimal::<4>(0xa_b0cd);
        assert_eq!(String::from_utf8(out).unwrap(), "a0 18446744073709551615 b0cd");
    }
}
