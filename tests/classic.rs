//! The classic example against a real Redis: the keys that it writes, with and without kill -9 of either side.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::support::services::Service;
use crate::support::{Place, Running, free_address, get, run};

const SERVICES: [&str; 5] = ["web-api", "cache-service", "payment-service", "auth-service", "database"];

/// A real Redis.
struct Redis(Service);

impl Redis {
    fn start() -> Self {
        Self(Service::start("redis"))
    }

    /// What `redis-cli` prints for a command.
    fn cli(&self, command: &[&str]) -> String {
        let said = run(Command::new("redis-cli").args(["-p", self.0.port()]).args(command));
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said.out.trim_end().to_owned()
    }

    /// The fields of a hash, without logd's own.
    fn hash(&self, key: &str) -> BTreeSet<(String, String)> {
        let out = self.cli(&["HGETALL", key]);
        let lines: Vec<&str> = out.lines().collect();
        let fields = lines.chunks_exact(2).map(|field| (field[0].to_owned(), field[1].to_owned()));
        fields.filter(|(name, _)| !name.starts_with("logd:")).collect()
    }

    /// All that the example writes, but for the order of lists and what stands in them twice.
    fn keys(&self) -> Vec<BTreeSet<(String, String)>> {
        let hashes = SERVICES.map(|service| format!("service:{service}"));
        let mut keys: Vec<_> = hashes.iter().map(String::as_str).chain(["metrics"]).map(|key| self.hash(key)).collect();
        let anomalies = self.cli(&["LRANGE", "anomalies", "0", "-1"]);
        keys.push(anomalies.lines().map(|line| (line.to_owned(), String::new())).collect());
        keys
    }
}

/// The example, to be run to its end.
fn example(place: &Place, redis: &Redis) -> Command {
    place.write("logd.toml", "checkpoint.interval = \"50ms\"\n");
    let mut command = place.logd();
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/classic"));
    command.env("REDIS_HOST", "127.0.0.1").env("REDIS_PORT", redis.0.port());
    command.args(["run", "--once", "-c", "pipeline.toml", "--log-level", "warn"]);
    command.arg("--data-dir").arg(place.path("data")).arg("--config").arg(place.path("logd.toml"));
    command
}

#[test]
fn the_keys_are_those_of_the_classic_system_whoever_is_killed() {
    let (place, disturbed) = (Place::new(), Place::new());
    let redis = Redis::start();
    let said = run(&mut example(&place, &redis));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));

    assert_eq!(redis.cli(&["HGET", "metrics", "total_logs"]), "180000");
    let number = |key: &str, field: &str| redis.cli(&["HGET", key, field]).parse::<f64>().expect("a number");
    for field in ["total_logs", "error_logs"] {
        let sum: f64 = SERVICES.iter().map(|service| number(&format!("service:{service}"), field)).sum();
        assert!((sum - number("metrics", field)).abs() < 0.5, "{field}");
    }
    let last = redis.cli(&["HGET", "metrics", "last_batch_time"]);
    assert!(last.starts_with("2026-01-01T00:02:59."), "{last}");
    assert!((0.0..100.0).contains(&number("service:database", "error_rate")));
    assert!(number("service:database", "avg_response_time") > 1.0);
    let anomalies = redis.cli(&["LRANGE", "anomalies", "0", "-1"]);
    let anomalies: Vec<Value> = anomalies.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(anomalies.len().to_string(), redis.cli(&["HGET", "metrics", "anomalies_detected"]));
    for (service, kind) in [("payment-service", "high_latency"), ("auth-service", "error_spike")] {
        assert!(
            anomalies.iter().any(|anomaly| anomaly["service"] == service && anomaly["type"] == kind),
            "{anomalies:?}"
        );
    }
    for anomaly in &anomalies {
        assert!(anomaly["timestamp"].is_string() && anomaly["description"].is_string(), "{anomaly}");
        assert!(anomaly["value"].is_number() && anomaly["z_score"].is_number(), "{anomaly}");
    }
    assert_eq!(redis.cli(&["LLEN", "recent_logs"]), "1000");
    let newest: Value = serde_json::from_str(&redis.cli(&["LINDEX", "recent_logs", "0"])).expect("JSON");
    assert_eq!(newest["timestamp"].as_str(), Some(last.as_str()));

    let other = Redis::start();
    // One that is through has forgotten its positions, and would count once more.
    let store = disturbed.path("data/once/pipeline/checkpoints.redb");
    let through = || !store.exists() && other.cli(&["HGET", "metrics", "total_logs"]) == "180000";
    let mut kills = 0;
    while kills < 10 && !through() {
        let running = Running::start(&mut example(&disturbed, &other));
        std::thread::sleep(Duration::from_millis(100 + 40 * kills));
        if kills % 3 == 2 {
            other.0.kill();
            other.0.start_again();
        }
        running.signal("KILL");
        running.end();
        kills += 1;
    }
    assert!(kills > 2, "only {kills} kills before it was through");
    if !through() {
        let said = run(&mut example(&disturbed, &other));
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    assert_eq!(other.keys(), redis.keys());
    assert_eq!(other.cli(&["LLEN", "recent_logs"]), "1000");
}

const COUNT: &str = r#"
[sources.logs]
type = "generator"
rate = 2000
count = 10_000

[sinks.total]
type = "redis"
inputs = ["logs"]
endpoint = "redis://127.0.0.1:${REDIS_PORT}"
data_type = "hash"
key = "metrics"
hash.add.total_logs = { fn = "count" }
request.timeout = "1s"
"#;

#[test]
fn readiness_says_that_redis_is_away_and_nothing_is_lost() {
    let place = Place::new();
    place.write("pipelines/count.toml", COUNT);
    let redis = Redis::start();
    let address = free_address();
    let arguments = ["run", "--once", "-c", "pipelines/count.toml", "--telemetry-address", &address];
    let mut logd = Running::start(place.logd().args(arguments).env("REDIS_PORT", redis.0.port()));
    logd.wait_for("a total", |_| redis.cli(&["HGET", "metrics", "total_logs"]).parse::<u32>().is_ok_and(|n| n > 0));
    redis.0.kill();
    logd.wait_for("a reason", |_| {
        let ready = get(&address, "/ready");
        ready.contains("\"ready\":false") && ready.contains("Redis")
    });
    redis.0.start_again();
    let back = Instant::now();
    logd.wait_for("readiness", |_| get(&address, "/ready").contains("\"ready\":true"));
    assert!(back.elapsed() < Duration::from_secs(5), "{:?} after Redis was back", back.elapsed());
    let (status, _, err) = logd.end();
    assert!(status.success(), "{err}");
    assert_eq!(redis.cli(&["HGET", "metrics", "total_logs"]), "10000");
}
