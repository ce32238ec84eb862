//! A receiver of calls, that writes them down and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::support::server::{Request, Server};

/// Listens for as long as it is there.
pub(super) struct Receiver {
    server: Server,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    /// One that answers with these statuses, one after the other, and 200 from then on.
    pub(super) fn start(statuses: impl IntoIterator<Item = u16>) -> Self {
        let statuses = Mutex::new(statuses.into_iter().collect::<VecDeque<_>>());
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let known = Arc::clone(&requests);
        let server = Server::start(move |request| {
            known.lock().expect("no thread panics").push(request);
            Some(statuses.lock().expect("no thread panics").pop_front().unwrap_or(200))
        });
        Self { server, requests }
    }

    /// Where it is called.
    pub(super) fn uri(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The calls so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no thread panics").clone()
    }
}
