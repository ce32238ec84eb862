//! What the dashboard's files promise, whatever is shown: texts never become code, and colours can be told apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::files;

/// The folder of the dashboard.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("components/api/dashboard")
}

/// The files that are its own, with their texts.
fn own() -> Vec<(PathBuf, String)> {
    let mut all = files(&folder());
    all.retain(|(path, _)| !path.starts_with("vendor") && !path.starts_with("tests"));
    let kinds = ["html", "js", "css"];
    all.retain(|(path, _)| path.extension().is_some_and(|kind| kinds.iter().any(|known| kind == *known)));
    assert!(all.len() > 40, "{all:?}");
    all
}

/// Log lines are written by whoever can send a log.
#[test]
fn texts_of_the_api_cannot_become_code() {
    let banned = concat!(
        "innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\\.write|",
        "\\beval\\(|new Function|setAttribute\\(\"(style|on)"
    );
    let inline = r"\sstyle=|<style|\son\w+=";
    let outside = Regex::new(r"https?://[\w.-]+").expect("a pattern");
    let (banned, inline) = (Regex::new(banned).expect("a pattern"), Regex::new(inline).expect("a pattern"));
    for (path, text) in own() {
        let is_page = path.extension().is_some_and(|kind| kind == "html");
        if let Some(found) = banned.find(&text).or_else(|| inline.find(&text).filter(|_| is_page)) {
            panic!("{}: {}", path.display(), found.as_str());
        }
        // The name of a namespace, and an example of an address.
        let known = ["http://www.w3.org", "https://example.org"];
        let others: Vec<_> =
            outside.find_iter(&text).map(|found| found.as_str()).filter(|url| !known.contains(url)).collect();
        assert_eq!(others, Vec::<&str>::new(), "{}", path.display());
    }
}

/// The colours of `theme.css` against each other, in both themes: WCAG 2.2, AA. Texts need 4.5 (1.4.3); lines, marks
/// and borders of fields 3 (1.4.11), for which nothing but this list says what they stand on.
#[test]
fn colours_can_be_told_from_what_is_behind_them() {
    const TEXT: f64 = 4.5;
    const SHAPE: f64 = 3.0;
    let tints = ["ok", "warning", "critical", "info"];
    let texts = ["text", "muted", "accent"].into_iter().chain(tints);
    let grounds = ["surface", "bg", "raised"];
    let mut pairs: Vec<_> =
        texts.flat_map(|name| grounds.map(|ground| (name.to_owned(), ground.to_owned(), TEXT))).collect();
    pairs.extend(tints.map(|name| (name.to_owned(), format!("{name}-tint"), TEXT)));
    for (name, ground) in
        [("text", "critical-tint"), ("accent", "info-tint"), ("on-accent", "accent"), ("text", "mark")]
    {
        pairs.push((name.to_owned(), ground.to_owned(), TEXT));
    }
    let shapes = ["control", "bar", "line-1", "line-2", "line-3", "line-4", "line-5"];
    pairs.extend(shapes.map(|name| (name.to_owned(), "surface".to_owned(), SHAPE)));

    let css = std::fs::read_to_string(folder().join("css/theme.css")).expect("readable");
    let colour = Regex::new(r"--([\w-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)").expect("a pattern");
    let colours: BTreeMap<_, _> = colour
        .captures_iter(&css)
        .map(|found| {
            let [name, light, dark] = found.extract().1;
            (name, [luminance(light), luminance(dark)])
        })
        .collect();
    for (name, ground, least) in pairs {
        for (theme, place) in [("light", 0), ("dark", 1)] {
            let [front, back] = [&*name, &*ground].map(|name| colours.get(name).expect("a colour")[place]);
            let ratio = (front.max(back) + 0.05) / (front.min(back) + 0.05);
            assert!(ratio >= least, "{name} on {ground} in the {theme} theme: {ratio:.2}");
        }
    }
}

/// The relative luminance of a colour as `2456c7`.
fn luminance(hex: &str) -> f64 {
    let part = |at: usize| {
        let share = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits")) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}
