use logd_sdk::sink::Concurrency;

use super::*;
use crate::testing::{NoConditions, problems, reads_its_example, settings};

#[test]
fn reads_its_own_example() {
    reads_its_example();
}

#[test]
fn says_all_that_is_wrong() {
    let found = problems(
        "endpoints = ['localhost:9200', 'http://elastic:canary@a:9200', 'http://a/?b', 'http://a:9200/es']
        mode = 'bulk'
        bulk.index = 'Logs-{{ service }}'
        data_stream.dataset = 'x'
        template.name = 'a/b'
        retention = '7d'
        auth.strategy = 'bearer'
        tls.key_pass = 'canary'
        batch.max_size = '0 B'
        request.timeout = '0s'",
    );
    let expected = [
        "endpoints[0]: an endpoint begins with `http://` or `https://`, and a host",
        "endpoints[1]: an endpoint has no user or password in it: they belong into `auth`",
        "endpoints[2]: an endpoint ends with its host, port or path",
        "auth: this `strategy` needs `token`",
        "tls.key_pass: an encrypted key can't be read here",
        "data_stream: `data_stream` is for another `mode`",
        "bulk.index: no index can have such a name: it is not in lower case",
        "retention: `retention` needs an index for each day, with `%Y`, `%m` and `%d` in its name",
        "template.name: a template's name has letters, digits, `-`, `_` and `.` in it, and nothing else",
        "batch.max_size: `max_size` must be larger than nothing",
        "request.timeout: `timeout` must be longer than nothing",
    ];
    assert_eq!(found, expected);
    assert_eq!(problems("endpoints = []"), ["endpoints: there is no endpoint"]);
}

#[test]
fn a_data_stream_has_rules_of_its_own() {
    let found = problems(
        "endpoints = ['http://a']
        mode = 'data_stream'
        bulk.action = 'index'
        data_stream = { type = '{{ type }}' }
        retention = '7d'
        tls.ca_file = 'ca.pem'",
    );
    assert_eq!(
        found,
        [
            "tls: no endpoint uses TLS",
            "bulk: `bulk` is for another `mode`",
            "data_stream: a name begins with a literal, so that no event can choose it freely",
            "retention: `retention` is for indices: a data stream has a lifecycle of its own",
        ]
    );
}

#[test]
fn names_come_from_the_mode() {
    let names = |more: &str| settings(&format!("endpoints = ['http://a']\n{more}")).names().unwrap().to_string();
    assert_eq!(names(""), "logs");
    assert_eq!(names("bulk.index = 'x-%Y'"), "x-%Y");
    assert_eq!(names("mode = 'data_stream'"), "logs-generic-default");
    let stream = "mode = 'data_stream'\ndata_stream = { dataset = '{{ service }}', namespace = 'prod' }";
    assert_eq!(names(stream), "logs-{{ service }}-prod");
    let settings = settings(&format!("endpoints = ['http://a']\n{stream}"));
    let Reads::Fields(reads) = settings.reads(&NoConditions) else { panic!("all") };
    assert_eq!(reads.iter().map(ToString::to_string).collect::<Vec<_>>(), ["service", "@timestamp"]);
    let Reads::Fields(needs) = settings.needs(&NoConditions) else { panic!("all") };
    assert_eq!(needs.len(), 1);
}

#[test]
fn what_is_set_goes_over_the_defaults() {
    let delivery = settings("endpoints = ['http://a']\nbatch.max_events = 7").delivery();
    assert_eq!((delivery.max_events, delivery.repeats), (7, Repeats::Harmless));
    assert!(matches!(delivery.concurrency, Concurrency::Adaptive(_)));
}
