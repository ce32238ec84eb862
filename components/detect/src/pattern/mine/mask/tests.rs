//! What is masked and what is not, line by line, and what must hold for any line.

use proptest::prelude::*;

use super::*;

fn masked(line: &str) -> String {
    let mut out = "before|".to_owned();
    normalize(line, true, &mut out);
    out.split_off("before|".len())
}

#[test]
fn what_varies_is_masked() {
    for (line, expected) in [
        ("Rolled new log segment for 'test-4' in 1 ms.", "Rolled new log segment for 'test-<*>' in <*> ms."),
        ("took 12ms, 64KB; 1.5MB/s", "took <*>ms, <*>KB; <*>MB/s"),
        ("2016-12-19 19:01:37,536 at 2015-05-20T00:05:10.123Z", "<*> <*> at <*>Z"),
        ("from 10.0.0.1:9092 and 10.0.0.1", "from <*> and <*>"),
        ("x=-1 y=+2.5 a-3 (-4)", "x=<*> y=<*> a-<*> (<*>)"),
        ("0x1f 3fa9c deadbeef01 deadbeef DEADBEEF9 cafe", "<*> <*> <*> deadbeef <*> cafe"),
        ("id=550e8400-e29b-41d4-a716-446655440000!", "id=<*>!"),
        ("id=a50e8400-e29b-41d4-a716-446655440000x", "id=<*>-e29b-<*>-a716-<*>x"),
        ("fe80::1 aa:bb:cc:0d:ee:ff, 2001:db8::8a2e:370:7334: ok", "<*> <*>, <*>: ok"),
        ("add:bee:fee std::io::Error", "add:bee:fee std::io::Error"),
        (
            "Deleting index /tmp/kafka-logs/test-0/0232.index.deleted (kafka.log.OffsetIndex)",
            "Deleting index <*> (kafka.log.OffsetIndex)",
        ),
        (
            "GET /reset.css?a=1 HTTP/1.1, dir=/var/x. read/write and / alone",
            "GET <*> HTTP/<*>, dir=<*>. read/write and / alone",
        ),
        ("see http://host:80/x(1)", "see http:<*>(<*>)"),
        ("worker_7 test4", "worker_7 test4"),
    ] {
        assert_eq!(masked(line), expected);
    }
}

#[test]
fn space_and_colours_do_not_count() {
    assert_eq!(masked(" \t a \n b\r\n"), "a b");
    assert_eq!(masked("\u{1b}[1;31mERROR\u{1b}[0m \u{1b}[0m it\u{1b}M"), "ERROR itM");
    assert_eq!(masked("\u{1b}[31é x\u{1b}"), "é x", "a broken sequence takes no character with it");
    assert_eq!(masked(""), "");
    assert_eq!(masked(" \u{1b}[0m "), "");
    assert_eq!(masked("größe 3µs 日本語"), "größe <*>µs 日本語");
}

#[test]
fn a_long_line_is_read_in_part() {
    let line = format!("begin {}", "é".repeat(1_000_000));
    let text = masked(&line);
    assert!(text.len() < LONGEST_LINE + 10 && text.ends_with(" …"), "{}", text.len());
    let text = masked(&"a ".repeat(1000));
    assert_eq!((text.split(' ').count(), text.ends_with("a …")), (MOST_TOKENS + 1, true));
    assert_eq!(masked(&"a ".repeat(MOST_TOKENS)).split(' ').count(), MOST_TOKENS, "no more than there are");
}

#[test]
fn without_masks_a_line_stays_as_it_is() {
    let mut out = String::new();
    normalize("took  12ms in /var/x", false, &mut out);
    assert_eq!(out, "took 12ms in /var/x");
}

proptest! {
    #[test]
    fn any_line_becomes_words_and_stays_bounded(line in "(\\PC|[0-9a-f:./ \x1b\\[-]){0,300}") {
        let text = masked(&line);
        prop_assert!(text.len() <= 2 * line.len() + WILDCARD.len() + REST.len());
        prop_assert!(!text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  "), "{text:?}");
    }
}
