//! What becomes of events: two more fields, whatever they are made of.

use logd_sdk::Slot;
use vrl::owned_value_path;

use super::*;

#[test]
fn events_leave_with_their_templates() {
    let mut driver = Driver::new("group_by = ['service']", 2, 1);
    driver.feed(&[
        event(1, "web", "Connection from 10.0.0.1 closed after 12 ms"),
        event(2, "web", "Connection from 10.0.0.2 closed after 13 ms"),
        event(3, "web", "user alice logged in today"),
        event(4, "web", "user bob logged in today"),
        event(5, "db", "user carol logged in today"),
    ]);
    let field = |name: &str| driver.events.iter().map(|event| event[name].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(
        field("template"),
        [
            "Connection from <*> closed after <*> ms",
            "Connection from <*> closed after <*> ms",
            "user alice logged in today",
            "user <*> logged in today",
            "user carol logged in today",
        ]
    );
    let ids = field("template_id");
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[3] != ids[4] && ids.iter().all(|id| id.len() == 16));
    assert_eq!(ids[0], format!("{:016x}", xxhash_rust::xxh3::xxh3_64(b"Connection from <*> closed after <*> ms")));
    assert_eq!(driver.events[0]["message"], "Connection from 10.0.0.1 closed after 12 ms");
    assert!(driver.errors.is_empty());
}

#[test]
fn columns_stay_columns_and_own_fields_are_written_over() {
    let mut driver = Driver::new("template_field = 'kind'\ntemplate_id_field = 'kind_id'", 1, 1);
    let row = |position| Row { body: Body::Columns, ..Row::line(0, 0, position, Time::EPOCH) };
    let mut batch = Batch::new(Block::new(Bytes::new(), partition(0)), vec![row(0), row(1)]);
    let columns = [owned_value_path!("message"), owned_value_path!("kind", "of"), owned_value_path!("n")];
    let slots = vec![
        Slot::Text { start: 0, end: 3 },
        Slot::Integer(1),
        Slot::Integer(2),
        Slot::Missing,
        Slot::Integer(3),
        Slot::Integer(4),
    ];
    batch.set_columns(Columns::new(columns), slots, "a 1".to_owned());
    batch.note_times();
    driver.feed_batch(batch);
    let id = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(b"a <*>"));
    let expected = serde_json::json!({ "message": "a 1", "n": 2, "kind": "a <*>", "kind_id": id });
    assert_eq!(driver.events, [expected, serde_json::json!({ "n": 4, "kind": { "of": 3 } })]);
    assert_eq!(driver.errors, BTreeMap::from([("missing", 1)]));
}

#[test]
fn lines_are_events_too_and_what_is_no_text_is_counted() {
    let mut driver = Driver::new("", 1, 1);
    let bytes = "job 7 done{\"message\":3,\"template\":\"mine\"}";
    let json = Row { body: Body::Json, ..Row::line(10, bytes.len() as u32, 1, Time::EPOCH) };
    let mut batch =
        Batch::new(Block::new(Bytes::from(bytes), partition(0)), vec![Row::line(0, 10, 0, Time::EPOCH), json]);
    batch.note_times();
    driver.feed_batch(batch);
    assert_eq!(
        (&driver.events[0]["message"], &driver.events[0]["template"]),
        (&"job 7 done".into(), &"job <*> done".into())
    );
    assert_eq!(driver.events[1], serde_json::json!({ "message": 3, "template": "mine" }));
    assert_eq!(driver.errors, BTreeMap::from([("missing", 1)]));
}

#[test]
fn own_masks_come_before_the_built_in_ones_and_those_can_be_left_out() {
    let line = "login user=b0b from 10.0.0.1";
    let template = |toml: &str| {
        let mut driver = Driver::new(toml, 1, 1);
        driver.feed(&[event(1, "web", line)]);
        driver.events[0]["template"].as_str().unwrap().to_owned()
    };
    let own = r"masks = [{ name = 'user', pattern = 'user=\w+' }]";
    assert_eq!(template(own), "login <user> from <*>");
    assert_eq!(template(&format!("{own}\ndefault_masks = false")), "login <user> from 10.0.0.1");
    assert_eq!(template(""), "login user=b0b from <*>");
}

#[test]
fn late_events_have_templates_and_count_for_nothing() {
    let mut driver = Driver::new("", 1, 1);
    driver.feed(&[event(100_000, "web", "a b c")]).feed(&[event(1000, "web", "a b d"), event(96_000, "web", "a b e")]);
    assert_eq!(driver.events[1]["template"], "a b <*>");
    assert_eq!(driver.errors, BTreeMap::from([("late", 1)]));
}

#[test]
fn keys_and_templates_beyond_the_limits_are_forgotten_and_counted() {
    let mut driver = Driver::new("group_by = ['service']\nmax_keys = 2\nmax_templates = 3", 1, 1);
    for (number, service) in (0..).zip(["a", "b", "c", "d"]) {
        driver.feed(&[event(number * 1000, service, "x")]);
    }
    assert_eq!(driver.errors["key_evicted"], 2);
    let words = ["one", "two two", "three three three", "four four four four", "one", "two two"];
    let events: Vec<Event> = (5000..).zip(words).map(|(at, line)| event(at, "d", line)).collect();
    driver.feed(&events).restart(1).tick(60_000);
    let of = |kind| driver.errors.get(kind).copied();
    assert_eq!((of("template_evicted"), of("uncounted")), (Some(4), Some(2)), "no bucket counts more templates either");
}
