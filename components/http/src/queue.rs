//! Where requests wait for the pipeline, in the order in which they came.
//!
//! A channel would not do. A request that has waited too long is answered 503, which must mean that nothing of it was
//! taken: so whoever takes it out here, the source or the clock, has it for itself.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::decode::Piece;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All its events were taken.
    Taken,
    /// None of them was, and none will be.
    Untouched,
}

/// A request whose events wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its events that were not taken yet.
    pub(crate) pieces: VecDeque<Piece>,
    /// Told what becomes of it; dropped where only a part is taken.
    pub(crate) answer: Option<oneshot::Sender<Outcome>>,
    /// How many pieces it had.
    whole: usize,
    since: Instant,
    size: usize,
}

impl Waiting {
    /// Whether its client still waits.
    fn is_awaited(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.pieces.len() == self.whole
            && let Some(answer) = self.answer.take()
        {
            // The client may have gone.
            let _ = answer.send(Outcome::Untouched);
        }
    }
}

/// The requests that wait.
#[derive(Debug)]
pub(crate) struct Queue {
    requests: Mutex<Requests>,
    filled: Notify,
    capacity: usize,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Requests {
    waiting: VecDeque<Waiting>,
    /// The bytes of memory that they hold.
    size: usize,
}

impl Requests {
    fn pop(&mut self) -> Option<Waiting> {
        let request = self.waiting.pop_front()?;
        self.size -= request.size;
        Some(request)
    }
}

impl Queue {
    /// A queue of up to `capacity` bytes, in which nobody waits longer than `patience`.
    ///
    /// Connections bound how many wait, and the server's memory how much of it, but for clients that have sent a body
    /// and gone; they too find an end here.
    pub(crate) fn new(capacity: usize, patience: Duration) -> Self {
        Self { requests: Mutex::default(), filled: Notify::new(), capacity, patience }
    }

    /// Lets a request wait. What is returned knows what becomes of it, and fails when only a part of its events is taken;
    /// none if there is no room. A request larger than the queue may have it for itself.
    pub(crate) fn push(&self, pieces: Vec<Piece>) -> Option<oneshot::Receiver<Outcome>> {
        let (answer, outcome) = oneshot::channel();
        let (whole, size) = (pieces.len(), pieces.iter().map(Piece::size).sum());
        let request = Waiting { pieces: pieces.into(), answer: Some(answer), whole, since: Instant::now(), size };
        let mut requests = self.requests();
        let first = requests.waiting.is_empty();
        if !first && requests.size.saturating_add(size) > self.capacity {
            return None;
        }
        requests.size += size;
        requests.waiting.push_back(request);
        drop(requests);
        if first {
            self.filled.notify_one();
        }
        Some(outcome)
    }

    /// The request that has waited longest. One whose client has gone is left out: the client knows nothing of it and
    /// will send it again.
    pub(crate) fn pop(&self) -> Option<Waiting> {
        let mut requests = self.requests();
        loop {
            let request = requests.pop()?;
            if request.is_awaited() {
                return Some(request);
            }
        }
    }

    /// Waits until there may be something to pop. Safe to cancel.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Drops those who have waited too long, and says when to look again.
    fn expire(&self) -> Instant {
        let now = Instant::now();
        let mut expired = Vec::new();
        let mut requests = self.requests();
        while let Some(first) = requests.waiting.front() {
            if first.since + self.patience > now {
                return first.since + self.patience;
            }
            expired.extend(requests.pop());
        }
        now + self.patience
    }

    /// How many wait whose clients are still there.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.requests().waiting.iter().filter(|request| request.is_awaited()).count()
    }

    /// It is whole between any two statements, so a panic elsewhere does no harm to it.
    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that nobody waits too long, for as long as there is a queue. One clock for all requests costs less than
/// one for each.
pub(crate) async fn keep_time(queue: Weak<Queue>) {
    while let Some(next) = queue.upgrade().map(|queue| queue.expire()) {
        sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::time::{sleep, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn request(bytes: usize) -> Vec<Piece> {
        vec![Piece { bytes: Bytes::from(vec![b'x'; bytes]), ..Piece::default() }]
    }

    #[tokio::test(start_paused = true)]
    async fn requests_leave_in_order_until_they_have_waited_too_long() {
        let queue = Arc::new(Queue::new(1000, PATIENCE));
        let clock = tokio::spawn(keep_time(Arc::downgrade(&queue)));
        sleep(PATIENCE * 3 / 2).await;
        let since = Instant::now();
        let mut first = queue.push(request(1)).unwrap();
        let mut second = queue.push(request(2)).unwrap();
        sleep(PATIENCE / 2).await;
        let mut third = queue.push(request(3)).unwrap();
        let mut taken = queue.pop().unwrap();
        assert_eq!(taken.size, 1);
        assert_eq!((&mut second).await, Ok(Outcome::Untouched));
        assert_eq!(since.elapsed(), PATIENCE);
        assert_eq!((&mut third).await, Ok(Outcome::Untouched));
        assert_eq!(since.elapsed(), PATIENCE * 3 / 2);
        assert!(timeout(PATIENCE * 10, &mut first).await.is_err(), "it is taken, and its answer open");
        taken.answer.take().unwrap().send(Outcome::Taken).unwrap();
        assert_eq!(first.await, Ok(Outcome::Taken));
        assert!(queue.pop().is_none());
        assert_eq!(queue.requests().size, 0);
        drop(queue);
        clock.await.unwrap();
    }

    #[tokio::test]
    async fn who_has_gone_is_left_out() {
        let queue = Queue::new(1000, PATIENCE);
        drop(queue.push(request(1)));
        let _taken = queue.push(request(2)).unwrap();
        queue.filled().await;
        assert_eq!(queue.pop().unwrap().size, 2);
        drop(queue.push(request(1)));
        assert!(queue.pop().is_none());
    }

    #[tokio::test]
    async fn bytes_have_their_bound() {
        let queue = Queue::new(1000, PATIENCE);
        let _large = queue.push(request(5000)).expect("alone");
        assert!(queue.push(request(1)).is_none());
        queue.pop().unwrap();
        let _first = queue.push(request(600)).unwrap();
        assert!(queue.push(request(600)).is_none());
        let _second = queue.push(request(400)).unwrap();
    }

    #[tokio::test]
    async fn who_waits_in_a_queue_that_goes_learns_whether_anything_was_taken() {
        let queue = Queue::new(1000, PATIENCE);
        let in_part = queue.push([request(1), request(1)].into_iter().flatten().collect()).unwrap();
        let in_hand = queue.push(request(1)).unwrap();
        let waiting = queue.push(request(1)).unwrap();
        let (mut first, second) = (queue.pop().unwrap(), queue.pop().unwrap());
        first.pieces.pop_front();
        drop((first, second, queue));
        in_part.await.unwrap_err();
        assert_eq!((in_hand.await, waiting.await), (Ok(Outcome::Untouched), Ok(Outcome::Untouched)));
    }
}
