//! One bounded HTTP server for all who need one: the `http` source, the telemetry endpoint, the API.
//!
//! It is hyper with the bounds that hyper leaves to its user. [`Limits`] lists them, each with the attack it stops.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use logd_sdk::http::{self, Limits, Listener, Request, StatusCode};
//!
//! let listener = Listener::bind(([127, 0, 0, 1], 0).into())?;
//! let handler = |request: Request| async move {
//!     http::text(StatusCode::OK, format!("{} bytes", request.body.len()))
//! };
//! http::serve(listener, handler, Limits::default(), None, std::future::ready(())).await;
//! # Ok(())
//! # }
//! ```
//!
//! A request goes this way:
//!
//! 1. `listener` accepts, and outlives a lack of file descriptors; `gate` counts connections,
//! 2. `tls` shakes hands, if so asked,
//! 3. `wire` carries the bytes to and from hyper, with all clocks; `scan` reads along,
//! 4. `handler` lets the [`Handler`] judge the head,
//! 5. `body` reads the body, `coding` unpacks it, `budget` counts the memory of all,
//! 6. the [`Handler`] answers: `answer` has what an answer is made of, `respond` the shape of refusals.
//!
//! A refusal is JSON with its reason. Only a head that is malformed or too large is answered by hyper itself, with the
//! status alone (400, 414, 431). `Content-Length` given twice is refused even if the values agree, and so is
//! `Content-Length` beside `Transfer-Encoding`: RFC 9112 section 6.3 leaves both to the server.

mod answer;
mod auth;
mod body;
mod budget;
mod coding;
mod gate;
mod handler;
mod limits;
mod listener;
mod listeners;
mod respond;
mod scan;
mod serve;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

pub use answer::{Answer, AnswerBody};
pub use auth::Auth;
pub use handler::{Handler, Request};
pub use hyper::http::Extensions;
pub use hyper::http::request::Parts;
pub use hyper::{HeaderMap, Method, StatusCode, header};
pub use limits::Limits;
pub use listener::Listener;
pub use listeners::{Held, Listeners};
pub use respond::{Refusal, json, text};
pub use serve::serve;
pub use tls::Tls;
