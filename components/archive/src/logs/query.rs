//! Queries: what a user writes, what a filter says, and what a scope allows, as one.

use std::ops::Bound;

use logd_sdk::Time;
use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, Occur, Query, QueryParser, RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::schema::{FIELDS, tokenizers};
use crate::error::Error;
use crate::filters::LogFilter;
use crate::scope::Scope;

/// No query is longer, in bytes.
const LONGEST: usize = 1024;
/// No query has more open brackets.
const DEEPEST: usize = 16;

/// Which logs are wanted.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// What the user wrote, for highlights.
    pub(super) search: Option<Box<dyn Query>>,
    /// That, the filter, and the scope.
    pub(super) query: Box<dyn Query>,
    pub(super) from: Option<Time>,
    pub(super) to: Option<Time>,
}

impl Wanted {
    /// # Errors
    /// The query can't be read, or is too long.
    pub(crate) fn new(scope: &Scope, filter: &LogFilter, search: Option<&str>) -> Result<Self, Error> {
        let search = search.map(parse).transpose()?;
        let mut all: Vec<Box<dyn Query>> = search.iter().map(|query| query.box_clone()).collect();
        if let Some(service) = &filter.service {
            all.push(term(FIELDS.service, service));
        }
        if let Some(level) = &filter.level {
            all.push(term(FIELDS.level, &level.to_lowercase()));
        }
        for (allowed, field) in [(&scope.services, FIELDS.service), (&scope.pipelines, FIELDS.pipeline)] {
            match allowed {
                // A set of no terms would be a question for nothing, and must not be taken for no question.
                Some(allowed) if allowed.is_empty() => all.push(Box::new(EmptyQuery)),
                Some(allowed) => {
                    let terms = allowed.iter().map(|name| Term::from_field_text(field, name));
                    all.push(Box::new(TermSetQuery::new(terms)));
                }
                None => {}
            }
        }
        let (from, to) = (filter.from, filter.to);
        if from.is_some() || to.is_some() {
            let at = |time: Time| Term::from_field_i64(FIELDS.time, time.as_micros());
            let from = from.map_or(Bound::Unbounded, |from| Bound::Included(at(from)));
            all.push(Box::new(RangeQuery::new(from, to.map_or(Bound::Unbounded, |to| Bound::Excluded(at(to))))));
        }
        Ok(Self { search, query: intersection(all), from, to })
    }

    /// Whether a part whose event times are in this range may have some.
    pub(super) fn may_be_in(&self, times: Option<(i64, i64)>) -> bool {
        times.is_some_and(|(least, most)| {
            self.from.is_none_or(|from| from.as_micros() <= most) && self.to.is_none_or(|to| to.as_micros() > least)
        })
    }

    /// Those that come behind a log of this time and number.
    pub(super) fn behind(&self, time: Time, number: u64) -> Box<dyn Query> {
        let at = Term::from_field_i64(FIELDS.time, time.as_micros());
        let number = Term::from_field_u64(FIELDS.number, number);
        let earlier = RangeQuery::new(Bound::Unbounded, Bound::Excluded(at.clone()));
        let same_time = RangeQuery::new(Bound::Included(at.clone()), Bound::Included(at));
        let before = RangeQuery::new(Bound::Unbounded, Bound::Excluded(number));
        let same_time = BooleanQuery::intersection(vec![Box::new(same_time), Box::new(before)]);
        let either = BooleanQuery::union(vec![Box::new(earlier), Box::new(same_time)]);
        Box::new(BooleanQuery::intersection(vec![self.query.box_clone(), Box::new(either)]))
    }
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn intersection(mut all: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match (all.pop(), all.is_empty()) {
        (None, _) => Box::new(AllQuery),
        (Some(one), true) => one,
        (Some(last), false) => {
            all.push(last);
            Box::new(BooleanQuery::new(all.into_iter().map(|query| (Occur::Must, query)).collect()))
        }
    }
}

/// Reads what a user wrote.
fn parse(text: &str) -> Result<Box<dyn Query>, Error> {
    if text.len() > LONGEST {
        return Err(Error::Query(format!("the query has {} bytes, and {LONGEST} are the most", text.len())));
    }
    if text.bytes().filter(|byte| *byte == b'(').count() > DEEPEST {
        return Err(Error::Query(format!("the query has more than {DEEPEST} brackets")));
    }
    if text.trim().is_empty() {
        return Err(Error::Query("the query is empty".to_owned()));
    }
    let mut parser = QueryParser::new(FIELDS.schema.clone(), vec![FIELDS.message, FIELDS.event], tokenizers());
    parser.set_conjunction_by_default();
    parser.parse_query(text).map_err(|error| Error::Query(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_query_is_refused_with_its_reason() {
        for text in
            ["(a", "\"a", "a AND", "message:", " ", "[a TO", "/a.*/", "epoch:x", &"x ".repeat(600), &"(".repeat(20)]
        {
            let error = parse(text).unwrap_err();
            assert!(matches!(&error, Error::Query(reason) if !reason.is_empty()), "{text}: {error:?}");
        }
    }

    #[test]
    fn nothing_makes_the_parser_panic() {
        // Pieces of the grammar in all orders, as a careless or a bad user writes them.
        let pieces = [
            "(", ")", "\"", "'", "*", "~", "^", ":", "[", "]", "{", "TO", "IN", "-", "+", "/", "\\", "a", "é", "9", " ",
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    drop(parse(&format!("{first}{second}{third}")));
                    drop(parse(&format!("user_id{first} {second} x{third}")));
                }
            }
        }
    }

    #[test]
    fn parts_outside_the_range_are_not_asked() {
        let at = |time: i64| Some(Time::from_micros(time));
        let wanted = |from, to| {
            let filter = LogFilter { from, to, ..LogFilter::default() };
            Wanted::new(&Scope::all(), &filter, None).unwrap()
        };
        assert!(wanted(None, None).may_be_in(Some((5, 9))) && !wanted(None, None).may_be_in(None));
        assert!(wanted(at(9), at(10)).may_be_in(Some((5, 9))) && !wanted(at(10), None).may_be_in(Some((5, 9))));
        assert!(wanted(None, at(6)).may_be_in(Some((5, 9))) && !wanted(None, at(5)).may_be_in(Some((5, 9))));
    }
}
