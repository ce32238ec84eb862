//! What becomes of a call when it was made, and of its webhook.

use std::time::Duration;

use logd_sdk::Time;
use logd_sdk::sender::{Answer, Outcome};

use super::meters;
use super::model::{Record, Stage, Webhook};
use super::pace::{LONGEST, is_over, wait};
use super::state::Draft;
use super::store::Write;

/// Why a webhook is disabled whose receiver is gone.
const GONE: &str = "its receiver has answered 410 (gone)";

/// Notes what became of a call; `None` where its content was lost. If its receiver has been `revived`, what waits for it
/// need not wait any longer.
pub(super) fn settle(draft: &mut Draft<'_>, id: &str, number: u64, outcome: Option<&Outcome>, revived: bool) {
    let Some(outcome) = outcome else {
        draft.give_up(id, number, meters::GIVEN_UP, "its content is lost from the store");
        return;
    };
    let now = draft.now;
    draft.change(id, number, |record| after(record, outcome, now));
    let answer = &outcome.answer;
    let stage = draft.state.webhooks.get(id).and_then(|entry| entry.call(number)).map(|record| record.stage);
    meters::called(name(answer, stage), outcome.took);
    if matches!(answer, Answer::Again { .. } | Answer::Refused { .. }) && stage == Some(Stage::Failed) {
        meters::dropped(meters::GIVEN_UP, 1);
    }
    judge(draft, id, answer);
    if revived {
        hurry(draft, id);
    }
}

/// What an answer says of the webhook as a whole.
pub(super) fn judge(draft: &mut Draft<'_>, id: &str, answer: &Answer) {
    let now = draft.now;
    let Some(mut webhook) = draft.state.webhooks.get(id).map(|entry| entry.webhook.clone()) else { return };
    match answer {
        Answer::Delivered { .. } => {
            if webhook.failing_since.take().is_some() {
                draft.put(Write::Webhook(Box::new(webhook)));
            }
        }
        Answer::Gone => disable(draft, webhook, GONE),
        Answer::Again { .. } | Answer::Refused { .. } => {
            let since = *webhook.failing_since.get_or_insert(now);
            if now.since(since) >= LONGEST {
                disable(draft, webhook, "no call of it has been taken for five days");
            } else if since == now {
                draft.put(Write::Webhook(Box::new(webhook)));
            }
        }
    }
}

/// The webhook is called no more, until its owner wants it.
fn disable(draft: &mut Draft<'_>, mut webhook: Webhook, reason: &str) {
    tracing::warn!(webhook = webhook.id, reason, "A webhook is disabled.");
    let id = webhook.id.clone();
    webhook.enabled = false;
    webhook.disabled_reason = Some(reason.to_owned());
    draft.put(Write::Webhook(Box::new(webhook)));
    draft.give_up_all(&id, meters::DISABLED, reason);
}

/// What failed before is due now.
pub(super) fn hurry(draft: &mut Draft<'_>, id: &str) {
    let now = draft.now;
    let waits = |record: &Record| record.stage == Stage::Waiting && record.due > now;
    let Some(entry) = draft.state.webhooks.get(id) else { return };
    let waiting: Vec<u64> = entry.queue.iter().filter(|(_, record)| waits(record)).map(|(number, _)| *number).collect();
    for number in waiting {
        draft.change(id, number, |record| record.due = now);
    }
}

/// A call after an attempt.
fn after(record: &mut Record, outcome: &Outcome, now: Time) {
    let (status, error, wish) = match &outcome.answer {
        Answer::Delivered { status } => (Some(*status), None, None),
        Answer::Again { status, after, reason } => (*status, Some(reason.clone()), *after),
        Answer::Refused { status, reason } => (*status, Some(reason.clone()), None),
        Answer::Gone => (Some(410), Some(GONE.to_owned()), None),
    };
    let given_up = record.stage.is_settled();
    record.attempts = record.attempts.saturating_add(1);
    (record.status, record.took) = (status, Some(outcome.took));
    record.stage = match &outcome.answer {
        Answer::Delivered { .. } => Stage::Delivered,
        Answer::Gone => Stage::Failed,
        // It was given up while it was made.
        _ if given_up => return,
        Answer::Refused { .. } if is_over(record.attempts, true, record.since, now) => Stage::Failed,
        Answer::Again { .. } if is_over(record.attempts, false, record.since, now) => Stage::Failed,
        _ => Stage::Waiting,
    };
    record.error = error;
    record.due = now.after(wait(record.attempts).max(wish.unwrap_or(Duration::ZERO)));
}

fn name(answer: &Answer, stage: Option<Stage>) -> &'static str {
    match (answer, stage) {
        (Answer::Delivered { .. }, _) => "delivered",
        (Answer::Gone, _) => "gone",
        (_, Some(Stage::Waiting)) => "retried",
        _ => "failed",
    }
}
