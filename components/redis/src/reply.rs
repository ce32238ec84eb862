//! What Redis says to a command: done, never, or not now.

use redis::{ServerError, Value};

/// What a reply means for what was sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is done.
    Done,
    /// It never will be: the key holds another type of data. The reason is Redis' own.
    Refused(String),
    /// It may be done another time: memory, a role, a permission or a cluster may change. The reason is Redis' own.
    Failed(String),
}

/// The verdict of replies to commands that belong together: that of the first error, if there is one.
pub(crate) fn verdict(replies: &[Value]) -> Verdict {
    let Some(error) = replies.iter().find_map(|reply| find(reply, &|_| true)) else { return Verdict::Done };
    let reason = format!("{} {}", error.code(), error.details().unwrap_or_default());
    if is_refusal(error) { Verdict::Refused(reason) } else { Verdict::Failed(reason) }
}

/// Whether one of the replies is an error that may pass.
pub(crate) fn has_failure(replies: &[Value]) -> bool {
    replies.iter().any(|reply| find(reply, &|error| !is_refusal(error)).is_some())
}

fn is_refusal(error: &ServerError) -> bool {
    error.code() == "WRONGTYPE"
}

/// The first error of this kind in a reply, which for a transaction is a list.
fn find<'r>(reply: &'r Value, kind: &dyn Fn(&ServerError) -> bool) -> Option<&'r ServerError> {
    match reply {
        Value::ServerError(error) => Some(error).filter(|error| kind(error)),
        Value::Array(replies) => replies.iter().find_map(|reply| find(reply, kind)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    fn replies(text: &str) -> Vec<Value> {
        text.split('|').map(|reply| parse_redis_value(reply.as_bytes()).expect("a reply")).collect()
    }

    #[test]
    fn only_another_type_of_data_is_refused() {
        assert_eq!(verdict(&replies("+OK\r\n|:1\r\n")), Verdict::Done);
        let refused = replies("+OK\r\n|+QUEUED\r\n|*2\r\n-WRONGTYPE wrong kind\r\n:1\r\n");
        assert_eq!(verdict(&refused), Verdict::Refused("WRONGTYPE wrong kind".to_owned()));
        assert!(!has_failure(&refused));
        for reason in ["OOM command not allowed", "READONLY You can't write", "NOPERM no", "ERR unknown", "MOVED 1 b:1"]
        {
            let failed = replies(&format!("-WRONGTYPE x\r\n|-{reason}\r\n"));
            assert_eq!(verdict(&failed[1..]), Verdict::Failed(reason.to_owned()));
            assert!(has_failure(&failed));
        }
    }
}
