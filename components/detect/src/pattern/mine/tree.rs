//! The tree of fixed depth that leads a line to the templates that it may belong to, and the templates of one key.
//!
//! The levels are the number of words, then the first word; of two words both, for one alone would tell too little. A word with a digit in it goes down as any word, and so
//! does what comes to a node that has its full number of children. Nodes are kept in one table, by a hash of the way to
//! them: two ways that collide would share their templates, which are compared word by word all the same.
//!
//! **Bounds.** A key has at most `limit` templates; when another comes, the one that was not seen for the longest goes.
//! Nodes without a template below them go with it. So a key takes at most about 400 bytes for each template and twice its
//! text, of which 2 KiB and 128 words are read; and a line costs at most a comparison with each template.
//!
//! **Order.** What becomes of a line depends on the lines of its key before it, in the order in which they came.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use super::mask::WILDCARD;
use super::template::{Template, Words, mark};

/// How many words lead down the tree at most.
const DEPTH: usize = 2;

/// Leads down for any word.
const ANY: u32 = 0;

/// A node has so many children beside the one for any word (the paper's `maxChild`).
const MOST_CHILDREN: u32 = 100;

/// The templates of one key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub(crate) struct Miner {
    templates: Vec<Template>,
    nodes: HashMap<u64, Node, RandomState>,
    /// How many lines there were.
    lines: u64,
    /// The marks of the line at hand.
    marks: Vec<u32>,
}

/// What a snapshot has of it: the tree follows from the templates.
#[derive(Serialize, Deserialize)]
struct Kept {
    templates: Vec<Template>,
    lines: u64,
}

/// A node of the tree.
#[derive(Clone, Debug, Default)]
struct Node {
    /// How many children it has, but for the one for any word.
    children: u32,
    /// How many templates are below it.
    below: u32,
    /// At the end of a way: where the templates stand.
    leaf: Vec<u32>,
}

/// The way of a line down the tree.
#[derive(Clone, Copy)]
struct Way {
    nodes: [u64; DEPTH + 1],
    /// How many nodes there are: a short line has a short way.
    length: usize,
    /// Which levels it goes down as any word, a bit for each.
    any: u8,
}

/// What a line was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mined {
    /// Names the template, from its first line on.
    pub(crate) id: u64,
    /// The template after this line.
    pub(crate) text: Arc<str>,
    /// Whether another template had to go for it.
    pub(crate) has_evicted: bool,
}

impl Miner {
    /// How many lines there were.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Finds or makes the template of a [normalized](super::normalize) line, of at most `limit`.
    pub(crate) fn mine(&mut self, line: &str, limit: usize) -> Mined {
        self.marks.clear();
        self.marks.extend(words(line).map(mark));
        let number = self.lines;
        self.lines += 1;
        let way = self.way(line);
        let leaf = self.nodes.get(&way.leaf()).map(|node| &node.leaf[..]).unwrap_or_default();
        let like = leaf.iter().filter_map(|&place| {
            let template = &self.templates[place as usize];
            // The oldest of several that are equally like.
            Some((template.likeness(Words { text: line, marks: &self.marks })?, Reverse(template.born), place))
        });
        if let Some((.., place)) = like.max() {
            let template = &mut self.templates[place as usize];
            template.join(line);
            template.used = number;
            return Mined { id: template.id, text: Arc::clone(&template.text), has_evicted: false };
        }
        let has_evicted = self.make_room(limit.max(1));
        // The way may have become another with what has gone.
        let way = if has_evicted { self.way(line) } else { way };
        let template = Template::new(line, way.any, number);
        let (id, text) = (template.id, Arc::clone(&template.text));
        // There are `max_templates` at most, which is checked to fit.
        self.enter(way, u32::try_from(self.templates.len()).unwrap_or(u32::MAX));
        self.templates.push(template);
        Mined { id, text, has_evicted }
    }

    /// The way of a line, whose marks are at hand, as the tree is.
    fn way(&self, line: &str) -> Way {
        let count = self.marks.len();
        let mut way = Way::of(count);
        for (level, (word, &mark)) in words(line).zip(&self.marks).take(depth(count)).enumerate() {
            let parent = way.leaf();
            let child = down(parent, mark);
            let is_full = || self.nodes.get(&parent).is_some_and(|node| node.children >= MOST_CHILDREN);
            let is_any = word == WILDCARD
                || word.bytes().any(|byte| byte.is_ascii_digit())
                || (!self.nodes.contains_key(&child) && is_full());
            way.push(level, if is_any { down(parent, ANY) } else { child }, is_any);
        }
        way
    }

