use logd_sdk::report::{Report, Severity};

use super::*;
use crate::tests::{NoConditions, context, settings};

/// What the check says: `key: message`, with `!` where it is an error.
fn problems(text: &str) -> Vec<String> {
    let mut report = Report::default();
    settings(text).check(&mut Check { report: &mut report, conditions: &NoConditions });
    let line = |problem: &logd_sdk::report::Problem| {
        let mark = if problem.severity == Severity::Error { "!" } else { "" };
        format!("{mark}{}: {}", problem.key, problem.message)
    };
    report.problems().iter().map(line).collect()
}

#[test]
fn reads_its_example() {
    let component = &crate::COMPONENTS[0];
    assert_eq!((component.name, component.aliases), ("http", &["http_server"][..]));
    let table = toml::de::DeTable::parse(component.example).unwrap();
    assert!((component.parse)(table).is_ok());
    assert_eq!(problems(component.example), [""; 0]);
}

#[test]
fn names_are_those_of_vector() {
    let settings = settings(
        "address = '[::1]:8080'\npath = '/logs'\nstrict_path = false\nmethod = 'put'\nframing.method = 'bytes'\n\
         decoding.codec = 'bytes'\nauth = { strategy = 'basic', username = 'u', password = 'p' }\n\
         tls = { crt_file = 'a.pem', key_file = 'b.pem' }\n",
    );
    assert_eq!(SourceSettings::listens(&settings), Some("[::1]:8080".parse().unwrap()));
    assert!(!SourceSettings::ends(&settings));
    let message = OwnedValuePath::single_field("message");
    assert_eq!(Settings::makes(&settings, ""), Makes::Fields(vec![message]));
}

#[test]
fn rejects_what_it_must() {
    let local = |rest: &str| problems(&format!("address = '127.0.0.1:0'\n{rest}"));
    for (text, expected) in [
        ("path = 'logs'", &["!path: `logs` is not a path"][..]),
        ("path = '/logs?a=b'", &["!path: `/logs?a=b` is not a path"]),
        (
            "auth = { strategy = 'basic', username = 'a:b', token = 't' }",
            &[
                "!auth: this strategy needs a `password`",
                "!auth.token: `token` is not for this strategy",
                "!auth.username: a name with a colon can't be sent (RFC 7617)",
            ],
        ),
        ("auth = { strategy = 'bearer' }", &["!auth: this strategy needs a `token`"]),
        (
            "auth = { strategy = 'bearer', token = 'a b' }",
            &["!auth.token: the token is empty, or has characters that can't be sent"],
        ),
        ("auth = { strategy = 'basic', username = 'u', password = '' }", &["!auth.password: the password is empty"]),
        (
            "respond_when = 'received'\n[limits]\nmax_body_size = '0 B'\nmax_decoded_size = '2 GiB'\nmax_connections = 0\nbusy_timeout = '0s'",
            &[
                "!limits.max_body_size: `max_body_size` must lie between 1 B and 1 GiB",
                "!limits.max_decoded_size: `max_decoded_size` must lie between 1 B and 1 GiB",
                "!limits.max_connections: with 0 connections nobody can send anything",
                "!limits.busy_timeout: every request waits for a moment: this would refuse all of them",
            ],
        ),
        ("buffer.max_size = '1 MiB'", &["!buffer.max_size: a buffer on disk has room for 64 MiB at least"]),
        (
            "respond_when = 'received'\nbuffer.max_size = '1 GiB'",
            &["!buffer: with `respond_when = \"received\"` nothing goes to the disk"],
        ),
        (
            "respond_when = 'delivered'\nlimits.max_body_size = '33 MiB'",
            &["!limits.max_body_size: `max_body_size` must lie between 1 B and 32 MiB"],
        ),
        ("limits.max_body_size = '32 MiB'", &[]),
        ("respond_when = 'received'\nlimits.max_body_size = '1 GiB'", &[]),
    ] {
        assert_eq!(local(text), expected, "{text}");
    }
    for wrong in [
        "colour = 1",
        "respond_when = 'sent'",
        "framing.method = 'words'",
        "decoding.codec = 'xml'",
        "tls.crt_file = 'a'",
    ] {
        let text = format!("address = '127.0.0.1:0'\n{wrong}");
        assert!(toml::from_str::<HttpSettings>(&text).is_err(), "{wrong}");
    }
    assert!(toml::from_str::<HttpSettings>("").unwrap_err().to_string().contains("address"));
}

#[test]
fn warns_who_listens_to_strangers() {
    let (open, clear) =
        ("whoever reaches 0.0.0.0:80 can send events", "what is sent to 0.0.0.0:80 can be read on its way");
    let (auth, tls) = ("auth = { strategy = 'bearer', token = 't' }", "tls = { crt_file = 'a', key_file = 'b' }");
    let warnings = |rest: &str| problems(&format!("address = '0.0.0.0:80'\n{rest}"));
    assert_eq!(warnings(""), [format!("address: {open}"), format!("address: {clear}")]);
    assert_eq!(warnings(auth), [format!("address: {clear}")]);
    assert_eq!(warnings(tls), [format!("address: {open}")]);
    assert_eq!(warnings(&format!("{auth}\n{tls}")), [""; 0]);
}

#[test]
fn the_largest_body_fits_into_memory() {
    for limits in ["", "max_body_size = '512 MiB'", "max_decoded_size = '1 GiB'", "max_body_size = '1 KiB'"] {
        let in_memory = "address = '127.0.0.1:0'\nrespond_when = 'received'";
        let bounds = settings(&format!("{in_memory}\n[limits]\n{limits}")).limits();
        let needed = bounds.max_body.max(bounds.max_decoded) + (9 << 20);
        assert!(bounds.memory / 4 * 3 >= needed, "{bounds:?}");
    }
    let bounds = settings("address = '127.0.0.1:0'").limits();
    assert_eq!(bounds, Limits::default(), "the defaults are the server's");
}

#[tokio::test]
async fn secrets_are_never_shown() {
    let text = "address = '127.0.0.1:0'\nrespond_when = 'received'\nauth = { strategy = 'basic', username = 'u', password = 'canary' }";
    let settings = settings(text);
    let source = SourceSettings::build(&settings, &context(&[])).await.unwrap();
    let shown = format!("{settings:?} {source:?}");
    assert!(!shown.contains("canary") && !shown.contains("dTpjYW5hcnk"), "{shown}");
}

#[tokio::test]
async fn what_can_not_be_built_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("crt.pem");
    let text = format!("address = '127.0.0.1:0'\ntls = {{ crt_file = '{}', key_file = 'k' }}", certificate.display());
    let error = |settings: HttpSettings| async move {
        format!("{:#}", SourceSettings::build(&settings, &context(&[])).await.unwrap_err())
    };
    assert!(error(settings(&text)).await.contains("crt.pem can't be read"));
    let holder = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let taken = holder.local_addr().unwrap();
    let message = error(settings(&format!("address = '{taken}'"))).await;
    assert!(message.starts_with(&format!("`address`: {taken} can't be listened on: ")), "{message}");
}
