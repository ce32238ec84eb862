//! The settings: what is read, and what is refused.

use logd_sdk::component::{Check, Makes};
use logd_sdk::report::{Report, Severity};

use super::*;

/// All that is wrong, each with its key.
fn problems(toml: &str) -> Vec<String> {
    let settings: PatternSettings = match toml::from_str(toml) {
        Ok(settings) => settings,
        Err(error) => return vec![error.message().to_owned()],
    };
    let mut report = Report::default();
    settings.check(&mut Check { report: &mut report, conditions: &NoConditions });
    let word = |severity| if severity == Severity::Warning { "warning: " } else { "" };
    let problems = report.problems().iter();
    problems.map(|problem| format!("{}{}: {}", word(problem.severity), problem.key, problem.message)).collect()
}

#[test]
fn reads_its_example_and_needs_nothing() {
    assert_eq!(problems(PatternSettings::EXAMPLE), [""; 0]);
    assert_eq!(problems(""), [""; 0]);
}

#[test]
fn rejects_what_it_must() {
    for (toml, expected) in [
        ("template_field = 'a.b'", "template_field: `a.b` is no field at the top of an event"),
        ("template_field = 'message'", "template_field: `message` is read here, and would be written over"),
        (
            "group_by = ['x']\ntemplate_id_field = '.x'",
            "template_id_field: `.x` is read here, and would be written over",
        ),
        ("template_id_field = 'template'", "template_id_field: the template and its id go to the same field"),
        ("group_by = ['a', '.a']", "group_by[1]: `.a` stands here twice"),
        ("masks = [{ name = 'a-b', pattern = 'x' }]", "masks[0].name: a mask's name is made of letters and `_`"),
        ("masks = [{ name = 'a', pattern = '(' }]", "masks[0].pattern: this is no regular expression: unclosed group"),
        ("max_templates = 0", "max_templates: `max_templates` must lie between 1 and 100000"),
        ("max_keys = 0", "max_keys: `max_keys` must be at least 1"),
        (
            "group_by = ['message']",
            "warning: group_by[0]: `message` is the line that is read: each of its values is a key of its own",
        ),
    ] {
        assert_eq!(problems(toml), [expected], "{toml}");
    }
    assert!(problems("depth = 4")[0].starts_with("unknown field `depth`"));
    assert!(problems("masks = [{ name = 'a' }]")[0].starts_with("missing field `pattern`"));
    let all = "template_field = 'a.b'\nmasks = [{ name = '', pattern = '[' }]\nmax_keys = 0\nmax_templates = 0";
    assert_eq!(problems(all).len(), 5, "all that is wrong is said at once");
}

#[test]
fn says_what_it_reads_and_makes() {
    let settings: PatternSettings = toml::from_str("field = 'msg'\ngroup_by = ['.a.b']").unwrap();
    let Reads::Fields(reads) = settings.reads(&NoConditions) else { panic!("it names them") };
    assert_eq!(reads.iter().map(ToString::to_string).collect::<Vec<_>>(), ["msg", "a.b"]);
    assert_eq!(settings.makes(""), Makes::Anything);
    let Makes::Fields(fields) = settings.makes("anomalies") else { panic!("it names them") };
    assert!(fields.contains(&vrl::owned_value_path!("key", "template_id")));
}

#[test]
fn other_masks_are_other_templates_and_a_longer_learning_is_not() {
    let fingerprint = |toml: &str| toml::from_str::<PatternSettings>(toml).unwrap().plan().fingerprint;
    assert_eq!(fingerprint(""), fingerprint("learn = '2h'\nmax_templates = 7\ntemplate_field = 'x'"));
    assert_ne!(fingerprint(""), fingerprint("default_masks = false"));
    assert_ne!(fingerprint(""), fingerprint("masks = [{ name = 'a', pattern = 'b' }]"));
    assert_ne!(fingerprint(""), fingerprint("group_by = ['a']"));
}