    /// The way by which a template came. Its first words are what they were: all that came this way have the same, or
    /// came as any word.
    fn way_of(template: &Template) -> Way {
        let count = words(&template.text).count();
        let mut way = Way::of(count);
        for (level, word) in words(&template.text).take(depth(count)).enumerate() {
            let is_any = template.any & 1 << level != 0;
            way.push(level, down(way.leaf(), if is_any { ANY } else { mark(word) }), is_any);
        }
        way
    }

    /// Puts the template that stands at `place` at the end of the way.
    fn enter(&mut self, way: Way, place: u32) {
        for (level, hash) in way.nodes[..way.length].iter().enumerate() {
            let node = self.nodes.entry(*hash).or_default();
            node.below += 1;
            let is_new = node.below == 1;
            if level + 1 == way.length {
                node.leaf.push(place);
            }
            if is_new
                && way.counts(level)
                && let Some(parent) = self.nodes.get_mut(&way.nodes[level - 1])
            {
                parent.children += 1;
            }
        }
    }

    /// Takes the template that stands at `place` from the end of its way, and what leads to nothing then.
    fn leave(&mut self, way: Way, place: u32) {
        for (level, hash) in way.nodes[..way.length].iter().enumerate().rev() {
            let Some(node) = self.nodes.get_mut(hash) else { continue };
            node.below -= 1;
            node.leaf.retain(|&other| other != place);
            if node.below == 0 {
                self.nodes.remove(hash);
                if way.counts(level)
                    && let Some(parent) = self.nodes.get_mut(&way.nodes[level - 1])
                {
                    parent.children -= 1;
                }
            }
        }
    }

    /// Lets templates go until there is room for one more; whether any had to.
    fn make_room(&mut self, limit: usize) -> bool {
        let mut has_evicted = false;
        while self.templates.len() >= limit {
            let places = 0..self.templates.len();
            let Some(oldest) = places.min_by_key(|&place| self.templates[place].used) else { break };
            let last = self.templates.len() - 1;
            let [oldest_place, last_place] = [oldest, last].map(|place| u32::try_from(place).unwrap_or(u32::MAX));
            self.leave(Self::way_of(&self.templates[oldest]), oldest_place);
            self.templates.swap_remove(oldest);
            if oldest != last
                && let Some(node) = self.nodes.get_mut(&Self::way_of(&self.templates[oldest]).leaf())
            {
                node.leaf.iter_mut().filter(|place| **place == last_place).for_each(|place| *place = oldest_place);
            }
            has_evicted = true;
        }
        has_evicted
    }
}

impl Way {
    /// The beginning: the node of all lines of so many words.
    fn of(words: usize) -> Self {
        Self { nodes: [words as u64, 0, 0], length: 1, any: 0 }
    }

    fn push(&mut self, level: usize, node: u64, is_any: bool) {
        self.nodes[level + 1] = node;
        self.length = level + 2;
        self.any |= u8::from(is_any) << level;
    }

    fn leaf(&self) -> u64 {
        self.nodes[self.length - 1]
    }

    /// Whether the node at this level is one of those that its parent has a limited number of.
    fn counts(&self, level: usize) -> bool {
        level > 0 && self.any & 1 << (level - 1) == 0
    }
}

/// The words of a line; an empty one has none.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ').take(if line.is_empty() { 0 } else { usize::MAX })
}

/// How many words lead down the tree, of a line of so many.
fn depth(words: usize) -> usize {
    if words > DEPTH { 1 } else { words }
}

/// The child for the word with this mark.
fn down(parent: u64, mark: u32) -> u64 {
    // A Fibonacci hash: what differs in the mark's bits differs in the upper ones, which are folded onto the lower.
    let mixed = (parent ^ u64::from(mark)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

impl From<Kept> for Miner {
    fn from(Kept { templates, lines }: Kept) -> Self {
        let mut miner = Self { lines, ..Self::default() };
        for (place, template) in (0..).zip(&templates) {
            miner.enter(Self::way_of(template), place);
        }
        Self { templates, ..miner }
    }
}

impl From<Miner> for Kept {
    fn from(Miner { templates, lines, .. }: Miner) -> Self {
        Self { templates, lines }
    }
}

#[cfg(test)]
mod tests;
