//! Which of VRL's functions programs may call.
//!
//! Programs come with pipelines, and pipelines from whoever may write them: a program must not reach what its author
//! can't. So the functions for the network, the environment and the machine are left out when VRL is built.

use vrl::compiler::Function;

/// Functions whose answer follows from more than their arguments: the clock, chance, or the log that they write to.
/// (Log formats without a year take it from the clock.)
const IMPURE: [&str; 13] = [
    "log",
    "now",
    "parse_groks",
    "parse_klog",
    "parse_linux_authorization",
    "parse_syslog",
    "random_bool",
    "random_bytes",
    "random_float",
    "random_int",
    "unnest",
    "uuid_v4",
    "uuid_v7",
];

/// All of them. Those that reach the network, the environment or the machine are not compiled in at all.
pub(super) fn all() -> Vec<Box<dyn Function>> {
    vrl::stdlib::all()
}

/// Those whose answer follows from their arguments alone. (`unnest` reads more of the event than it names.)
pub(super) fn pure() -> Vec<Box<dyn Function>> {
    let mut functions = all();
    functions.retain(|function| !IMPURE.contains(&function.identifier()));
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_outside() {
        let names: Vec<_> = all().iter().map(|function| function.identifier()).collect();
        for name in IMPURE {
            assert!(names.contains(&name), "{name} is gone");
        }
        for name in ["dns_lookup", "reverse_dns", "http_request", "get_env_var", "get_hostname", "parse_proto"] {
            assert!(!names.contains(&name), "{name} must not be there");
        }
        assert!(names.contains(&"sha2") && names.contains(&"hmac"));
    }
}
