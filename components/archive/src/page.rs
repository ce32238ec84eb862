//! Pages: what a long answer is divided into.

/// No page has more items.
pub const MAX_LIMIT: usize = 1000;

/// Which page is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// So many items at most; at least 1 and at most [`MAX_LIMIT`] are given.
    pub limit: usize,
    /// Where to go on: [`Page::next`] of the page before, for the same filter. `None` for the first page.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The first page, of `limit` items.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { limit, cursor: None }
    }

    /// How many items the page has.
    pub(crate) fn items(&self) -> usize {
        self.limit.clamp(1, MAX_LIMIT)
    }
}

/// A part of an answer. Who follows `next` to its end gets everything that was there at the beginning once, whatever is
/// added meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items, the newest first.
    pub items: Vec<T>,
    /// The cursor of what follows; `None` at the end. Opaque; safe in a URL.
    pub next: Option<String>,
}
