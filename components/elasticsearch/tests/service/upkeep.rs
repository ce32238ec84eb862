//! What becomes of templates and indices.

use std::time::Duration;

use elasticsearch::http::Method;
use logd_sdk::Time;
use serde_json::{Value, json};

use crate::support::{NOW, Service, events, log};

pub(crate) async fn the_template_decides_how_an_index_is_made(service: &Service) {
    let sink = service.sink("bulk.index = 'e-%Y.%m.%d'\ntemplate.name = 'e'").await;
    assert_eq!(service.get("_index_template/e").await["status"], json!(404), "building the sink touches nothing");
    sink.deliver(&events("test/in", NOW, [log(1)])).await;
    let index = "e-2026.11.23";
    let mapping = service.get(&format!("{index}/_mapping")).await;
    let fields: Vec<(String, Value)> = [
        ("timestamp", "date"),
        ("service", "keyword"),
        ("level", "keyword"),
        ("user_id", "keyword"),
        ("request_id", "keyword"),
        ("endpoint", "keyword"),
        ("message", "text"),
        ("ip_address", "ip"),
        ("response_time_ms", "integer"),
        ("is_anomaly", "boolean"),
    ]
    .map(|(field, kind)| (field.to_owned(), json!({ "type": kind })))
    .into();
    assert_eq!(mapping[index]["mappings"]["properties"], Value::Object(fields.into_iter().collect()));
    let settings = service.get(&format!("{index}/_settings")).await;
    let index = &settings[index]["settings"]["index"];
    assert_eq!((&index["number_of_shards"], &index["number_of_replicas"]), (&json!("1"), &json!("0")));
}

pub(crate) async fn old_daily_indices_are_deleted_and_no_others(service: &Service) {
    let days_ago = |days: u64| NOW.before(Duration::from_secs(days * 24 * 60 * 60));
    let deliver = async |index: &str, time: Time| {
        let sink = service.sink(&format!("bulk.index = '{index}'")).await;
        sink.deliver(&events("test/in", time, [log(1)])).await;
    };
    for days in [0, 6, 7, 8, 400] {
        deliver("f-%Y.%m.%d", days_ago(days)).await;
    }
    for other in ["f-%Y.%m", "f-%Y.%m.%d-x", "ff-%Y.%m.%d", "f"] {
        deliver(other, days_ago(400)).await;
    }
    service.ask(Method::Post, "f-2025.10.19/_close").await;
    let sink = service.sink("bulk.index = 'f-%Y.%m.%d'\nretention = '7d'").await;
    sink.sync().await;
    let left = ["f", "f-2025.10", "f-2025.10.19-x", "f-2026.11.16", "f-2026.11.17", "f-2026.11.23", "ff-2025.10.19"];
    assert_eq!(service.indices("f*").await, left);
}
