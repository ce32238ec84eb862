//! The tree: real lines, lines that somebody makes up to fill it, and what must hold for any.

use proptest::prelude::*;

use super::super::normalize;
use super::*;

/// Mines lines as they come in.
fn mine<'l>(miner: &mut Miner, limit: usize, lines: impl IntoIterator<Item = &'l str>) -> Vec<Mined> {
    let mut text = String::new();
    let mine = |line| {
        text.clear();
        normalize(line, true, &mut text);
        miner.mine(&text, limit)
    };
    lines.into_iter().map(mine).collect()
}

fn texts(miner: &Miner) -> Vec<&str> {
    miner.templates.iter().map(|template| &*template.text).collect()
}

/// The nodes count what is below them, and nothing else is there.
fn is_whole(miner: &Miner) -> bool {
    let again = Miner::from(Kept::from(miner.clone()));
    let count = |miner: &Miner| {
        let mut nodes: Vec<_> = miner
            .nodes
            .iter()
            .map(|(hash, node)| {
                let mut leaf = node.leaf.clone();
                leaf.sort_unstable();
                (*hash, node.children, node.below, leaf)
            })
            .collect();
        nodes.sort_unstable();
        nodes
    };
    count(miner) == count(&again)
}

#[test]
fn the_log_of_a_broker() {
    let log = include_str!("../../../../../../examples/kafka-broker/server.log");
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with('[')).collect();
    let mut miner = Miner::default();
    let mined = mine(&mut miner, 1000, lines.iter().copied());
    let texts = texts(&miner);
    for expected in [
        "[<*> <*>] INFO Rolled new log segment for 'test-<*>' in <*> ms. (kafka.log.Log)",
        "[<*> <*>] INFO Deleting index <*> <*>",
        "[<*> <*>] INFO Scheduling log segment <*> for log test-<*> for deletion. (kafka.log.Log)",
    ] {
        assert!(texts.contains(&expected), "{texts:#?}");
    }
    assert_eq!(texts.len(), 12, "of {} lines", lines.len());
    let again = mine(&mut miner, 1000, lines.iter().copied());
    assert!(mined.iter().zip(&again).all(|(one, other)| one.id == other.id), "each line finds its template again");
}

#[test]
fn the_log_of_a_web_site() {
    let log = include_str!("../../../../../../examples/apache-errors/access.log");
    let mut miner = Miner::default();
    mine(&mut miner, 1000, log.lines());
    let texts = texts(&miner);
    let expected = r#"<*> - - [<*>/May/<*> +<*>] "GET <*> HTTP/<*>" <*> <*> "-" "-""#;
    assert!(texts.iter().any(|text| text.starts_with("<*> - - [<*>/May/<*> ")), "{expected} in {texts:#?}");
    assert!(texts.len() * 10 < log.lines().count(), "{} templates of {} lines", texts.len(), log.lines().count());
}

#[test]
fn many_first_words_share_a_way() {
    let mut miner = Miner::default();
    let words: Vec<String> = (0..10_000_u32).map(word).collect();
    let lines: Vec<String> = words.iter().map(|word| format!("{word} has come in late")).collect();
    let mined = mine(&mut miner, 1000, lines.iter().map(String::as_str));
    assert_eq!(miner.templates.len(), MOST_CHILDREN as usize + 1);
    assert!(mined.iter().all(|mined| !mined.has_evicted));
    assert_eq!(&*mined.last().unwrap().text, "<*> has come in late");
    assert!(is_whole(&miner));
}

/// A number in letters.
fn word(number: u32) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'g')).collect()
}

#[test]
fn lines_that_are_made_up_to_fill_it_fill_no_more_than_its_limit() {
    let mut miner = Miner::default();
    // Nothing in common, of all lengths: each line is a template of its own.
    let lines: Vec<String> = (0..5000_u32)
        .map(|number| (0..=number % 120).map(|place| word(number * 128 + place)).collect::<Vec<_>>().join(" "))
        .collect();
    let mined = mine(&mut miner, 200, lines.iter().map(String::as_str));
    assert_eq!(miner.templates.len(), 200);
    assert!(miner.nodes.len() <= 200 * (DEPTH + 1));
    assert_eq!(mined.iter().filter(|mined| mined.has_evicted).count(), 4800);
    let kept: Vec<u64> = mined[4800..].iter().map(|mined| mined.id).collect();
    assert!(miner.templates.iter().all(|template| kept.contains(&template.id)), "those that were seen last are kept");
    assert!(is_whole(&miner));
}

