//! The sink and the reader with real services: Elasticsearch 9 and 8, which `tests/services/services.sh` of the workspace brings up.
//!
//! A version is started once, and all that holds is tried on it, one thing after the other; only one runs at a time.

// A test stops where it can't go on.
#![allow(clippy::unwrap_used)]

mod crash;
mod delivery;
mod reading;
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
    reading::pages_have_each_log_once_and_the_newest_first(&service).await;
    reading::a_log_comes_back_as_it_was_written(&service).await;
    reading::filters_and_searches_find_what_they_say(&service).await;
    reading::a_bad_query_is_told_from_a_fault(&service).await;
    reading::nobody_sees_more_than_they_may(&service).await;
    reading::counts_have_their_errors(&service).await;
    reading::what_is_not_there_yet_has_no_logs(&service).await;
    reading::what_can_not_keep_services_apart_is_not_shown(&service).await;
    reading::a_data_stream_is_read_by_its_own_time(&service).await;
    reading::one_that_is_gone_is_away(&service).await;
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
