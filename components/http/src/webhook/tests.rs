//! The sink against receivers of all kinds, and its signatures against other people's code.

mod calls;
mod signatures;

use logd_sdk::Batch;
use logd_sdk::component::{Settings as _, SinkSettings as _};
use logd_sdk::condition::Reads;

use super::{Webhook, WebhookSettings};
use crate::testing::{NoConditions, Receiver, context, events, parse};

/// A change of an incident, as the detectors tell it, cut down.
const OPEN: &str = r#"{"id":"f43a","incident_id":"1688","state":"open","reason":null,"value":1176.5,"key":{"service":"payment"},"explanation":"payment latency: mean \"1,176 ms\""}"#;
/// Its end.
const RESOLVED: &str = r#"{"id":"f43b","incident_id":"1688","state":"resolved","reason":"back_to_normal","value":277,"key":{"service":"payment"},"explanation":"back to normal"}"#;

/// A webhook that calls the receiver, and a batch with the columns that it reads.
async fn webhook(receiver: &Receiver, more: &str, lines: &[&str]) -> (Webhook, Batch) {
    let settings: WebhookSettings = parse(&format!("uri = '{}'\n{more}", receiver.uri("/hook")));
    let Reads::Fields(fields) = settings.reads(&NoConditions) else { panic!("no templates") };
    let fields: Vec<_> = fields.iter().map(|field| field.to_string().parse().unwrap()).collect();
    (settings.build(&context(&[])).await.unwrap(), events(lines, &fields))
}
