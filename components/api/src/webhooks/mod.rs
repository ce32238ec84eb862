//! Registered webhooks: who is told of incidents, and how it is made sure that they are.
//!
//! ```text
//! changes of incidents ─► alerts ─► who wants it? ─► queue of each webhook (on disk) ─► gather ─► courier ─► Sender
//! counts of windows ────► rates ──┘                                                       │          │
//!                                                         silences, quiet hours, groups ──┘   pace ──┘
//! ```
//!
//! - `model`, `store`, `state`: what is kept, on disk and in memory,
//! - `registry`: both of them together, changed as one; `webhook`, `silence`, `by_hand`: what users do with it, in the
//!   words of `requests`, `views` and `error`; `routes`: by HTTP,
//! - `alerts`, `rates`: what happens,
//! - `gather`, `hours`, `payload`: what is told of it, when, and in which words,
//! - `courier`, `settle`, `pace`, `secrets`: the calls.
//!
//! # What is promised
//!
//! What [`Alerts::take`] has taken is called for at least once, whatever crashes, with the same `webhook-id` each time;
//! unless it is given up, which is counted (`logd_webhook_dropped_total`), shown in the history, and can be undone by hand
//! for as long as it is remembered. All queues are bounded.

mod alerts;
mod by_hand;
mod courier;
mod error;
mod facts;
mod gather;
mod hours;
mod meters;
mod model;
mod pace;
mod payload;
mod rates;
mod registry;
mod requests;
mod routes;
mod secrets;
mod settle;
mod silence;
mod state;
mod store;
mod views;
mod webhook;

#[cfg(test)]
mod tests;

pub(crate) use self::alerts::{Alerts, Change};
pub(crate) use self::courier::Courier;
pub(crate) use self::model::Severity;
pub(crate) use self::rates::Counts;
pub(crate) use self::registry::{Registry, Setup};
pub(crate) use self::routes::routes;
