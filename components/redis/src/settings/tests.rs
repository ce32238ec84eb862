//! The settings: what is read, and what is refused.

use logd_sdk::report::Report;

use super::*;
use crate::testing::Has;

fn settings(text: &str) -> RedisSettings {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is wrong with `more` at the side of what must be there.
fn problems(more: &str) -> Vec<String> {
    let mut report = Report::default();
    let endpoint = if more.contains("endpoint") { "" } else { "endpoint = 'redis://127.0.0.1'\n" };
    let settings = settings(&format!("key = 'key'\n{endpoint}{more}"));
    settings.check(&mut Check { report: &mut report, conditions: &Has });
    report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}

#[test]
fn reads_its_example() {
    let table = toml::de::DeTable::parse(RedisSettings::EXAMPLE.trim()).expect("TOML");
    let plan = (crate::COMPONENTS[0].parse)(table).expect("settings");
    let mut report = Report::default();
    // The fields of its conditions are those of VRL.
    struct Any;
    impl Conditions for Any {
        fn compile(
            &self,
            _: &str,
        ) -> Result<std::sync::Arc<dyn logd_sdk::condition::Condition>, Vec<logd_sdk::settings::Fault>> {
            Has.compile("level")
        }
    }
    plan.describe().check(&mut Check { report: &mut report, conditions: &Any });
    assert_eq!(report.problems(), []);
    let Reads::Fields(fields) = plan.describe().reads(&Any) else { panic!("not the whole event") };
    assert_eq!(fields.iter().map(ToString::to_string).collect::<Vec<_>>(), ["service", "timestamp", "level"]);
}

#[test]
fn rejects_what_can_not_be() {
    for (more, expected) in [
        ("", &[][..]),
        ("endpoint = 'unix:///run/redis.sock'", &[]),
        ("endpoint = 'rediss://redis.example:6380'\ntls.ca_file = 'ca.pem'", &[]),
        ("endpoint = 'http://127.0.0.1'", &["endpoint: not an address of a Redis"]),
        ("endpoint = '127.0.0.1:6379'", &["endpoint: not an address of a Redis"]),
        (
            "endpoint = 'redis://:canary@127.0.0.1'",
            &["endpoint: a user or password does not belong into the endpoint, where everybody sees it"],
        ),
        ("endpoint = 'redis://127.0.0.1/3'", &["endpoint: the database does not belong into the endpoint"]),
        ("endpoint = 'rediss://127.0.0.1/#insecure'", &["endpoint: an endpoint has no options"]),
        ("tls.ca_file = 'ca.pem'", &["tls: the endpoint is one without TLS, and `tls` would do nothing"]),
        (
            "endpoint = 'rediss://a'\ntls = { enabled = false, crt_file = 'a', key_pass = 'canary' }",
            &[
                "tls.enabled: the endpoint is one with TLS",
                "tls: `crt_file` and `key_file` belong together: a certificate needs its key",
                "tls.key_pass: a key with a passphrase can't be read",
            ],
        ),
        ("username = 'logd'", &["username: `username` without `password`: Redis asks for both"]),
        ("stream.max_length = 5", &["stream: `stream` is for another `data_type`"]),
        ("data_type = 'hash'", &["data_type: a hash needs fields: some that are set, or some that are added to"]),
        (
            "data_type = 'hash'\nhash.set = { a = 'x', 'logd:b' = 'x' }\nhash.add.a = { fn = 'count' }",
            &[
                "hash.set.a: `a` can be set or added to, and not both",
                "hash.set.logd:b: fields that begin with `logd:` are logd's own",
            ],
        ),
        (
            "data_type = 'hash'\nhash.add.a = { fn = 'sum' }\nhash.add.b = { fn = 'count', field = 'x', where = 'no path' }",
            &[
                "hash.add.a: `sum` needs a `field`",
                "hash.add.b.field: `count` is of whole events and takes no `field`",
                "hash.add.b.where: `no path` is not a field path",
            ],
        ),
        ("data_type = 'channel'\nttl = '1s'", &["ttl: a channel keeps nothing, and has no `ttl`"]),
        ("ttl = '1us'", &["ttl: `ttl` must be a millisecond or more"]),
        ("request.timeout = '0s'", &["request.timeout: `timeout` must be longer than nothing"]),
    ] {
        assert_eq!(problems(more), expected, "{more}");
    }
    for (text, expected) in [
        ("key = '{{ service }}'\nendpoint = 'redis://a'", "a name begins with a literal"),
        ("key = 'a'\nendpoint = 'redis://a'\ndata_type = 'set'", "unknown variant `set`"),
        ("key = 'a'\nendpoint = 'redis://a'\nlist.max_length = 0", "nonzero"),
        ("key = 'a'\nendpoint = 'redis://a'\nurl = 'x'", "unknown field `url`"),
    ] {
        let error = toml::from_str::<RedisSettings>(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn only_what_repeats_would_double_goes_through_the_journal() {
    let delivery = |data_type: &str| {
        let more = if data_type == "hash" { "hash.add.a = { fn = 'count' }" } else { "" };
        settings(&format!("key = 'a'\nendpoint = 'redis://a'\ndata_type = '{data_type}'\n{more}")).delivery()
    };
    for (data_type, repeats) in [
        ("list", Repeats::Doubled),
        ("stream", Repeats::Doubled),
        ("channel", Repeats::Doubled),
        ("hash", Repeats::Harmless),
        ("string", Repeats::Harmless),
        ("sorted_set", Repeats::Harmless),
    ] {
        assert_eq!(delivery(data_type).repeats, repeats, "{data_type}");
        assert_eq!(delivery(data_type).concurrency, Concurrency::ONE);
    }
}

#[test]
fn secrets_are_not_shown() {
    let settings = settings("key = 'a'\nendpoint = 'redis://a'\nusername = 'u'\npassword = 'canary'");
    assert!(!format!("{settings:?}").contains("canary"));
}
