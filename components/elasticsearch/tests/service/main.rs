//! The sink with real services: Elasticsearch 9 and 8, which `tests/services/services.sh` of the workspace brings up.
//!
//! A version is started once, and all that holds is tried on it, one thing after the other; only one runs at a time.

// A test stops where it can't go on.
#![allow(clippy::unwrap_used)]

mod crash;
mod delivery;
mod support;
mod upkeep;

use tokio::sync::Mutex;

use self::support::Service;

/// Two at once would be a gigabyte of Java.
static ONE: Mutex<()> = Mutex::const_new(());

async fn all(major: u32) {
    let _one = ONE.lock().await;
    let service = Service::start(major);
    delivery::documents_have_their_events_names_and_repeats_do_no_harm(&service).await;
    delivery::what_does_not_fit_its_mapping_is_rejected_with_a_reason(&service).await;
    delivery::a_request_that_is_too_large_is_halved(&service).await;
    delivery::a_data_stream_takes_events_with_and_without_a_time(&service).await;
    upkeep::the_template_decides_how_an_index_is_made(&service).await;
    upkeep::old_daily_indices_are_deleted_and_no_others(&service).await;
    crash::a_crash_of_the_service_loses_and_doubles_nothing(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_9() {
    all(9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_8() {
    all(8).await;
}
