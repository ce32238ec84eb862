//! `./start --local`: the whole system with its real services, and that nothing is left of it when it is told to stop.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::file;
use crate::support::{DEADLINE, Place, Running, run};

/// What listens somewhere, by the variable of `./start` that says where.
const PORTS: [&str; 9] = [
    "KAFKA_PORT",
    "KAFKA_CONTROLLER_PORT",
    "REDIS_PORT",
    "ES_PORT",
    "ES_TRANSPORT_PORT",
    "PROMETHEUS_PORT",
    "LOGD_TELEMETRY",
    "LOGD_API",
    "ALARMS_ADDRESS",
];

/// What two JVMs and all that backfill take where other tests run beside: how quick it is, other tests say.
const LIMIT: Duration = Duration::from_secs(200);

/// The script, which is told to stop on every path, and given the time for it: killed, it would leave its services.
struct System(Option<Running>);

impl System {
    fn running(&mut self) -> &mut Running {
        self.0.as_mut().expect("it has not ended")
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let Some(mut running) = self.0.take() else { return };
        if running.runs() {
            running.signal("TERM");
        }
        let mut left = DEADLINE;
        const STEP: Duration = Duration::from_millis(50);
        while running.runs() && !left.is_zero() {
            std::thread::sleep(STEP);
            left = left.saturating_sub(STEP);
        }
    }
}

fn asked(program: &str, arguments: &[&str]) -> String {
    run(Command::new(program).args(arguments)).out.trim().to_owned()
}

#[test]
fn the_whole_system_starts_and_stops_as_one() {
    let place = Place::new();
    // All are held until the last is found, so that they differ.
    let held = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let ports = held.map(|listener| listener.local_addr().expect("an address").port().to_string());
    let mut command = Command::new(file("start"));
    for (name, port) in PORTS.iter().zip(&ports) {
        let is_port = name.ends_with("_PORT");
        command.env(name, if is_port { port.clone() } else { format!("127.0.0.1:{port}") });
    }
    let [.., webhook] = &ports;
    command.env("WEBHOOK_URL", format!("http://127.0.0.1:{webhook}/")).env("LOG_RATE", "20");
    command
        .env("LOGD", env!("CARGO_BIN_EXE_logd"))
        .env("DATA", place.path("data"))
        .env("START_TIMEOUT", LIMIT.as_secs().to_string());
    let mut system = System(Some(Running::start(command.arg("--local").stdin(Stdio::null()))));

    // One after the other, each in its time.
    for service in ["kafka", "redis", "elasticsearch", "prometheus"] {
        system.running().wait_within(LIMIT, service, |start| start.err().contains(&format!("{service} is ready")));
    }
    system.running().wait_within(LIMIT, "start", |start| start.err().contains("Started."));
    let [_, _, redis, elasticsearch, _, _, telemetry, api, _] = &ports;
    let told = system.running().out();
    for address in [
        format!("http://127.0.0.1:{telemetry}/ready"),
        format!("http://127.0.0.1:{api} "),
        format!("redis-cli -p {redis} HGET metrics total_logs"),
    ] {
        assert!(told.contains(&address), "nobody is told of {address}: {told}");
    }

    system.running().wait_within(LIMIT, "alarm", |start| start.out().contains(" OPEN payment-service health: "));
    let total = || asked("redis-cli", &["-p", redis, "HGET", "metrics", "total_logs"]).parse::<u64>().unwrap_or(0);
    let before = total();
    system.running().wait_for("more logs", |_| total() > before);
    let count = format!("http://127.0.0.1:{elasticsearch}/logs/_count");
    assert!(!asked("curl", &["-fsS", &count]).starts_with("{\"count\":0,"), "no documents");

    let running = system.running();
    running.signal("TERM");
    // An alarm that comes now waits for the next start: its receiver stops with the other sources.
    running
        .wait_for("end of logd", |start| start.err().contains("INFO Stopped") || start.err().contains("WARN Stopped"));
    let (status, out, err) = system.0.take().expect("it runs").end();
    assert!(status.success(), "{out}{err}");
    for (name, port) in PORTS.iter().zip(&ports) {
        TcpStream::connect(format!("127.0.0.1:{port}")).expect_err(name);
    }
}
