//! The `http` source in a daemon: what a client is answered, and what comes out.

use crate::support::{Place, Running, ask, free_address};

fn post(address: &str, more: &str, body: &str) -> String {
    ask(address, "POST /logs", &format!("{more}content-length: {}\r\n\r\n{body}", body.len()))
}

#[test]
fn events_that_were_answered_200_come_out() {
    let (place, address) = (Place::new(), free_address());
    place.write(
        "pipelines/p.toml",
        format!(
            "[sources.in]\ntype = \"http\"\naddress = \"{address}\"\npath = \"/logs\"\ndecoding.codec = \"json\"\n\
             auth = {{ strategy = \"bearer\", token = \"${{TOKEN}}\" }}\n\
             [sinks.out]\ntype = \"console\"\ninputs = [\"in\"]\nencoding.codec = \"json\"\n"
        ),
    );
    let mut logd =
        Running::start(place.logd().args(["run", "--telemetry-address", "127.0.0.1:0"]).env("TOKEN", "let-me-in"));
    let token = "authorization: Bearer let-me-in\r\n";
    logd.wait_for("an answer", |_| post(&address, token, "{\"n\":1}\n{\"n\":2}\n").starts_with("HTTP/1.1 200"));
    logd.wait_for("both events", |logd| logd.out().lines().count() == 2);
    assert_eq!(logd.out(), "{\"n\":1}\n{\"n\":2}\n");

    for (answer, headers, body) in [
        ("400", token, "{\"n\":3}\n{broken\n"),
        ("401", "", "{\"n\":3}\n"),
        ("401", "authorization: Bearer x\r\n", "{}"),
    ] {
        let said = post(&address, headers, body);
        assert!(said.starts_with(&format!("HTTP/1.1 {answer}")), "not {answer}: {said}");
        assert!(!said.contains("let-me-in"), "{said}");
    }
    assert!(
        ask(&address, "POST /elsewhere", &format!("{token}content-length: 2\r\n\r\n{{}}")).starts_with("HTTP/1.1 404")
    );
    assert!(ask(&address, "DELETE /logs", &format!("{token}\r\n")).starts_with("HTTP/1.1 405"));

    assert!(post(&address, token, "[{\"n\":4},{\"n\":5}]").starts_with("HTTP/1.1 200"));
    logd.signal("TERM");
    let (status, out, err) = logd.end();
    assert!(status.success(), "{err}");
    assert_eq!(out, "{\"n\":1}\n{\"n\":2}\n{\"n\":4}\n{\"n\":5}\n", "what was refused is not there");
}