#[test]
fn what_is_seen_again_is_not_forgotten() {
    let mut miner = Miner::default();
    for number in 0..500 {
        mine(&mut miner, 3, ["beat of the heart", &format!("{} {}", word(number), word(number + 1))]);
    }
    assert!(texts(&miner).contains(&"beat of the heart"));
}

#[test]
fn strange_lines() {
    let long = "x".repeat(1 << 20);
    let lines =
        ["", "   ", &long, "\u{1b}[31m\u{1b}[0m", "日本語 エラー", "日本語 エラー", "<*> <*>", "1 2", "\0 \u{feff}"];
    let mut miner = Miner::default();
    let ids: Vec<u64> = mine(&mut miner, 100, lines).iter().map(|mined| mined.id).collect();
    assert_eq!((ids[0], ids[0], ids[4], ids[6]), (ids[1], ids[3], ids[5], ids[7]));
    assert_eq!(miner.templates.len(), 5);
    assert!(miner.templates.iter().all(|template| template.text.len() < 3000));
}

/// Lines of few words, so that many are alike.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        Just("alpha"),
        Just("beta"),
        Just("gamma"),
        Just("7"),
        Just("x1"),
        Just("<*>"),
        Just("é"),
        Just("/a/b"),
    ];
    let line = prop::collection::vec(word, 0..7).prop_map(|words| words.join(" "));
    prop::collection::vec(line, 1..200)
}

fn fits(template: &str, line: &str) -> bool {
    let mut normal = String::new();
    normalize(line, true, &mut normal);
    template.split(' ').count() == normal.split(' ').count()
        && template.split(' ').zip(normal.split(' ')).all(|(word, token)| word == WILDCARD || word == token)
}

proptest! {
    #[test]
    fn a_template_matches_every_line_that_it_was_given_for(lines in lines()) {
        let mut miner = Miner::default();
        let mined = mine(&mut miner, 10_000, lines.iter().map(String::as_str));
        for (line, mined) in lines.iter().zip(&mined) {
            let of_id: Vec<_> = miner.templates.iter().filter(|template| template.id == mined.id).collect();
            prop_assert_eq!(of_id.len(), 1, "an id names one template");
            prop_assert!(fits(&mined.text, line) && fits(&of_id[0].text, line), "{} is not {}", line, of_id[0].text);
        }
        let count = miner.templates.len();
        mine(&mut miner, 10_000, lines.iter().map(String::as_str));
        prop_assert_eq!(miner.templates.len(), count, "no line that was seen makes another");
        prop_assert!(is_whole(&miner));
    }

    #[test]
    fn a_restart_changes_nothing(lines in lines(), cut in 0..200_usize, limit in 1..20_usize) {
        let mut whole = Miner::default();
        let expected = mine(&mut whole, limit, lines.iter().map(String::as_str));
        let (before, after) = lines.split_at(cut.min(lines.len()));
        let mut miner = Miner::default();
        let mut mined = mine(&mut miner, limit, before.iter().map(String::as_str));
        let bytes = postcard::to_stdvec(&miner).unwrap();
        let mut miner: Miner = postcard::from_bytes(&bytes).unwrap();
        mined.extend(mine(&mut miner, limit, after.iter().map(String::as_str)));
        prop_assert_eq!(mined, expected);
        prop_assert!(is_whole(&miner) && miner.templates.len() <= limit);
    }
}

/// `cargo test --release -p logd-detect --lib -- --ignored --nocapture lines_a_second`
#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, reason = "the time that it takes is what is asked")]
fn lines_a_second() {
    let log = include_str!("../../../../../../examples/kafka-broker/server.log");
    let (mut miner, mut text, rounds) = (Miner::default(), String::new(), 4000);
    let start = std::time::Instant::now();
    for line in std::iter::repeat_n(log, rounds).flat_map(str::lines) {
        text.clear();
        normalize(line, true, &mut text);
        miner.mine(&text, 500);
    }
    println!("{:.0} lines/s", (rounds * log.lines().count()) as f64 / start.elapsed().as_secs_f64());
}
